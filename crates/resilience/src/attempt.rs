//! Limits one attempt at one model in time, and records it: started, ended, how, why.
//!
//! The innermost decorator: whatever passes here is exactly one attempt, of a whole call, a streamed one or a judgement.

mod judge;
mod record;
mod watched;

use std::{pin::pin, sync::Arc, time::Instant};

use async_orchestrator_core::{
    AttemptLimits, CallContext, Capabilities, Clock, Completion, CompletionRequest, CompletionStream,
    ErrorKind, LlmProvider, ModelRef, ProviderError, Sleep, TimeoutPhase,
};
use async_trait::async_trait;
use futures_util::future::{Either, select};

use judge::GuardedJudge;
use record::AttemptLog;
use watched::Watched;

/// Where the limits of an attempt come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitSource {
    /// From the caller: the role's limits. Right for remote models.
    Caller,
    /// These, whatever the role says. Right for a model whose speed is this machine's.
    Fixed(AttemptLimits),
}

/// Limits and records one attempt.
#[derive(Debug)]
pub struct AttemptGuard {
    inner: Arc<dyn LlmProvider>,
    clock: Arc<dyn Clock>,
    limits: LimitSource,
    capabilities: Capabilities,
}

impl AttemptGuard {
    /// Guards `inner`. A judge that `inner` offers is guarded too.
    pub fn new(inner: Arc<dyn LlmProvider>, clock: Arc<dyn Clock>, limits: LimitSource) -> Self {
        let mut capabilities = inner.capabilities().clone();
        capabilities.likelihood = capabilities.likelihood.map(|judge| {
            let (target, price) = (capabilities.target.clone(), capabilities.price.clone());
            Arc::new(GuardedJudge::new(judge, target, price, Arc::clone(&clock), limits)) as _
        });
        Self { inner, clock, limits, capabilities }
    }
}

impl LimitSource {
    fn limits(self, context: &CallContext) -> AttemptLimits {
        match self {
            Self::Caller => context.limits,
            Self::Fixed(limits) => limits,
        }
    }
}

/// The moment at which something ends, and what it is called when it does.
#[derive(Clone, Copy)]
struct Expiry {
    at: Option<Instant>,
    phase: TimeoutPhase,
}

impl Expiry {
    /// The end that comes first: the caller's deadline or `phase`'s own limit from `start`.
    fn first(
        context: &CallContext,
        now: Instant,
        start: Instant,
        limit: std::time::Duration,
        phase: TimeoutPhase,
    ) -> Self {
        let own = start.checked_add(limit);
        let deadline = context.deadline.remaining(now).and_then(|left| now.checked_add(left));
        match (own, deadline) {
            (own, Some(deadline)) if own.is_none_or(|own| deadline <= own) => {
                Self { at: Some(deadline), phase: TimeoutPhase::Deadline }
            }
            (own, _) => Self { at: own, phase },
        }
    }

    fn earlier(self, other: Self) -> Self {
        match (self.at, other.at) {
            (Some(one), Some(two)) if two < one => other,
            (None, Some(_)) => other,
            _ => self,
        }
    }

    /// Turns away work for which no time is left: it would cost something and come to nothing. It is no attempt.
    fn still_ahead(self, now: Instant, target: &ModelRef) -> Result<(), ProviderError> {
        if self.is_past(now) {
            return Err(self
                .error()
                .with_target(target.clone())
                .with_detail("no time was left to begin the call"));
        }
        Ok(())
    }

    fn is_past(self, now: Instant) -> bool {
        self.at.is_some_and(|at| at <= now)
    }

    fn sleep(self, clock: &dyn Clock, now: Instant) -> Sleep {
        match self.at {
            Some(at) => clock.sleep(at.saturating_duration_since(now)),
            None => Box::pin(std::future::pending()),
        }
    }

    fn error(self) -> ProviderError {
        ErrorKind::Timeout { phase: self.phase }.into()
    }
}

/// Runs `work`, but not past `expiry`. Dropping `work` is what cancels it.
async fn within<T>(
    clock: &dyn Clock,
    now: Instant,
    expiry: Expiry,
    work: impl Future<Output = Result<T, ProviderError>>,
) -> Result<T, ProviderError> {
    match select(pin!(work), expiry.sleep(clock, now)).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right(((), _)) => Err(expiry.error()),
    }
}

#[async_trait]
impl LlmProvider for AttemptGuard {
    async fn complete(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<Completion, ProviderError> {
        let started = self.clock.now();
        let limits = self.limits.limits(context);
        let expiry = Expiry::first(context, started, started, limits.total, TimeoutPhase::Total);
        expiry.still_ahead(started, &self.capabilities.target)?;
        let log = AttemptLog::begin(context, &self.capabilities.target, started);
        let outcome = within(&*self.clock, started, expiry, self.inner.complete(request, context)).await;
        match outcome {
            Ok(mut completion) => {
                let price = self.capabilities.price.as_ref();
                completion.trail.push(log.succeeded(self.clock.now(), completion.usage, price, None));
                Ok(completion)
            }
            Err(error) => Err(log.failed(error, self.clock.now())),
        }
    }

    async fn stream(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<CompletionStream, ProviderError> {
        let started = self.clock.now();
        let limits = self.limits.limits(context);
        let expiry = Expiry::first(context, started, started, limits.first_token, TimeoutPhase::FirstToken)
            .earlier(Expiry::first(context, started, started, limits.total, TimeoutPhase::Total));
        expiry.still_ahead(started, &self.capabilities.target)?;
        let log = AttemptLog::begin(context, &self.capabilities.target, started);
        match within(&*self.clock, started, expiry, self.inner.stream(request, context)).await {
            Ok(stream) => {
                let price = self.capabilities.price.clone();
                let watched = Watched::new(stream, Arc::clone(&self.clock), limits, expiry, log, price);
                Ok(Box::pin(watched.begun().await?))
            }
            Err(error) => Err(log.failed(error, self.clock.now())),
        }
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }
}
