//! A reader's queue and thread: bounded, and nobody ever waits for them.

use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime},
};

use async_orchestrator_core::{Event, EventKind};

/// So many events wait for one reader; further ones are lost to it, and counted.
const QUEUE_MAX: usize = 8_192;
/// A reader that has nothing to read is told so this often, to send what it holds.
const IDLE: Duration = Duration::from_millis(500);
/// So long events come together after some were read. A thread that is woken for each of them spends most of its time on waking.
const GATHER: Duration = Duration::from_millis(10);
/// So long an event may be held, by the events' own times, while others keep coming: a trickle must not hold back what is to be sent.
const HELD_MAX: Duration = Duration::from_secs(1);
/// So long a reader may take for its last words.
const GOODBYE_MAX: Duration = Duration::from_secs(3);

/// An event with the two times at which it happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Stamped {
    /// The time of day, which may be set back between two events.
    pub at: SystemTime,
    /// The reading of the monotonic clock, by which durations are measured.
    pub now: Instant,
    /// What.
    pub event: Event,
}

/// Someone who reads events on a thread of its own. It may be slow: then it loses events, and nobody else notices.
pub trait Reader: Send {
    /// Reads one event.
    fn read(&mut self, event: &Stamped);

    /// Nothing is left to read now, it was long busy, or a [`flush`](crate::OrchestrationInstrumentation::flush) was asked for: what is held may
    /// be sent.
    fn rest(&mut self) {}

    /// Whether it reads such events at all. Pieces of text are many, and few readers want them.
    fn wants(&self, kind: &EventKind) -> bool {
        !matches!(kind, EventKind::Delta { .. })
    }
}

enum Item {
    Event(Stamped),
    Flush(SyncSender<()>),
}

/// The queue of one reader.
pub(crate) struct Queue {
    name: String,
    shared: Arc<Shared>,
    /// Whether a flush was waited for in vain: then the end waits for none.
    hangs: AtomicBool,
    wants_deltas: bool,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    woken: Condvar,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    items: VecDeque<Item>,
    /// Whether the thread sleeps until it is woken: then the first item wakes it, and no other needs to.
    asleep: bool,
    /// Whether somebody waits for what is here.
    urgent: bool,
    closed: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    pub(crate) fn start(name: String, reader: Box<dyn Reader>) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let (mine, wants_deltas) =
            (Arc::clone(&shared), reader.wants(&EventKind::Delta { text: String::new() }));
        let thread =
            std::thread::Builder::new().name(format!("watch-{name}")).spawn(move || run(reader, &mine))?;
        let thread = Mutex::new(Some(thread));
        Ok(Self { name, shared, hangs: AtomicBool::new(false), wants_deltas, thread })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Whether the event is handed over; what else a reader does not want it passes over itself.
    pub(crate) fn wants(&self, kind: &EventKind) -> bool {
        self.wants_deltas || !matches!(kind, EventKind::Delta { .. })
    }

    /// Hands an event over, or counts it as lost.
    ///
    /// Events are moved, not shared: most hold nothing that would have to be freed on another thread than it was made on, which costs both.
    pub(crate) fn push(&self, event: Stamped) {
        if !self.hand_over(Item::Event(event)) {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn hand_over(&self, item: Item) -> bool {
        let mut waiting = self.shared.lock();
        let flush = matches!(item, Item::Flush(_));
        // Who flushes waits, so that there are never more of them than of those who do.
        if waiting.closed || (waiting.items.len() >= QUEUE_MAX && !flush) {
            return false;
        }
        waiting.urgent |= flush;
        waiting.items.push_back(item);
        // To wake a thread for each event costs more than everything else about it.
        let wake = waiting.urgent || waiting.items.len() == QUEUE_MAX / 2 || waiting.asleep;
        waiting.asleep = false;
        drop(waiting);
        if wake {
            self.shared.woken.notify_one();
        }
        true
    }

    pub(crate) fn flush(&self, limit: Duration) -> bool {
        let (done, wait) = sync_channel(1);
        if !self.hand_over(Item::Flush(done)) {
            return false;
        }
        let waited = wait.recv_timeout(limit);
        self.hangs.fetch_or(waited == Err(RecvTimeoutError::Timeout), Ordering::Relaxed);
        waited.is_ok()
    }
}

/// What happens to a thread that waits for events.
enum Next {
    Items,
    Idle,
    Closed,
}

/// What a thread took and has not read yet. However the thread ends, also by a panic of its reader, nothing is handed over any more, and what
/// nobody will read is counted.
struct Taken<'a> {
    items: VecDeque<Item>,
    shared: &'a Shared,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let mut waiting = self.shared.lock();
        waiting.closed = true;
        self.items.append(&mut waiting.items);
        let lost = self.items.iter().filter(|item| matches!(item, Item::Event(_))).count();
        self.shared.dropped.fetch_add(lost as u64, Ordering::Relaxed);
    }
}

fn run(mut reader: Box<dyn Reader>, shared: &Shared) {
    let mut taken = Taken { items: VecDeque::new(), shared };
    // When the first event happened that was read since the last rest.
    let mut since = None;
    loop {
        match next(shared, &mut taken.items) {
            Next::Items => {
                while let Some(item) = taken.items.pop_front() {
                    if read(&mut *reader, item, &mut since) {
                        since = None;
                        reader.rest();
                    }
                }
            }
            Next::Idle => {
                since = None;
                reader.rest();
            }
            Next::Closed => return reader.rest(),
        }
        gather(shared);
    }
}

/// Sleeps until there is something to read, at most so long that what is held is sent in time. What waits is put into `items`, which is empty
/// and whose room is used for what comes next.
fn next(shared: &Shared, items: &mut VecDeque<Item>) -> Next {
    let mut waiting = shared.lock();
    waiting.asleep = true;
    let nothing = |waiting: &mut Waiting| waiting.items.is_empty() && !waiting.closed;
    let waited = shared.woken.wait_timeout_while(waiting, IDLE, nothing);
    let (mut waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
    (waiting.asleep, waiting.urgent) = (false, false);
    std::mem::swap(&mut waiting.items, items);
    match waiting.closed {
        _ if !items.is_empty() => Next::Items,
        true => Next::Closed,
        false => Next::Idle,
    }
}

/// Lets events come together for a while, unless somebody waits for them or they become many.
fn gather(shared: &Shared) {
    let calm =
        |waiting: &mut Waiting| !waiting.closed && !waiting.urgent && waiting.items.len() < QUEUE_MAX / 2;
    drop(shared.woken.wait_timeout_while(shared.lock(), GATHER, calm));
}

/// Reads one item. Gives whether the reader has held something for long.
fn read(reader: &mut dyn Reader, item: Item, since: &mut Option<Instant>) -> bool {
    match item {
        Item::Event(event) => {
            if reader.wants(&event.event.kind) {
                reader.read(&event);
                since.get_or_insert(event.now);
            }
            since.is_some_and(|since| event.now.saturating_duration_since(since) >= HELD_MAX)
        }
        Item::Flush(done) => {
            *since = None;
            reader.rest();
            // Whoever asked may have given up.
            let _ = done.try_send(());
            false
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // A reader that hangs is left behind: nobody waits for it longer than this, and not again where that was tried.
        let rested = !self.hangs.load(Ordering::Relaxed) && self.flush(GOODBYE_MAX);
        self.shared.lock().closed = true;
        self.shared.woken.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread.filter(|_| rested) {
            // It has nothing left to do, so it ends at once.
            let _ = thread.join();
        }
    }
}
