//! `resume`: goes on with runs whose process ended in the middle; what their journals hold is not asked again.

use std::{mem::ManuallyDrop, pin::pin, sync::Arc};

use async_orchestrator::{
    AsyncOrchestrator, FileState, History, HistorySettings, Journal, JournalBody, Orchestrated, ResumeUse,
    RunId, SealedEntry, Settings, SharedState as _, Unended, Unfinished,
};

use super::{columns, stop::Stop, words::count};
use crate::{
    args::{Global, Resume},
    exit::{Exit, Failure},
    kept, output,
    sanitize::one_line,
    settings::load,
    state,
    view::{View, report},
};

/// So many interrupted runs are finished on the way to another question; the others wait for `resume --all`.
const BESIDE_MAX: usize = 4;
/// Runs that were interrupted longer ago than this are not finished unasked: nobody waits for them any more.
const BESIDE_AGE_MS: u64 = 24 * 3_600_000;

pub(crate) async fn run(global: &Global, resume: &Resume) -> Result<(), Failure> {
    let settings = load(global)?.settings;
    let store = kept::need(&settings)?;
    let unfinished = store.unfinished().await.map_err(|error| kept::failed(&error))?;
    if resume.list {
        return list(&unfinished);
    }
    let runs = chosen(&store, resume, &unfinished).await?;
    let state = state::open(&settings).unwrap_or_else(|why| {
        output::note(&format!("note: {why}; this goes on without what earlier runs found"));
        None
    });
    let mut failures = Vec::new();
    for run in &runs {
        let mut stop = Stop::new()
            .map_err(|error| Failure::new(Exit::Failed, format!("signals cannot be received: {error}")))?;
        let view = View::new(resume.quiet);
        let finished = tokio::select! {
            biased;
            () = stop.asked() => return Err(Failure::interrupted()),
            finished = Box::pin(finish(&settings, &store, state.as_ref(), run, Some(view))) => finished,
        };
        match finished {
            Ok(result) => print(&result, resume)?,
            Err(failure) if runs.len() > 1 => {
                output::note(&format!("run {run}: {}", failure.message()));
                failures.push(failure);
            }
            Err(failure) => return Err(failure),
        }
    }
    if let Some(state) = &state {
        let _ = state.flush().await;
    }
    match failures.into_iter().next() {
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}

async fn chosen(store: &History, resume: &Resume, unfinished: &[Unfinished]) -> Result<Vec<RunId>, Failure> {
    let interrupted = || unfinished.iter().filter(|run| run.state == Unended::Interrupted);
    if let Some(run) = &resume.run {
        return Ok(vec![kept::find(store, run).await?.run]);
    }
    let runs: Vec<RunId> = if resume.all {
        interrupted().map(|run| run.run.clone()).collect()
    } else {
        interrupted().next_back().map(|run| run.run.clone()).into_iter().collect()
    };
    if runs.is_empty() {
        output::note("no run was interrupted; `orchestrator resume --list` shows what has not ended");
    }
    Ok(runs)
}

fn list(unfinished: &[Unfinished]) -> Result<(), Failure> {
    if unfinished.is_empty() {
        output::note("every run has ended");
    }
    let cells: Vec<[String; 5]> = unfinished
        .iter()
        .map(|run| {
            let state = match run.state {
                Unended::Running => "running",
                Unended::Interrupted => "interrupted",
                Unended::Left => "left by its caller",
            };
            let question = columns::short(&one_line(&run.question));
            let calls = format!("{} finished", count(run.calls, "call"));
            [run.run.to_string(), kept::moment(run.began_ms), state.to_owned(), calls, question]
        })
        .collect();
    columns::columns(&cells).iter().try_for_each(|line| output::line(line))
}

fn print(result: &Orchestrated, resume: &Resume) -> Result<(), Failure> {
    if resume.json {
        return output::json(result.record());
    }
    output::answer(&result.aggregated.to_string())?;
    if !resume.quiet {
        output::note(&report::summary(result));
    }
    Ok(())
}

/// Goes on with `run`, with a council made as it was then.
async fn finish(
    settings: &Settings,
    store: &Arc<History>,
    state: Option<&Arc<FileState>>,
    run: &RunId,
    view: Option<View>,
) -> Result<Orchestrated, Failure> {
    let entries = store.entries(run).await.map_err(|error| kept::failed(&error))?;
    let mut builder = AsyncOrchestrator::builder().settings(settings.clone());
    if let Some(JournalBody::Opened { setup, .. }) = entries.first().map(SealedEntry::body)
        && let Some(setup) = store.setup(setup).await.map_err(|error| kept::failed(&error))?
    {
        builder = builder.made_as(&setup)?;
    }
    builder = builder.journal(Arc::<History>::clone(store)).history(Arc::<History>::clone(store));
    if let Some(view) = &view {
        builder = builder.observer(view.observer());
    }
    if let Some(state) = state {
        builder = builder.shared_state(Arc::<FileState>::clone(state));
    }
    let outcome = builder.build()?.resume(run).await?.outcome().await;
    if let Some(mut view) = view {
        view.close();
    }
    Ok(outcome?)
}

/// Finishes what was interrupted before, when another question was answered, and says so on stderr: it costs money. Nothing of it can fail the
/// question. When it is `stopped`, the run stays as it was found.
pub(crate) async fn beside(
    settings: &Settings,
    store: &Arc<History>,
    state: Option<&Arc<FileState>>,
    quiet: bool,
    stopped: impl Future<Output = ()>,
) {
    let HistorySettings { resume: ResumeUse::Auto, .. } = settings.history else { return };
    let Ok(unfinished) = store.unfinished().await else { return };
    let oldest = kept::now_ms().saturating_sub(BESIDE_AGE_MS);
    let due = unfinished.iter().filter(|run| run.state == Unended::Interrupted && run.began_ms >= oldest);
    let mut stopped = pin!(stopped);
    for run in due.take(BESIDE_MAX) {
        let id = &run.run;
        output::note(&format!(
            "note: run {id} was interrupted and is being finished ({} paid already)",
            count(run.calls, "call")
        ));
        // Dropped, it would count as given up by its caller. This one never gave it up, so the process ends with it in hand: then it is
        // interrupted once more.
        let mut work = ManuallyDrop::new(Box::pin(finish(settings, store, state, id, None)));
        let finished = tokio::select! {
            biased;
            () = &mut stopped => {
                output::note(&format!("note: run {id} stays interrupted: `orchestrator resume {id}`"));
                return;
            }
            finished = work.as_mut() => finished,
        };
        drop(ManuallyDrop::into_inner(work));
        match finished {
            Ok(result) => match &result.record().log.unrecorded {
                Some(why) => {
                    output::note(&format!("note: run {id} was finished and could not be kept: {why}"));
                }
                None if quiet => {}
                None => output::note(&format!("note: run {id} is finished: `orchestrator show {id}`")),
            },
            Err(failure) => output::note(&format!("note: run {id} is not finished: {}", failure.message())),
        }
    }
    if let Some(state) = state {
        let _ = state.flush().await;
    }
}
