//! The rules against slow, obvious implementations of their definitions.

use async_orchestrator_core::TallyRule;
use proptest::prelude::*;

use super::{Draft, drafts};
use crate::{RuleChoice, Z_CLIP, decide};

/// One voter as the definitions see it.
struct Voter {
    weight: f64,
    grades: Vec<Option<f64>>,
}

/// Critics, and proposers as voters with 1 for their own answer and 0 for the others.
fn voters(draft: &Draft) -> Vec<Voter> {
    let critics = draft.ballots.iter().filter(|ballot| ballot.grades.iter().any(Option::is_some));
    let critics = critics.map(|ballot| Voter { weight: ballot.weight, grades: ballot.grades.clone() });
    let size = draft.candidates.len();
    let proposers = draft.candidates.iter().enumerate().flat_map(|(own, candidate)| {
        let grades = move || (0..size).map(move |index| Some(f64::from(u8::from(index == own)))).collect();
        candidate.supporters.iter().map(move |_| Voter { weight: 1.0, grades: grades() })
    });
    critics.chain(proposers).collect()
}

fn prefer(voters: &[Voter], one: usize, two: usize) -> f64 {
    let prefers =
        |voter: &&Voter| voter.grades[one].zip(voter.grades[two]).is_some_and(|(one, two)| one > two);
    voters.iter().filter(prefers).map(|voter| voter.weight).sum()
}

fn naive_plurality(voters: &[Voter], one: usize) -> f64 {
    let of = |voter: &Voter| {
        let best = voter.grades.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
        let level = voter.grades.iter().filter(|grade| **grade == Some(best)).count();
        if voter.grades[one] == Some(best) { voter.weight / level as f64 } else { 0.0 }
    };
    voters.iter().map(of).sum()
}

/// Points voter by voter: 1 a candidate below, 1/2 a candidate level or not compared.
fn naive_borda(voters: &[Voter], one: usize, size: usize) -> f64 {
    let against = |voter: &Voter, two: usize| match voter.grades[one].zip(voter.grades[two]) {
        Some((one, two)) if one > two => 1.0,
        Some((one, two)) if one < two => 0.0,
        _ => 0.5,
    };
    let of = |voter: &Voter| {
        voter.weight * (0..size).filter(|two| *two != one).map(|two| against(voter, two)).sum::<f64>()
    };
    voters.iter().map(of).sum()
}

/// The strength of the strongest path by trying every path without a loop.
fn strongest(voters: &[Voter], from: usize, to: usize, visited: &mut Vec<usize>, size: usize) -> f64 {
    if from == to {
        return f64::INFINITY;
    }
    visited.push(from);
    let mut best = 0.0_f64;
    for next in 0..size {
        let won = prefer(voters, from, next);
        if !visited.contains(&next) && won > prefer(voters, next, from) {
            best = best.max(won.min(strongest(voters, next, to, visited, size)));
        }
    }
    visited.pop();
    best
}

fn naive_schulze(voters: &[Voter], one: usize, size: usize) -> usize {
    let strength = |from, to| strongest(voters, from, to, &mut Vec::new(), size);
    (0..size).filter(|two| *two != one && strength(*two, one) <= strength(one, *two)).count()
}

/// The textbook formula, without the care for scale and order.
fn naive_z_mean(draft: &Draft, one: usize) -> f64 {
    let graded: Vec<_> =
        draft.ballots.iter().filter(|ballot| ballot.grades.iter().any(Option::is_some)).collect();
    let of = |grades: &[Option<f64>]| {
        let known: Vec<f64> = grades.iter().flatten().copied().collect();
        let mean = known.iter().sum::<f64>() / known.len() as f64;
        let deviation =
            (known.iter().map(|grade| (grade - mean).powi(2)).sum::<f64>() / known.len() as f64).sqrt();
        match grades[one] {
            Some(grade) if deviation > 1e-9 => ((grade - mean) / deviation).clamp(-Z_CLIP, Z_CLIP),
            _ => 0.0,
        }
    };
    let weight: f64 = graded.iter().map(|ballot| ballot.weight).sum();
    let sum: f64 = graded.iter().map(|ballot| ballot.weight * of(&ballot.grades)).sum();
    if weight > 0.0 { sum / weight } else { 0.0 }
}

#[track_caller]
fn close(one: f64, two: f64) {
    assert!((one - two).abs() < 1e-8, "{one} against {two}");
}

proptest! {
    #[test]
    fn every_rule_is_its_definition(draft in drafts()) {
        let size = draft.candidates.len();
        if size == 1 {
            return Ok(());
        }
        let voters = voters(&draft);
        let scores = |rule| decide(&draft.election(RuleChoice::Rule(rule)));
        let (schulze, z_mean) = (scores(TallyRule::Schulze), scores(TallyRule::ClippedZMean));
        for (one, candidate) in draft.candidates.iter().enumerate() {
            let id = &candidate.id;
            close(schulze.audit.plurality[id], naive_plurality(&voters, one));
            close(schulze.audit.borda[id], naive_borda(&voters, one, size));
            close(schulze.scores[id], naive_schulze(&voters, one, size) as f64);
            close(z_mean.scores[id], naive_z_mean(&draft, one));
            for two in 0..size {
                close(schulze.pairwise[one][two], prefer(&voters, one, two));
            }
            let beats_all = (0..size).all(|two| one == two || prefer(&voters, one, two) > prefer(&voters, two, one));
            prop_assert_eq!(beats_all, schulze.audit.condorcet.as_ref() == Some(id));
        }
    }
}
