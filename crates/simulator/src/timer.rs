//! The simulator's only clock: what time it is, and waits that end on time.
//!
//! tokio's timer ticks in milliseconds and rounds up, which would charge up to a millisecond of the simulator's own
//! to every call of a council measured against it. So one thread per simulator sleeps on a condition variable until
//! the earliest deadline (about 60 µs late on Linux) and wakes the waiting task.

use std::{
    cmp::Ordering,
    collections::BinaryHeap,
    pin::Pin,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tokio::sync::oneshot;

/// Now, on the clock that the waits use.
#[expect(clippy::disallowed_methods, reason = "the simulator plays a remote server, whose time is real")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Seconds since 1970, for the `created` field of a reply.
#[expect(clippy::disallowed_methods, reason = "the simulator plays a remote server, whose time is real")]
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

/// Hands out waits. Dropping it ends its thread; waits still open then end at once.
#[derive(Debug)]
pub(crate) struct Timer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    waits: BinaryHeap<Entry>,
    closed: bool,
}

#[derive(Debug)]
struct Entry {
    until: Instant,
    wake: oneshot::Sender<()>,
}

impl Timer {
    pub(crate) fn start() -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let thread = std::thread::Builder::new().name("simulator-timer".into()).spawn({
            let shared = Arc::clone(&shared);
            move || shared.run()
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Ends at `until`, or at once when that has passed.
    pub(crate) fn wait_until(&self, until: Instant) -> Wait {
        let (wake, woken) = oneshot::channel();
        let mut queue = self.shared.lock();
        let earliest = queue.waits.peek().is_none_or(|first| until < first.until);
        queue.waits.push(Entry { until, wake });
        drop(queue);
        if earliest {
            self.shared.changed.notify_one();
        }
        Wait { woken }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // The thread only waits on the condition just signalled; a panic in it has nothing left to tell.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut queue = self.lock();
        while !queue.closed {
            let now = now();
            let Some(first) = queue.waits.peek() else {
                queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = first.until.saturating_duration_since(now);
            if left.is_zero() {
                if let Some(due) = queue.waits.pop() {
                    // An error means that the waiting call was cancelled.
                    let _ = due.wake.send(());
                }
            } else {
                queue = self.changed.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        queue.waits.clear();
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.until == other.until
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    /// Reversed: the heap's greatest entry is the earliest.
    fn cmp(&self, other: &Self) -> Ordering {
        other.until.cmp(&self.until)
    }
}

/// One wait, for one task.
#[derive(Debug)]
pub(crate) struct Wait {
    woken: oneshot::Receiver<()>,
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.woken).poll(context).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waits_end_in_the_order_of_their_deadlines_and_not_early() {
        let timer = Timer::start().unwrap();
        let start = now();
        let late = timer.wait_until(start + Duration::from_millis(30));
        let soon = timer.wait_until(start + Duration::from_millis(5));
        let mut late = std::pin::pin!(late);
        tokio::select! {
            biased;
            () = &mut late => panic!("the later wait ended first"),
            () = soon => assert!(now() >= start + Duration::from_millis(5)),
        }
        late.await;
        assert!(now() >= start + Duration::from_millis(30));
    }

    #[tokio::test]
    async fn dropping_the_timer_ends_its_thread_and_its_waits() {
        let timer = Timer::start().unwrap();
        let wait = timer.wait_until(now() + Duration::from_secs(3600));
        drop(timer);
        wait.await;
    }
}
