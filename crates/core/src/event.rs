//! What happens in a run, as typed events. The live view, logs, metrics and history are readers of these and of nothing else.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    Cause, MicroUsd, ModelRef, Role, RunId, RunSummary, SeatId, Served, Stage, TraceContext, TriageDecision,
    Usage, Verdict,
};

/// Something that happened in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The run.
    pub run: RunId,
    /// The number of the event within its run, from 0, without gaps.
    pub sequence: u64,
    /// Milliseconds since the run began.
    pub at_ms: u64,
    /// The seat that it concerns.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seat: Option<SeatId>,
    /// The name of the call that it belongs to, such as `proposer-1/propose`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub call: Option<Arc<str>>,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// The run began; these seats are configured for it.
    RunStarted {
        /// The seats and the first model of each.
        seats: Vec<PlannedSeat>,
        /// The caller's trace, where there is one. Never written down.
        #[serde(skip)]
        trace: Option<TraceContext>,
    },
    /// The run goes on where its process ended: what its journal holds is not asked again.
    Resumed {
        /// How many finished calls the journal holds.
        calls: u64,
    },
    /// The mode and the depth were decided.
    Triaged {
        /// The decision.
        decision: TriageDecision,
    },
    /// A stage began.
    StageEntered {
        /// Which one.
        stage: Stage,
    },
    /// A seat's call began.
    RoleStarted {
        /// What it is about.
        stage: Stage,
        /// The first model in its list.
        target: ModelRef,
    },
    /// One attempt at one model went out.
    AttemptStarted {
        /// The model.
        target: ModelRef,
        /// The attempt's number within its call, from 1.
        attempt: u32,
    },
    /// One attempt ended well.
    AttemptFinished {
        /// The model.
        target: ModelRef,
        /// The attempt's number within its call, from 1.
        attempt: u32,
        /// Its tokens.
        usage: Usage,
        /// What it cost; `None` if the model's price is unknown.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        cost: Option<MicroUsd>,
        /// Milliseconds from its begin to the first piece of text; streamed calls only.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        first_token_ms: Option<u64>,
        /// How long it took.
        took_ms: u64,
    },
    /// One attempt failed; what follows is the next attempt or the seat's failure.
    AttemptFailed {
        /// The model.
        target: ModelRef,
        /// The attempt's number within its call, from 1.
        attempt: u32,
        /// Why.
        cause: Cause,
        /// The same for people.
        why: String,
    },
    /// One of our own guards kept a model out; nothing was sent to it. What follows is the next model or the seat's failure.
    AttemptRefused {
        /// The model.
        target: ModelRef,
        /// Which guard, as a cause.
        cause: Cause,
        /// The same for people.
        why: String,
    },
    /// A model is asked again after a wait.
    AttemptWaits {
        /// The model.
        target: ModelRef,
        /// How long.
        wait_ms: u64,
    },
    /// The first model is slow to begin, so a second call went out; the one that begins first wins.
    AttemptHedged {
        /// The model of the second call.
        target: ModelRef,
        /// How long the first one had been silent.
        after_ms: u64,
    },
    /// What other processes know could not be read or written; the run goes on with what this one knows itself.
    SharedStateFailed {
        /// Why, for people.
        why: String,
    },
    /// The run could not be written to its journal or its history; it goes on, and its answer comes all the same.
    NotKept {
        /// Why, for people.
        why: String,
    },
    /// The next piece of a seat's text. Never journaled.
    Delta {
        /// The text.
        text: String,
    },
    /// What the seat streamed so far is void: its call began anew at another model.
    RoleRestarted {
        /// The model that answers now.
        target: ModelRef,
    },
    /// A seat's call ended well.
    RoleFinished {
        /// What it was about.
        stage: Stage,
        /// The model that answered.
        target: ModelRef,
        /// Its tokens.
        usage: Usage,
        /// Where the reply comes from.
        #[serde(default, skip_serializing_if = "Served::is_live")]
        served: Served,
        /// How long it took.
        took_ms: u64,
    },
    /// What a seat said stands in the journal: it was asked before the run was interrupted, and is not asked again.
    RoleRecalled {
        /// What it was about.
        stage: Stage,
        /// The model that answered; `None` where the call had come to nothing.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        target: Option<ModelRef>,
    },
    /// A seat's call came to nothing.
    RoleFailed {
        /// What it was about.
        stage: Stage,
        /// Why.
        cause: Cause,
        /// The same for people.
        why: String,
    },
    /// A proposal is fixed: nobody has seen it yet and nobody can change it unseen.
    ProposalCommitted {
        /// The proposal's name in the record (`p1`).
        proposal: String,
        /// The hash of its canonical JSON.
        commit: String,
    },
    /// A ballot was accepted.
    BallotCast {
        /// The ballot's name in the record (`b1`).
        ballot: String,
        /// The proposal that it prefers.
        best: Option<String>,
    },
    /// The run goes deeper than it began. From `express` on, the text that was streamed is a proposal, and the answer is still to come; a reader who
    /// cannot take text back ([`TriageRequest::never_take_back`](crate::TriageRequest::never_take_back)) never sees that.
    Escalated {
        /// The depth before, such as `express` or `2 proposers`.
        from: String,
        /// The depth from now on.
        to: String,
        /// Why, for people.
        why: String,
    },
    /// The election ended.
    Decided {
        /// The winning proposal.
        winner: Option<String>,
        /// The rule in force.
        rule: String,
        /// The winner's raw share of the posterior, 0 to 1; not calibrated.
        posterior: f64,
        /// How many minority reports there are.
        dissents: usize,
    },
    /// The validation ended.
    Validated {
        /// Its verdict.
        verdict: Verdict,
    },
    /// Something that a reader of the decision should know.
    Alarm {
        /// A stable name, such as `weak_independence`.
        alarm: String,
        /// The same for people.
        detail: String,
    },
    /// The run ended with an answer; the record is complete.
    Completed {
        /// The run in short.
        #[serde(flatten)]
        summary: Box<RunSummary>,
    },
    /// The run ended without an answer.
    Failed {
        /// Why, for people.
        why: String,
    },
}

/// A seat as it was planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedSeat {
    /// The seat.
    pub seat: SeatId,
    /// Its role.
    pub role: Role,
    /// The models in the order in which they are tried.
    pub models: Vec<ModelRef>,
}

/// Someone who watches runs.
pub trait Observer: Send + Sync {
    /// Takes note of `event`. It is called on the path of the run, so it must return at once and never block.
    fn observe(&self, event: &Event);
}
