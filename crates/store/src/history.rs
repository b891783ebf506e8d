//! The journal and the history in one SQLite file: every run entry by entry while it happens, and for good when it has ended.
//!
//! One thread writes, another reads. Whoever hands over an entry waits until it is on the disk ([`Sync`]); all that wait at the same time
//! share one sync.

mod bundle;
mod chain;
mod connect;
mod count;
mod held;
mod journal;
mod keep;
mod latency;
mod owner;
mod prune;
mod redact;
mod rows;
mod schema;
mod stats;
#[cfg(test)]
mod tests;
mod verify;
mod worker;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use async_orchestrator_core::{
    DecisionRecord, HistoryStore, Journal, RunId, RunSetup, SealedEntry, StoreError, Takeover, TriageRequest,
    Unfinished, canonical_json,
};
use async_trait::async_trait;
use rusqlite::Connection;

use crate::{
    file::{self, OpenError},
    schema::Unusable,
};
use connect::{BUSY_MAX, connect};
use held::{Counting, Held};
use journal::Asked;
use owner::Owner;
use worker::{Kind, Turn, WHAT, Worker, answered};

pub use bundle::{BUNDLE_SCHEMA, BundleError, verify_bundle};
pub use chain::HistoryHead;
pub use connect::{HistoryOptions, Sync};
pub use latency::Latencies;
pub use prune::PruneReport;
pub use redact::Content;
pub use rows::{Filter, Found, RunRow, RunState, SearchOrder};
pub use stats::{Calibration, CalibrationBin, CallFigures, RunFigures, Stats, StatsFilter};
pub use verify::{Flaw, FlawKind, Verification, VerifyScope};

/// Journal and history in one file, which several processes may use at once.
///
/// ```
/// use async_orchestrator_core::Journal;
/// use async_orchestrator_store::{History, HistoryOptions};
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let directory = tempfile::tempdir().unwrap();
/// let history = History::open(&directory.path().join("history.db"), HistoryOptions::default()).unwrap();
/// assert!(history.unfinished().await.unwrap().is_empty());
/// # });
/// ```
#[derive(Debug)]
pub struct History {
    path: PathBuf,
    options: HistoryOptions,
    held: Arc<Held>,
    writer: Worker,
    reader: Worker,
    // Dropped last: what waits is written before the owner's lock is given back, so that nobody takes these runs for interrupted.
    owner: Owner,
}

impl History {
    /// Opens the file at `path`, and makes it and its directory where they are missing; only their owner may read them.
    ///
    /// # Errors
    /// If it cannot be used, is damaged, or another version wrote it. Nothing of it is changed then.
    pub fn open(path: &Path, options: HistoryOptions) -> Result<Self, OpenError> {
        let unusable = |error: std::io::Error| OpenError::unusable(path, WHAT, Box::new(error));
        file::prepare(path).map_err(unusable)?;
        let connect = || connect(path, options).map_err(|error| OpenError::of(path, WHAT, error));
        let (writing, reading) = (connect()?, connect()?);
        let owner = Owner::new(path).map_err(unusable)?;
        let refused = |error: rusqlite::Error| OpenError::of(path, WHAT, Unusable::Broken(error));
        chain::begin(&writing, owner.mark()).map_err(refused)?;
        owner::sweep(path, &journal::owners(&writing).map_err(refused)?);
        reading.pragma_update(None, "query_only", true).map_err(refused)?;
        let is_behind = count::is_behind(&reading).map_err(refused)?;
        let history = Self {
            path: path.to_owned(),
            options,
            owner,
            held: Arc::default(),
            writer: Worker::start(Kind::Writer, writing).map_err(unusable)?,
            reader: Worker::start(Kind::Reader, reading).map_err(unusable)?,
        };
        if is_behind {
            history.count(count::rest);
        }
        Ok(history)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How it is kept.
    pub const fn options(&self) -> HistoryOptions {
        self.options
    }
}

impl History {
    /// The runs that `filter` lets through, newest first.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn list(&self, filter: Filter) -> Result<Vec<RunRow>, StoreError> {
        self.reader.ask(move |connection| rows::list(connection, &filter)).await
    }

    /// At most `limit` runs whose question or answer has all of `words`; a word may end in `*`, words in quotation marks stand together. Where
    /// contents are not kept, nothing is found; nor is, for a moment, what another process has just kept.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn search(
        &self,
        words: &str,
        order: SearchOrder,
        limit: u32,
    ) -> Result<Vec<RunRow>, StoreError> {
        let words = words.to_owned();
        self.counted().await;
        self.reader.ask(move |connection| rows::search(connection, &words, order, limit)).await
    }

    /// The run whose id is, or alone begins with, `text`; `last` is the newest one that ended with an answer.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn find(&self, text: &str) -> Result<Found, StoreError> {
        let text = text.to_owned();
        self.reader.ask(move |connection| rows::find(connection, &text)).await
    }

    /// The record of `run` with its request, to the letter as the chain holds it; `None` if there is none, or its content went.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn body(&self, run: &RunId) -> Result<Option<String>, StoreError> {
        let run = run.clone();
        self.reader.ask(move |connection| chain::body(connection, run.as_str())).await
    }

    /// The record of `run` with its request; `None` if there is none, or its content is not kept in full.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn kept(&self, run: &RunId) -> Result<Option<Kept>, StoreError> {
        Ok(self.body(run).await?.and_then(|body| serde_json::from_str(&body).ok()))
    }

    /// Figures over many runs. What another process kept in this moment may be missing: it is counted right after it was answered.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn stats(&self, filter: StatsFilter) -> Result<Stats, StoreError> {
        self.counted().await;
        self.reader.ask(move |connection| stats::stats(connection, &filter)).await
    }

    /// Where the chain stands.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn head(&self) -> Result<HistoryHead, StoreError> {
        self.reader.ask(chain::head).await
    }

    /// Proves that everything in `scope` is as it was written, or says what is not.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn verify(&self, scope: VerifyScope) -> Result<Verification, StoreError> {
        self.reader.ask(move |connection| verify::verify(connection, &scope)).await
    }

    /// Writes the chain from `since_ms` on (milliseconds since 1970) into `out`, for others to check with [`verify_bundle`]. Gives the number
    /// of links and the head.
    ///
    /// # Errors
    /// If the file cannot be read, or `out` not written.
    pub async fn export(
        &self,
        since_ms: Option<u64>,
        mut out: Box<dyn std::io::Write + Send>,
    ) -> Result<(u64, String), BundleError> {
        let exported =
            self.reader.ask(move |connection| Ok(bundle::export(connection, since_ms, &mut *out))).await;
        exported.map_err(|error| BundleError::Store(Box::new(error)))?
    }

    /// Lets the content of runs go that began before `before_ms`; `now_ms` is noted in the chain. With `pack` the file shrinks, which rewrites
    /// all of it.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub async fn prune(&self, before_ms: u64, now_ms: u64, pack: Pack) -> Result<PruneReport, StoreError> {
        let (path, held) = (self.path.clone(), Arc::clone(&self.held));
        let prune = move |connection: &Connection| prune::prune(connection, &path, before_ms, now_ms, &held);
        let report = self.writer.ask(prune).await?;
        if pack == Pack::Now {
            let path = self.path.clone();
            // Outside of any transaction, so on a connection of its own.
            self.reader
                .ask(move |_| {
                    let connection = Connection::open(&path)?;
                    connection.busy_timeout(BUSY_MAX)?;
                    // Words of texts that went stay in the index until its parts are merged.
                    connection.execute_batch(
                        "INSERT INTO texts (texts) VALUES ('optimize'); VACUUM; PRAGMA wal_checkpoint(TRUNCATE)",
                    )
                })
                .await?;
        }
        Ok(report)
    }

    /// Notes that the decision of `run` turned out right or wrong. Gives whether there is such a run.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub async fn outcome(&self, run: &RunId, right: bool, now_ms: u64) -> Result<bool, StoreError> {
        let run = run.clone();
        self.writer.ask(move |connection| prune::outcome(connection, run.as_str(), right, now_ms)).await
    }
}

impl History {
    /// Has the file say which runs nobody goes on with. What cannot be written now, because the disk is full, is written when the
    /// next run ends, at the latest when the history closes.
    fn tell_leaving(&self) {
        let (runs, owner, held) = (self.held.leaving(), self.owner.name().to_owned(), Arc::clone(&self.held));
        if !runs.is_empty() {
            let runs = Arc::new(runs);
            let (told, holding) = (Arc::clone(&runs), Arc::clone(&held));
            let write = move |connection: &Connection| journal::leave(connection, &runs, &owner, &holding);
            self.writer.tell(Turn::Beside, write, move || held.have_left(&told));
        }
    }

    /// Has the writer count runs that were kept, as `work` does, when their callers are answered. What comes to nothing is made up for with the next
    /// run, at the latest when the file is opened again.
    fn count(&self, work: impl FnOnce(&Connection, &Held) -> Result<(), rusqlite::Error> + Send + 'static) {
        let (held, counting) = (Arc::clone(&self.held), Counting::begin(&self.held));
        self.writer.tell(Turn::After, move |connection| work(connection, &held), move || counting.done());
    }

    /// Waits until what was kept here is counted, or cannot be.
    async fn counted(&self) {
        if self.held.is_counting() {
            let _ = self.writer.ask(|_| Ok(())).await;
        }
    }
}

/// A run that was asked for; dropped before the answer, it is given back.
struct Claim<'a> {
    history: &'a History,
    run: &'a RunId,
    is_open: bool,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if self.is_open {
            self.history.leave(self.run);
        }
    }
}

impl Drop for History {
    fn drop(&mut self) {
        self.tell_leaving();
    }
}

/// Whether a pruned file is packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pack {
    /// The space is used again by what comes next.
    #[default]
    Later,
    /// The file is rewritten without it.
    Now,
}

#[async_trait]
impl Journal for History {
    async fn append(&self, run: &RunId, entry: Arc<SealedEntry>) -> Result<(), StoreError> {
        if entry.entry().index == 0 {
            self.held.take(run);
        }
        let ends = matches!(entry.body(), async_orchestrator_core::JournalBody::Failed { .. });
        let (name, owner, held) = (run.clone(), self.owner.name().to_owned(), Arc::clone(&self.held));
        let content = self.options.content;
        let append =
            move |connection: &Connection| journal::append(connection, &name, &entry, &owner, content, &held);
        self.writer.ask(append).await?;
        if ends {
            self.held.let_go(run);
        }
        Ok(())
    }

    async fn keep_setup(&self, hash: &str, setup: &RunSetup) -> Result<(), StoreError> {
        if self.held.knows(hash) {
            return Ok(());
        }
        let json = canonical_json(setup).map_err(|error| {
            StoreError::new("the council's setup cannot be written", Some(Box::new(error)))
        })?;
        let name = hash.to_owned();
        self.writer.ask(move |connection| journal::keep_setup(connection, &name, &json)).await?;
        // Only now is it on the disk: what was not written must be written with the next run.
        self.held.learn(hash, setup);
        Ok(())
    }

    async fn setup(&self, hash: &str) -> Result<Option<RunSetup>, StoreError> {
        let hash = hash.to_owned();
        self.reader.ask(move |connection| journal::setup(connection, &hash)).await
    }

    async fn claim(&self, run: &RunId) -> Result<Takeover, StoreError> {
        if !self.held.take(run) {
            return Ok(Takeover::Running);
        }
        // Whoever goes away now, or is told of an error, may have it all the same.
        let mut claim = Claim { history: self, run, is_open: true };
        let (asked, path, own) = (run.clone(), self.path.clone(), self.owner.name().to_owned());
        let claimed =
            self.writer.ask(move |connection| journal::claim(connection, &path, &asked, &own)).await?;
        claim.is_open = false;
        if !matches!(claimed, Asked::Taken(_)) {
            self.held.let_go(run);
        }
        Ok(match claimed {
            Asked::Taken(entries) => Takeover::Taken(entries),
            Asked::Running => Takeover::Running,
            Asked::Ended => Takeover::Ended,
            Asked::Unknown => Takeover::Unknown,
        })
    }

    async fn entries(&self, run: &RunId) -> Result<Vec<SealedEntry>, StoreError> {
        let run = run.clone();
        let read = move |connection: &Connection| match journal::seq(connection, &run)? {
            Some(seq) => journal::entries(connection, seq),
            None => Ok(Vec::new()),
        };
        self.reader.ask(read).await
    }

    async fn unfinished(&self) -> Result<Vec<Unfinished>, StoreError> {
        let path = self.path.clone();
        self.reader.ask(move |connection| journal::unfinished(connection, &path)).await
    }

    fn leave(&self, run: &RunId) {
        self.held.begin_leaving(run);
        self.tell_leaving();
    }
}

#[async_trait]
impl HistoryStore for History {
    async fn keep(&self, request: &TriageRequest, record: &DecisionRecord) -> Result<(), StoreError> {
        let unwritable =
            |error: serde_json::Error| StoreError::new("the record cannot be written", Some(Box::new(error)));
        let finished = keep::Finished::new(request, record, self.options.content).map_err(unwritable)?;
        let (finished, held) = (Arc::new(finished), Arc::clone(&self.held));
        let counted = Arc::clone(&finished);
        let kept = self.writer.hand(move |connection| keep::keep(connection, &finished, &held));
        if self.options.content == Content::Full {
            self.count(move |connection, held| count::one(connection, &counted, held));
        }
        answered(kept).await?;
        self.held.let_go(&record.run_id);
        Ok(())
    }

    async fn record(&self, run: &RunId) -> Result<Option<DecisionRecord>, StoreError> {
        let run = run.clone();
        let body = self.reader.ask(move |connection| chain::body(connection, run.as_str())).await?;
        let unreadable =
            |error: serde_json::Error| StoreError::new("the record cannot be read", Some(Box::new(error)));
        let body = body.map(|body| serde_json::from_str::<Kept>(&body)).transpose();
        Ok(body.map_err(unreadable)?.map(|kept| kept.record))
    }
}

/// A finished run as it is kept: what was asked and how it was decided.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Kept {
    /// The record.
    pub record: DecisionRecord,
    /// The request.
    pub request: TriageRequest,
}

/// SQLite's integers have a sign; no count and no time of ours comes near its end.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
