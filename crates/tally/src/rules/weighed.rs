//! The rules that weigh votes by what is known of the voters.

use async_orchestrator_core::TallyRule;

use crate::{
    election::{Election, Weighed},
    sum::{on_grid, sum_in_order},
};

/// Each candidate's score in nats; zeros where votes are not weighed.
///
/// - Joint weights: what speaks for the candidate beforehand, plus the sum of its supporters' weights.
/// - Discounted log-odds: `max(max w, sum w / (1 + (m - 1) rho))` over its m supporters: many that err together are worth little more than the best of
///   them, and never less. The discount is the design effect of Kish ("Survey Sampling", 1965).
///
/// Each review of a critic whose hits and false alarms were measured adds its likelihood ratio, in proportion to the ballot's weight.
pub(crate) fn weighed(election: &Election, rule: TallyRule) -> Vec<f64> {
    let Some(weights) = election.weights() else { return vec![0.0; election.size()] };
    (0..election.size())
        .map(|candidate| {
            let votes = match rule {
                TallyRule::DiscountedLogOdds => discounted(&weights.supporters[candidate], weights.rho),
                _ => sum(&weights.supporters[candidate]),
            };
            on_grid(weights.candidates[candidate] + votes + reviews(election, weights, candidate))
        })
        .collect()
}

/// Lightest first, so the sum does not depend on the order in which the seats came.
fn sum(nats: &[f64]) -> f64 {
    nats.iter().fold(0.0, |sum, nats| sum + nats)
}

fn discounted(nats: &[f64], rho: f64) -> f64 {
    let Some(heaviest) = nats.last() else { return 0.0 };
    let effect = (nats.len() - 1) as f64 * rho + 1.0;
    (sum(nats) / effect).max(*heaviest)
}

fn reviews(election: &Election, weights: &Weighed, candidate: usize) -> f64 {
    let graded = election.ballots().iter().zip(&weights.reviews);
    let said = graded.filter_map(|(ballot, review)| {
        ballot.grades[candidate]?;
        let nats = if ballot.approvals[candidate] { review.approved } else { review.refused };
        // A ballot that contradicts itself counts half; none counts more than one.
        Some(nats * ballot.weight.min(1.0))
    });
    sum_in_order(&mut said.collect::<Vec<f64>>())
}
