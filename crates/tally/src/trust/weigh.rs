//! What the votes of an election weigh by a table.

use std::collections::{BTreeMap, BTreeSet};

use async_orchestrator_core::TallyRule;

use super::{CLASS_STRENGTH, IMAGINARY, LOG_ODDS_FROM, Member, REVIEWS_FROM, Record, Trust, drawn, log_odds};
use crate::{
    election::{NATS_MAX, ReviewWeight, Weights},
    posterior::RHO_DEFAULT,
};

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

impl Trust {
    /// By which rule an election over `votes` on a closed question of `class` is decided, and what its votes weigh:
    ///
    /// 1. [joint weights](Self::joint_weights), if weights were fitted and at least one of the voters' members has answered before;
    /// 2. else [discounted log-odds](Self::log_odds_weights), if at least two votes come from members with [`LOG_ODDS_FROM`] answered questions
    ///    each; a member of whom nothing is known then has the rate of all;
    /// 3. else `None`: too little is known, and one seat has one vote.
    ///
    /// Reviews are added by who knows the critics, with [`review_weight`](Self::review_weight).
    ///
    /// ```
    /// use async_orchestrator_core::TallyRule;
    /// use async_orchestrator_tally::{Labelled, Trust, Vote};
    ///
    /// let mut trust = Trust::default();
    /// let votes = [("s1", "good", "p1", "A"), ("s2", "bad", "p2", "B")]
    ///     .map(|(seat, member, candidate, answer)| Vote { seat, member, candidate, answer });
    /// assert_eq!(trust.weights("fact", &votes), None);
    /// for n in 0..12 {
    ///     let bad = if n < 4 { "A" } else { "B" };
    ///     trust.count(&Labelled { class: "fact", votes: vec![("good", "A"), ("bad", bad)], truth: "A" });
    /// }
    /// let (rule, weights) = trust.weights("fact", &votes).unwrap();
    /// assert_eq!(rule, TallyRule::DiscountedLogOdds);
    /// assert!(weights.supporters["s1"] > weights.supporters["s2"]);
    /// ```
    pub fn weights(&self, class: &str, votes: &[Vote<'_>]) -> Option<(TallyRule, Weights)> {
        let joint = || {
            let any_known = votes.iter().any(|vote| self.known(vote.member).is_some());
            self.joint_weights(class, votes).filter(|_| any_known)
        };
        let counted =
            |vote: &&Vote<'_>| self.known(vote.member).is_some_and(|m| m.all.answered >= LOG_ODDS_FROM);
        let (rule, mut weights) = match joint() {
            Some(weights) => (TallyRule::JointWeights, weights),
            None if votes.iter().filter(counted).count() >= 2 => {
                (TallyRule::DiscountedLogOdds, self.log_odds_weights(class, votes))
            }
            None => return None,
        };
        // The table may come from anywhere, and an election takes no weight beyond these.
        let each = weights.supporters.values_mut().chain(weights.candidates.values_mut());
        for nats in each.chain(&mut weights.none) {
            *nats = bounded(*nats);
        }
        Some((rule, weights))
    }

    /// What a review by the critic `member` says, once [`REVIEWS_FROM`] of its reviews were measured: the logarithms of the likelihood ratios of its hit
    /// rate and its false-alarm rate, each with one imaginary approval and one imaginary refusal (Laplace's rule of succession). They are taken to be
    /// independent of the votes.
    pub fn review_weight(&self, member: &str) -> Option<ReviewWeight> {
        let reviews = self.members.get(member)?.reviews?;
        if reviews.of_right + reviews.of_wrong < REVIEWS_FROM {
            return None;
        }
        let rate = |part: f64, whole: f64| (part + IMAGINARY / 2.0) / (whole + IMAGINARY);
        let hits = rate(reviews.hits, reviews.of_right);
        let false_alarms = rate(reviews.false_alarms, reviews.of_wrong);
        let ratio = |one: f64, other: f64| bounded((one / other).ln());
        Some(ReviewWeight {
            approved: ratio(hits, false_alarms),
            refused: ratio(1.0 - hits, 1.0 - false_alarms),
        })
    }

    /// The member, if it ever answered; one that only reviewed is unknown as a voter.
    fn known(&self, member: &str) -> Option<&Member> {
        self.members.get(member).filter(|member| has_answered(member))
    }

    /// What an election over `votes` (the voter's seat, its member, its answer) on a question of `class` weighs, once weights were fitted; `None` before.
    ///
    /// A member of whom nothing is known weighs like the least trusted of those who are.
    pub fn joint_weights(&self, class: &str, votes: &[Vote<'_>]) -> Option<Weights> {
        let fit = self.fit.as_ref()?;
        let mut weights = Weights { none: Some(fit.none.of(class)), ..Weights::default() };
        let mut agreed: BTreeMap<&str, f64> = BTreeMap::new();
        for vote in votes {
            let known = self.known(vote.member).or_else(|| self.least_trusted(class));
            let strength = known.map_or(0.0, |known| (log_odds(known.all) + fit.lift).max(0.0));
            *agreed.entry(vote.candidate).or_default() += strength;
            weights.supporters.insert(vote.seat.to_owned(), self.nats(known, class));
            let pull = fit.pulls.get(vote.answer).map_or(0.0, |pull| pull.of(class));
            weights.candidates.insert(vote.candidate.to_owned(), pull);
        }
        for (candidate, strength) in agreed {
            let share = if fit.unit > 0.0 { strength / fit.unit } else { 0.0 };
            let count = votes.iter().filter(|vote| vote.candidate == candidate).count() as f64;
            let agreement = (fit.together * share).mul_add(share, fit.count.of(class) * count.ln());
            *weights.candidates.entry(candidate.to_owned()).or_default() += agreement;
        }
        if let [only] = votes {
            // One voter is right as often as it is right: the score against none is set so.
            let own = weights.supporters.values().chain(weights.candidates.values()).sum::<f64>();
            weights.none = Some(own - logit(self.skill(only.member, class)));
        } else if let Some(curve) = fit.curves.get(&votes.len()) {
            weights.curve = Some((*curve, self.relative_skill(class, votes)));
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
        self.members.values().filter(|member| has_answered(member)).min_by(by_weight)
    }

    /// What a vote of `member` weighs on a question of `class`, in nats, agreement with others aside; `None` before weights were fitted.
    pub fn weight(&self, member: &str, class: &str) -> Option<f64> {
        self.fit.as_ref()?;
        let known = self.known(member).or_else(|| self.least_trusted(class));
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
        self.skill_beside(self.common_rate(), member, class)
    }

    /// How often all members together are right.
    pub(super) fn common_rate(&self) -> f64 {
        let total = self.members.values().fold(Record::default(), |sum, member| Record {
            answered: sum.answered + member.all.answered,
            right: sum.right + member.all.right,
            extra: 0.0,
        });
        drawn(total, 0.5, IMAGINARY)
    }

    /// The member's [skill](Self::skill), where all are right at the rate `common`.
    pub(super) fn skill_beside(&self, common: f64, member: &str, class: &str) -> f64 {
        let Some(known) = self.known(member) else { return common };
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
}

/// Within what an election takes; what is no number says nothing.
fn bounded(nats: f64) -> f64 {
    if nats.is_nan() { 0.0 } else { nats.clamp(-NATS_MAX, NATS_MAX) }
}

fn logit(rate: f64) -> f64 {
    let rate = rate.clamp(0.001, 0.999);
    (rate / (1.0 - rate)).ln()
}

fn has_answered(member: &Member) -> bool {
    member.all.answered > 0.0
}
