//! Writes the body of a Chat Completions request.

use std::sync::Arc;

use async_orchestrator_core::{ChatRole, CompletionRequest, Message, ReplyFormat, StructuredOutput};
use serde::Serialize;
use serde_json::{Error, Value, value::RawValue};

use super::OpenAiDialect;
use crate::{
    call::Delivery,
    number,
    schema::{self, Recursion, Rewritten, Subset, Unions},
};

/// What OpenAI's strict mode enforces (its guide to structured outputs, read in autumn 2026). Lengths of strings are not among it.
pub(super) const STRICT: Subset = Subset {
    constraints: &[
        "pattern",
        "format",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minItems",
        "maxItems",
    ],
    min_items_max: u64::MAX,
    formats: &["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"],
    unions: Unions::TypeList,
    recursion: Recursion::Allowed,
    depth_max: 10,
};

/// What of a request depends on the server and the model, not on the call.
#[derive(Clone, Debug)]
pub(super) struct RequestStyle {
    pub(super) dialect: OpenAiDialect,
    pub(super) model: String,
    pub(super) structured_output: StructuredOutput,
    pub(super) takes_temperature: bool,
    pub(super) output_tokens_max: Option<u32>,
    pub(super) schemas: Rewritten<Option<Sent>>,
}

/// The body as it is sent. It borrows what it can: a conversation is copied once, into the bytes that go out.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<Said<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Format<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<bool>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

#[derive(Serialize)]
struct Said<'a> {
    role: &'static str,
    content: &'a str,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Format<'a> {
    JsonObject,
    JsonSchema { json_schema: Named<'a> },
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
    schema: Arc<RawValue>,
}

/// A schema in the form in which it is sent.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    strict: Option<bool>,
    schema: Arc<RawValue>,
}

impl RequestStyle {
    pub(super) fn body(&self, request: &CompletionRequest, delivery: Delivery) -> Result<String, Error> {
        let format = self.format(&request.format);
        // More than the model can give is refused by the vendor, not rounded down.
        let limit =
            request.max_output_tokens.map(|limit| limit.min(self.output_tokens_max.unwrap_or(u32::MAX)));
        let is_official = self.dialect == OpenAiDialect::Official;
        let is_streamed = delivery == Delivery::Streamed;
        // A model that fixes its sampling has no use for a seed either. The protocol's number is signed.
        let samples = self.takes_temperature;
        serde_json::to_string(&Body {
            model: &self.model,
            messages: self.messages(request, format.as_ref()),
            max_completion_tokens: limit.filter(|_| is_official),
            max_tokens: limit.filter(|_| !is_official),
            temperature: request
                .temperature
                .filter(|_| samples)
                .map(|temperature| number::rounded(temperature, 0.0..=2.0)),
            seed: request.seed.filter(|_| samples).map(|seed| seed & (u64::MAX >> 1)),
            stop: &request.stop,
            response_format: format,
            store: is_official.then_some(false),
            stream: is_streamed,
            stream_options: is_streamed.then_some(StreamOptions { include_usage: true }),
        })
    }

    fn messages<'a>(&self, request: &'a CompletionRequest, format: Option<&Format<'_>>) -> Vec<Said<'a>> {
        let said = |message: &'a Message| Said { role: self.role(message.role), content: &message.content };
        let mut messages: Vec<Said<'a>> = request.messages.iter().map(said).collect();
        let says_json = |message: &Message| message.content.to_ascii_lowercase().contains("json");
        if matches!(format, Some(Format::JsonObject)) && !request.messages.iter().any(says_json) {
            // The vendor refuses this format for a conversation without the word.
            let content = "Answer with one JSON object and nothing else.";
            messages.push(Said { role: self.role(ChatRole::System), content });
        }
        messages
    }

    const fn role(&self, role: ChatRole) -> &'static str {
        match (role, self.dialect) {
            (ChatRole::System, OpenAiDialect::Official) => "developer",
            (ChatRole::System, OpenAiDialect::Compatible) => "system",
            (ChatRole::User, _) => "user",
            (ChatRole::Assistant, _) => "assistant",
        }
    }

    /// The `response_format`; `None` where only the prompt asks for JSON.
    fn format<'a>(&self, format: &'a ReplyFormat) -> Option<Format<'a>> {
        let ReplyFormat::JsonSchema { name, schema } = format else { return None };
        match self.structured_output {
            StructuredOutput::JsonSchema => {
                let Sent { strict, schema } = self.schemas.get(schema, |schema| self.rewrite(schema))?;
                Some(Format::JsonSchema { json_schema: Named { name, strict, schema } })
            }
            StructuredOutput::JsonObject => Some(Format::JsonObject),
            _ => None,
        }
    }

    fn rewrite(&self, schema: &Value) -> Option<Sent> {
        let sent = |strict, schema: &Value| Some(Sent { strict, schema: schema::written(schema)? });
        let whole = schema::without_identity(schema);
        match self.dialect {
            OpenAiDialect::Compatible => sent(None, &whole),
            OpenAiDialect::Official => match STRICT.rewrite(schema) {
                Ok(subset) => sent(Some(true), &subset),
                // Not enforced, but the model sees it.
                Err(_) if schema::is_object(schema) => sent(Some(false), &whole),
                Err(_) => None,
            },
        }
    }
}
