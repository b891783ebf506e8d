//! Randomness that depends only on a seed and on names, never on the order of calls.
//!
//! Two simulators with one seed throw the same dice for the same (model, question, sample), whatever runs
//! beside them. The generator is SplitMix64 (Steele, Lea, Flood 2014), the keys are hashed with 64-bit FNV-1a:
//! both are fixed by their definitions, so a seed means the same on every machine and in every version.

/// A stream of dice, split off by names.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(mix(seed ^ 0x9e37_79b9_7f4a_7c15))
    }

    /// Dice of their own for `name`; the parent is left as it was.
    pub(crate) fn of(&self, name: &str) -> Self {
        Self(mix(self.0 ^ fingerprint(name)))
    }

    /// Dice of their own for a number.
    pub(crate) fn at(&self, index: u64) -> Self {
        Self(mix(self.0 ^ mix(index.wrapping_add(0x517c_c1b7_2722_0a95))))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Uniform in `[0, 1)`, with 53 bits.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in `[low, high)`.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Standard normal (Box-Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Uniform in `0..count`; 0 for an empty range.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        if count == 0 { 0 } else { usize::try_from(self.next() % count as u64).unwrap_or(0) }
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> Option<&'a T> {
        from.get(self.below(from.len())).copied()
    }

    /// Lower-case letters and digits, as in the vendors' ids.
    pub(crate) fn token(&mut self, length: usize) -> String {
        const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        (0..length).map(|_| char::from(ALPHABET[self.below(ALPHABET.len())])).collect()
    }
}

/// 64-bit FNV-1a.
pub(crate) fn fingerprint(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_decide_and_order_does_not() {
        let root = Dice::new(7);
        let first = root.of("a").next();
        let _ = root.of("b").next();
        assert_eq!(root.of("a").next(), first);
        assert_ne!(root.of("b").next(), first);
        assert_ne!(Dice::new(8).of("a").next(), first);
    }

    #[test]
    fn the_moments_are_those_of_the_distributions() {
        let mut dice = Dice::new(1);
        let n = 20_000;
        let mean = (0..n).map(|_| dice.unit()).sum::<f64>() / f64::from(n);
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        let squares = (0..n).map(|_| dice.normal().powi(2)).sum::<f64>() / f64::from(n);
        assert!((squares - 1.0).abs() < 0.05, "{squares}");
    }
}
