//! When nothing outstanding can change the winner, and when it can.

use async_orchestrator_core::TallyRule;
use proptest::prelude::*;

use super::{Draft, RULES, ballot, candidate, drafts};
use crate::{Election, GradedBallot, RuleChoice, decide, unassailable};

fn with(draft: &Draft, more: impl IntoIterator<Item = GradedBallot>) -> Draft {
    let mut draft = draft.clone();
    draft.ballots.extend(more);
    draft
}

/// The worst ballots for the winner and the best for `rival`.
fn hostile(draft: &Draft, winner: &str, rival: usize, count: usize) -> Vec<GradedBallot> {
    let grade = |(index, candidate): (usize, &crate::Candidate)| match () {
        () if index == rival => 10.0,
        () if candidate.id == winner => 0.0,
        () => 5.0,
    };
    let grades: Vec<f64> = draft.candidates.iter().enumerate().map(grade).collect();
    (0..count).map(|number| ballot(&format!("late-{number}"), &grades)).collect()
}

proptest! {
    #[test]
    fn an_unassailable_winner_survives_every_late_ballot(
        draft in drafts(),
        late in prop::collection::vec((0.0..=1.0, prop::collection::vec(prop::option::of(0.0..=10.0), 5), prop::collection::vec(any::<bool>(), 5)), 1..4),
    ) {
        let size = draft.candidates.len();
        for rule in RULES {
            let election = draft.election(rule);
            if !unassailable(&election, late.len()) {
                continue;
            }
            let winner = decide(&election).winner;
            let random = late.iter().enumerate().map(|(number, (weight, grades, approvals))| GradedBallot {
                voter: format!("late-{number}"),
                weight: *weight,
                grades: grades[..size].to_vec(),
                approvals: approvals[..size].to_vec(),
                predicted_support: vec![None; size],
            });
            prop_assert_eq!(&decide(&with(&draft, random).election(rule)).winner, &winner, "{:?}", rule);
            for rival in 0..size {
                let hostile = hostile(&draft, winner.as_deref().unwrap(), rival, late.len());
                prop_assert_eq!(&decide(&with(&draft, hostile).election(rule)).winner, &winner, "{:?}", rule);
            }
        }
    }

    #[test]
    fn where_the_test_is_exact_an_assailable_winner_can_fall(draft in drafts(), late in 1_usize..4) {
        for rule in [TallyRule::Plurality, TallyRule::Approval, TallyRule::Borda].map(RuleChoice::Rule) {
            let election = draft.election(rule);
            if unassailable(&election, late) {
                continue;
            }
            let winner = decide(&election).winner.unwrap();
            let falls = (0..draft.candidates.len()).any(|rival| {
                let after = with(&draft, hostile(&draft, &winner, rival, late)).election(rule);
                decide(&after).winner.as_deref() != Some(winner.as_str())
            });
            prop_assert!(falls, "{rule:?} {winner}");
        }
    }
}

#[test]
fn a_lead_stands_against_as_many_ballots_as_it_is_large() {
    let four = ["a", "b", "c", "d"];
    let election = |rule| {
        Election::try_new(vec![candidate("p1", &four), candidate("p2", &["e"])], vec![], rule, 7).unwrap()
    };
    let closed = election(RuleChoice::Closed);
    assert!(unassailable(&closed, 2));
    // A lead of 3 against 3 ballots ends level, and the late grades decide the tie.
    assert!(!unassailable(&closed, 3));
    assert!(unassailable(&election(RuleChoice::Rule(TallyRule::Schulze)), 0));
    assert!(!unassailable(&election(RuleChoice::Rule(TallyRule::Schulze)), 1));
    // Nobody graded anything: the first ballot decides an open question.
    assert!(!unassailable(&election(RuleChoice::Open), 1));
}

#[test]
fn one_candidate_cannot_lose() {
    let alone = Election::try_new(vec![candidate("p1", &["a"])], vec![], RuleChoice::Open, 7).unwrap();
    assert!(unassailable(&alone, 100));
}
