//! OpenAI and Anthropic wire formats, SSE and the HTTP transport of Async Orchestrator.
//!
//! A provider is one target: a model at a server behind a key. [`OpenAiProvider`] speaks Chat Completions (OpenAI's and every compatible
//! server's), [`AnthropicProvider`] speaks Messages in both protocol versions. Both share one pooled [`Transport`], take what a model can do and
//! costs from the [`Catalogue`], and implement [`LlmProvider`](async_orchestrator_core::LlmProvider).
//!
//! What holds for both, streamed or not:
//! - A reply without its protocol's end is an error ([`ErrorKind::Truncated`](async_orchestrator_core::ErrorKind::Truncated)), never a short
//!   success; an empty or withheld one is an error of its own kind.
//! - An error inside a stream is classified as the same error by status would be.
//! - Keys are secrets; neither they nor prompts or answers get into errors, not even where a vendor's message repeats them.
//! - There is no retry, no fallback and no time limit but the one for connecting: those are wrapped around a provider.
//!
//! ```no_run
//! use std::sync::Arc;
//! use async_orchestrator_core::{CallContext, Clock, CompletionRequest, LlmProvider, Message};
//! use async_orchestrator_providers::{Catalogue, OpenAiConfig, OpenAiProvider, Transport, TransportConfig};
//!
//! # async fn demo(clock: Arc<dyn Clock>) -> Result<(), Box<dyn std::error::Error>> {
//! let transport = Transport::new(TransportConfig::default(), Arc::clone(&clock))?;
//! let config = OpenAiConfig::official("the key".to_owned().into());
//! let model = OpenAiProvider::new(transport, &config, "gpt-6-luna", &Catalogue::builtin())?;
//!
//! let request = CompletionRequest::new(vec![Message::user("Name a prime number above 100.")]);
//! let reply = model.complete(&request, &CallContext::detached(clock.now())).await?;
//! println!("{} ({} tokens)", reply.text, reply.usage.output_tokens);
//! # Ok(()) }
//! ```

mod anthropic;
mod call;
mod catalogue;
mod endpoint;
mod family;
mod invalid;
mod number;
mod openai;
mod redact;
mod retry_after;
mod schema;
mod sse;
#[cfg(test)]
mod test_server;
mod transport;
mod vendor_error;

pub use anthropic::{
    ANTHROPIC_BASE_URL, AnthropicConfig, AnthropicCredential, AnthropicProvider, AnthropicVersion,
};
pub use call::{Delivery, RemoteModel};
pub use catalogue::{Catalogue, DefaultModels, ModelEntry, ModelFacts, ProviderKind};
pub use invalid::InvalidConfig;
pub use openai::{OPENAI_BASE_URL, OpenAiConfig, OpenAiDialect, OpenAiProvider};
/// The type of every key: it is never shown and is wiped from memory.
pub use secrecy::SecretString;
pub use sse::{SseError, SseEvent, SseParser};
pub use transport::{
    ByteRange, Delivered, Fetch, Fetched, ProxyConfig, Transport, TransportConfig, TransportError, TrustRoots,
};
