//! From scores to shares: how many independent votes there were, and how strongly they speak for each candidate.
//!
//! The result is raw. How often a share of 0.8 is right is measured elsewhere; nothing here is calibrated.

use async_orchestrator_core::TallyRule;

use crate::{election::Election, rules::AllScores, sum::sum_in_order};

/// The assumed correlation of two members' errors: models that are both wrong agree on the wrong answer in about 60 % of the cases (Kim and
/// others, "Correlated errors in large language models", arXiv 2506.07962).
pub const RHO_DEFAULT: f64 = 0.6;

/// The weight of one independent vote in the posterior, in nats: `ln(p / (1 - p))` of a member that is right three times in four
/// (p = 0.73), the middling member of the simulated elections. It is the softmax's inverse temperature.
const NATS_PER_VOTE: f64 = 1.0;

/// How many independent votes `votes` correlated ones are worth: `m / (1 + (m - 1) rho)`, the design effect of Kish ("Survey
/// Sampling", 1965). Below one vote nothing is discounted. `rho` is the correlation, 0 to 1.
///
/// ```
/// use async_orchestrator_tally::{RHO_DEFAULT, effective_votes};
/// assert!((effective_votes(5.0, RHO_DEFAULT) - 1.4706).abs() < 1e-4);
/// assert_eq!(effective_votes(5.0, 0.0), 5.0);
/// assert_eq!(effective_votes(5.0, 1.0), 1.0);
/// ```
pub fn effective_votes(votes: f64, rho: f64) -> f64 {
    votes / 1.0_f64.mul_add((votes - 1.0).max(0.0) * rho, 1.0)
}

/// The number of votes that the unequal weights of those who vote under `rule` amount to: `(sum w)^2 / sum w^2` (Kish).
pub(crate) fn votes(election: &Election, rule: TallyRule) -> f64 {
    if let Some(weights) = election.weights() {
        // Whoever speaks against its own answer is no vote for it.
        let mut nats: Vec<f64> = weights.supporters.iter().flatten().map(|nats| nats.max(0.0)).collect();
        let mut squares: Vec<f64> = nats.iter().map(|nats| nats * nats).collect();
        let (sum, squares) = (sum_in_order(&mut nats), sum_in_order(&mut squares));
        return if squares > 0.0 { sum * sum / squares } else { 0.0 };
    }
    let proposers = match rule {
        TallyRule::ClippedZMean => 0.0,
        _ => election.support_total(),
    };
    let weights = || election.counted().map(|ballot| ballot.weight);
    let sum = weights().fold(0.0, |sum, weight| sum + weight) + proposers;
    let squares = weights().fold(0.0, |sum, weight| weight.mul_add(weight, sum)) + proposers;
    if squares > 0.0 { sum * sum / squares } else { 0.0 }
}

/// Each candidate's share: the softmax of the evidence for it, one nat for each effective vote.
///
/// - Joint weights, discounted log-odds: the score itself, which is in nats.
/// - Plurality: the evidence is the effective number of the candidate's own votes. With members of equal skill this is the
///   correlation-discounted log-odds of the election, `sum w_i / (1 + (m - 1) rho)`.
/// - Approval, Borda, Schulze: the effective number of all votes times the share of the highest possible score.
/// - Clipped z-mean: the effective number of all votes times half the score, because between two candidates a unanimous vote puts
///   2 z-points.
pub(crate) fn posterior(election: &Election, rule: TallyRule, all: &AllScores) -> Vec<f64> {
    let votes = votes(election, rule);
    let effective = effective_votes(votes, RHO_DEFAULT);
    let total = all.pairwise.total();
    let rivals = election.size().saturating_sub(1).max(1) as f64;
    let share = |score: f64, highest: f64| if highest > 0.0 { score / highest } else { 0.0 };
    let evidence = |score: f64| match rule {
        // These are nats already.
        TallyRule::JointWeights | TallyRule::DiscountedLogOdds => score / NATS_PER_VOTE,
        TallyRule::ClippedZMean => effective * score / 2.0,
        TallyRule::Approval => effective * share(score, total),
        TallyRule::Borda | TallyRule::Condorcet => effective * share(score, total * rivals),
        TallyRule::Schulze => effective * share(score, rivals),
        _ => effective_votes(votes * share(score, total), RHO_DEFAULT),
    };
    softmax(all.under(rule).iter().map(|score| evidence(*score) * NATS_PER_VOTE).collect())
}

fn softmax(mut logits: Vec<f64>) -> Vec<f64> {
    let highest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for logit in &mut logits {
        *logit = (*logit - highest).exp();
    }
    let sum = sum_in_order(&mut logits.clone());
    logits.into_iter().map(|part| part / sum).collect()
}
