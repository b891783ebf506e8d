//! What is passed around in a council: proposals, ballots, the election's result, calls and their outcomes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Cause, Completion, CompletionRequest, LikelihoodTask, LikelihoodVerdict, ModelRef, SeatId};

/// The stages of a run, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// One call answers (Express).
    Answer,
    /// Proposers answer alone.
    Propose,
    /// Critics review blind.
    Review,
    /// The winner is improved.
    Synthesize,
    /// The decision becomes something to use.
    Implement,
    /// The result is checked.
    Validate,
    /// One bounded repair of a result that failed its check.
    Repair,
    /// The run is watched from beside.
    Observe,
}

impl Stage {
    /// The stage's name in records and call names.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Propose => "propose",
            Self::Review => "review",
            Self::Synthesize => "synthesize",
            Self::Implement => "implement",
            Self::Validate => "validate",
            Self::Repair => "repair",
            Self::Observe => "observe",
        }
    }
}

/// One claim that supports a proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// `c1` to `c99`.
    pub id: String,
    /// What is claimed.
    pub text: String,
    /// What speaks for it.
    #[serde(default)]
    pub evidence: Option<String>,
}

/// What a Proposer returns: `docs/schemas/proposal.schema.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// The short canonical answer, by which equal answers are found; `None` for an open question.
    pub answer_key: Option<String>,
    /// The answer.
    pub answer: String,
    /// What it rests on.
    pub claims: Vec<Claim>,
    /// What the model says of its own confidence, 0 to 1. Recorded, never a weight.
    pub confidence: f64,
    /// Whether the model declined to answer.
    pub abstain: bool,
}

impl Proposal {
    /// What somebody says who answers with `key` and nothing else. Of its confidence nothing is known: 0.5, which is no weight in any case.
    pub fn short(key: impl Into<String>) -> Self {
        Self {
            answer_key: Some(key.into()),
            answer: String::new(),
            claims: Vec::new(),
            confidence: 0.5,
            abstain: false,
        }
    }
}

/// How bad a defect is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// A blemish.
    Minor,
    /// The answer suffers.
    Major,
    /// The answer must not be used as it is.
    Critical,
}

/// Something wrong in a proposal, with the words in which it stands there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Defect {
    /// How bad.
    pub severity: Severity,
    /// The claim that it concerns.
    pub claim_id: Option<String>,
    /// The words in the proposal, to the letter.
    pub quote: String,
    /// What is wrong with them.
    pub why: String,
    /// What would be right.
    pub fix: Option<String>,
}

/// Grades of one proposal, 0 to 10 each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scores {
    /// Is it right?
    pub correctness: u8,
    /// Is it all?
    pub completeness: u8,
    /// Can it be done?
    pub feasibility: u8,
    /// Does it do no harm?
    pub safety: u8,
    /// Is it clear?
    pub clarity: u8,
}

impl Scores {
    /// The plain mean of the five grades, 0 to 10.
    pub fn mean(&self) -> f64 {
        let sum = [self.correctness, self.completeness, self.feasibility, self.safety, self.clarity]
            .into_iter()
            .map(f64::from)
            .sum::<f64>();
        sum / 5.0
    }
}

/// One critic's review of one proposal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Review {
    /// The proposal's label in this ballot, `A` to `H`. Another ballot labels it otherwise.
    pub label: String,
    /// The grades.
    pub scores: Scores,
    /// Whether the critic would accept it.
    pub approve: bool,
    /// The critic's probability that it is right, 0 to 1.
    pub p_correct: f64,
    /// The share of the other critics that the critic expects to prefer it, 0 to 1. For the audit only.
    pub predicted_support: f64,
    /// What is wrong with it.
    pub defects: Vec<Defect>,
}

/// Why a critic abstains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AbstainReason {
    /// It does not know the field.
    NotCompetent,
    /// It was told too little.
    InsufficientContext,
    /// Its vendor's policy forbids it.
    Policy,
    /// Something else.
    Other,
}

/// What a Critic returns: `docs/schemas/ballot.schema.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ballot {
    /// One review for each label that was shown.
    pub reviews: Vec<Review>,
    /// The label that the critic likes best. The ranking follows from the grades; a contradiction halves the ballot's weight.
    pub best: Option<String>,
    /// Whether the critic abstains.
    pub abstain: bool,
    /// Why.
    pub abstain_reason: Option<AbstainReason>,
}

/// How a ballot came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JudgedBy {
    /// The model wrote grades.
    #[default]
    Grades,
    /// The grades were filled in from the model's likelihoods.
    Likelihood,
}

/// The rule by which an election was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TallyRule {
    /// Log-odds of the supporters, discounted for correlated errors.
    DiscountedLogOdds,
    /// Weights of the supporters that were fitted together, so that members who err alike share theirs.
    JointWeights,
    /// The mean of each critic's standardised and clipped grades.
    ClippedZMean,
    /// Most first places.
    Plurality,
    /// Most approvals.
    Approval,
    /// Most points by rank.
    Borda,
    /// Strongest paths of pairwise majorities.
    Schulze,
    /// The one that beats every other in pairs; else most points by rank (Black's method).
    Condorcet,
    /// There was one answer only.
    Single,
}

impl TallyRule {
    /// The rules that can be chosen: they need nothing but votes and grades.
    pub const SELECTABLE: [Self; 6] =
        [Self::Plurality, Self::Approval, Self::Borda, Self::Schulze, Self::Condorcet, Self::ClippedZMean];

    /// Whether it is one of [`TallyRule::SELECTABLE`].
    pub fn is_selectable(&self) -> bool {
        Self::SELECTABLE.contains(self)
    }

    /// The rule's name in records and configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DiscountedLogOdds => "discounted_log_odds",
            Self::JointWeights => "joint_weights",
            Self::ClippedZMean => "clipped_z_mean",
            Self::Plurality => "plurality",
            Self::Approval => "approval",
            Self::Borda => "borda",
            Self::Schulze => "schulze",
            Self::Condorcet => "condorcet",
            Self::Single => "single",
        }
    }
}

/// Whether enough seats spoke.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuorumState {
    /// Valid proposals.
    pub proposals: u32,
    /// Valid ballots.
    pub ballots: u32,
    /// Families of models among the proposers.
    pub families: u32,
    /// Whether both minima were reached.
    pub met: bool,
}

/// What other rules and checks say of the same election.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// The candidate that beats every other one in pairs, where there is one.
    pub condorcet: Option<String>,
    /// The candidates in the order of Schulze's method, best first.
    pub schulze: Vec<String>,
    /// Points by rank.
    pub borda: BTreeMap<String, f64>,
    /// Weight of the approvals.
    pub approval: BTreeMap<String, f64>,
    /// Weight of the first places.
    pub plurality: BTreeMap<String, f64>,
    /// Actual minus predicted share of first places.
    pub surprisingly_popular: BTreeMap<String, f64>,
    /// Deterministic alarms: what a reader should know before trusting the result.
    #[serde(default)]
    pub alarms: Vec<Alarm>,
    /// What the Observer noted, in its own words.
    #[serde(default)]
    pub observer_note: Option<String>,
}

/// Something that a reader of a decision should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// A stable name, such as `weak_independence`.
    pub alarm: String,
    /// The same for people.
    pub detail: String,
}

/// The result of an election. Candidates are named by their proposal (`p1`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// The rule in force.
    pub rule: TallyRule,
    /// The discount for correlated errors, where the rule knows one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rho: Option<f64>,
    /// Each candidate's score under the rule.
    pub scores: BTreeMap<String, f64>,
    /// The winner.
    pub winner: Option<String>,
    /// The winner's score less the next one's.
    pub margin: f64,
    /// Each candidate's share of the posterior, summing to 1; not calibrated.
    pub posterior: BTreeMap<String, f64>,
    /// `pairwise[i][j]`: the weight that prefers candidate `i` to `j`, in the order of `scores`.
    pub pairwise: Vec<Vec<f64>>,
    /// What other rules say.
    pub audit: Audit,
    /// Whether plurality, Borda, Schulze and the rule in force name the same winner.
    pub rule_agreement: bool,
    /// The effective number of independent votes.
    pub n_eff: f64,
    /// Whether enough seats spoke.
    pub quorum: QuorumState,
}

/// One attempt at one model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// The call that it belongs to, such as `proposer-1/propose`.
    pub call: String,
    /// The seat.
    pub seat: SeatId,
    /// The model.
    pub target: ModelRef,
    /// The attempt's number within its call, from 1; 0 where one of our own guards left the model out and nothing was sent.
    pub n: u32,
    /// Milliseconds from the start of the run to the attempt's.
    pub started_ms: u64,
    /// Milliseconds from the start of the run to the attempt's end.
    pub ended_ms: Option<u64>,
    /// `ok`, or why it failed.
    pub outcome: AttemptOutcome,
    /// The same for people.
    pub why: String,
}

/// How an attempt ended: `"ok"` or a [`Cause`] by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AttemptOutcome {
    /// It answered.
    Ok(OkWord),
    /// It failed.
    Failed(Cause),
}

impl AttemptOutcome {
    /// It answered.
    pub const OK: Self = Self::Ok(OkWord::Ok);
}

/// The word `ok`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OkWord {
    /// `ok`
    Ok,
}

/// What one seat is asked in one stage: serialisable, so that a run can be journaled and replayed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoleCall {
    /// The call's name within its run, such as `proposer-1/propose`.
    pub call: String,
    /// The seat.
    pub seat: SeatId,
    /// The stage.
    pub stage: Stage,
    /// The task.
    pub task: RoleTask,
    /// The hash of the rendered prompt.
    pub prompt_hash: String,
}

/// The two things that a seat can be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoleTask {
    /// To write.
    Write(CompletionRequest),
    /// To judge by likelihood.
    Judge(LikelihoodTask),
}

/// What became of a [`RoleCall`]. A failure is a value like the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoleOutcome {
    /// The seat wrote.
    Answered(Completion),
    /// The seat judged.
    Judged(LikelihoodVerdict),
    /// The seat came to nothing.
    Failed(RoleFailure),
}

impl RoleOutcome {
    /// The attempts that were made.
    pub fn trail(&self) -> &[Attempt] {
        match self {
            Self::Answered(completion) => &completion.trail,
            Self::Judged(verdict) => &verdict.trail,
            Self::Failed(failure) => &failure.trail,
        }
    }
}

/// Why a seat came to nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoleFailure {
    /// The cause.
    pub cause: Cause,
    /// The same for people; no prompt, answer or key.
    pub why: String,
    /// The attempts that were made.
    #[serde(default)]
    pub trail: Vec<Attempt>,
}
