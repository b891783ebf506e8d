//! How far each member is trusted: learned from questions whose right answer became known.
//!
//! # The model
//! A closed answer's score, in nats, is
//!
//! `score(a) = sum over its supporters m of (scale * l(m) + extra(m) + extra(m, class)) + together * (sum of l(m) / max l)^2 + pull(a) + pull(a, class)`
//!
//! where `l(m) = max(0, L(m))` and `L(m) = ln((right + 1) / (wrong + 1))` is the log-odds of the member's counts with one imaginary question of each kind (a
//! council without any member above e : 1 is lifted as a whole, so that its members can still be told apart). `together` lets agreement count more or less
//! than the sum of its parts; `pull` is that of an answer that comes up again and again, such as an option's letter. Beside the answers stands the
//! possibility that none of them is right, with a score of its own by class: so the softmax of the scores is a probability of being right, and
//! not merely a share among those who stand.
//!
//! All weights are fitted together: a conditional logit over all labelled questions, so that members who repeat each other's errors share their
//! weight instead of adding it up. Each weight has a normal prior with mean 0, so few labels change little; the deviations were fixed beforehand on
//! inner folds of the recorded answers in `docs/evaluation.md` and stand in this file.
//!
//! Independent log-odds (Nitzan and Paroush, "Optimal decision rules in uncertain dichotomous choice situations", 1982) assume independent errors and let
//! many weak members that err together outvote a good one. The figures of both stand there too.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    election::Weights,
    learn::logit::{self, Choice, Prior},
    posterior::RHO_DEFAULT,
};

/// The version of the file format.
pub const TRUST_SCHEMA: &str = "ao/trust/1";

/// The most members of one table, and the most classes of one member.
pub(crate) const MEMBERS_MAX: usize = 4_096;

/// The deviations of the priors, in nats.
const SCALE: f64 = 3.0;
const TOGETHER: f64 = 0.5;
const EXTRA: f64 = 0.2;
const CLASS_EXTRA: f64 = 0.3;
const PULL: f64 = 0.5;
const CLASS_PULL: f64 = 0.2;
const NONE: f64 = 3.0;
const CLASS_NONE: f64 = 0.5;

/// With fewer labelled questions than this, what tells members and answers apart beyond their counts is held back to half and less: a few
/// questions must not make the vote worse than one member, one vote.
const FEW: usize = 100;
const HELD_BACK: f64 = 0.4;

/// An answer has a pull of its own if it stands to the vote in at least this share of the questions.
const RECURRING_MIN: f64 = 0.05;

/// From so many labelled questions on the probability counts as calibrated: with 300 its expected calibration error was 0.02 to 0.03 on recorded answers.
pub const CALIBRATED_FROM: u64 = 300;

/// Imaginary questions, half of them answered rightly, before the first real one.
const IMAGINARY: f64 = 2.0;

/// The rate at which counts of a class move from the member's rate to their own: so many questions weigh as much as the member's rate.
const CLASS_STRENGTH: f64 = 20.0;

/// A question whose right answer is known, and who answered what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled<'a> {
    /// The task class or category; members may be better at some than at others.
    pub class: &'a str,
    /// Who answered what; equal answers are equal to the letter. Who did not answer is left out.
    pub votes: Vec<(&'a str, &'a str)>,
    /// The right answer; equal to none of the votes where nobody gave it.
    pub truth: &'a str,
}

/// How often a member answered, and how often rightly. Numbers of questions; fractions come from decay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Questions answered whose right answer is known.
    pub answered: f64,
    /// Those answered rightly.
    pub right: f64,
    /// What a vote weighs beyond the log-odds, in nats.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub extra: f64,
}

/// What is known of a member.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// Over all classes.
    #[serde(flatten)]
    pub all: Record,
    /// By task class or category.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub classes: BTreeMap<String, Record>,
    /// As a critic: how often it approved of right answers and of wrong ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviews: Option<Reviews>,
}

/// What a critic's approvals were worth. Numbers of reviews.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reviews {
    /// Reviews of answers that were right.
    pub of_right: f64,
    /// Approvals among them.
    pub hits: f64,
    /// Reviews of answers that were wrong.
    pub of_wrong: f64,
    /// Approvals among them.
    pub false_alarms: f64,
}

/// How often two members were wrong together, and how often with the same answer. Numbers of questions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// Both were wrong.
    pub both_wrong: f64,
    /// Both gave the same wrong answer.
    pub same_wrong: f64,
}

/// The trust in every member that something is known of. An empty one trusts all alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trust {
    /// [`TRUST_SCHEMA`].
    pub schema: String,
    /// What was fitted beside the members' extras; unset until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<Fit>,
    /// The members by name, such as `openai:gpt-5.5`.
    #[serde(default)]
    pub members: BTreeMap<String, Member>,
    /// By the two members' names, sorted and joined by a line break.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", with = "pairs")]
    pub pairs: BTreeMap<(String, String), Pair>,
}

/// What all members have in common.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// How many labelled questions it was fitted to.
    pub labelled: u64,
    /// What the log-odds of a member's counts are multiplied by.
    pub scale: f64,
    /// What agreement adds, for the square of the supporters' log-odds in units of the best member's.
    pub together: f64,
    /// The log-odds of the best member, which that unit is.
    pub unit: f64,
    /// What every member's log-odds were lifted by.
    pub lift: f64,
    /// How strong the possibility is that no answer is right, in nats.
    pub none: Pull,
    /// The pull of answers that come up again and again, in nats.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pulls: BTreeMap<String, Pull>,
}

/// A number of nats that may differ by class.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pull {
    /// In every class.
    pub all: f64,
    /// What comes to it in this class.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub classes: BTreeMap<String, f64>,
}

impl Pull {
    fn of(&self, class: &str) -> f64 {
        self.all + self.classes.get(class).copied().unwrap_or(0.0)
    }
}

/// Why a table cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTrust {
    /// It is of another version, or something else.
    #[error("this is no trust table of version {TRUST_SCHEMA}: its schema is `{0}`")]
    Schema(String),
    /// A number without meaning.
    #[error("{0}: a finite number is expected, and never more right answers than answers")]
    Number(String),
    /// Too large.
    #[error("more than {MEMBERS_MAX} members or classes")]
    TooLarge,
}

impl Default for Trust {
    fn default() -> Self {
        Self { schema: TRUST_SCHEMA.to_owned(), fit: None, members: BTreeMap::new(), pairs: BTreeMap::new() }
    }
}

impl Trust {
    /// Learns from `labelled` alone.
    ///
    /// ```
    /// use async_orchestrator_tally::{Labelled, Trust};
    ///
    /// let question = |good, other| Labelled {
    ///     class: "physics",
    ///     votes: vec![("good", good), ("other", other)],
    ///     truth: "A",
    /// };
    /// let labelled: Vec<_> = (0..40).map(|n| question(if n < 36 { "A" } else { "B" }, if n < 20 { "A" } else { "C" })).collect();
    /// let trust = Trust::learn(&labelled);
    /// assert!(trust.weight("good", "physics") > trust.weight("other", "physics"));
    /// ```
    pub fn learn(labelled: &[Labelled<'_>]) -> Self {
        let mut trust = Self::default();
        for question in labelled {
            trust.count(question);
        }
        trust.fit(labelled);
        trust
    }

    /// Notes one more question whose right answer is known, without fitting anew.
    pub fn count(&mut self, question: &Labelled<'_>) {
        for (member, answer) in &question.votes {
            let right = f64::from(u8::from(*answer == question.truth));
            let member = self.members.entry((*member).to_owned()).or_default();
            let class = member.classes.entry(question.class.to_owned()).or_default();
            for record in [&mut member.all, class] {
                record.answered += 1.0;
                record.right += right;
            }
        }
        let wrong = |vote: &&(&str, &str)| vote.1 != question.truth;
        let wrong: Vec<&(&str, &str)> = question.votes.iter().filter(wrong).collect();
        for (at, one) in wrong.iter().enumerate() {
            for other in &wrong[at + 1..] {
                let key = (one.0.min(other.0).to_owned(), one.0.max(other.0).to_owned());
                let pair = self.pairs.entry(key).or_default();
                pair.both_wrong += 1.0;
                pair.same_wrong += f64::from(u8::from(one.1 == other.1));
            }
        }
    }

    /// Lets everything that was counted weigh `share` of what it did, 0 to 1: models change, and old outcomes say less and less.
    pub fn decay(&mut self, share: f64) {
        let share = share.clamp(0.0, 1.0);
        for member in self.members.values_mut() {
            for record in std::iter::once(&mut member.all).chain(member.classes.values_mut()) {
                record.answered *= share;
                record.right *= share;
            }
            if let Some(reviews) = &mut member.reviews {
                for count in [
                    &mut reviews.of_right,
                    &mut reviews.hits,
                    &mut reviews.of_wrong,
                    &mut reviews.false_alarms,
                ] {
                    *count *= share;
                }
            }
        }
        for pair in self.pairs.values_mut() {
            pair.both_wrong *= share;
            pair.same_wrong *= share;
        }
    }

    /// Fits the weights to `labelled`. The counts stay as they are.
    fn fit(&mut self, labelled: &[Labelled<'_>]) {
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
        let named = |places: &BTreeMap<&str, usize>| -> BTreeMap<String, f64> {
            places.iter().map(|(name, at)| ((*name).to_owned(), weights[*at])).collect()
        };
        fit.none.classes = named(&features.none);
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
    }

    /// Whether the probabilities that follow from the fit are calibrated: it saw at least [`CALIBRATED_FROM`] labelled questions.
    pub fn is_calibrated(&self) -> bool {
        self.fit.as_ref().is_some_and(|fit| fit.labelled >= CALIBRATED_FROM)
    }

    /// What an election over `votes` (the voter's seat, its member, its answer) on a question of `class` weighs, once weights were fitted; `None` before.
    ///
    /// A member of whom nothing is known weighs like the least trusted of those who are.
    pub fn joint_weights(&self, class: &str, votes: &[Vote<'_>]) -> Option<Weights> {
        let fit = self.fit.as_ref()?;
        let mut weights = Weights { none: Some(fit.none.of(class)), ..Weights::default() };
        let mut agreed: BTreeMap<&str, f64> = BTreeMap::new();
        for vote in votes {
            let known = self.members.get(vote.member).or_else(|| self.least_trusted(class));
            let strength = known.map_or(0.0, |known| (log_odds(known.all) + fit.lift).max(0.0));
            *agreed.entry(vote.candidate).or_default() += strength;
            weights.supporters.insert(vote.seat.to_owned(), self.nats(known, class));
            let pull = fit.pulls.get(vote.answer).map_or(0.0, |pull| pull.of(class));
            weights.candidates.insert(vote.candidate.to_owned(), pull);
        }
        for (candidate, strength) in agreed {
            let share = if fit.unit > 0.0 { strength / fit.unit } else { 0.0 };
            *weights.candidates.entry(candidate.to_owned()).or_default() += fit.together * share * share;
        }
        Some(weights)
    }

    /// What the same election weighs by each member's own log-odds, [discounted](Self::correlation) for correlated errors.
    pub fn log_odds_weights(&self, class: &str, votes: &[Vote<'_>]) -> Weights {
        let answers: BTreeSet<&str> = votes.iter().map(|vote| vote.candidate).collect();
        let supporters = votes
            .iter()
            .map(|vote| (vote.seat.to_owned(), self.log_odds_among(vote.member, class, answers.len())));
        Weights { supporters: supporters.collect(), rho: self.correlation(), ..Weights::default() }
    }

    fn least_trusted(&self, class: &str) -> Option<&Member> {
        let by_weight = |one: &&Member, two: &&Member| {
            self.nats(Some(one), class).total_cmp(&self.nats(Some(two), class))
        };
        self.members.values().min_by(by_weight)
    }

    /// What a vote of `member` weighs on a question of `class`, in nats, agreement with others aside; `None` before weights were fitted.
    pub fn weight(&self, member: &str, class: &str) -> Option<f64> {
        self.fit.as_ref()?;
        let known = self.members.get(member).or_else(|| self.least_trusted(class));
        Some(self.nats(known, class))
    }

    fn nats(&self, known: Option<&Member>, class: &str) -> f64 {
        let (Some(fit), Some(known)) = (&self.fit, known) else { return 0.0 };
        let own = known.classes.get(class).map_or(0.0, |record| record.extra);
        fit.scale.mul_add((log_odds(known.all) + fit.lift).max(0.0), known.all.extra + own)
    }

    /// How often `member` is expected to be right on a question of `class`, 0 to 1: its counts in that class, drawn towards its counts over all classes, and those
    /// towards the rate of all members (the shrinkage of Efron and Morris, "Stein's paradox in statistics", 1977, with fixed strengths).
    pub fn skill(&self, member: &str, class: &str) -> f64 {
        let total = self.members.values().fold(Record::default(), |sum, member| Record {
            answered: sum.answered + member.all.answered,
            right: sum.right + member.all.right,
            extra: 0.0,
        });
        let common = drawn(total, 0.5, IMAGINARY);
        let Some(known) = self.members.get(member) else { return common };
        let own = drawn(known.all, common, CLASS_STRENGTH);
        known.classes.get(class).map_or(own, |class| drawn(*class, own, CLASS_STRENGTH))
    }

    /// The weight of an independent vote of `member` among `options` answers, in nats: `ln(p (K - 1) / (1 - p))` with its [`skill`](Self::skill) p (Nitzan and Paroush
    /// for two answers; with K the wrong ones are taken to be equally likely). At least two answers are counted.
    pub fn log_odds_among(&self, member: &str, class: &str, options: usize) -> f64 {
        let skill = self.skill(member, class).clamp(0.001, 0.999);
        (skill * options.saturating_sub(1).max(1) as f64 / (1.0 - skill)).ln()
    }

    /// How often two members that are both wrong give the same wrong answer, over all pairs: the discount of correlated votes, drawn towards 0.6 with the weight
    /// of fifty questions.
    pub fn correlation(&self) -> f64 {
        let (both, same) = self
            .pairs
            .values()
            .fold((0.0, 0.0), |(both, same), pair| (both + pair.both_wrong, same + pair.same_wrong));
        50.0_f64.mul_add(RHO_DEFAULT, same) / (50.0 + both)
    }

    /// Checks a table that came from outside.
    ///
    /// # Errors
    /// An [`InvalidTrust`] that names the first thing that is wrong.
    pub fn check(&self) -> Result<(), InvalidTrust> {
        if self.schema != TRUST_SCHEMA {
            return Err(InvalidTrust::Schema(self.schema.chars().take(60).collect()));
        }
        if self.members.len() > MEMBERS_MAX
            || self.fit.as_ref().is_some_and(|fit| fit.pulls.len() > MEMBERS_MAX)
            || self.members.values().any(|member| member.classes.len() > MEMBERS_MAX)
        {
            return Err(InvalidTrust::TooLarge);
        }
        let count = |number: f64| number.is_finite() && number >= 0.0;
        let nats = |number: f64| number.is_finite() && number.abs() <= 100.0;
        let record = |record: &Record| {
            count(record.answered)
                && count(record.right)
                && record.right <= record.answered
                && nats(record.extra)
        };
        for (name, member) in &self.members {
            let records = std::iter::once(&member.all).chain(member.classes.values());
            let reviews = member.reviews.unwrap_or_default();
            let reviewed = [(reviews.hits, reviews.of_right), (reviews.false_alarms, reviews.of_wrong)];
            if !records.into_iter().all(record)
                || !reviewed.iter().all(|(part, whole)| count(*part) && count(*whole) && part <= whole)
            {
                return Err(InvalidTrust::Number(format!("member `{name}`")));
            }
        }
        if let Some(fit) = &self.fit {
            let pulls = fit.pulls.values().chain(std::iter::once(&fit.none));
            let pulls = pulls.flat_map(|pull| pull.classes.values().chain(std::iter::once(&pull.all)));
            let numbers = [&fit.scale, &fit.together, &fit.unit, &fit.lift];
            if !numbers.into_iter().chain(pulls).all(|number| nats(*number)) {
                return Err(InvalidTrust::Number("fit".to_owned()));
            }
        }
        let together = |pair: &Pair| {
            count(pair.both_wrong) && count(pair.same_wrong) && pair.same_wrong <= pair.both_wrong
        };
        if !self.pairs.values().all(together) {
            return Err(InvalidTrust::Number("pairs".to_owned()));
        }
        Ok(())
    }
}

/// One vote in an election.
#[derive(Clone, Copy, Debug)]
pub struct Vote<'a> {
    /// The voter's seat, as the election names it.
    pub seat: &'a str,
    /// Who sits there, as the table names it.
    pub member: &'a str,
    /// The candidate that it votes for.
    pub candidate: &'a str,
    /// That candidate's answer, to the letter.
    pub answer: &'a str,
}

const AT_SCALE: usize = 0;
const AT_TOGETHER: usize = 1;
const AT_NONE: usize = 2;

/// Which weight stands where, after the three that are always there.
struct Features<'a> {
    members: BTreeMap<&'a str, usize>,
    classes: BTreeMap<(&'a str, &'a str), usize>,
    answers: BTreeMap<&'a str, usize>,
    class_answers: BTreeMap<(&'a str, &'a str), usize>,
    none: BTreeMap<&'a str, usize>,
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
        let mut next = AT_NONE;
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
            is_few: labelled.len() < FEW,
        }
    }

    /// In the order of the places.
    fn priors(&self) -> Vec<Prior> {
        let held = if self.is_few { HELD_BACK } else { 1.0 };
        let groups = [
            (SCALE, 1),
            (TOGETHER * held, 1),
            (NONE, 1),
            (EXTRA * held, self.members.len()),
            (CLASS_EXTRA * held, self.classes.len()),
            (PULL * held, self.answers.len()),
            (CLASS_PULL * held, self.class_answers.len()),
            (CLASS_NONE, self.none.len()),
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
        let none = std::iter::once(AT_NONE).chain(self.none.get(class).copied());
        candidates.push(none.map(|at| (at, 1.0)).collect());
        let right = answers.iter().position(|answer| *answer == question.truth).unwrap_or(answers.len());
        Choice { candidates, right }
    }
}

fn log_odds(record: Record) -> f64 {
    let wrong = record.answered - record.right;
    ((record.right + IMAGINARY / 2.0) / (wrong + IMAGINARY / 2.0)).ln()
}

/// The rate of `record`, drawn towards `rate` with the weight of `strength` questions.
fn drawn(record: Record, rate: f64, strength: f64) -> f64 {
    strength.mul_add(rate, record.right) / (record.answered + strength)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &f64) -> bool {
    *number == 0.0
}

/// Pairs as a list: JSON's keys are texts.
mod pairs {
    use super::{BTreeMap, Pair};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Entry {
        members: (String, String),
        #[serde(flatten)]
        pair: Pair,
    }

    pub(super) fn serialize<S: Serializer>(
        pairs: &BTreeMap<(String, String), Pair>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(pairs.iter().map(|(members, pair)| Entry { members: members.clone(), pair: *pair }))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<(String, String), Pair>, D::Error> {
        let entries = Vec::<Entry>::deserialize(from)?;
        Ok(entries.into_iter().map(|entry| (entry.members, entry.pair)).collect())
    }
}
