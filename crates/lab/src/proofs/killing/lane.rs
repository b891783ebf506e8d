//! One after the other: begin a run in a process, kill it, read what was journaled and what was sent, take it up again, compare.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use async_orchestrator::{Filter, History, Journal, JournalBody, RunId, RunState, SealedEntry};
use async_orchestrator_core::Clock;
use async_orchestrator_resilience::TokioClock;
use async_orchestrator_simulator::{Distribution, Latency, Persona, Simulator, SimulatorHandle};
use futures_util::future::{Either, select};

use super::gated;
use crate::{
    child::{self, Started, model_of},
    proofs::dice::Dice,
};

/// Between these a call of the server takes, in milliseconds.
const CALL_MS: (f64, f64) = (20.0, 200.0);
/// A run takes about this long undisturbed; kills are drawn from it and a little beyond.
const RUN_MS: u64 = 900;
/// How many in a hundred are killed again while they are taken up.
const AGAIN_PERCENT: u64 = 20;

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) killed: u64,
    pub(super) unknown: u64,
    pub(super) finished_before: u64,
    pub(super) again: u64,
    pub(super) journaled: u64,
    pub(super) paid_again: u64,
    pub(super) answered: u64,
    pub(super) under_way: u64,
    pub(super) sent_after: u64,
    pub(super) differing: u64,
    pub(super) compared: u64,
    pub(super) log: String,
}

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        self.killed += other.killed;
        self.unknown += other.unknown;
        self.finished_before += other.finished_before;
        self.again += other.again;
        self.journaled += other.journaled;
        self.paid_again += other.paid_again;
        self.answered += other.answered;
        self.under_way += other.under_way;
        self.sent_after += other.sent_after;
        self.differing += other.differing;
        self.compared += other.compared;
        self.log.push_str(&other.log);
    }
}

/// One sequence of runs, with a server of its own.
pub(super) struct Lane<'a> {
    server: SimulatorHandle,
    history: &'a History,
    path: PathBuf,
    dice: Dice,
    tally: Tally,
}

/// How a process ended.
enum Ended {
    Killed,
    /// It was faster.
    Finished,
}

impl<'a> Lane<'a> {
    pub(super) async fn run(
        seed: u64,
        number: usize,
        killed: usize,
        path: &Path,
        history: &'a History,
    ) -> Result<Tally, String> {
        let latency = Latency {
            total: Some(Distribution::uniform_ms(CALL_MS.0, CALL_MS.1).map_err(|error| error.to_string())?),
            ..Latency::default()
        };
        let server =
            Simulator::builder().seed(seed).other_models(Persona::new().latency(latency)).start().await;
        let mut lane = Self {
            server: server.map_err(|error| error.to_string())?,
            history,
            path: path.to_owned(),
            dice: Dice::new(seed, &format!("killing {number}")),
            tally: Tally::default(),
        };
        let mut question = 0;
        while lane.tally.killed < killed as u64 {
            question += 1;
            lane.one(&format!("Design the archive of lane {number}, volume {question}.")).await?;
        }
        Ok(lane.tally)
    }

    async fn one(&mut self, question: &str) -> Result<(), String> {
        self.server.reset();
        let moment = Duration::from_millis(self.dice.below(RUN_MS));
        let ended = self.kill_after("ask", question, moment).await?;
        let row = self.row(question).await?;
        let Some((run, state)) = row else {
            self.tally.unknown += 1;
            return Ok(());
        };
        if matches!(ended, Ended::Finished) || state == RunState::Done {
            self.tally.finished_before += 1;
            return Ok(());
        }
        let held = self.entries(&run).await?;
        self.note(&run, &held).await;
        let mut kills = vec![Kill { sent: self.server.requests().len(), held }];
        while self.dice.below(100) < AGAIN_PERCENT {
            let moment = Duration::from_millis(self.dice.below(RUN_MS));
            if matches!(self.kill_after("resume", run.as_str(), moment).await?, Ended::Finished) {
                break;
            }
            self.tally.again += 1;
            // What was journaled meanwhile must not be paid again either.
            self.idle().await;
            kills.push(Kill { sent: self.server.requests().len(), held: self.entries(&run).await? });
            // It may have been killed on its way out, when the run had ended: nobody can go on with that.
            if self.row(question).await?.is_some_and(|(_, state)| state == RunState::Done) {
                break;
            }
        }
        self.finish(&run, &kills, question).await
    }

    /// Takes the run up for good, and judges it.
    async fn finish(&mut self, run: &RunId, kills: &[Kill], question: &str) -> Result<(), String> {
        let sent_before = self.server.requests().len();
        if self.row(question).await?.is_none_or(|(_, state)| state != RunState::Done) {
            let child = self.start("resume", run.as_str())?;
            child.ended().await.map_err(|why| format!("run {run} was not taken up: {why}"))?;
        }
        let sent = self.server.requests();
        self.tally.sent_after += (sent.len() - sent_before) as u64;
        self.tally.killed += 1;
        let sent: Vec<&[u8]> = sent.iter().map(|request| request.body.as_ref()).collect();
        self.tally.paid_again += kills.iter().map(|kill| kill.paid_again(&sent)).sum::<u64>();
        let entries = self.entries(run).await?;
        let Some(JournalBody::Opened { setup, .. }) = entries.first().map(SealedEntry::body) else {
            return Err(format!("run {run} has no journal"));
        };
        let setup = self.history.setup(setup).await.map_err(|error| error.to_string())?;
        let undisturbed = gated::decide(&setup.ok_or("no setup")?, &entries).await?;
        let Some(JournalBody::Closed { decision_hash }) = entries.last().map(SealedEntry::body) else {
            return Err(format!("run {run} was not closed"));
        };
        self.tally.compared += 1;
        self.tally.differing += u64::from(undisturbed != *decision_hash);
        Ok(())
    }

    /// Notes what had been sent, answered and journaled when the process was killed.
    async fn note(&mut self, run: &RunId, held: &[SealedEntry]) {
        self.idle().await;
        let stats = self.server.stats();
        let journaled = calls_of(held).values().sum::<u64>();
        self.tally.journaled += journaled;
        self.tally.under_way += stats.calls_started - stats.calls_finished;
        let answered = stats.calls_finished.saturating_sub(journaled);
        self.tally.answered += answered;
        if answered > 0 {
            let cancelled = self.server.take_cancelled();
            let mut left: BTreeMap<String, u64> = calls_of(held);
            for request in self.server.requests() {
                let model = model_of(&request.body);
                let was_cut = cancelled.iter().any(|cut| cut.body == request.body);
                match left.get_mut(&model).filter(|count| **count > 0) {
                    Some(count) => *count -= 1,
                    None if !was_cut => {
                        let _ = writeln!(self.tally.log, "answered, not journaled: {run} {model}");
                    }
                    None => {}
                }
            }
        }
    }

    /// The server notices that the process is gone when the system has closed its sockets.
    async fn idle(&self) {
        while self.server.stats().calls_in_flight > 0 {
            TokioClock.sleep(Duration::from_millis(2)).await;
        }
    }

    async fn row(&self, question: &str) -> Result<Option<(RunId, RunState)>, String> {
        let rows = self.history.list(Filter { limit: 64, ..Filter::default() }).await;
        let rows = rows.map_err(|error| error.to_string())?;
        Ok(rows.into_iter().find(|row| row.question == question).map(|row| (row.run, row.state)))
    }

    async fn entries(&self, run: &RunId) -> Result<Vec<SealedEntry>, String> {
        self.history.entries(run).await.map_err(|error| error.to_string())
    }

    async fn kill_after(&self, what: &str, subject: &str, moment: Duration) -> Result<Ended, String> {
        let mut child = self.start(what, subject)?;
        // The moment counts from when it begins, not from when the system has loaded it.
        child.begun().await?;
        let sleep = TokioClock.sleep(moment);
        let ended = {
            let waiting = Box::pin(child.process.wait());
            match select(waiting, sleep).await {
                Either::Left((status, _)) => Some(status.map_err(|error| error.to_string())?),
                Either::Right(_) => None,
            }
        };
        match ended {
            Some(status) if status.success() => Ok(Ended::Finished),
            Some(status) => Err(format!("{what} of `{subject}` failed: {status}")),
            None => {
                // On Unix this is SIGKILL.
                child.process.kill().await.map_err(|error| error.to_string())?;
                Ok(Ended::Killed)
            }
        }
    }

    fn start(&self, what: &str, subject: &str) -> Result<Started, String> {
        child::start([what, subject, "both"], &self.server.base_url(), &self.path, &[])
    }
}

/// How many calls of each seat a journal holds. Seats have models of their own, called like them.
fn calls_of(entries: &[SealedEntry]) -> BTreeMap<String, u64> {
    let mut calls = BTreeMap::new();
    for entry in entries {
        if let JournalBody::Arrived { call, .. } = entry.body() {
            let seat = call.split('/').next().unwrap_or_default().to_owned();
            *calls.entry(seat).or_default() += 1;
        }
    }
    calls
}

/// What had been sent and journaled when a process was killed.
struct Kill {
    sent: usize,
    held: Vec<SealedEntry>,
}

impl Kill {
    /// How many of the calls that the journal held were sent after the kill. A seat's calls go out one after the other, so of what it had sent, the
    /// first ones that differ are the journaled ones.
    fn paid_again(&self, sent: &[&[u8]]) -> u64 {
        let (before, after) = sent.split_at(self.sent.min(sent.len()));
        let mut again = 0;
        for (model, count) in calls_of(&self.held) {
            let mut journaled: Vec<&[u8]> = Vec::new();
            for body in before.iter().filter(|body| model_of(body) == model) {
                if !journaled.contains(body) {
                    journaled.push(body);
                }
            }
            journaled.truncate(usize::try_from(count).unwrap_or(usize::MAX));
            again += journaled.iter().filter(|body| after.contains(body)).count() as u64;
        }
        again
    }
}
