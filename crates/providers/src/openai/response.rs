//! Reads a Chat Completions reply, and the parts that a streamed one shares with it.

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
    let choice = first_choice(reply).ok_or_else(|| malformed("the reply holds no choice"))?;
    let message = choice.get("message").ok_or_else(|| malformed("the reply's choice holds no message"))?;
    let is_refused =
        message.get("refusal").and_then(Value::as_str).is_some_and(|refusal| !refusal.is_empty());
    let ending = if is_refused {
        Ending::Withheld
    } else {
        choice
            .get("finish_reason")
            .and_then(Value::as_str)
            .map_or(Ending::Finished(FinishReason::Other), ending)
    };
    Ok(Reply {
        text: text(message.get("content")),
        ending,
        usage: usage(reply).unwrap_or_default(),
        id: id(reply),
    })
}

/// The usual reply. Whatever it does not fit (an error, a list of parts, a repeated key) is read as any JSON.
#[derive(Deserialize)]
struct Usual<'a> {
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    choices: [Choice<'a>; 1],
    #[serde(default)]
    usage: Option<Counts>,
    #[serde(default)]
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: u64,
    #[serde(borrow)]
    message: Said<'a>,
    #[serde(borrow)]
    finish_reason: Text<'a>,
}

#[derive(Deserialize)]
struct Said<'a> {
    content: String,
    #[serde(borrow, default)]
    refusal: Option<Text<'a>>,
}

/// Borrowed where it holds no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Default, Deserialize)]
#[serde(default)]
struct Counts {
    prompt_tokens: u64,
    completion_tokens: u64,
    prompt_tokens_details: Option<InputCounts>,
    completion_tokens_details: Option<OutputCounts>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct InputCounts {
    cached_tokens: u64,
    cache_write_tokens: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OutputCounts {
    reasoning_tokens: u64,
}

/// Reads a usual reply without building a document first.
pub(super) fn read_usual(body: &[u8]) -> Option<Reply> {
    let usual: Usual<'_> = serde_json::from_slice(body).ok()?;
    let [Choice { index: 0, message: Said { content, refusal: None }, finish_reason }] = usual.choices else {
        return None;
    };
    if usual.error.is_some() {
        return None;
    }
    let counts = usual.usage.unwrap_or_default();
    let (input, output) = (
        counts.prompt_tokens_details.unwrap_or_default(),
        counts.completion_tokens_details.unwrap_or_default(),
    );
    Some(Reply {
        text: content,
        ending: ending(&finish_reason.0),
        usage: Usage {
            input_tokens: counts.prompt_tokens,
            cached_input_tokens: input.cached_tokens,
            cache_write_tokens: input.cache_write_tokens,
            output_tokens: counts.completion_tokens,
            reasoning_tokens: output.reasoning_tokens,
        },
        id: usual.id.and_then(|id| crate::call::plain_text_id(&id.0)),
    })
}

/// The choice that was asked for; there is never more than one.
pub(super) fn first_choice(value: &Value) -> Option<&Value> {
    let is_first = |choice: &&Value| choice.get("index").and_then(Value::as_u64).unwrap_or(0) == 0;
    value.get("choices")?.as_array()?.iter().find(is_first)
}

/// A text, which some servers write as a list of parts.
pub(super) fn text(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect()
        }
        _ => String::new(),
    }
}

pub(super) fn ending(reason: &str) -> Ending {
    match reason {
        "stop" => Ending::Finished(FinishReason::Stop),
        "length" => Ending::Finished(FinishReason::Length),
        "content_filter" => Ending::Withheld,
        // Gateways report a server that failed in the middle like this.
        "error" => Ending::Failed,
        _ => Ending::Finished(FinishReason::Other),
    }
}

/// The reported usage; `None` if there is none.
pub(super) fn usage(value: &Value) -> Option<Usage> {
    let usage = value.get("usage").filter(|usage| usage.is_object())?;
    Some(Usage {
        input_tokens: count(usage, "/prompt_tokens"),
        cached_input_tokens: count(usage, "/prompt_tokens_details/cached_tokens"),
        cache_write_tokens: count(usage, "/prompt_tokens_details/cache_write_tokens"),
        output_tokens: count(usage, "/completion_tokens"),
        reasoning_tokens: count(usage, "/completion_tokens_details/reasoning_tokens"),
    })
}

pub(super) fn id(value: &Value) -> Option<String> {
    crate::call::plain_id(value.get("id")?)
}
