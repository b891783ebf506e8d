//! Asking one member after the other, and stopping when the answer is sure enough or can no longer change.

use std::{path::PathBuf, thread};

use anyhow::{Result, bail};
use async_orchestrator_tally::Trust;
use serde::Serialize;

use super::{
    calibration::Quality,
    data::{AnswerSet, Question, read_sets},
    pools::{Pool, pools},
    rules::{Rule, elect, labelled},
    sample::{Estimate, fold_of},
    votes::Outcome,
};

/// So many ways in which the votes to come may fall are tried; where there are more, the winner counts as open. The council's own bound.
const WAYS_MAX: usize = 256;

/// The inner folds on which the threshold is chosen.
const INNER: usize = 5;

/// What is evaluated.
#[derive(Clone, Debug)]
pub struct Options {
    /// The directory with the recorded answers.
    pub data: PathBuf,
    /// The number of folds.
    pub folds: usize,
    /// The pools and the mean number of calls that each may take at most.
    pub budgets: Vec<(String, f64)>,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// One for each pool.
    pub pools: Vec<PoolReport>,
}

/// One pool.
#[derive(Clone, Debug, Serialize)]
pub struct PoolReport {
    /// The set.
    pub set: String,
    /// The pool.
    pub pool: String,
    /// Its members.
    pub members: usize,
    /// How many questions were asked.
    pub questions: usize,
    /// The most calls a question that the threshold was chosen for.
    pub budget: f64,
    /// The thresholds that the folds chose.
    pub thresholds: Vec<f64>,
    /// Calls a question.
    pub calls: Estimate,
    /// How often the answer is right, in percent.
    pub accuracy: Estimate,
    /// The same where every member is asked.
    pub full: Estimate,
    /// How much more often right than where all are asked, in percentage points, with the paired interval.
    pub gain: Estimate,
    /// How often asking stopped after the first, the second, ... call.
    pub stopped: Vec<usize>,
    /// How often it stopped because no vote to come could change the winner.
    pub unassailable: usize,
    /// How well the stated probability means what it says, after the first, the second, ... call.
    pub calibration: Vec<Quality>,
}

/// What a question comes to after each call.
#[derive(Clone, Debug)]
struct Path {
    after: Vec<Step>,
}

/// What it comes to after one more call.
#[derive(Clone, Copy, Debug)]
struct Step {
    outcome: Outcome,
    /// Whether no vote to come can change the winner.
    is_settled: bool,
}

impl Path {
    /// The number of calls until `threshold` is reached, the winner is out of reach, or all were asked.
    fn calls(&self, threshold: f64) -> usize {
        let ends = |step: &Step| step.outcome.sure >= threshold || step.is_settled;
        self.after.iter().position(ends).map_or(self.after.len(), |at| at + 1)
    }

    fn is_right(&self, calls: usize) -> bool {
        self.after.get(calls.wrapping_sub(1)).is_some_and(|step| step.outcome.is_right)
    }
}

/// Evaluates.
///
/// This is the product's own rule, with a threshold for a number of calls in place of one for the price of being wrong: members are asked in the order of
/// their skill in the question's class; after each answer the election among those who were asked is weighed by the one fit to all members, whose
/// [curves](async_orchestrator_tally::Curve) say what its probability means with so few voters; asking stops when that reaches the threshold, or when no vote to come
/// can change the winner. The threshold of a fold is the largest of 0.50, 0.51, ... 0.99 for which the mean number of calls stays within the budget on
/// inner folds that the weights did not see.
///
/// # Errors
/// If data are missing or damaged, or a pool is unknown.
pub fn run(options: &Options) -> Result<Report> {
    if options.folds < 2 {
        bail!("at least 2 folds are needed");
    }
    let sets = read_sets(&options.data)?;
    let mut reports = Vec::new();
    for (name, budget) in &options.budgets {
        for set in &sets {
            for pool in pools(set, std::slice::from_ref(name))? {
                reports.push(evaluate(set, &pool, *budget, options.folds));
            }
        }
    }
    if reports.is_empty() {
        bail!("none of the sets has such a pool");
    }
    Ok(Report { pools: reports })
}

fn evaluate(set: &AnswerSet, pool: &Pool, budget: f64, folds: usize) -> PoolReport {
    let fold: Vec<usize> = set.questions.iter().map(|question| fold_of(&question.id, folds)).collect();
    let one = |number: usize| {
        let inside: Vec<usize> = (0..fold.len()).filter(|index| fold[*index] != number).collect();
        let outside: Vec<usize> = (0..fold.len()).filter(|index| fold[*index] == number).collect();
        (threshold(set, pool, &inside, budget), paths(set, pool, &inside, &outside), outside)
    };
    let parts: Vec<(f64, Vec<Path>, Vec<usize>)> = thread::scope(|scope| {
        let one = &one;
        let running: Vec<_> = (0..folds).map(|number| scope.spawn(move || one(number))).collect();
        running.into_iter().filter_map(|fold| fold.join().ok()).collect()
    });
    let thresholds = parts.iter().map(|(threshold, ..)| *threshold).collect();
    let mut outcomes: Vec<(usize, Path, usize)> = Vec::new();
    for (threshold, paths, places) in parts {
        outcomes.extend(places.into_iter().zip(paths).map(|(place, path)| {
            let calls = path.calls(threshold);
            (place, path, calls)
        }));
    }
    outcomes.sort_by_key(|(place, ..)| *place);
    let members = pool.members.len();
    let ours: Vec<bool> = outcomes.iter().map(|(_, path, calls)| path.is_right(*calls)).collect();
    let full: Vec<bool> = outcomes.iter().map(|(_, path, _)| path.is_right(members)).collect();
    let mut stopped = vec![0; members];
    for (_, _, calls) in &outcomes {
        stopped[calls - 1] += 1;
    }
    let settled =
        |(_, path, calls): &&(usize, Path, usize)| *calls < members && path.after[calls - 1].is_settled;
    let after = |calls: usize| -> Vec<Outcome> {
        outcomes.iter().map(|(_, path, _)| path.after[calls].outcome).collect()
    };
    PoolReport {
        set: set.name.clone(),
        pool: pool.name.clone(),
        members,
        questions: outcomes.len(),
        budget,
        thresholds,
        calls: Estimate::of(&outcomes.iter().map(|(_, _, calls)| *calls as f64).collect::<Vec<_>>()),
        accuracy: Estimate::percent(ours.iter().copied()),
        full: Estimate::percent(full.iter().copied()),
        gain: Estimate::gain(&ours, &full),
        stopped,
        unassailable: outcomes.iter().filter(settled).count(),
        calibration: (0..members).map(|calls| Quality::of(&after(calls))).collect(),
    }
}

/// The threshold, from inner folds of `inside`.
fn threshold(set: &AnswerSet, pool: &Pool, inside: &[usize], budget: f64) -> f64 {
    let inner = |index: &usize| fold_of(&format!("inner {}", set.questions[*index].id), INNER);
    let mut known = Vec::new();
    for number in 0..INNER {
        let (train, test): (Vec<usize>, Vec<usize>) = inside.iter().partition(|index| inner(index) != number);
        known.extend(paths(set, pool, &train, &test));
    }
    let mean = |threshold: f64| {
        known.iter().map(|path| path.calls(threshold) as f64).sum::<f64>() / known.len().max(1) as f64
    };
    // Never below a coin: a threshold that anything passes would be none.
    let hundredths = (50..100).rev().map(|hundredths| f64::from(hundredths) / 100.0);
    hundredths.into_iter().find(|threshold| mean(*threshold) <= budget).unwrap_or(0.5)
}

/// What each question of `test` comes to, call by call, by what was learned from `train`.
fn paths(set: &AnswerSet, pool: &Pool, train: &[usize], test: &[usize]) -> Vec<Path> {
    let known: Vec<_> = train.iter().map(|index| labelled(set, pool, &set.questions[*index])).collect();
    let trust = Trust::learn(&known);
    test.iter().map(|index| path(set, pool, &set.questions[*index], &trust)).collect()
}

fn path(set: &AnswerSet, pool: &Pool, question: &Question, trust: &Trust) -> Path {
    let mut order: Vec<(usize, f64)> = pool
        .members
        .iter()
        .map(|member| (*member, trust.skill(&set.models[*member], &question.category)))
        .collect();
    order.sort_by(|one, two| two.1.total_cmp(&one.1));
    let order: Vec<usize> = order.into_iter().map(|(member, _)| member).collect();
    let step = |asked: usize| {
        let winner = elect(set, &order[..asked], question, Rule::JointWeights, trust);
        let outcome = Outcome {
            is_right: winner.is_some_and(|(winner, _)| Some(winner) == question.truth),
            sure: winner.map_or(0.0, |(_, sure)| sure),
        };
        Step { outcome, is_settled: is_settled(set, &order, asked, question, trust) }
    };
    Path { after: (1..=order.len()).map(step).collect() }
}

/// Whether the winner among the first `asked` stays the winner however the others vote.
fn is_settled(set: &AnswerSet, order: &[usize], asked: usize, question: &Question, trust: &Trust) -> bool {
    let rest = &order[asked..];
    let mut answers: Vec<u16> = order[..asked].iter().filter_map(|member| question.votes[*member]).collect();
    answers.sort_unstable();
    answers.dedup();
    let mut open = question.clone();
    // An answer that nobody gave yet.
    answers.push(u16::try_from(open.answers.len()).unwrap_or(u16::MAX));
    open.answers.push(String::from("\u{0}another"));
    let ways = u32::try_from(rest.len()).ok().and_then(|votes| answers.len().checked_pow(votes));
    let Some(ways) = ways.filter(|ways| *ways <= WAYS_MAX) else { return false };
    let winner = |members: &[usize], question: &Question| {
        elect(set, members, question, Rule::JointWeights, trust).map(|(winner, _)| winner)
    };
    let leader = winner(&order[..asked], question);
    (0..ways).all(|way| {
        let mut choice = way;
        for member in rest {
            open.votes[*member] = Some(answers[choice % answers.len()]);
            choice /= answers.len();
        }
        winner(order, &open) == leader
    })
}
