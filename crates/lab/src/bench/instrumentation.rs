//! What it costs that runs are watched: by nobody, by metrics, by traces that are exported, by a history with full records.

use std::{
    hint::black_box,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use async_orchestrator::{
    AsyncOrchestrator, AsyncOrchestratorBuilder, Environment, History, OrchestrationInstrumentation, Role,
    RoleDefinition, SyncMode, otlp,
};
use async_orchestrator_core::{Event, Observer};
use async_orchestrator_resilience::TokioClock;

use super::{
    Figure, Sheet,
    council::{deliberate, orchestrator, repeat, wall},
    history::{kept_in, open},
    process::{Helper, cpu_ns, thread_ns},
    remembering::Remembering,
    rounds::{Contestant, cpu},
    upstream::COUNCIL,
    world,
};
use crate::child::Directory;

const CALLS: usize = 10;
/// How long each call of a paired council takes: short for a model, so that what is added shows.
const CALL: Duration = Duration::from_millis(100);
const WALL_PERCENT_MAX: f64 = 1.0;
const METRICS_US_MAX: f64 = 20.0;
const TRACES_US_MAX: f64 = 250.0;
const HISTORY_US_MAX: f64 = 1_000.0;
/// Councils of one batch.
const COUNCILS: usize = 40;
/// So often a council's events are counted again.
const COUNTED: usize = 2_000;
const FLUSH_MAX: Duration = Duration::from_secs(5);

/// Runs the part.
pub(super) async fn run(rounds: usize, sheet: &mut Sheet<'_>) -> Result<()> {
    let upstream = Helper::start("upstream", &[])?;
    let receiver = Helper::start("receiver", &[])?;
    let provider = world::provider(&upstream.address, COUNCIL)?;
    let directory = Directory::make("instrumentation").map_err(anyhow::Error::msg)?;
    let history = open(&directory.history(), SyncMode::Full)?;

    let at_once = Arc::new(Remembering::new(provider.clone(), Duration::ZERO));
    let collected = Arc::new(Collected::default());
    deliberate(&ten(&at_once).observer(collected.clone()).build()?, 0, None).await?;
    let calls = at_once.asked().len();
    ensure!(calls == CALLS, "the council made {calls} calls, not {CALLS}");

    counted(&collected, sheet)?;
    let readers = Readers { receiver, history };
    readers.spent(&at_once, rounds, sheet).await?;
    readers.paired(&Arc::new(Remembering::new(provider, CALL)), rounds, sheet).await
}

/// Where spans and records go.
struct Readers {
    receiver: Helper,
    history: Arc<History>,
}

/// A council of ten calls.
fn ten(provider: &Arc<Remembering>) -> AsyncOrchestratorBuilder {
    let seats = |role, count: usize| {
        (0..count).fold(RoleDefinition::new(role), |role, _| role.seat(["bench:council"]))
    };
    orchestrator(Arc::<Remembering>::clone(provider)).roles([
        seats(Role::Proposer, 3),
        seats(Role::Critic, 3),
        seats(Role::Synthesizer, 1),
        seats(Role::Implementer, 1),
        seats(Role::Validator, 1),
        seats(Role::Observer, 1),
    ])
}

#[derive(Default)]
struct Collected(Mutex<Vec<Event>>);

impl Observer for Collected {
    fn observe(&self, event: &Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
    }
}

fn metrics() -> Result<Arc<OrchestrationInstrumentation>> {
    Ok(Arc::new(OrchestrationInstrumentation::builder(Arc::new(TokioClock)).metrics().build()?))
}

/// Metrics, and spans that are sent to `receiver`.
fn everything(receiver: &Helper) -> Result<Arc<OrchestrationInstrumentation>> {
    let endpoint = format!("http://{}", receiver.address);
    let environment: Environment =
        [(String::from("OTEL_EXPORTER_OTLP_ENDPOINT"), endpoint)].into_iter().collect();
    let spans = otlp(&environment)?.context("no spans are sent")?;
    let builder = OrchestrationInstrumentation::builder(Arc::new(TokioClock)).metrics();
    Ok(Arc::new(builder.reader("otlp", spans).build()?))
}

/// The counting alone: the events of one council again and again.
fn counted(collected: &Collected, sheet: &mut Sheet<'_>) -> Result<()> {
    let events = collected.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let metrics = metrics()?;
    let before = cpu_ns("self")?;
    for _ in 0..COUNTED {
        for event in &events {
            metrics.observe(black_box(event));
        }
    }
    let each = cpu_ns("self")?.saturating_sub(before) as f64 / COUNTED as f64 / 1_000.0;
    let figure = Figure::new("instrumentation.metrics", each, "us").at_most(METRICS_US_MAX);
    sheet.add(
        figure.note(format!("CPU of counting the {} events of a council of {CALLS} calls", events.len())),
    );
    Ok(())
}

impl Readers {
    /// CPU time of all threads, in paired rounds over a provider that answers at once.
    async fn spent(&self, provider: &Arc<Remembering>, rounds: usize, sheet: &mut Sheet<'_>) -> Result<()> {
        let (counting, exporting) = (metrics()?, everything(&self.receiver)?);
        let silent = ten(provider).build()?;
        let counted = ten(provider).observer(counting).build()?;
        let traced = ten(provider).observer(exporting.clone()).build()?;
        let contestants = [
            Contestant::new("silent", |councils| Box::pin(repeat(&silent, councils))),
            Contestant::new("counted", |councils| Box::pin(repeat(&counted, councils))),
            Contestant::new("traced", |councils| {
                let (traced, exporting) = (&traced, &exporting);
                Box::pin(async move {
                    repeat(traced, councils).await?;
                    ensure!(exporting.flush(FLUSH_MAX), "spans were not sent");
                    Ok(())
                })
            }),
        ];
        let prices = cpu(&contestants, rounds, COUNCILS).await?;
        let silent = prices.us("silent");
        sheet.add(
            Figure::new("instrumentation.cpu.silent", silent, "us").note("a council that nobody watches"),
        );
        let counted = Figure::new("instrumentation.cpu.metrics", prices.us("counted") - silent, "us");
        sheet.add(counted.note("more CPU where metrics are counted, the making of the events included"));
        let traced = Figure::new("instrumentation.cpu.traces", prices.us("traced") - silent, "us");
        let lost: u64 = exporting.dropped().iter().map(|(_, lost)| lost).sum();
        ensure!(lost == 0, "{lost} events were not traced");
        let note = "more CPU of all threads where spans are exported too, to a receiver in another process";
        sheet.add(traced.at_most(TRACES_US_MAX).note(note));

        let recording = ten(provider).history(Arc::<History>::clone(&self.history)).build()?;
        let figure = Figure::new("instrumentation.cpu.history", of_writer(&recording, rounds).await?, "us");
        sheet.add(
            figure
                .at_most(HISTORY_US_MAX)
                .note("CPU of the history's own thread: full records, each commit synced"),
        );
        let journaling = kept_in(ten(provider), &self.history)?;
        let figure = Figure::new("instrumentation.cpu.journal", of_writer(&journaling, rounds).await?, "us");
        sheet.add(figure.note(
            "the same with a journal, whose every step is synced too: the disk's share of it is large",
        ));
        Ok(())
    }

    /// Wall time, in paired rounds over a provider that takes its time.
    async fn paired(&self, provider: &Arc<Remembering>, rounds: usize, sheet: &mut Sheet<'_>) -> Result<()> {
        let watched = || everything(&self.receiver).map(|watched| ten(provider).observer(watched));
        let contestants: [AsyncOrchestrator; 3] =
            [ten(provider).build()?, watched()?.build()?, kept_in(watched()?, &self.history)?];
        deliberate(&contestants[0], 0, None).await?;
        let [silent, watched, kept] = wall(&contestants, rounds * 2).await?;
        let note = format!("p50 of {} councils whose calls take {} ms each", rounds * 2, CALL.as_millis());
        sheet.add(Figure::new("instrumentation.wall.silent", silent, "ms").note(note));
        let percent = |with: f64| (with / silent - 1.0) * 100.0;
        let figure =
            Figure::new("instrumentation.wall.watched", percent(watched), "%").at_most(WALL_PERCENT_MAX);
        sheet.add(figure.note("more wall time with metrics and exported traces, paired"));
        let figure = Figure::new("instrumentation.wall.kept", percent(kept), "%").at_most(WALL_PERCENT_MAX);
        sheet.add(figure.note("with journal and history too, every step synced before the next is sent"));
        Ok(())
    }
}

/// The CPU time of the history's thread for a council, in microseconds.
async fn of_writer(orchestrator: &AsyncOrchestrator, rounds: usize) -> Result<f64> {
    let councils = COUNCILS * rounds;
    let before = thread_ns("history-writer")?;
    repeat(orchestrator, councils).await?;
    Ok(thread_ns("history-writer")?.saturating_sub(before) as f64 / councils as f64 / 1_000.0)
}

/// Holds so many councils, watched as `how` says, for a profiler or a counter of instructions: `silent`, `metrics`,
/// `traces`, `history` or `unsynced` (a history that does not wait for the disk).
pub(super) async fn watched(how: &str, councils: &str) -> Result<()> {
    let upstream = Helper::start("upstream", &[])?;
    let provider = Arc::new(Remembering::new(world::provider(&upstream.address, COUNCIL)?, Duration::ZERO));
    deliberate(&ten(&provider).build()?, 0, None).await?;
    let receiver = Helper::start("receiver", &[])?;
    let directory = Directory::make("watched").map_err(anyhow::Error::msg)?;
    let builder = match how {
        "metrics" => ten(&provider).observer(metrics()?),
        "traces" => ten(&provider).observer(everything(&receiver)?),
        "history" | "unsynced" => {
            let sync = if how == "history" { SyncMode::Full } else { SyncMode::Off };
            let kept = kept_in(ten(&provider), &open(&directory.history(), sync)?)?;
            return repeat(&kept, councils.parse()?).await;
        }
        "silent" => ten(&provider),
        other => anyhow::bail!("`{other}`: silent, metrics, traces, history or unsynced is expected"),
    };
    repeat(&builder.build()?, councils.parse()?).await
}
