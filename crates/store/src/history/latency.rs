//! A histogram of durations that is a few dozen bytes: eight buckets to each doubling, so that a percentile is off by at most 6 %.
//!
//! The layout is that of HdrHistogram with three bits of precision (Tene, `HdrHistogram`, "bucket and sub-bucket"); sums of histograms are
//! histograms, which is why a day's figures need not be counted again.

/// Sub-buckets to a doubling, as bits.
const BITS: u32 = 3;
/// More buckets than any duration needs: 61 doublings and what is below the first.
const BUCKETS_MAX: usize = 512;

/// How often each duration occurred.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
// By bucket; the last one is never 0, so that equal histograms are equal.
pub struct Latencies(Vec<u64>);

impl Latencies {
    /// Counts a duration in milliseconds.
    pub fn record(&mut self, ms: u64) {
        self.count_in(bucket(ms), 1);
    }

    /// Adds what `other` counted.
    pub fn add(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (mine, count) in self.0.iter_mut().zip(&other.0) {
            *mine = mine.saturating_add(*count);
        }
    }

    fn count_in(&mut self, bucket: usize, count: u64) {
        // Bytes that no histogram wrote may say anything.
        if count > 0 && bucket < BUCKETS_MAX {
            if self.0.len() <= bucket {
                self.0.resize(bucket + 1, 0);
            }
            if let Some(mine) = self.0.get_mut(bucket) {
                *mine = mine.saturating_add(count);
            }
        }
    }

    /// How many durations there are.
    pub fn count(&self) -> u64 {
        self.0.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The duration in milliseconds that `share` of all (0 to 1) do not exceed, within 6 %; `None` if there is none.
    pub fn percentile(&self, share: f64) -> Option<u64> {
        let wanted = share.clamp(0.0, 1.0) * self.count() as f64;
        let mut seen = 0_u64;
        for (bucket, count) in self.0.iter().enumerate() {
            seen = u64::saturating_add(seen, *count);
            if seen as f64 >= wanted && seen > 0 {
                return Some(middle(bucket));
            }
        }
        None
    }

    /// The histogram as bytes: pairs of variable-length numbers, the distance to the bucket before and the count.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64);
        let mut before = 0;
        for (bucket, count) in self.0.iter().enumerate().filter(|(_, count)| **count > 0) {
            put((bucket - before) as u64, &mut bytes);
            put(*count, &mut bytes);
            before = bucket;
        }
        bytes
    }

    /// The histogram that [`Latencies::to_bytes`] wrote; what is no such bytes is passed over.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let mut read = Self::default();
        read.add_bytes(bytes);
        read
    }

    /// Adds the histogram that [`Latencies::to_bytes`] wrote.
    pub(crate) fn add_bytes(&mut self, bytes: &[u8]) {
        let mut bytes = bytes.iter();
        let mut bucket = 0_usize;
        while let (Some(step), Some(count)) = (take(&mut bytes), take(&mut bytes)) {
            bucket = bucket.saturating_add(usize::try_from(step).unwrap_or(usize::MAX));
            self.count_in(bucket, count);
        }
    }
}

fn bucket(ms: u64) -> usize {
    let magnitude = ms.checked_ilog2().unwrap_or(0).saturating_sub(BITS);
    let within = usize::try_from(ms >> magnitude).unwrap_or(usize::MAX);
    ((magnitude as usize) << BITS) + within
}

/// The middle of a bucket's range.
fn middle(bucket: usize) -> u64 {
    let bucket = u32::try_from(bucket).unwrap_or(u32::MAX);
    let small = 1 << (BITS + 1);
    if bucket < small {
        return u64::from(bucket);
    }
    let magnitude = (bucket >> BITS) - 1;
    let within = u64::from(bucket - (magnitude << BITS));
    let low = within.checked_shl(magnitude).unwrap_or(u64::MAX);
    low.saturating_add(1_u64.checked_shl(magnitude).unwrap_or(1).saturating_sub(1) / 2)
}

fn put(mut number: u64, bytes: &mut Vec<u8>) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

fn take(bytes: &mut std::slice::Iter<'_, u8>) -> Option<u64> {
    let (mut number, mut shift) = (0, 0);
    while shift < 63 {
        let byte = bytes.next()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
        shift += 7;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_percentile_is_within_six_percent_of_the_exact_one(
            durations in prop::collection::vec(0_u64..5_000_000, 1..200),
            share in 0.01_f64..1.0,
        ) {
            let mut latencies = Latencies::default();
            for ms in &durations {
                latencies.record(*ms);
            }
            let mut sorted = durations.clone();
            sorted.sort_unstable();
            let at = sorted.iter().enumerate().position(|(at, _)| (at + 1) as f64 >= share * sorted.len() as f64);
            let exact = sorted[at.unwrap()] as f64;
            let found = latencies.percentile(share).unwrap() as f64;
            prop_assert!((found - exact).abs() <= 0.0625 * exact + 0.5, "{found} for {exact}");
            prop_assert_eq!(Latencies::from_bytes(&latencies.to_bytes()), latencies.clone());
            let mut twice = latencies.clone();
            twice.add(&latencies);
            prop_assert_eq!(twice.count(), 2 * durations.len() as u64);
        }

        #[test]
        fn any_bytes_are_some_histogram(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Latencies::from_bytes(&bytes).percentile(0.5);
        }
    }
}
