//! How far each member is trusted: learned from questions whose right answer became known.
//!
//! # The model
//! A closed answer's score, in nats, is
//!
//! `score(a) = sum over its supporters m of (scale * l(m) + extra(m) + extra(m, class)) + together * (sum of l(m) / max l)^2
//! + (count + count(class)) * ln(number of supporters) + pull(a) + pull(a, class)`
//!
//! where `l(m) = max(0, L(m))` and `L(m) = ln((right + 1) / (wrong + 1))` is the log-odds of the member's counts with one imaginary question of each kind (a
//! council without any member above e : 1 is lifted as a whole, so that its members can still be told apart). `together` and `count` let agreement count more or less
//! than the sum of its parts; `pull` is that of an answer that comes up again and again, such as an option's letter. Beside the answers stands the
//! possibility that none of them is right, with a score of its own by class: so the softmax of the scores is a probability of being right, and
//! not merely a share among those who stand.
//!
//! All weights are fitted together: a conditional logit over all labelled questions, so that members who repeat each other's errors share their
//! weight instead of adding it up. Each weight has a normal prior with mean 0, so few labels change little; the deviations were fixed beforehand on
//! inner folds of the recorded answers in `docs/evaluation.md` and stand in `trust/fit.rs`.
//!
//! Where fewer voters than members have answered, a [`Curve`] says what the winner's share means; a single voter is right as often as it is right.
//!
//! Independent log-odds (Nitzan and Paroush, "Optimal decision rules in uncertain dichotomous choice situations", 1982) assume independent errors and let
//! many weak members that err together outvote a good one. The figures of both stand there too.

mod check;
mod fit;
mod pairs;
mod subsets;
mod weigh;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use check::InvalidTrust;
pub use subsets::Curve;
pub use weigh::Vote;

/// The version of the file format.
pub const TRUST_SCHEMA: &str = "ao/trust/1";

/// The most members of one table, and the most classes of one member.
pub(crate) const MEMBERS_MAX: usize = 4_096;

/// From so many labelled questions on the probability counts as calibrated: with 300 its expected calibration error was 0.02 to 0.03 on recorded answers.
pub const CALIBRATED_FROM: u64 = 300;

/// From so many answered questions on (after decay) a member's own log-odds count.
pub const LOG_ODDS_FROM: f64 = 10.0;

/// From so many reviews whose worth became known on (after decay) a critic's reviews count by their likelihood ratio.
pub const REVIEWS_FROM: f64 = 20.0;

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
    /// What the number of supporters adds, for its logarithm.
    #[serde(default)]
    pub count: Pull,
    /// The log-odds of the best member, which that unit is.
    pub unit: f64,
    /// What every member's log-odds were lifted by.
    pub lift: f64,
    /// How strong the possibility is that no answer is right, in nats.
    pub none: Pull,
    /// By the number of voters, where it is smaller than that of the members: what the winner's share means.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub curves: BTreeMap<usize, Curve>,
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

    /// Notes one more review whose answer became known to be right or wrong: whether the critic `member` approved of it.
    pub fn count_review(&mut self, member: &str, is_right: bool, approved: bool) {
        let reviews = self.members.entry(member.to_owned()).or_default().reviews.get_or_insert_default();
        let (whole, part) = if is_right {
            (&mut reviews.of_right, &mut reviews.hits)
        } else {
            (&mut reviews.of_wrong, &mut reviews.false_alarms)
        };
        *whole += 1.0;
        *part += f64::from(u8::from(approved));
    }

    /// Forgets everything about `member`. The weights of the others stay as they were fitted. Says whether anything was known.
    pub fn forget(&mut self, member: &str) -> bool {
        self.pairs.retain(|(one, other), _| one != member && other != member);
        self.members.remove(member).is_some()
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

    /// Whether the probabilities that follow from the fit are calibrated: it saw at least [`CALIBRATED_FROM`] labelled questions.
    pub fn is_calibrated(&self) -> bool {
        self.fit.as_ref().is_some_and(|fit| fit.labelled >= CALIBRATED_FROM)
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
