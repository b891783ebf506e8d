//! Asks the same target again where that may help: the one owner of retries in the whole stack.
//!
//! When and how long to wait is decided by `policy::backoff`; here is only the waiting. Every retry is paid from a budget that first
//! attempts fill, so that a storm of failures is not answered by a storm of retries. A stream is asked again only before its first
//! text; what breaks later is the fallback's affair, which tells the reader.

use std::sync::Arc;

use async_orchestrator_core::{
    Attempt, CallContext, Capabilities, Clock, Completion, CompletionRequest, CompletionStream, ErrorKind,
    EventKind, LlmProvider, ProviderError, RetryAdvice, StreamEvent,
};
use async_trait::async_trait;
use futures_util::{StreamExt, stream};

use crate::{
    dice::Dice,
    policy::{Failed, Retry, RetryBudget, RetryConfig, Withdrawal, decide},
};

/// Retries calls of one target.
#[derive(Debug)]
pub(crate) struct RetryGuard {
    inner: Arc<dyn LlmProvider>,
    clock: Arc<dyn Clock>,
    config: RetryConfig,
    budget: Arc<RetryBudget>,
    dice: Arc<Dice>,
}

/// What has failed so far of one call.
#[derive(Default)]
struct Tries {
    made: u32,
    trail: Vec<Attempt>,
}

impl RetryGuard {
    pub(crate) fn new(
        inner: Arc<dyn LlmProvider>,
        clock: Arc<dyn Clock>,
        config: RetryConfig,
        budget: Arc<RetryBudget>,
        dice: Arc<Dice>,
    ) -> Self {
        Self { inner, clock, config, budget, dice }
    }

    /// Waits until the call may be made again, or gives the final error.
    async fn again(
        &self,
        tries: &mut Tries,
        mut error: ProviderError,
        context: &CallContext,
    ) -> Result<(), ProviderError> {
        tries.trail.append(&mut error.take_trail());
        let now = self.clock.now();
        tries.made = tries.made.saturating_add(1);
        // The vendor knows better than its status says.
        let kind = match error.retry_advice() {
            Some(RetryAdvice::Never) => ErrorKind::Invalid,
            Some(RetryAdvice::Again) if !error.kind().is_retryable() => ErrorKind::Unavailable,
            Some(RetryAdvice::Again) | None => error.kind(),
        };
        let failed = Failed { kind, attempts_made: tries.made };
        let wait = match decide(&self.config, failed, context.deadline, now, self.dice.draw()) {
            Retry::After(wait) if self.budget.withdraw(now) == Withdrawal::Granted => wait,
            Retry::After(_) | Retry::Not(_) => return Err(error.with_trail(std::mem::take(&mut tries.trail))),
        };
        if !wait.is_zero() {
            let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            context.emit(|| EventKind::AttemptWaits { target: self.capabilities().target.clone(), wait_ms });
            self.clock.sleep(wait).await;
        }
        Ok(())
    }
}

impl Tries {
    fn finish(&mut self, completion: &mut Completion) {
        if !self.trail.is_empty() {
            let last = std::mem::take(&mut completion.trail);
            completion.trail = std::mem::take(&mut self.trail);
            completion.trail.extend(last);
        }
    }
}

#[async_trait]
impl LlmProvider for RetryGuard {
    async fn complete(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<Completion, ProviderError> {
        self.budget.deposit(self.clock.now());
        let mut tries = Tries::default();
        loop {
            match self.inner.complete(request, context).await {
                Ok(mut completion) => {
                    tries.finish(&mut completion);
                    return Ok(completion);
                }
                Err(error) => self.again(&mut tries, error, context).await?,
            }
        }
    }

    async fn stream(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<CompletionStream, ProviderError> {
        self.budget.deposit(self.clock.now());
        let mut tries = Tries::default();
        loop {
            match self.inner.stream(request, context).await {
                Ok(inner) if tries.trail.is_empty() => return Ok(inner),
                Ok(inner) => return Ok(with_trail(inner, tries)),
                Err(error) => self.again(&mut tries, error, context).await?,
            }
        }
    }

    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }
}

/// Puts the failed attempts in front of the trail at the stream's end.
fn with_trail(inner: CompletionStream, mut tries: Tries) -> CompletionStream {
    let end = move |event: Result<StreamEvent, ProviderError>| match event {
        Ok(StreamEvent::Finished(mut completion)) => {
            tries.finish(&mut completion);
            Ok(StreamEvent::Finished(completion))
        }
        Err(mut error) => {
            tries.trail.append(&mut error.take_trail());
            Err(error.with_trail(std::mem::take(&mut tries.trail)))
        }
        other => other,
    };
    Box::pin(stream::unfold(Some((inner, end)), |state| async move {
        let (mut inner, mut end) = state?;
        let event = inner.next().await?;
        Some((end(event), Some((inner, end))))
    }))
}
