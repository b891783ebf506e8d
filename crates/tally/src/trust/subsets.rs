//! What a probability means where only some of the members that were fitted together have answered.
//!
//! The weights were fitted with everybody there, so with fewer voters the winner's share says too little. How much follows from the labelled questions
//! themselves: of each, some members are drawn and hold an election, and a logistic curve over the log-odds of the winner's share is fitted to how often such
//! winners were right (Platt, "Probabilistic outputs for support vector machines", 1999), one curve for each number of voters. Good members reach the same share
//! with less behind it, so how much better the voters are than all enters beside it. With one voter no curve is needed: the probability is how often
//! the member is right in the class.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Labelled, Trust, Vote};
use crate::learn::logit::softmax;

/// Curves are fitted for at most so many voters.
const VOTERS_MAX: usize = 8;

/// With fewer elections there is no curve.
const ELECTIONS_MIN: usize = 100;

/// So firmly is a curve held to saying nothing new, in elections.
const FIRMNESS: f64 = 1.0;

/// A curve steeper than this was drawn by a handful of odd elections; there is none then.
const COEFFICIENT_MAX: f64 = 20.0;

/// The steps of Newton's method; a dozen are enough for two numbers.
const STEPS: usize = 30;

/// Shares nearer to 0 and 1 count as if they were so near.
const EDGE: f64 = 1e-6;

/// From the log-odds of a winner's share, and from how much better its voters are than all members, to the log-odds of its being right.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// What the log-odds of the share are multiplied by.
    pub slope: f64,
    /// What the log-odds by which the voters are better than all members are multiplied by.
    pub skill: f64,
    /// What is added to them.
    pub offset: f64,
}

/// One election that was held to fit a curve.
#[derive(Clone, Copy, Debug)]
struct Held {
    share: f64,
    skill: f64,
    is_right: bool,
}

impl Curve {
    /// The probability that a winner with this share is right, where the voters are better than all members by `skill`, in log-odds.
    pub(crate) fn at(self, share: f64, skill: f64) -> f64 {
        sigmoid(self.slope.mul_add(logit(share), self.skill.mul_add(skill, self.offset)))
    }

    fn fitted(elections: &[Held]) -> Option<Self> {
        if elections.len() < ELECTIONS_MIN {
            return None;
        }
        let start = [1.0, 0.0, 0.0];
        let mut weights = start;
        for _ in 0..STEPS {
            // The gradient and the curvature of the log-likelihood with a normal prior around the start.
            let mut gradient = [0.0; 3];
            let mut curvature = [[0.0; 3]; 3];
            for at in 0..3 {
                gradient[at] = -FIRMNESS * (weights[at] - start[at]);
                curvature[at][at] = FIRMNESS;
            }
            for held in elections {
                let x = [logit(held.share), held.skill, 1.0];
                let p = sigmoid(x.iter().zip(&weights).map(|(x, weight)| x * weight).sum());
                let (off, weight) = (f64::from(u8::from(held.is_right)) - p, p * (1.0 - p));
                for row in 0..3 {
                    gradient[row] += off * x[row];
                    for column in 0..3 {
                        curvature[row][column] += weight * x[row] * x[column];
                    }
                }
            }
            for (weight, step) in weights.iter_mut().zip(solved(curvature, gradient)?) {
                *weight += step;
            }
        }
        let [slope, skill, offset] = weights;
        // A curve that falls would make the less likely answer the surer one.
        let rises = slope > 0.0 && weights.iter().all(|weight| weight.abs() <= COEFFICIENT_MAX);
        rises.then_some(Self { slope, skill, offset })
    }
}

/// Solves three equations (Cramer's rule).
fn solved(matrix: [[f64; 3]; 3], side: [f64; 3]) -> Option<[f64; 3]> {
    let determinant = |m: [[f64; 3]; 3]| {
        m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
            + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
    };
    let whole = determinant(matrix);
    let replaced = |column: usize| {
        let mut other = matrix;
        for row in 0..3 {
            other[row][column] = side[row];
        }
        determinant(other) / whole
    };
    (whole.abs() > 1e-12).then(|| [replaced(0), replaced(1), replaced(2)])
}

impl Trust {
    /// One curve for each number of voters from two on that is smaller than the number of members.
    pub(super) fn curves(&self, labelled: &[Labelled<'_>]) -> BTreeMap<usize, Curve> {
        let members = self.members.len();
        let sizes = 2..members.min(VOTERS_MAX + 1);
        let curve = |voters: usize| {
            let elections = labelled.iter().enumerate();
            let elections: Vec<Held> =
                elections.filter_map(|(at, question)| self.drawn_election(at, question, voters)).collect();
            Some((voters, Curve::fitted(&elections)?))
        };
        sizes.filter_map(curve).collect()
    }

    /// How much better than all members the voters are in this class: the difference of the mean log-odds of their skills.
    pub(super) fn relative_skill(&self, class: &str, votes: &[Vote<'_>]) -> f64 {
        let common = self.common_rate();
        let mean = |members: &mut dyn Iterator<Item = &str>| {
            let (mut sum, mut count) = (0.0, 0.0);
            for member in members {
                sum += logit(self.skill_beside(common, member, class));
                count += 1.0;
            }
            if count > 0.0 { sum / count } else { 0.0 }
        };
        let voters = mean(&mut votes.iter().map(|vote| vote.member));
        voters - mean(&mut self.members.keys().map(String::as_str))
    }

    /// The winner's share among `voters` of the members that answered `question`, drawn by its place, and whether it is right.
    fn drawn_election(&self, place: usize, question: &Labelled<'_>, voters: usize) -> Option<Held> {
        let mut votes = question.votes.clone();
        if votes.len() < voters {
            return None;
        }
        let mut state = (place as u64) << 8 | voters as u64;
        for at in 0..voters {
            let rest = votes.len() - at;
            let chosen = at + usize::try_from(next(&mut state) % rest as u64).unwrap_or(0);
            votes.swap(at, chosen);
        }
        votes.truncate(voters);
        let votes: Vec<Vote<'_>> = votes
            .iter()
            .map(|(member, answer)| Vote { seat: member, member, candidate: answer, answer })
            .collect();
        let skill = self.relative_skill(question.class, &votes);
        let weights = self.joint_weights(question.class, &votes)?;
        let mut shares = vec![weights.none?];
        let answers: Vec<&str> = weights.candidates.keys().map(String::as_str).collect();
        shares.extend(answers.iter().map(|answer| {
            let supporters = votes.iter().filter(|vote| vote.candidate == *answer);
            let own: f64 = supporters.filter_map(|vote| weights.supporters.get(vote.seat)).sum();
            own + weights.candidates.get(*answer).copied().unwrap_or_default()
        }));
        softmax(&mut shares);
        let winner = (1..shares.len()).max_by(|one, two| shares[*one].total_cmp(&shares[*two]))?;
        Some(Held { share: shares[winner], skill, is_right: answers[winner - 1] == question.truth })
    }
}

/// The next of a sequence of numbers (SplitMix64).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn logit(share: f64) -> f64 {
    let share = share.clamp(EDGE, 1.0 - EDGE);
    (share / (1.0 - share)).ln()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(share: f64, skill: f64, is_right: bool) -> Held {
        Held { share, skill, is_right }
    }

    #[test]
    fn a_curve_finds_how_often_winners_are_right() {
        // Shares of 0.5 that are right three times in four, and of 0.9 that are right nineteen times in twenty; better voters change nothing.
        let elections: Vec<Held> = (0..4_000)
            .flat_map(|n| [held(0.5, f64::from(n % 3), n % 4 != 0), held(0.9, f64::from(n % 7), n % 20 != 0)])
            .collect();
        let curve = Curve::fitted(&elections).unwrap();
        for skill in [0.0, 2.0] {
            let (low, high) = (curve.at(0.5, skill), curve.at(0.9, skill));
            assert!((low - 0.75).abs() < 0.02 && (high - 0.95).abs() < 0.02, "{curve:?}");
        }
        assert!(curve.at(0.0, 1.0) > 0.0 && curve.at(1.0, 1.0) < 1.0);
        assert_eq!(Curve::fitted(&elections[..99]), None, "too few");
        let upside_down: Vec<Held> =
            (0..200).map(|n| if n % 2 == 0 { held(0.9, 0.0, false) } else { held(0.1, 0.0, true) }).collect();
        assert_eq!(Curve::fitted(&upside_down), None);
    }
}
