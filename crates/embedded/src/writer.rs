//! Writes a reply token by token into a sink: what is common to text, sections and JSON.

mod stop;

use crate::{
    EngineError,
    cancel::Cancel,
    model::Session,
    sampler::Sampler,
    tokenizer::{Tokenizer, Utf8Stream},
};
use stop::StopTexts;

/// Where pieces of text go as they are written. An error ends the work.
pub(crate) type Sink<'a> = &'a mut (dyn FnMut(String) -> Result<(), EngineError> + Send);

/// Why the writing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The model was done, or the document was complete.
    Done,
    /// The limit of tokens cut the text.
    Length,
    /// One of the asked stop texts appeared.
    StopText,
}

/// A reply under way.
pub(crate) struct Writer<'a> {
    pub(crate) session: &'a mut Session,
    pub(crate) tokenizer: &'a Tokenizer,
    pub(crate) cancel: &'a Cancel,
    pub(crate) sampler: Sampler,
    sink: Sink<'a>,
    stop: StopTexts,
    utf8: Utf8Stream,
    /// All tokens of the reply so far, forced ones included.
    written: Vec<u32>,
    /// Those that the session has not seen yet.
    pending: Vec<u32>,
    text: String,
}

/// Whether to go on after a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    Continue,
    /// A stop text appeared.
    Stop,
}

impl<'a> Writer<'a> {
    /// A writer after `prompt`, which the session has not seen yet.
    pub(crate) fn new(
        session: &'a mut Session,
        tokenizer: &'a Tokenizer,
        cancel: &'a Cancel,
        sampler: Sampler,
        sink: Sink<'a>,
        prompt: Vec<u32>,
    ) -> Self {
        let (stop, utf8) = (StopTexts::default(), Utf8Stream::default());
        let (written, text) = (Vec::new(), String::new());
        Self { session, tokenizer, cancel, sampler, sink, stop, utf8, written, pending: prompt, text }
    }

    /// Ends the reply where one of `texts` appears; they are not written.
    pub(crate) fn stop_at(&mut self, texts: &[String]) {
        self.stop = StopTexts::new(texts);
    }

    /// The logits after everything written so far, with the control tokens that end nothing at minus infinity.
    pub(crate) fn logits(&mut self) -> Result<Vec<f32>, EngineError> {
        self.cancel.check()?;
        let mut logits = self.session.feed(&self.pending, self.cancel)?;
        self.pending.clear();
        for &token in self.tokenizer.silent_tokens() {
            if let Some(logit) = logits.get_mut(token as usize) {
                *logit = f32::NEG_INFINITY;
            }
        }
        Ok(logits)
    }

    /// Writes a token of the model with all of its text.
    pub(crate) fn write(&mut self, token: u32) -> Result<Flow, EngineError> {
        let tokenizer = self.tokenizer;
        self.write_part(token, tokenizer.bytes(token))
    }

    /// Writes a token of the model, of whose text only `part` is to be seen.
    pub(crate) fn write_part(&mut self, token: u32, part: &[u8]) -> Result<Flow, EngineError> {
        self.written.push(token);
        self.pending.push(token);
        let piece = self.utf8.push(part);
        self.show(piece)
    }

    /// Writes tokens that nobody chose.
    pub(crate) fn write_all(&mut self, tokens: &[u32]) -> Result<Flow, EngineError> {
        for &token in tokens {
            if self.write(token)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }

    /// Shows text that the model does not see.
    pub(crate) fn show(&mut self, piece: String) -> Result<Flow, EngineError> {
        let (piece, flow) = self.stop.filter(piece);
        if !piece.is_empty() {
            self.text.push_str(&piece);
            (self.sink)(piece)?;
        }
        Ok(flow)
    }

    /// The tokens written so far, forced ones included.
    pub(crate) fn written(&self) -> &[u32] {
        &self.written
    }

    /// The text shown so far.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The tokens that may still be written before the window is full. One place is kept for the token that is looked ahead.
    pub(crate) fn room(&self) -> usize {
        self.session.room().saturating_sub(self.pending.len() + 1)
    }

    /// Shows what was held back, unless a stop text ended the reply, and returns the whole text.
    pub(crate) fn finish(mut self, ending: Ending) -> Result<String, EngineError> {
        if ending != Ending::StopText {
            let rest = self.stop.rest() + &std::mem::take(&mut self.utf8).finish();
            if !rest.is_empty() {
                self.text.push_str(&rest);
                (self.sink)(rest)?;
            }
        }
        Ok(self.text)
    }
}
