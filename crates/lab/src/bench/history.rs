//! What it costs to journal and to keep runs, how fast a history of a hundred thousand is read, and how fast runs are decided again.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use async_orchestrator::{
    AsyncOrchestrator, AsyncOrchestratorBuilder, Filter, History, HistoryOptions, Journal, JournalBody,
    JournalEntry, Replayer, RunId, RunSetup, SearchOrder, StatsFilter, SyncMode, VerifyScope,
};
use async_orchestrator_core::{Clock, SealedEntry, content_hash};
use async_orchestrator_prompts::CollaborativePromptLibrary;
use async_orchestrator_resilience::TokioClock;
use tokio::task::JoinSet;

use super::{
    Figure, Sheet,
    council::{deliberate, orchestrator, wall},
    pattern::Pattern,
    process::Helper,
    remembering::Remembering,
    rounds::{median, ms_since},
    upstream::COUNCIL,
    world,
};
use crate::child::Directory;

/// Added to a council's wall time by its journal and history, beyond the disk's syncs.
const ADDED_MS_MAX: f64 = 1.0;
/// Journal entries a second, each durable before the next of its run.
const STEPS_MIN: f64 = 2_000.0;
const READ_MS_MAX: f64 = 200.0;
const REPLAYED: usize = 1_000;
const REPLAYED_AT_ONCE: usize = 8;
const REPLAYS_MIN: f64 = 2_000.0;

/// Runs the part.
pub(super) async fn run(rounds: usize, kept: usize, sheet: &mut Sheet<'_>) -> Result<()> {
    let upstream = Helper::start("upstream", &[])?;
    let provider = world::provider(&upstream.address, COUNCIL)?;
    let directory = Directory::make("bench").map_err(anyhow::Error::msg)?;
    let beside = |name: &str| directory.history().with_file_name(name);
    let remembering = Arc::new(Remembering::new(provider, Duration::ZERO));
    let plain = orchestrator(remembering.clone()).build()?;
    deliberate(&plain, 0, None).await?;
    added(&remembering, &beside, rounds, sheet).await?;
    steps(&beside("steps.db"), sheet).await?;
    let pattern = pattern(&remembering, &beside("pattern.db")).await?;
    replays(&beside("replays.db"), sheet).await?;
    big(&pattern, &beside("big.db"), kept, sheet).await
}

pub(super) fn open(path: &Path, sync: SyncMode) -> Result<Arc<History>> {
    let options = HistoryOptions { sync, ..HistoryOptions::default() };
    Ok(Arc::new(History::open(path, options)?))
}

/// Councils over `builder` that journal into `history` and are kept there.
pub(super) fn kept_in(
    builder: AsyncOrchestratorBuilder,
    history: &Arc<History>,
) -> Result<AsyncOrchestrator> {
    Ok(builder.journal(Arc::<History>::clone(history)).history(Arc::<History>::clone(history)).build()?)
}

/// Paired councils in this process: without a journal, with one whose file does not wait for the disk, with one that does.
async fn added(
    remembering: &Arc<Remembering>,
    beside: &dyn Fn(&str) -> PathBuf,
    rounds: usize,
    sheet: &mut Sheet<'_>,
) -> Result<()> {
    let over = || orchestrator(Arc::<Remembering>::clone(remembering));
    let (off, full) = (open(&beside("off.db"), SyncMode::Off)?, open(&beside("full.db"), SyncMode::Full)?);
    let contestants = [over().build()?, kept_in(over(), &off)?, kept_in(over(), &full)?];
    let [plain, off, full] = wall(&contestants, rounds * 20).await?;
    let sync = sync_ms(&beside("sync"))?;
    sheet.add(
        Figure::new("history.council.plain", plain, "ms").note("p50 wall time in this process, nothing kept"),
    );
    let added = Figure::new("history.council.added", off - plain, "ms").at_most(ADDED_MS_MAX);
    sheet.add(added.note("journal and history, the disk not waited for"));
    sheet.add(Figure::new("history.council.added_full", full - plain, "ms").note("with every sync"));
    sheet.add(Figure::new("history.disk.sync", sync, "ms").note("p50 of one fdatasync after 4 KiB"));
    Ok(())
}

/// How long the disk takes to sync, without SQLite.
fn sync_ms(path: &Path) -> Result<f64> {
    let mut file = File::create(path)?;
    let mut times = Vec::new();
    for _ in 0..100 {
        file.write_all(&[7; 4_096])?;
        let started = TokioClock.now();
        file.sync_data()?;
        times.push(ms_since(started));
    }
    Ok(median(times))
}

/// Entries a second of 64 runs at once, each waiting for its own.
async fn steps(path: &Path, sheet: &mut Sheet<'_>) -> Result<()> {
    const RUNS: usize = 64;
    const STEPS: u64 = 60;
    let history = open(path, SyncMode::Full)?;
    let started = TokioClock.now();
    let mut runs = JoinSet::new();
    for number in 0..RUNS {
        let history = Arc::clone(&history);
        runs.spawn(async move {
            let run = RunId::new(format!("steps-{number}"));
            let mut previous = content_hash(run.as_str().as_bytes());
            for index in 0..STEPS {
                let body = step(index, number);
                let entry = JournalEntry { index, previous: previous.clone(), at_ms: index, body };
                let sealed = SealedEntry::seal(entry)?;
                sealed.hash().clone_into(&mut previous);
                history.append(&run, Arc::new(sealed)).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(run) = runs.join_next().await {
        run??;
    }
    let rate = (RUNS as u64 * STEPS) as f64 / (ms_since(started) / 1_000.0);
    let figure = Figure::new("history.step", 1e6 / rate, "us").at_most(1e6 / STEPS_MIN);
    let note = format!(
        "{rate:.0} entries a second: {RUNS} runs at once, each entry synced before the next of its run"
    );
    sheet.add(figure.note(note));
    Ok(())
}

fn step(index: u64, number: usize) -> JournalBody {
    if index == 0 {
        return JournalBody::Opened {
            request: async_orchestrator::TriageRequest::new(format!("Question {number}")),
            wall_ms: 1,
            seed: 7,
            setup: String::new(),
        };
    }
    // As long as a reply of some hundred words.
    JournalBody::Revealed { commits: vec!["x".repeat(1_800)] }
}

/// A council that was really held, to make others after.
async fn pattern(remembering: &Arc<Remembering>, path: &Path) -> Result<Pattern> {
    let history = open(path, SyncMode::Off)?;
    let builder = orchestrator(Arc::<Remembering>::clone(remembering));
    deliberate(&kept_in(builder, &history)?, 1, None).await?;
    Pattern::of(&history).await
}

/// Councils that were really held, decided again from the file.
async fn replays(path: &Path, sheet: &mut Sheet<'_>) -> Result<()> {
    let history = open(path, SyncMode::Off)?;
    let upstream = Helper::start("upstream", &[])?;
    let provider = world::provider(&upstream.address, COUNCIL)?;
    let asked = kept_in(orchestrator(provider), &history)?;
    for number in 0..REPLAYED {
        deliberate(&asked, number, None).await?;
    }
    let rows = history.list(Filter::default()).await?;
    ensure!(rows.len() == REPLAYED, "{} of {REPLAYED} councils were kept", rows.len());
    let setup = setup_of(&history).await?;
    let replayer = Replayer::new(&setup, CollaborativePromptLibrary::built_in()?)?;
    let started = TokioClock.now();
    let mut alike = 0;
    // As `replay --all` does: read one after the other, decided on every processor, some at a time so that threads are woken seldom.
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut deciding = JoinSet::new();
    for rows in rows.chunks(REPLAYED_AT_ONCE) {
        let mut runs = Vec::with_capacity(rows.len());
        for row in rows {
            runs.push((row.run.clone(), row.decision_hash.clone(), history.entries(&row.run).await?));
        }
        if deciding.len() >= threads
            && let Some(same) = deciding.join_next().await
        {
            alike += same?;
        }
        let replayer = replayer.clone();
        deciding.spawn_blocking(move || {
            let is_same = |(run, hash, entries): (_, Option<String>, _)| {
                replayer.replay(&run, entries).is_ok_and(|again| Some(again.log.decision_hash) == hash)
            };
            runs.into_iter().map(is_same).filter(|same| *same).count()
        });
    }
    while let Some(same) = deciding.join_next().await {
        alike += same?;
    }
    let rate = REPLAYED as f64 / (ms_since(started) / 1_000.0);
    ensure!(alike == REPLAYED, "{alike} of {REPLAYED} councils were decided the same again");
    let note = format!(
        "{rate:.0} a second: {REPLAYED} councils read from the file and decided again, all hashes the same"
    );
    sheet.add(Figure::new("history.replay", 1e6 / rate, "us").at_most(1e6 / REPLAYS_MIN).note(note));
    Ok(())
}

/// Decides `times` councils again, one after the other, for a profiler.
pub(super) async fn repeat(times: &str) -> Result<()> {
    let upstream = Helper::start("upstream", &[])?;
    let provider = world::provider(&upstream.address, COUNCIL)?;
    let directory = Directory::make("replays").map_err(anyhow::Error::msg)?;
    let history = open(&directory.history(), SyncMode::Off)?;
    deliberate(&kept_in(orchestrator(provider), &history)?, 1, None).await?;
    let rows = history.list(Filter::default()).await?;
    let run = &rows.first().context("nothing was kept")?.run;
    let replayer = Replayer::new(&setup_of(&history).await?, CollaborativePromptLibrary::built_in()?)?;
    for _ in 0..times.parse::<usize>()? {
        replayer.replay(run, history.entries(run).await?)?;
    }
    Ok(())
}

/// The setup of the last run of `history`.
async fn setup_of(history: &History) -> Result<RunSetup> {
    let rows = history.list(Filter { limit: 1, ..Filter::default() }).await?;
    let entries = history.entries(&rows.first().context("nothing is kept")?.run).await?;
    let Some(JournalBody::Opened { setup, .. }) = entries.first().map(SealedEntry::body) else {
        anyhow::bail!("the journal has no beginning");
    };
    history.setup(setup).await?.context("the setup is not kept")
}

/// Fills `path` with so many deliberations.
pub(super) async fn fill(path: &str, count: &str) -> Result<()> {
    let upstream = Helper::start("upstream", &[])?;
    let provider = world::provider(&upstream.address, COUNCIL)?;
    let remembering = Arc::new(Remembering::new(provider, Duration::ZERO));
    deliberate(&orchestrator(remembering.clone()).build()?, 0, None).await?;
    let directory = Directory::make("fill").map_err(anyhow::Error::msg)?;
    let pattern = pattern(&remembering, &directory.history()).await?;
    pattern.fill(&*open(Path::new(path), SyncMode::Off)?, count.parse()?).await.map(drop)
}

/// So many deliberations, listed, searched and counted.
async fn big(pattern: &Pattern, path: &Path, kept: usize, sheet: &mut Sheet<'_>) -> Result<()> {
    let history = open(path, SyncMode::Off)?;
    let each = pattern.fill(&history, kept).await?;
    sheet.add(
        Figure::new("history.kept", each, "ms")
            .note(format!("a deliberation of {kept}, journal and record, written by one thread")),
    );
    drop(history);
    let bytes = std::fs::metadata(path)?.len();
    let size = Figure::new("history.size", bytes as f64 / f64::from(1 << 20), "MiB");
    sheet.add(size.note(format!("{} bytes a deliberation", bytes / kept as u64)));
    let read = |name: &str, ms: f64, note: String| {
        Figure::new(format!("history.read.{name}"), ms, "ms").at_most(READ_MS_MAX).note(note)
    };
    let started = TokioClock.now();
    let history = open(path, SyncMode::Full)?;
    sheet.add(Figure::new("history.open", ms_since(started), "ms"));
    let started = TokioClock.now();
    let rows = history.list(Filter { limit: 20, ..Filter::default() }).await?;
    sheet.add(read("list", ms_since(started), format!("the newest {}", rows.len())));
    let started = TokioClock.now();
    let filter = Filter {
        domain: Some("research".into()),
        since_ms: Some(1_760_000_000_000),
        limit: 20,
        ..Filter::default()
    };
    let rows = history.list(filter).await?;
    sheet.add(read("list_filtered", ms_since(started), format!("{} of one field since a day", rows.len())));
    let rare = format!("number{}", kept * 7 / 9);
    for (name, words, order) in [
        ("search_rare", rare.as_str(), SearchOrder::Relevance),
        ("search_two", "lantern orchard", SearchOrder::Relevance),
        ("search_common", "architecture", SearchOrder::Relevance),
        ("search_newest", "architecture", SearchOrder::Newest),
    ] {
        let started = TokioClock.now();
        let rows = history.search(words, order, 20).await?;
        ensure!(!rows.is_empty(), "nothing was found for `{words}`");
        sheet.add(read(name, ms_since(started), format!("`{words}`, {} shown", rows.len())));
    }
    let started = TokioClock.now();
    let stats = history.stats(StatsFilter::default()).await?;
    ensure!(stats.total.runs == kept as u64, "{} runs were counted", stats.total.runs);
    sheet.add(read(
        "stats",
        ms_since(started),
        format!("{} days, {} fields", stats.by_day.len(), stats.by_domain.len()),
    ));
    let started = TokioClock.now();
    let found = history.verify(VerifyScope::default()).await?;
    ensure!(found.flaws.is_empty(), "{:?}", found.flaws);
    let note = format!("{} records with their journals", found.records);
    sheet.add(Figure::new("history.verify", ms_since(started) / 1_000.0, "s").note(note));
    Ok(())
}
