//! Laws that hold for every election.

use std::collections::BTreeMap;

use async_orchestrator_core::{Tally, TallyRule};
use proptest::prelude::*;

use super::{Draft, RULES, candidate, drafts, permutation, permuted};
use crate::{
    Candidate, Election, GradedBallot, InvalidElection, RuleChoice, blocs, decide, rules::sole_leader,
};

/// A draft with a permutation of its candidates and one of its ballots.
fn shuffled() -> impl Strategy<Value = (Draft, Vec<usize>, Vec<usize>)> {
    drafts().prop_flat_map(|draft| {
        let (candidates, ballots) = (draft.candidates.len(), draft.ballots.len());
        (Just(draft), permutation(candidates), permutation(ballots))
    })
}

fn leader(tally: &Tally) -> Option<&str> {
    let scores: Vec<f64> = tally.scores.values().copied().collect();
    tally.scores.keys().nth(sole_leader(&scores)?).map(String::as_str)
}

/// The values of a map in the order of `ids`.
fn in_order(map: &BTreeMap<String, f64>, ids: &[String]) -> Vec<Option<u64>> {
    ids.iter().map(|id| map.get(id).map(|value| value.to_bits())).collect()
}

proptest! {
    /// Debug prints every bit of a float, so equal texts are equal results to the bit.
    #[test]
    fn the_order_of_candidates_ballots_and_supporters_changes_no_bit((draft, columns, rows) in shuffled()) {
        let mut other = draft.clone();
        other.candidates = permuted(&draft.candidates, &columns);
        other.candidates.iter_mut().for_each(|candidate| candidate.supporters.reverse());
        other.ballots = permuted(&draft.ballots, &rows);
        for ballot in &mut other.ballots {
            ballot.grades = permuted(&ballot.grades, &columns);
            ballot.approvals = permuted(&ballot.approvals, &columns);
            ballot.predicted_support = permuted(&ballot.predicted_support, &columns);
        }
        for rule in RULES {
            let (one, two) = (draft.election(rule), other.election(rule));
            prop_assert_eq!(format!("{:?}", decide(&one)), format!("{:?}", decide(&two)));
            prop_assert_eq!(blocs(&one, &decide(&one)), blocs(&two, &decide(&two)));
        }
    }

    #[test]
    fn the_names_of_voters_change_no_bit((draft, _, rows) in shuffled()) {
        let mut other = draft.clone();
        for (ballot, row) in other.ballots.iter_mut().zip(&rows) {
            ballot.voter = format!("someone-{row}");
        }
        for rule in RULES {
            let (one, two) = (decide(&draft.election(rule)), decide(&other.election(rule)));
            prop_assert_eq!(format!("{one:?}"), format!("{two:?}"));
        }
    }

    #[test]
    fn renaming_candidates_renames_the_result((draft, names, _) in shuffled()) {
        let mut other = draft.clone();
        for (candidate, name) in other.candidates.iter_mut().zip(&names) {
            candidate.id = format!("q{name}");
        }
        let ids: Vec<String> = draft.candidates.iter().map(|candidate| candidate.id.clone()).collect();
        let new_ids: Vec<String> = other.candidates.iter().map(|candidate| candidate.id.clone()).collect();
        for rule in RULES {
            let (one, two) = (decide(&draft.election(rule)), decide(&other.election(rule)));
            for map in [
                |tally: &Tally| tally.scores.clone(),
                |tally: &Tally| tally.posterior.clone(),
                |tally: &Tally| tally.audit.plurality.clone(),
                |tally: &Tally| tally.audit.approval.clone(),
                |tally: &Tally| tally.audit.borda.clone(),
                |tally: &Tally| tally.audit.surprisingly_popular.clone(),
            ] {
                prop_assert_eq!(in_order(&map(&one), &ids), in_order(&map(&two), &new_ids));
            }
            let renamed = |id: &String| ids.iter().position(|known| known == id).map(|index| new_ids[index].clone());
            prop_assert_eq!(one.audit.condorcet.as_ref().and_then(renamed), two.audit.condorcet.clone());
            if leader(&one).is_some() {
                prop_assert_eq!(one.winner.as_ref().and_then(renamed), two.winner.clone());
                prop_assert_eq!(one.rule_agreement, two.rule_agreement);
            }
        }
    }

    #[test]
    fn a_candidate_that_all_put_first_wins(mut draft in drafts(), favourite in 0_usize..5) {
        if draft.candidates.len() == 1 || draft.ballots.is_empty() {
            return Ok(());
        }
        let favourite = favourite % draft.candidates.len();
        draft.candidates.iter_mut().for_each(|candidate| candidate.supporters.clear());
        for ballot in &mut draft.ballots {
            ballot.grades[favourite] = Some(11.0);
            ballot.approvals[favourite] = true;
        }
        let id = draft.candidates[favourite].id.clone();
        for rule in RULES {
            let tally = decide(&draft.election(rule));
            let best = tally.scores.values().copied().fold(f64::NEG_INFINITY, f64::max);
            // Clipping may level the first two; no rule may put another one above.
            prop_assert!(tally.scores[&id] >= best, "{rule:?} {tally:?}");
        }
        prop_assert_eq!(decide(&draft.election(RuleChoice::Closed)).winner, Some(id));
    }

    /// Not a law of the clipped z-mean: a raised grade also changes the scale by which that critic's other grades are read.
    #[test]
    fn lifting_the_winner_never_costs_it_the_election(draft in drafts(), row in 0_usize..6) {
        if draft.ballots.is_empty() {
            return Ok(());
        }
        let row = row % draft.ballots.len();
        for rule in [TallyRule::Plurality, TallyRule::Approval, TallyRule::Borda, TallyRule::Schulze] {
            let before = decide(&draft.election(RuleChoice::Rule(rule)));
            let column = draft.candidates.iter().position(|candidate| Some(&candidate.id) == before.winner.as_ref()).unwrap();
            let mut lifted = draft.clone();
            // From silence to a grade is no lift: it also adds comparisons.
            if draft.ballots[row].grades[column].is_none() {
                continue;
            }
            lifted.ballots[row].grades[column] = Some(11.0);
            lifted.ballots[row].approvals[column] = true;
            prop_assert_eq!(decide(&lifted.election(RuleChoice::Rule(rule))).winner, before.winner);
        }
    }

    #[test]
    fn schulze_elects_the_condorcet_winner(draft in drafts()) {
        let tally = decide(&draft.election(RuleChoice::Rule(TallyRule::Schulze)));
        if let Some(condorcet) = &tally.audit.condorcet {
            prop_assert_eq!(tally.winner.as_ref(), Some(condorcet));
            prop_assert_eq!(leader(&tally), Some(condorcet.as_str()));
            prop_assert_eq!(&tally.audit.schulze[0], condorcet);
        }
    }

    #[test]
    fn every_result_is_whole(draft in drafts()) {
        for rule in RULES {
            let election = draft.election(rule);
            let tally = decide(&election);
            let size = election.candidates().len();
            let winner = tally.winner.clone().unwrap();
            let shares: f64 = tally.posterior.values().sum();
            prop_assert!((shares - 1.0).abs() < 1e-12);
            prop_assert!(tally.posterior.values().all(|share| (0.0..=1.0).contains(share)));
            prop_assert!(tally.posterior.values().all(|share| *share <= tally.posterior[&winner]));
            prop_assert!(tally.margin >= 0.0 && tally.n_eff >= 0.0 && tally.n_eff <= 18.0);
            prop_assert_eq!(tally.margin == 0.0, leader(&tally).is_none());
            prop_assert_eq!(tally.pairwise.len(), size);
            prop_assert_eq!(tally.audit.schulze.len(), size);
            let blocs = blocs(&election, &tally);
            prop_assert!(blocs.iter().map(|bloc| bloc.share).sum::<f64>() <= 1.0 + 1e-12);
            prop_assert!(blocs.iter().all(|bloc| bloc.prefers != winner && !bloc.voters.is_empty() && bloc.share > 0.0));
        }
    }

    #[test]
    fn no_value_makes_it_panic(
        weights in prop::collection::vec(prop_oneof![any::<f64>(), Just(1e-300), Just(0.0), Just(1.0), Just(crate::WEIGHT_MAX)], 3),
        grades in prop::collection::vec(prop::option::of(any::<f64>()), 12),
        predicted in prop::collection::vec(prop::option::of(any::<f64>()), 12),
    ) {
        let ballots = weights.iter().enumerate().map(|(row, weight)| GradedBallot {
            voter: format!("critic-{row}"),
            weight: *weight,
            grades: grades[row * 4..][..4].to_vec(),
            approvals: vec![row % 2 == 0; 4],
            predicted_support: predicted[row * 4..][..4].to_vec(),
        });
        let candidates: Vec<Candidate> = ["a", "b", "c", "d"].map(|id| candidate(id, &[])).to_vec();
        for rule in RULES {
            match Election::try_new(candidates.clone(), ballots.clone().collect(), rule, 0) {
                Err(InvalidElection::InvalidWeight { weight, .. }) => prop_assert!(!(0.0..=crate::WEIGHT_MAX).contains(&weight)),
                Err(other) => prop_assert!(false, "{other}"),
                Ok(election) => {
                    let kept = election.ballots().iter().flat_map(|ballot| &ballot.grades).flatten().count();
                    prop_assert_eq!(kept + election.dropped().grades, grades.iter().flatten().count());
                    let tally = decide(&election);
                    prop_assert!(tally.scores.values().chain(tally.posterior.values()).all(|value| value.is_finite()));
                }
            }
        }
    }
}
