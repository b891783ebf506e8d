//! Writes the body of a Chat Completions request.

use async_orchestrator_core::{ChatRole, CompletionRequest, Message, ReplyFormat, StructuredOutput};
use serde_json::{Map, Value, json};

use super::OpenAiDialect;
use crate::{
    call::Delivery,
    number,
    schema::{self, Recursion, Subset, Unions},
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
}

impl RequestStyle {
    pub(super) fn body(&self, request: &CompletionRequest, delivery: Delivery) -> Value {
        let mut body = Map::new();
        let mut set = |key: &str, value: Value| body.insert(key.to_owned(), value);
        let format = self.format(&request.format);
        set("model", json!(self.model));
        set("messages", self.messages(request, format.as_ref()));
        if let Some(limit) = request.max_output_tokens {
            let key = match self.dialect {
                OpenAiDialect::Official => "max_completion_tokens",
                OpenAiDialect::Compatible => "max_tokens",
            };
            // More than the model can give is refused by the vendor, not rounded down.
            set(key, json!(limit.min(self.output_tokens_max.unwrap_or(u32::MAX))));
        }
        if self.takes_temperature {
            if let Some(temperature) = request.temperature {
                set("temperature", number::rounded(temperature, 0.0..=2.0));
            }
            // A model that fixes its sampling has no use for a seed either. The protocol's number is signed.
            if let Some(seed) = request.seed {
                set("seed", json!(seed & (u64::MAX >> 1)));
            }
        }
        if !request.stop.is_empty() {
            set("stop", json!(request.stop));
        }
        if let Some(format) = format {
            set("response_format", format);
        }
        if self.dialect == OpenAiDialect::Official {
            set("store", json!(false));
        }
        set("stream", json!(delivery == Delivery::Streamed));
        if delivery == Delivery::Streamed {
            set("stream_options", json!({"include_usage": true}));
        }
        Value::Object(body)
    }

    fn messages(&self, request: &CompletionRequest, format: Option<&Value>) -> Value {
        let mut messages: Vec<Value> = request.messages.iter().map(|message| self.message(message)).collect();
        let is_any_object = format.is_some_and(|format| format["type"] == "json_object");
        let says_json = |message: &Message| message.content.to_ascii_lowercase().contains("json");
        if is_any_object && !request.messages.iter().any(says_json) {
            // The vendor refuses this format for a conversation without the word.
            messages.push(self.message(&Message::system("Answer with one JSON object and nothing else.")));
        }
        Value::Array(messages)
    }

    fn message(&self, message: &Message) -> Value {
        let role = match (message.role, self.dialect) {
            (ChatRole::System, OpenAiDialect::Official) => "developer",
            (ChatRole::System, OpenAiDialect::Compatible) => "system",
            (ChatRole::User, _) => "user",
            (ChatRole::Assistant, _) => "assistant",
        };
        json!({"role": role, "content": message.content})
    }

    /// The `response_format`; `None` where only the prompt asks for JSON.
    fn format(&self, format: &ReplyFormat) -> Option<Value> {
        let ReplyFormat::JsonSchema { name, schema } = format else { return None };
        match self.structured_output {
            StructuredOutput::JsonSchema => self.json_schema(name, schema),
            StructuredOutput::JsonObject => Some(json!({"type": "json_object"})),
            _ => None,
        }
    }

    fn json_schema(&self, name: &str, schema: &Value) -> Option<Value> {
        let format = |json_schema: Value| Some(json!({"type": "json_schema", "json_schema": json_schema}));
        let whole = schema::without_identity(schema);
        match self.dialect {
            OpenAiDialect::Compatible => format(json!({"name": name, "schema": whole})),
            OpenAiDialect::Official => match STRICT.rewrite(schema) {
                Ok(subset) => format(json!({"name": name, "strict": true, "schema": subset})),
                // Not enforced, but the model sees it.
                Err(_) if schema::is_object(schema) => {
                    format(json!({"name": name, "strict": false, "schema": whole}))
                }
                Err(_) => None,
            },
        }
    }
}
