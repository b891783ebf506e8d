//! Fits a table's weights to labelled questions: a conditional logit with a normal prior for each weight.

use std::collections::{BTreeMap, BTreeSet};

use super::{Fit, Labelled, Trust, log_odds};
use crate::learn::logit::{self, Choice, Prior};

/// The deviations of the priors, in nats.
const SCALE: f64 = 3.0;
const TOGETHER: f64 = 0.5;
const EXTRA: f64 = 0.2;
/// Divided by the fourth root of the number of members: the more there are, the more of what they have in common in a class is there already.
const CLASS_EXTRA: f64 = 0.5;
const COUNT: f64 = 0.3;
const CLASS_COUNT: f64 = 0.22;
const PULL: f64 = 0.5;
const CLASS_PULL: f64 = 0.2;
const NONE: f64 = 3.0;
const CLASS_NONE: f64 = 0.5;

/// With fewer labelled questions than this, what tells members and answers apart beyond their counts is held back to less than half: a few
/// questions must not make the vote worse than one member, one vote.
const FEW: usize = 100;
const HELD_BACK: f64 = 0.4;

/// An answer has a pull of its own if it stands to the vote in at least this share of the questions.
const RECURRING_MIN: f64 = 0.05;

impl Trust {
    /// Fits the weights to `labelled`. The counts stay as they are.
    pub(super) fn fit(&mut self, labelled: &[Labelled<'_>]) {
        let features = Features::of(labelled);
        let log_odds = |member: &str| self.members.get(member).map_or(0.0, |member| log_odds(member.all));
        let best = features.members.keys().map(|member| log_odds(member)).fold(f64::NEG_INFINITY, f64::max);
        let mut fit = Fit { labelled: labelled.len() as u64, ..Fit::default() };
        if best.is_finite() {
            fit.lift = (1.0 - best).max(0.0);
            fit.unit = best + fit.lift;
        }
        let strength = |member: &str| (log_odds(member) + fit.lift).max(0.0);
        let choices: Vec<Choice> =
            labelled.iter().map(|question| features.choice(question, fit.unit, strength)).collect();
        let weights = logit::fit(&choices, &features.priors());
        (fit.scale, fit.together, fit.none.all) = (weights[AT_SCALE], weights[AT_TOGETHER], weights[AT_NONE]);
        fit.count.all = weights[AT_COUNT];
        fit.count.classes =
            features.counts.iter().map(|(class, at)| ((*class).to_owned(), weights[*at])).collect();
        let none = features.none.iter().map(|(class, at)| ((*class).to_owned(), weights[*at]));
        fit.none.classes = none.collect();
        for (answer, at) in &features.answers {
            fit.pulls.entry((*answer).to_owned()).or_default().all = weights[*at];
        }
        for ((answer, class), at) in &features.class_answers {
            let pull = fit.pulls.entry((*answer).to_owned()).or_default();
            pull.classes.insert((*class).to_owned(), weights[*at]);
        }
        for (member, at) in &features.members {
            self.members.entry((*member).to_owned()).or_default().all.extra = weights[*at];
        }
        for ((member, class), at) in &features.classes {
            let member = self.members.entry((*member).to_owned()).or_default();
            member.classes.entry((*class).to_owned()).or_default().extra = weights[*at];
        }
        self.fit = Some(fit);
        let curves = self.curves(labelled);
        if let Some(fit) = &mut self.fit {
            fit.curves = curves;
        }
    }
}

const AT_SCALE: usize = 0;
const AT_TOGETHER: usize = 1;
const AT_NONE: usize = 2;
const AT_COUNT: usize = 3;

/// Which weight stands where, after the three that are always there.
struct Features<'a> {
    members: BTreeMap<&'a str, usize>,
    classes: BTreeMap<(&'a str, &'a str), usize>,
    answers: BTreeMap<&'a str, usize>,
    class_answers: BTreeMap<(&'a str, &'a str), usize>,
    none: BTreeMap<&'a str, usize>,
    counts: BTreeMap<&'a str, usize>,
    is_few: bool,
}

impl<'a> Features<'a> {
    fn of(labelled: &[Labelled<'a>]) -> Self {
        let mut members = BTreeSet::new();
        let mut classes = BTreeSet::new();
        let mut standing: BTreeMap<&str, usize> = BTreeMap::new();
        for question in labelled {
            members.extend(question.votes.iter().map(|(member, _)| *member));
            classes.extend(question.votes.iter().map(|(member, _)| (*member, question.class)));
            let answers: BTreeSet<&str> = question.votes.iter().map(|(_, answer)| *answer).collect();
            for answer in answers {
                *standing.entry(answer).or_default() += 1;
            }
        }
        let enough = RECURRING_MIN * labelled.len() as f64;
        standing.retain(|_, count| *count as f64 >= enough);
        let asked: BTreeSet<&str> = labelled.iter().map(|question| question.class).collect();
        let recurring = || standing.keys().copied();
        let mut next = AT_COUNT;
        let mut place = || {
            next += 1;
            next
        };
        Self {
            members: members.into_iter().map(|key| (key, place())).collect(),
            classes: classes.into_iter().map(|key| (key, place())).collect(),
            answers: recurring().map(|key| (key, place())).collect(),
            class_answers: recurring()
                .flat_map(|answer| asked.iter().map(move |class| (answer, *class)))
                .map(|key| (key, place()))
                .collect(),
            none: asked.iter().map(|key| (*key, place())).collect(),
            counts: asked.iter().map(|key| (*key, place())).collect(),
            is_few: labelled.len() < FEW,
        }
    }

    /// In the order of the places.
    fn priors(&self) -> Vec<Prior> {
        let held = if self.is_few { HELD_BACK } else { 1.0 };
        let class_extra = CLASS_EXTRA / (self.members.len().max(1) as f64).powf(0.25);
        let groups = [
            (SCALE, 1),
            (TOGETHER * held, 1),
            (NONE, 1),
            (COUNT * held, 1),
            (EXTRA * held, self.members.len()),
            (class_extra * held, self.classes.len()),
            (PULL * held, self.answers.len()),
            (CLASS_PULL * held, self.class_answers.len()),
            (CLASS_NONE, self.none.len()),
            (CLASS_COUNT * held, self.counts.len()),
        ];
        let prior = |deviation| Prior { mean: 0.0, deviation };
        groups
            .into_iter()
            .flat_map(|(deviation, count)| std::iter::repeat_n(prior(deviation), count))
            .collect()
    }

    /// The question as the fit sees it: its answers, and behind them that none of them is right.
    fn choice(&self, question: &Labelled<'_>, unit: f64, strength: impl Fn(&str) -> f64) -> Choice {
        let class = question.class;
        let mut answers: Vec<&str> = Vec::new();
        let mut candidates: Vec<logit::Candidate> = Vec::new();
        for (member, answer) in &question.votes {
            let place = answers.iter().position(|known| known == answer).unwrap_or_else(|| {
                answers.push(answer);
                let pulls =
                    self.answers.get(answer).into_iter().chain(self.class_answers.get(&(*answer, class)));
                let sums = [(AT_SCALE, 0.0), (AT_TOGETHER, 0.0)];
                candidates.push(sums.into_iter().chain(pulls.map(|at| (*at, 1.0))).collect());
                answers.len() - 1
            });
            let candidate = &mut candidates[place];
            candidate[AT_SCALE].1 += strength(member);
            candidate.extend(self.members.get(member).map(|at| (*at, 1.0)));
            candidate.extend(self.classes.get(&(*member, class)).map(|at| (*at, 1.0)));
        }
        for candidate in &mut candidates {
            let share = if unit > 0.0 { candidate[AT_SCALE].1 / unit } else { 0.0 };
            candidate[AT_TOGETHER].1 = share * share;
        }
        for (candidate, answer) in candidates.iter_mut().zip(&answers) {
            let count = question.votes.iter().filter(|(_, given)| given == answer).count() as f64;
            candidate.push((AT_COUNT, count.ln()));
            candidate.extend(self.counts.get(class).map(|at| (*at, count.ln())));
        }
        let none = std::iter::once(AT_NONE).chain(self.none.get(class).copied());
        candidates.push(none.map(|at| (at, 1.0)).collect());
        let right = answers.iter().position(|answer| *answer == question.truth).unwrap_or(answers.len());
        Choice { candidates, right }
    }
}
