//! OpenAI Chat Completions, and every server that speaks the same: settings and construction.
//!
//! Written after OpenAI's API description 2.3.0 (autumn 2026); what differs between OpenAI and compatible servers is [`OpenAiDialect`].

mod error;
mod request;
mod response;
mod stream;

#[cfg(test)]
mod tests;

use async_orchestrator_core::{
    CallContext, Capabilities, Completion, CompletionRequest, CompletionStream, ErrorKind, LlmProvider,
    ModelRef, ProviderError, StructuredOutput,
};
use async_trait::async_trait;
use http::header::AUTHORIZATION;
use secrecy::SecretString;
use serde_json::Value;

use crate::{
    Catalogue, InvalidConfig, ProviderKind, RemoteModel, Transport,
    call::{Delivery, HttpProvider, Reply, Wire},
    endpoint::{BaseUrl, Headers},
    family,
    vendor_error::VendorError,
};
use request::RequestStyle;

/// Where OpenAI itself answers.
pub const OPENAI_BASE_URL: &str = "https://api.openai.com/v1";

/// Which variant of Chat Completions a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenAiDialect {
    /// OpenAI's own: `max_completion_tokens`, the `developer` role, strict schemas in OpenAI's subset, `store: false` (new accounts keep
    /// every completion otherwise).
    Official,
    /// Everybody else's: `max_tokens`, the `system` role, the whole schema, nothing that a lesser server might refuse.
    Compatible,
}

/// One OpenAI account, or one compatible server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OpenAiConfig {
    /// The provider's name in the configuration: letters, digits, `-` and `_`.
    pub name: String,
    /// The address up to and with `/v1`.
    pub base_url: String,
    /// The key; many servers on the own machine need none.
    pub key: Option<SecretString>,
    /// The organization that is billed (`OPENAI_ORG_ID`).
    pub organization: Option<String>,
    /// The project that is billed (`OPENAI_PROJECT_ID`).
    pub project: Option<String>,
    /// The variant of the protocol.
    pub dialect: OpenAiDialect,
    /// How JSON is asked for. Unset: what the catalogue says of the model, for unknown models by schema.
    pub structured_output: Option<StructuredOutput>,
    /// Headers to be added to every request. They replace ours of the same name and are treated as secrets.
    pub headers: Vec<(String, SecretString)>,
}

impl OpenAiConfig {
    /// OpenAI itself, called `openai`.
    pub fn official(key: SecretString) -> Self {
        Self {
            key: Some(key),
            dialect: OpenAiDialect::Official,
            ..Self::compatible("openai", OPENAI_BASE_URL)
        }
    }

    /// The same account or server with another key.
    #[must_use]
    pub fn with_key(mut self, key: &SecretString) -> Self {
        self.key = Some(key.clone());
        self
    }

    /// A compatible server at `base_url`, called `name`.
    pub fn compatible(name: impl Into<String>, base_url: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            base_url: base_url.into(),
            key: None,
            organization: None,
            project: None,
            dialect: OpenAiDialect::Compatible,
            structured_output: None,
            headers: Vec::new(),
        }
    }
}

/// One model behind the Chat Completions protocol.
#[derive(Debug)]
pub struct OpenAiProvider(HttpProvider<OpenAi>);

impl OpenAiProvider {
    /// `model` at the server of `config`. What the model can do and what it costs comes from `catalogue`.
    ///
    /// # Errors
    /// If the base URL, a name, the key or an extra header is unusable.
    ///
    /// ```
    /// # use async_orchestrator_providers::{Catalogue, OpenAiConfig, OpenAiProvider, Transport};
    /// # fn demo(transport: Transport) -> Result<(), async_orchestrator_providers::InvalidConfig> {
    /// let config = OpenAiConfig::compatible("local", "http://127.0.0.1:8080/v1");
    /// let provider = OpenAiProvider::new(transport, &config, "qwen3:8b", &Catalogue::builtin())?;
    /// # let _ = provider; Ok(()) }
    /// ```
    pub fn new(
        transport: Transport,
        config: &OpenAiConfig,
        model: &str,
        catalogue: &Catalogue,
    ) -> Result<Self, InvalidConfig> {
        let target = ModelRef::try_new(&config.name, model)?;
        let base = BaseUrl::try_new(&config.name, &config.base_url)?;
        let capabilities = capabilities(config, &target, catalogue);
        let style = RequestStyle {
            dialect: config.dialect,
            model: target.model().to_owned(),
            structured_output: capabilities.structured_output,
            takes_temperature: capabilities.takes_temperature,
            output_tokens_max: capabilities.output_tokens_max,
            schemas: crate::schema::Rewritten::default(),
        };
        let addresses = [base.join("/chat/completions"), base.join("/models")];
        Ok(Self(HttpProvider::new(transport, headers(config)?, addresses, OpenAi { style }, capabilities)))
    }

    /// The body of the request that [`complete`](LlmProvider::complete) or [`stream`](LlmProvider::stream) would send for `request`, for dry
    /// runs and checks. It holds no key.
    pub fn request_body(&self, request: &CompletionRequest, delivery: Delivery) -> Value {
        self.0.request_body(request, delivery)
    }

    /// Sends the run's place in its trace with every call, as the headers `traceparent` and `tracestate` of W3C Trace Context. Unless this is said,
    /// nothing of a trace leaves the process.
    #[must_use]
    pub fn sending_trace_context(mut self) -> Self {
        self.0.send_trace_context();
        self
    }

    /// The models that the server offers to this key.
    ///
    /// # Errors
    /// As for [`LlmProvider::complete`].
    pub async fn list_models(&self) -> Result<Vec<RemoteModel>, ProviderError> {
        self.0.list_models().await
    }
}

#[async_trait]
impl LlmProvider for OpenAiProvider {
    async fn complete(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<Completion, ProviderError> {
        self.0.complete(request, context).await
    }

    async fn stream(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<CompletionStream, ProviderError> {
        self.0.stream(request, context).await
    }

    fn capabilities(&self) -> &Capabilities {
        self.0.capabilities()
    }
}

/// The Chat Completions protocol as one model at one server speaks it.
#[derive(Debug)]
struct OpenAi {
    style: RequestStyle,
}

impl Wire for OpenAi {
    type Decoder = stream::Decoder;

    fn body(&self, request: &CompletionRequest, delivery: Delivery) -> Result<String, serde_json::Error> {
        self.style.body(request, delivery)
    }

    fn read(reply: &Value) -> Result<Reply, ProviderError> {
        response::read(reply)
    }

    fn read_usual(body: &[u8]) -> Option<Reply> {
        response::read_usual(body)
    }

    fn decoder() -> stream::Decoder {
        stream::Decoder::default()
    }

    fn classify(error: &VendorError) -> ErrorKind {
        error::classify(error)
    }
}

fn capabilities(config: &OpenAiConfig, target: &ModelRef, catalogue: &Catalogue) -> Capabilities {
    let mut capabilities = Capabilities::unknown(target.clone());
    capabilities.family = family::of(target.model()).unwrap_or_else(|| target.provider().to_owned());
    // A name that is in no table yet: what its maker's naming says, and the schema, which is the rule today.
    capabilities.structured_output = StructuredOutput::JsonSchema;
    capabilities.takes_temperature = family::openai_takes_temperature(target.model());
    if let Some(facts) = catalogue.facts(target, ProviderKind::OpenAi) {
        facts.apply_to(&mut capabilities);
    }
    if let Some(structured_output) = config.structured_output {
        capabilities.structured_output = structured_output;
    }
    capabilities
}

fn headers(config: &OpenAiConfig) -> Result<Headers, InvalidConfig> {
    let mut headers = Headers::new(&config.name);
    if let Some(key) = &config.key {
        headers.secret(AUTHORIZATION, "key", "Bearer ", key)?;
    }
    for (name, what, value) in [
        ("openai-organization", "organization", &config.organization),
        ("openai-project", "project", &config.project),
    ] {
        if let Some(value) = value {
            headers.plain(http::HeaderName::from_static(name), what, value)?;
        }
    }
    headers.extra(&config.headers)?;
    Ok(headers)
}
