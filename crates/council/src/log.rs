//! The run's journal: a chain of entries, each naming the hash of the one before, handed to the journal port as they happen.
//!
//! A run that is gone on with, or replayed, has a past: entries that stand already. It goes the same way again, and every entry that it would
//! write is compared with the one that stands there; only what comes after them is written.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_orchestrator_core::{
    CheckOutcome, Clock, EventKind, EventSink, Journal, JournalBody, JournalEntry, LogRecord, RunId,
    RunSetup, SealedEntry, StoreError, content_hash, millis_between,
};
use futures_util::{FutureExt, future::BoxFuture};

use crate::{CouncilError, past::Past};

/// What a run does when its journal cannot be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unrecorded {
    /// It goes on, says so beside its answer, and cannot be resumed.
    #[default]
    GoesOn,
    /// It ends with an error.
    Ends,
}

/// The chain so far.
pub(crate) struct RunLog {
    run: RunId,
    journal: Option<Arc<dyn Journal>>,
    unrecorded: Unrecorded,
    clock: Arc<dyn Clock>,
    events: EventSink,
    past: Option<Arc<Past>>,
    chain: Mutex<Chain>,
}

struct Chain {
    entries: u64,
    head: String,
    /// Whether an outcome is among the entries on their way.
    arrived: bool,
    /// Entries on their way to the disk.
    pending: Vec<BoxFuture<'static, Result<(), StoreError>>>,
    /// Why the journal is no longer written.
    broken: Option<String>,
}

impl RunLog {
    pub(crate) fn open(
        run: RunId,
        journal: Option<Arc<dyn Journal>>,
        unrecorded: Unrecorded,
        clock: Arc<dyn Clock>,
        events: EventSink,
        past: Option<Arc<Past>>,
    ) -> Self {
        let chain = Chain {
            entries: 0,
            head: content_hash(run.as_str().as_bytes()),
            arrived: false,
            pending: Vec::new(),
            broken: None,
        };
        Self { run, journal, unrecorded, clock, events, past, chain: Mutex::new(chain) }
    }

    /// What was journaled before, where the run has a past.
    pub(crate) fn past(&self) -> Option<&Arc<Past>> {
        self.past.as_ref()
    }

    /// Hands `setup` to the journal, for the entry that names it.
    pub(crate) fn keep_setup(&self, hash: &str, setup: &Arc<RunSetup>) {
        let Some(journal) = self.journal.clone().filter(|_| self.past.is_none()) else { return };
        let (hash, setup) = (hash.to_owned(), Arc::clone(setup));
        Self::start(&mut self.chain(), Box::pin(async move { journal.keep_setup(&hash, &setup).await }));
    }

    /// Adds an entry and gives its number. It is on its way to the disk when this returns; [`RunLog::settle`] waits until it is there.
    pub(crate) fn enter(&self, body: JournalBody) -> Result<u64, CouncilError> {
        let mut chain = self.chain();
        let index = chain.entries;
        let stands = self.past.as_ref().and_then(|past| past.entry(index));
        if let Some(stands) = stands {
            if *stands.body() != body {
                return Err(CouncilError::Diverged { index, what: name(stands.body()) });
            }
            stands.hash().clone_into(&mut chain.head);
        } else {
            let at_ms = self.at_ms();
            chain.arrived |= matches!(body, JournalBody::Arrived { .. });
            let entry = JournalEntry { index, previous: chain.head.clone(), at_ms, body };
            let sealed = Arc::new(SealedEntry::seal(entry).map_err(CouncilError::Record)?);
            sealed.hash().clone_into(&mut chain.head);
            if let Some(journal) = self.journal.clone().filter(|_| chain.broken.is_none()) {
                let run = self.run.clone();
                Self::start(&mut chain, Box::pin(async move { journal.append(&run, sealed).await }));
            }
        }
        chain.entries += 1;
        drop(chain);
        if let Some(past) = &self.past {
            past.entered(index);
        }
        Ok(index)
    }

    /// The same where an outcome is on its way: a run's first calls lean on nothing that was paid for.
    pub(crate) async fn settle_arrivals(&self) -> Result<(), CouncilError> {
        if self.chain().arrived { self.settle().await } else { Ok(()) }
    }

    /// Waits until everything entered so far is durable. Whatever depends on an entry is sent after this.
    pub(crate) async fn settle(&self) -> Result<(), CouncilError> {
        let pending = {
            let mut chain = self.chain();
            chain.arrived = false;
            std::mem::take(&mut chain.pending)
        };
        for outcome in futures_util::future::join_all(pending).await {
            let Err(error) = outcome else { continue };
            if self.unrecorded == Unrecorded::Ends {
                return Err(CouncilError::Journal(error));
            }
            self.broke(&error);
        }
        Ok(())
    }

    /// Why the journal is no longer written, if it is not.
    pub(crate) fn broken(&self) -> Option<String> {
        self.chain().broken.clone()
    }

    /// What a user's checks said at this place, in a run with a past.
    pub(crate) fn checked(&self) -> Option<Vec<CheckOutcome>> {
        let index = self.chain().entries;
        match self.past.as_ref()?.entry(index)?.body() {
            JournalBody::Checked { outcomes } => Some(outcomes.clone()),
            _ => None,
        }
    }

    /// The chain in short.
    pub(crate) fn close(&self, decision_hash: String) -> LogRecord {
        let chain = self.chain();
        LogRecord { events: chain.entries, head: chain.head.clone(), decision_hash, unrecorded: None }
    }

    /// Notes that the run ended without an answer.
    pub(crate) async fn fail(&self, error: &CouncilError) {
        if self.journal.is_none() || matches!(error, CouncilError::Diverged { .. } | CouncilError::Journal(_))
        {
            return;
        }
        // The run has failed already; a journal that cannot be written adds nothing to that.
        let _ = self.enter(JournalBody::Failed { why: error.to_string() });
        let _ = self.settle().await;
    }

    /// Notes that the run is not kept, and tells it once.
    pub(crate) fn broke(&self, error: &StoreError) {
        let mut chain = self.chain();
        if chain.broken.is_some() {
            return;
        }
        let why = told(error);
        chain.broken = Some(why.clone());
        drop(chain);
        self.events.emit(None, || EventKind::NotKept { why });
    }

    /// Sets `work` going: its first poll hands the entry over, so entries arrive in the order of the chain.
    fn start(chain: &mut Chain, mut work: BoxFuture<'static, Result<(), StoreError>>) {
        match (&mut work).now_or_never() {
            Some(Ok(())) => {}
            Some(Err(error)) => chain.pending.push(Box::pin(std::future::ready(Err(error)))),
            None => chain.pending.push(work),
        }
    }

    fn at_ms(&self) -> u64 {
        millis_between(self.events.started(), self.clock.now())
    }

    fn chain(&self) -> MutexGuard<'_, Chain> {
        self.chain.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// However a run ends, nobody goes on with it now. Of an end that the journal knows this changes nothing; where it could not be written, nobody
/// shall go on unasked with what was answered, and pay for it once more.
impl Drop for RunLog {
    fn drop(&mut self) {
        // A run that was never begun here is nobody's, or another's.
        let began = self.past.is_some() || self.chain().entries > 0;
        if let Some(journal) = self.journal.as_ref().filter(|_| began) {
            journal.leave(&self.run);
        }
    }
}

impl std::fmt::Debug for RunLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunLog").field("run", &self.run).finish_non_exhaustive()
    }
}

/// An error with its causes, for people.
pub(crate) fn told(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

pub(crate) fn name(body: &JournalBody) -> String {
    match body {
        JournalBody::Arrived { call, .. } => call.clone(),
        JournalBody::Opened { .. } => String::from("the request"),
        JournalBody::Triaged { .. } => String::from("the triage"),
        JournalBody::Checked { .. } => String::from("an executable check"),
        JournalBody::Revealed { .. } => String::from("the proposals"),
        JournalBody::Closed { .. } => String::from("the decision"),
        _ => String::from("the end"),
    }
}
