//! Our own side of a benchmark: a provider at the upstream, alone and under the default stack.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use async_orchestrator_core::{
    CallContext, Clock, CompletionRequest, LlmProvider, Message, ModelRef, Reuse, StreamEvent,
};
use async_orchestrator_providers::{
    Catalogue, Delivery, ModelEntry, OpenAiConfig, OpenAiProvider, Transport, TransportConfig,
};
use async_orchestrator_resilience::{ResilienceConfig, Stack, Target, TargetLimits, TokioClock};
use futures_util::StreamExt;

use super::raw::{Ask, Got};

/// A model of the upstream at `address`, with nothing that keeps its calls going.
pub(super) fn provider(address: &str, model: &str) -> Result<Arc<OpenAiProvider>> {
    let entry = ModelEntry {
        price: None,
        context_window: Some(128_000),
        output_tokens_max: Some(16_000),
        continues: None,
    };
    let name: ModelRef = format!("bench:{model}").parse().map_err(|_| anyhow!("no name of a model"))?;
    let catalogue = Catalogue::builtin().with_entries([(name, entry)]);
    let transport = Transport::new(TransportConfig::default(), Arc::new(TokioClock))?;
    let config = OpenAiConfig::compatible("bench", format!("http://{address}/v1"));
    Ok(Arc::new(OpenAiProvider::new(transport, &config, model, &catalogue)?))
}

/// `provider` under the default stack.
pub(super) fn stacked(provider: Arc<dyn LlmProvider>) -> Result<Arc<dyn LlmProvider>> {
    limited(provider, TargetLimits::default())
}

/// `provider` under the default stack with limits of what it may be asked.
pub(super) fn limited(provider: Arc<dyn LlmProvider>, limits: TargetLimits) -> Result<Arc<dyn LlmProvider>> {
    let stack = Stack::try_new(Arc::new(TokioClock), ResilienceConfig::default(), 7)?;
    Ok(stack.provider(vec![Target::remote(provider).traffic(limits)])?)
}

/// The question of every single call: about a kilobyte.
pub(super) fn question() -> CompletionRequest {
    let text = "Why do rivers meander, and what decides how wide their bends become? ".repeat(15);
    CompletionRequest { max_output_tokens: Some(200), ..CompletionRequest::new(vec![Message::user(text)]) }
}

/// The same question, told apart by a number of fixed length.
pub(super) fn numbered_question(number: usize) -> CompletionRequest {
    let mut request = question();
    let numbered = |message: &Message| Message::user(format!("{}{number:08}", message.content));
    request.messages = request.messages.iter().map(numbered).collect();
    request
}

/// Fails if ours and the bare client would not send the same bytes.
pub(super) fn check_same_bytes(provider: &OpenAiProvider, model: &str) -> Result<()> {
    let request = question();
    for (delivery, ask) in
        [(Delivery::Whole, Ask::whole(model, &request)), (Delivery::Streamed, Ask::streamed(model, &request))]
    {
        let (ours, theirs) =
            (provider.request_body(&request, delivery).to_string(), serde_json::to_string(&ask)?);
        if ours != theirs {
            return Err(anyhow!("the contestants send different requests:\n{ours}\n{theirs}"));
        }
    }
    Ok(())
}

/// Asks `provider` for a whole reply.
pub(super) async fn complete(provider: &dyn LlmProvider, request: &CompletionRequest) -> Result<Got> {
    let completion = provider.complete(request, &CallContext::detached(TokioClock.now())).await?;
    Ok(Got { text: completion.text, events: 1, tokens: completion.usage.output_tokens })
}

/// Asks `provider` for a stream and reads it to its end; `first` is called at the first piece of text.
pub(super) async fn stream(
    provider: &dyn LlmProvider,
    request: &CompletionRequest,
    first: impl FnOnce(),
) -> Result<Got> {
    read(provider, request, &CallContext::detached(TokioClock.now()), first).await
}

/// The same as the call `name` of a council.
pub(super) async fn stream_as(
    provider: &dyn LlmProvider,
    request: &CompletionRequest,
    name: &str,
) -> Result<Got> {
    let context =
        CallContext { call: name.into(), reuse: Reuse::Never, ..CallContext::detached(TokioClock.now()) };
    read(provider, request, &context, || ()).await
}

async fn read(
    provider: &dyn LlmProvider,
    request: &CompletionRequest,
    context: &CallContext,
    first: impl FnOnce(),
) -> Result<Got> {
    let mut stream = provider.stream(request, context).await?;
    let (mut got, mut first) = (Got::default(), Some(first));
    while let Some(event) = stream.next().await {
        match event? {
            StreamEvent::Delta(text) => {
                got.events += 1;
                got.text.push_str(&text);
                if let Some(first) = first.take() {
                    first();
                }
            }
            StreamEvent::Finished(completion) => got.tokens = completion.usage.output_tokens,
            _ => {}
        }
    }
    (got.tokens > 0).then_some(got).context("our stream ended without a completion of its own")
}
