//! Candidates two by two: the matrix of preferences, the Condorcet winner, Schulze's method.

use std::cmp::Ordering;

use super::borda;
use crate::{
    election::Election,
    sum::{on_grid, sum_in_order},
};

/// For each pair of candidates the weight of the voters that prefer the one to the other.
pub(crate) struct Pairwise {
    matrix: Vec<Vec<f64>>,
    total: f64,
}

impl Pairwise {
    pub(crate) fn of(election: &Election) -> Self {
        let size = election.size();
        let mut matrix = vec![vec![0.0; size]; size];
        // Ballots stand in ascending order of weight, so every cell is summed in ascending order.
        for ballot in election.counted() {
            for (one, row) in matrix.iter_mut().enumerate() {
                for (two, cell) in row.iter_mut().enumerate() {
                    if ballot.compare(one, two) == Some(Ordering::Greater) {
                        *cell += ballot.weight;
                    }
                }
            }
        }
        for (one, row) in matrix.iter_mut().enumerate() {
            for (two, cell) in row.iter_mut().enumerate() {
                if one != two {
                    *cell = on_grid(*cell + election.support(one));
                }
            }
        }
        let mut weights: Vec<f64> = election.counted().map(|ballot| ballot.weight).collect();
        let total = sum_in_order(&mut weights) + election.support_total();
        Self { matrix, total }
    }

    pub(crate) fn size(&self) -> usize {
        self.matrix.len()
    }

    /// The weight of the voters that prefer `one` to `two`.
    pub(crate) fn prefer(&self, one: usize, two: usize) -> f64 {
        self.matrix[one][two]
    }

    /// The weight of all voters.
    pub(crate) const fn total(&self) -> f64 {
        self.total
    }

    pub(crate) fn into_matrix(self) -> Vec<Vec<f64>> {
        self.matrix
    }
}

/// The candidate that more weight prefers than not in every pair, where there is one (Condorcet, "Essai sur l'application de
/// l'analyse à la probabilité des décisions", 1785).
pub(crate) fn condorcet_winner(pairwise: &Pairwise) -> Option<usize> {
    let beats = |one: usize, two: usize| pairwise.prefer(one, two) > pairwise.prefer(two, one);
    (0..pairwise.size()).find(|&one| (0..pairwise.size()).all(|two| one == two || beats(one, two)))
}

/// Black's method: the Condorcet winner, and where there is none most points by rank (D. Black, "The theory of committees and elections", 1958).
///
/// The score is Borda's; a Condorcet winner has one point more than the most that anyone has.
pub(crate) fn black(pairwise: &Pairwise) -> Vec<f64> {
    let mut scores = borda(pairwise);
    if let Some(winner) = condorcet_winner(pairwise) {
        scores[winner] = on_grid(scores.iter().copied().fold(0.0, f64::max) + 1.0);
    }
    scores
}

/// Schulze's method with winning votes (M. Schulze, "A new monotonic, clone-independent, reversal symmetric, and
/// Condorcet-consistent single-winner election method", Social Choice and Welfare 36, 2011).
///
/// The score of a candidate is the number of others that do not beat it over the strongest paths. That relation is transitive, so
/// the scores rank as it does, and exactly the method's winners have the highest possible score, `candidates - 1`.
pub(crate) fn schulze(pairwise: &Pairwise) -> Vec<f64> {
    let size = pairwise.size();
    let mut path = vec![vec![0.0_f64; size]; size];
    for (one, row) in path.iter_mut().enumerate() {
        for (two, cell) in row.iter_mut().enumerate() {
            if pairwise.prefer(one, two) > pairwise.prefer(two, one) {
                *cell = pairwise.prefer(one, two);
            }
        }
    }
    for middle in 0..size {
        let onward = path[middle].clone();
        for (from, row) in path.iter_mut().enumerate() {
            let first_leg = row[middle];
            for (to, cell) in row.iter_mut().enumerate() {
                if from != to {
                    *cell = cell.max(first_leg.min(onward[to]));
                }
            }
        }
    }
    let unbeaten_by =
        |one: usize| (0..size).filter(|&two| two != one && path[two][one] <= path[one][two]).count();
    (0..size).map(|one| unbeaten_by(one) as f64).collect()
}
