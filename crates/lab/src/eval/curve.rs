//! How the vote fares with few labelled questions.

use anyhow::{Result, bail};
use serde::Serialize;

use super::{
    data::{AnswerSet, Question},
    pools::Pool,
    rules::Rule,
    sample::{Estimate, SplitMix},
    votes::{Fitted, best_single},
};

/// How often each number of labels is drawn.
const DRAWS: u64 = 10;

/// What came of so many labels.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// The set.
    pub set: String,
    /// The pool.
    pub pool: String,
    /// How many labelled questions were learned from.
    pub labels: usize,
    /// The mean accuracy over the draws on all other questions, in percent.
    pub accuracy: f64,
    /// The worst draw's.
    pub worst: f64,
    /// The mean accuracy of plurality on the same questions.
    pub plurality: f64,
    /// The mean accuracy of the member that is best on the same questions.
    pub best_single: f64,
    /// In how many draws the vote is worse than plurality by more than the paired 95 % interval.
    pub below_plurality: usize,
    /// In how many draws it is not above the best single member.
    pub not_above_single: usize,
    /// How many draws there were.
    pub draws: usize,
}

/// The curve of `rule` for one pool.
///
/// # Errors
/// If a number of labels leaves fewer than 30 questions to score.
pub fn curve(set: &AnswerSet, pool: &Pool, rule: Rule, labels: &[usize]) -> Result<Vec<Point>> {
    labels.iter().map(|count| point(set, pool, rule, *count)).collect()
}

fn point(set: &AnswerSet, pool: &Pool, rule: Rule, labels: usize) -> Result<Point> {
    if set.questions.len() < labels + 30 {
        bail!(
            "{} has {} questions: too few to learn from {labels} and score the rest",
            set.name,
            set.questions.len()
        );
    }
    let mut point = Point {
        set: set.name.clone(),
        pool: pool.name.clone(),
        labels,
        accuracy: 0.0,
        worst: 100.0,
        plurality: 0.0,
        best_single: 0.0,
        below_plurality: 0,
        not_above_single: 0,
        draws: 0,
    };
    for draw in 0..DRAWS {
        let mut order: Vec<&Question> = set.questions.iter().collect();
        SplitMix(1_000 + draw).shuffle(&mut order);
        let (inside, outside) = order.split_at(labels);
        let ours = right(&Fitted::of(set, pool, inside, rule), set, pool, outside);
        let theirs = right(&Fitted::of(set, pool, inside, Rule::Plurality), set, pool, outside);
        let best = best_single(pool, outside);
        let alone: Vec<bool> = outside.iter().map(|question| question.is_right(best)).collect();
        let percent =
            |right: &[bool]| 100.0 * right.iter().filter(|right| **right).count() as f64 / right.len() as f64;
        point.accuracy += percent(&ours) / DRAWS as f64;
        point.worst = point.worst.min(percent(&ours));
        point.plurality += percent(&theirs) / DRAWS as f64;
        point.best_single += percent(&alone) / DRAWS as f64;
        point.below_plurality += usize::from(Estimate::gain(&ours, &theirs).high < 0.0);
        point.not_above_single += usize::from(percent(&ours) <= percent(&alone));
        point.draws += 1;
    }
    Ok(point)
}

fn right(fitted: &Fitted, set: &AnswerSet, pool: &Pool, questions: &[&Question]) -> Vec<bool> {
    questions.iter().map(|question| fitted.outcome(set, pool, question).is_right).collect()
}
