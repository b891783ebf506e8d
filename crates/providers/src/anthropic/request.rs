//! Writes the body of a Messages request.

use std::{borrow::Cow, sync::Arc};

use async_orchestrator_core::{ChatRole, CompletionRequest, Message, ReplyFormat, StructuredOutput};
use serde::Serialize;
use serde_json::{Error, Value, value::RawValue};

use crate::{
    call::Delivery,
    number,
    schema::{Recursion, Rewritten, Subset, Unions, written},
};

/// What Anthropic's structured output enforces (its guide to structured outputs, read in autumn 2026): no limits of numbers and lengths, no
/// recursion.
pub(super) const FORMAT: Subset = Subset {
    constraints: &["format", "minItems"],
    min_items_max: 1,
    formats: &["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"],
    unions: Unions::AnyOf,
    recursion: Recursion::Refused,
    depth_max: 10,
};

/// The limit of output tokens where neither the caller nor the table names one. The protocol demands a limit; this leaves room for
/// reasoning and keeps a reply within minutes.
const OUTPUT_TOKENS_DEFAULT: u32 = 16_384;

/// What of a request depends on the server and the model, not on the call.
#[derive(Clone, Debug)]
pub(super) struct RequestStyle {
    pub(super) model: String,
    pub(super) structured_output: StructuredOutput,
    pub(super) takes_temperature: bool,
    pub(super) output_tokens_max: Option<u32>,
    pub(super) schemas: Rewritten<Option<Arc<RawValue>>>,
}

/// The body as it is sent. It borrows what it can: a conversation is copied once, into the bytes that go out.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    max_tokens: u32,
    #[serde(skip_serializing_if = "str::is_empty")]
    system: &'a str,
    messages: Vec<Said<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<Value>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig>,
    stream: bool,
}

#[derive(Serialize)]
struct Said<'a> {
    role: &'static str,
    content: &'a str,
}

#[derive(Serialize)]
struct OutputConfig {
    format: Format,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Format {
    JsonSchema { schema: Arc<RawValue> },
}

impl RequestStyle {
    pub(super) fn body(&self, request: &CompletionRequest, delivery: Delivery) -> Result<String, Error> {
        let system = system(request);
        // A conversation of instructions alone becomes one message, because the protocol demands one.
        let (system, messages) = match said(request) {
            messages if messages.is_empty() => ("", vec![Said { role: "user", content: &system }]),
            messages => (&*system, messages),
        };
        // More than the model can give is refused by the vendor, not rounded down.
        let limit = request.max_output_tokens.unwrap_or(OUTPUT_TOKENS_DEFAULT);
        let temperature = request.temperature.filter(|_| self.takes_temperature);
        serde_json::to_string(&Body {
            model: &self.model,
            max_tokens: limit.min(self.output_tokens_max.unwrap_or(u32::MAX)),
            system,
            messages,
            temperature: temperature.map(|temperature| number::rounded(temperature, 0.0..=1.0)),
            stop_sequences: &request.stop,
            output_config: self
                .schema(&request.format)
                .map(|schema| OutputConfig { format: Format::JsonSchema { schema } }),
            stream: delivery == Delivery::Streamed,
        })
    }

    /// The schema to be enforced; `None` where only the prompt asks for JSON. The protocol has no form between the two.
    fn schema(&self, format: &ReplyFormat) -> Option<Arc<RawValue>> {
        match (format, self.structured_output) {
            (ReplyFormat::JsonSchema { schema, .. }, StructuredOutput::JsonSchema) => {
                self.schemas.get(schema, |schema| written(&FORMAT.rewrite(schema).ok()?))
            }
            _ => None,
        }
    }
}

/// The instructions, which have a field of their own. There is mostly one, which is not copied.
fn system(request: &CompletionRequest) -> Cow<'_, str> {
    let mut texts = request.messages.iter().filter(|message| message.role == ChatRole::System);
    let first = texts.next().map_or("", |message| &*message.content);
    texts.fold(Cow::Borrowed(first), |mut all, message| {
        let joined = all.to_mut();
        joined.push_str("\n\n");
        joined.push_str(&message.content);
        all
    })
}

fn said(request: &CompletionRequest) -> Vec<Said<'_>> {
    let said = |message: &'_ Message| -> Option<&'static str> {
        match message.role {
            ChatRole::System => None,
            ChatRole::User => Some("user"),
            ChatRole::Assistant => Some("assistant"),
        }
    };
    let messages = request.messages.iter();
    messages.filter_map(|message| Some(Said { role: said(message)?, content: &message.content })).collect()
}
