//! Turns a call away that comes too late, before anything below it costs something.
//!
//! The time during a call is kept by the attempt guard, which knows the same deadline.

use std::sync::Arc;

use async_orchestrator_core::{
    CallContext, Capabilities, Clock, Completion, CompletionRequest, CompletionStream, ErrorKind,
    LlmProvider, ProviderError, TimeoutPhase,
};
use async_trait::async_trait;

/// Refuses calls whose deadline has passed.
#[derive(Debug)]
pub struct DeadlineGuard {
    inner: Arc<dyn LlmProvider>,
    clock: Arc<dyn Clock>,
}

impl DeadlineGuard {
    /// Guards `inner`.
    pub fn new(inner: Arc<dyn LlmProvider>, clock: Arc<dyn Clock>) -> Self {
        Self { inner, clock }
    }

    fn check(&self, context: &CallContext) -> Result<(), ProviderError> {
        if context.deadline.is_past(self.clock.now()) {
            return Err(ProviderError::new(ErrorKind::Timeout { phase: TimeoutPhase::Deadline })
                .with_target(self.capabilities().target.clone())
                .with_detail("no time was left to begin the call"));
        }
        Ok(())
    }
}

#[async_trait]
impl LlmProvider for DeadlineGuard {
    async fn complete(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<Completion, ProviderError> {
        self.check(context)?;
        self.inner.complete(request, context).await
    }

    async fn stream(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<CompletionStream, ProviderError> {
        self.check(context)?;
        self.inner.stream(request, context).await
    }

    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }
}
