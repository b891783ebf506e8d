//! Tokens a minute at one target: reserve what a call may use, settle what it did use, give back what it did not. Pure.
//!
//! A sliding window of exact counts. At every moment the tokens reserved or used by calls that went out in the last minute are at most
//! the limit; so no minute, wherever it begins, sees more than that as long as reservations are not too small. It also holds for a
//! vendor that refills a bucket of one minute's tokens continuously, which is the laxer rule.

use std::{
    num::NonZeroU64,
    time::{Duration, Instant},
};

/// Buckets a minute. What expires does so a bucket at a time, so up to 1/120 of the limit lies idle.
const BUCKETS: u64 = 120;
const RING: usize = 121;
const BUCKET: Duration = Duration::from_millis(500);

/// Tokens set aside for one call; handed back to [`TokenLimit::settle`] or [`TokenLimit::refund`].
#[derive(Debug, PartialEq, Eq)]
#[must_use = "tokens that are neither settled nor given back stay used for a minute"]
pub struct Hold {
    amount: u64,
    bucket: u64,
}

/// The answer to a reservation.
#[derive(Debug, PartialEq, Eq)]
pub enum Reserve {
    /// The tokens are set aside.
    Now(Hold),
    /// There will be room then, or earlier if a call gives tokens back.
    At(Instant),
}

/// The tokens of one target.
#[derive(Clone, Debug)]
pub struct TokenLimit {
    limit: u64,
    origin: Instant,
    /// What the calls of each bucket hold, by the bucket's number.
    buckets: [(u64, u64); RING],
    sum: u64,
    /// The newest bucket seen: time that runs backwards counts there.
    newest: u64,
}

impl TokenLimit {
    /// `limit` tokens in any minute.
    pub fn per_minute(limit: NonZeroU64, now: Instant) -> Self {
        Self { limit: limit.get(), origin: now, buckets: [(0, 0); RING], sum: 0, newest: 0 }
    }

    /// Sets `amount` aside, at most the whole limit: a call that may use more goes out alone.
    pub fn reserve(&mut self, amount: u64, now: Instant) -> Reserve {
        let bucket = self.turn(now);
        let amount = amount.min(self.limit);
        if self.sum + amount <= self.limit {
            self.add(bucket, amount);
            return Reserve::Now(Hold { amount, bucket });
        }
        Reserve::At(self.room_for(amount, now))
    }

    /// The call used `used` tokens. What it used beyond its reservation counts too, from the moment it went out.
    #[expect(clippy::needless_pass_by_value, reason = "a hold is handed back: it cannot be settled twice")]
    pub fn settle(&mut self, hold: Hold, used: u64, now: Instant) {
        self.turn(now);
        if used >= hold.amount {
            self.add(hold.bucket, used - hold.amount);
        } else {
            self.take(hold.bucket, hold.amount - used);
        }
    }

    /// The call used nothing.
    pub fn refund(&mut self, hold: Hold, now: Instant) {
        self.settle(hold, 0, now);
    }

    /// Others used `amount` of the same limit, `age` before `now`: it counts until it is a minute old. What was used before this limit was
    /// made counts from its first moment.
    pub fn count(&mut self, amount: u64, age: Duration, now: Instant) {
        let newest = self.turn(now);
        let back = u64::try_from(age.as_nanos() / BUCKET.as_nanos()).unwrap_or(u64::MAX);
        self.add(newest.saturating_sub(back), amount);
    }

    /// What may be reserved at `now`.
    pub fn left(&mut self, now: Instant) -> u64 {
        self.turn(now);
        self.limit.saturating_sub(self.sum)
    }

    /// What was used or is held at `now`.
    pub fn used(&mut self, now: Instant) -> u64 {
        self.turn(now);
        self.sum
    }

    /// Forgets what is older than a minute; the number of the bucket of `now`.
    fn turn(&mut self, now: Instant) -> u64 {
        let nanos = now.saturating_duration_since(self.origin).as_nanos() / BUCKET.as_nanos();
        let bucket = u64::try_from(nanos).unwrap_or(u64::MAX).max(self.newest);
        if bucket > self.newest || bucket == 0 {
            self.newest = bucket;
            for (number, held) in &mut self.buckets {
                // A call that went out in a bucket counts until the whole bucket is a minute old.
                if *held > 0 && *number + BUCKETS < bucket {
                    self.sum -= *held;
                    *held = 0;
                }
            }
        }
        bucket
    }

    fn slot(&mut self, bucket: u64) -> Option<&mut (u64, u64)> {
        let index = usize::try_from(bucket % (BUCKETS + 1)).ok()?;
        self.buckets.get_mut(index)
    }

    fn add(&mut self, bucket: u64, amount: u64) {
        if bucket + BUCKETS < self.newest {
            return;
        }
        if let Some(slot) = self.slot(bucket) {
            // An empty slot may still bear the number of a bucket that is long gone.
            *slot = (bucket, if slot.0 == bucket { slot.1 + amount } else { amount });
            self.sum += amount;
        }
    }

    fn take(&mut self, bucket: u64, amount: u64) {
        if let Some(slot) = self.slot(bucket)
            && slot.0 == bucket
        {
            let taken = amount.min(slot.1);
            slot.1 -= taken;
            self.sum -= taken;
        }
    }

    /// When so much will have expired that `amount` fits.
    fn room_for(&self, amount: u64, now: Instant) -> Instant {
        let mut sum = self.sum;
        for number in self.newest.saturating_sub(BUCKETS)..=self.newest {
            let index = usize::try_from(number % (BUCKETS + 1)).unwrap_or(0);
            if let Some((held_by, held)) = self.buckets.get(index)
                && *held_by == number
            {
                sum = sum.saturating_sub(*held);
            }
            if sum + amount <= self.limit {
                let gone = u32::try_from(number + BUCKETS + 1).unwrap_or(u32::MAX);
                return self.origin.checked_add(BUCKET.saturating_mul(gone)).unwrap_or(now).max(now);
            }
        }
        now.checked_add(BUCKET).unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use async_orchestrator_core::{Clock, test_util::ManualClock};
    use proptest::prelude::*;

    use super::*;
    use crate::dice::Dice;

    fn limit(tokens: u64) -> (TokenLimit, Instant) {
        let now = ManualClock::new().now();
        (TokenLimit::per_minute(NonZeroU64::new(tokens).unwrap(), now), now)
    }

    #[track_caller]
    fn held(reserve: Reserve) -> Hold {
        match reserve {
            Reserve::Now(hold) => hold,
            Reserve::At(at) => panic!("not before {at:?}"),
        }
    }

    #[test]
    fn what_was_not_used_is_there_again_and_what_was_used_beyond_counts() {
        let (mut limit, now) = limit(100);
        let first = held(limit.reserve(80, now));
        assert!(matches!(limit.reserve(30, now), Reserve::At(_)));
        limit.settle(first, 50, now);
        let second = held(limit.reserve(50, now));
        limit.refund(second, now);
        let third = held(limit.reserve(10, now));
        limit.settle(third, 90, now);
        assert_eq!(limit.left(now), 0);
        assert_eq!(limit.left(now + Duration::from_secs(61)), 100);
    }

    #[test]
    fn a_call_larger_than_the_limit_goes_out_alone() {
        let (mut limit, now) = limit(100);
        let large = held(limit.reserve(1_000, now));
        let Reserve::At(at) = limit.reserve(1, now) else { panic!("the limit is used up") };
        let wait = at - now;
        assert!(wait > Duration::from_secs(59) && wait <= Duration::from_secs(61), "{wait:?}");
        limit.settle(large, 1_000, now);
        let small = held(limit.reserve(1, at));
        limit.settle(small, 1, at);
    }

    #[test]
    fn five_callers_use_the_limit_and_never_pass_it() {
        let (mut limit, start) = limit(100_000);
        let dice = Dice::new(7);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small positive numbers")]
        let draw = |low: u64, high: u64| low + (dice.draw() * (high - low) as f64) as u64;
        let mut calls: Vec<(u64, Hold, u64)> = Vec::new();
        let mut log: VecDeque<(u64, u64)> = VecDeque::new();
        let (mut total, mut in_minute) = (0, 0);
        let end_ms = 60 * 60_000;
        for ms in (0..end_ms).step_by(50) {
            let now = start + Duration::from_millis(ms);
            let mut index = 0;
            while index < calls.len() {
                if calls[index].0 <= ms {
                    let (_, hold, used) = calls.swap_remove(index);
                    limit.settle(hold, used, now);
                } else {
                    index += 1;
                }
            }
            while calls.len() < 5 {
                let used = draw(500, 3_000);
                let estimate = used * draw(100, 300) / 100;
                let Reserve::Now(hold) = limit.reserve(estimate, now) else { break };
                calls.push((ms + draw(200, 3_000), hold, used));
                log.push_back((ms, used));
                total += used;
                in_minute += used;
                while log.front().is_some_and(|(at, _)| at + 60_000 <= ms) {
                    in_minute -= log.pop_front().unwrap().1;
                }
                assert!(in_minute <= 100_000, "{in_minute} in the minute before {ms} ms");
            }
        }
        let utilisation = total as f64 / (100_000.0 * 60.0);
        assert!(utilisation >= 0.97, "{utilisation}");
    }

    proptest! {
        /// Against a list of all calls: what went out in the last minute never holds more than the limit, and a promised time is kept.
        #[test]
        fn no_minute_sees_more_than_the_limit(calls in prop::collection::vec((0u64..9_000, 1u64..120, 0u64..120, 0u64..20_000), 1..150)) {
            let (mut limit, start) = limit(200);
            let mut now_ms = 0;
            let mut under_way: Vec<(u64, Hold, u64, u64)> = Vec::new();
            let mut sent: Vec<(u64, u64)> = Vec::new();
            for (gap, amount, used, lasts) in calls {
                now_ms += gap;
                let now = start + Duration::from_millis(now_ms);
                while let Some(index) = under_way.iter().position(|call| call.0 <= now_ms) {
                    let (_, hold, used, _) = under_way.swap_remove(index);
                    limit.settle(hold, used, now);
                }
                match limit.reserve(amount, now) {
                    Reserve::Now(hold) => {
                        let used = used.min(amount);
                        under_way.push((now_ms + lasts, hold, used, amount));
                        sent.push((now_ms, used));
                        let minute: u64 = sent.iter().filter(|(at, _)| at + 60_000 > now_ms).map(|(_, used)| used).sum();
                        prop_assert!(minute <= 200);
                    }
                    Reserve::At(at) => {
                        prop_assert!(at > now);
                        let mut later = limit.clone();
                        prop_assert!(matches!(later.reserve(amount, at), Reserve::Now(_)), "the promise was not kept");
                    }
                }
            }
        }
    }
}
