//! `watch`: follows a run of another process by its journal, entry by entry.

use std::time::Duration;

use async_orchestrator::{
    Clock, History, HistoryStore as _, Journal, JournalBody, JournalEntry, RunId, TokioClock, Unended,
};

use super::stop::Stop;
use crate::{
    args::{Global, Watch},
    exit::{Exit, Failure},
    kept, output,
    sanitize::one_line,
    settings::load,
    view::report,
};

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(150);

pub(crate) async fn run(global: &Global, watch: &Watch) -> Result<(), Failure> {
    let store = kept::need(&load(global)?.settings)?;
    let run = chosen(&store, watch).await?;
    let mut stop = Stop::new()
        .map_err(|error| Failure::new(Exit::Failed, format!("signals cannot be received: {error}")))?;
    tokio::select! {
        biased;
        () = stop.asked() => Err(Failure::interrupted()),
        outcome = Box::pin(follow(&store, &run, watch)) => outcome,
    }
}

async fn chosen(store: &History, watch: &Watch) -> Result<RunId, Failure> {
    if let Some(run) = &watch.run {
        return Ok(kept::find(store, run).await?.run);
    }
    let unfinished = store.unfinished().await.map_err(|error| kept::failed(&error))?;
    let running = unfinished.iter().rev().find(|run| run.state == Unended::Running);
    running.map(|run| run.run.clone()).ok_or_else(|| {
        Failure::new(Exit::Usage, "nothing is running; `orchestrator history list` shows what has ended")
    })
}

async fn follow(store: &History, run: &RunId, watch: &Watch) -> Result<(), Failure> {
    let mut seen = 0;
    let mut silent = Duration::ZERO;
    loop {
        let entries = store.entries(run).await.map_err(|error| kept::failed(&error))?;
        for entry in entries.iter().skip(seen) {
            let line = if watch.jsonl { entry.json().to_owned() } else { told(entry.entry()) };
            output::line(&line)?;
            match entry.body() {
                JournalBody::Closed { .. } => return tell_decision(store, run).await,
                JournalBody::Failed { .. } => return Ok(()),
                _ => silent = Duration::ZERO,
            }
        }
        seen = seen.max(entries.len());
        let unfinished = store.unfinished().await.map_err(|error| kept::failed(&error))?;
        match unfinished.iter().find(|other| other.run == *run).map(|run| run.state) {
            Some(Unended::Running) => {}
            // Its last entries may have come in between the two looks.
            None if seen > 0 && store.entries(run).await.is_ok_and(|entries| entries.len() > seen) => {
                continue;
            }
            None => {
                output::note(&format!("run {run} has ended: `orchestrator show {run}`"));
                return Ok(());
            }
            Some(Unended::Interrupted | Unended::Left) => {
                let why = format!(
                    "run {run} is not being run any more: `orchestrator resume {run}` goes on with it"
                );
                return Err(Failure::new(Exit::Failed, why));
            }
        }
        if watch.idle.is_some_and(|idle| silent >= idle) {
            return Err(Failure::new(
                Exit::Timeout,
                format!("run {run} did nothing for {} s", silent.as_secs()),
            ));
        }
        TokioClock.sleep(LOOK_EVERY).await;
        silent += LOOK_EVERY;
    }
}

/// How long the record of a run may come after the end of its journal.
const RECORD_LATE_MAX: Duration = Duration::from_secs(3);

/// Says how the decision fell, once its record is kept.
async fn tell_decision(store: &History, run: &RunId) -> Result<(), Failure> {
    let mut waited = Duration::ZERO;
    let mut record = None;
    while record.is_none() && waited < RECORD_LATE_MAX {
        record = store.record(run).await.map_err(|error| kept::failed(&error))?;
        if record.is_none() {
            TokioClock.sleep(LOOK_EVERY).await;
            waited += LOOK_EVERY;
        }
    }
    let Some(record) = record else {
        output::note(&format!("run {run} has ended, and its record is not kept"));
        return Ok(());
    };
    output::note(&report::summary(&async_orchestrator::Orchestrated::from(record)));
    output::note(&format!("`orchestrator show {run}` has the answer, `--why` its story"));
    Ok(())
}

fn told(entry: &JournalEntry) -> String {
    let what = match &entry.body {
        JournalBody::Opened { request, .. } => format!("asked: {}", one_line(&request.query)),
        JournalBody::Triaged { decision } => {
            format!("{}, complexity {:.2}", decision.mode, decision.complexity)
        }
        JournalBody::Arrived { call, outcome, .. } => match &**outcome {
            async_orchestrator::RoleOutcome::Answered(completion) => {
                format!("{call} by {}: {} tokens", completion.answered_by, completion.usage.output_tokens)
            }
            async_orchestrator::RoleOutcome::Judged(verdict) => format!("{call} by {}", verdict.answered_by),
            async_orchestrator::RoleOutcome::Failed(failure) => {
                format!("{call} came to nothing ({}): {}", failure.cause, one_line(&failure.why))
            }
        },
        JournalBody::Checked { outcomes } => format!("{} executable checks", outcomes.len()),
        JournalBody::Revealed { commits } => format!("{} proposals are fixed and open", commits.len()),
        JournalBody::Closed { decision_hash } => format!("decided: {decision_hash}"),
        JournalBody::Failed { why } => format!("ended without an answer: {}", one_line(why)),
        other => format!("{other:?}"),
    };
    format!("{:>7.1}s {what}", entry.at_ms as f64 / 1_000.0)
}
