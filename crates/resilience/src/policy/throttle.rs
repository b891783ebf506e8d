//! Keeps calls back on our side while the other side refuses most of them.
//!
//! Client-side adaptive throttling (Beyer et al., "Site Reliability Engineering", chapter 21, "Handling Overload"): with `requests`
//! attempted and `accepts` accepted in the last minutes, a call is kept back with probability
//! `max(0, (requests - k * accepts) / (requests + 1))`. Pure: the random number is an argument.

use std::time::{Duration, Instant};

use super::window::Window;

const REQUEST: usize = 0;
const ACCEPT: usize = 1;

/// When calls are kept back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ThrottleConfig {
    /// So many times what is accepted is tried; above 1.0, default 2.0: from half refused on, calls are kept back.
    pub k: f64,
    /// How far back it looks; default 120 s.
    pub window: Duration,
    /// Below so many requests in the window nothing is kept back; default 20.
    pub volume_min: u32,
}

impl Default for ThrottleConfig {
    fn default() -> Self {
        Self { k: 2.0, window: Duration::from_secs(120), volume_min: 20 }
    }
}

impl ThrottleConfig {
    /// Everything that is wrong, each with the name of its setting.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !(self.k > 1.0 && self.k.is_finite()) {
            problems.push(
                "k: a number above 1.0 is expected, or calls that all succeed are kept back".to_owned(),
            );
        }
        if self.window.is_zero() {
            problems.push("window: it must be longer than zero".to_owned());
        }
        problems
    }
}

/// Whether the other side took a call on, whatever came of it then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It did.
    Yes,
    /// It refused it: overloaded, limited, unreachable.
    No,
}

/// The answer to "is it worth sending?".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Send it.
    Send,
    /// Keep it back.
    KeepBack,
}

/// The throttle of one target.
#[derive(Clone, Debug)]
pub struct Throttle {
    config: ThrottleConfig,
    window: Window<2>,
}

impl Throttle {
    /// Its rules.
    pub const fn config(&self) -> ThrottleConfig {
        self.config
    }

    /// A throttle that has seen nothing.
    pub fn new(config: ThrottleConfig) -> Self {
        Self { config, window: Window::new(config.window) }
    }

    /// Whether a call is worth sending at `now`. `random` is in 0.0 to 1.0, 1.0 excluded. A call that is kept back counts as a request
    /// that nobody accepted, as in the source: the longer it lasts, the fewer go out.
    pub fn admit(&mut self, now: Instant, random: f64) -> Admission {
        let [requests, accepts] = self.window.sums(now);
        if requests < u64::from(self.config.volume_min) {
            return Admission::Send;
        }
        let refused = requests as f64 - self.config.k * accepts as f64;
        let probability = (refused / (requests as f64 + 1.0)).max(0.0);
        if random >= probability {
            return Admission::Send;
        }
        self.window.add(REQUEST, now);
        Admission::KeepBack
    }

    /// Begins anew.
    pub fn forget(&mut self) {
        self.window.clear();
    }

    /// A call that was sent came back.
    pub fn record(&mut self, accepted: Accepted, now: Instant) {
        self.window.add(REQUEST, now);
        if accepted == Accepted::Yes {
            self.window.add(ACCEPT, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use async_orchestrator_core::{Clock, test_util::ManualClock};

    use super::*;
    use crate::dice::Dice;

    /// The share of 10,000 calls that goes out where the other side accepts every `one_in`th.
    fn sent(one_in: u64) -> f64 {
        let mut now = ManualClock::new().now();
        let mut throttle = Throttle::new(ThrottleConfig::default());
        let (dice, mut sent) = (Dice::new(7), 0_u64);
        for _ in 0..10_000 {
            now += Duration::from_millis(20);
            if throttle.admit(now, dice.draw()) == Admission::Send {
                sent += 1;
                let accepted = if sent.is_multiple_of(one_in) { Accepted::Yes } else { Accepted::No };
                throttle.record(accepted, now);
            }
        }
        sent as f64 / 10_000.0
    }

    #[test]
    fn it_sends_about_k_times_what_is_accepted() {
        assert!((sent(1) - 1.0).abs() < f64::EPSILON, "nothing is kept back while all is well");
        assert!((sent(2) - 1.0).abs() < 0.1, "half refused is where it begins: {}", sent(2));
        assert!(sent(20) < 0.25, "{}", sent(20));
        assert!(sent(100_000) < 0.05, "almost nothing reaches a dead target: {}", sent(100_000));
    }

    #[test]
    fn it_forgets_after_its_window() {
        let mut now = ManualClock::new().now();
        let mut throttle = Throttle::new(ThrottleConfig::default());
        for _ in 0..100 {
            throttle.record(Accepted::No, now);
        }
        assert_eq!(throttle.admit(now, 0.5), Admission::KeepBack);
        now += Duration::from_secs(121);
        assert_eq!(throttle.admit(now, 0.5), Admission::Send);
    }
}
