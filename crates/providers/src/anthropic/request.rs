//! Writes the body of a Messages request.

use async_orchestrator_core::{ChatRole, CompletionRequest, ReplyFormat, StructuredOutput};
use serde_json::{Map, Value, json};

use crate::{
    call::Delivery,
    number,
    schema::{Recursion, Subset, Unions},
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
}

impl RequestStyle {
    pub(super) fn body(&self, request: &CompletionRequest, delivery: Delivery) -> Value {
        let mut body = Map::new();
        let mut set = |key: &str, value: Value| body.insert(key.to_owned(), value);
        let (system, messages) = conversation(request);
        set("model", json!(self.model));
        // More than the model can give is refused by the vendor, not rounded down.
        let limit = request.max_output_tokens.unwrap_or(OUTPUT_TOKENS_DEFAULT);
        set("max_tokens", json!(limit.min(self.output_tokens_max.unwrap_or(u32::MAX))));
        if !system.is_empty() {
            set("system", json!(system));
        }
        set("messages", Value::Array(messages));
        if self.takes_temperature
            && let Some(temperature) = request.temperature
        {
            set("temperature", number::rounded(temperature, 0.0..=1.0));
        }
        if !request.stop.is_empty() {
            set("stop_sequences", json!(request.stop));
        }
        if let Some(schema) = self.schema(&request.format) {
            set("output_config", json!({"format": {"type": "json_schema", "schema": schema}}));
        }
        set("stream", json!(delivery == Delivery::Streamed));
        Value::Object(body)
    }

    /// The schema to be enforced; `None` where only the prompt asks for JSON. The protocol has no form between the two.
    fn schema(&self, format: &ReplyFormat) -> Option<Value> {
        match (format, self.structured_output) {
            (ReplyFormat::JsonSchema { schema, .. }, StructuredOutput::JsonSchema) => {
                FORMAT.rewrite(schema).ok()
            }
            _ => None,
        }
    }
}

/// The instructions, which have a field of their own, and the messages. A conversation of instructions alone becomes one message, because the
/// protocol demands one.
fn conversation(request: &CompletionRequest) -> (String, Vec<Value>) {
    let mut system = String::new();
    let mut messages = Vec::new();
    for message in &request.messages {
        let role = match message.role {
            ChatRole::System => {
                if !system.is_empty() {
                    system.push_str("\n\n");
                }
                system.push_str(&message.content);
                continue;
            }
            ChatRole::User => "user",
            ChatRole::Assistant => "assistant",
        };
        messages.push(json!({"role": role, "content": message.content}));
    }
    if messages.is_empty() {
        messages.push(json!({"role": "user", "content": std::mem::take(&mut system)}));
    }
    (system, messages)
}
