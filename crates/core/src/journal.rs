//! The ports to durable storage: the journal of a run while it happens, and the history of finished ones.
//!
//! Reading a journal back (to resume a run) joins with the crate that stores it.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{DecisionRecord, RoleOutcome, RunId, TriageDecision, TriageRequest};

/// One entry of a run's journal. The entries of a run form a chain: each names the hash of the one before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// The entry's place, from 0.
    pub index: u64,
    /// The hash of the entry before it; of the run's id for the first.
    pub previous: String,
    /// What happened.
    pub body: JournalBody,
}

/// What a journal entry says. Everything that a replay must not read anew (time, order, answers) stands here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
#[non_exhaustive]
pub enum JournalBody {
    /// The run began.
    Opened {
        /// What was asked.
        request: TriageRequest,
        /// Milliseconds since 1970 at the start.
        wall_ms: u64,
        /// The seed of every order that the run draws.
        seed: u64,
    },
    /// The mode was decided.
    Triaged {
        /// The decision.
        decision: TriageDecision,
    },
    /// A call's outcome arrived. Failures are journaled like successes.
    Arrived {
        /// The call's name.
        call: String,
        /// Its outcome.
        outcome: Box<RoleOutcome>,
        /// Milliseconds from the start of the run to the outcome's arrival.
        at_ms: u64,
    },
    /// The proposals were fixed and may be read from here on.
    Revealed {
        /// The proposals' commit hashes, in the order of their names.
        commits: Vec<String>,
    },
    /// The run ended with this decision.
    Closed {
        /// The hash of the decision.
        decision_hash: String,
    },
}

/// Writing or reading durable storage failed.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct StoreError {
    what: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    /// A failure described for people, with its cause.
    pub fn new(what: impl Into<String>, source: Option<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { what: what.into(), source }
    }
}

/// Keeps the entries of runs as they happen.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Makes `entry` of `run` durable before it returns.
    ///
    /// # Errors
    /// If it could not be made durable; the run then ends with that error instead of going on unrecorded.
    async fn append(&self, run: &RunId, entry: &JournalEntry) -> Result<(), StoreError>;
}

/// Keeps the records of finished runs.
#[async_trait]
pub trait HistoryStore: Send + Sync {
    /// Keeps `record`.
    ///
    /// # Errors
    /// If it could not be kept.
    async fn keep(&self, record: &DecisionRecord) -> Result<(), StoreError>;
}
