//! Runs as `tracing` spans and events, for whoever has a subscriber: the same tree as the exported one, and no word of prompts or answers.

use std::collections::HashMap;

use async_orchestrator_core::{EventKind, RunId};
use tracing::{Span, info, info_span, warn};

use crate::queue::{Reader, Stamped};

/// So many runs have spans at once; further ones are told without.
const RUNS_MAX: usize = 10_000;

/// Tells runs through `tracing`, under the targets `async_orchestrator::run` and `async_orchestrator::call`; a [`Reader`].
///
/// It needs a subscriber that is the process's default: its thread has none of its own.
#[derive(Debug, Default)]
pub struct Logs {
    runs: HashMap<RunId, Run>,
}

#[derive(Debug)]
struct Run {
    span: Span,
    calls: HashMap<String, Span>,
}

impl Reader for Logs {
    fn read(&mut self, event: &Stamped) {
        let event = &event.event;
        if let EventKind::RunStarted { seats, .. } = &event.kind
            && self.runs.len() < RUNS_MAX
        {
            let span = info_span!(target: "async_orchestrator::run", "deliberation", run = %event.run, seats = seats.len());
            self.runs.insert(event.run.clone(), Run { span, calls: HashMap::new() });
            return;
        }
        let Some(run) = self.runs.get_mut(&event.run) else { return };
        run.tell(&event.kind, event.call.as_deref().unwrap_or_default());
        if matches!(event.kind, EventKind::Completed { .. } | EventKind::Failed { .. }) {
            self.runs.remove(&event.run);
        }
    }
}

impl Run {
    fn tell(&mut self, kind: &EventKind, call: &str) {
        let run = &self.span;
        let within = self.calls.get(call).unwrap_or(run);
        match kind {
            EventKind::Triaged { decision } => {
                info!(target: "async_orchestrator::run", parent: run, mode = %decision.mode, complexity = decision.complexity, "triaged");
            }
            EventKind::RoleStarted { stage, target } => {
                let span = info_span!(target: "async_orchestrator::call", parent: run, "call", call, stage = stage.name(), model = %target);
                self.calls.insert(call.to_owned(), span);
            }
            EventKind::AttemptFinished { target, attempt, took_ms, .. } => {
                info!(target: "async_orchestrator::call", parent: within, model = %target, attempt, took_ms, "attempt answered");
            }
            EventKind::AttemptFailed { target, attempt, cause, .. } => {
                warn!(target: "async_orchestrator::call", parent: within, model = %target, attempt, cause = cause.name(), "attempt failed");
            }
            EventKind::AttemptRefused { target, cause, .. } => {
                warn!(target: "async_orchestrator::call", parent: within, model = %target, cause = cause.name(), "left out");
            }
            EventKind::AttemptWaits { target, wait_ms } => {
                info!(target: "async_orchestrator::call", parent: within, model = %target, wait_ms, "asked again after a wait");
            }
            EventKind::AttemptHedged { target, after_ms } => {
                info!(target: "async_orchestrator::call", parent: within, model = %target, after_ms, "hedged");
            }
            EventKind::RoleFinished { target, usage, took_ms, .. } => {
                info!(target: "async_orchestrator::call", parent: within, model = %target, tokens = usage.output_tokens, took_ms, "answered");
                self.calls.remove(call);
            }
            EventKind::RoleFailed { cause, .. } => {
                warn!(target: "async_orchestrator::call", parent: within, cause = cause.name(), "came to nothing");
                self.calls.remove(call);
            }
            EventKind::Escalated { from, to, .. } => {
                info!(target: "async_orchestrator::run", parent: run, from, to, "escalated");
            }
            EventKind::Decided { winner, rule, dissents, .. } => {
                info!(target: "async_orchestrator::run", parent: run, winner = winner.as_deref(), rule, dissents, "decided");
            }
            EventKind::Alarm { alarm, .. } => {
                warn!(target: "async_orchestrator::run", parent: run, alarm, "alarm");
            }
            EventKind::NotKept { why } => {
                warn!(target: "async_orchestrator::run", parent: run, why, "not recorded");
            }
            EventKind::Completed { summary } => {
                info!(target: "async_orchestrator::run", parent: run, status = summary.status.name(), calls = summary.calls, total_ms = summary.total_ms, "completed");
            }
            EventKind::Failed { .. } => {
                warn!(target: "async_orchestrator::run", parent: run, "ended without an answer");
            }
            _ => {}
        }
    }
}
