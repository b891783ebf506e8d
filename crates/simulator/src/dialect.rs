//! The one place that chooses between the vendors: each step of a call, in the format that was called.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::Value;

use crate::{
    answer::{Events, Identity, Reply},
    anthropic,
    ask::{Ask, StreamOptions, WireError},
    body::ReplyBody,
    dice::Dice,
    openai,
    schema::rules::SchemaRules,
    stats::{CallGuard, Endpoint},
};

/// A vendor's format, for one request.
#[derive(Debug)]
pub(crate) struct Dialect {
    endpoint: Endpoint,
    request_id: String,
}

impl Dialect {
    pub(crate) fn of(endpoint: Endpoint, dice: &Dice, number: u64) -> Self {
        let mut dice = dice.of("request").at(number);
        let request_id = match endpoint {
            Endpoint::ChatCompletions => format!("req_{:016x}{:016x}", dice.next(), dice.next()),
            Endpoint::Messages => format!("req_011{}", dice.token(21)),
        };
        Self { endpoint, request_id }
    }

    /// Checks what a vendor wants in the headers before it reads the body.
    pub(crate) fn check_headers(&self, headers: &HeaderMap, keys: &[String]) -> Result<(), WireError> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let bearer = text("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let (given, wanted) = match (self.endpoint, text("anthropic-version")) {
            (Endpoint::ChatCompletions, _) | (Endpoint::Messages, Some(anthropic::VERSION_2026)) => {
                (bearer, "Authorization: Bearer KEY")
            }
            (Endpoint::Messages, Some(anthropic::VERSION_2023)) => (text("x-api-key"), "x-api-key: KEY"),
            (Endpoint::Messages, None) => {
                return Err(WireError::invalid("anthropic-version", "anthropic-version: header is required"));
            }
            (Endpoint::Messages, Some(other)) => {
                let message = format!("anthropic-version: {other:?} is not a valid version");
                return Err(WireError::invalid("anthropic-version", message));
            }
        };
        let unauthorized = |message: String| Err(WireError::new(StatusCode::UNAUTHORIZED, message));
        match given {
            _ if keys.is_empty() => {}
            None => return unauthorized(format!("You didn't provide an API key: send the header {wanted}.")),
            Some(key) if !keys.iter().any(|known| known == key) => {
                return unauthorized("Incorrect API key provided.".into());
            }
            Some(_) => {}
        }
        let json = text("content-type").is_some_and(|kind| kind.trim_start().starts_with("application/json"));
        if json {
            return Ok(());
        }
        Err(WireError::invalid(
            "content-type",
            "The request must have the header content-type: application/json.",
        ))
    }

    pub(crate) fn read(
        &self,
        headers: &HeaderMap,
        body: &Value,
        rules: SchemaRules,
    ) -> Result<Ask, WireError> {
        let version =
            headers.get("anthropic-version").and_then(|value| value.to_str().ok()).unwrap_or_default();
        match self.endpoint {
            Endpoint::ChatCompletions => openai::request::read(body, rules),
            Endpoint::Messages => anthropic::request::read(body, version, rules),
        }
    }

    pub(crate) fn unknown_model(&self, model: &str) -> WireError {
        let message = match self.endpoint {
            Endpoint::ChatCompletions => {
                format!("The model `{model}` does not exist or you do not have access to it.")
            }
            Endpoint::Messages => format!("model: {model}"),
        };
        WireError::new(StatusCode::NOT_FOUND, message)
    }

    pub(crate) fn context_too_long(&self, tokens: u64, max: u64) -> WireError {
        match self.endpoint {
            Endpoint::ChatCompletions => {
                let message = format!(
                    "This model's maximum context length is {max} tokens. However, your messages resulted in \
                     {tokens} tokens. Please reduce the length of the messages."
                );
                WireError::invalid("messages", message).code("context_length_exceeded")
            }
            Endpoint::Messages => WireError::new(
                StatusCode::BAD_REQUEST,
                format!("prompt is too long: {tokens} tokens > {max} maximum"),
            ),
        }
    }

    pub(crate) fn reply_id(&self, dice: &mut Dice) -> String {
        match self.endpoint {
            Endpoint::ChatCompletions => format!("chatcmpl-{}", dice.token(29)),
            Endpoint::Messages => format!("msg_01{}", dice.token(22)),
        }
    }

    pub(crate) fn whole(&self, reply: &Reply, identity: &Identity) -> Vec<u8> {
        match self.endpoint {
            Endpoint::ChatCompletions => openai::response::write(reply, identity),
            Endpoint::Messages => anthropic::response::write(reply, identity),
        }
    }

    pub(crate) fn events(
        &self,
        reply: &Reply,
        identity: &Identity,
        options: StreamOptions,
        deltas: &[&str],
        dice: &Dice,
    ) -> Events {
        match self.endpoint {
            Endpoint::ChatCompletions => openai::stream::write(reply, identity, options, deltas, dice),
            Endpoint::Messages => anthropic::stream::write(reply, identity, deltas),
        }
    }

    fn error(&self, error: &WireError) -> Value {
        match self.endpoint {
            Endpoint::ChatCompletions => openai::error::write(error),
            Endpoint::Messages => anthropic::error::write(error, &self.request_id),
        }
    }

    pub(crate) fn error_body(&self, error: &WireError) -> Bytes {
        self.error(error).to_string().into()
    }

    pub(crate) fn error_event(&self, error: &WireError) -> Bytes {
        match self.endpoint {
            Endpoint::ChatCompletions => format!("data: {}\n\n", self.error(error)).into(),
            Endpoint::Messages => anthropic::stream::event(&self.error(error)),
        }
    }

    /// An error reply; the call is finished with it.
    pub(crate) fn refuse(&self, error: &WireError, call: CallGuard) -> Response<ReplyBody> {
        self.finished(error.status, "application/json", self.error_body(error), call)
    }

    /// A reply known in whole.
    pub(crate) fn finished(
        &self,
        status: StatusCode,
        content_type: &'static str,
        body: Bytes,
        call: CallGuard,
    ) -> Response<ReplyBody> {
        self.response(status, content_type, ReplyBody::whole(body, Some(call)))
    }

    pub(crate) fn response(
        &self,
        status: StatusCode,
        content_type: &'static str,
        body: ReplyBody,
    ) -> Response<ReplyBody> {
        body.count_status(status.as_u16());
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        if content_type.starts_with("text/event-stream") {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
        let name = match self.endpoint {
            Endpoint::ChatCompletions => "x-request-id",
            Endpoint::Messages => "request-id",
        };
        if let Ok(id) = HeaderValue::try_from(&self.request_id) {
            headers.insert(HeaderName::from_static(name), id);
        }
        response
    }
}

impl WireError {
    /// The error that vendors send with `code`.
    pub(crate) fn of_status(code: u16) -> Self {
        let message = match code {
            400 => "The request is not valid.",
            401 => "Incorrect API key provided.",
            402 => "Your credit balance is too low.",
            403 => "You do not have permission for this resource.",
            404 => "The requested resource was not found.",
            409 => "The request conflicts with another one.",
            413 => "The request is too large.",
            429 => "Rate limit reached for requests. Please try again later.",
            503 => "The engine is currently overloaded, please try again later.",
            504 => "The request took too long.",
            529 => "Overloaded",
            500.. => "The server had an error while processing your request.",
            _ => "The request failed.",
        };
        Self::new(StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), message)
    }
}
