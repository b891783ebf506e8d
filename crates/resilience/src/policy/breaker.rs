//! Decides whether a call to one target may go out now.
//!
//! Pure: time comes in as an argument; nothing here waits or locks. `super::SharedBreaker` is the form that many calls share.
//!
//! It trips on failures in a row, or on the exact share of failures, or of slow answers, in a window: linkerd2-proxy's rules. Then
//! nothing goes out until the cool-down is over, after that one probe at a time, and after a good probe a growing share of the calls: a
//! vendor that comes back at a tenth of its strength must not be knocked down again by all of them.

use std::time::{Duration, Instant};

use super::window::Window;

pub use config::BreakerConfig;

mod config;
#[cfg(test)]
mod tests;

/// A vendor's wish to be left alone is not believed beyond this.
const COOLDOWN_HINT_MAX: Duration = Duration::from_secs(3_600);
/// The share of the calls that goes out right after a good probe.
const RAMP_SHARE_MIN: f64 = 0.1;
/// What the others are told while a probe is out: there is no better guess for its end.
const PROBE_HINT: Duration = Duration::from_millis(500);
/// How long after a probe that came to nothing the next one may go out.
const PROBE_AGAIN_AFTER: Duration = Duration::from_secs(1);

const SUCCESS: usize = 0;
const SLOW: usize = 1;
const FAILURE: usize = 2;

/// The leave to make one call, handed back with its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a pass is handed back with the call's outcome, or a probe blocks the gate until its lease ends"]
pub struct Pass {
    epoch: u64,
    probe: Option<u64>,
}

impl Pass {
    /// A pass of a gate that admits everything, in this epoch.
    pub(super) const fn plain(epoch: u64) -> Self {
        Self { epoch, probe: None }
    }

    /// Whether the call tries out a target that was left out.
    pub const fn is_probe(self) -> bool {
        self.probe.is_some()
    }
}

/// Why a call is kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefuseReason {
    /// The target failed and rests, or a probe is out.
    Open,
    /// The vendor asked to wait.
    CoolDown,
    /// The target recovers and gets a part of the calls.
    Ramp,
}

/// A closed gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shut {
    /// When asking again makes sense.
    pub until: Instant,
    /// Why.
    pub why: RefuseReason,
}

/// The answer to "may it go out?".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// It may.
    Admit(Pass),
    /// It may not.
    Refuse(Shut),
}

/// How a call ended, as far as the target's health goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallResult {
    /// It answered.
    Success {
        /// The time to the first text, or to the whole reply where it was not streamed.
        took: Duration,
    },
    /// It failed by the target's fault.
    Failure {
        /// How long the vendor asks to wait.
        retry_after: Option<Duration>,
    },
    /// It says nothing about the target: cancelled, kept back elsewhere, or the request's own fault.
    Neutral,
}

/// What the breaker is doing, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BreakerState {
    /// Everything goes out.
    Admitting,
    /// The vendor asked to wait until then.
    CoolingDown {
        /// The end.
        until: Instant,
    },
    /// Nothing goes out until then.
    Refusing {
        /// The end of the cool-down.
        until: Instant,
        /// Trips in a row.
        trips: u32,
    },
    /// One probe may go out, or is out.
    Probing,
    /// A growing share goes out.
    Recovering,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Admitting,
    Refusing { until: Instant },
    Probing { number: u64, lease_ends: Instant },
    Recovering { since: Instant, credit: f64 },
}

/// The breaker of one target.
///
/// ```
/// use async_orchestrator_resilience::policy::{Breaker, BreakerConfig, CallResult, Gate};
/// use std::time::{Duration, Instant};
/// # #[allow(clippy::disallowed_methods, reason = "an example needs a now")]
/// let now = Instant::now();
/// let mut breaker = Breaker::new(BreakerConfig { consecutive_failures: 1, ..BreakerConfig::default() });
/// let Gate::Admit(pass) = breaker.gate(now) else { panic!("it starts open to all") };
/// breaker.record(pass, CallResult::Failure { retry_after: None }, now);
/// assert!(matches!(breaker.gate(now), Gate::Refuse(_)));
/// let Gate::Admit(probe) = breaker.gate(now + Duration::from_secs(5)) else { panic!("one probe") };
/// assert!(probe.is_probe());
/// ```
#[derive(Clone, Debug)]
pub struct Breaker {
    config: BreakerConfig,
    state: State,
    window: Window<3>,
    failures_in_a_row: u32,
    /// Trips since the last full recovery.
    trips: u32,
    /// Counts trips for ever. What was admitted before the last one is old news: those calls met the target as it was then, and must
    /// neither close the gate again nor open it.
    epoch: u64,
    probes: u64,
    cool_until: Option<Instant>,
}

impl Breaker {
    /// A breaker that admits everything.
    pub fn new(config: BreakerConfig) -> Self {
        Self {
            config,
            state: State::Admitting,
            window: Window::new(config.window),
            failures_in_a_row: 0,
            trips: 0,
            epoch: 0,
            probes: 0,
            cool_until: None,
        }
    }

    /// Whether a call may go out at `now`. A pass takes a place: it must be handed back to [`Breaker::record`].
    pub fn gate(&mut self, now: Instant) -> Gate {
        if let Some(shut) = self.cooling(now) {
            return Gate::Refuse(shut);
        }
        match self.state {
            State::Admitting => Gate::Admit(Pass::plain(self.epoch)),
            State::Refusing { until } if now < until => Gate::Refuse(Shut { until, why: RefuseReason::Open }),
            State::Probing { lease_ends, .. } if now < lease_ends => {
                let until = now.checked_add(PROBE_HINT).map_or(lease_ends, |hint| hint.min(lease_ends));
                Gate::Refuse(Shut { until, why: RefuseReason::Open })
            }
            State::Refusing { .. } | State::Probing { .. } => self.probe(now),
            State::Recovering { since, credit } => self.share(since, credit, now),
        }
    }

    /// Whether the gate is shut at `now`, without taking a place. The share of a recovery is not asked for.
    pub fn shut(&mut self, now: Instant) -> Option<Shut> {
        self.cooling(now).or(match self.state {
            State::Refusing { until } if now < until => Some(Shut { until, why: RefuseReason::Open }),
            State::Probing { lease_ends, .. } if now < lease_ends => {
                let until = now.checked_add(PROBE_HINT).map_or(lease_ends, |hint| hint.min(lease_ends));
                Some(Shut { until, why: RefuseReason::Open })
            }
            State::Admitting | State::Refusing { .. } | State::Probing { .. } | State::Recovering { .. } => {
                None
            }
        })
    }

    /// Takes back the pass of a call with its outcome.
    pub fn record(&mut self, pass: Pass, result: CallResult, now: Instant) {
        if pass.epoch != self.epoch {
            return;
        }
        // A recovery ends with its time, not with the next question.
        self.recovered(now);
        if let Some(number) = pass.probe {
            // A probe whose lease ran out was replaced: what it brings now is old news too.
            if matches!(self.state, State::Probing { number: current, .. } if current == number) {
                self.probed(result, now);
            }
            return;
        }
        match result {
            CallResult::Neutral => {}
            CallResult::Success { took } => {
                self.failures_in_a_row = 0;
                let slow = self.config.slow_call.is_some_and(|limit| took > limit);
                self.window.add(if slow { SLOW } else { SUCCESS }, now);
                if slow && self.is_too_slow(now) {
                    self.trip(None, now);
                }
            }
            CallResult::Failure { retry_after } => {
                self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
                self.window.add(FAILURE, now);
                if self.fails_too_often(now) {
                    self.trip(retry_after, now);
                } else if let Some(until) = retry_after.and_then(|wait| now.checked_add(clamped(wait))) {
                    self.cool_until(until, now);
                }
            }
        }
    }

    /// Leaves the target alone until then, as a vendor asked. It says nothing about the target's health, and no probe follows. A longer
    /// wish wins over a shorter one, whichever comes first.
    pub fn cool_until(&mut self, until: Instant, now: Instant) {
        let latest = now.checked_add(COOLDOWN_HINT_MAX).unwrap_or(until);
        let until = until.min(latest);
        if until > now && self.cool_until.is_none_or(|earlier| earlier < until) {
            self.cool_until = Some(until);
        }
    }

    /// Takes over what another process knows: the target is left out until then, after so many trips in a row.
    pub fn restore(&mut self, until: Instant, trips: u32) {
        let longer = match self.state {
            State::Refusing { until: own } => own < until,
            State::Admitting | State::Probing { .. } | State::Recovering { .. } => true,
        };
        if longer {
            self.epoch += 1;
            self.trips = self.trips.max(trips);
            self.state = State::Refusing { until };
        }
    }

    /// What it is doing at `now`.
    pub fn state(&self, now: Instant) -> BreakerState {
        if let Some(until) = self.cool_until.filter(|until| now < *until) {
            return BreakerState::CoolingDown { until };
        }
        match self.state {
            State::Admitting => BreakerState::Admitting,
            State::Refusing { until } if now < until => BreakerState::Refusing { until, trips: self.trips },
            State::Refusing { .. } | State::Probing { .. } => BreakerState::Probing,
            State::Recovering { since, .. } if self.grown(since, now) >= 1.0 => BreakerState::Admitting,
            State::Recovering { .. } => BreakerState::Recovering,
        }
    }

    /// Whether nothing but time may keep a call in: the shared form then needs no lock.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self.state, State::Admitting) && self.cool_until.is_none()
    }

    pub(super) const fn epoch(&self) -> u64 {
        self.epoch
    }

    fn cooling(&mut self, now: Instant) -> Option<Shut> {
        let until = self.cool_until?;
        if now >= until {
            self.cool_until = None;
            return None;
        }
        // Who waits for the end of the shorter rest would only meet the longer one.
        match self.state {
            State::Refusing { until: open } if open > until => {
                Some(Shut { until: open, why: RefuseReason::Open })
            }
            State::Admitting | State::Refusing { .. } | State::Probing { .. } | State::Recovering { .. } => {
                Some(Shut { until, why: RefuseReason::CoolDown })
            }
        }
    }

    fn probe(&mut self, now: Instant) -> Gate {
        self.probes += 1;
        let lease_ends = now.checked_add(self.config.probe_lease).unwrap_or(now);
        self.state = State::Probing { number: self.probes, lease_ends };
        Gate::Admit(Pass { epoch: self.epoch, probe: Some(self.probes) })
    }

    fn probed(&mut self, result: CallResult, now: Instant) {
        match result {
            CallResult::Success { took } if self.config.slow_call.is_some_and(|limit| took > limit) => {
                self.trip(None, now);
            }
            CallResult::Success { .. } => {
                self.window.clear();
                self.failures_in_a_row = 0;
                // The first call after the probe goes out: the credit starts full.
                self.state = State::Recovering { since: now, credit: 1.0 };
                self.recovered(now);
            }
            CallResult::Failure { retry_after } => self.trip(retry_after, now),
            // Nothing was learnt; a later call is the probe. Callers who give up one probe after the other must not become a stream of calls.
            CallResult::Neutral => {
                let rest = PROBE_AGAIN_AFTER.min(self.config.cooldown_min);
                self.state = State::Refusing { until: now.checked_add(rest).unwrap_or(now) };
            }
        }
    }

    /// The share of the calls that goes out, counted exactly: each call adds the share, and a whole one is a pass.
    fn share(&mut self, since: Instant, credit: f64, now: Instant) -> Gate {
        if self.recovered(now) {
            return Gate::Admit(Pass::plain(self.epoch));
        }
        let share = RAMP_SHARE_MIN + (1.0 - RAMP_SHARE_MIN) * self.grown(since, now);
        let credit = credit + share;
        let admitted = credit >= 1.0;
        self.state = State::Recovering { since, credit: if admitted { credit - 1.0 } else { credit } };
        if admitted {
            return Gate::Admit(Pass::plain(self.epoch));
        }
        let until = now.checked_add(PROBE_HINT).unwrap_or(now);
        Gate::Refuse(Shut { until, why: RefuseReason::Ramp })
    }

    /// How far the recovery is, 0.0 to 1.0.
    fn grown(&self, since: Instant, now: Instant) -> f64 {
        if self.config.ramp.is_zero() {
            return 1.0;
        }
        now.saturating_duration_since(since).as_secs_f64() / self.config.ramp.as_secs_f64()
    }

    fn recovered(&mut self, now: Instant) -> bool {
        let State::Recovering { since, .. } = self.state else { return false };
        let done = self.grown(since, now) >= 1.0;
        if done {
            self.state = State::Admitting;
            self.trips = 0;
        }
        done
    }

    fn fails_too_often(&mut self, now: Instant) -> bool {
        let [success, slow, failure] = self.window.sums(now);
        let calls = success + slow + failure;
        self.failures_in_a_row >= self.config.consecutive_failures
            || (calls >= u64::from(self.config.volume_min)
                // Divided, not multiplied: 7 of 100 is 0.07 to the bit.
                && failure as f64 / calls as f64 >= self.config.failure_ratio)
    }

    fn is_too_slow(&mut self, now: Instant) -> bool {
        let [success, slow, failure] = self.window.sums(now);
        let calls = success + slow + failure;
        calls >= u64::from(self.config.volume_min) && slow as f64 / calls as f64 >= self.config.slow_ratio
    }

    fn trip(&mut self, retry_after: Option<Duration>, now: Instant) {
        let doubled =
            self.config.cooldown_min.saturating_mul(1_u32.checked_shl(self.trips).unwrap_or(u32::MAX));
        let own = doubled.min(self.config.cooldown_max);
        let rest = own.max(retry_after.map_or(Duration::ZERO, clamped));
        self.trips = self.trips.saturating_add(1);
        self.epoch += 1;
        self.failures_in_a_row = 0;
        self.window.clear();
        // Beyond the clock's range is as long as can be said.
        let until = now.checked_add(rest).or_else(|| now.checked_add(COOLDOWN_HINT_MAX)).unwrap_or(now);
        self.state = State::Refusing { until };
    }
}

fn clamped(hint: Duration) -> Duration {
    hint.min(COOLDOWN_HINT_MAX)
}
