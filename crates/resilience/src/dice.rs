//! The random numbers of jitter and throttling, from a seed, so that a run on a still clock is the same again.

use std::sync::atomic::{AtomicU64, Ordering};

/// Draws numbers; shared by all who draw, without a lock.
#[derive(Debug)]
pub(crate) struct Dice(AtomicU64);

/// SplitMix64's increment (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The next number, 0.0 or more and below 1.0.
    pub(crate) fn draw(&self) -> f64 {
        let mut bits = self.0.fetch_add(GAMMA, Ordering::Relaxed).wrapping_add(GAMMA);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^= bits >> 31;
        // 53 bits are what a double holds exactly.
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_and_the_numbers_spread() {
        let draws = |seed| {
            let dice = Dice::new(seed);
            (0..10_000).map(|_| dice.draw()).collect::<Vec<_>>()
        };
        assert_eq!(draws(7), draws(7));
        assert_ne!(draws(7), draws(8));
        let mean = draws(7).iter().sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.02 && draws(7).iter().all(|draw| (0.0..1.0).contains(draw)));
    }
}
