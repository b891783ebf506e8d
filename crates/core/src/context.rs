//! What goes down with a call: who asks, until when, from which purse, and where events go.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Instant,
};

use serde::{Deserialize, Serialize};

use crate::{
    AttemptLimits, BudgetLedger, Clock, Deadline, Event, EventKind, Observer, Reuse, Role, SeatId,
    TraceContext,
};

/// The name of one run, unique over machines (a UUID of version 7 in the facade; any text in tests).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(Arc<str>);

impl RunId {
    /// The run called `id`.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Numbers the events of one run and hands them to its observers in that order.
#[derive(Clone)]
pub struct EventSink(Arc<Sink>);

struct Sink {
    run: RunId,
    started: Instant,
    clock: Option<Arc<dyn Clock>>,
    sequence: AtomicU64,
    observers: Vec<Arc<dyn Observer>>,
    trace: Option<TraceContext>,
}

impl EventSink {
    /// A sink for `run`, which began at `started`.
    pub fn new(
        run: RunId,
        started: Instant,
        clock: Arc<dyn Clock>,
        observers: Vec<Arc<dyn Observer>>,
    ) -> Self {
        Self::within(run, started, clock, observers, None)
    }

    /// The same for a run that stands in its caller's trace.
    pub fn within(
        run: RunId,
        started: Instant,
        clock: Arc<dyn Clock>,
        observers: Vec<Arc<dyn Observer>>,
        trace: Option<TraceContext>,
    ) -> Self {
        let sequence = AtomicU64::new(0);
        Self(Arc::new(Sink { run, started, clock: Some(clock), sequence, observers, trace }))
    }

    /// A sink that nobody listens to.
    pub fn silent(run: RunId, started: Instant) -> Self {
        let sequence = AtomicU64::new(0);
        Self(Arc::new(Sink { run, started, clock: None, sequence, observers: Vec::new(), trace: None }))
    }

    /// Hands what `kind` makes to every observer, stamped with the run, the time since its start and the next number. Where nobody
    /// listens, nothing is made.
    #[inline]
    pub fn emit(&self, seat: Option<SeatId>, kind: impl FnOnce() -> EventKind) {
        if !self.is_silent() {
            self.emit_of(seat, None, kind());
        }
    }

    /// Whether nobody listens: then nothing need be prepared for an event.
    ///
    /// A build with `--cfg ao_without_events` takes this for granted, so that the benchmark of the silent case has something to be
    /// compared with; no run of it is ever heard.
    #[inline]
    pub fn is_silent(&self) -> bool {
        cfg!(ao_without_events) || self.0.observers.is_empty()
    }

    /// The caller's trace.
    pub fn trace(&self) -> Option<&TraceContext> {
        self.0.trace.as_ref()
    }

    fn emit_of(&self, seat: Option<SeatId>, call: Option<&Arc<str>>, kind: EventKind) {
        let sink = &*self.0;
        let at_ms = sink.clock.as_ref().map_or(0, |clock| millis_between(sink.started, clock.now()));
        let sequence = sink.sequence.fetch_add(1, Ordering::Relaxed);
        let event = Event { run: sink.run.clone(), sequence, at_ms, seat, call: call.cloned(), kind };
        for observer in &sink.observers {
            observer.observe(&event);
        }
    }

    /// When the run began.
    pub fn started(&self) -> Instant {
        self.0.started
    }

    /// The run.
    pub fn run(&self) -> &RunId {
        &self.0.run
    }
}

impl fmt::Debug for EventSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSink").field("run", &self.0.run).finish_non_exhaustive()
    }
}

/// Whole milliseconds from `start` to `end`, 0 if `end` is earlier.
pub fn millis_between(start: Instant, end: Instant) -> u64 {
    u64::try_from(end.saturating_duration_since(start).as_millis()).unwrap_or(u64::MAX)
}

/// When the newest attempt of a call left the queues: from then on clocks count that say how slow a model is.
#[derive(Debug, Default)]
pub struct AttemptMark(Mutex<Option<(u32, Instant)>>);

impl AttemptMark {
    /// Attempt `number` begins at `now`.
    pub fn begin(&self, number: u32, now: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((number, now));
    }

    /// The newest attempt's number and its begin; `None` while the call still waits.
    pub fn begun(&self) -> Option<(u32, Instant)> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What becomes of a streamed reply that breaks after its reader has text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBroken {
    /// It begins anew at another model, and its reader is told that the text so far is void: for readers who can take text back.
    #[default]
    Restart,
    /// Another model goes on where it ended, if one of the list can ([`Capabilities::continues`](crate::Capabilities)); otherwise it ends
    /// with its error: for readers who cannot take text back, such as a person or a program behind a socket.
    Continue,
}

impl OnBroken {
    /// Whether it begins anew.
    pub fn is_restart(&self) -> bool {
        *self == Self::Restart
    }
}

/// What goes down with a call.
#[derive(Clone, Debug)]
pub struct CallContext {
    /// The seat that asks.
    pub seat: SeatId,
    /// The call's name within its run, such as `proposer-1/propose`.
    pub call: Arc<str>,
    /// The absolute end. Only ever shortened on the way down.
    pub deadline: Deadline,
    /// The limits of each attempt at a remote model.
    pub limits: AttemptLimits,
    /// The run's purse.
    pub ledger: Arc<BudgetLedger>,
    /// Where events go; it knows the run.
    pub events: EventSink,
    /// How many attempts this call has made; shared by every copy of the context.
    pub attempts: Arc<AtomicU32>,
    /// Whether somebody else's answer may serve it.
    pub reuse: Reuse,
    /// What becomes of a reply that breaks after its reader has text.
    pub broken: OnBroken,
    /// Where each attempt notes its begin, for a layer above that wants to know.
    pub mark: Option<Arc<AttemptMark>>,
}

impl CallContext {
    /// A context for a call outside any council: no deadline, no budget, nobody listening.
    ///
    /// ```
    /// use async_orchestrator_core::CallContext;
    /// let context = CallContext::detached(std::time::Instant::now());
    /// assert!(context.deadline.remaining(std::time::Instant::now()).is_none());
    /// ```
    pub fn detached(now: Instant) -> Self {
        Self {
            seat: SeatId::new(Role::Proposer, 1),
            call: Arc::from("detached"),
            deadline: Deadline::NEVER,
            limits: AttemptLimits::REMOTE_DEFAULT,
            ledger: Arc::new(BudgetLedger::unlimited()),
            events: EventSink::silent(RunId::new("detached"), now),
            attempts: Arc::default(),
            reuse: Reuse::default(),
            broken: OnBroken::default(),
            mark: None,
        }
    }

    /// The same context with the deadline moved forward to `deadline`, if that is earlier.
    #[must_use]
    pub fn until(&self, deadline: Deadline) -> Self {
        Self { deadline: self.deadline.earlier_of(deadline), ..self.clone() }
    }

    /// Milliseconds from the start of the run to `now`.
    pub fn elapsed_ms(&self, now: Instant) -> u64 {
        millis_between(self.events.started(), now)
    }

    /// The number of the attempt that begins now, from 1.
    pub fn next_attempt(&self) -> u32 {
        self.attempts.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// Emits an event of this call's seat; `kind` makes it if anybody listens.
    #[inline]
    pub fn emit(&self, kind: impl FnOnce() -> EventKind) {
        if !self.events.is_silent() {
            self.events.emit_of(Some(self.seat), Some(&self.call), kind());
        }
    }
}
