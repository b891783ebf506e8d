//! Writes a message that is not streamed, and the parts that a stream shares with it.

use serde::Serialize;

use crate::{
    answer::{Identity, Reply},
    persona::{Finish, Usage},
};

/// What stands in the thinking block of a persona that reasons; nothing here really thinks.
pub(super) const THINKING: &str = "The question is weighed before it is answered.";
pub(super) const SIGNATURE: &str = "c2ltdWxhdGVkIHNpZ25hdHVyZQ==";

#[derive(Serialize)]
struct Message<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'static str,
    model: &'a str,
    content: Vec<Block<'a>>,
    stop_reason: &'static str,
    stop_sequence: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<WireUsage>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'a> {
    Text { text: &'a str },
    Thinking { thinking: &'a str, signature: &'a str },
}

#[derive(Clone, Copy, Default, Serialize)]
pub(super) struct WireUsage {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    output_tokens: u64,
    output_tokens_details: OutputDetails,
    service_tier: &'static str,
}

#[derive(Clone, Copy, Default, Serialize)]
struct OutputDetails {
    thinking_tokens: u64,
}

impl WireUsage {
    /// What `message_start` shows: all of the prompt, and one token of the reply.
    pub(super) fn at_start(self) -> Self {
        Self {
            output_tokens: self.output_tokens.min(1),
            output_tokens_details: OutputDetails::default(),
            ..self
        }
    }
}

impl From<Usage> for WireUsage {
    fn from(usage: Usage) -> Self {
        Self {
            // Here, unlike at OpenAI, the cached tokens are not part of the input tokens.
            input_tokens: usage.input_tokens.saturating_sub(usage.cached_tokens),
            cache_creation_input_tokens: 0,
            cache_read_input_tokens: usage.cached_tokens,
            output_tokens: usage.output_tokens,
            output_tokens_details: OutputDetails { thinking_tokens: usage.reasoning_tokens },
            service_tier: "standard",
        }
    }
}

pub(super) fn stop_reason(reply: &Reply) -> &'static str {
    match reply.finish {
        Finish::Stop if reply.stop_sequence.is_some() => "stop_sequence",
        Finish::Stop => "end_turn",
        Finish::Length => "max_tokens",
        Finish::Filtered => "refusal",
    }
}

pub(crate) fn write(reply: &Reply, identity: &Identity) -> Vec<u8> {
    let mut content = Vec::new();
    if reply.thinking {
        content.push(Block::Thinking { thinking: THINKING, signature: SIGNATURE });
    }
    if !reply.text.is_empty() {
        content.push(Block::Text { text: &reply.text });
    }
    let message = Message {
        id: &identity.id,
        kind: "message",
        role: "assistant",
        model: &identity.model,
        content,
        stop_reason: stop_reason(reply),
        stop_sequence: reply.stop_sequence.as_deref(),
        usage: reply.usage.map(WireUsage::from),
    };
    // Serialising these plain structs cannot fail.
    serde_json::to_vec(&message).unwrap_or_default()
}
