//! A thousand runs are killed in the middle with `kill -9`, at moments drawn by lot, and taken up again: what their journals held is not asked
//! again, the decision is that of a run that was never disturbed, and nothing is left over.
//!
//! The runs share one history file, four at a time, each in a process of its own; some are killed again while they are taken up. What was
//! sent is read from the server, what was journaled from the file as it stood at the kill.

mod gated;
mod lane;

use async_orchestrator::{Filter, History, HistoryOptions, Journal, RunState, VerifyScope};
use async_orchestrator_core::Clock;
use async_orchestrator_resilience::TokioClock;
use futures_util::future::try_join_all;

use super::{Measured, report::Findings};
use crate::child::Directory;

use lane::{Lane, Tally};

/// How many runs are killed.
const KILLED: usize = 1_000;
/// How many are under way at once.
const LANES: usize = 4;

pub(super) async fn run(seed: u64) -> Measured {
    let directory = Directory::make("killing")?;
    let path = directory.history();
    let history = History::open(&path, HistoryOptions::default()).map_err(|error| error.to_string())?;
    let started = TokioClock.now();
    let lanes = (0..LANES).map(|lane| Lane::run(seed, lane, KILLED / LANES, &path, &history));
    let tallies = try_join_all(lanes).await?;
    let mut all = Tally::default();
    for tally in &tallies {
        all.add(tally);
    }
    let mut findings = Findings::default();
    judge(&all, &mut findings);
    leftovers(&history, &all, &mut findings).await?;
    findings.noted("time in all", format!("{:.0} s", (TokioClock.now() - started).as_secs_f64()));
    findings.log = all.log;
    Ok(findings)
}

fn judge(all: &Tally, findings: &mut Findings) {
    findings.exactly("runs killed in the middle and taken up again", all.killed, KILLED as u64);
    findings.noted("killed before their first entry was on the disk, so unknown to anybody", all.unknown);
    findings.noted("killed again while they were taken up", all.again);
    findings.noted("calls that the journals held at the kill", all.journaled);
    findings.exactly("of these sent again", all.paid_again, 0);
    findings.noted("calls answered but not yet journaled at the kill, listed in the log", all.answered);
    findings.noted("calls under way at the kill", all.under_way);
    findings.noted("calls sent after the kill", all.sent_after);
    findings.exactly(
        "decisions other than those of undisturbed runs with the same replies",
        all.differing,
        0,
    );
    findings.exactly("decisions compared", all.compared, KILLED as u64);
}

async fn leftovers(history: &History, all: &Tally, findings: &mut Findings) -> Result<(), String> {
    let verified = history.verify(VerifyScope::default()).await.map_err(|error| error.to_string())?;
    findings.must(
        "flaws in the chain, journals, lines and rows",
        format!("{:?}", verified.flaws),
        "none",
        verified.flaws.is_empty(),
    );
    findings.exactly("records in the chain", verified.records, all.killed + all.finished_before);
    let unfinished = history.unfinished().await.map_err(|error| error.to_string())?;
    findings.exactly("runs that have not ended", unfinished.len() as u64, 0);
    let rows = history.list(Filter::default()).await.map_err(|error| error.to_string())?;
    let done = rows.iter().filter(|row| row.state == RunState::Done).count();
    findings.exactly("runs without an answer", (rows.len() - done) as u64, 0);
    Ok(())
}
