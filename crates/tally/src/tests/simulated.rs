//! Simulated elections: voters with known skill, correlation, lies and position bias, and how often the tally is right.
//!
//! Regression values within a point, with the model of voters of the project's evaluation. 20,000 items each.

use super::{ballot, candidate};
use crate::{
    Election, GradedBallot, RuleChoice,
    mix::SplitMix,
    orders,
    rules::clipped_z_mean,
    {Candidate, decide},
};

const ITEMS: u64 = 20_000;

struct Dice(SplitMix);

impl Dice {
    fn uniform(&mut self) -> f64 {
        (self.0.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Box and Muller.
    fn normal(&mut self, deviation: f64) -> f64 {
        let (radius, angle) = (1.0 - self.uniform(), self.uniform());
        deviation * (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }
}

/// The percentage of `ITEMS` items on which `right` holds.
fn percentage(seed: u64, mut right: impl FnMut(&mut Dice, u64) -> bool) -> f64 {
    let mut dice = Dice(SplitMix::new(seed));
    let count = (0..ITEMS).filter(|item| right(&mut dice, *item)).count();
    100.0 * count as f64 / ITEMS as f64
}

#[track_caller]
fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1.0, "{found:.1} % instead of {expected} %");
}

/// Four answers, 0 is right; members that are wrong mostly take the same distractor. The vote is by plurality, ties by the seed.
fn closed_vote(abilities: &[f64], dice: &mut Dice, item: u64) -> bool {
    let difficulty = dice.normal(1.0);
    let mut answers: Vec<Vec<String>> = vec![Vec::new(); 4];
    for (member, ability) in abilities.iter().enumerate() {
        let right = dice.uniform() < 1.0 / (1.0 + (-(ability - 1.6 * difficulty)).exp());
        let luck = dice.uniform();
        let answer = match () {
            () if right => 0,
            () if luck < 0.755 => 1,
            () if luck < 0.8775 => 2,
            () => 3,
        };
        answers[answer].push(format!("proposer-{member}"));
    }
    let proposed = answers.into_iter().enumerate().filter(|(_, supporters)| !supporters.is_empty());
    let candidates = proposed.map(|(answer, supporters)| Candidate { id: format!("p{answer}"), supporters });
    let election = Election::try_new(candidates.collect(), vec![], RuleChoice::Closed, item).unwrap();
    decide(&election).winner.as_deref() == Some("p0")
}

#[test]
fn five_equals_gain_nine_points_by_plurality() {
    near(percentage(1, |dice, item| closed_vote(&[1.55], dice, item)), 74.5);
    near(percentage(2, |dice, item| closed_vote(&[1.55; 5], dice, item)), 83.2);
}

#[test]
fn plurality_lets_four_weak_members_drag_a_strong_one_down() {
    near(percentage(3, |dice, item| closed_vote(&[3.1, 0.6, 0.6, 0.6, 0.6], dice, item)), 74.6);
}

/// One graded item.
struct Graded {
    quality: Vec<f64>,
    ballots: Vec<GradedBallot>,
}

/// Grades by critics of different scale and offset. `first` names the candidate that each critic reads first, which gains `bias`.
fn graded(
    dice: &mut Dice,
    candidates: usize,
    critics: usize,
    liars: usize,
    bias: f64,
    first: &[usize],
) -> Graded {
    let quality: Vec<f64> = (0..candidates).map(|_| dice.normal(1.0)).collect();
    let shared: Vec<f64> = quality.iter().map(|quality| quality + dice.normal(0.4)).collect();
    let mut ballots = Vec::new();
    for critic in 0..critics {
        let (scale, offset) = (dice.normal(0.35).exp(), dice.normal(1.0));
        let lie = if critic < liars { -3.0 } else { 1.0 };
        let grades: Vec<f64> = (0..candidates)
            .map(|candidate| {
                let seen_first = if first.get(critic) == Some(&candidate) { bias } else { 0.0 };
                (shared[candidate] + dice.normal(0.8) + seen_first) * lie * scale + offset
            })
            .collect();
        ballots.push(ballot(&format!("critic-{critic}"), &grades));
    }
    Graded { quality, ballots }
}

impl Graded {
    /// Whether the candidate with the highest score is within 0.05 of the best there was.
    fn right_pick(&self, scores: &[f64]) -> bool {
        let best = self.quality.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let pick = (0..scores.len()).max_by(|one, two| scores[*one].total_cmp(&scores[*two])).unwrap();
        self.quality[pick] >= best - 0.05
    }

    fn clipped(&self) -> Vec<f64> {
        let ids = ["p1", "p2", "p3", "p4", "p5"];
        let candidates = ids[..self.quality.len()].iter().map(|id| candidate(id, &[])).collect();
        clipped_z_mean(&Election::try_new(candidates, self.ballots.clone(), RuleChoice::Open, 7).unwrap())
    }

    fn raw_mean(&self) -> Vec<f64> {
        let sum =
            |candidate: usize| self.ballots.iter().filter_map(|ballot| ballot.grades[candidate]).sum::<f64>();
        (0..self.quality.len()).map(sum).collect()
    }
}

#[test]
fn one_liar_among_five_sinks_the_plain_mean_and_not_the_clipped_one() {
    let clipped = percentage(4, |dice, _| {
        let item = graded(dice, 3, 5, 1, 0.0, &[]);
        item.right_pick(&item.clipped())
    });
    let raw = percentage(4, |dice, _| {
        let item = graded(dice, 3, 5, 1, 0.0, &[]);
        item.right_pick(&item.raw_mean())
    });
    near(clipped, 73.0);
    near(raw, 48.0);
}

/// The right picks, in percent, if the critics read first what `first` names.
fn with_position_bias(first: impl Fn(&mut Dice, u64) -> Vec<usize>) -> f64 {
    percentage(5, |dice, item| {
        let first = first(dice, item);
        let item = graded(dice, 5, 5, 0, 1.0, &first);
        item.right_pick(&item.clipped())
    })
}

#[test]
fn an_order_for_each_critic_takes_the_position_bias_out() {
    let shared = with_position_bias(|_, _| vec![0; 5]);
    let random = with_position_bias(|dice, _| (0..5).map(|_| dice.0.below(5)).collect());
    let latin = with_position_bias(|_, item| orders(5, 5, item).iter().map(|order| order[0]).collect());
    near(shared, 62.0);
    near(random, 70.0);
    // Chance puts the same proposal first for several critics; a Latin square never does.
    near(latin, 71.4);
}
