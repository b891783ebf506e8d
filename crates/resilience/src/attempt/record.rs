//! Writes down one attempt: the entry of the trail and the events that go with it.

use std::time::Instant;

use async_orchestrator_core::{
    Attempt, AttemptOutcome, CallContext, EventKind, ModelRef, Price, ProviderError, Usage, millis_between,
};

/// An attempt that has begun.
#[derive(Debug)]
pub(super) struct AttemptLog {
    pub(super) context: CallContext,
    target: ModelRef,
    number: u32,
    pub(super) started: Instant,
}

impl AttemptLog {
    pub(super) fn begin(context: &CallContext, target: &ModelRef, started: Instant) -> Self {
        let number = context.next_attempt();
        if let Some(mark) = &context.mark {
            mark.begin(number, started);
        }
        context.emit(|| EventKind::AttemptStarted { target: target.clone(), attempt: number });
        Self { context: context.clone(), target: target.clone(), number, started }
    }

    /// The attempt ended well with `usage`; the first piece of text came at `first_text`.
    pub(super) fn succeeded(
        &self,
        now: Instant,
        usage: Usage,
        price: Option<&Price>,
        first_text: Option<Instant>,
    ) -> Attempt {
        self.context.emit(|| EventKind::AttemptFinished {
            target: self.target.clone(),
            attempt: self.number,
            usage,
            cost: price.map(|price| price.cost(&usage)),
            first_token_ms: first_text.map(|first| millis_between(self.started, first)),
            took_ms: millis_between(self.started, now),
        });
        self.entry(now, AttemptOutcome::OK, String::from("answered"))
    }

    pub(super) fn failed(&self, mut error: ProviderError, now: Instant) -> ProviderError {
        if error.target().is_none() {
            error = error.with_target(self.target.clone());
        }
        let cause = error.kind().cause();
        let why = error.to_string();
        self.context.emit(|| EventKind::AttemptFailed {
            target: self.target.clone(),
            attempt: self.number,
            cause,
            why: why.clone(),
        });
        let mut trail = error.take_trail();
        trail.push(self.entry(now, AttemptOutcome::Failed(cause), why));
        error.with_trail(trail)
    }

    fn entry(&self, now: Instant, outcome: AttemptOutcome, why: String) -> Attempt {
        Attempt {
            call: self.context.call.to_string(),
            seat: self.context.seat,
            target: self.target.clone(),
            n: self.number,
            started_ms: self.context.elapsed_ms(self.started),
            ended_ms: Some(self.context.elapsed_ms(now)),
            outcome,
            why,
        }
    }
}
