//! What it costs to count an election: nine voters, eight candidates, under every rule.

use std::{collections::BTreeMap, hint::black_box};

use anyhow::{Result, anyhow};
use async_orchestrator_core::{Clock, TallyRule};
use async_orchestrator_resilience::TokioClock;
use async_orchestrator_tally::{
    Candidate, Election, GradedBallot, ReviewWeight, RuleChoice, Weights, decide,
};

use super::{Figure, Sheet, rounds::median};

const VOTERS: usize = 9;
const CANDIDATES: usize = 8;
const BATCHES: usize = 25;
const TALLIES: u32 = 2_000;
/// For checking, ordering and counting an election, with all that the record says of other rules.
const TALLY_NS_MAX: f64 = 20_000.0;

/// The rules, each with whether its votes are weighed.
const RULES: [(&str, RuleChoice, Option<TallyRule>); 8] = [
    ("plurality", RuleChoice::Closed, None),
    ("joint_weights", RuleChoice::Closed, Some(TallyRule::JointWeights)),
    ("discounted_log_odds", RuleChoice::Closed, Some(TallyRule::DiscountedLogOdds)),
    ("clipped_z_mean", RuleChoice::Open, None),
    ("approval", RuleChoice::Rule(TallyRule::Approval), None),
    ("borda", RuleChoice::Rule(TallyRule::Borda), None),
    ("schulze", RuleChoice::Rule(TallyRule::Schulze), None),
    ("condorcet", RuleChoice::Rule(TallyRule::Condorcet), None),
];

/// Runs the part.
pub(super) fn run(sheet: &mut Sheet<'_>) -> Result<()> {
    for (name, rule, weighing) in RULES {
        let mut times = Vec::new();
        for batch in 0..=BATCHES {
            let scenes: Vec<Scene> = (0..TALLIES).map(|n| Scene::new(n, weighing)).collect();
            let started = TokioClock.now();
            for scene in scenes {
                black_box(scene.count(rule)?);
            }
            let took = TokioClock.now().saturating_duration_since(started);
            // The first one warms up.
            if batch > 0 {
                times.push(took.as_nanos() as f64 / f64::from(TALLIES));
            }
        }
        let least = times.iter().copied().fold(f64::INFINITY, f64::min);
        let figure = Figure::new(format!("tally.{name}"), median(times), "ns").at_most(TALLY_NS_MAX);
        sheet.add(figure.note(format!("{VOTERS} voters, {CANDIDATES} candidates, least {least:.0}")));
    }
    Ok(())
}

/// An election before it is checked.
struct Scene {
    candidates: Vec<Candidate>,
    ballots: Vec<GradedBallot>,
    weights: Option<(TallyRule, Weights)>,
    seed: u64,
}

impl Scene {
    /// Every voter grades every candidate otherwise in each scene. Where votes are weighed, the voters propose, and nine more review.
    fn new(number: u32, weighing: Option<TallyRule>) -> Self {
        let number = number as usize;
        let mix = |a: usize, b: usize| (a * 31 + b * 17 + number * 7 + a * b * 5) % 11;
        let proposers = |at: usize| -> Vec<String> {
            let of = |voter: &usize| mix(*voter, 3) % CANDIDATES == at;
            (0..VOTERS).filter(of).map(|voter| format!("proposer-{voter}")).collect()
        };
        let candidate = |at: usize| Candidate {
            id: format!("p{}", at + 1),
            supporters: if weighing.is_some() { proposers(at) } else { Vec::new() },
        };
        let ballot = |voter: usize| {
            let grades: Vec<f64> = (0..CANDIDATES).map(|at| mix(voter, at) as f64).collect();
            GradedBallot {
                voter: format!("critic-{voter}"),
                weight: 1.0,
                approvals: grades.iter().map(|grade| *grade >= 6.0).collect(),
                predicted_support: vec![Some(1.0 / CANDIDATES as f64); CANDIDATES],
                grades: grades.into_iter().map(Some).collect(),
            }
        };
        let weights = weighing.map(|rule| {
            let supporters = (0..VOTERS).map(|voter| (format!("proposer-{voter}"), 0.2 + voter as f64 / 9.0));
            let reviews = (0..VOTERS)
                .map(|voter| (format!("critic-{voter}"), ReviewWeight { approved: 0.4, refused: -0.3 }));
            let weights = Weights {
                supporters: supporters.collect(),
                candidates: BTreeMap::new(),
                reviews: reviews.collect(),
                none: Some(-1.0),
                curve: None,
                rho: 0.6,
            };
            (rule, weights)
        });
        Self {
            candidates: (0..CANDIDATES).map(candidate).collect(),
            ballots: (0..VOTERS).map(ballot).collect(),
            weights,
            seed: number as u64,
        }
    }

    fn count(self, rule: RuleChoice) -> Result<async_orchestrator_core::Tally> {
        let invalid = |error| anyhow!("the election is none: {error}");
        let election = Election::try_new(self.candidates, self.ballots, rule, self.seed).map_err(invalid)?;
        let election = match &self.weights {
            Some((rule, weights)) => election.weighed(*rule, weights).map_err(invalid)?,
            None => election,
        };
        Ok(decide(&election))
    }
}
