//! A million malformed ballots: each is refused with a reason or counted without what means nothing in it, and nothing panics.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

use async_orchestrator_core::TallyRule;
use async_orchestrator_tally::{Candidate, Election, GradedBallot, RuleChoice, Weights, decide};

use super::report::Findings;
use crate::eval::sample::SplitMix;

const BALLOTS: usize = 1_000_000;
const CANDIDATES: usize = 4;
/// How many of them go into one election.
const TOGETHER: usize = 5;

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

/// What became of them.
#[derive(Default)]
struct Count {
    panics: usize,
    decided: usize,
    refused: BTreeMap<String, usize>,
    dropped_grades: usize,
    dropped_predictions: usize,
    /// Elections that were decided with a score that is no number, or without a winner.
    senseless: usize,
    /// Ballots that stand in a decided election, or in one that was refused.
    seen: usize,
}

pub(super) fn run(seed: u64) -> Findings {
    let mut random = SplitMix(seed);
    let mut count = Count::default();
    for number in 0..BALLOTS / TOGETHER {
        let ballots: Vec<GradedBallot> = (0..TOGETHER).map(|at| malformed(&mut random, at)).collect();
        count.seen += ballots.len();
        let rule = RULES[number % RULES.len()];
        let weights = weights(&mut random, number);
        let outcome = catch_unwind(AssertUnwindSafe(|| one(ballots, rule, number as u64, &weights)));
        match outcome {
            Err(_) => count.panics += 1,
            Ok(Err(why)) => *count.refused.entry(why).or_default() += 1,
            Ok(Ok(decided)) => {
                count.decided += 1;
                count.dropped_grades += decided.grades;
                count.dropped_predictions += decided.predictions;
                count.senseless += usize::from(!decided.makes_sense);
            }
        }
    }
    // And all at once in one election.
    let all: Vec<GradedBallot> = (0..BALLOTS)
        .map(|at| GradedBallot {
            voter: format!("voter-{at}"),
            weight: 1.0,
            ..malformed_values(&mut random, CANDIDATES)
        })
        .collect();
    let together = catch_unwind(AssertUnwindSafe(|| one(all, RuleChoice::Open, seed, &Weights::default())));
    let mut findings = Findings::default();
    findings.exactly("malformed ballots looked at", count.seen as u64, BALLOTS as u64);
    findings.exactly("panics", count.panics as u64, 0);
    findings.exactly("decided without a winner or with a score that is no number", count.senseless as u64, 0);
    let refused: usize = count.refused.values().sum();
    let elections = (BALLOTS / TOGETHER) as u64;
    findings.exactly("elections decided or refused", (count.decided + refused) as u64, elections);
    findings.noted("decided", count.decided);
    for (why, times) in &count.refused {
        findings.noted(format!("refused: {why}"), times);
    }
    findings.noted("grades dropped and counted", count.dropped_grades);
    findings.noted("predictions dropped and counted", count.dropped_predictions);
    let counted = matches!(&together, Ok(Ok(decided)) if decided.makes_sense && decided.grades > 0);
    findings.exactly("one election of all of them decided, drops counted", u64::from(counted), 1);
    findings
}

struct Decided {
    grades: usize,
    predictions: usize,
    makes_sense: bool,
}

fn one(
    ballots: Vec<GradedBallot>,
    rule: RuleChoice,
    seed: u64,
    weights: &Weights,
) -> Result<Decided, String> {
    let candidates = (0..CANDIDATES)
        .map(|at| Candidate { id: format!("p{at}"), supporters: vec![format!("proposer-{at}")] })
        .collect();
    let kind = |error: async_orchestrator_tally::InvalidElection| {
        // Without the names and numbers in it: the kinds are counted.
        let text = format!("{error:?}");
        text.split([' ', '(', '{']).next().unwrap_or_default().to_owned()
    };
    let election = Election::try_new(candidates, ballots, rule, seed).map_err(kind)?;
    let election = match rule {
        RuleChoice::Closed => election.weighed(TallyRule::JointWeights, weights).map_err(kind)?,
        _ => election,
    };
    let dropped = election.dropped();
    let tally = decide(&election);
    let numbers = tally.scores.values().chain(tally.posterior.values());
    Ok(Decided {
        grades: dropped.grades,
        predictions: dropped.predictions,
        makes_sense: tally.winner.is_some() && numbers.into_iter().all(|number| number.is_finite()),
    })
}

/// A number that may mean nothing.
fn number(random: &mut SplitMix) -> f64 {
    match random.below(12) {
        0 => f64::NAN,
        1 => f64::INFINITY,
        2 => f64::NEG_INFINITY,
        3 => f64::MAX,
        4 => f64::MIN_POSITIVE,
        5 => -0.0,
        6 => -1e12,
        _ => random.uniform() * 10.0,
    }
}

fn malformed_values(random: &mut SplitMix, length: usize) -> GradedBallot {
    let mut list = |chance: usize| -> Vec<Option<f64>> {
        (0..length).map(|_| (random.below(8) >= chance).then(|| number(random))).collect()
    };
    let (grades, predicted_support) = (list(1), list(2));
    GradedBallot {
        voter: String::new(),
        weight: 1.0,
        grades,
        approvals: (0..length).map(|_| random.below(2) == 0).collect(),
        predicted_support,
    }
}

/// A ballot with one mistake or more.
fn malformed(random: &mut SplitMix, at: usize) -> GradedBallot {
    let length = match random.below(40) {
        0 => random.below(CANDIDATES),
        1 => CANDIDATES + 1 + random.below(3),
        _ => CANDIDATES,
    };
    let mut ballot = malformed_values(random, length);
    ballot.voter = match random.below(40) {
        0 => String::from("proposer-0"),
        1 => String::from("critic-0"),
        _ => format!("critic-{at}"),
    };
    if random.below(20) == 0 {
        ballot.weight = number(random);
    }
    if random.below(40) == 0 {
        ballot.approvals.pop();
    }
    ballot
}

/// Weights that may mean nothing either.
fn weights(random: &mut SplitMix, number_of: usize) -> Weights {
    let mut nats = || if number_of.is_multiple_of(3) { number(random) } else { random.uniform() };
    Weights {
        supporters: (0..CANDIDATES).map(|at| (format!("proposer-{at}"), nats())).collect(),
        candidates: BTreeMap::from([("p1".to_owned(), nats())]),
        reviews: BTreeMap::new(),
        none: Some(nats()),
        curve: None,
        rho: 0.6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mistake_is_made() {
        let mut random = SplitMix(7);
        let ballots: Vec<GradedBallot> =
            (0..20_000).map(|at| malformed(&mut random, at % TOGETHER)).collect();
        let any = |check: fn(&GradedBallot) -> bool| assert!(ballots.iter().any(check));
        any(|ballot| ballot.grades.iter().flatten().any(|grade| grade.is_nan()));
        any(|ballot| ballot.grades.len() != CANDIDATES);
        any(|ballot| ballot.approvals.len() < ballot.grades.len());
        any(|ballot| ballot.weight.is_nan() || ballot.weight < 0.0);
        any(|ballot| ballot.voter == "proposer-0");
    }
}
