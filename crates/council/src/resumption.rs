//! A run that was interrupted, as its journal tells it.

use std::time::Duration;

use async_orchestrator_core::{RunId, SealedEntry, TriageRequest};

use crate::{
    InvalidPast,
    past::{Beginning, Past, Rest},
};

/// A run that was interrupted, read from its journal: what [`Council::resume`](crate::Council::resume) goes on with.
#[derive(Debug)]
pub struct Resumption {
    pub(crate) run: RunId,
    pub(crate) past: Past,
    pub(crate) beginning: Beginning,
}

impl Resumption {
    /// Reads the journal of `run`.
    ///
    /// # Errors
    /// If `entries` are no journal of it.
    pub fn read(run: RunId, entries: Vec<SealedEntry>) -> Result<Self, InvalidPast> {
        let (past, beginning) = Past::read(run.as_str(), entries, Rest::Asked)?;
        Ok(Self { run, past, beginning })
    }

    /// The run.
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// What was asked.
    pub fn request(&self) -> &TriageRequest {
        &self.beginning.request
    }

    /// The hash of the setup under which it began.
    pub fn setup(&self) -> &str {
        &self.beginning.setup
    }

    /// How many finished calls its journal holds.
    pub fn calls(&self) -> u64 {
        self.past.calls()
    }

    /// How far into the run its last entry is.
    pub fn elapsed(&self) -> Duration {
        Duration::from_millis(self.past.last_ms())
    }
}
