//! The vocabulary and the ports of Async Orchestrator.
//!
//! Every other crate speaks in these words: roles and seats, requests and completions, usage and money, deadlines, error kinds,
//! events, and the plain serialisable data of a deliberation. The ports are traits: [`LlmProvider`] (a model), [`LikelihoodJudge`]
//! (a model that can score text), [`Clock`] (time), [`Observer`] (someone who watches), [`Journal`] and [`HistoryStore`] (durable storage),
//! [`SharedState`] (what several processes know together).
//!
//! Nothing here decides, waits, or touches a network or a file.
//!
//! The feature `test-util` exports test doubles of the ports, also for your own tests.

mod budget;
mod canonical;
mod capabilities;
mod clock;
mod completion;
mod context;
mod deadline;
mod deliberation;
mod error;
mod event;
mod hash;
mod journal;
mod money;
mod provider;
mod provider_error;
mod record;
mod reply_schema;
mod role;
mod setup;
mod shared_state;
mod stages;
#[cfg(feature = "test-util")]
pub mod test_util;
mod trace;
mod triage;
mod usage;

pub use budget::{BudgetExceeded, BudgetLedger, Ceilings, Reservation, Spending};
pub use capabilities::{Capabilities, PromptStyle, StructuredOutput};
pub use clock::{Clock, Sleep};
pub use completion::{
    ChatRole, Completion, CompletionRequest, CompletionStream, FinishReason, Message, PromptRead,
    ReplyFormat, Reuse, Section, Served, StreamEvent,
};
pub use context::{AttemptMark, CallContext, EventSink, OnBroken, RunId, millis_between};
pub use deadline::{AttemptLimits, Deadline};
pub use deliberation::{
    AbstainReason, Alarm, Attempt, AttemptOutcome, Audit, Ballot, Claim, Defect, JudgedBy, OkWord, Proposal,
    QuorumState, Review, RoleCall, RoleFailure, RoleOutcome, RoleTask, Scores, Severity, Stage, Tally,
    TallyRule,
};
pub use error::{Cause, ErrorKind, Fault, Guard, TimeoutPhase};
pub use event::{Event, EventKind, Observer, PlannedSeat};
pub use hash::{NotCanonical, canonical_hash, canonical_json, canonical_text, content_hash, prompt_hash};
pub use journal::{
    CheckOutcome, HistoryStore, Journal, JournalBody, JournalEntry, SealedEntry, StoreError, Takeover,
    Unended, Unfinished,
};
pub use money::{InvalidAmount, MicroUsd, Price};
pub use provider::{LikelihoodJudge, LikelihoodTask, LikelihoodVerdict, LlmProvider};
pub use provider_error::{ProviderError, RetryAdvice};
pub use record::{
    Absence, Answer, AnswerSource, BallotFlag, BallotRecord, Check, CheckKind, Confidence, ConfidenceBasis,
    CostRecord, DECISION_SCHEMA, DecisionRecord, Dissent, DoNoHarm, Escalation, LogRecord, ParentRecord,
    ProposalRecord, RejectedClaim, RunSummary, SeatRecord, Status, StatusDetail, StopReason, SynthesisRecord,
    TimingRecord, UnclearCause, ValidationRecord, Verdict, Versions,
};
pub use reply_schema::ReplySchema;
pub use role::{InvalidModelRef, ModelRef, Role, RoleDefinition, SeatId, UnknownRole};
pub use setup::{ModelSetup, RunSetup, SeatSetup};
pub use shared_state::{
    AccountId, Ailment, Charge, HealthNote, HealthSubject, KeptAnswer, Measure, PurseId, SharedState,
    UseNote, WriterId,
};
pub use stages::{InvalidStages, Stages};
pub use trace::{InvalidTraceContext, SpanId, TraceContext, TraceId};
pub use triage::{
    AnswerKind, AnswerType, Domain, InvalidDomain, Mode, ModeChoice, Risk, TriageDecision, TriageRequest,
    UnknownAnswerKind, UnknownMode,
};
pub use usage::{Usage, UsageSource, estimated_tokens};
