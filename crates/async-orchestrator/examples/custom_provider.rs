//! A provider of your own: anything that can answer a request can sit in a council. This one needs no network and no model.
//!
//! `cargo run -p async-orchestrator --example custom_provider`

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::sync::Arc;

use async_orchestrator::{
    AsyncOrchestrator, CallContext, Capabilities, Completion, CompletionRequest, CompletionStream,
    FinishReason, LlmProvider, ModeChoice, ModelRef, Price, PromptRead, ProviderError, Served, StreamEvent,
    TriageRequest, Usage, UsageSource,
};
use async_trait::async_trait;

/// Answers every question with how long it is.
#[derive(Debug)]
struct Counter {
    capabilities: Capabilities,
}

impl Counter {
    fn new(target: ModelRef) -> Self {
        let mut capabilities = Capabilities::unknown(target);
        capabilities.price = Some(Price::free("2026-11"));
        Self { capabilities }
    }

    fn answer(&self, request: &CompletionRequest) -> Completion {
        let question = request.messages.last().map(|message| message.content.as_str()).unwrap_or_default();
        Completion {
            text: format!("That prompt has {} characters.", question.chars().count()),
            finish: FinishReason::Stop,
            usage: Usage::default(),
            usage_source: UsageSource::Estimated,
            answered_by: self.capabilities.target.clone(),
            prompt_read: PromptRead::Whole,
            served: Served::Live,
            request_id: None,
            trail: Vec::new(),
        }
    }
}

#[async_trait]
impl LlmProvider for Counter {
    async fn complete(
        &self,
        request: &CompletionRequest,
        _: &CallContext,
    ) -> Result<Completion, ProviderError> {
        Ok(self.answer(request))
    }

    async fn stream(
        &self,
        request: &CompletionRequest,
        _: &CallContext,
    ) -> Result<CompletionStream, ProviderError> {
        let completion = self.answer(request);
        let text = StreamEvent::Delta(completion.text.clone());
        let end = StreamEvent::Finished(Box::new(completion));
        Ok(Box::pin(futures_util::stream::iter([Ok(text), Ok(end)])))
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let target = "mine:counter".parse()?;
    let orchestrator = AsyncOrchestrator::builder().provider(Arc::new(Counter::new(target))).build()?;
    let request = TriageRequest::new("How long am I?").mode(ModeChoice::Express);
    println!("{}", orchestrator.process_request(request).await?.aggregated);
    Ok(())
}
