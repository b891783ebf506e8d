//! A live percentile of durations over the last minute, in fixed memory.
//!
//! A log-linear histogram in the manner of HdrHistogram: sixteen buckets an octave, so a duration is known to about 6 %, and six slots of
//! ten seconds, so that the past is forgotten exactly.

use std::time::{Duration, Instant};

/// Bits of a value that are kept below its highest one.
const PRECISION_BITS: u32 = 4;
const PER_OCTAVE: usize = 1 << PRECISION_BITS;
/// From 0.1 ms, the unit, to about half an hour; longer ones count as that.
const OCTAVES: usize = 20;
const BUCKETS: usize = PER_OCTAVE * (OCTAVES + 1);
const UNIT_MICROS: u32 = 100;
const SLOTS: usize = 6;
const SLOT: Duration = Duration::from_secs(10);

/// Durations of the last minute.
#[derive(Clone, Debug)]
pub(super) struct Percentiles {
    slots: Box<[[u32; BUCKETS]; SLOTS]>,
    /// The sum over all slots, kept up to date so that asking does not add them up.
    all: Box<[u32; BUCKETS]>,
    count: u64,
    newest: usize,
    newest_began: Instant,
}

impl Percentiles {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            slots: Box::new([[0; BUCKETS]; SLOTS]),
            all: Box::new([0; BUCKETS]),
            count: 0,
            newest: 0,
            newest_began: now,
        }
    }

    pub(super) fn record(&mut self, duration: Duration, now: Instant) {
        self.turn(now);
        let bucket = bucket_of(duration);
        let newest = self.newest;
        if let Some(count) = self.slots.get_mut(newest).and_then(|slot| slot.get_mut(bucket))
            && let Some(all) = self.all.get_mut(bucket)
        {
            *count += 1;
            *all += 1;
            self.count += 1;
        }
    }

    /// How many durations are known.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// The upper end of the bucket in which the `q`th duration lies, `q` from 0.0 to 1.0; `None` if there is none.
    pub(super) fn quantile(&self, q: f64) -> Option<Duration> {
        let rank = self.count as f64 * q.clamp(0.0, 1.0);
        let mut seen = 0_u64;
        for (bucket, count) in self.all.iter().enumerate() {
            seen += u64::from(*count);
            if seen > 0 && seen as f64 >= rank {
                return Some(upper_end(bucket));
            }
        }
        None
    }

    /// Forgets what is older than a minute.
    pub(super) fn turn(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.newest_began).as_secs() / SLOT.as_secs();
        if passed == 0 {
            return;
        }
        for _ in 0..passed.min(SLOTS as u64) {
            self.newest = (self.newest + 1) % SLOTS;
            let Some(slot) = self.slots.get_mut(self.newest) else { continue };
            for (all, gone) in self.all.iter_mut().zip(slot.iter_mut()) {
                *all -= *gone;
                self.count -= u64::from(*gone);
                *gone = 0;
            }
        }
        let steps = u32::try_from(passed).unwrap_or(u32::MAX);
        self.newest_began = self.newest_began.checked_add(SLOT.saturating_mul(steps)).unwrap_or(now);
    }
}

fn bucket_of(duration: Duration) -> usize {
    let units = usize::try_from(duration.as_micros() / u128::from(UNIT_MICROS)).unwrap_or(usize::MAX);
    if units < PER_OCTAVE {
        return units;
    }
    let octave = (usize::BITS - 1 - units.leading_zeros() - PRECISION_BITS) as usize;
    let within = (units >> octave) - PER_OCTAVE;
    ((octave + 1) * PER_OCTAVE + within).min(BUCKETS - 1)
}

fn upper_end(bucket: usize) -> Duration {
    let units = if bucket < PER_OCTAVE {
        bucket as u64 + 1
    } else {
        let octave = bucket / PER_OCTAVE - 1;
        ((bucket % PER_OCTAVE + PER_OCTAVE + 1) as u64) << octave
    };
    Duration::from_micros(units * u64::from(UNIT_MICROS))
}

#[cfg(test)]
mod tests {
    use async_orchestrator_core::{Clock, test_util::ManualClock};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_naive_percentile_to_its_precision(ms in prop::collection::vec(1u64..600_000, 1..200), q in 0.01f64..1.0) {
            let now = ManualClock::new().now();
            let mut percentiles = Percentiles::new(now);
            for ms in &ms {
                percentiles.record(Duration::from_millis(*ms), now);
            }
            let mut sorted = ms;
            sorted.sort_unstable();
            let rank = (sorted.len() as f64 * q).ceil().max(1.0);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank of the list")]
            let naive = sorted[rank as usize - 1] as f64 / 1e3;
            let found = percentiles.quantile(q).unwrap().as_secs_f64();
            prop_assert!(found >= naive && found <= naive * 1.07 + 1e-3, "{found} for {naive}");
        }
    }

    #[test]
    fn the_past_is_forgotten_after_a_minute() {
        let start = ManualClock::new().now();
        let mut percentiles = Percentiles::new(start);
        percentiles.record(Duration::from_secs(9), start);
        let later = start + Duration::from_secs(59);
        percentiles.record(Duration::from_millis(1), later);
        assert_eq!(percentiles.count(), 2);
        percentiles.turn(start + Duration::from_secs(61));
        assert_eq!(percentiles.count(), 1);
        assert!(percentiles.quantile(1.0).unwrap() < Duration::from_millis(2));
        percentiles.turn(start + Duration::from_secs(1_000));
        assert_eq!((percentiles.count(), percentiles.quantile(0.5)), (0, None));
    }
}
