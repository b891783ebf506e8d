//! One call to a vendor's model, streamed or not: the path that both protocols share.
//!
//! A protocol is a [`Wire`]: how a request is written, a reply read, an error classified. Everything else (sending, checking, accounting, request
//! ids, error texts) happens here once, so that the two protocols and the two ways of delivery cannot differ.

mod exchange;
mod frame;
mod reply;
mod stream;

use std::fmt;

use async_orchestrator_core::{
    CallContext, Capabilities, Completion, CompletionRequest, CompletionStream, ErrorKind, ProviderError,
};
use bytes::Bytes;
use http::Uri;
use serde::Deserialize;
use serde_json::Value;

pub(crate) use exchange::Exchange;
use exchange::{Answer, TraceHeaders};
pub(crate) use frame::Frame;
pub(crate) use reply::{Ending, Reply};
pub(crate) use stream::{Decode, Flow, StreamFault};

use crate::{Transport, endpoint::Headers, redact::Redactor, vendor_error::VendorError};

/// Whether the reply is wanted whole or piece by piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// As one document.
    Whole,
    /// As a stream of events.
    Streamed,
}

/// A vendor's protocol.
pub(crate) trait Wire: fmt::Debug + Send + Sync {
    /// What reads its streams.
    type Decoder: Decode + 'static;

    /// The body of the request.
    ///
    /// # Errors
    /// Never: what a request holds can always be written as JSON.
    fn body(&self, request: &CompletionRequest, delivery: Delivery) -> Result<String, serde_json::Error>;

    /// Reads a whole reply.
    fn read(reply: &Value) -> Result<Reply, ProviderError>;

    /// Reads the usual reply without building a document first; `None` where it is anything else, an error above all.
    fn read_usual(body: &[u8]) -> Option<Reply>;

    /// A reader for one stream.
    fn decoder() -> Self::Decoder;

    /// What an error of the vendor means.
    fn classify(error: &VendorError) -> ErrorKind;
}

/// A model that a provider's server offers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct RemoteModel {
    /// The name to ask for it.
    pub id: String,
}

/// One model behind one protocol.
pub(crate) struct HttpProvider<W> {
    exchange: Exchange,
    completions: Uri,
    models: Uri,
    wire: W,
    capabilities: Capabilities,
    sends_trace: bool,
}

impl<W: Wire> HttpProvider<W> {
    pub(crate) fn new(
        transport: Transport,
        headers: Headers,
        [completions, models]: [Uri; 2],
        wire: W,
        capabilities: Capabilities,
    ) -> Self {
        let exchange = Exchange::new(transport, headers, capabilities.target.clone(), W::classify);
        Self { exchange, completions, models, wire, capabilities, sends_trace: false }
    }

    pub(crate) fn send_trace_context(&mut self) {
        self.sends_trace = true;
    }

    /// The headers that say where in a trace this call stands, if they are sent.
    fn trace(&self, context: &CallContext) -> Option<TraceHeaders> {
        self.sends_trace.then(|| TraceHeaders::of(context))
    }

    pub(crate) fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    pub(crate) fn request_body(&self, request: &CompletionRequest, delivery: Delivery) -> Value {
        let body = self.wire.body(request, delivery).ok();
        body.and_then(|body| serde_json::from_str(&body).ok()).unwrap_or_default()
    }

    pub(crate) async fn complete(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<Completion, ProviderError> {
        let body = self.body(request, Delivery::Whole)?;
        let (answer, redactor) = self.post(body, Delivery::Whole, context).await?;
        let (reply, request_id) = self.exchange.read_reply::<W>(answer, &redactor).await?;
        reply
            .and_then(|reply| reply.into_completion(&self.capabilities.target, request.input_bytes()))
            .map(|completion| reply::with_header_id(completion, request_id.as_deref()))
            .map_err(|error| {
                let id = request_id.as_deref().and_then(|id| redactor.name(id));
                self.exchange.blame(error, None, id.as_deref())
            })
    }

    pub(crate) async fn stream(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<CompletionStream, ProviderError> {
        let body = self.body(request, Delivery::Streamed)?;
        let (answer, redactor) = self.post(body, Delivery::Streamed, context).await?;
        let events = self.exchange.read_events(answer, redactor, W::decoder(), request.input_bytes()).await?;
        events.begun().await
    }

    pub(crate) async fn list_models(&self) -> Result<Vec<RemoteModel>, ProviderError> {
        #[derive(Deserialize)]
        struct Page {
            data: Vec<RemoteModel>,
        }
        let (answer, redactor) = self.exchange.get(&self.models).await?;
        let (value, request_id) = self.exchange.read_json(answer, &redactor).await?;
        serde_json::from_value::<Page>(value).map(|page| page.data).map_err(|_| {
            let error =
                ProviderError::new(ErrorKind::Malformed).with_detail("the list of models cannot be read");
            self.exchange.blame(error, None, request_id.as_deref())
        })
    }

    async fn post(
        &self,
        body: Bytes,
        delivery: Delivery,
        context: &CallContext,
    ) -> Result<(Answer, Redactor), ProviderError> {
        self.exchange.post(&self.completions, body, delivery, self.trace(context)).await
    }

    fn body(&self, request: &CompletionRequest, delivery: Delivery) -> Result<Bytes, ProviderError> {
        if request.messages.is_empty() {
            let error = ProviderError::new(ErrorKind::Invalid).with_detail("the conversation is empty");
            return Err(error.with_target(self.capabilities.target.clone()));
        }
        self.wire.body(request, delivery).map(Bytes::from).map_err(|error| {
            let error = ProviderError::new(ErrorKind::Invalid).with_source(error);
            error.with_target(self.capabilities.target.clone())
        })
    }
}

/// A completion's id, if it looks like one: it ends up in records.
pub(crate) fn plain_id(value: &Value) -> Option<String> {
    plain_text_id(value.as_str()?)
}

/// The same of a text.
pub(crate) fn plain_text_id(id: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (!id.is_empty() && id.len() <= 80 && id.chars().all(is_plain)).then(|| id.to_owned())
}

impl<W: Wire> fmt::Debug for HttpProvider<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpProvider")
            .field("capabilities", &self.capabilities)
            .field("completions", &self.completions)
            .field("exchange", &self.exchange)
            .finish_non_exhaustive()
    }
}
