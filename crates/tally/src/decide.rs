//! The election's result: the winner under the rule in force, and beside it what every other rule says.

use std::collections::BTreeMap;

use async_orchestrator_core::{Alarm, Audit, QuorumState, Tally, TallyRule};

use crate::{
    election::{Election, ReviewWeight},
    posterior::{RHO_DEFAULT, effective_votes, posterior, votes},
    rules::{AllScores, condorcet_winner, first_places_of_critics, ranking, sole_leader, weighed},
    sum::{on_grid, sum_in_order},
};

/// The version of the election's code, which the decision record names. It changes when any election could come out differently.
pub const VERSION: &str = "ao/tally/3";

/// Decides the election.
///
/// The winner has the highest score under the rule in force; ties go to the higher clipped z-mean (closed answers only), then to
/// the larger weight of approvals, then to the order that the seed draws from the ids. There always is a winner: an election without
/// votes ends in a tie with margin 0, and whether enough seats spoke is the caller's affair (`quorum` is left at its default).
/// The posterior is raw: a softmax of one nat for each effective vote, where `n_eff` discounts correlated votes
/// with rho = [`RHO_DEFAULT`]. `rule_agreement` holds if the rule in force, plurality, Borda and Schulze each name the same
/// winner without a tie.
///
/// With one candidate the rule is [`TallyRule::Single`]: score, margin and posterior are 1.
pub fn decide(election: &Election) -> Tally {
    let rule = election.rule_in_force();
    let all = AllScores::of(election);
    if rule == TallyRule::Single {
        return single(election, all);
    }
    let scores = all.under(rule);
    let order = ranking(election, scores, &all.tie_breakers(election));
    let margin = on_grid(scores[order[0]] - scores[order[1]]);
    let leaders = [scores, &all.plurality, &all.borda, &all.schulze].map(sole_leader);
    let rule_agreement = leaders.iter().all(|leader| *leader == Some(order[0]));
    Tally {
        rule,
        rho: match rule {
            // The weights already share what the members have in common.
            TallyRule::JointWeights => None,
            TallyRule::DiscountedLogOdds => election.weights().map(|weights| weights.rho),
            _ => Some(RHO_DEFAULT),
        },
        scores: named(election, scores),
        winner: Some(election.candidates()[order[0]].id.clone()),
        margin,
        posterior: named(election, &posterior(election, rule, &all)),
        audit: audit(election, &all),
        rule_agreement,
        n_eff: effective_votes(votes(election, rule), RHO_DEFAULT),
        quorum: QuorumState::default(),
        pairwise: all.pairwise.into_matrix(),
    }
}

/// The probability that the winner is the right answer, where the weights say how often none of the candidates is; `None` elsewhere. How well it
/// means what it says depends on what the weights were fitted to: [`Trust::is_calibrated`](crate::Trust::is_calibrated).
///
/// `None` too where a measured review counts: what reviews say is taken to be independent of the votes, and nobody has calibrated the two together.
pub fn probability(election: &Election) -> Option<f64> {
    let weights = election.weights()?;
    if weights.reviews.iter().any(|review| *review != ReviewWeight::default()) {
        return None;
    }
    let mut shares = vec![weights.none?];
    shares.extend(weighed(election, TallyRule::JointWeights));
    crate::learn::logit::softmax(&mut shares);
    let share = shares.into_iter().skip(1).max_by(f64::total_cmp)?;
    Some(weights.curve.map_or(share, |(curve, skill)| curve.at(share, skill)))
}

fn single(election: &Election, all: AllScores) -> Tally {
    Tally {
        rule: TallyRule::Single,
        rho: Some(RHO_DEFAULT),
        scores: named(election, &[1.0]),
        winner: Some(election.candidates()[0].id.clone()),
        margin: 1.0,
        posterior: named(election, &[1.0]),
        audit: audit(election, &all),
        rule_agreement: true,
        n_eff: effective_votes(votes(election, TallyRule::Single), RHO_DEFAULT),
        quorum: QuorumState::default(),
        pairwise: all.pairwise.into_matrix(),
    }
}

fn audit(election: &Election, all: &AllScores) -> Audit {
    let id = |index: usize| election.candidates()[index].id.clone();
    Audit {
        condorcet: condorcet_winner(&all.pairwise).map(id),
        schulze: ranking(election, &all.schulze, &[&all.approval]).into_iter().map(id).collect(),
        borda: named(election, &all.borda),
        approval: named(election, &all.approval),
        plurality: named(election, &all.plurality),
        surprisingly_popular: surprisingly_popular(election),
        alarms: alarms(election),
        observer_note: None,
    }
}

/// The share of the critics' first places less the share that critics expected (Prelec, Seung and McCoy, "A solution to the
/// single-question crowd wisdom problem", Nature 541, 2017). Candidates of whom nobody predicted anything are left out.
fn surprisingly_popular(election: &Election) -> BTreeMap<String, f64> {
    let mut firsts = first_places_of_critics(election);
    let actual = firsts.clone();
    let total = sum_in_order(&mut firsts);
    let mut surprises = BTreeMap::new();
    for (index, candidate) in election.candidates().iter().enumerate() {
        let said = || {
            election.counted().filter_map(|ballot| Some((ballot.weight, ballot.predicted_support[index]?)))
        };
        let weight = said().fold(0.0, |sum, (weight, _)| sum + weight);
        let mut predicted: Vec<f64> = said().map(|(weight, share)| weight * share).collect();
        if weight > 0.0 && total > 0.0 {
            let expected = sum_in_order(&mut predicted) / weight;
            surprises.insert(candidate.id.clone(), on_grid(actual[index] / total - expected));
        }
    }
    surprises
}

/// What was dropped is said, never passed over in silence.
fn alarms(election: &Election) -> Vec<Alarm> {
    let dropped = election.dropped();
    let alarm = |count: usize, name: &str, what: &str| {
        (count > 0).then(|| Alarm { alarm: name.to_owned(), detail: format!("{count} {what} dropped") })
    };
    let grades = alarm(dropped.grades, "grades_dropped", "grades that are no usable number were");
    let predictions =
        alarm(dropped.predictions, "predictions_dropped", "predicted shares outside 0 to 1 were");
    grades.into_iter().chain(predictions).collect()
}

fn named(election: &Election, scores: &[f64]) -> BTreeMap<String, f64> {
    election.candidates().iter().map(|candidate| candidate.id.clone()).zip(scores.iter().copied()).collect()
}
