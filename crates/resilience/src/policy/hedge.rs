//! When a second call may go out because the first one has not begun to answer.
//!
//! Dean and Barroso, "The Tail at Scale" (CACM 56, 2013): a second call after the time in which most calls begin to answer cuts the tail
//! for a few per cent more load. The delay follows the live percentile of the time to the first text. Pure.

use std::time::{Duration, Instant};

use super::quantile::Percentiles;

/// The delay is so much longer than the percentile: a bucket's width of error must not send a second call after every usual one.
const MARGIN: f64 = 1.25;
/// What lasts is the new usual: a target that is twice as slow for good is taken for well again after so long, one that is twenty times
/// as slow after 43 minutes. A brown-out is over by then.
const USUAL_DOUBLES_IN: Duration = Duration::from_secs(600);
/// The delay is worked out anew after so many new durations.
const RECOUNT_EVERY: u64 = 16;

/// When slow calls get a second one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HedgeConfig {
    /// The share of calls that begin sooner than the delay; 0.5 to 0.999, default 0.9. At 0.95 a vendor with a slow twentieth of all
    /// calls would sit on the edge, its delay jumping between its fast and its slow side.
    pub percentile: f64,
    /// Second calls for each call that begins in time; above 0.0 to 1.0, default 0.055.
    pub share: f64,
    /// So many may go out at once; 1 or more, default 10. It is all that a vendor gets that has become slow as a whole.
    pub burst: u32,
    /// The shortest delay; default 50 ms.
    pub delay_min: Duration,
    /// The longest delay; default 30 s.
    pub delay_max: Duration,
    /// Nothing is hedged before so many calls are known; default 20.
    pub samples_min: u32,
}

impl Default for HedgeConfig {
    fn default() -> Self {
        Self {
            percentile: 0.9,
            share: 0.055,
            burst: 10,
            delay_min: Duration::from_millis(50),
            delay_max: Duration::from_secs(30),
            samples_min: 20,
        }
    }
}

impl HedgeConfig {
    /// Everything that is wrong, each with the name of its setting.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !(0.5..=0.999).contains(&self.percentile) {
            problems.push("percentile: 0.5 to 0.999 is expected".to_owned());
        }
        if !(self.share > 0.0 && self.share <= 1.0) {
            problems.push(
                "share: a share above 0.0 and up to 1.0 is expected; switch hedging off instead".to_owned(),
            );
        }
        if self.burst == 0 {
            problems.push("burst: at least 1 is expected; switch hedging off instead".to_owned());
        }
        if self.delay_min > self.delay_max {
            problems.push("delay_min: it is longer than delay_max".to_owned());
        }
        problems
    }
}

/// The answer to "may a second one go out?".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HedgeDecision {
    /// It may, and is paid for.
    Go,
    /// The budget is used up.
    Refused,
}

/// The delay of a target that is well: it follows the live one down at once and up slowly.
#[derive(Clone, Copy, Debug)]
struct Usual {
    delay: Duration,
    since: Instant,
}

impl Usual {
    fn drawn_to(self, delay: Duration, now: Instant) -> Self {
        let doublings =
            now.saturating_duration_since(self.since).as_secs_f64() / USUAL_DOUBLES_IN.as_secs_f64();
        let risen = self.delay.as_secs_f64() * doublings.exp2();
        let delay = if risen < delay.as_secs_f64() { Duration::from_secs_f64(risen) } else { delay };
        Self { delay, since: now.max(self.since) }
    }
}

/// The hedging of one target.
#[derive(Clone, Debug)]
pub struct HedgePolicy {
    config: HedgeConfig,
    times: Percentiles,
    /// Second calls that may go out, up to the burst.
    tokens: f64,
    delay: Option<Duration>,
    usual: Option<Usual>,
    counted_at: u64,
    recorded: u64,
}

impl HedgePolicy {
    /// Its rules.
    pub const fn config(&self) -> HedgeConfig {
        self.config
    }

    /// A policy that knows nothing yet, with its whole burst.
    pub fn new(config: HedgeConfig, now: Instant) -> Self {
        Self {
            config,
            times: Percentiles::new(now),
            tokens: f64::from(config.burst),
            delay: None,
            usual: None,
            counted_at: 0,
            recorded: 0,
        }
    }

    /// How long a call may be silent before a second one goes out; `None` while too little is known.
    pub const fn delay(&self) -> Option<Duration> {
        self.delay
    }

    /// A second call wants to go out.
    pub fn try_hedge(&mut self) -> HedgeDecision {
        if self.tokens < 1.0 {
            return HedgeDecision::Refused;
        }
        self.tokens -= 1.0;
        HedgeDecision::Go
    }

    /// A call began to answer after `took`.
    ///
    /// Only one that was as quick as the target usually is pays for hedges: while a vendor is slow as a whole nothing is paid in, so that
    /// a brown-out gets the burst and no more. The live delay would be no measure of that: it follows a brown-out within seconds, and
    /// then slow calls would pay for more load on a target that has too much already.
    pub fn first_text(&mut self, took: Duration, now: Instant) {
        if self.usual.is_some_and(|usual| took <= usual.delay) {
            self.tokens = (self.tokens + self.config.share).min(f64::from(self.config.burst));
        }
        self.record(took, now);
    }

    /// A call was given up after `waited` because the second one was faster. It would have taken at least that long: left out, the slow
    /// ones would vanish from the percentile just because they are slow.
    pub fn lost(&mut self, waited: Duration, now: Instant) {
        self.record(waited, now);
    }

    fn record(&mut self, took: Duration, now: Instant) {
        self.times.record(took, now);
        self.recorded += 1;
        if self.recorded >= self.counted_at + RECOUNT_EVERY || self.delay.is_none() {
            self.counted_at = self.recorded;
            self.delay = self.worked_out();
            self.usual = match (self.usual, self.delay) {
                (Some(usual), Some(delay)) => Some(usual.drawn_to(delay, now)),
                (None, Some(delay)) => Some(Usual { delay, since: now }),
                (usual, None) => usual,
            };
        }
    }

    fn worked_out(&self) -> Option<Duration> {
        if self.times.count() < u64::from(self.config.samples_min) {
            return None;
        }
        let usual = self.times.quantile(self.config.percentile)?;
        Some(usual.mul_f64(MARGIN).clamp(self.config.delay_min, self.config.delay_max))
    }
}

#[cfg(test)]
mod tests {
    use async_orchestrator_core::{Clock, test_util::ManualClock};

    use super::*;
    use crate::dice::Dice;

    struct World {
        policy: HedgePolicy,
        now: Instant,
        dice: Dice,
        hedges: u64,
    }

    impl World {
        fn new() -> Self {
            let now = ManualClock::new().now();
            let policy = HedgePolicy::new(HedgeConfig::default(), now);
            Self { policy, now, dice: Dice::new(7), hedges: 0 }
        }

        /// One call and perhaps its hedge, 20 ms after the last one; how long its caller waited, in seconds.
        fn call(&mut self, time: impl Fn(f64) -> f64) -> f64 {
            self.now += Duration::from_millis(20);
            let secs = Duration::from_secs_f64;
            let first = time(self.dice.draw());
            let hedge_at =
                self.policy.delay().map(|delay| delay.as_secs_f64()).filter(|delay| first > *delay);
            let Some(delay) = hedge_at.filter(|_| self.policy.try_hedge() == HedgeDecision::Go) else {
                self.policy.first_text(secs(first), self.now + secs(first));
                return first;
            };
            self.hedges += 1;
            let second = time(self.dice.draw());
            if delay + second < first {
                let end = self.now + secs(delay + second);
                self.policy.first_text(secs(second), end);
                self.policy.lost(secs(delay + second), end);
                return delay + second;
            }
            self.policy.first_text(secs(first), self.now + secs(first));
            first
        }
    }

    fn p99(mut times: Vec<f64>) -> f64 {
        times.sort_by(f64::total_cmp);
        times[times.len() * 99 / 100]
    }

    #[test]
    fn a_slow_twentieth_is_cut_off_for_six_in_a_hundred_more_calls() {
        let mut world = World::new();
        let times = (0..20_000).map(|_| world.call(|draw| if draw < 0.05 { 2.0 } else { 0.06 })).collect();
        let p99 = p99(times);
        assert!(p99 * 10.0 <= 2.0, "p99 {p99} s");
        assert!(world.hedges * 100 <= 6 * 20_000, "{} hedges", world.hedges);
    }

    #[test]
    fn a_brown_out_gets_the_burst_and_no_more() {
        let mut world = World::new();
        for _ in 0..500 {
            world.call(|draw| 0.05 + 0.02 * draw);
        }
        let before = world.hedges;
        for _ in 0..2_000 {
            world.call(|draw| 1.0 + 0.4 * draw);
        }
        let during = world.hedges - before;
        assert!(during <= 10, "{during} hedges");
        world.now += Duration::from_secs(61);
        for _ in 0..2_000 {
            world.call(|draw| if draw < 0.05 { 2.0 } else { 0.06 });
        }
        assert!(world.hedges > before + during, "it hedges again once all is well");
    }

    /// Everything is twenty times slower for five minutes, its slow twentieth too: what the live delay calls slow is still no reason to
    /// send more.
    #[test]
    fn a_brown_out_with_a_slow_tail_gets_the_burst_and_no_more() {
        let mut world = World::new();
        let usual = |draw| if draw < 0.05 { 2.0 } else { 0.06 };
        for _ in 0..2_000 {
            world.call(usual);
        }
        let before = world.hedges;
        for _ in 0..15_000 {
            world.call(|draw| 20.0 * usual(draw));
        }
        let during = world.hedges - before;
        assert!(during <= 10, "{during} hedges");
        for _ in 0..20_000 {
            world.call(usual);
        }
        assert!(world.hedges > before + during + 50, "it hedges again once all is well");
    }

    #[test]
    fn nothing_is_hedged_before_anything_is_known() {
        let mut world = World::new();
        for _ in 0..19 {
            world.call(|_| 0.06);
            assert_eq!(world.policy.delay(), None);
        }
        world.call(|_| 0.06);
        assert!(world.policy.delay().is_some());
    }
}
