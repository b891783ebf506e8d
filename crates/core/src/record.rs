//! The decision record: who said what, who objected, what failed, what it cost and how sure the result is.
//!
//! Its JSON form is published as `docs/schemas/decision.schema.json`.

mod parts;
mod summary;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Attempt, Cause, MicroUsd, Mode, Role, RunId, SeatId, Stages, Tally, TriageDecision};

pub use parts::{
    BallotFlag, BallotRecord, Check, CheckKind, Dissent, DoNoHarm, ProposalRecord, RejectedClaim,
    SynthesisRecord, UnclearCause, ValidationRecord, Verdict,
};
pub use summary::RunSummary;

/// The version of the record's form.
pub const DECISION_SCHEMA: &str = "ao/decision/1";

/// How complete the council was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Every seat did its part.
    Full,
    /// A seat beside the decision (implementer, validator, observer) is missing.
    Partial,
    /// Proposers, critics or the synthesizer are missing, above quorum.
    Degraded,
    /// Quorum was lost: the best single proposal is the answer.
    ExpressFallback,
    /// Nothing was decided.
    NoDecision,
}

impl Status {
    /// The word in the record.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Partial => "partial",
            Self::Degraded => "degraded",
            Self::ExpressFallback => "express_fallback",
            Self::NoDecision => "no_decision",
        }
    }
}

/// Something that kept a run from being full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusDetail {
    /// What happened.
    pub what: String,
    /// The seat.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seat: Option<SeatId>,
    /// Why.
    pub cause: Cause,
    /// What follows for the result.
    pub effect: String,
}

/// Why the deliberation ended where it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// One call was enough.
    ExpressConfident,
    /// The posterior was high enough.
    PosteriorReached,
    /// No open vote could change the winner.
    Unassailable,
    /// All planned seats spoke.
    MaxDepth,
    /// The budget ended.
    Budget,
    /// The deadline came.
    Deadline,
    /// Too few seats spoke.
    QuorumLost,
}

/// Where the answer's text comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerSource {
    /// One call.
    Express,
    /// The winning proposal, to the letter.
    WinnerVerbatim,
    /// The Synthesizer.
    Synthesis,
    /// The Implementer.
    Implementation,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Its text.
    pub text: String,
    /// The canonical short answer of a closed question.
    pub answer_key: Option<String>,
    /// Where the text comes from.
    pub source: AnswerSource,
    /// The winning proposal.
    pub winner: Option<String>,
    /// What must be said beside it, such as "embedded 135M model, demonstration quality".
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub notices: Vec<String>,
}

/// How sure the result is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Confidence {
    /// The calibrated probability of being right; `None` unless there is a calibration. The raw posterior stands in the tally.
    pub p_correct: Option<f64>,
    /// Whether it is calibrated.
    pub calibrated: bool,
    /// What it rests on.
    pub basis: ConfidenceBasis,
    /// The calibration set.
    pub calibration_id: Option<String>,
}

/// What a confidence rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConfidenceBasis {
    /// A posterior and a calibration set.
    CalibratedPosterior,
    /// A posterior alone.
    RawPosterior,
    /// Nothing was measured.
    PriorOnly,
}

/// A seat as it was filled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatRecord {
    /// The seat.
    pub seat: SeatId,
    /// Its role.
    pub role: Role,
    /// The provider of the model that answered, or of the first one asked.
    pub provider: String,
    /// The model.
    pub model: String,
    /// The family of models.
    pub family: String,
    /// The model that should have answered, where another did.
    pub substituted_for: Option<String>,
}

/// A role that is missing from the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absence {
    /// The role.
    pub role: Role,
    /// The seat.
    pub seat: SeatId,
    /// Why.
    pub cause: Cause,
    /// The same for people.
    #[serde(default)]
    pub why: String,
}

/// What the run cost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostRecord {
    /// Calls that went out, the failed ones included.
    pub calls: u64,
    /// Calls answered from a cache.
    pub cached_calls: u64,
    /// Planned calls that were not needed.
    pub saved_calls: u64,
    /// Input tokens.
    pub tokens_in: u64,
    /// Output tokens.
    pub tokens_out: u64,
    /// The cost in micro-dollars; `None` is unknown, never free.
    pub micro_usd: Option<u64>,
    /// The oldest date among the price tables used.
    pub price_as_of: Option<String>,
    /// The caller's ceiling.
    pub ceiling_micro_usd: Option<u64>,
}

impl CostRecord {
    /// The cost as money.
    pub fn money(&self) -> Option<MicroUsd> {
        self.micro_usd.map(MicroUsd)
    }
}

/// How long the run took.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TimingRecord {
    /// When the run began, in milliseconds since 1970; 0 in records of before this was noted.
    #[serde(default)]
    pub began_ms: u64,
    /// From start to end, milliseconds.
    pub total_ms: f64,
    /// The longest chain of calls, milliseconds.
    pub critical_path_ms: f64,
    /// What the engine itself took, microseconds.
    pub engine_us: f64,
    /// Milliseconds per stage.
    pub per_stage: BTreeMap<String, f64>,
}

/// The versions of everything that the decision depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// The engine.
    pub engine: String,
    /// Per call: the hash of its rendered prompt.
    pub prompts: BTreeMap<String, String>,
    /// The version of the election's code.
    pub tally: String,
    /// The seed of every order that the run drew.
    pub seed: u64,
}

/// The run's journal in short.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRecord {
    /// How many entries it has.
    pub events: u64,
    /// The hash of the last entry, which covers all before it.
    pub head: String,
    /// The hash of this record without run id, parent, timing, cost, log and the times of its attempts: what a replay must reproduce.
    pub decision_hash: String,
    /// Why the journal is not on disk as a whole, where that is so: such a run could not have been resumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unrecorded: Option<String>,
}

/// The run that another one was forked from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParentRecord {
    /// The run.
    pub run_id: RunId,
}

/// An escalation: what was done because the first election left doubt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// The depth before.
    pub from: String,
    /// The depth after.
    pub to: String,
    /// Why.
    pub why: String,
}

/// Everything about one decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecisionRecord {
    /// [`DECISION_SCHEMA`].
    pub schema: String,
    /// The run.
    pub run_id: RunId,
    /// The run that this one was forked from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ParentRecord>,
    /// The hash of the request's canonical JSON.
    pub request_hash: String,
    /// Express or Council.
    pub mode: Mode,
    /// What triage found.
    pub triage: TriageDecision,
    /// How many proposers were seated; 0 is Express.
    pub depth: u32,
    /// How complete the council was.
    pub status: Status,
    /// What kept it from being full.
    pub status_detail: Vec<StatusDetail>,
    /// Why it ended where it did.
    pub stop_reason: StopReason,
    /// The answer.
    pub answer: Answer,
    /// How sure it is.
    pub confidence: Confidence,
    /// The stages that a council ran, where some were left out.
    #[serde(default, skip_serializing_if = "Stages::is_all")]
    pub stages: Stages,
    /// Who sat where.
    pub seats: Vec<SeatRecord>,
    /// Who is missing.
    pub absences: Vec<Absence>,
    /// What was proposed.
    pub proposals: Vec<ProposalRecord>,
    /// How it was judged.
    pub ballots: Vec<BallotRecord>,
    /// The election.
    pub tally: Tally,
    /// Minority reports.
    pub dissent: Vec<Dissent>,
    /// What was done because the first election left doubt.
    pub escalations: Vec<Escalation>,
    /// The synthesis.
    pub synthesis: SynthesisRecord,
    /// The validation.
    pub validation: ValidationRecord,
    /// Every attempt, in the order begun.
    pub attempts: Vec<Attempt>,
    /// What it cost.
    pub cost: CostRecord,
    /// How long it took.
    pub timing: TimingRecord,
    /// The versions.
    pub versions: Versions,
    /// The journal in short.
    pub log: LogRecord,
}
