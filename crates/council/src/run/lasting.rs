//! What of a record lasts: all that a replay must reproduce. The hash over it is what resume and replay are compared by.

use async_orchestrator_core::{
    Absence, Answer, Attempt, AttemptOutcome, BallotRecord, Confidence, DecisionRecord, Dissent, Escalation,
    Mode, ModelRef, ProposalRecord, SeatId, SeatRecord, Stages, Status, StatusDetail, StopReason,
    SynthesisRecord, Tally, TriageDecision, ValidationRecord, Versions, canonical_hash,
};
use serde::Serialize;

use crate::CouncilError;

/// A record without its run, timing, cost and log.
#[derive(Serialize)]
struct Lasting<'a> {
    schema: &'a str,
    request_hash: &'a str,
    mode: Mode,
    triage: &'a TriageDecision,
    depth: u32,
    status: Status,
    status_detail: &'a [StatusDetail],
    stop_reason: StopReason,
    answer: &'a Answer,
    confidence: &'a Confidence,
    #[serde(skip_serializing_if = "Stages::is_all")]
    stages: Stages,
    seats: &'a [SeatRecord],
    absences: &'a [Absence],
    proposals: &'a [ProposalRecord],
    ballots: &'a [BallotRecord],
    tally: &'a Tally,
    dissent: &'a [Dissent],
    escalations: &'a [Escalation],
    synthesis: &'a SynthesisRecord,
    validation: &'a ValidationRecord,
    attempts: Vec<LastingAttempt<'a>>,
    versions: &'a Versions,
}

/// An attempt without its times.
#[derive(Serialize)]
struct LastingAttempt<'a> {
    call: &'a str,
    seat: SeatId,
    target: &'a ModelRef,
    n: u32,
    outcome: AttemptOutcome,
    why: &'a str,
}

/// The hash of everything that a replay must reproduce: the record without its run, timing, cost and log.
///
/// Timing is left out wherever it stands: the attempts go in by name and without their times, or the same answers would give another hash
/// whenever one of them took a millisecond longer.
pub(crate) fn decision_hash(record: &DecisionRecord) -> Result<String, CouncilError> {
    // Taken apart by name, so that a new field has to be thought of here.
    let DecisionRecord {
        schema,
        run_id: _,
        parent: _,
        request_hash,
        mode,
        triage,
        depth,
        status,
        status_detail,
        stop_reason,
        answer,
        confidence,
        stages,
        seats,
        absences,
        proposals,
        ballots,
        tally,
        dissent,
        escalations,
        synthesis,
        validation,
        attempts,
        cost: _,
        timing: _,
        versions,
        log: _,
    } = record;
    let mut attempts: Vec<LastingAttempt<'_>> = attempts.iter().map(LastingAttempt::of).collect();
    attempts.sort_by(|one, two| (one.call, one.n).cmp(&(two.call, two.n)));
    canonical_hash(&Lasting {
        schema,
        request_hash,
        mode: *mode,
        triage,
        depth: *depth,
        status: *status,
        status_detail,
        stop_reason: *stop_reason,
        answer,
        confidence,
        stages: *stages,
        seats,
        absences,
        proposals,
        ballots,
        tally,
        dissent,
        escalations,
        synthesis,
        validation,
        attempts,
        versions,
    })
    .map_err(CouncilError::Record)
}

impl<'a> LastingAttempt<'a> {
    fn of(attempt: &'a Attempt) -> Self {
        let Attempt { call, seat, target, n, started_ms: _, ended_ms: _, outcome, why } = attempt;
        Self { call, seat: *seat, target, n: *n, outcome: *outcome, why }
    }
}
