//! One election, checked at the door: candidates, ballots, the rule and the seed that breaks ties.
//!
//! Nothing here decides. The constructor puts candidates and ballots into one order of its own, so that no rule can
//! depend on the order in which they came.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use async_orchestrator_core::TallyRule;

use crate::trust::Curve;

/// The most candidates of one election: Schulze's method takes their number to the third power.
pub const CANDIDATES_MAX: usize = 64;

/// The most ballots of one election.
pub const BALLOTS_MAX: usize = 1_000_000;

/// The largest weight of one ballot; 1 is one vote.
pub const WEIGHT_MAX: f64 = 1e6;

/// A grade beyond this, either way, is no grade. Ballots hold 0 to 10, likelihoods stay within hundreds of nats.
pub const GRADE_ABS_MAX: f64 = 1e9;

/// One distinct answer put to the vote. For a closed question a cluster of equal answers is one candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The name of the proposal that stands for it, such as `p1`.
    pub id: String,
    /// The seats that proposed this answer.
    pub supporters: Vec<String>,
}

/// One critic's ballot with the labels already translated: every list is in the order of the election's candidates.
#[derive(Clone, Debug, PartialEq)]
pub struct GradedBallot {
    /// The critic's seat.
    pub voter: String,
    /// Its weight, 0 to [`WEIGHT_MAX`]; 1 is one vote, 0 is not counted.
    pub weight: f64,
    /// The grade of each candidate on any scale; `None` is not graded. A grade that is no finite number is dropped and counted.
    pub grades: Vec<Option<f64>>,
    /// Whether the critic would accept each candidate.
    pub approvals: Vec<bool>,
    /// The share of critics that the critic expects to prefer each candidate, 0 to 1; `None` is not said. For the audit alone.
    pub predicted_support: Vec<Option<f64>>,
}

/// What each vote for a closed answer weighs, in nats: how far it raises the log-odds that its answer is right.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    /// By the supporter's seat; a seat that is not named weighs 0.
    pub supporters: BTreeMap<String, f64>,
    /// What speaks for a candidate before anybody voted, by its id; such as the pull of an option's letter.
    pub candidates: BTreeMap<String, f64>,
    /// What a critic's review says, by the critic's seat; a seat that is not named says nothing.
    pub reviews: BTreeMap<String, ReviewWeight>,
    /// What speaks for none of the candidates being right; unset where nothing is known of that.
    pub none: Option<f64>,
    /// What the winner's share means with so few voters, and by how much they are better than all members, in log-odds; unset where it means what it says.
    pub curve: Option<(Curve, f64)>,
    /// The correlation of the supporters' errors, 0 to 1, for [`TallyRule::DiscountedLogOdds`].
    pub rho: f64,
}

/// What a review of a candidate adds to its score, in nats: the logarithms of the likelihood ratios of right against wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ReviewWeight {
    /// If the critic approves: `ln(hit rate / false-alarm rate)`.
    pub approved: f64,
    /// If it graded and did not approve: `ln((1 - hit rate) / (1 - false-alarm rate))`.
    pub refused: f64,
}

impl ReviewWeight {
    /// How far a review moves an approved candidate against a refused one, or one against a candidate that it says nothing of.
    fn swing(&self) -> f64 {
        let (high, low) =
            (self.approved.max(self.refused).max(0.0), self.approved.min(self.refused).min(0.0));
        high - low
    }
}

/// Weights beyond this, either way, are no weights: e^100 to one is more than anybody knows.
pub const NATS_MAX: f64 = 100.0;

/// By which rule the election is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleChoice {
    /// For closed answers: plurality over proposers and the critics' first places; a tie goes to the higher clipped z-mean.
    Closed,
    /// For open answers: the clipped z-mean of the grades.
    Open,
    /// A named rule.
    Rule(TallyRule),
}

/// Values that were dropped because they mean nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Grades that are not finite, or beyond [`GRADE_ABS_MAX`].
    pub grades: usize,
    /// Predicted shares outside 0 to 1.
    pub predictions: usize,
}

/// Why there can be no such election.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidElection {
    /// Nothing to vote on.
    #[error("an election needs at least one candidate")]
    NoCandidate,
    /// Too many candidates.
    #[error("{0} candidates: at most {CANDIDATES_MAX} are counted; merge equal answers first")]
    TooManyCandidates(usize),
    /// Too many ballots.
    #[error("{0} ballots: at most {BALLOTS_MAX} are counted")]
    TooManyBallots(usize),
    /// A candidate without a name.
    #[error("a candidate has an empty id: give each the name of its proposal")]
    UnnamedCandidate,
    /// Two candidates with the same name.
    #[error("candidate `{0}` stands twice: merge the two and their supporters")]
    CandidateTwice(String),
    /// A seat with two votes.
    #[error("`{0}` votes twice: a seat supports one candidate or casts one ballot")]
    VotesTwice(String),
    /// A ballot that does not fit the candidates.
    #[error("the ballot of `{voter}` has {found} entries in `{list}`, but there are {candidates} candidates")]
    WrongLength {
        /// Whose ballot.
        voter: String,
        /// Which of its lists.
        list: &'static str,
        /// How many entries it has.
        found: usize,
        /// How many it should have.
        candidates: usize,
    },
    /// A weight that is none.
    #[error("the ballot of `{voter}` weighs {weight}: a number from 0 to {WEIGHT_MAX} is expected")]
    InvalidWeight {
        /// Whose ballot.
        voter: String,
        /// Its weight.
        weight: f64,
    },
    /// A weight in nats that is none.
    #[error("the weight of `{name}` is {nats} nats: a number from -{NATS_MAX} to {NATS_MAX} is expected")]
    InvalidNats {
        /// Whose.
        name: String,
        /// Its weight.
        nats: f64,
    },
    /// A correlation that is none.
    #[error("the correlation is {0}: a number from 0 to 1 is expected")]
    InvalidRho(f64),
    /// A rule that cannot decide this election.
    #[error("the rule `{}` cannot decide here: choose plurality, approval, borda, schulze, condorcet or clipped_z_mean", .0.name())]
    UnusableRule(TallyRule),
}

/// An election that can be decided: [`decide`](crate::decide) never fails on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Election {
    candidates: Vec<Candidate>,
    ballots: Vec<GradedBallot>,
    rule: RuleChoice,
    tie_seed: u64,
    dropped: Dropped,
    weighed: Option<Weighed>,
}

/// The weights in the order of candidates and ballots.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Weighed {
    rule: TallyRule,
    /// Each candidate's supporters, lightest first.
    pub(crate) supporters: Vec<Vec<f64>>,
    pub(crate) candidates: Vec<f64>,
    /// One for each ballot.
    pub(crate) reviews: Vec<ReviewWeight>,
    /// How far one review can move two candidates against each other, at most.
    pub(crate) review_swing: f64,
    pub(crate) none: Option<f64>,
    pub(crate) curve: Option<(Curve, f64)>,
    pub(crate) rho: f64,
}

impl Election {
    /// Checks and orders what is put to the vote.
    ///
    /// `tie_seed` orders candidates that the rule and the approvals leave equal, so that no seat wins by its number.
    /// With one candidate the rule in force is [`TallyRule::Single`], whatever was chosen.
    ///
    /// # Errors
    /// An [`InvalidElection`] for each way in which candidates, ballots and rule may not fit together. Grades and predictions
    /// without meaning (not a number, infinite, out of range) are no error: they are dropped and counted in [`dropped`](Self::dropped).
    pub fn try_new(
        candidates: Vec<Candidate>,
        ballots: Vec<GradedBallot>,
        rule: RuleChoice,
        tie_seed: u64,
    ) -> Result<Self, InvalidElection> {
        check_candidates(&candidates)?;
        check_ballots(&candidates, &ballots)?;
        check_rule(rule, candidates.len())?;

        let mut candidates: Vec<(usize, Candidate)> = candidates.into_iter().enumerate().collect();
        candidates.sort_by(|(_, one), (_, two)| one.id.cmp(&two.id));
        let order: Vec<usize> = candidates.iter().map(|(index, _)| *index).collect();
        let mut dropped = Dropped::default();
        let mut ballots: Vec<GradedBallot> =
            ballots.into_iter().map(|ballot| cleaned(ballot, &order, &mut dropped)).collect();
        // By weight first: sums of weights then run in ascending order, whatever the voters are called.
        ballots.sort_by(|one, two| one.weight.total_cmp(&two.weight).then_with(|| one.voter.cmp(&two.voter)));
        let candidates =
            candidates.into_iter().map(|(_, candidate)| with_sorted_supporters(candidate)).collect();
        Ok(Self { candidates, ballots, rule, tie_seed, dropped, weighed: None })
    }

    /// Lets the votes for a closed answer count by what is known of the voters, instead of one each.
    ///
    /// `rule` is [`TallyRule::JointWeights`] (the weights already share what the members have in common, and add up) or
    /// [`TallyRule::DiscountedLogOdds`] (each weight stands for itself, and the sum is discounted). It is in force where the election's rule is
    /// [`RuleChoice::Closed`]; an election for open answers, or by a named rule, stays as it is.
    ///
    /// # Errors
    /// A weight that is no number or beyond [`NATS_MAX`], a correlation outside 0 to 1, another rule.
    pub fn weighed(mut self, rule: TallyRule, weights: &Weights) -> Result<Self, InvalidElection> {
        if !matches!(rule, TallyRule::JointWeights | TallyRule::DiscountedLogOdds) {
            return Err(InvalidElection::UnusableRule(rule));
        }
        check_weights(weights)?;
        if self.rule != RuleChoice::Closed {
            return Ok(self);
        }
        let of = |seat: &String| weights.supporters.get(seat).copied().unwrap_or(0.0);
        let supporters = self.candidates.iter().map(|candidate| {
            let mut nats: Vec<f64> = candidate.supporters.iter().map(of).collect();
            nats.sort_by(f64::total_cmp);
            nats
        });
        let bias = |candidate: &Candidate| weights.candidates.get(&candidate.id).copied().unwrap_or(0.0);
        let review = |ballot: &GradedBallot| weights.reviews.get(&ballot.voter).copied().unwrap_or_default();
        self.weighed = Some(Weighed {
            rule,
            supporters: supporters.collect(),
            candidates: self.candidates.iter().map(bias).collect(),
            reviews: self.ballots.iter().map(review).collect(),
            review_swing: weights.reviews.values().map(ReviewWeight::swing).fold(0.0, f64::max),
            none: weights.none,
            curve: weights.curve,
            rho: weights.rho,
        });
        Ok(self)
    }

    pub(crate) const fn weights(&self) -> Option<&Weighed> {
        self.weighed.as_ref()
    }

    /// The candidates, sorted by id.
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// The ballots, their lists in the order of [`candidates`](Self::candidates), lightest first.
    pub fn ballots(&self) -> &[GradedBallot] {
        &self.ballots
    }

    /// The rule that was chosen.
    pub const fn rule(&self) -> RuleChoice {
        self.rule
    }

    /// The seed that orders what is otherwise equal.
    pub const fn tie_seed(&self) -> u64 {
        self.tie_seed
    }

    /// How many values were dropped because they mean nothing.
    pub const fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// The rule that decides: [`TallyRule::Single`] where there is nothing to choose.
    pub const fn rule_in_force(&self) -> TallyRule {
        if self.candidates.len() == 1 {
            return TallyRule::Single;
        }
        match self.rule {
            RuleChoice::Closed => match &self.weighed {
                Some(weighed) => weighed.rule,
                None => TallyRule::Plurality,
            },
            RuleChoice::Open => TallyRule::ClippedZMean,
            RuleChoice::Rule(rule) => rule,
        }
    }

    /// The number of candidates.
    pub(crate) fn size(&self) -> usize {
        self.candidates.len()
    }

    /// The ballots that say anything: weight above 0 and at least one grade.
    pub(crate) fn counted(&self) -> impl Iterator<Item = &GradedBallot> {
        self.ballots.iter().filter(|ballot| ballot.weight > 0.0 && ballot.grades.iter().any(Option::is_some))
    }

    /// The candidate's supporters as votes of weight 1.
    pub(crate) fn support(&self, candidate: usize) -> f64 {
        self.candidates[candidate].supporters.len() as f64
    }

    /// The number of supporters of all candidates.
    pub(crate) fn support_total(&self) -> f64 {
        self.candidates.iter().map(|candidate| candidate.supporters.len()).sum::<usize>() as f64
    }
}

impl GradedBallot {
    /// The highest grade, if any was given.
    pub(crate) fn top_grade(&self) -> Option<f64> {
        self.grades.iter().flatten().copied().max_by(f64::total_cmp)
    }

    /// How the voter compares two candidates; `None` if it did not grade both.
    pub(crate) fn compare(&self, one: usize, two: usize) -> Option<Ordering> {
        self.grades[one].partial_cmp(&self.grades[two]).filter(|_| {
            // `None` orders below `Some` in the standard library; here it is silence, not the last place.
            self.grades[one].is_some() && self.grades[two].is_some()
        })
    }
}

fn check_candidates(candidates: &[Candidate]) -> Result<(), InvalidElection> {
    if candidates.is_empty() {
        return Err(InvalidElection::NoCandidate);
    }
    if candidates.len() > CANDIDATES_MAX {
        return Err(InvalidElection::TooManyCandidates(candidates.len()));
    }
    let mut ids = BTreeSet::new();
    for candidate in candidates {
        if candidate.id.is_empty() {
            return Err(InvalidElection::UnnamedCandidate);
        }
        if !ids.insert(candidate.id.as_str()) {
            return Err(InvalidElection::CandidateTwice(candidate.id.clone()));
        }
    }
    Ok(())
}

fn check_ballots(candidates: &[Candidate], ballots: &[GradedBallot]) -> Result<(), InvalidElection> {
    if ballots.len() > BALLOTS_MAX {
        return Err(InvalidElection::TooManyBallots(ballots.len()));
    }
    let mut voters = BTreeSet::new();
    let supporters = candidates.iter().flat_map(|candidate| &candidate.supporters);
    for voter in supporters.chain(ballots.iter().map(|ballot| &ballot.voter)) {
        if !voters.insert(voter.as_str()) {
            return Err(InvalidElection::VotesTwice(voter.clone()));
        }
    }
    for ballot in ballots {
        if !(0.0..=WEIGHT_MAX).contains(&ballot.weight) {
            return Err(InvalidElection::InvalidWeight {
                voter: ballot.voter.clone(),
                weight: ballot.weight,
            });
        }
        let lists = [
            ("grades", ballot.grades.len()),
            ("approvals", ballot.approvals.len()),
            ("predicted_support", ballot.predicted_support.len()),
        ];
        if let Some((list, found)) = lists.into_iter().find(|(_, length)| *length != candidates.len()) {
            let voter = ballot.voter.clone();
            return Err(InvalidElection::WrongLength { voter, list, found, candidates: candidates.len() });
        }
    }
    Ok(())
}

fn check_weights(weights: &Weights) -> Result<(), InvalidElection> {
    let reviews =
        weights.reviews.iter().flat_map(|(name, review)| [(name, review.approved), (name, review.refused)]);
    let plain = weights.supporters.iter().chain(&weights.candidates).map(|(name, nats)| (name, *nats));
    let unnamed = String::from("none of the candidates");
    for (name, nats) in plain.chain(reviews).chain(weights.none.map(|nats| (&unnamed, nats))) {
        if !(-NATS_MAX..=NATS_MAX).contains(&nats) {
            return Err(InvalidElection::InvalidNats { name: name.clone(), nats });
        }
    }
    if (0.0..=1.0).contains(&weights.rho) { Ok(()) } else { Err(InvalidElection::InvalidRho(weights.rho)) }
}

const fn check_rule(rule: RuleChoice, candidates: usize) -> Result<(), InvalidElection> {
    match rule {
        RuleChoice::Closed | RuleChoice::Open => Ok(()),
        RuleChoice::Rule(named) => match named {
            TallyRule::ClippedZMean
            | TallyRule::Plurality
            | TallyRule::Approval
            | TallyRule::Borda
            | TallyRule::Schulze
            | TallyRule::Condorcet => Ok(()),
            TallyRule::Single if candidates == 1 => Ok(()),
            _ => Err(InvalidElection::UnusableRule(named)),
        },
    }
}

fn cleaned(ballot: GradedBallot, order: &[usize], dropped: &mut Dropped) -> GradedBallot {
    let mut kept = |value: Option<f64>, range: std::ops::RangeInclusive<f64>, count: fn(&mut Dropped)| {
        let meant = value.filter(|value| range.contains(value));
        if meant != value {
            count(dropped);
        }
        meant
    };
    GradedBallot {
        voter: ballot.voter,
        // Adding 0 turns a negative zero, which is a valid weight, into the positive one.
        weight: ballot.weight + 0.0,
        grades: order
            .iter()
            .map(|&i| kept(ballot.grades[i], -GRADE_ABS_MAX..=GRADE_ABS_MAX, |dropped| dropped.grades += 1))
            .collect(),
        approvals: order.iter().map(|&i| ballot.approvals[i]).collect(),
        predicted_support: order
            .iter()
            .map(|&i| kept(ballot.predicted_support[i], 0.0..=1.0, |dropped| dropped.predictions += 1))
            .collect(),
    }
}

fn with_sorted_supporters(mut candidate: Candidate) -> Candidate {
    candidate.supporters.sort();
    candidate
}
