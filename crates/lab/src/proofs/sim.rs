//! Simulated time: it stands still while anything can move, then jumps to the next sleeper. What one seed plays, it plays again.

use std::{
    collections::BTreeMap,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant, SystemTime},
};

use async_orchestrator_core::{Clock, Sleep};
use async_orchestrator_resilience::TokioClock;
use futures_util::{
    StreamExt,
    future::{Either, select},
    stream::FuturesUnordered,
};

/// A clock whose sleepers are kept in order and leave when they are dropped, so that millions of calls cost no more than those under way.
#[derive(Clone, Debug)]
pub(super) struct SimClock(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    origin: Instant,
    passed: Duration,
    joined: u64,
    sleepers: BTreeMap<(Duration, u64), Waker>,
}

impl SimClock {
    pub(super) fn new() -> Self {
        // An `Instant` can only be had from the system; it is never looked at again.
        let origin = TokioClock.now();
        let (passed, joined, sleepers) = (Duration::ZERO, 0, BTreeMap::new());
        Self(Arc::new(Mutex::new(State { origin, passed, joined, sleepers })))
    }

    /// The time since the beginning.
    pub(super) fn passed(&self) -> Duration {
        self.state().passed
    }

    /// Lets time pass until the next sleeper wakes; false if nobody sleeps. Who sleeps until the same moment wakes in the order of coming.
    fn advance_to_next(&self) -> bool {
        let mut due = Vec::new();
        let mut state = self.state();
        let Some((&(end, _), _)) = state.sleepers.first_key_value() else { return false };
        state.passed = state.passed.max(end);
        while let Some(entry) = state.sleepers.first_entry() {
            if entry.key().0 > end {
                break;
            }
            due.push(entry.remove());
        }
        drop(state);
        due.into_iter().for_each(Waker::wake);
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for SimClock {
    fn now(&self) -> Instant {
        let state = self.state();
        state.origin + state.passed
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000) + self.passed()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let mut state = self.state();
        state.joined += 1;
        let key = (state.passed.saturating_add(duration), state.joined);
        Box::pin(Sleeper { clock: self.clone(), key })
    }
}

struct Sleeper {
    clock: SimClock,
    key: (Duration, u64),
}

impl Future for Sleeper {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.clock.state();
        if self.key.0 <= state.passed {
            return Poll::Ready(());
        }
        state.sleepers.insert(self.key, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let waker = self.clock.state().sleepers.remove(&self.key);
        // Outside the lock: a waker may own what owns sleepers.
        drop(waker);
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Polls `work` to its end; whenever it can do nothing more, time passes to the next sleeper. It blocks its thread for as long as it computes.
///
/// # Errors
/// If nothing can move and nobody sleeps.
pub(super) fn play<T>(clock: &SimClock, work: impl Future<Output = T>) -> Result<T, String> {
    let mut work = pin!(work);
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&woken));
    loop {
        if woken.0.swap(false, Ordering::SeqCst) {
            if let Poll::Ready(value) = work.as_mut().poll(&mut Context::from_waker(&waker)) {
                return Ok(value);
            }
        } else if !clock.advance_to_next() {
            return Err("nobody sleeps and nothing moves".to_owned());
        }
    }
}

/// Lets calls arrive while earlier ones are under way: `next` gives the wait before a call and the call, `done` gets what came of it.
pub(super) async fn arrivals<F: Future>(
    clock: &SimClock,
    mut next: impl FnMut() -> Option<(Duration, F)>,
    mut done: impl FnMut(F::Output),
) {
    let mut running = FuturesUnordered::new();
    while let Some((wait, call)) = next() {
        let mut wait = clock.sleep(wait);
        loop {
            if running.is_empty() {
                wait.await;
                break;
            }
            match select(running.next(), wait).await {
                Either::Left((ended, rest)) => {
                    ended.into_iter().for_each(&mut done);
                    wait = rest;
                }
                Either::Right(_) => break,
            }
        }
        running.push(call);
    }
    while let Some(ended) = running.next().await {
        done(ended);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_jumps_and_dropped_sleepers_are_gone() {
        let clock = SimClock::new();
        let work = async {
            let (hour, day) = (Duration::from_secs(3_600), Duration::from_secs(86_400));
            select(clock.sleep(hour), clock.sleep(day)).await;
            assert_eq!((clock.passed(), clock.state().sleepers.len()), (hour, 0));
        };
        assert!(play(&clock, work).is_ok());
        assert!(play(&clock, std::future::pending::<()>()).is_err());
    }
}
