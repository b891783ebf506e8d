//! From events to spans: deliberation, role, model call, attempt. Pure: events go in, finished spans come out.

use std::{
    borrow::Cow,
    collections::{HashMap, VecDeque},
    mem,
    time::{Instant, SystemTime},
};

use async_orchestrator_core::{
    Cause, Event, EventKind, ModelRef, RunId, RunSummary, SpanId, Stage, TraceContext, TraceId, Usage,
};

use crate::{queue::Stamped, semconv};

/// So many runs are followed at once. A run whose caller went away never says that it ended; the oldest one is given up for a new one.
const RUNS_MAX: usize = 10_000;
/// So many open spans a run may have.
const OPEN_MAX: usize = 256;

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum AttributeValue {
    /// A text.
    Text(Cow<'static, str>),
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
}

/// Something that happened within a span.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanEvent {
    /// When.
    pub at: SystemTime,
    /// What, such as `hedge`.
    pub name: &'static str,
    /// More about it.
    pub attributes: Vec<(&'static str, AttributeValue)>,
}

/// A span that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct FinishedSpan {
    /// The trace.
    pub trace: TraceId,
    /// The caller's `tracestate`.
    pub state: Option<String>,
    /// The span.
    pub id: SpanId,
    /// The span above it.
    pub parent: Option<SpanId>,
    /// Its name by the conventions, such as `chat gpt-5.5`.
    pub name: String,
    /// Whether it leaves this process (an attempt at a model).
    pub is_client: bool,
    /// Its begin.
    pub start: SystemTime,
    /// Its end, never before its begin.
    pub end: SystemTime,
    /// What is known of it; never a prompt, an answer or a key.
    pub attributes: Vec<(&'static str, AttributeValue)>,
    /// What happened within it.
    pub events: Vec<SpanEvent>,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

/// Follows runs and gives out their spans as they end.
#[derive(Debug, Default)]
pub struct SpanTree {
    runs: HashMap<RunId, Open>,
    order: VecDeque<RunId>,
    given_up: u64,
}

#[derive(Debug)]
struct Open {
    trace: TraceId,
    state: Option<String>,
    /// When it began, by the monotonic clock: every later time of day follows from the first one, so that a clock that is set under way neither
    /// shortens nor lengthens a span.
    began: Instant,
    root: FinishedSpan,
    /// By what they cover: a role, a call, an attempt.
    spans: HashMap<String, FinishedSpan>,
    is_recorded: bool,
}

type Attributes = Vec<(&'static str, AttributeValue)>;

fn text(value: impl Into<Cow<'static, str>>) -> AttributeValue {
    AttributeValue::Text(value.into())
}

fn int(value: u64) -> AttributeValue {
    AttributeValue::Int(i64::try_from(value).unwrap_or(i64::MAX))
}

impl SpanTree {
    /// Takes note of `event` and gives the spans that end with it.
    pub fn read(&mut self, event: &Stamped) -> Vec<FinishedSpan> {
        let Stamped { at, now, event } = event;
        if let EventKind::RunStarted { trace, .. } = &event.kind {
            self.begin(&event.run, trace.as_ref(), *at, *now);
            return Vec::new();
        }
        let Some(open) = self.runs.get_mut(&event.run) else { return Vec::new() };
        let at = open.root.start.checked_add(now.saturating_duration_since(open.began)).unwrap_or(*at);
        let ended = open.follow(event, at);
        if matches!(event.kind, EventKind::Completed { .. } | EventKind::Failed { .. }) {
            self.runs.remove(&event.run);
            self.order.retain(|run| *run != event.run);
        }
        ended
    }

    /// How many runs were given up because too many were open.
    pub const fn given_up(&self) -> u64 {
        self.given_up
    }

    fn begin(&mut self, run: &RunId, trace: Option<&TraceContext>, at: SystemTime, now: Instant) {
        if self.runs.len() >= RUNS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.runs.remove(&oldest);
            self.given_up += 1;
        }
        let own = TraceContext::root(run);
        let context = trace.unwrap_or(&own);
        let root = FinishedSpan {
            trace: context.trace_id(),
            state: context.state().map(str::to_owned),
            id: SpanId::of(run, "run"),
            parent: context.parent(),
            name: format!("{} async-orchestrator", semconv::INVOKE_WORKFLOW),
            is_client: false,
            start: at,
            end: at,
            attributes: vec![
                (semconv::OPERATION, text(semconv::INVOKE_WORKFLOW)),
                (semconv::WORKFLOW, text("async-orchestrator")),
                (semconv::RUN, text(run.as_str().to_owned())),
            ],
            events: Vec::new(),
            error: None,
        };
        let open = Open {
            trace: context.trace_id(),
            state: root.state.clone(),
            began: now,
            root,
            spans: HashMap::new(),
            is_recorded: context.is_sampled(),
        };
        self.runs.insert(run.clone(), open);
        self.order.push_back(run.clone());
    }
}

impl Open {
    fn follow(&mut self, event: &Event, at: SystemTime) -> Vec<FinishedSpan> {
        let mut ended = Vec::new();
        let run = &event.run;
        match (&event.kind, &event.call) {
            (EventKind::Triaged { decision }, _) => {
                self.root.attributes.push((semconv::MODE, text(decision.mode.to_string().to_lowercase())));
            }
            (EventKind::RoleStarted { stage, target }, Some(call)) => {
                self.call(run, call, *stage, target, at);
            }
            (EventKind::AttemptStarted { target, attempt }, Some(call)) => {
                self.attempt(run, call, target, *attempt, at);
            }
            (EventKind::AttemptFinished { attempt, usage, cost, first_token_ms, .. }, Some(call)) => {
                let mut more = usage_attributes(usage);
                more.extend(cost.map(|cost| (semconv::COST, int(cost.0))));
                let first = first_token_ms.map(|ms| AttributeValue::Double(ms as f64 / 1_000.0));
                more.extend(first.map(|first| (semconv::FIRST_CHUNK, first)));
                ended.extend(self.end(&format!("{call}#{attempt}"), at, more, None));
            }
            (EventKind::AttemptFailed { attempt, cause, .. }, Some(call)) => {
                ended.extend(self.end(&format!("{call}#{attempt}"), at, Vec::new(), Some(*cause)));
            }
            (EventKind::RoleFinished { target, usage, served, .. }, Some(call)) => {
                let mut more = vec![(semconv::RESPONSE_MODEL, text(target.model().to_owned()))];
                more.extend(usage_attributes(usage));
                if !served.is_live() {
                    more.push((semconv::SERVED, text(crate::metrics::served(*served))));
                }
                ended.extend(self.end_call(call, at, more, None));
            }
            (EventKind::RoleFailed { cause, .. }, Some(call)) => {
                ended.extend(self.end_call(call, at, Vec::new(), Some(*cause)));
            }
            (EventKind::Completed { summary }, _) => {
                ended.extend(self.close(at, summary_attributes(summary), None));
            }
            (EventKind::Failed { .. }, _) => ended.extend(self.close(at, Vec::new(), Some("no_answer"))),
            (kind, call) => self.happened(kind, call.as_deref(), at),
        }
        if self.is_recorded { ended } else { Vec::new() }
    }

    fn span(
        &self,
        id: SpanId,
        parent: SpanId,
        name: String,
        at: SystemTime,
        attributes: Attributes,
    ) -> FinishedSpan {
        FinishedSpan {
            trace: self.trace,
            state: self.state.clone(),
            id,
            parent: Some(parent),
            name,
            is_client: false,
            start: at,
            end: at,
            attributes,
            events: Vec::new(),
            error: None,
        }
    }

    fn open(&mut self, covers: String, span: FinishedSpan) {
        if self.spans.len() < OPEN_MAX {
            self.spans.insert(covers, span);
        }
    }

    /// A call, and the role above it: what a seat does in one stage, its second try included.
    fn call(&mut self, run: &RunId, call: &str, stage: Stage, target: &ModelRef, at: SystemTime) {
        let (seat, role) = (call.split('/').next().unwrap_or(call), role_of(call));
        if !self.spans.contains_key(&role) {
            let attributes = vec![
                (semconv::OPERATION, text(semconv::INVOKE_AGENT)),
                (semconv::AGENT, text(seat.to_owned())),
                (semconv::STAGE, text(stage.name())),
            ];
            let name = format!("{} {seat}", semconv::INVOKE_AGENT);
            let span = self.span(SpanId::of(run, &role), SpanId::of(run, "run"), name, at, attributes);
            self.open(role.clone(), span);
        }
        let mut attributes = model_attributes(target);
        attributes.push((semconv::CALL, text(call.to_owned())));
        let name = format!("{} {}", semconv::CHAT, target.model());
        let span = self.span(SpanId::of(run, call), SpanId::of(run, &role), name, at, attributes);
        self.open(call.to_owned(), span);
    }

    fn attempt(&mut self, run: &RunId, call: &str, target: &ModelRef, number: u32, at: SystemTime) {
        let mut attributes = model_attributes(target);
        attributes.push((semconv::ATTEMPT, int(u64::from(number))));
        let id = SpanId::of_attempt(run, call, number);
        let name = format!("{} {} attempt {number}", semconv::CHAT, target.model());
        let mut span = self.span(id, SpanId::of(run, call), name, at, attributes);
        span.is_client = true;
        self.open(format!("{call}#{number}"), span);
    }

    fn end(
        &mut self,
        covers: &str,
        at: SystemTime,
        more: Attributes,
        cause: Option<Cause>,
    ) -> Option<FinishedSpan> {
        let mut span = self.spans.remove(covers)?;
        span.end = at.max(span.start);
        span.attributes.extend(more);
        span.error = cause.map(|cause| cause.name().to_owned());
        span.attributes.extend(cause.map(|cause| (semconv::ERROR_TYPE, text(cause.name()))));
        Some(span)
    }

    /// Ends a call and the attempts of it that were dropped. The role above stays open until the run ends or goes on without it: a second try may
    /// follow, and its end is that of its last call.
    fn end_call(
        &mut self,
        call: &str,
        at: SystemTime,
        more: Attributes,
        cause: Option<Cause>,
    ) -> Vec<FinishedSpan> {
        let dropped: Vec<String> =
            self.spans.keys().filter(|covers| is_attempt_of(covers, call)).cloned().collect();
        let mut ended: Vec<FinishedSpan> = dropped
            .iter()
            .filter_map(|attempt| self.end(attempt, at, Vec::new(), Some(Cause::Cancelled)))
            .collect();
        ended.extend(self.end(call, at, more, cause));
        if let Some(role) = self.spans.get_mut(&role_of(call)) {
            role.end = at.max(role.start);
            role.error = cause.map(|cause| cause.name().to_owned());
        }
        ended
    }

    fn close(&mut self, at: SystemTime, more: Attributes, error: Option<&str>) -> Vec<FinishedSpan> {
        let mut ended: Vec<FinishedSpan> = mem::take(&mut self.spans)
            .into_iter()
            .map(|(covers, mut span)| {
                // A role ends with its last call; whatever else is open was dropped with the run.
                if !covers.starts_with("role ") {
                    span.end = at.max(span.start);
                    span.error = Some(Cause::Cancelled.name().to_owned());
                }
                span
            })
            .collect();
        let mut root = self.root.clone();
        root.end = at.max(root.start);
        root.attributes.extend(more);
        root.error = error.map(str::to_owned);
        ended.push(root);
        ended
    }

    /// Notes what happens within a span, or within the run.
    fn happened(&mut self, kind: &EventKind, call: Option<&str>, at: SystemTime) {
        let (name, attributes): (&'static str, Attributes) = match kind {
            EventKind::AttemptHedged { target, after_ms } => (
                "hedge",
                vec![(semconv::REQUEST_MODEL, text(target.model().to_owned())), ("after_ms", int(*after_ms))],
            ),
            EventKind::AttemptWaits { wait_ms, .. } => ("retry", vec![("wait_ms", int(*wait_ms))]),
            EventKind::AttemptRefused { target, cause, .. } => (
                "refused",
                vec![
                    (semconv::REQUEST_MODEL, text(target.model().to_owned())),
                    (semconv::ERROR_TYPE, text(cause.name())),
                ],
            ),
            EventKind::RoleRestarted { target } => {
                ("restarted", vec![(semconv::RESPONSE_MODEL, text(target.model().to_owned()))])
            }
            EventKind::Resumed { calls } => ("resumed", vec![("calls", int(*calls))]),
            EventKind::RoleRecalled { stage, .. } => ("recalled", vec![(semconv::STAGE, text(stage.name()))]),
            EventKind::Escalated { from, to, .. } => (
                "escalated",
                vec![("from", text(from.as_str().to_owned())), ("to", text(to.as_str().to_owned()))],
            ),
            EventKind::Decided { winner, rule, .. } => (
                "decided",
                vec![
                    ("winner", winner.clone().map_or(text("none"), text)),
                    (semconv::RULE, text(rule.as_str().to_owned())),
                ],
            ),
            EventKind::Alarm { alarm, .. } => ("alarm", vec![("alarm", text(alarm.as_str().to_owned()))]),
            EventKind::NotKept { .. } => ("not_kept", Vec::new()),
            EventKind::SharedStateFailed { .. } => ("shared_state_failed", Vec::new()),
            _ => return,
        };
        let within = call.and_then(|call| self.spans.get_mut(call)).unwrap_or(&mut self.root);
        if within.events.len() < OPEN_MAX {
            within.events.push(SpanEvent { at, name, attributes });
        }
    }
}

/// What the role of a call is called here: its seat and stage, without the turn.
fn role_of(call: &str) -> String {
    let mut parts = call.split('/');
    format!("role {}/{}", parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

fn is_attempt_of(covers: &str, call: &str) -> bool {
    covers.strip_prefix(call).is_some_and(|rest| rest.starts_with('#'))
}

fn model_attributes(target: &ModelRef) -> Attributes {
    vec![
        (semconv::OPERATION, text(semconv::CHAT)),
        (semconv::PROVIDER, text(target.provider().to_owned())),
        (semconv::REQUEST_MODEL, text(target.model().to_owned())),
    ]
}

fn usage_attributes(usage: &Usage) -> Attributes {
    let mut attributes = vec![
        (semconv::INPUT_TOKENS, int(usage.input_tokens)),
        (semconv::OUTPUT_TOKENS, int(usage.output_tokens)),
    ];
    if usage.cached_input_tokens > 0 {
        attributes.push((semconv::CACHED_TOKENS, int(usage.cached_input_tokens)));
    }
    attributes
}

fn summary_attributes(summary: &RunSummary) -> Attributes {
    let mut attributes = vec![
        (semconv::STATUS, text(summary.status.name())),
        (semconv::VERDICT, text(summary.verdict.name())),
        (semconv::DISSENTS, int(summary.dissents)),
        (semconv::INPUT_TOKENS, int(summary.tokens_in)),
        (semconv::OUTPUT_TOKENS, int(summary.tokens_out)),
    ];
    attributes.extend(summary.rule.map(|rule| (semconv::RULE, text(rule.name()))));
    attributes.extend(summary.agreement.map(|share| (semconv::AGREEMENT, AttributeValue::Double(share))));
    attributes.extend(summary.cost.map(|cost| (semconv::COST, int(cost.0))));
    attributes
}
