//! When two calls ask the same: one hash over everything that changes the answer. Pure.

use async_orchestrator_core::{CallContext, ChatRole, CompletionRequest, ReplyFormat};

/// Names a call by what it asks and of whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey([u8; 32]);

impl CacheKey {
    /// The key of `request` at `scope`, the model or list of models that is asked.
    ///
    /// The seat's number is part of it: two seats on one model are two samples. Whether the reply is streamed is none: the text is the
    /// same.
    pub(crate) fn new(scope: &str, request: &CompletionRequest, context: &CallContext) -> Self {
        // Taken apart without `..`: a field that is added must be thought of here.
        let CompletionRequest { messages, format, max_output_tokens, temperature, stop, seed } = request;
        let mut hash = Fields(blake3::Hasher::new());
        hash.text(scope);
        hash.number(u64::from(context.seat.number));
        hash.number(messages.len() as u64);
        for message in &**messages {
            hash.number(match message.role {
                ChatRole::System => 0,
                ChatRole::User => 1,
                ChatRole::Assistant => 2,
            });
            hash.text(&message.content);
        }
        hash.format(format);
        hash.option(max_output_tokens.map(u64::from));
        hash.option(temperature.map(|temperature| u64::from(temperature.to_bits())));
        hash.number(stop.len() as u64);
        for text in stop {
            hash.text(text);
        }
        hash.option(*seed);
        hash.key()
    }

    /// The hash.
    pub(crate) const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Writes fields so that no two lists of fields give the same bytes: texts with their lengths in front, options with a mark.
struct Fields(blake3::Hasher);

impl Fields {
    fn key(&self) -> CacheKey {
        CacheKey(*self.0.finalize().as_bytes())
    }

    fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text.as_bytes());
    }

    fn option(&mut self, value: Option<u64>) {
        match value {
            None => self.number(0),
            Some(value) => {
                self.number(1);
                self.number(value);
            }
        }
    }

    fn format(&mut self, format: &ReplyFormat) {
        match format {
            ReplyFormat::Text => self.number(0),
            ReplyFormat::Sections(sections) => {
                self.number(1);
                self.number(sections.len() as u64);
                for section in sections {
                    self.text(&section.heading);
                    self.number(u64::from(section.tokens_max));
                }
            }
            ReplyFormat::JsonSchema { name, schema } => {
                self.number(2);
                self.text(name);
                self.text(schema.text());
            }
        }
    }
}

#[cfg(test)]
mod tests;
