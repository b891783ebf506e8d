//! How many retries all calls to one provider may make together.
//!
//! A token bucket that first attempts fill and retries empty, so that retries stay a small share of the load however much fails:
//! Finagle's `RetryBudget` and gRPC's retry throttling (gRFC A6). Lock-free: it stands on the path of every call.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// The price of one retry, in the units in which first attempts pay in.
const RETRY: u64 = 1_000;

/// How many retries may be made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryBudgetConfig {
    /// Retries for each first attempt; 0.0 to 1.0, default 0.1: of ten calls one may be made again.
    pub share: f64,
    /// Retries beyond that, so that few calls can be retried at all; refilled within `refill`; default 10.
    pub reserve: u32,
    /// In so much time an empty reserve is full again; default 10 s.
    pub refill: Duration,
}

impl Default for RetryBudgetConfig {
    fn default() -> Self {
        Self { share: 0.1, reserve: 10, refill: Duration::from_secs(10) }
    }
}

impl RetryBudgetConfig {
    /// Everything that is wrong, each with the name of its setting.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !(0.0..=1.0).contains(&self.share) {
            problems.push("share: 0.0 to 1.0 is expected".to_owned());
        }
        if self.refill.is_zero() {
            problems.push("refill: it must be longer than zero".to_owned());
        }
        problems
    }
}

/// The answer to "may this be made again?".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withdrawal {
    /// It may, and is paid for.
    Granted,
    /// Too much was made again already.
    Refused,
}

/// The budget of one provider.
///
/// Two buckets: what first attempts paid in, kept for as many as the reserve, and the reserve, which time refills.
#[derive(Debug)]
pub struct RetryBudget {
    config: RetryBudgetConfig,
    origin: Instant,
    earned: AtomicU64,
    /// When the reserve would be full, in nanoseconds since the origin (GCRA's theoretical arrival time).
    reserve_full_at: AtomicU64,
}

impl RetryBudget {
    /// A budget with a full reserve.
    pub fn new(config: RetryBudgetConfig, now: Instant) -> Self {
        Self { config, origin: now, earned: AtomicU64::new(0), reserve_full_at: AtomicU64::new(0) }
    }

    /// A first attempt goes out.
    pub fn deposit(&self) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of 0 to 1 of a thousand"
        )]
        let pays = (self.config.share.clamp(0.0, 1.0) * RETRY as f64) as u64;
        let most = u64::from(self.config.reserve.max(1)) * RETRY;
        // Lost updates would not matter, but the sum must not pass the cap.
        let _ = self.earned.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |earned| {
            let sum = earned.saturating_add(pays).min(most);
            (sum != earned).then_some(sum)
        });
    }

    /// A retry wants to go out at `now`.
    pub fn withdraw(&self, now: Instant) -> Withdrawal {
        let earned = self
            .earned
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |earned| earned.checked_sub(RETRY));
        if earned.is_ok() || self.take_reserve(now) { Withdrawal::Granted } else { Withdrawal::Refused }
    }

    fn take_reserve(&self, now: Instant) -> bool {
        if self.config.reserve == 0 {
            return false;
        }
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let now = nanos(now.saturating_duration_since(self.origin));
        let each = nanos(self.config.refill / self.config.reserve);
        let all = nanos(self.config.refill);
        let taken = self.reserve_full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
            let next = full_at.max(now).saturating_add(each);
            (next <= now.saturating_add(all)).then_some(next)
        });
        taken.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use async_orchestrator_core::{Clock, test_util::ManualClock};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_few_calls_may_retry_and_a_storm_may_not() {
        let now = ManualClock::new().now();
        let budget = RetryBudget::new(RetryBudgetConfig::default(), now);
        let granted = (0..1_000).filter(|_| {
            budget.deposit();
            budget.withdraw(now) == Withdrawal::Granted
        });
        assert_eq!(granted.count(), 110, "a tenth of the calls and the reserve");
        let later = now + Duration::from_secs(10);
        let granted = (0..100).filter(|_| budget.withdraw(later) == Withdrawal::Granted).count();
        assert_eq!(granted, 10, "the reserve is full again");
    }

    proptest! {
        #[test]
        fn retries_never_pass_the_share_and_the_reserve(moves in prop::collection::vec((0u64..300, any::<bool>()), 1..500)) {
            let start = ManualClock::new().now();
            let budget = RetryBudget::new(RetryBudgetConfig::default(), start);
            let (mut now, mut deposits, mut granted) = (start, 0.0, 0.0);
            for (gap, first) in moves {
                now += Duration::from_millis(gap);
                if first {
                    budget.deposit();
                    deposits += 1.0;
                } else if budget.withdraw(now) == Withdrawal::Granted {
                    granted += 1.0;
                }
                let refilled = (now - start).as_secs_f64();
                prop_assert!(granted <= 0.1 * deposits + 10.0 + refilled + 1e-6);
            }
        }
    }
}
