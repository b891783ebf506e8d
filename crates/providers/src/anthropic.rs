//! Anthropic Messages, both protocol versions: settings and construction.
//!
//! Written after Anthropic's SDKs of autumn 2026.

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
use http::{HeaderName, HeaderValue, header::AUTHORIZATION};
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

/// Where Anthropic itself answers. Unlike OpenAI's, the address has no `/v1`.
pub const ANTHROPIC_BASE_URL: &str = "https://api.anthropic.com";

/// The version of the protocol, sent as `anthropic-version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnthropicVersion {
    /// `2023-06-01`: every server knows it; models that take a temperature get one.
    V2023_06_01,
    /// `2026-10-21`: the credential goes as a bearer token and sampling settings are never sent, because the version refuses them.
    V2026_10_21,
}

impl AnthropicVersion {
    /// The header's value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V2023_06_01 => "2023-06-01",
            Self::V2026_10_21 => "2026-10-21",
        }
    }
}

/// Who pays.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AnthropicCredential {
    /// `ANTHROPIC_API_KEY`: sent as `x-api-key` under the version of 2023, as a bearer token under that of 2026.
    ApiKey(SecretString),
    /// `ANTHROPIC_AUTH_TOKEN`: always a bearer token.
    AuthToken(SecretString),
    /// A server that asks for none.
    None,
}

/// One Anthropic account, or one server that speaks the same protocol.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AnthropicConfig {
    /// The provider's name in the configuration: letters, digits, `-` and `_`.
    pub name: String,
    /// The address without `/v1`; one that ends in it is taken as meant.
    pub base_url: String,
    /// The key or token.
    pub credential: AnthropicCredential,
    /// The version of the protocol.
    pub version: AnthropicVersion,
    /// How JSON is asked for. Unset: what the catalogue says of the model, for unknown models by schema.
    pub structured_output: Option<StructuredOutput>,
    /// Headers to be added to every request. They replace ours of the same name and are treated as secrets.
    pub headers: Vec<(String, SecretString)>,
}

impl AnthropicConfig {
    /// Anthropic itself, called `anthropic`, under the version that goes with the credential: an API key goes with that of 2023, which every
    /// server takes and which lets a temperature through; a token with that of 2026, which was made for it.
    pub fn official(credential: AnthropicCredential) -> Self {
        let version = match credential {
            AnthropicCredential::AuthToken(_) => AnthropicVersion::V2026_10_21,
            AnthropicCredential::ApiKey(_) | AnthropicCredential::None => AnthropicVersion::V2023_06_01,
        };
        Self {
            name: "anthropic".to_owned(),
            base_url: ANTHROPIC_BASE_URL.to_owned(),
            credential,
            version,
            structured_output: None,
            headers: Vec::new(),
        }
    }

    /// The same account or server with another key.
    #[must_use]
    pub fn with_key(mut self, key: &SecretString) -> Self {
        self.credential = AnthropicCredential::ApiKey(key.clone());
        self
    }
}

/// One model behind the Messages protocol.
#[derive(Debug)]
pub struct AnthropicProvider(HttpProvider<Anthropic>);

impl AnthropicProvider {
    /// `model` at the server of `config`. What the model can do and what it costs comes from `catalogue`.
    ///
    /// # Errors
    /// If the base URL, a name, the credential or an extra header is unusable.
    ///
    /// ```
    /// # use async_orchestrator_providers::{AnthropicConfig, AnthropicCredential, AnthropicProvider, Catalogue, Transport};
    /// # fn demo(transport: Transport) -> Result<(), async_orchestrator_providers::InvalidConfig> {
    /// let config = AnthropicConfig::official(AnthropicCredential::ApiKey("key".to_owned().into()));
    /// let provider = AnthropicProvider::new(transport, &config, "claude-sonnet-5-5", &Catalogue::builtin())?;
    /// # let _ = provider; Ok(()) }
    /// ```
    pub fn new(
        transport: Transport,
        config: &AnthropicConfig,
        model: &str,
        catalogue: &Catalogue,
    ) -> Result<Self, InvalidConfig> {
        let target = ModelRef::try_new(&config.name, model)?;
        let base = BaseUrl::try_new(&config.name, &config.base_url)?.without_suffix("/v1");
        let capabilities = capabilities(config, &target, catalogue);
        let style = RequestStyle {
            model: target.model().to_owned(),
            structured_output: capabilities.structured_output,
            takes_temperature: capabilities.takes_temperature,
            output_tokens_max: capabilities.output_tokens_max,
            schemas: crate::schema::Rewritten::default(),
        };
        let addresses = [base.join("/v1/messages"), base.join("/v1/models?limit=1000")];
        Ok(Self(HttpProvider::new(transport, headers(config)?, addresses, Anthropic { style }, capabilities)))
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
impl LlmProvider for AnthropicProvider {
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

/// The Messages protocol as one model at one server speaks it.
#[derive(Debug)]
struct Anthropic {
    style: RequestStyle,
}

impl Wire for Anthropic {
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

fn capabilities(config: &AnthropicConfig, target: &ModelRef, catalogue: &Catalogue) -> Capabilities {
    let mut capabilities = Capabilities::unknown(target.clone());
    capabilities.family = family::of(target.model()).unwrap_or_else(|| target.provider().to_owned());
    capabilities.structured_output = StructuredOutput::JsonSchema;
    capabilities.takes_temperature = family::anthropic_takes_temperature(target.model());
    capabilities.continues = family::anthropic_continues(target.model());
    if let Some(facts) = catalogue.facts(target, ProviderKind::Anthropic) {
        facts.apply_to(&mut capabilities);
    }
    if config.version == AnthropicVersion::V2026_10_21 {
        capabilities.takes_temperature = false;
    }
    if let Some(structured_output) = config.structured_output {
        capabilities.structured_output = structured_output;
    }
    capabilities
}

fn headers(config: &AnthropicConfig) -> Result<Headers, InvalidConfig> {
    let mut headers = Headers::new(&config.name);
    headers
        .fixed(HeaderName::from_static("anthropic-version"), HeaderValue::from_static(config.version.name()));
    match (&config.credential, config.version) {
        (AnthropicCredential::ApiKey(key), AnthropicVersion::V2023_06_01) => {
            headers.secret(HeaderName::from_static("x-api-key"), "key", "", key)?;
        }
        (AnthropicCredential::ApiKey(key), AnthropicVersion::V2026_10_21) => {
            headers.secret(AUTHORIZATION, "key", "Bearer ", key)?;
        }
        (AnthropicCredential::AuthToken(token), _) => {
            headers.secret(AUTHORIZATION, "token", "Bearer ", token)?;
        }
        (AnthropicCredential::None, _) => {}
    }
    headers.extra(&config.headers)?;
    Ok(headers)
}
