//! Whether a probability means what it says.

use serde::Serialize;

use super::votes::Outcome;

/// The bins of the expected calibration error.
const BINS: usize = 10;

/// How good stated probabilities are.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Quality {
    /// The mean squared distance from what came (Brier, "Verification of forecasts expressed in terms of probability", 1950): 0 is perfect.
    pub brier: f64,
    /// The expected calibration error over ten bins of equal width (Naeini and others, 2015): 0 is perfect.
    pub ece: f64,
}

impl Quality {
    pub(crate) fn of(outcomes: &[Outcome]) -> Self {
        let count = outcomes.len().max(1) as f64;
        let hit = |outcome: &Outcome| f64::from(u8::from(outcome.is_right));
        let brier = outcomes.iter().map(|outcome| (outcome.sure - hit(outcome)).powi(2)).sum::<f64>() / count;
        let mut bins = [(0.0, 0.0); BINS];
        for outcome in outcomes {
            let bin = (1..BINS).filter(|edge| outcome.sure >= *edge as f64 / BINS as f64).count();
            bins[bin].0 += outcome.sure;
            bins[bin].1 += hit(outcome);
        }
        let ece = bins.iter().map(|(sure, right)| (sure - right).abs()).sum::<f64>() / count;
        Self { brier, ece }
    }
}
