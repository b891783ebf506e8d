//! Exact counts over a sliding window of ten buckets.
//!
//! A decaying average hides a fast outage behind a long good past; exact counts forget completely after one window. The ring is
//! linkerd2-proxy's remedy.

use std::time::{Duration, Instant};

/// How many buckets a window has: the counts of up to a tenth of it expire at once.
pub(super) const BUCKETS: usize = 10;

/// `N` counters over the last window.
#[derive(Clone, Debug)]
pub(super) struct Window<const N: usize> {
    buckets: [[u32; N]; BUCKETS],
    width: Duration,
    /// When the newest bucket began; `None` before the first count.
    newest_began: Option<Instant>,
    newest: usize,
}

impl<const N: usize> Window<N> {
    pub(super) fn new(length: Duration) -> Self {
        let tenth = length / u32::try_from(BUCKETS).unwrap_or(1);
        Self {
            buckets: [[0; N]; BUCKETS],
            width: tenth.max(Duration::from_nanos(1)),
            newest_began: None,
            newest: 0,
        }
    }

    /// Adds one to `counter`. Time that runs backwards counts into the newest bucket.
    pub(super) fn add(&mut self, counter: usize, now: Instant) {
        self.turn(now);
        let newest = self.newest;
        if let Some(count) = self.buckets.get_mut(newest).and_then(|bucket| bucket.get_mut(counter)) {
            *count = count.saturating_add(1);
        }
    }

    /// The counts of the window that ends at `now`.
    pub(super) fn sums(&mut self, now: Instant) -> [u64; N] {
        self.turn(now);
        let mut sums = [0; N];
        for bucket in &self.buckets {
            for (sum, count) in sums.iter_mut().zip(bucket) {
                *sum += u64::from(*count);
            }
        }
        sums
    }

    pub(super) fn clear(&mut self) {
        self.buckets = [[0; N]; BUCKETS];
        self.newest_began = None;
    }

    fn turn(&mut self, now: Instant) {
        let Some(began) = self.newest_began else {
            self.newest_began = Some(now);
            return;
        };
        let passed = now.saturating_duration_since(began).as_nanos() / self.width.as_nanos();
        if passed >= BUCKETS as u128 {
            self.buckets = [[0; N]; BUCKETS];
            self.newest_began = Some(now);
            return;
        }
        let steps = u32::try_from(passed).unwrap_or(u32::MAX);
        for _ in 0..steps {
            self.newest = (self.newest + 1) % BUCKETS;
            if let Some(bucket) = self.buckets.get_mut(self.newest) {
                *bucket = [0; N];
            }
        }
        self.newest_began = began.checked_add(self.width * steps);
    }
}

/// Whole nanoseconds; what does not fit (584 years) counts as that.
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use async_orchestrator_core::{Clock, test_util::ManualClock};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against every event with its time: the ring holds what is younger than nine tenths of the window, and nothing older than
        /// the window.
        #[test]
        fn the_ring_counts_like_a_list_of_all_events(gaps in prop::collection::vec((0u64..400, 0usize..2), 1..200)) {
            let origin = ManualClock::new().now();
            let mut window = Window::<2>::new(Duration::from_millis(1_000));
            let mut events: Vec<(u64, usize)> = Vec::new();
            let mut at = 0;
            for (gap, counter) in gaps {
                at += gap;
                let now = origin + Duration::from_millis(at);
                window.add(counter, now);
                events.push((at, counter));
                let sums = window.sums(now);
                for (counter, sum) in sums.iter().enumerate() {
                    let within = |age: u64| events.iter().filter(|(t, c)| *c == counter && at - t < age).count() as u64;
                    prop_assert!(within(900) <= *sum && *sum <= within(1_000), "{sum} at {at}");
                }
            }
        }
    }

    #[test]
    fn time_that_runs_backwards_loses_nothing() {
        let origin = ManualClock::new().now();
        let later = origin + Duration::from_secs(5);
        let mut window = Window::<1>::new(Duration::from_secs(10));
        window.add(0, later);
        window.add(0, origin);
        assert_eq!(window.sums(later), [2]);
    }
}
