//! The conditional logit: which of several candidates is the right one, from what is known of each (McFadden, "Conditional logit analysis of
//! qualitative choice behavior", 1974). The candidates of one question compete with each other alone.

use super::lbfgs::{Limits, minimise};

/// What is known of one candidate: the features that it has, with their values.
pub(crate) type Candidate = Vec<(usize, f64)>;

/// A question: its candidates, and which of them was right.
pub(crate) struct Choice {
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) right: usize,
}

/// A normal belief about one weight, before anything is seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prior {
    pub(crate) mean: f64,
    pub(crate) deviation: f64,
}

const LIMITS: Limits = Limits { steps: 300, gradient: 1e-4 };

/// The most probable weights: the prior's and the choices' log-likelihoods together are largest there. The sum is concave, so there is one such place.
pub(crate) fn fit(choices: &[Choice], priors: &[Prior]) -> Vec<f64> {
    let start = priors.iter().map(|prior| prior.mean).collect();
    let mut shares: Vec<f64> = Vec::new();
    minimise(start, LIMITS, |weights, gradient| {
        let mut value = 0.0;
        for ((weight, slope), prior) in weights.iter().zip(gradient.iter_mut()).zip(priors) {
            let precision = 1.0 / (prior.deviation * prior.deviation);
            let off = weight - prior.mean;
            value += 0.5 * precision * off * off;
            *slope = precision * off;
        }
        for choice in choices {
            shares.clear();
            shares.extend(choice.candidates.iter().map(|candidate| score(weights, candidate)));
            let right = shares[choice.right];
            let total = softmax(&mut shares);
            value += total - right;
            for (index, (candidate, share)) in choice.candidates.iter().zip(&shares).enumerate() {
                let error = share - f64::from(u8::from(index == choice.right));
                for (feature, amount) in candidate {
                    gradient[*feature] = error.mul_add(*amount, gradient[*feature]);
                }
            }
        }
        value
    })
}

/// A candidate's score.
pub(crate) fn score(weights: &[f64], candidate: &[(usize, f64)]) -> f64 {
    candidate.iter().map(|(feature, amount)| weights[*feature] * amount).sum()
}

/// Turns scores into shares, in place; returns the logarithm of the sum that they were divided by.
pub(crate) fn softmax(scores: &mut [f64]) -> f64 {
    let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - highest).exp();
        sum += *score;
    }
    for score in scores.iter_mut() {
        *score /= sum;
    }
    highest + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two candidates, one feature on the first: the logit of how often the first is right, drawn towards the prior.
    #[test]
    fn the_weight_is_the_log_odds_of_the_counts() {
        let choice = |right| Choice { candidates: vec![vec![(0, 1.0)], Vec::new()], right };
        let choices: Vec<Choice> = (0..100).map(|index| choice(usize::from(index % 4 == 0))).collect();
        let weak = fit(&choices, &[Prior { mean: 0.0, deviation: 100.0 }]);
        assert!((weak[0] - 3.0_f64.ln()).abs() < 1e-3, "{weak:?}");
        let firm = fit(&choices, &[Prior { mean: 0.0, deviation: 0.01 }]);
        assert!(firm[0].abs() < 0.01, "{firm:?}");
        assert!((fit(&[], &[Prior { mean: 0.7, deviation: 1.0 }])[0] - 0.7).abs() < 1e-12);
    }

    #[test]
    fn shares_add_up_however_large_the_scores() {
        let mut scores = [1_000.0, 999.0, -1e9];
        softmax(&mut scores);
        assert!((scores.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((scores[0] / scores[1] - 1.0_f64.exp()).abs() < 1e-9);
    }
}
