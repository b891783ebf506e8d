//! One breaker for many calls at once.
//!
//! While the target is well, asking costs one atomic load and no lock. Everything else happens under the lock, probes too, so that two
//! callers never hold one at the same time.

use std::{sync::PoisonError, time::Instant};

use super::{
    breaker::{Breaker, BreakerConfig, BreakerState, CallResult, Gate, Pass, Shut},
    sync::{AtomicU64, Mutex, Ordering},
};

/// The value of `plain` while the lock must be asked. Epochs count trips and never come near it.
const ASK: u64 = u64::MAX;

/// A breaker that is shared.
#[derive(Debug)]
pub struct SharedBreaker {
    /// The epoch while everything is admitted, else `ASK`.
    ///
    /// A caller that reads it just before a trip goes out once more, as it would have a moment earlier: its pass carries the old epoch,
    /// so its outcome changes nothing. Nobody is admitted by it as a probe.
    plain: AtomicU64,
    config: BreakerConfig,
    breaker: Mutex<Breaker>,
}

impl SharedBreaker {
    /// A breaker that admits everything.
    pub fn new(config: BreakerConfig) -> Self {
        Self { plain: AtomicU64::new(0), config, breaker: Mutex::new(Breaker::new(config)) }
    }

    /// Its rules.
    pub const fn config(&self) -> &BreakerConfig {
        &self.config
    }

    /// See [`Breaker::gate`].
    pub fn gate(&self, now: Instant) -> Gate {
        match self.plain.load(Ordering::Acquire) {
            ASK => self.with(|breaker| breaker.gate(now)),
            epoch => Gate::Admit(Pass::plain(epoch)),
        }
    }

    /// Whether everything is admitted.
    pub fn is_plain(&self) -> bool {
        self.plain.load(Ordering::Acquire) != ASK
    }

    /// See [`Breaker::shut`].
    pub fn shut(&self, now: Instant) -> Option<Shut> {
        match self.plain.load(Ordering::Acquire) {
            ASK => self.with(|breaker| breaker.shut(now)),
            _ => None,
        }
    }

    /// See [`Breaker::record`].
    pub fn record(&self, pass: Pass, result: CallResult, now: Instant) {
        self.with(|breaker| breaker.record(pass, result, now));
    }

    /// See [`Breaker::cool_until`].
    pub fn cool_until(&self, until: Instant, now: Instant) {
        self.with(|breaker| breaker.cool_until(until, now));
    }

    /// See [`Breaker::restore`].
    pub fn restore(&self, until: Instant, trips: u32) {
        self.with(|breaker| breaker.restore(until, trips));
    }

    /// See [`Breaker::state`].
    pub fn state(&self, now: Instant) -> BreakerState {
        self.with(|breaker| breaker.state(now))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Breaker) -> T) -> T {
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(&mut breaker);
        let plain = if breaker.is_plain() { breaker.epoch() } else { ASK };
        // Written under the lock: two writers cannot leave the older word behind.
        self.plain.store(plain, Ordering::Release);
        result
    }
}

#[cfg(all(test, not(ao_loom)))]
mod tests {
    use std::time::Duration;

    use async_orchestrator_core::{Clock, test_util::ManualClock};

    use super::*;

    #[test]
    fn of_many_callers_at_once_one_is_the_probe() {
        let now = ManualClock::new().now();
        for _ in 0..200 {
            let config = BreakerConfig { consecutive_failures: 1, ..BreakerConfig::default() };
            let breaker = SharedBreaker::new(config);
            let Gate::Admit(pass) = breaker.gate(now) else { panic!("it starts open") };
            breaker.record(pass, CallResult::Failure { retry_after: None }, now);
            let later = now + Duration::from_secs(6);
            let admitted: usize = std::thread::scope(|scope| {
                let caller = || usize::from(matches!(breaker.gate(later), Gate::Admit(_)));
                let callers: Vec<_> = (0..8).map(|_| scope.spawn(caller)).collect();
                callers.into_iter().map(|caller| caller.join().unwrap()).sum()
            });
            assert_eq!(admitted, 1);
        }
    }

    #[test]
    fn a_success_that_was_under_way_at_the_trip_does_not_open_the_gate() {
        let now = ManualClock::new().now();
        let breaker =
            SharedBreaker::new(BreakerConfig { consecutive_failures: 1, ..BreakerConfig::default() });
        let (Gate::Admit(slow), Gate::Admit(failing)) = (breaker.gate(now), breaker.gate(now)) else {
            panic!("it starts open")
        };
        breaker.record(failing, CallResult::Failure { retry_after: None }, now);
        breaker.record(slow, CallResult::Success { took: Duration::ZERO }, now);
        assert!(breaker.shut(now).is_some());
    }
}
