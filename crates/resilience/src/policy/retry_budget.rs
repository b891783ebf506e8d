//! Keeps the retries of all calls to one provider a small share of its calls, so that a storm of failures is not answered by a storm.
//!
//! Every first attempt pays in a part of a retry, which can be spent for a while and then expires, and a small reserve lets few calls be
//! retried at all: Finagle's `RetryBudget`; Envoy's retry budgets and gRPC's retry throttling (gRFC A6) are its kin. It stands on the path
//! of every call, so it uses atomics and no lock: a deposit is one compare-and-swap.

use std::time::{Duration, Instant};

use super::{
    sync::{AtomicU64, Ordering},
    window::nanos,
};

#[cfg(all(test, not(ao_loom)))]
mod tests;

/// The price of one retry; first attempts pay in thousandths of it, because integers can be counted exactly.
const RETRY: u32 = 1_000;

/// How many parts `ttl` has: what was paid in expires a tenth of `ttl` at a time, as in Finagle.
const SLOTS: u32 = 10;

/// The largest reserve: it is searched place by place.
const RESERVE_MAX: u32 = 1_000;

/// The shortest `ttl`: parts of a tenth of it are counted in 32 bits, which lasts 13 years.
const TTL_MIN: Duration = Duration::from_secs(1);

/// How many retries may be made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryBudgetConfig {
    /// Retries for each first attempt, counted in thousandths; 0.0 to 1.0, default 0.1: of ten calls one may be made again.
    pub ratio: f64,
    /// Retries within `ttl` beyond that; 0 to 1,000, default 10.
    pub reserve: u32,
    /// How long a deposit can be spent, and how long a spent place of the reserve is gone; 1 s or more, default 10 s.
    pub ttl: Duration,
}

impl Default for RetryBudgetConfig {
    fn default() -> Self {
        Self { ratio: 0.1, reserve: 10, ttl: Duration::from_secs(10) }
    }
}

impl RetryBudgetConfig {
    /// Everything that is wrong, each with the name of its setting. Empty if nothing is.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !(0.0..=1.0).contains(&self.ratio) {
            problems.push("ratio: 0.0 to 1.0 is expected".to_owned());
        }
        if self.reserve > RESERVE_MAX {
            problems.push(format!("reserve: at most {RESERVE_MAX} is expected"));
        }
        if self.ttl < TTL_MIN {
            problems.push("ttl: at least 1 s is expected".to_owned());
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

/// The budget of one provider, shared by all of its calls.
///
/// Within any time up to `ttl` it grants at most `reserve` retries, and `ratio` of the first attempts of that time and of the `ttl`
/// before it.
///
/// ```
/// use async_orchestrator_core::{Clock, test_util::ManualClock};
/// use async_orchestrator_resilience::policy::{RetryBudget, RetryBudgetConfig, Withdrawal};
/// let now = ManualClock::new().now();
/// let budget = RetryBudget::new(RetryBudgetConfig { reserve: 0, ..RetryBudgetConfig::default() }, now);
/// (0..10).for_each(|_| budget.deposit(now));
/// assert_eq!(budget.withdraw(now), Withdrawal::Granted);
/// assert_eq!(budget.withdraw(now), Withdrawal::Refused);
/// ```
#[derive(Debug)]
pub struct RetryBudget {
    origin: Instant,
    slot_ns: u64,
    ttl_ns: u64,
    deposit: u32,
    /// What was paid in and not yet spent, in the parts of `ttl` in which it was paid in; each word is a [`Part`].
    earned: [AtomicU64; SLOTS as usize],
    /// When each place of the reserve is free again, in nanoseconds since the origin.
    reserve: Box<[AtomicU64]>,
}

/// The deposits of one part of `ttl`. The number is in the word, so that a swap against an expired part fails.
#[derive(Clone, Copy)]
struct Part {
    number: u32,
    thousandths: u32,
}

impl Part {
    const fn to_word(self) -> u64 {
        (self.number as u64) << 32 | self.thousandths as u64
    }

    #[expect(clippy::cast_possible_truncation, reason = "the two halves of the word")]
    const fn from_word(word: u64) -> Self {
        Self { number: (word >> 32) as u32, thousandths: word as u32 }
    }

    const fn slot(number: u32) -> usize {
        (number % SLOTS) as usize
    }
}

impl RetryBudget {
    /// A budget with a full reserve. Settings beyond their range count as the nearest one within it.
    pub fn new(config: RetryBudgetConfig, now: Instant) -> Self {
        let ttl_ns = nanos(config.ttl.max(TTL_MIN));
        let reserve = config.reserve.min(RESERVE_MAX);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of 0 to 1 of a thousand; a share that is no number is none"
        )]
        let deposit = (config.ratio.clamp(0.0, 1.0) * f64::from(RETRY)).round() as u32;
        Self {
            origin: now,
            slot_ns: ttl_ns / u64::from(SLOTS),
            ttl_ns,
            deposit,
            earned: std::array::from_fn(|_| AtomicU64::new(0)),
            reserve: (0..reserve).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// A first attempt goes out at `now`.
    pub fn deposit(&self, now: Instant) {
        let number = self.number(now);
        let slot = &self.earned[Part::slot(number)];
        update(slot, |part| {
            let kept = if part.number < number { Part { number, thousandths: 0 } } else { part };
            // A caller whose `now` is old by a whole `ttl` pays into the part that has taken the slot; it is not worth more than that.
            Some(Part { thousandths: kept.thousandths.saturating_add(self.deposit), ..kept })
        });
    }

    /// A retry wants to go out at `now`. It is paid from what first attempts paid in, else from the reserve.
    pub fn withdraw(&self, now: Instant) -> Withdrawal {
        if self.spend_earned(now) || self.spend_reserve(now) {
            Withdrawal::Granted
        } else {
            Withdrawal::Refused
        }
    }

    /// Collects a whole retry from the parts, the oldest first, or puts back what it found. Two callers who each find half of the last
    /// retry may both be refused; more than was paid in is never granted.
    fn spend_earned(&self, now: Instant) -> bool {
        let newest = self.number(now);
        let oldest = newest.saturating_sub(SLOTS - 1);
        let mut taken = [0_u32; SLOTS as usize];
        let mut missing = RETRY;
        for number in oldest..=newest {
            let slot = Part::slot(number);
            let found = update(&self.earned[slot], |part| {
                let some = part.number == number && part.thousandths > 0 && missing > 0;
                some.then(|| Part { thousandths: part.thousandths.saturating_sub(missing), ..part })
            });
            taken[slot] = found.map_or(0, |part| part.thousandths.min(missing));
            missing -= taken[slot];
        }
        if missing == 0 {
            return true;
        }
        for number in oldest..=newest {
            let slot = Part::slot(number);
            update(&self.earned[slot], |part| {
                let same = part.number == number && taken[slot] > 0;
                same.then(|| Part { thousandths: part.thousandths.saturating_add(taken[slot]), ..part })
            });
        }
        false
    }

    /// Takes a free place of the reserve. A place is gone for `ttl`, so that in no such time more than all places are taken.
    fn spend_reserve(&self, now: Instant) -> bool {
        let now = self.since_origin(now);
        let free_again = now.saturating_add(self.ttl_ns);
        self.reserve.iter().any(|place| {
            let free = |free_at| (free_at <= now).then_some(free_again);
            place.fetch_update(Ordering::Relaxed, Ordering::Relaxed, free).is_ok()
        })
    }

    fn since_origin(&self, now: Instant) -> u64 {
        nanos(now.saturating_duration_since(self.origin))
    }

    fn number(&self, now: Instant) -> u32 {
        u32::try_from(self.since_origin(now) / self.slot_ns).unwrap_or(u32::MAX)
    }
}

/// Swaps a part for what `change` makes of it; gives the part before, or `None` if nothing was changed. Relaxed, because a word is all that
/// is taken from it.
fn update(word: &AtomicU64, mut change: impl FnMut(Part) -> Option<Part>) -> Option<Part> {
    word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
        change(Part::from_word(word)).map(Part::to_word)
    })
    .ok()
    .map(Part::from_word)
}
