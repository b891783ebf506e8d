//! Reads a Messages reply, and the parts that a streamed one shares with it.

use std::borrow::Cow;

use async_orchestrator_core::{ErrorKind, FinishReason, ProviderError, Usage};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use crate::{
    call::{Ending, Reply},
    number::count,
};

pub(super) fn read(reply: &Value) -> Result<Reply, ProviderError> {
    let malformed = |detail: &str| ProviderError::new(ErrorKind::Malformed).with_detail(detail);
    let blocks = reply.get("content").and_then(Value::as_array);
    let blocks = blocks.ok_or_else(|| malformed("the reply holds no list of content"))?;
    let is_text = |block: &&Value| block.get("type").and_then(Value::as_str) == Some("text");
    let text = blocks.iter().filter(is_text).filter_map(|block| block.get("text")?.as_str()).collect();
    let mut usage = Tokens::default();
    usage.merge(reply.get("usage"));
    Ok(Reply {
        text,
        ending: reply
            .get("stop_reason")
            .and_then(Value::as_str)
            .map_or(Ending::Finished(FinishReason::Other), ending),
        usage: usage.total(),
        id: reply.get("id").and_then(crate::call::plain_id),
    })
}

/// The usual reply: texts and nothing else. Whatever it does not fit (an error, thinking, a repeated key) is read as any JSON.
#[derive(Deserialize)]
struct Usual<'a> {
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    content: Vec<Block<'a>>,
    #[serde(borrow)]
    stop_reason: Text<'a>,
    usage: Value,
    #[serde(default)]
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    text: String,
}

/// Borrowed where it holds no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Reads a usual reply without building a document first.
pub(super) fn read_usual(body: &[u8]) -> Option<Reply> {
    let mut usual: Usual<'_> = serde_json::from_slice(body).ok()?;
    if usual.error.is_some() || usual.content.iter().any(|block| block.kind.0 != "text") {
        return None;
    }
    let mut usage = Tokens::default();
    usage.merge(Some(&usual.usage));
    let text = match usual.content.as_mut_slice() {
        [only] => std::mem::take(&mut only.text),
        several => several.iter().map(|block| &*block.text).collect(),
    };
    Some(Reply {
        text,
        ending: ending(&usual.stop_reason.0),
        usage: usage.total(),
        id: usual.id.and_then(|id| crate::call::plain_text_id(&id.0)),
    })
}

pub(super) fn ending(reason: &str) -> Ending {
    match reason {
        "end_turn" => Ending::Finished(FinishReason::Stop),
        "max_tokens" => Ending::Finished(FinishReason::Length),
        "stop_sequence" => Ending::Finished(FinishReason::StopSequence),
        "refusal" => Ending::Withheld,
        "model_context_window_exceeded" => Ending::WindowFull,
        _ => Ending::Finished(FinishReason::Other),
    }
}

/// The counts as the protocol reports them, before they are added up: an event may repeat some and leave out others.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tokens {
    uncached_input: u64,
    cache_read: u64,
    cache_write: u64,
    output: u64,
    thinking: u64,
}

impl Tokens {
    pub(super) fn merge(&mut self, usage: Option<&Value>) {
        let Some(usage) = usage else { return };
        for (kept, path) in [
            (&mut self.uncached_input, "/input_tokens"),
            (&mut self.cache_read, "/cache_read_input_tokens"),
            (&mut self.cache_write, "/cache_creation_input_tokens"),
            (&mut self.output, "/output_tokens"),
            (&mut self.thinking, "/output_tokens_details/thinking_tokens"),
        ] {
            *kept = (*kept).max(count(usage, path));
        }
    }

    /// The usage in our words, where the input includes what went through the cache.
    pub(super) fn total(self) -> Usage {
        Usage {
            input_tokens: self
                .uncached_input
                .saturating_add(self.cache_read)
                .saturating_add(self.cache_write),
            cached_input_tokens: self.cache_read,
            cache_write_tokens: self.cache_write,
            output_tokens: self.output,
            reasoning_tokens: self.thinking,
        }
    }
}
