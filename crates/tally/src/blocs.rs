//! Who prefers another answer than the winner, and with how much of the weight.
//!
//! It names the blocs; which of them is large enough for a minority report is the council's affair.

use async_orchestrator_core::Tally;

use crate::{election::Election, sum::sum_in_order};

/// Voters who prefer the same candidate to the winner.
#[derive(Clone, Debug, PartialEq)]
pub struct Bloc {
    /// The candidate that they prefer.
    pub prefers: String,
    /// Their seats, sorted by name.
    pub voters: Vec<String>,
    /// Their share of the weight of all voters, 0 to 1.
    pub share: f64,
}

/// The blocs against the winner, the largest first.
///
/// Voters are the critics whose ballot holds a grade, with its weight, **and** the proposers, each with weight 1 for its own answer:
/// who proposed another answer than the winner prefers that one until it says otherwise. A critic that puts the winner among
/// several equal first places is in no bloc; one with several equal first places without the winner stands with the one of them that
/// scored best. A ballot that graded nothing is no voter.
pub fn blocs(election: &Election, tally: &Tally) -> Vec<Bloc> {
    let winner = tally
        .winner
        .as_ref()
        .and_then(|id| election.candidates().iter().position(|candidate| candidate.id == *id));
    let Some(winner) = winner else { return Vec::new() };

    let mut weights: Vec<Vec<f64>> = vec![Vec::new(); election.size()];
    let mut voters: Vec<Vec<String>> = vec![Vec::new(); election.size()];
    let mut total = Vec::new();
    for ballot in election.counted() {
        total.push(ballot.weight);
        let preferred = preferred(election, tally, &ballot.grades);
        if let Some(preferred) = preferred.filter(|_| ballot.grades[winner] != ballot.top_grade()) {
            weights[preferred].push(ballot.weight);
            voters[preferred].push(ballot.voter.clone());
        }
    }
    for (index, candidate) in election.candidates().iter().enumerate() {
        total.extend(candidate.supporters.iter().map(|_| 1.0));
        if index != winner {
            weights[index].extend(candidate.supporters.iter().map(|_| 1.0));
            voters[index].extend(candidate.supporters.iter().cloned());
        }
    }
    let total = sum_in_order(&mut total);
    let mut blocs: Vec<Bloc> = weights
        .into_iter()
        .zip(voters)
        .zip(election.candidates())
        .filter(|((weights, _), _)| !weights.is_empty())
        .map(|((mut weights, mut voters), candidate)| {
            voters.sort();
            Bloc { prefers: candidate.id.clone(), voters, share: sum_in_order(&mut weights) / total }
        })
        .collect();
    blocs.sort_by(|one, two| two.share.total_cmp(&one.share).then_with(|| one.prefers.cmp(&two.prefers)));
    blocs
}

/// The candidate with the highest grade; among equals the one that scored best in the election, then the first by name.
fn preferred(election: &Election, tally: &Tally, grades: &[Option<f64>]) -> Option<usize> {
    let score = |index: usize| {
        tally.scores.get(&election.candidates()[index].id).copied().unwrap_or(f64::NEG_INFINITY)
    };
    let graded = grades.iter().enumerate().filter_map(|(index, grade)| grade.map(|grade| (index, grade)));
    graded
        .max_by(|one, two| {
            one.1
                .total_cmp(&two.1)
                .then_with(|| score(one.0).total_cmp(&score(two.0)))
                .then_with(|| two.0.cmp(&one.0))
        })
        .map(|(index, _)| index)
}
