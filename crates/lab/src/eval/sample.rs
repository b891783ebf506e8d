//! Folds and intervals, drawn the same way every time.

/// The fold of a question, from its name alone: 0 to `folds - 1`. So it does not depend on the order of a file, and is not drawn again until it pleases.
pub fn fold_of(id: &str, folds: usize) -> usize {
    let hash = blake3::hash(id.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    usize::try_from(u64::from_le_bytes(first) % folds.max(1) as u64).unwrap_or(0)
}

/// How often an interval's sample is drawn again.
const DRAWS: usize = 2_000;

/// The mean of `values` with its 95 % bootstrap interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// The 2.5th percentile of the means of samples drawn again.
    pub low: f64,
    /// The 97.5th.
    pub high: f64,
}

impl Estimate {
    /// Of `values`, drawn again 2,000 times with a fixed seed (Efron, "Bootstrap methods: another look at the jackknife", 1979; percentile interval).
    /// Where the values are differences of two methods on the same questions the interval is a paired one.
    pub fn of(values: &[f64]) -> Self {
        let count = values.len();
        if count == 0 {
            return Self::default();
        }
        let mean = values.iter().sum::<f64>() / count as f64;
        let mut random = SplitMix(0x0b00_757a_4a9d_u64 ^ count as u64);
        let mut means: Vec<f64> = (0..DRAWS)
            .map(|_| (0..count).map(|_| values[random.below(count)]).sum::<f64>() / count as f64)
            .collect();
        means.sort_by(f64::total_cmp);
        let at = |permille: usize| means[(DRAWS - 1) * permille / 1_000];
        Self { mean, low: at(25), high: at(975) }
    }

    /// Of right and wrong, in percent.
    pub fn percent(right: impl IntoIterator<Item = bool>) -> Self {
        let values: Vec<f64> = right.into_iter().map(|right| f64::from(u8::from(right)) * 100.0).collect();
        Self::of(&values)
    }

    /// Of how much more often `ours` is right than `theirs`, in percent.
    pub fn gain(ours: &[bool], theirs: &[bool]) -> Self {
        let value = |right: bool| f64::from(u8::from(right)) * 100.0;
        let values: Vec<f64> =
            ours.iter().zip(theirs).map(|(ours, theirs)| value(*ours) - value(*theirs)).collect();
        Self::of(&values)
    }
}

/// Seeded numbers (SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
#[derive(Clone, Debug)]
pub struct SplitMix(pub u64);

impl SplitMix {
    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let state = self.0;
        let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        state ^ (state >> 31)
    }

    /// A number below `bound`, which is above 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from((u128::from(self.bits()) * bound as u128) >> 64).unwrap_or(0)
    }

    /// A number from 0 to 1, without 1.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A normal number with mean 0 (Box and Muller).
    pub fn normal(&mut self, deviation: f64) -> f64 {
        let (radius, angle) = (1.0 - self.uniform(), self.uniform());
        deviation * (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }

    /// Puts `items` into a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
