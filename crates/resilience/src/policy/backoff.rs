//! Whether a failed attempt is made again at the same target, and after what wait. Pure.

use std::time::{Duration, Instant};

use async_orchestrator_core::{Deadline, ErrorKind};

/// How waits are spread, so that callers who failed together do not come back together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Jitter {
    /// Up to a quarter shorter, as the official OpenAI and Anthropic SDKs do.
    #[default]
    Sdk,
    /// Anything from nothing to the whole wait ("full jitter"; Brooker, "Exponential Backoff And Jitter", AWS 2015).
    Full,
}

/// When the same target is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryConfig {
    /// So many attempts in all where the vendor is busy or limits us; 1 or more, default 3.
    pub attempts_max: u32,
    /// So many in all where its server failed or its reply was broken; 1 to `attempts_max`, default 2.
    pub server_error_attempts_max: u32,
    /// The first wait; doubled each time; default 0.5 s, as in the official SDKs.
    pub base: Duration,
    /// The longest wait of our own making; default 8 s, as in the official SDKs.
    pub max: Duration,
    /// How waits are spread.
    pub jitter: Jitter,
    /// A vendor's hint is waited for up to this; beyond it the next target is asked; default 60 s.
    pub wait_max: Duration,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            attempts_max: 3,
            server_error_attempts_max: 2,
            base: Duration::from_millis(500),
            max: Duration::from_secs(8),
            jitter: Jitter::Sdk,
            wait_max: Duration::from_secs(60),
        }
    }
}

impl RetryConfig {
    /// Everything that is wrong, each with the name of its setting.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.attempts_max == 0 {
            problems.push("attempts_max: the first attempt counts, so at least 1 is expected".to_owned());
        }
        if !(1..=self.attempts_max.max(1)).contains(&self.server_error_attempts_max) {
            problems.push("server_error_attempts_max: 1 to attempts_max is expected".to_owned());
        }
        if self.base > self.max {
            problems.push("base: it is longer than max".to_owned());
        }
        problems
    }

    fn attempts_for(&self, kind: ErrorKind) -> u32 {
        match kind {
            ErrorKind::RateLimited { .. } | ErrorKind::Overloaded { .. } => self.attempts_max,
            ErrorKind::Unavailable | ErrorKind::Truncated | ErrorKind::Malformed => {
                self.server_error_attempts_max
            }
            // What the request, the key or our own guards did is not cured by asking again, and a server that does not answer in time is
            // not asked to be slow once more: the next target is the cure.
            _ => 1,
        }
    }
}

/// An attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed {
    /// How.
    pub kind: ErrorKind,
    /// How many attempts there were at this target, this one included.
    pub attempts_made: u32,
}

/// What to do after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Ask again after this.
    After(Duration),
    /// Leave it.
    Not(WhyNot),
}

/// Why a target is not asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyNot {
    /// Asking again does not help, or all attempts are used.
    Used,
    /// The wait would not fit the deadline, or is longer than is waited for.
    TooLong,
}

/// What to do after `failed`. `random` is in 0.0 to 1.0, 1.0 excluded.
///
/// The wait is the longer one of the vendor's hint and the backoff. It must end before the deadline.
pub fn decide(config: &RetryConfig, failed: Failed, deadline: Deadline, now: Instant, random: f64) -> Retry {
    if failed.attempts_made >= config.attempts_for(failed.kind) {
        return Retry::Not(WhyNot::Used);
    }
    let hint = match failed.kind {
        ErrorKind::RateLimited { retry_after } | ErrorKind::Overloaded { retry_after } => retry_after,
        _ => None,
    };
    let wait = backoff(config, failed.attempts_made, random).max(hint.unwrap_or_default());
    let fits = deadline.remaining(now).is_none_or(|left| wait < left);
    if wait <= config.wait_max && fits { Retry::After(wait) } else { Retry::Not(WhyNot::TooLong) }
}

fn backoff(config: &RetryConfig, attempts_made: u32, random: f64) -> Duration {
    let doublings = attempts_made.saturating_sub(1).min(31);
    let whole = config.base.saturating_mul(1 << doublings).min(config.max);
    let random = if random.is_finite() { random.clamp(0.0, 1.0) } else { 0.0 };
    match config.jitter {
        Jitter::Sdk => whole.mul_f64(1.0 - 0.25 * random),
        Jitter::Full => whole.mul_f64(random),
    }
}

#[cfg(test)]
mod tests {
    use async_orchestrator_core::{Clock, Guard, TimeoutPhase, test_util::ManualClock};
    use proptest::prelude::*;

    use super::*;

    const LIMITED: ErrorKind = ErrorKind::RateLimited { retry_after: None };

    #[track_caller]
    fn check(kind: ErrorKind, attempts_made: u32, seconds_left: Option<u64>, expected: Retry) {
        let now = ManualClock::new().now();
        let deadline = seconds_left
            .map_or(Deadline::NEVER, |seconds| Deadline::after(now, Duration::from_secs(seconds)));
        let failed = Failed { kind, attempts_made };
        assert_eq!(decide(&RetryConfig::default(), failed, deadline, now, 0.0), expected, "{kind:?}");
    }

    fn hinted(ms: u64) -> ErrorKind {
        ErrorKind::RateLimited { retry_after: Some(Duration::from_millis(ms)) }
    }

    #[test]
    fn a_busy_vendor_is_asked_three_times_and_a_failed_server_twice() {
        let after = |ms| Retry::After(Duration::from_millis(ms));
        check(LIMITED, 1, None, after(500));
        check(LIMITED, 2, None, after(1_000));
        check(LIMITED, 3, None, Retry::Not(WhyNot::Used));
        check(ErrorKind::Overloaded { retry_after: None }, 2, None, after(1_000));
        for kind in [ErrorKind::Unavailable, ErrorKind::Truncated, ErrorKind::Malformed] {
            check(kind, 1, None, after(500));
            check(kind, 2, None, Retry::Not(WhyNot::Used));
        }
    }

    #[test]
    fn what_asking_again_cannot_cure_is_not_asked_again() {
        let timeout = |phase| ErrorKind::Timeout { phase };
        for kind in [
            ErrorKind::Invalid,
            ErrorKind::Unauthorized,
            ErrorKind::QuotaExhausted,
            ErrorKind::ContentFiltered,
            ErrorKind::ContextTooLong,
            ErrorKind::UnknownModel,
            ErrorKind::Cancelled,
            ErrorKind::Refused { by: Guard::Breaker, until: None },
            timeout(TimeoutPhase::Connect),
            timeout(TimeoutPhase::FirstToken),
            timeout(TimeoutPhase::Idle),
            timeout(TimeoutPhase::Total),
            timeout(TimeoutPhase::Deadline),
        ] {
            check(kind, 1, None, Retry::Not(WhyNot::Used));
        }
    }

    #[test]
    fn a_hint_is_waited_for_where_it_fits_and_never_cut_short() {
        check(hinted(3_000), 1, Some(10), Retry::After(Duration::from_secs(3)));
        check(hinted(0), 1, Some(10), Retry::After(Duration::from_millis(500)));
        check(hinted(10_000), 1, Some(10), Retry::Not(WhyNot::TooLong));
        check(hinted(61_000), 1, None, Retry::Not(WhyNot::TooLong));
        check(LIMITED, 1, Some(0), Retry::Not(WhyNot::TooLong));
    }

    proptest! {
        #[test]
        fn waits_stay_in_their_bounds(made in 1u32..100, random in 0.0f64..1.0, left in 0u64..20_000, full: bool) {
            let jitter = if full { Jitter::Full } else { Jitter::Sdk };
            let config = RetryConfig { attempts_max: 1_000, jitter, ..RetryConfig::default() };
            let now = ManualClock::new().now();
            let left = Duration::from_millis(left);
            let failed = Failed { kind: LIMITED, attempts_made: made };
            if let Retry::After(wait) = decide(&config, failed, Deadline::after(now, left), now, random) {
                prop_assert!(wait < left && wait <= config.max);
                prop_assert!(full || wait >= Duration::from_millis(375));
            }
        }
    }
}
