//! The mean of each critic's standardised and clipped grades.
//!
//! Standardising takes away how generous and how bold a critic is; clipping bounds what one critic can do with extreme grades. In the simulated
//! elections of the test suite one liar among five leaves 73 % right picks under this rule, 48 % under the plain mean.
//! Range voting with standardised grades is folklore; the bound is a winsorisation (Tukey, "The future of data
//! analysis", Annals of Mathematical Statistics 33, 1962).

use crate::{
    election::{Election, GradedBallot},
    sum::{on_grid, sum_in_order},
};

/// How many standard deviations one critic can lift or sink a candidate: with three candidates and more it is the bound that keeps a
/// single liar from outweighing two honest critics, and with two it never binds (their values are -1 and 1).
pub const Z_CLIP: f64 = 1.2;

/// Each candidate's mean over all counted ballots, by weight. A candidate that a ballot did not grade, and every candidate of a ballot
/// without differences, counts 0 there: the middle of the scale.
pub(crate) fn clipped_z_mean(election: &Election) -> Vec<f64> {
    let total = election.counted().fold(0.0, |sum, ballot| sum + ballot.weight);
    let mean = |sum: f64| if total > 0.0 { on_grid(sum / total) } else { 0.0 };
    clipped_z_sums(election).into_iter().map(mean).collect()
}

/// Each candidate's sum of weight times clipped z over all ballots.
pub(crate) fn clipped_z_sums(election: &Election) -> Vec<f64> {
    let mut terms: Vec<Vec<f64>> = vec![Vec::new(); election.size()];
    for ballot in election.counted() {
        for (candidate, z) in standardised(ballot) {
            terms[candidate].push(ballot.weight * z.clamp(-Z_CLIP, Z_CLIP));
        }
    }
    terms.iter_mut().map(|terms| sum_in_order(terms)).collect()
}

/// The grades of one ballot with mean 0 and (population) standard deviation 1; nothing if they do not differ.
fn standardised(ballot: &GradedBallot) -> Vec<(usize, f64)> {
    let graded = || ballot.grades.iter().enumerate().filter_map(|(index, grade)| Some((index, (*grade)?)));
    let low = graded().map(|(_, grade)| grade).fold(f64::INFINITY, f64::min);
    let high = graded().map(|(_, grade)| grade).fold(f64::NEG_INFINITY, f64::max);
    let spread = high - low;
    if spread.is_nan() || spread <= 0.0 {
        return Vec::new();
    }
    // Moved to 0..=1 first: the deviation then can neither vanish nor overflow, whatever the critic's scale.
    let mut values: Vec<(usize, f64)> =
        graded().map(|(index, grade)| (index, (grade - low) / spread)).collect();
    let count = values.len() as f64;
    let mut terms: Vec<f64> = values.iter().map(|(_, value)| *value).collect();
    let mean = sum_in_order(&mut terms) / count;
    let mut squares: Vec<f64> = values.iter().map(|(_, value)| (value - mean).powi(2)).collect();
    let deviation = (sum_in_order(&mut squares) / count).sqrt();
    for (_, value) in &mut values {
        *value = (*value - mean) / deviation;
    }
    values
}
