//! A target that is never asked to stream: its stream is the whole reply in one piece.

use std::sync::Arc;

use async_orchestrator_core::{
    CallContext, Capabilities, Completion, CompletionRequest, CompletionStream, LlmProvider, ProviderError,
    StreamEvent,
};
use async_trait::async_trait;
use futures_util::stream;

/// Answers streamed calls with whole ones.
#[derive(Debug)]
pub struct Whole {
    inner: Arc<dyn LlmProvider>,
}

impl Whole {
    /// Never asks `inner` to stream.
    pub fn new(inner: Arc<dyn LlmProvider>) -> Self {
        Self { inner }
    }
}

#[async_trait]
impl LlmProvider for Whole {
    async fn complete(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<Completion, ProviderError> {
        self.inner.complete(request, context).await
    }

    async fn stream(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<CompletionStream, ProviderError> {
        let completion = self.inner.complete(request, context).await?;
        let text = (!completion.text.is_empty()).then(|| Ok(StreamEvent::Delta(completion.text.clone())));
        let end = Ok(StreamEvent::Finished(Box::new(completion)));
        Ok(Box::pin(stream::iter(text.into_iter().chain([end]))))
    }

    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }
}
