//! The rules that count places: plurality, approval, Borda.

use crate::{
    election::{Election, GradedBallot},
    rules::Pairwise,
    sum::{on_grid, sum_in_order},
};

/// Weight of the first places, the oldest rule. Every supporter gives 1 to its candidate; every critic its weight to the candidate that it
/// graded highest, in equal parts where several are highest.
pub(crate) fn plurality(election: &Election) -> Vec<f64> {
    let critics = first_places_of_critics(election);
    critics.into_iter().enumerate().map(|(index, votes)| on_grid(votes + election.support(index))).collect()
}

/// The part of [`plurality`] that comes from ballots.
pub(crate) fn first_places_of_critics(election: &Election) -> Vec<f64> {
    let mut terms: Vec<Vec<f64>> = vec![Vec::new(); election.size()];
    for ballot in election.counted() {
        for (candidate, part) in first_places(ballot) {
            terms[candidate].push(part);
        }
    }
    terms.iter_mut().map(|terms| sum_in_order(terms)).collect()
}

/// The candidates that share the first place of a ballot, each with its part of the weight.
fn first_places(ballot: &GradedBallot) -> impl Iterator<Item = (usize, f64)> {
    let top = ballot.top_grade();
    let first = move |grade: &Option<f64>| top.is_some() && *grade == top;
    let sharing = ballot.grades.iter().filter(|grade| first(grade)).count();
    let part = ballot.weight / sharing.max(1) as f64;
    ballot
        .grades
        .iter()
        .enumerate()
        .filter(move |(_, grade)| first(grade))
        .map(move |(index, _)| (index, part))
}

/// Weight of the approvals (Brams and Fishburn, "Approval voting", American Political Science Review 72, 1978). A supporter
/// approves of its own candidate. A ballot without any grade is no ballot here either: nothing but silence is left of it.
pub(crate) fn approval(election: &Election) -> Vec<f64> {
    let of = |candidate: usize| {
        // Ballots stand in ascending order of weight: their plain sum is in order.
        let critics = election.counted().filter(|ballot| ballot.approvals[candidate]);
        on_grid(critics.fold(0.0, |sum, ballot| sum + ballot.weight) + election.support(candidate))
    };
    (0..election.size()).map(of).collect()
}

/// Points by rank: 1 for each candidate that a voter places below, one half for each one that it places level or does not compare.
///
/// With complete ballots this is the count of J.-C. de Borda ("Mémoire sur les élections au scrutin", 1781); with incomplete ones
/// half the count of Cullinan, Hsiao and Polett ("A Borda count for partially ordered ballots", Social Choice and Welfare 42, 2014).
pub(crate) fn borda(pairwise: &Pairwise) -> Vec<f64> {
    let size = pairwise.size();
    let of = |one: usize| {
        let mut points: Vec<f64> = (0..size)
            .filter(|two| *two != one)
            .map(|two| {
                let (above, below) = (pairwise.prefer(one, two), pairwise.prefer(two, one));
                above + (pairwise.total() - above - below) / 2.0
            })
            .collect();
        on_grid(sum_in_order(&mut points))
    };
    (0..size).map(of).collect()
}
