//! Reads the events of a streamed Messages reply. It is complete with `message_stop` and with nothing else.

use std::{borrow::Cow, collections::HashMap};

use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use super::response::{self, Tokens};
use crate::{
    call::{Decode, Ending, Flow, Frame, Reply, StreamFault},
    sse::SseEvent,
    vendor_error::VendorError,
};

/// No reply has as many blocks; a server that opens more is out of order.
const BLOCKS_MAX: usize = 1_024;

/// The usual event, a piece of text, read without a copy. Every other one is read as any JSON.
#[derive(Deserialize)]
struct Piece<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(default)]
    index: u64,
    #[serde(borrow)]
    delta: TextDelta<'a>,
    #[serde(default)]
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct TextDelta<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    text: Cow<'a, str>,
}

impl Piece<'_> {
    fn may_be_named(event: &str) -> bool {
        matches!(event, "content_block_delta" | "")
    }

    /// The piece of text in `data`, if it is one and nothing else.
    fn read<'a>(name: &str, data: &'a str) -> Option<Piece<'a>> {
        if !Self::may_be_named(name) {
            return None;
        }
        serde_json::from_str(data).ok().filter(|piece: &Piece<'_>| {
            piece.kind == "content_block_delta" && piece.delta.kind == "text_delta" && piece.error.is_none()
        })
    }
}

type Emit<'e> = &'e mut dyn FnMut(&str) -> Result<(), StreamFault>;

/// What has been read of one stream.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    text: String,
    blocks: HashMap<u64, Block>,
    /// The block that spoke last. Text of an earlier one would stand in the wrong place.
    speaking: u64,
    ending: Option<Ending>,
    usage: Tokens,
    has_stopped: bool,
    id: Option<String>,
    /// Of the last usual piece of text, and its block.
    frame: (Frame, u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    Open,
    Closed,
}

impl Decode for Decoder {
    fn event(&mut self, event: SseEvent<'_>, emit: Emit<'_>) -> Result<Flow, StreamFault> {
        let data = event.data.trim();
        if data.is_empty() {
            return Ok(self.flow());
        }
        if let Some(text) = self.frame.0.text(data).filter(|_| Piece::may_be_named(event.name)) {
            self.text_of(self.frame.1, Some(&text), emit)?;
            return Ok(self.flow());
        }
        if let Some(piece) = Piece::read(event.name, data) {
            self.frame.0.learn(data, &piece.delta.text, None);
            self.frame.1 = piece.index;
            self.text_of(piece.index, Some(&piece.delta.text), emit)?;
            return Ok(self.flow());
        }
        let value: Value = serde_json::from_str(data)
            .map_err(|_| StreamFault::Protocol("an event of the stream is no JSON"))?;
        if let Some(error) = VendorError::read_event(event.name, &value) {
            return Err(StreamFault::Vendor(Box::new(error)));
        }
        let kind = value.get("type").and_then(Value::as_str).unwrap_or(event.name);
        match kind {
            "message_start" => {
                let message = value.get("message");
                self.usage.merge(message.and_then(|message| message.get("usage")));
                self.id = message.and_then(|message| message.get("id")).and_then(crate::call::plain_id);
            }
            "content_block_start" => self.open(index(&value), value.get("content_block"), emit)?,
            "content_block_delta" => self.delta(index(&value), value.get("delta"), emit)?,
            "content_block_stop" => {
                self.blocks.insert(index(&value), Block::Closed);
            }
            "message_delta" => {
                self.usage.merge(value.get("usage"));
                if let Some(reason) = value.pointer("/delta/stop_reason").and_then(Value::as_str) {
                    self.ending = Some(response::ending(reason));
                }
            }
            "message_stop" => self.has_stopped = true,
            // `ping`, and whatever the vendor adds: its clients are told to ignore what they do not know.
            _ => {}
        }
        Ok(self.flow())
    }

    fn take_reply(&mut self) -> Option<Reply> {
        let ending = self.ending?;
        let (text, usage) = (std::mem::take(&mut self.text), self.usage.total());
        Some(Reply { text, ending, usage, id: self.id.take() })
    }
}

impl Decoder {
    fn open(&mut self, index: u64, block: Option<&Value>, emit: Emit<'_>) -> Result<(), StreamFault> {
        match self.blocks.get(&index) {
            // Said twice: nothing new.
            Some(Block::Open) => return Ok(()),
            Some(Block::Closed) => return Err(StreamFault::Protocol("a block of the stream begins anew")),
            None if self.blocks.len() >= BLOCKS_MAX => {
                return Err(StreamFault::Protocol("the stream has too many blocks"));
            }
            None => self.blocks.insert(index, Block::Open),
        };
        let text = block.filter(|block| block["type"] == "text").and_then(|block| block["text"].as_str());
        self.say(index, text, emit)
    }

    fn delta(&mut self, index: u64, delta: Option<&Value>, emit: Emit<'_>) -> Result<(), StreamFault> {
        // Thinking, signatures and tool input are no part of the text.
        let text =
            delta.filter(|delta| delta["type"] == "text_delta").and_then(|delta| delta["text"].as_str());
        self.text_of(index, text, emit)
    }

    fn text_of(&mut self, index: u64, text: Option<&str>, emit: Emit<'_>) -> Result<(), StreamFault> {
        if self.blocks.get(&index) != Some(&Block::Open) {
            return Err(StreamFault::Protocol("a piece of the stream belongs to no open block"));
        }
        self.say(index, text, emit)
    }

    fn say(&mut self, index: u64, text: Option<&str>, emit: Emit<'_>) -> Result<(), StreamFault> {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(()) };
        if index < self.speaking {
            return Err(StreamFault::Protocol("the blocks of the stream are out of order"));
        }
        if self.has_stopped {
            return Err(StreamFault::Protocol("text follows the end of the streamed reply"));
        }
        self.speaking = index;
        emit(text)?;
        self.text.push_str(text);
        Ok(())
    }

    fn flow(&self) -> Flow {
        if self.has_stopped { Flow::Over } else { Flow::Open }
    }
}

fn index(value: &Value) -> u64 {
    value.get("index").and_then(Value::as_u64).unwrap_or(0)
}
