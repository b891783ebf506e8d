//! A histogram of fixed buckets, counted with atomics.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts whole numbers into buckets; units are the caller's.
#[derive(Debug)]
pub(crate) struct Histogram {
    bounds: &'static [u64],
    /// One bucket for each bound, and one for what is beyond the last.
    buckets: Vec<AtomicU64>,
    sum: AtomicU64,
}

/// What a histogram counted, read once.
pub(crate) struct Counted {
    /// Each bound with how many were at most that.
    pub(crate) upto: Vec<(u64, u64)>,
    pub(crate) count: u64,
    pub(crate) sum: u64,
}

impl Histogram {
    pub(crate) fn new(bounds: &'static [u64]) -> Self {
        Self {
            bounds,
            buckets: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }
    }

    pub(crate) fn record(&self, value: u64) {
        let at = self.bounds.partition_point(|bound| *bound < value);
        if let Some(bucket) = self.buckets.get(at) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    pub(crate) fn counted(&self) -> Counted {
        let counts: Vec<u64> = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        let mut seen = 0;
        let upto = self.bounds.iter().zip(&counts).map(|(bound, count)| {
            seen += count;
            (*bound, seen)
        });
        let upto = upto.collect();
        // From the same reading: a count that is below its last bucket would be no histogram.
        Counted { upto, count: counts.iter().sum(), sum: self.sum.load(Ordering::Relaxed) }
    }
}
