//! The one thread that owns the connection. It takes what waits, writes all of it in one transaction, and then answers who asked.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
};

use async_orchestrator_core::StoreError;
use futures_channel::oneshot;
use rusqlite::{Connection, Error, TransactionBehavior};

use crate::{file, work::Note};

/// The most that waits; beyond it notes are dropped and counted, and questions fail.
const QUEUE_MAX: usize = 4_096;
/// The most that is written in one transaction: others wait for the file meanwhile.
const BATCH_MAX: usize = 256;

type Answering = Box<dyn FnOnce(&Connection) + Send>;

enum Work {
    Note(Note),
    Ask(Answering),
}

/// Hands work to the thread; dropped, it waits until all of it is written.
pub(crate) struct Writer {
    sender: Mutex<Option<SyncSender<Work>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    lost: Arc<AtomicU64>,
}

impl Writer {
    pub(crate) fn start(connection: Connection) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(QUEUE_MAX);
        let lost = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&lost);
        let thread = std::thread::Builder::new()
            .name(String::from("shared-state"))
            .spawn(move || run(connection, &receiver, &counter))?;
        Ok(Self { sender: Mutex::new(Some(sender)), thread: Mutex::new(Some(thread)), lost })
    }

    /// Hands `note` over. Never waits.
    pub(crate) fn note(&self, note: Note) {
        if self.send(Work::Note(note)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What `question` finds, after everything that was handed over before.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.ask_or(question, |_, _| Ok(())).await
    }

    /// The same; where nobody hears the answer any more, `unheard` undoes it.
    pub(crate) async fn ask_or<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
        unheard: impl FnOnce(&Connection, T) -> Result<(), Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, replied) = oneshot::channel();
        let answering: Answering = Box::new(move |connection| {
            if reply.is_canceled() {
                return;
            }
            if let Err(Ok(found)) = reply.send(question(connection)) {
                // What cannot be undone is like the charge of a process that died.
                let _ = unheard(connection, found);
            }
        });
        self.send(Work::Ask(answering))?;
        match replied.await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(said(&error)),
            Err(_) => Err(StoreError::new("the shared state is closed", None)),
        }
    }

    /// How many notes could not be written.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn send(&self, work: Work) -> Result<(), StoreError> {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        let closed = || StoreError::new("the shared state is closed", None);
        match sender.as_ref().ok_or_else(closed)?.try_send(work) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err(StoreError::new("the shared state is too busy", None)),
            Err(TrySendError::Disconnected(_)) => Err(closed()),
        }
    }
}

/// A failure for people.
pub(crate) fn said(error: &Error) -> StoreError {
    file::said("the shared state", error)
}

fn run(mut connection: Connection, receiver: &Receiver<Work>, lost: &AtomicU64) {
    while let Ok(first) = receiver.recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH_MAX
            && let Ok(next) = receiver.try_recv()
        {
            batch.push(next);
        }
        work(&mut connection, batch, lost);
    }
}

/// Notes in a row share a transaction. A question sees all that was handed over before it, and commits before it is answered: a charge
/// that was granted must not be undone.
fn work(connection: &mut Connection, batch: Vec<Work>, lost: &AtomicU64) {
    let mut notes = Vec::new();
    for item in batch {
        match item {
            Work::Note(note) => notes.push(note),
            Work::Ask(answering) => {
                write(connection, &std::mem::take(&mut notes), lost);
                answering(connection);
            }
        }
    }
    write(connection, &notes, lost);
}

fn write(connection: &mut Connection, notes: &[Note], lost: &AtomicU64) {
    if notes.is_empty() {
        return;
    }
    let written =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).and_then(|transaction| {
            notes.iter().try_for_each(|note| note.write(&transaction))?;
            transaction.commit()
        });
    if written.is_err() {
        lost.fetch_add(notes.len() as u64, Ordering::Relaxed);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Without a sender the thread ends after what waits.
        *self.sender.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("lost", &self.lost()).finish_non_exhaustive()
    }
}
