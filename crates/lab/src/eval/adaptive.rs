//! Asking one member after the other, and stopping when the answer is sure enough.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Result, bail};
use async_orchestrator_tally::Trust;
use serde::Serialize;

use super::{
    data::{AnswerSet, Question, read_sets},
    pools::{Pool, pools},
    rules::{Rule, elect, labelled},
    sample::{Estimate, fold_of},
};

/// A class with few questions is drawn towards the member's accuracy over all, with the weight of so many.
const ORDER_STRENGTH: f64 = 20.0;

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
}

/// What a question comes to after each call.
#[derive(Clone, Debug)]
struct Path {
    /// Right and how sure, after one call, two, ...
    after: Vec<(bool, f64)>,
}

impl Path {
    /// The number of calls until `threshold` is reached, or all were asked.
    fn calls(&self, threshold: f64) -> usize {
        self.after.iter().position(|(_, sure)| *sure >= threshold).map_or(self.after.len(), |at| at + 1)
    }
}

/// Evaluates.
///
/// Members are asked in the order of their accuracy in the question's class. After each answer the election among those who were asked is weighed by weights
/// that were fitted for just them, and asking stops when the probability of being right reaches the threshold. The threshold of a fold is the
/// largest of 0.50, 0.51, ... 0.99 for which the upper end of the 95 % interval of the mean number of calls stays within the budget, on inner folds that the
/// weights did not see.
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
    let mut outcomes: Vec<Option<(Path, usize)>> = vec![None; set.questions.len()];
    let mut thresholds = Vec::new();
    for number in 0..folds {
        let inside: Vec<usize> = (0..fold.len()).filter(|index| fold[*index] != number).collect();
        let outside: Vec<usize> = (0..fold.len()).filter(|index| fold[*index] == number).collect();
        let threshold = threshold(set, pool, &inside, budget);
        thresholds.push(threshold);
        for (index, path) in outside.iter().zip(paths(set, pool, &inside, &outside)) {
            let calls = path.calls(threshold);
            outcomes[*index] = Some((path, calls));
        }
    }
    let outcomes: Vec<(Path, usize)> = outcomes.into_iter().flatten().collect();
    let ours: Vec<bool> = outcomes.iter().map(|(path, calls)| path.after[calls - 1].0).collect();
    let full: Vec<bool> =
        outcomes.iter().map(|(path, _)| path.after.last().is_some_and(|last| last.0)).collect();
    let mut stopped = vec![0; pool.members.len()];
    for (_, calls) in &outcomes {
        stopped[calls - 1] += 1;
    }
    PoolReport {
        set: set.name.clone(),
        pool: pool.name.clone(),
        members: pool.members.len(),
        questions: outcomes.len(),
        budget,
        thresholds,
        calls: Estimate::of(&outcomes.iter().map(|(_, calls)| *calls as f64).collect::<Vec<_>>()),
        accuracy: Estimate::percent(ours.iter().copied()),
        full: Estimate::percent(full.iter().copied()),
        gain: Estimate::gain(&ours, &full),
        stopped,
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
    let fits = |threshold: &f64| {
        let calls: Vec<f64> = known.iter().map(|path| path.calls(*threshold) as f64).collect();
        Estimate::of(&calls).high <= budget
    };
    // Never below a coin: a threshold that anything passes would be none.
    (50..100).rev().map(|hundredths| f64::from(hundredths) / 100.0).find(fits).unwrap_or(0.5)
}

/// What each question of `test` comes to, call by call, by what was learned from `train`.
fn paths(set: &AnswerSet, pool: &Pool, train: &[usize], test: &[usize]) -> Vec<Path> {
    let train: Vec<&Question> = train.iter().map(|index| &set.questions[*index]).collect();
    let mut fitted: BTreeMap<Vec<usize>, Trust> = BTreeMap::new();
    let mut orders: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut paths = Vec::with_capacity(test.len());
    for index in test {
        let question = &set.questions[*index];
        let order =
            orders.entry(&question.category).or_insert_with(|| order(pool, &train, &question.category));
        let mut after = Vec::with_capacity(order.len());
        for asked in 1..=order.len() {
            let mut members = order[..asked].to_vec();
            members.sort_unstable();
            let trust = fitted.entry(members.clone()).or_insert_with(|| {
                let few = Pool { name: String::new(), members };
                let known: Vec<_> = train.iter().map(|question| labelled(set, &few, question)).collect();
                Trust::learn(&known)
            });
            let outcome = elect(set, &order[..asked], question, Rule::JointWeights, trust);
            after.push(match outcome {
                Some((winner, sure)) => (Some(winner) == question.truth, sure),
                None => (false, 0.0),
            });
        }
        paths.push(Path { after });
    }
    paths
}

/// The members by their accuracy in `class`, best first, drawn towards their accuracy over all; of equals the first of the pool.
fn order(pool: &Pool, train: &[&Question], class: &str) -> Vec<usize> {
    let rate = |member: usize| {
        let overall = train.iter().filter(|question| question.is_right(member)).count() as f64
            / train.len().max(1) as f64;
        let inside = || train.iter().filter(|question| question.category == class);
        let right = inside().filter(|question| question.is_right(member)).count() as f64;
        ORDER_STRENGTH.mul_add(overall, right) / (inside().count() as f64 + ORDER_STRENGTH)
    };
    let mut order: Vec<(usize, f64)> = pool.members.iter().map(|member| (*member, rate(*member))).collect();
    order.sort_by(|one, two| two.1.total_cmp(&one.1));
    order.into_iter().map(|(member, _)| member).collect()
}
