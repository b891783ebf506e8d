//! How often a vote over recorded answers is right, beside the best member alone.

use std::{collections::BTreeMap, path::PathBuf, thread};

use anyhow::{Result, bail};
use async_orchestrator_tally::Trust;
use serde::Serialize;

use super::{
    curve::{Point, curve},
    data::{AnswerSet, Question, read_sets},
    pools::{Pool, pools},
    rules::{RULES, Rule, elect, labelled},
    sample::{Estimate, fold_of},
};

/// Groups of fewer questions are not judged by themselves.
pub const GROUP_MIN: usize = 200;

/// What is evaluated.
#[derive(Clone, Debug)]
pub struct Options {
    /// The directory that weights are fitted on.
    pub fit: PathBuf,
    /// The directory that is scored. The same as `fit`: each question is scored by weights fitted without its fold.
    pub score: PathBuf,
    /// The number of folds.
    pub folds: usize,
    /// How often the questions are put into folds anew; a figure is the mean over all. It moves by a tenth of a point with how the folds fall.
    pub repeats: usize,
    /// Pools or members; empty for all known pools.
    pub pools: Vec<String>,
    /// The rules; empty for all.
    pub rules: Vec<Rule>,
    /// Numbers of labelled questions for a learning curve; empty for none.
    pub labels: Vec<usize>,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// One for each pool of each set.
    pub pools: Vec<PoolReport>,
    /// How the learned rules fare with few labels; empty unless asked for.
    pub curve: Vec<Point>,
    /// What could not be read, by set.
    pub dropped: BTreeMap<String, Vec<String>>,
}

/// One pool.
#[derive(Clone, Debug, Serialize)]
pub struct PoolReport {
    /// The set.
    pub set: String,
    /// The pool.
    pub pool: String,
    /// Its members.
    pub members: Vec<String>,
    /// How many questions were scored.
    pub questions: usize,
    /// The member that is right most often on the questions scored.
    pub best_single: Single,
    /// The share of questions on which any member is right, in percent.
    pub any_right: f64,
    /// By rule.
    pub rules: Vec<RuleReport>,
}

/// The best member alone.
#[derive(Clone, Debug, Serialize)]
pub struct Single {
    /// Who.
    pub model: String,
    /// How often it is right, in percent.
    pub accuracy: Estimate,
}

/// One rule on one pool.
#[derive(Clone, Debug, Serialize)]
pub struct RuleReport {
    /// The rule.
    pub rule: Rule,
    /// How often its winner is right, in percent.
    pub accuracy: Estimate,
    /// How much more often than the best single member, in percentage points, with the paired interval.
    pub gain: Estimate,
    /// The groups (tasks or categories) with enough questions.
    pub groups: Vec<GroupReport>,
    /// How well the winner's share tells how often it is right.
    pub calibration: super::calibration::Quality,
}

/// One task or category.
#[derive(Clone, Debug, Serialize)]
pub struct GroupReport {
    /// Which.
    pub group: String,
    /// Its questions.
    pub questions: usize,
    /// How often the vote is right, in percent.
    pub accuracy: f64,
    /// Beside the member that is best in this group, in percentage points.
    pub gain: Estimate,
}

impl GroupReport {
    /// Whether the vote is worse than the best member by more than the interval.
    pub fn is_below(&self) -> bool {
        self.gain.high < 0.0
    }
}

/// What one question came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) is_right: bool,
    /// How sure the election is of its winner, 0 to 1.
    pub(crate) sure: f64,
}

/// Evaluates.
///
/// # Errors
/// If data are missing or damaged, a pool or rule is unknown, or sets do not fit each other.
pub fn run(options: &Options) -> Result<Report> {
    let same = options.fit == options.score;
    if same && options.folds < 2 {
        bail!(
            "fitting and scoring on the same answers needs at least 2 folds: weights must not have seen what they are scored on"
        );
    }
    let scored = read_sets(&options.score)?;
    let fitted = if same { None } else { Some(read_sets(&options.fit)?) };
    let mut report = Report { pools: Vec::new(), curve: Vec::new(), dropped: BTreeMap::new() };
    for set in scored.iter().chain(fitted.iter().flatten()) {
        if !set.dropped.is_empty() {
            report.dropped.insert(set.name.clone(), set.dropped.clone());
        }
    }
    let rules = if options.rules.is_empty() { &RULES[..] } else { &options.rules };
    for set in &scored {
        let other = match &fitted {
            None => None,
            Some(sets) => match sets.iter().find(|known| known.name == set.name) {
                Some(known) => Some(known),
                None => bail!("there is no set called {} to fit on", set.name),
            },
        };
        for pool in pools(set, &options.pools)? {
            report.pools.push(evaluate(set, other, &pool, rules, options)?);
            for rule in rules.iter().filter(|rule| **rule != Rule::Plurality) {
                report.curve.extend(curve(set, &pool, *rule, &options.labels)?);
            }
        }
    }
    if report.pools.is_empty() {
        bail!("none of the sets has such a pool");
    }
    Ok(report)
}

fn evaluate(
    set: &AnswerSet,
    fit: Option<&AnswerSet>,
    pool: &Pool,
    rules: &[Rule],
    options: &Options,
) -> Result<PoolReport> {
    let questions: Vec<&Question> = set.questions.iter().collect();
    let best = best_single(pool, &questions);
    let alone: Vec<bool> = questions.iter().map(|question| question.is_right(best)).collect();
    let any = |question: &&Question| pool.members.iter().any(|member| question.is_right(*member));
    let mut reports = Vec::new();
    for rule in rules {
        let rounds = match fit {
            // Nothing is fitted: one round is as good as many.
            None if *rule == Rule::Plurality => vec![cross_validated(set, pool, *rule, options.folds, 0)],
            None => (0..options.repeats.max(1))
                .map(|repeat| cross_validated(set, pool, *rule, options.folds, repeat))
                .collect(),
            Some(fit) => vec![transferred(fit, set, pool, *rule)?],
        };
        let right = shares(&rounds);
        reports.push(RuleReport {
            rule: *rule,
            accuracy: Estimate::of(&percents(&right)),
            gain: Estimate::of(&beside(&right, &alone)),
            groups: groups(set, pool, &right),
            calibration: super::calibration::Quality::of(&rounds.concat()),
        });
    }
    Ok(PoolReport {
        set: set.name.clone(),
        pool: pool.name.clone(),
        members: pool.members.iter().map(|member| set.models[*member].clone()).collect(),
        questions: questions.len(),
        best_single: Single {
            model: set.models[best].clone(),
            accuracy: Estimate::percent(alone.iter().copied()),
        },
        any_right: 100.0 * questions.iter().filter(|question| any(question)).count() as f64
            / questions.len().max(1) as f64,
        rules: reports,
    })
}

/// In which share of the rounds each question was decided rightly.
fn shares(rounds: &[Vec<Outcome>]) -> Vec<f64> {
    let questions = rounds.first().map_or(0, Vec::len);
    let share = |at: usize| {
        let right = rounds.iter().filter(|round| round[at].is_right).count();
        right as f64 / rounds.len().max(1) as f64
    };
    (0..questions).map(share).collect()
}

fn percents(shares: &[f64]) -> Vec<f64> {
    shares.iter().map(|share| 100.0 * share).collect()
}

/// How much more often than one who is right in `alone`, question by question, in percentage points.
fn beside(shares: &[f64], alone: &[bool]) -> Vec<f64> {
    shares.iter().zip(alone).map(|(share, alone)| 100.0 * (share - f64::from(u8::from(*alone)))).collect()
}

/// Each question decided by weights that were fitted without its fold. The folds follow from the questions' names and the number of the repeat.
fn cross_validated(set: &AnswerSet, pool: &Pool, rule: Rule, folds: usize, repeat: usize) -> Vec<Outcome> {
    let name = |question: &Question| match repeat {
        0 => question.id.clone(),
        repeat => format!("repeat {repeat} {}", question.id),
    };
    let fold: Vec<usize> = set.questions.iter().map(|question| fold_of(&name(question), folds)).collect();
    let one = |number: usize| -> Vec<(usize, Outcome)> {
        let inside: Vec<&Question> = kept(set, |index| fold[index] != number);
        let fitted = Fitted::of(set, pool, &inside, rule);
        let outside = set.questions.iter().enumerate().filter(|(index, _)| fold[*index] == number);
        outside.map(|(index, question)| (index, fitted.outcome(set, pool, question))).collect()
    };
    let mut outcomes = vec![Outcome { is_right: false, sure: 0.0 }; set.questions.len()];
    thread::scope(|scope| {
        let one = &one;
        let running: Vec<_> = (0..folds).map(|number| scope.spawn(move || one(number))).collect();
        for (index, outcome) in running.into_iter().filter_map(|fold| fold.join().ok()).flatten() {
            outcomes[index] = outcome;
        }
    });
    outcomes
}

fn kept(set: &AnswerSet, keep: impl Fn(usize) -> bool) -> Vec<&Question> {
    set.questions.iter().enumerate().filter(|(index, _)| keep(*index)).map(|(_, question)| question).collect()
}

/// Each question of `set` decided by weights fitted on all of `fit`.
fn transferred(fit: &AnswerSet, set: &AnswerSet, pool: &Pool, rule: Rule) -> Result<Vec<Outcome>> {
    let members: Option<Vec<usize>> =
        pool.members.iter().map(|member| fit.model(&set.models[*member])).collect();
    let Some(members) = members else { bail!("the set to fit on lacks members of the pool {}", pool.name) };
    let there = Pool { name: pool.name.clone(), members };
    let questions: Vec<&Question> = fit.questions.iter().collect();
    let fitted = Fitted::of(fit, &there, &questions, rule);
    Ok(set.questions.iter().map(|question| fitted.outcome(set, pool, question)).collect())
}

/// A rule with what it learned.
pub(crate) struct Fitted {
    pub(crate) rule: Rule,
    pub(crate) trust: Trust,
}

impl Fitted {
    pub(crate) fn of(set: &AnswerSet, pool: &Pool, questions: &[&Question], rule: Rule) -> Self {
        let known: Vec<_> = questions.iter().map(|question| labelled(set, pool, question)).collect();
        Self { rule, trust: Trust::learn(&known) }
    }

    pub(crate) fn outcome(&self, set: &AnswerSet, pool: &Pool, question: &Question) -> Outcome {
        match elect(set, &pool.members, question, self.rule, &self.trust) {
            Some((winner, sure)) => Outcome { is_right: Some(winner) == question.truth, sure },
            None => Outcome { is_right: false, sure: 0.0 },
        }
    }
}

/// The member that is right most often on `questions`; of equals the first.
pub(crate) fn best_single(pool: &Pool, questions: &[&Question]) -> usize {
    let right = |member: usize| questions.iter().filter(|question| question.is_right(member)).count();
    let mut best = (pool.members[0], right(pool.members[0]));
    for member in &pool.members[1..] {
        let count = right(*member);
        if count > best.1 {
            best = (*member, count);
        }
    }
    best.0
}

fn groups(set: &AnswerSet, pool: &Pool, right: &[f64]) -> Vec<GroupReport> {
    let mut by_group: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, question) in set.questions.iter().enumerate() {
        by_group.entry(&question.category).or_default().push(index);
    }
    by_group
        .into_iter()
        .filter(|(_, places)| places.len() >= GROUP_MIN)
        .map(|(group, places)| {
            let questions: Vec<&Question> = places.iter().map(|at| &set.questions[*at]).collect();
            let best = best_single(pool, &questions);
            let alone: Vec<bool> = questions.iter().map(|question| question.is_right(best)).collect();
            let ours: Vec<f64> = places.iter().map(|at| right[*at]).collect();
            GroupReport {
                group: group.to_owned(),
                questions: places.len(),
                accuracy: 100.0 * ours.iter().sum::<f64>() / ours.len() as f64,
                gain: Estimate::of(&beside(&ours, &alone)),
            }
        })
        .collect()
}
