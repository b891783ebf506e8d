//! Reads the chunks of a streamed Chat Completions reply.
//!
//! A reply is complete with the chunk that names its `finish_reason`; `[DONE]` alone is no end.

use std::borrow::Cow;

use async_orchestrator_core::Usage;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use super::response;
use crate::{
    call::{Decode, Ending, Flow, Frame, Reply, StreamFault},
    sse::SseEvent,
    vendor_error::VendorError,
};

/// The usual chunk, read without a copy. Whatever it does not fit (an error, usage, a list of parts, a repeated key) is read as any JSON.
#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    choices: Vec<Choice<'a>>,
    #[serde(default)]
    usage: Option<IgnoredAny>,
    #[serde(default)]
    error: Option<IgnoredAny>,
    /// Random letters that hide how long the text is.
    #[serde(borrow, default)]
    obfuscation: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: u64,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    content: Option<Text<'a>>,
    #[serde(borrow, default)]
    refusal: Option<Text<'a>>,
}

/// Borrowed where it holds no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// What has been read of one stream.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    text: String,
    ending: Option<Ending>,
    is_refused: bool,
    usage: Usage,
    has_usage: bool,
    is_done: bool,
    id: Option<String>,
    /// Of the last usual chunk with nothing but text.
    frame: Frame,
}

impl Decode for Decoder {
    fn event(
        &mut self,
        event: SseEvent<'_>,
        emit: &mut dyn FnMut(&str) -> Result<(), StreamFault>,
    ) -> Result<Flow, StreamFault> {
        let data = event.data.trim();
        if data == "[DONE]" {
            self.is_done = true;
        } else if let Some(text) = self.frame.text(data).filter(|_| event.name != "error") {
            self.say(&text, emit)?;
        } else if let Some(chunk) = usual(event.name, data) {
            self.usual(data, &chunk, emit)?;
        } else if !data.is_empty() {
            let chunk: Value = serde_json::from_str(data)
                .map_err(|_| StreamFault::Protocol("an event of the stream is no JSON"))?;
            if let Some(error) = VendorError::read_event(event.name, &chunk) {
                return Err(StreamFault::Vendor(Box::new(error)));
            }
            self.chunk(&chunk, emit)?;
        }
        Ok(self.flow())
    }

    fn take_reply(&mut self) -> Option<Reply> {
        let ending = if self.is_refused { Ending::Withheld } else { self.ending? };
        Some(Reply { text: std::mem::take(&mut self.text), ending, usage: self.usage, id: self.id.take() })
    }
}

/// The chunk of `data`, if it is a usual one.
fn usual<'a>(name: &str, data: &'a str) -> Option<Chunk<'a>> {
    if name == "error" {
        return None;
    }
    serde_json::from_str(data).ok().filter(|chunk: &Chunk<'_>| chunk.usage.is_none() && chunk.error.is_none())
}

impl Decoder {
    fn usual(
        &mut self,
        data: &str,
        chunk: &Chunk<'_>,
        emit: &mut dyn FnMut(&str) -> Result<(), StreamFault>,
    ) -> Result<(), StreamFault> {
        if self.id.is_none() {
            self.id = chunk.id.as_ref().and_then(|id| crate::call::plain_text_id(&id.0));
        }
        let Some(choice) = chunk.choices.iter().find(|choice| choice.index == 0) else { return Ok(()) };
        if let Some(delta) = &choice.delta {
            let is_refused = delta.refusal.as_ref().is_some_and(|refusal| !refusal.0.is_empty());
            self.is_refused |= is_refused;
            if let Some(content) = &delta.content {
                if !is_refused && choice.finish_reason.is_none() {
                    let padding = chunk.obfuscation.as_ref().map(|padding| &*padding.0);
                    self.frame.learn(data, &content.0, padding);
                }
                self.say(&content.0, emit)?;
            }
        }
        if let Some(reason) = &choice.finish_reason {
            // A repeated last chunk changes nothing.
            self.ending.get_or_insert(response::ending(&reason.0));
        }
        Ok(())
    }

    fn chunk(
        &mut self,
        chunk: &Value,
        emit: &mut dyn FnMut(&str) -> Result<(), StreamFault>,
    ) -> Result<(), StreamFault> {
        if self.id.is_none() {
            self.id = response::id(chunk);
        }
        if let Some(usage) = response::usage(chunk) {
            self.usage = self.usage.merged(usage);
            self.has_usage = true;
        }
        let Some(choice) = response::first_choice(chunk) else { return Ok(()) };
        if let Some(delta) = choice.get("delta") {
            self.delta(delta, emit)?;
        }
        if let Some(reason) = choice.get("finish_reason").and_then(Value::as_str) {
            // A repeated last chunk changes nothing.
            self.ending.get_or_insert(response::ending(reason));
        }
        Ok(())
    }

    fn delta(
        &mut self,
        delta: &Value,
        emit: &mut dyn FnMut(&str) -> Result<(), StreamFault>,
    ) -> Result<(), StreamFault> {
        self.is_refused |=
            delta.get("refusal").and_then(Value::as_str).is_some_and(|refusal| !refusal.is_empty());
        self.say(&response::text(delta.get("content")), emit)
    }

    fn say(
        &mut self,
        text: &str,
        emit: &mut dyn FnMut(&str) -> Result<(), StreamFault>,
    ) -> Result<(), StreamFault> {
        if text.is_empty() {
            return Ok(());
        }
        if self.ending.is_some() {
            return Err(StreamFault::Protocol("text follows the end of the streamed reply"));
        }
        emit(text)?;
        self.text.push_str(text);
        Ok(())
    }

    fn flow(&self) -> Flow {
        match (self.ending.is_some(), self.is_done, self.has_usage) {
            (_, true, _) | (true, _, true) => Flow::Over,
            (true, false, false) => Flow::Answered,
            (false, false, _) => Flow::Open,
        }
    }
}
