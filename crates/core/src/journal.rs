//! The ports to durable storage: the journal of a run while it happens, and the history of finished ones.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    DecisionRecord, NotCanonical, RoleOutcome, RunId, RunSetup, Spending, TriageDecision, TriageRequest,
    canonical_json, content_hash,
};

/// One entry of a run's journal. The entries of a run form a chain: each names the hash of the one before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// The entry's place, from 0.
    pub index: u64,
    /// The hash of the entry before it; of the run's id for the first.
    pub previous: String,
    /// Milliseconds from the start of the run.
    pub at_ms: u64,
    /// What happened.
    pub body: JournalBody,
}

/// An entry with the exact text that its hash covers: whoever keeps the text can prove that it is unaltered.
#[derive(Clone, Debug, PartialEq)]
pub struct SealedEntry {
    entry: JournalEntry,
    json: String,
    hash: String,
}

impl SealedEntry {
    /// Seals `entry`.
    ///
    /// # Errors
    /// If it does not serialise.
    pub fn seal(entry: JournalEntry) -> Result<Self, NotCanonical> {
        let json = canonical_json(&entry)?;
        let hash = content_hash(json.as_bytes());
        Ok(Self { entry, json, hash })
    }

    /// Reads an entry from the text that was kept of it, which is what its hash covers from here on.
    ///
    /// # Errors
    /// If the text is no entry.
    pub fn read(json: String) -> Result<Self, serde_json::Error> {
        let entry = match serde_json::from_str::<ArrivedEntry>(&json) {
            Ok(arrived) => arrived.into(),
            Err(_) => serde_json::from_str(&json)?,
        };
        let hash = content_hash(json.as_bytes());
        Ok(Self { entry, json, hash })
    }

    /// The entry.
    pub const fn entry(&self) -> &JournalEntry {
        &self.entry
    }

    /// What it says.
    pub const fn body(&self) -> &JournalBody {
        &self.entry.body
    }

    /// Its text: canonical JSON as it was sealed, or what was read.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The hash of [`SealedEntry::json`]: what the next entry names as its previous one.
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

/// An arrived call's entry, which most of a journal is. For this one kind nothing is put aside until the kind is known, as serde does for the enum.
#[derive(Deserialize)]
struct ArrivedEntry {
    index: u64,
    previous: String,
    at_ms: u64,
    body: Arrived,
}

#[derive(Deserialize)]
struct Arrived {
    #[serde(rename = "entry")]
    _kind: ArrivedKind,
    call: String,
    prompt_hash: String,
    outcome: Arc<RoleOutcome>,
    spent: Spending,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ArrivedKind {
    Arrived,
}

impl From<ArrivedEntry> for JournalEntry {
    fn from(entry: ArrivedEntry) -> Self {
        let ArrivedEntry { index, previous, at_ms, body } = entry;
        let Arrived { call, prompt_hash, outcome, spent, .. } = body;
        let body = JournalBody::Arrived { call, prompt_hash, outcome, spent };
        Self { index, previous, at_ms, body }
    }
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
        /// The hash of the [`RunSetup`] under which it runs.
        setup: String,
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
        /// The hash of its prompt.
        prompt_hash: String,
        /// Its outcome.
        outcome: Arc<RoleOutcome>,
        /// What the run had spent by then, failed and dropped calls included.
        spent: Spending,
    },
    /// The executable checks of a user looked at a result; their words are inputs like a model's.
    Checked {
        /// What each said, in order.
        outcomes: Vec<CheckOutcome>,
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
    /// The run ended without an answer.
    Failed {
        /// Why, for people.
        why: String,
    },
}

/// What a user's executable check said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// The result holds.
    Passed,
    /// It does not, and why.
    Broken(String),
    /// The check did not end in time.
    Late,
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

/// What became of asking to go on with a run.
#[derive(Debug)]
pub enum Takeover {
    /// It is the caller's now; these are its entries so far.
    Taken(Vec<SealedEntry>),
    /// Another process, or another task of this one, is running it.
    Running,
    /// It ended.
    Ended,
    /// No such run is known.
    Unknown,
}

/// A run that was begun and has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// The run.
    pub run: RunId,
    /// When it began, in milliseconds since 1970.
    pub began_ms: u64,
    /// The question, where content is kept.
    pub question: String,
    /// How many of its calls are finished.
    pub calls: u64,
    /// How it stands.
    pub state: Unended,
}

/// How an unfinished run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unended {
    /// Somebody is running it now.
    Running,
    /// Its process ended in the middle.
    Interrupted,
    /// Its caller went away; it is gone on with only where somebody asks for it.
    Left,
}

/// Keeps the entries of runs as they happen.
///
/// Whoever appends the first entry of a run holds the run until it ends or its process does.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Makes `entry` of `run` durable before it returns. Entries of one run are appended in the order in which the futures are first polled;
    /// several may be under way at once.
    ///
    /// # Errors
    /// If it could not be made durable.
    async fn append(&self, run: &RunId, entry: Arc<SealedEntry>) -> Result<(), StoreError>;

    /// Keeps `setup` under its hash, for the runs whose first entry names it. Called before every such entry; it is kept once.
    ///
    /// # Errors
    /// If it could not be kept.
    async fn keep_setup(&self, hash: &str, setup: &RunSetup) -> Result<(), StoreError>;

    /// The setup with this hash.
    ///
    /// # Errors
    /// If it cannot be read.
    async fn setup(&self, hash: &str) -> Result<Option<RunSetup>, StoreError>;

    /// Takes over a run that has not ended and that nobody runs.
    ///
    /// # Errors
    /// If the journal cannot be read or written.
    async fn claim(&self, run: &RunId) -> Result<Takeover, StoreError>;

    /// The entries of a run, ended or not; none if it is unknown.
    ///
    /// # Errors
    /// If they cannot be read.
    async fn entries(&self, run: &RunId) -> Result<Vec<SealedEntry>, StoreError>;

    /// The runs that have not ended, oldest first.
    ///
    /// # Errors
    /// If they cannot be read.
    async fn unfinished(&self) -> Result<Vec<Unfinished>, StoreError>;

    /// Takes note that nobody in this process goes on with `run`: it has ended, or its caller went away before. It must return at once, and
    /// changes nothing where the journal knows the end; a run whose end it does not know is gone on with only where somebody asks for it.
    fn leave(&self, run: &RunId);
}

/// Keeps the records of finished runs.
#[async_trait]
pub trait HistoryStore: Send + Sync {
    /// Keeps `record`, the answer to `request`. To keep it again under the same run is no error and changes nothing.
    ///
    /// # Errors
    /// If it could not be kept; the answer is given all the same.
    async fn keep(&self, request: &TriageRequest, record: &DecisionRecord) -> Result<(), StoreError>;

    /// The record of `run`, as far as its content is kept.
    ///
    /// # Errors
    /// If it cannot be read.
    async fn record(&self, run: &RunId) -> Result<Option<DecisionRecord>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cause, RoleFailure};

    fn sealed(body: JournalBody) -> SealedEntry {
        let previous = content_hash(b"run-1");
        SealedEntry::seal(JournalEntry { index: 3, previous, at_ms: 40, body }).unwrap()
    }

    #[test]
    fn what_was_sealed_is_read_again_whatever_its_kind_is_and_whatever_stands_in_it() {
        // A caller's schema stands in the first entry as it is.
        let kind = serde_json::json!({"properties": {"x": {"const": {"entry": "arrived", "call": 1}}}});
        let opened = JournalBody::Opened {
            request: TriageRequest::new("Why?").output_schema(kind),
            wall_ms: 1,
            seed: 2,
            setup: String::new(),
        };
        let why = String::from("a model's words: \"entry\":\"arrived\", \"entry\":\"failed\"");
        let failure = RoleFailure { cause: Cause::Timeout, why: why.clone(), trail: Vec::new() };
        let arrived = JournalBody::Arrived {
            call: String::from("critic-1/review"),
            prompt_hash: content_hash(b"prompt"),
            outcome: Arc::new(RoleOutcome::Failed(failure)),
            spent: Spending::default(),
        };
        let closed = JournalBody::Closed { decision_hash: content_hash(b"decision") };
        for body in [arrived, opened, closed, JournalBody::Failed { why }] {
            let sealed = sealed(body);
            assert_eq!(SealedEntry::read(sealed.json().to_owned()).unwrap(), sealed);
            assert_eq!(serde_json::from_str::<JournalEntry>(sealed.json()).unwrap(), *sealed.entry());
        }
        assert!(SealedEntry::read(String::from("{\"entry\":\"arrived\"}")).is_err());
    }
}
