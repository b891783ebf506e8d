//! A thread that owns a connection. The writer's takes what waits, does it in one transaction, syncs once, and then answers everybody: that is
//! the group commit. A reader's answers one question after the other.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
};

use async_orchestrator_core::StoreError;
use futures_channel::oneshot;
use rusqlite::{Connection, Error};

use crate::file::said;

/// The most that waits; beyond it work is refused.
const QUEUE_MAX: usize = 16_384;
/// The most that is done in one transaction.
const BATCH_MAX: usize = 512;

/// What the file is, in messages.
pub(super) const WHAT: &str = "the history";

/// Says how the work ended, after the commit.
type Answer = Box<dyn FnOnce(Result<(), &Error>) + Send>;
/// Does its work, if it is given a connection.
type Work = Box<dyn FnOnce(Option<Place<'_>>) -> Done + Send>;

/// Work that was handed over.
struct Job {
    turn: Turn,
    work: Work,
}

/// When work is done that nobody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// With what waits beside it.
    Beside,
    /// In a transaction after that of what came before it, whose callers are answered by then.
    After,
}

/// Where a job is done.
#[derive(Clone, Copy)]
struct Place<'c> {
    connection: &'c Connection,
    /// Whether nothing stands before it in the transaction, so that what it did is taken back with all of that.
    is_first: bool,
}

/// What a job came to.
struct Done {
    answer: Answer,
    /// Why it failed, if it did.
    failed: Option<Error>,
}

/// How the work of a batch is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// In one transaction.
    Writer,
    /// Each in one of its own, which sees the file of one moment.
    Reader,
}

/// Hands work to the thread; dropped, it waits until all of it is done.
pub(super) struct Worker {
    sender: Mutex<Option<SyncSender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Worker {
    pub(super) fn start(kind: Kind, connection: Connection) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(QUEUE_MAX);
        let name = match kind {
            Kind::Writer => "history-writer",
            Kind::Reader => "history-reader",
        };
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || run(kind, &connection, &receiver))?;
        Ok(Self { sender: Mutex::new(Some(sender)), thread: Mutex::new(Some(thread)) })
    }

    /// Does `work` and gives what it found. It is handed over when the future is first polled; a writer's work is durable when it is answered.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        answered(self.hand(work)).await
    }

    /// The same, handed over by this very call; [`answered`] waits for what it found.
    pub(super) fn hand<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Handed<T> {
        let (reply, replied) = oneshot::channel();
        let work: Work = Box::new(move |place| {
            let outcome = place.map(|place| placed(place, work));
            let failed = outcome.as_ref().and_then(|outcome| outcome.as_ref().err()).map(copy);
            let answer: Answer = Box::new(move |committed| {
                let outcome = match (committed, outcome) {
                    (_, Some(Err(error))) => Err(said(WHAT, &error)),
                    (Ok(()), Some(Ok(found))) => Ok(found),
                    (Ok(()), None) => Err(closed()),
                    (Err(error), _) => Err(said(WHAT, error)),
                };
                // Nobody waits any more: that is their affair.
                let _ = reply.send(outcome);
            });
            Done { answer, failed }
        });
        self.send(Job { turn: Turn::Beside, work }).map(|()| replied)
    }

    /// Does `work` at its `turn`, and then `after` on the worker's thread, where the work is durable; nobody waits for it.
    pub(super) fn tell(
        &self,
        turn: Turn,
        work: impl FnOnce(&Connection) -> Result<(), Error> + Send + 'static,
        after: impl FnOnce() + Send + 'static,
    ) {
        let work: Work = Box::new(move |place| {
            let outcome = place.map(|place| placed(place, work));
            let worked = matches!(outcome, Some(Ok(())));
            let answer: Answer = Box::new(move |committed| {
                if worked && committed.is_ok() {
                    after();
                }
            });
            Done { answer, failed: outcome.and_then(Result::err) }
        });
        let _ = self.send(Job { turn, work });
    }

    fn send(&self, job: Job) -> Result<(), StoreError> {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        match sender.as_ref().ok_or_else(closed)?.try_send(job) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err(StoreError::new("the history is too busy", None)),
            Err(TrySendError::Disconnected(_)) => Err(closed()),
        }
    }
}

/// Work that was handed over, if it could be.
pub(super) type Handed<T> = Result<oneshot::Receiver<Result<T, StoreError>>, StoreError>;

/// What the work found that was handed over.
pub(super) async fn answered<T>(handed: Handed<T>) -> Result<T, StoreError> {
    handed?.await.unwrap_or_else(|_| Err(closed()))
}

fn closed() -> StoreError {
    StoreError::new("the history is closed", None)
}

/// A transaction fails once for all in it.
fn copy(error: &Error) -> Error {
    match error {
        Error::SqliteFailure(code, text) => Error::SqliteFailure(*code, text.clone()),
        other => Error::ToSqlConversionFailure(other.to_string().into()),
    }
}

/// Does a job's work where nothing of the others' can be taken back by it.
fn placed<T>(place: Place<'_>, work: impl FnOnce(&Connection) -> Result<T, Error>) -> Result<T, Error> {
    let Place { connection, is_first } = place;
    if is_first { work(connection) } else { apart(connection, work) }
}

/// What fails takes back what it did, and nothing of the others'.
pub(super) fn apart<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, Error>,
) -> Result<T, Error> {
    execute(connection, "SAVEPOINT apart")?;
    let outcome = work(connection);
    // A full disk takes the whole transaction back at once, and its savepoints with it.
    if connection.is_autocommit() {
        return outcome;
    }
    if outcome.is_err() {
        execute(connection, "ROLLBACK TO apart")?;
    }
    execute(connection, "RELEASE apart")?;
    outcome
}

fn run(kind: Kind, connection: &Connection, receiver: &Receiver<Job>) {
    let mut waiting = VecDeque::new();
    while let Some(first) = waiting.pop_front().or_else(|| receiver.recv().ok()) {
        match kind {
            Kind::Reader => read(connection, first.work),
            Kind::Writer => write(connection, first, &mut waiting, receiver),
        }
    }
}

/// All of one question is answered of one moment, whatever is written meanwhile.
fn read(connection: &Connection, question: Work) {
    match execute(connection, "BEGIN") {
        Ok(()) => {
            (question(Some(Place { connection, is_first: true })).answer)(Ok(()));
            // Nothing was changed: either way of ending gives the moment back.
            let _ = execute(connection, "ROLLBACK");
        }
        Err(error) => (question(None).answer)(Err(&error)),
    }
}

/// Does `first` in a transaction, and with it what waits by then: also what comes while the others are done still shares their sync. What has its turn
/// after them goes on waiting.
fn write(connection: &Connection, first: Job, waiting: &mut VecDeque<Job>, receiver: &Receiver<Job>) {
    waiting.extend(receiver.try_iter().take(BATCH_MAX.saturating_sub(waiting.len())));
    let mut answers = Vec::new();
    let committed = match execute(connection, "BEGIN IMMEDIATE") {
        Ok(()) => {
            let end = Batch { waiting, receiver, answers: &mut answers }.all(connection, first);
            end.and_then(|end| execute(connection, end))
        }
        Err(error) => {
            // They have waited for the other process, too; what has come since then waits by itself.
            let waited = std::iter::once(first).chain(waiting.drain(..));
            answers.extend(waited.map(|job| (job.work)(None).answer));
            Err(error)
        }
    };
    if committed.is_err() && !connection.is_autocommit() {
        let _ = execute(connection, "ROLLBACK");
    }
    for answer in answers {
        answer(committed.as_ref().copied());
    }
}

/// What is done in one transaction.
struct Batch<'b> {
    waiting: &'b mut VecDeque<Job>,
    receiver: &'b Receiver<Job>,
    answers: &'b mut Vec<Answer>,
}

impl Batch<'_> {
    /// Does `first` and what waits after it, one after the other, until nothing waits. Gives the statement that the transaction shall end with; an
    /// error says that it is gone.
    fn all(mut self, connection: &Connection, first: Job) -> Result<&'static str, Error> {
        let (mut next, mut is_first) = (Some(first), true);
        while let Some(job) = next {
            let Done { answer, failed } = (job.work)(Some(Place { connection, is_first }));
            self.answers.push(answer);
            // Also where the work passed over what took it back.
            if connection.is_autocommit() {
                return Err(failed.unwrap_or_else(lost));
            }
            // Nothing stands before it and nothing was done after it: all of the transaction is its own.
            if is_first && failed.is_some() {
                return Ok("ROLLBACK");
            }
            is_first = false;
            next = self.more();
        }
        Ok("COMMIT")
    }

    /// What else is done in this transaction.
    fn more(&mut self) -> Option<Job> {
        if self.answers.len() >= BATCH_MAX {
            return None;
        }
        if self.waiting.is_empty() {
            self.waiting.extend(self.receiver.try_recv().ok());
        }
        match self.waiting.front()?.turn {
            Turn::Beside => self.waiting.pop_front(),
            Turn::After => None,
        }
    }
}

fn lost() -> Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT_ROLLBACK);
    Error::SqliteFailure(code, Some(String::from("the transaction was taken back")))
}

fn execute(connection: &Connection, statement: &str) -> Result<(), Error> {
    connection.prepare_cached(statement)?.execute([]).map(drop)
}

impl Drop for Worker {
    fn drop(&mut self) {
        *self.sender.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
