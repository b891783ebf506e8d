//! Real targets at a simulator, and the question that is asked there.

use std::sync::Arc;

use async_orchestrator_core::{CallContext, LlmProvider};
use async_orchestrator_core::{
    Clock, Completion, CompletionRequest, ErrorKind, Message, ProviderError, StreamEvent,
};
use async_orchestrator_providers::{Transport, TransportConfig};
use async_orchestrator_resilience::{Target, TokioClock};
use futures_util::StreamExt;

use crate::chaos::{Format, world::target};

/// Makes targets that share one client.
#[derive(Clone, Debug)]
pub(super) struct Upstream {
    base: String,
    transport: Transport,
}

impl Upstream {
    pub(super) fn new(base: String) -> Result<Self, String> {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock);
        let transport =
            Transport::new(TransportConfig::default(), clock).map_err(|error| error.to_string())?;
        Ok(Self { base, transport })
    }

    pub(super) fn target(&self, format: Format, model: &str) -> Result<Target, String> {
        target(format, &self.base, model, 100_000, &self.transport)
    }
}

pub(super) fn question(text: &str) -> CompletionRequest {
    CompletionRequest { max_output_tokens: Some(100), ..CompletionRequest::new(vec![Message::user(text)]) }
}

/// Reads a stream to its end; `on_text` is told of each piece.
pub(super) async fn drain(
    provider: &dyn LlmProvider,
    request: &CompletionRequest,
    context: &CallContext,
    mut on_text: impl FnMut(),
) -> Result<Completion, ProviderError> {
    let mut stream = provider.stream(request, context).await?;
    while let Some(event) = stream.next().await {
        match event? {
            StreamEvent::Delta(_) => on_text(),
            StreamEvent::Finished(completion) => return Ok(*completion),
            _ => {}
        }
    }
    Err(ErrorKind::Truncated.into())
}
