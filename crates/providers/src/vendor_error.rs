//! A vendor's error object, whatever its shape, and the classes that both vendors share.

use async_orchestrator_core::ErrorKind;
use serde_json::{Map, Value};
use std::time::Duration;

/// What a vendor says went wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct VendorError {
    /// The HTTP status; inside a stream, the one that the error names, if it names one.
    pub(crate) status: Option<u16>,
    /// Its `type`.
    pub(crate) class: Option<String>,
    /// Its `code`.
    pub(crate) code: Option<String>,
    /// The parameter that it blames.
    pub(crate) param: Option<String>,
    /// Its free text. It may repeat what was sent: nothing but [`Redactor`](crate::redact::Redactor) may show it.
    pub(crate) message: Option<String>,
    /// The vendor's id of the call.
    pub(crate) request_id: Option<String>,
    /// How long to wait.
    pub(crate) retry_after: Option<Duration>,
}

impl VendorError {
    /// Reads `{"error": {...}}`, `{"error": "text"}` and Anthropic's `{"type": "error", "error": {...}}`; `None` if `value` is no error.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        let outer = value.as_object()?;
        let mut read = match outer.get("error")? {
            Value::Object(error) => Self::from_fields(error),
            Value::String(message) => Self { message: Some(message.clone()), ..Self::default() },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => return None,
        };
        read.request_id = text(outer, "request_id").or(read.request_id);
        Some(read)
    }

    /// Reads the error of a stream's event: an error object, or any object in an event called `error`.
    pub(crate) fn read_event(name: &str, value: &Value) -> Option<Self> {
        Self::read(value).or_else(|| Some(Self::from_fields(value.as_object().filter(|_| name == "error")?)))
    }

    fn from_fields(error: &Map<String, Value>) -> Self {
        let details = error.get("details").and_then(Value::as_object);
        let code = text(error, "code").or_else(|| details.and_then(|details| text(details, "error_code")));
        // Some gateways put the status of the server behind them into `code`.
        let status =
            code.as_ref().and_then(|code| code.parse().ok()).filter(|status| (400..600).contains(status));
        Self {
            status,
            class: text(error, "type"),
            code,
            param: text(error, "param"),
            message: text(error, "message"),
            request_id: text(error, "request_id"),
            retry_after: None,
        }
    }

    /// Whether its `type` or `code` is one of `names`.
    pub(crate) fn is_named(&self, names: &[&str]) -> bool {
        [&self.class, &self.code].into_iter().flatten().any(|name| names.contains(&name.as_str()))
    }

    /// Whether its text holds one of `phrases`, which are lower-case.
    pub(crate) fn mentions(&self, phrases: &[&str]) -> bool {
        let message = self.message.as_deref().unwrap_or_default().to_lowercase();
        phrases.iter().any(|phrase| message.contains(phrase))
    }

    /// Whether it says that the prompt is too long, in the words of any vendor or server.
    pub(crate) fn is_about_length(&self) -> bool {
        self.is_named(&[
            "context_length_exceeded",
            "string_above_max_length",
            "request_too_large",
            "exceed_context_size_error",
            "model_context_window_exceeded",
        ]) || self.mentions(&[
            "maximum context length",
            "context length exceeded",
            "exceeds the context",
            "exceed context limit",
            "exceeds the available context",
            "context window",
            "prompt is too long",
            "input is too long",
            "request too large",
        ])
    }

    /// The class by status alone. What a vendor says more exactly is asked before.
    pub(crate) fn kind_by_status(&self) -> ErrorKind {
        let retry_after = self.retry_after;
        match self.status {
            Some(401 | 403) => ErrorKind::Unauthorized,
            Some(402) => ErrorKind::QuotaExhausted,
            Some(408 | 409 | 425) => ErrorKind::Unavailable,
            Some(413) => ErrorKind::ContextTooLong,
            Some(429) => ErrorKind::RateLimited { retry_after },
            Some(529) => ErrorKind::Overloaded { retry_after },
            // Inside a stream there is no status: the words must do.
            Some(503) | None
                if retry_after.is_some() || self.mentions(&["overload", "capacity", "too busy"]) =>
            {
                ErrorKind::Overloaded { retry_after }
            }
            Some(300..500) => ErrorKind::Invalid,
            // A 5xx, or an error inside a stream that names no class: the server failed.
            Some(_) | None => ErrorKind::Unavailable,
        }
    }
}

/// A string or number as text.
fn text(map: &Map<String, Value>, key: &str) -> Option<String> {
    match map.get(key)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
