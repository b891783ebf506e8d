//! A reader's queue and thread: bounded, and nobody ever waits for them.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, SystemTime},
};

use async_orchestrator_core::{Event, EventKind};

/// So many events wait for one reader; further ones are lost to it, and counted.
const QUEUE_MAX: usize = 8_192;
/// A reader that has nothing to read is told so this often, to send what it holds.
const IDLE: Duration = Duration::from_millis(500);
/// So long a reader may take for its last words.
const GOODBYE_MAX: Duration = Duration::from_secs(3);

/// An event with the time of day at which it happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Stamped {
    /// When.
    pub at: SystemTime,
    /// What.
    pub event: Event,
}

/// Someone who reads events on a thread of its own. It may be slow: then it loses events, and nobody else notices.
pub trait Reader: Send {
    /// Reads one event.
    fn read(&mut self, event: &Stamped);

    /// Nothing is left to read now, or a [`flush`](crate::OrchestrationInstrumentation::flush) was asked for: what is held may be sent.
    fn rest(&mut self) {}

    /// Whether it reads such events at all. Pieces of text are many, and few readers want them.
    fn wants(&self, kind: &EventKind) -> bool {
        !matches!(kind, EventKind::Delta { .. })
    }
}

enum Item {
    Event(Arc<Stamped>),
    Flush(SyncSender<()>),
}

/// The queue of one reader.
pub(crate) struct Queue {
    name: String,
    sender: Option<SyncSender<Item>>,
    dropped: AtomicU64,
    wants_deltas: bool,
    ended: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Queue {
    pub(crate) fn start(name: String, reader: Box<dyn Reader>) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(QUEUE_MAX);
        let ended = Arc::new(AtomicBool::new(false));
        let (mark, wants_deltas) =
            (Arc::clone(&ended), reader.wants(&EventKind::Delta { text: String::new() }));
        let thread = std::thread::Builder::new().name(format!("watch-{name}")).spawn(move || {
            run(reader, &receiver);
            mark.store(true, Ordering::Release);
        })?;
        let thread = Mutex::new(Some(thread));
        Ok(Self { name, sender: Some(sender), dropped: AtomicU64::new(0), wants_deltas, ended, thread })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Whether the event is handed over; what else a reader does not want it passes over itself.
    pub(crate) fn wants(&self, kind: &EventKind) -> bool {
        self.wants_deltas || !matches!(kind, EventKind::Delta { .. })
    }

    /// Hands an event over, or counts it as lost.
    pub(crate) fn push(&self, event: &Arc<Stamped>) {
        let item = Item::Event(Arc::clone(event));
        if self.sender.as_ref().is_none_or(|sender| sender.try_send(item).is_err()) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn flush(&self, limit: Duration) -> bool {
        let (done, wait) = sync_channel(1);
        let sent = self.sender.as_ref().is_some_and(|sender| sender.try_send(Item::Flush(done)).is_ok());
        sent && wait.recv_timeout(limit).is_ok()
    }
}

fn run(mut reader: Box<dyn Reader>, receiver: &Receiver<Item>) {
    loop {
        match receiver.recv_timeout(IDLE) {
            Ok(Item::Event(event)) if reader.wants(&event.event.kind) => reader.read(&event),
            Ok(Item::Event(_)) => {}
            Ok(Item::Flush(done)) => {
                reader.rest();
                // Whoever asked may have given up.
                let _ = done.try_send(());
            }
            Err(RecvTimeoutError::Timeout) => reader.rest(),
            Err(RecvTimeoutError::Disconnected) => {
                reader.rest();
                return;
            }
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // A reader that hangs is left behind: nobody waits for it longer than this.
        let _ = self.flush(GOODBYE_MAX);
        self.sender = None;
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread.filter(|_| self.ended.load(Ordering::Acquire) || self.dropped() == 0) {
            // It has rested just now, so it ends at once; one that did not answer is not joined.
            if thread.is_finished() {
                let _ = thread.join();
            }
        }
    }
}
