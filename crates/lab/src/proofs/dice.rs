//! Numbers that are drawn from a seed and are the same each time.

use std::time::Duration;

use crate::eval::sample::SplitMix;

/// The lab's seeded numbers, as times and choices.
#[derive(Clone, Debug)]
pub(super) struct Dice(SplitMix);

impl Dice {
    /// A sequence of its own for each `seed` and `name`.
    pub(super) fn new(seed: u64, name: &str) -> Self {
        let mixed = name.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(SplitMix(mixed))
    }

    pub(super) fn number(&mut self) -> u64 {
        self.0.bits()
    }

    /// In 0.0 to 1.0, 1.0 excluded.
    pub(super) fn share(&mut self) -> f64 {
        self.0.uniform()
    }

    /// 0 to `below`, excluded.
    pub(super) fn below(&mut self, below: u64) -> u64 {
        self.number() % below.max(1)
    }

    pub(super) fn between(&mut self, low: Duration, high: Duration) -> Duration {
        low + high.saturating_sub(low).mul_f64(self.share())
    }

    /// The wait for the next of events that come at random, `mean` apart.
    pub(super) fn gap(&mut self, mean: Duration) -> Duration {
        mean.mul_f64(-(1.0 - self.share()).ln())
    }
}
