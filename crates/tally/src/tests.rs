//! What elections promise: worked examples, laws over random elections, naive references, simulated voters.

mod laws;
mod orders;
mod reference;
mod simulated;
mod standing;
mod trusting;
mod worked;

use async_orchestrator_core::TallyRule;
use proptest::prelude::*;

use crate::{Candidate, Election, GradedBallot, RuleChoice};

/// The rules that anyone may choose.
const RULES: [RuleChoice; 8] = [
    RuleChoice::Closed,
    RuleChoice::Open,
    RuleChoice::Rule(TallyRule::Plurality),
    RuleChoice::Rule(TallyRule::Approval),
    RuleChoice::Rule(TallyRule::Borda),
    RuleChoice::Rule(TallyRule::Schulze),
    RuleChoice::Rule(TallyRule::Condorcet),
    RuleChoice::Rule(TallyRule::ClippedZMean),
];

/// An election before it is checked, so that a test can turn it about.
#[derive(Clone, Debug)]
struct Draft {
    candidates: Vec<Candidate>,
    ballots: Vec<GradedBallot>,
    seed: u64,
}

impl Draft {
    fn election(&self, rule: RuleChoice) -> Election {
        Election::try_new(self.candidates.clone(), self.ballots.clone(), rule, self.seed).unwrap()
    }
}

fn candidate(id: &str, supporters: &[&str]) -> Candidate {
    Candidate { id: id.to_owned(), supporters: supporters.iter().map(|seat| (*seat).to_owned()).collect() }
}

/// A ballot of weight 1 that approves grades from 6 on.
fn ballot(voter: &str, grades: &[f64]) -> GradedBallot {
    GradedBallot {
        voter: voter.to_owned(),
        weight: 1.0,
        grades: grades.iter().copied().map(Some).collect(),
        approvals: grades.iter().map(|grade| *grade >= 6.0).collect(),
        predicted_support: vec![None; grades.len()],
    }
}

/// Elections as councils hold them: up to 5 candidates, up to 6 critics with whole weights and quarters, grades 0 to 10 with gaps.
fn drafts() -> impl Strategy<Value = Draft> {
    (1_usize..=5).prop_flat_map(|size| {
        let supporters = prop::collection::vec(0_usize..=2, size);
        let grade = prop_oneof![1 => Just(None), 9 => (0_u8..=10).prop_map(|grade| Some(f64::from(grade)))];
        let one = (
            1_u8..=8,
            prop::collection::vec(grade, size),
            prop::collection::vec(any::<bool>(), size),
            prop::collection::vec(prop::option::of(0.0..=1.0), size),
        );
        (supporters, prop::collection::vec(one, 0..=6), any::<u64>()).prop_map(
            |(supporters, ballots, seed)| {
                let candidates = supporters.iter().enumerate().map(|(index, count)| Candidate {
                    id: format!("p{}", index + 1),
                    supporters: (0..*count).map(|seat| format!("proposer-{index}-{seat}")).collect(),
                });
                let ballots = ballots.into_iter().enumerate();
                let ballots =
                    ballots.map(|(index, (weight, grades, approvals, predicted_support))| GradedBallot {
                        voter: format!("critic-{index}"),
                        weight: f64::from(weight) / 4.0,
                        grades,
                        approvals,
                        predicted_support,
                    });
                Draft { candidates: candidates.collect(), ballots: ballots.collect(), seed }
            },
        )
    })
}

/// `items` in the order of `keys`, for shuffling in a strategy's stead.
fn permuted<T: Clone>(items: &[T], order: &[usize]) -> Vec<T> {
    order.iter().map(|&index| items[index].clone()).collect()
}

/// A permutation of `0..count`.
fn permutation(count: usize) -> impl Strategy<Value = Vec<usize>> {
    Just((0..count).collect::<Vec<usize>>()).prop_shuffle()
}
