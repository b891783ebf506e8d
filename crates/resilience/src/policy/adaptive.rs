//! How many calls may be under way at one target: a fixed number, or one that is found out by additive increase and multiplicative
//! decrease, as TCP does (Chiu and Jain, 1989) and Netflix's concurrency-limits. Pure.

use std::time::{Duration, Instant};

/// The limit is lowered at most once in so much time: the calls that fail together met one and the same overload.
const LOWER_EVERY: Duration = Duration::from_secs(1);

/// How many calls may be under way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConcurrencyConfig {
    /// The limit at the start; default 64.
    pub initial: u32,
    /// The limit never falls below this; 1 or more, default 1.
    pub min: u32,
    /// The limit never rises above this; default 256.
    pub max: u32,
    /// What is left of the limit after an overload; above 0.0 to 1.0, default 0.9; 1.0 keeps the limit fixed.
    pub backoff: f64,
}

impl Default for ConcurrencyConfig {
    fn default() -> Self {
        Self { initial: 64, min: 1, max: 256, backoff: 0.9 }
    }
}

impl ConcurrencyConfig {
    /// Always `limit`, at least 1.
    pub const fn fixed(limit: u32) -> Self {
        let limit = if limit == 0 { 1 } else { limit };
        Self { initial: limit, min: limit, max: limit, backoff: 1.0 }
    }

    /// Everything that is wrong, each with the name of its setting.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.min == 0 {
            problems.push("min: zero would let nothing through; at least 1 is expected".to_owned());
        }
        if !(self.min..=self.max).contains(&self.initial) {
            problems.push("initial: min to max is expected".to_owned());
        }
        if !(self.backoff > 0.0 && self.backoff <= 1.0) {
            problems.push("backoff: above 0.0 and up to 1.0 is expected".to_owned());
        }
        problems
    }
}

/// How a call ended, as far as the load goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseOutcome {
    /// It was served.
    Ok,
    /// The target was overloaded, limited it or did not answer in time.
    Overloaded,
    /// It says nothing about the load.
    Neutral,
}

/// The places at one target.
#[derive(Clone, Debug)]
pub struct Concurrency {
    config: ConcurrencyConfig,
    /// A fraction of a place is earned by each call that is served.
    limit: f64,
    in_flight: u32,
    lowered: Option<Instant>,
}

impl Concurrency {
    /// All places free.
    pub fn new(config: ConcurrencyConfig) -> Self {
        Self { config, limit: f64::from(config.initial), in_flight: 0, lowered: None }
    }

    /// Other rules from now on. Calls under way keep their places; a limit that was found out stays, within the new bounds.
    pub fn reconfigure(&mut self, config: ConcurrencyConfig) {
        self.config = config;
        self.limit = self.limit.clamp(f64::from(config.min), f64::from(config.max.max(config.min)));
    }

    /// The limit now.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it stays between the two bounds, which are such numbers"
    )]
    pub fn limit(&self) -> u32 {
        self.limit as u32
    }

    /// Calls under way.
    pub const fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Takes a place if one is free; it is given back by [`Concurrency::release`].
    #[must_use]
    pub fn try_acquire(&mut self) -> bool {
        let free = self.in_flight < self.limit();
        self.in_flight += u32::from(free);
        free
    }

    /// Gives a place back.
    pub fn release(&mut self, outcome: ReleaseOutcome, now: Instant) {
        // A limit that was not used says nothing about whether a higher one would do.
        let used = f64::from(self.in_flight) * 2.0 >= self.limit;
        self.in_flight = self.in_flight.saturating_sub(1);
        if self.config.min == self.config.max {
            return;
        }
        let (min, max) = (f64::from(self.config.min), f64::from(self.config.max));
        match outcome {
            ReleaseOutcome::Ok if used => self.limit = (self.limit + 1.0 / self.limit).min(max),
            ReleaseOutcome::Overloaded => {
                let recent = |lowered: Instant| now.saturating_duration_since(lowered) < LOWER_EVERY;
                if !self.lowered.is_some_and(recent) {
                    self.lowered = Some(now);
                    self.limit = (self.limit * self.config.backoff).max(min);
                }
            }
            ReleaseOutcome::Ok | ReleaseOutcome::Neutral => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use async_orchestrator_core::{Clock, test_util::ManualClock};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_rises_while_it_is_used_and_falls_once_for_one_overload() {
        let now = ManualClock::new().now();
        let mut places = Concurrency::new(ConcurrencyConfig { initial: 10, ..ConcurrencyConfig::default() });
        for _ in 0..100 {
            while places.try_acquire() {}
            places.release(ReleaseOutcome::Ok, now);
        }
        assert!((12..=18).contains(&places.limit()), "{}", places.limit());
        let before = places.limit();
        for _ in 0..5 {
            places.release(ReleaseOutcome::Overloaded, now);
        }
        assert!(places.limit() < before && places.limit() >= before * 4 / 5, "{}", places.limit());
        while places.in_flight() > 0 {
            places.release(ReleaseOutcome::Neutral, now);
        }
        let idle = places.limit();
        for _ in 0..1_000 {
            assert!(places.try_acquire());
            places.release(ReleaseOutcome::Ok, now);
        }
        assert_eq!(places.limit(), idle, "one call at a time proves nothing");
    }

    proptest! {
        #[test]
        fn places_are_never_more_than_the_limit_and_the_limit_stays_in_its_bounds(moves in prop::collection::vec((0u8..4, 0u64..700), 1..400)) {
            let config = ConcurrencyConfig { initial: 8, min: 2, max: 20, backoff: 0.5 };
            let mut now = ManualClock::new().now();
            let mut places = Concurrency::new(config);
            let mut held = 0_u32;
            for (what, ms) in moves {
                now += Duration::from_millis(ms);
                if what == 0 || held == 0 {
                    let before = places.limit();
                    if places.try_acquire() {
                        held += 1;
                        prop_assert!(held <= before);
                    }
                } else {
                    let outcomes = [ReleaseOutcome::Ok, ReleaseOutcome::Overloaded, ReleaseOutcome::Neutral];
                    places.release(outcomes[usize::from(what) - 1], now);
                    held -= 1;
                }
                prop_assert_eq!(places.in_flight(), held);
                prop_assert!((config.min..=config.max).contains(&places.limit()));
            }
        }
    }
}
