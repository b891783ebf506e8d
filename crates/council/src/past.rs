//! The past of a run: what its journal holds. Recorded outcomes are given out again in the order in which they arrived, so that the run goes
//! the same way; what was not recorded is asked anew, or, in a replay, never comes.

use std::{
    collections::HashMap,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

use async_orchestrator_core::{
    JournalBody, RoleOutcome, SealedEntry, Spending, TriageDecision, TriageRequest,
};

use crate::{CouncilError, log};

/// What becomes of calls that the journal does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// They are asked, after everything that is recorded was given out.
    Asked,
    /// They never come: the run had ended, and so they were cancelled then.
    Cancelled,
}

/// How a run began, by its journal.
#[derive(Clone, Debug)]
pub(crate) struct Beginning {
    pub(crate) request: TriageRequest,
    pub(crate) wall_ms: u64,
    pub(crate) seed: u64,
    pub(crate) setup: String,
    pub(crate) decision: Option<TriageDecision>,
}

/// A recorded call.
#[derive(Clone, Debug)]
pub(crate) struct Recalled {
    pub(crate) prompt_hash: String,
    pub(crate) outcome: Arc<RoleOutcome>,
    pub(crate) spent: Spending,
}

/// The entries of a run that stand already.
#[derive(Debug)]
pub(crate) struct Past {
    entries: Vec<SealedEntry>,
    /// The entry of each recorded call.
    calls: HashMap<String, u64>,
    /// The entry of the last recorded outcome.
    last_outcome: u64,
    rest: Rest,
    turn: Mutex<Turn>,
}

#[derive(Debug, Default)]
struct Turn {
    /// How many entries the run has come to again.
    next: u64,
    waiting: Vec<Waker>,
}

/// Why a journal cannot be gone on with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPast {
    /// It does not begin with the run's beginning.
    #[error("the journal does not begin with the run's first entry")]
    NoBeginning,
    /// An entry does not follow the one before it.
    #[error("entry {0} of the journal does not follow the one before it")]
    Broken(u64),
}

impl Past {
    /// The past that `entries` of the run called `run` tell.
    pub(crate) fn read(
        run: &str,
        entries: Vec<SealedEntry>,
        rest: Rest,
    ) -> Result<(Self, Beginning), InvalidPast> {
        let beginning = begun(run, &entries)?;
        let calls: HashMap<String, u64> = entries
            .iter()
            .filter_map(|sealed| match sealed.body() {
                JournalBody::Arrived { call, .. } => Some((call.clone(), sealed.entry().index)),
                _ => None,
            })
            .collect();
        let last_outcome = calls.values().copied().max().unwrap_or_default();
        let past = Self { calls, entries, last_outcome, rest, turn: Mutex::default() };
        Ok((past, beginning))
    }

    /// Whether the run had ended: nothing is asked any more.
    pub(crate) fn is_finished(&self) -> bool {
        self.rest == Rest::Cancelled
    }

    /// How many calls are recorded.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.len() as u64
    }

    pub(crate) fn entry(&self, index: u64) -> Option<&SealedEntry> {
        self.entries.get(usize::try_from(index).ok()?)
    }

    /// How far into the run its last entry is, in milliseconds.
    pub(crate) fn last_ms(&self) -> u64 {
        self.entries.last().map_or(0, |sealed| sealed.entry().at_ms)
    }

    /// How far into the run the place is that it has come to again, in milliseconds. Behind the last recorded outcome that is the run's end.
    pub(crate) fn elapsed_ms(&self) -> u64 {
        let next = self.turn().next;
        if next > self.last_outcome {
            return self.last_ms();
        }
        next.checked_sub(1).and_then(|index| self.entry(index)).map_or(0, |one| one.entry().at_ms)
    }

    /// The run waits for something that its journal does not tell.
    pub(crate) fn astray(&self) -> CouncilError {
        let index = self.turn().next;
        let what = self.entry(index).map_or_else(|| String::from("the end"), |one| log::name(one.body()));
        CouncilError::Diverged { index, what }
    }

    /// Whether every entry was come to again.
    pub(crate) fn is_over(&self) -> bool {
        self.turn().next >= self.entries.len() as u64
    }

    /// The run has come to entry `index`: whoever waits for the next one may go on.
    pub(crate) fn entered(&self, index: u64) {
        let waiting = {
            let mut turn = self.turn();
            turn.next = turn.next.max(index + 1);
            std::mem::take(&mut turn.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// What is recorded of `call`, when its turn has come; `None` if nothing is and it shall be asked now.
    pub(crate) async fn recall(&self, call: &str) -> Option<Recalled> {
        let turn = self.calls.get(call).copied();
        let at = match (turn, self.rest) {
            (Some(index), _) => index,
            // A call that was not recorded may have been superfluous in the end. That shows when everything recorded was given out.
            (None, Rest::Asked) => self.entries.len() as u64,
            (None, Rest::Cancelled) => u64::MAX,
        };
        poll_fn(|context| {
            let mut turn = self.turn();
            if turn.next >= at {
                return Poll::Ready(());
            }
            turn.waiting.push(context.waker().clone());
            Poll::Pending
        })
        .await;
        match self.entry(turn?)?.body() {
            JournalBody::Arrived { prompt_hash, outcome, spent, .. } => Some(Recalled {
                prompt_hash: prompt_hash.clone(),
                outcome: Arc::clone(outcome),
                spent: *spent,
            }),
            _ => None,
        }
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How the run called `run` began, if `entries` are its journal: each follows the one before.
pub(crate) fn begun(run: &str, entries: &[SealedEntry]) -> Result<Beginning, InvalidPast> {
    let origin = async_orchestrator_core::content_hash(run.as_bytes());
    let mut previous = origin.as_str();
    for (index, sealed) in (0..).zip(entries) {
        let entry = sealed.entry();
        if entry.index != index || entry.previous != previous {
            return Err(InvalidPast::Broken(index));
        }
        previous = sealed.hash();
    }
    beginning(entries).ok_or(InvalidPast::NoBeginning)
}

fn beginning(entries: &[SealedEntry]) -> Option<Beginning> {
    let mut bodies = entries.iter().map(SealedEntry::body);
    let JournalBody::Opened { request, wall_ms, seed, setup } = bodies.next()? else { return None };
    let decision = match bodies.next() {
        Some(JournalBody::Triaged { decision }) => Some(decision.clone()),
        _ => None,
    };
    Some(Beginning {
        request: request.clone(),
        wall_ms: *wall_ms,
        seed: *seed,
        setup: setup.clone(),
        decision,
    })
}
