//! A clock that stands still until it is told to move.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, Instant, SystemTime},
};

use crate::{Clock, Sleep};

/// Time for tests: it passes only in [`ManualClock::advance`], which wakes every sleeper whose time has come.
///
/// ```
/// use async_orchestrator_core::{test_util::ManualClock, Clock};
/// use std::time::Duration;
/// let clock = ManualClock::new();
/// let before = clock.now();
/// clock.advance(Duration::from_secs(5));
/// assert_eq!(clock.now() - before, Duration::from_secs(5));
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    origin: Instant,
    passed: Duration,
    sleepers: Vec<(Duration, Waker)>,
}

impl ManualClock {
    /// A clock at its origin.
    #[expect(
        clippy::disallowed_methods,
        reason = "an `Instant` can only be had from the system; it is never looked at again"
    )]
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            origin: Instant::now(),
            passed: Duration::ZERO,
            sleepers: Vec::new(),
        })))
    }

    /// Lets `duration` pass.
    pub fn advance(&self, duration: Duration) {
        let mut state = self.state();
        state.passed += duration;
        let passed = state.passed;
        let (due, waiting) =
            std::mem::take(&mut state.sleepers).into_iter().partition(|(end, _)| *end <= passed);
        state.sleepers = waiting;
        drop(state);
        let due: Vec<(Duration, Waker)> = due;
        for (_, waker) in due {
            waker.wake();
        }
    }

    /// How many futures are waiting.
    pub fn sleepers(&self) -> usize {
        self.state().sleepers.len()
    }

    /// Lets time pass until the next sleeper wakes; false if nobody sleeps.
    pub fn advance_to_next(&self) -> bool {
        let state = self.state();
        let next = state.sleepers.iter().map(|(end, _)| end.saturating_sub(state.passed)).min();
        drop(state);
        next.inspect(|wait| self.advance(*wait)).is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        let state = self.state();
        state.origin + state.passed
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000) + self.state().passed
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let end = self.state().passed.saturating_add(duration);
        Box::pin(Sleeper { clock: self.clone(), end })
    }
}

struct Sleeper {
    clock: ManualClock,
    end: Duration,
}

impl Future for Sleeper {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.clock.state();
        if self.end <= state.passed {
            return Poll::Ready(());
        }
        let waker = context.waker();
        if !state.sleepers.iter().any(|(end, known)| *end == self.end && known.will_wake(waker)) {
            state.sleepers.push((self.end, waker.clone()));
        }
        Poll::Pending
    }
}
