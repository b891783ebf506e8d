//! When a target is left out, as settings.

use std::time::Duration;

/// When a target is left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BreakerConfig {
    /// So many failures in a row trip it; 1 or more, default 5.
    pub consecutive_failures: u32,
    /// So large a share of failures in the window trips it; above 0.0 to 1.0, default 0.5.
    pub failure_ratio: f64,
    /// An answer that begins later than this is slow; unset, none is.
    pub slow_call: Option<Duration>,
    /// So large a share of slow answers in the window trips it; above 0.0 to 1.0, default 0.8.
    pub slow_ratio: f64,
    /// The shares count from so many calls in the window on; 1 or more, default 10.
    pub volume_min: u32,
    /// The length of the window; default 30 s.
    pub window: Duration,
    /// The first cool-down; doubled with each trip in a row; default 5 s.
    pub cooldown_min: Duration,
    /// The longest cool-down of our own making; a vendor's hint may be longer; default 60 s.
    pub cooldown_max: Duration,
    /// A probe that is not heard of again makes room for the next one after this; default 30 s.
    pub probe_lease: Duration,
    /// How long the share of the calls grows after a good probe; zero lets all through at once; default 10 s.
    pub ramp: Duration,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            consecutive_failures: 5,
            failure_ratio: 0.5,
            slow_call: None,
            slow_ratio: 0.8,
            volume_min: 10,
            window: Duration::from_secs(30),
            cooldown_min: Duration::from_secs(5),
            cooldown_max: Duration::from_secs(60),
            probe_lease: Duration::from_secs(30),
            ramp: Duration::from_secs(10),
        }
    }
}

impl BreakerConfig {
    /// Everything that is wrong, each with the name of its setting.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut must = |holds: bool, what: &str| {
            if !holds {
                problems.push(what.to_owned());
            }
        };
        let share = |value: f64| value > 0.0 && value <= 1.0;
        must(self.consecutive_failures > 0, "consecutive_failures: zero would keep every call out");
        must(share(self.failure_ratio), "failure_ratio: a share above 0.0 and up to 1.0 is expected");
        must(share(self.slow_ratio), "slow_ratio: a share above 0.0 and up to 1.0 is expected");
        must(self.slow_call.is_none_or(|limit| !limit.is_zero()), "slow_call: zero makes every answer slow");
        must(self.volume_min > 0, "volume_min: at least 1 is expected");
        must(!self.window.is_zero(), "window: it must be longer than zero");
        must(!self.cooldown_min.is_zero(), "cooldown_min: zero would leave nothing out");
        must(self.cooldown_min <= self.cooldown_max, "cooldown_min: it is longer than cooldown_max");
        must(!self.probe_lease.is_zero(), "probe_lease: zero would let every call out as a probe");
        problems
    }
}
