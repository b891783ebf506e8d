//! Lets a call through to its target, or turns it away before it costs something: key, throttle, breaker, limits, a place in the lane.
//!
//! Everything that a call takes here is held by one [`Held`], which the call owns: whatever way it ends, also by being dropped, all of
//! it is given back and the target's record is kept. A call that its caller gave up counts as neither success nor failure.

mod held;
mod stream;

use std::sync::Arc;

use async_orchestrator_core::{
    Attempt, AttemptMark, AttemptOutcome, CallContext, Capabilities, Completion, CompletionRequest,
    CompletionStream, ErrorKind, EventKind, Guard, LlmProvider, ProviderError,
};
use async_trait::async_trait;

use self::{held::Held, stream::AdmittedStream};
use crate::{
    budget::usage_max,
    limits::TurnedAway,
    policy::{Admission as Throttled, Gate, Pass, RefuseReason, Shut},
    registry::{Delivery, Registry, TargetState, lock},
};

/// Guards one target.
#[derive(Debug)]
pub(crate) struct AdmissionGuard {
    inner: Arc<dyn LlmProvider>,
    registry: Arc<Registry>,
    state: Arc<TargetState>,
}

impl AdmissionGuard {
    pub(crate) fn new(inner: Arc<dyn LlmProvider>, registry: Arc<Registry>, state: Arc<TargetState>) -> Self {
        Self { inner, registry, state }
    }

    /// Takes everything that a call needs, in the order from what is free to ask to what must be waited for. The breaker is asked twice:
    /// first so that nobody waits in vain, and last, because a probe must not be handed out to somebody who then stands in a line, and
    /// because a call that waited must see the gate as it is now.
    async fn enter(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
        delivery: Delivery,
    ) -> Result<Held, ProviderError> {
        let state = &self.state;
        let clock = &self.registry.clock;
        if let Some(shared) = &self.registry.shared {
            shared.catch_up(&self.registry, context).await;
        }
        let now = clock.now();
        if let Some(out) = state.key.out(now) {
            let why = "this key was refused before and is left out for now";
            return Err(self.refused(context, out.kind, why));
        }
        if let Some(shut) = state.breaker.shut(now) {
            return Err(self.shut(context, shut));
        }
        // A probe is never kept back: without it nobody would learn that the target is well again.
        if let Some(throttle) = &state.throttle
            && state.breaker.is_plain()
            && lock(throttle).admit(now, self.registry.dice.draw()) == Throttled::KeepBack
        {
            let kind = ErrorKind::Refused { by: Guard::Limit, until: None };
            return Err(self.refused(context, kind, "the vendor refuses most calls, so some are not sent"));
        }
        let mut held = Held::new(Arc::clone(&self.registry), Arc::clone(state), delivery);
        let turned_away = |away: TurnedAway| {
            self.refused(context, ErrorKind::Refused { by: away.by, until: away.until }, away.why)
        };
        if let Some(requests) = &state.requests {
            requests.pass(context.deadline).await.map_err(turned_away)?;
        }
        if let Some(tokens) = &state.tokens {
            let most = usage_max(request, self.inner.capabilities());
            let amount = most.input_tokens.saturating_add(most.output_tokens);
            let hold = tokens.reserve(amount, context.deadline).await.map_err(turned_away)?;
            held.tokens(hold, most.input_tokens);
        }
        state.lane.enter(context.deadline, &**clock).await.map_err(turned_away)?;
        held.place();
        let pass = self.pass(context)?;
        held.admitted(pass);
        Ok(held)
    }

    fn pass(&self, context: &CallContext) -> Result<Pass, ProviderError> {
        match self.state.breaker.gate(self.registry.clock.now()) {
            Gate::Admit(pass) => Ok(pass),
            Gate::Refuse(shut) => Err(self.shut(context, shut)),
        }
    }

    fn shut(&self, context: &CallContext, shut: Shut) -> ProviderError {
        let (by, why) = match shut.why {
            RefuseReason::Open => (Guard::Breaker, "it failed too often and rests"),
            RefuseReason::CoolDown => (Guard::Limit, "the vendor asked to wait"),
            RefuseReason::Ramp => (Guard::Limit, "it recovers and gets a part of the calls"),
        };
        self.refused(context, ErrorKind::Refused { by, until: Some(shut.until) }, why)
    }

    /// A refusal is no attempt, but the record says why this target was not asked.
    fn refused(&self, context: &CallContext, kind: ErrorKind, why: &str) -> ProviderError {
        let target = self.state.id.model.clone();
        let cause = kind.cause();
        context.emit(|| EventKind::AttemptRefused { target: target.clone(), cause, why: why.to_owned() });
        let at_ms = context.elapsed_ms(self.registry.clock.now());
        let entry = Attempt {
            call: context.call.to_string(),
            seat: context.seat,
            target: target.clone(),
            n: 0,
            started_ms: at_ms,
            ended_ms: Some(at_ms),
            outcome: AttemptOutcome::Failed(cause),
            why: why.to_owned(),
        };
        ProviderError::new(kind).with_target(target).with_detail(why).with_trail(vec![entry])
    }

    /// The context of the call below, whose attempt notes its begin where the clocks of this layer find it.
    fn marked(context: &CallContext) -> (CallContext, Arc<AttemptMark>) {
        let mark = context.mark.clone().unwrap_or_default();
        let marked = CallContext { mark: Some(Arc::clone(&mark)), ..context.clone() };
        (marked, mark)
    }
}

#[async_trait]
impl LlmProvider for AdmissionGuard {
    async fn complete(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<Completion, ProviderError> {
        let held = self.enter(request, context, Delivery::Whole).await?;
        let (context, mark) = Self::marked(context);
        let held = held.sent(mark);
        match self.inner.complete(request, &context).await {
            Ok(completion) => {
                held.first_text();
                held.succeeded(&completion.usage);
                Ok(completion)
            }
            Err(error) => Err(held.failed(error)),
        }
    }

    async fn stream(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<CompletionStream, ProviderError> {
        let held = self.enter(request, context, Delivery::Streamed).await?;
        let (context, mark) = Self::marked(context);
        let held = held.sent(mark);
        match self.inner.stream(request, &context).await {
            Ok(inner) => {
                held.first_text();
                Ok(Box::pin(AdmittedStream::new(inner, held)))
            }
            Err(error) => Err(held.failed(error)),
        }
    }

    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }
}
