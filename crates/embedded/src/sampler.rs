//! Chooses the next token from the logits. The same seed and the same logits give the same choice.

/// Tokens outside of the smallest set with this probability are never drawn (nucleus sampling, arXiv 1904.09751).
const TOP_P: f64 = 0.95;
/// A logit so far below the best one has a probability of less than e^-30.
const NEGLIGIBLE: f32 = 30.0;

/// The choice of tokens for one reply.
#[derive(Clone, Debug)]
pub(crate) struct Sampler {
    temperature: Temperature,
    random: SplitMix64,
}

#[derive(Clone, Copy, Debug)]
enum Temperature {
    /// Always the likeliest token.
    Greedy,
    Of(f32),
}

impl Sampler {
    /// Greedy at a temperature of zero or without one.
    pub(crate) fn new(temperature: Option<f32>, seed: u64) -> Self {
        let temperature = match temperature {
            Some(temperature) if temperature > 0.01 => Temperature::Of(temperature),
            _ => Temperature::Greedy,
        };
        Self { temperature, random: SplitMix64(seed) }
    }

    /// The next token. A token at minus infinity is never chosen; `None` if all are.
    pub(crate) fn pick(&mut self, logits: &[f32]) -> Option<u32> {
        let (best, peak) = best(logits)?;
        let Temperature::Of(temperature) = self.temperature else { return Some(best) };
        let floor = peak - NEGLIGIBLE * temperature;
        let mut candidates: Vec<(u32, f64)> = (0_u32..)
            .zip(logits)
            .filter(|&(_, &logit)| logit > floor)
            .map(|(token, &logit)| (token, f64::from((logit - peak) / temperature).exp()))
            .collect();
        candidates.sort_by(|(one, a), (two, b)| b.total_cmp(a).then(one.cmp(two)));
        let total: f64 = candidates.iter().map(|(_, weight)| weight).sum();
        let mut nucleus = 0.0;
        let size = candidates.iter().take_while(|(_, weight)| {
            let inside = nucleus < TOP_P * total;
            nucleus += weight;
            inside
        });
        let size = size.count().max(1);
        let kept: f64 = candidates[..size].iter().map(|(_, weight)| weight).sum();
        let mut drawn = self.random.unit() * kept;
        for &(token, weight) in &candidates[..size] {
            drawn -= weight;
            if drawn < 0.0 {
                return Some(token);
            }
        }
        Some(best)
    }
}

/// The likeliest token and its logit; the lower one of equals.
fn best(logits: &[f32]) -> Option<(u32, f32)> {
    let mut best = None;
    for (token, &logit) in (0_u32..).zip(logits) {
        if logit > best.map_or(f32::NEG_INFINITY, |(_, best)| best) {
            best = Some((token, logit));
        }
    }
    best
}

/// Makes the tokens of `seen` less likely by `penalty` (over 1), once each (arXiv 1909.05858, section 4.1).
pub(crate) fn penalize(logits: &mut [f32], seen: &[u32], penalty: f32) {
    let mut distinct = seen.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    for token in distinct {
        if let Some(logit) = logits.get_mut(token as usize) {
            *logit = if *logit > 0.0 { *logit / penalty } else { *logit * penalty };
        }
    }
}

/// Sebastiano Vigna's generator of 64 random bits, <https://prng.di.unimi.it/splitmix64.c>.
#[derive(Clone, Debug)]
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to 1, without 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greedy_takes_the_best_and_nothing_forbidden() {
        let mut sampler = Sampler::new(None, 1);
        assert_eq!(sampler.pick(&[0.0, 2.0, 2.0, f32::NEG_INFINITY]), Some(1));
        assert_eq!(sampler.pick(&[f32::NEG_INFINITY; 3]), None);
        assert_eq!(sampler.pick(&[f32::NAN, 1.0]), Some(1));
    }

    #[test]
    fn a_seed_decides_the_draws_and_they_follow_the_weights() {
        let logits = [1.0_f32.ln(), 3.0_f32.ln(), f32::NEG_INFINITY, -20.0];
        let draw = |seed| {
            let mut sampler = Sampler::new(Some(1.0), seed);
            (0..4_000).filter_map(|_| sampler.pick(&logits)).collect::<Vec<_>>()
        };
        let drawn = draw(7);
        assert_eq!(drawn, draw(7));
        assert_ne!(drawn, draw(8));
        let ones = drawn.iter().filter(|&&token| token == 1).count();
        assert!((2_850..3_150).contains(&ones), "{ones} of 4,000, 3,000 expected");
        assert!(drawn.iter().all(|&token| token < 2), "the tail outside of the nucleus is never drawn");
    }

    #[test]
    fn a_penalty_lowers_what_was_seen_whatever_its_sign() {
        let mut logits = [2.0_f32, -2.0, 2.0];
        penalize(&mut logits, &[0, 1, 0], 2.0);
        assert_eq!(logits.map(f32::to_bits), [1.0_f32, -4.0, 2.0].map(f32::to_bits));
    }
}
