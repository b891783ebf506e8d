//! Simulated elections: members with set accuracy, correlation, bias, collusion and lies, put to the product's own tally.
//!
//! The model of voters is a model: it judges the rules where the truth is known by construction, and no real member. With four answers and the difficulty
//! d ~ N(0, 1) of an item, a member of ability a is right with probability 1 / (1 + exp(-(a - 1.6 d))); a wrong one takes the same distractor with
//! probability 0.755, else one of the other two evenly. Grades follow the quality q ~ N(0, 1) of a candidate: (q + N(0, 0.4) shared by all critics +
//! N(0, 0.8)) exp(N(0, 0.35)) + N(0, 1), the last two by critic. A pick within 0.05 of the best quality is right.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use async_orchestrator_core::TallyRule;
use async_orchestrator_tally::{
    Candidate, Election, GradedBallot, RHO_DEFAULT, RuleChoice, Weights, decide, orders,
};
use serde::Serialize;

use crate::eval::sample::SplitMix;

/// Items of each case.
pub const ITEMS: u64 = 200_000;

/// How far a figure may be from its regression value, in percentage points.
const TOLERANCE: f64 = 1.0;

/// One figure and what it must be.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// What was simulated.
    pub case: &'static str,
    /// The share of right decisions, in percent.
    pub found: f64,
    /// What it must be.
    pub bar: Bar,
}

/// What a figure must be.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bar {
    /// Within a point of this.
    Near(f64),
    /// At least this.
    AtLeast(f64),
}

impl Figure {
    /// Whether it is.
    pub fn holds(&self) -> bool {
        match self.bar {
            Bar::Near(value) => (self.found - value).abs() <= TOLERANCE,
            Bar::AtLeast(value) => self.found >= value,
        }
    }
}

/// How a closed vote is counted.
#[derive(Clone, Copy)]
enum Count {
    Plurality,
    /// By each member's true accuracy.
    LogOdds,
}

const EQUALS: [f64; 5] = [1.55; 5];
const ONE_STRONG: [f64; 5] = [3.1, 0.6, 0.6, 0.6, 0.6];
const MIXED: [f64; 5] = [2.75, 1.95, 1.55, 0.7, 0.3];

/// Runs every case with so many items.
///
/// # Errors
/// If the tally refuses an election, which would be a defect of it.
pub fn run(items: u64, seed: u64) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let mut add = |case, found, bar| figures.push(Figure { case, found, bar });
    let closed = |abilities: &[f64], count, colluding| closed(items, seed, abilities, count, colluding);

    let (equals, alone) = closed(&EQUALS, Count::Plurality, 0)?;
    add("one member of 74.5 %", alone, Bar::Near(74.5));
    add("five of 74.5 %, plurality", equals, Bar::Near(83.2));
    add("five of 74.5 %, log-odds", closed(&EQUALS, Count::LogOdds, 0)?.0, Bar::Near(83.2));
    add("90 % and four of 60 %, plurality", closed(&ONE_STRONG, Count::Plurality, 0)?.0, Bar::Near(74.6));
    let (vote, alone) = closed(&ONE_STRONG, Count::LogOdds, 0)?;
    add("its strong member alone", alone, Bar::Near(90.0));
    add("90 % and four of 60 %, log-odds", vote, Bar::AtLeast(alone));
    let (vote, alone) = closed(&MIXED, Count::LogOdds, 0)?;
    add("88, 80, 74, 62 and 55 %, log-odds", vote, Bar::AtLeast(87.5));
    add("beside its best member on the same items", vote, Bar::AtLeast(alone));
    // Two that answer alike, and wrongly whenever one of them is: together they must not weigh more than what they are.
    let (vote, alone) = closed(&MIXED, Count::LogOdds, 2)?;
    add("the same, the two weakest collude", vote, Bar::AtLeast(alone));

    let graded = |liars, bias, order, scores| graded(items, seed, liars, bias, order, scores);
    add("one liar among five, clipped z-mean", graded(1, 0.0, Order::Own, Scores::Clipped)?, Bar::Near(73.0));
    add("one liar among five, raw mean", graded(1, 0.0, Order::Own, Scores::Raw)?, Bar::Near(48.0));
    add("position bias, one order for all", graded(0, 1.0, Order::Shared, Scores::Clipped)?, Bar::Near(62.0));
    add(
        "position bias, shuffled per critic",
        graded(0, 1.0, Order::Shuffled, Scores::Clipped)?,
        Bar::Near(70.0),
    );
    add("position bias, Latin square", graded(0, 1.0, Order::Own, Scores::Clipped)?, Bar::AtLeast(70.0));
    Ok(figures)
}

fn chance(ability: f64, difficulty: f64) -> f64 {
    1.0 / (1.0 + (-(ability - 1.6 * difficulty)).exp())
}

/// A member's accuracy over all difficulties, by the rule of Simpson.
fn accuracy(ability: f64) -> f64 {
    let (steps, reach) = (2_000, 8.0);
    let width = 2.0 * reach / f64::from(steps);
    let density = |d: f64| (-d * d / 2.0).exp() / std::f64::consts::TAU.sqrt();
    let at = |step: i32| {
        let difficulty = f64::from(step).mul_add(width, -reach);
        chance(ability, difficulty) * density(difficulty)
    };
    let inner: f64 = (1..steps).map(|step| at(step) * if step % 2 == 1 { 4.0 } else { 2.0 }).sum();
    (at(0) + inner + at(steps)) * width / 3.0
}

/// The percentage of closed votes with the right winner, and that of the first member alone on the same items. Of the members the last `colluding` all say what the first of them does.
fn closed(items: u64, seed: u64, abilities: &[f64], count: Count, colluding: usize) -> Result<(f64, f64)> {
    let skills: Vec<f64> = abilities.iter().map(|ability| accuracy(*ability)).collect();
    let weights = Weights {
        // Four answers: a wrong one of three is expected at random.
        supporters: skills
            .iter()
            .enumerate()
            .map(|(member, skill)| (format!("m{member}"), (3.0 * skill / (1.0 - skill)).ln()))
            .collect::<BTreeMap<_, _>>(),
        rho: RHO_DEFAULT,
        ..Weights::default()
    };
    let mut random = SplitMix(seed);
    let (mut right, mut alone) = (0_u64, 0_u64);
    for item in 0..items {
        let difficulty = random.normal(1.0);
        let mut given: Vec<usize> = abilities
            .iter()
            .map(|ability| {
                let knows = random.uniform() < chance(*ability, difficulty);
                let luck = random.uniform();
                match () {
                    () if knows => 0,
                    () if luck < 0.755 => 1,
                    () if luck < 0.8775 => 2,
                    () => 3,
                }
            })
            .collect();
        alone += u64::from(given[0] == 0);
        let first = given.len() - colluding;
        for member in first..given.len() {
            given[member] = given[first];
        }
        let candidates = (0..4).filter_map(|answer| {
            let supporters: Vec<String> = given
                .iter()
                .enumerate()
                .filter(|(_, said)| **said == answer)
                .map(|(member, _)| format!("m{member}"))
                .collect();
            (!supporters.is_empty()).then(|| Candidate { id: format!("a{answer}"), supporters })
        });
        let election = Election::try_new(candidates.collect(), Vec::new(), RuleChoice::Closed, item)?;
        let election = match count {
            Count::Plurality => election,
            Count::LogOdds => election.weighed(TallyRule::DiscountedLogOdds, &weights)?,
        };
        right += u64::from(decide(&election).winner.as_deref() == Some("a0"));
    }
    let percent = |count: u64| 100.0 * count as f64 / items.max(1) as f64;
    Ok((percent(right), percent(alone)))
}

#[derive(Clone, Copy)]
enum Order {
    Shared,
    Shuffled,
    Own,
}

#[derive(Clone, Copy)]
enum Scores {
    Clipped,
    Raw,
}

const CRITICS: usize = 5;

/// The percentage of graded elections whose winner is as good as the best. With a position bias there are five candidates, else three.
fn graded(items: u64, seed: u64, liars: usize, bias: f64, order: Order, scores: Scores) -> Result<f64> {
    let mut random = SplitMix(seed ^ 0x67_7261_6465);
    let candidates = if bias > 0.0 { 5 } else { 3 };
    let mut right = 0_u64;
    for item in 0..items {
        let quality: Vec<f64> = (0..candidates).map(|_| random.normal(1.0)).collect();
        let seen: Vec<f64> = quality.iter().map(|quality| quality + random.normal(0.4)).collect();
        let latin = orders(candidates, CRITICS, item);
        let ballots: Vec<Vec<f64>> = (0..CRITICS)
            .map(|critic| {
                let first = match order {
                    Order::Shared => 0,
                    Order::Shuffled => random.below(candidates),
                    Order::Own => latin[critic][0],
                };
                let (scale, offset) = (random.normal(0.35).exp(), random.normal(1.0));
                let lie = if critic < liars { -3.0 } else { 1.0 };
                (0..candidates)
                    .map(|candidate| {
                        let lead = if candidate == first { bias } else { 0.0 };
                        (seen[candidate] + random.normal(0.8) + lead) * lie * scale + offset
                    })
                    .collect()
            })
            .collect();
        let pick = match scores {
            Scores::Raw => raw_pick(&ballots, candidates),
            Scores::Clipped => clipped_pick(ballots, candidates, item)?,
        };
        let best = quality.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        right += u64::from(quality[pick] >= best - 0.05);
    }
    Ok(100.0 * right as f64 / items.max(1) as f64)
}

fn raw_pick(ballots: &[Vec<f64>], candidates: usize) -> usize {
    let sum = |candidate: usize| ballots.iter().map(|grades| grades[candidate]).sum::<f64>();
    (0..candidates).max_by(|one, two| sum(*one).total_cmp(&sum(*two))).unwrap_or(0)
}

fn clipped_pick(ballots: Vec<Vec<f64>>, candidates: usize, item: u64) -> Result<usize> {
    let standing = (0..candidates).map(|index| Candidate { id: format!("a{index}"), supporters: Vec::new() });
    let ballots = ballots.into_iter().enumerate().map(|(critic, grades)| GradedBallot {
        voter: format!("critic-{critic}"),
        weight: 1.0,
        approvals: vec![false; grades.len()],
        predicted_support: vec![None; grades.len()],
        grades: grades.into_iter().map(Some).collect(),
    });
    let election = Election::try_new(standing.collect(), ballots.collect(), RuleChoice::Open, item)?;
    let winner = decide(&election).winner.context("an election without a winner")?;
    winner.strip_prefix('a').context("a winner of another name")?.parse().context("a winner of another name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_members_are_as_good_as_they_are_called() {
        for (ability, percent) in [(1.55, 74.5), (3.1, 90.0), (0.6, 60.0)] {
            assert!((100.0 * accuracy(ability) - percent).abs() < 0.8, "{ability}: {}", accuracy(ability));
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_figures() {
        let found = |seed| run(200, seed).unwrap().iter().map(|figure| figure.found).collect::<Vec<_>>();
        assert_eq!(found(1), found(1));
        assert_ne!(found(1), found(2));
    }
}
