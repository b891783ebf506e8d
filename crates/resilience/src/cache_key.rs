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
        for message in messages {
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
        Self(*hash.0.finalize().as_bytes())
    }
}

/// Writes fields so that no two lists of fields give the same bytes: texts with their lengths in front, options with a mark.
struct Fields(blake3::Hasher);

impl Fields {
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
                self.text(&schema.to_string());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use async_orchestrator_core::{Clock, Message, Role, SeatId, Section, test_util::ManualClock};
    use serde_json::json;

    use super::*;

    #[test]
    fn whatever_changes_the_answer_changes_the_key() {
        let context = CallContext::detached(ManualClock::new().now());
        let base = CompletionRequest::new(vec![Message::system("Be brief."), Message::user("6 x 7?")]);
        let with = |change: fn(&mut CompletionRequest)| {
            let mut request = base.clone();
            change(&mut request);
            CacheKey::new("a:one", &request, &context)
        };
        let other_seat = CallContext { seat: SeatId::new(Role::Proposer, 2), ..context.clone() };
        let schema = |name: &str, schema| ReplyFormat::JsonSchema { name: name.to_owned(), schema };
        let keys = [
            with(|_| {}),
            with(|request| request.messages[1] = Message::user("6 x 8?")),
            with(|request| request.messages[1] = Message::assistant("6 x 7?")),
            with(|request| request.messages = vec![Message::system("Be brief.6 x 7?"), Message::user("")]),
            with(|request| request.messages.reverse()),
            with(|request| request.max_output_tokens = Some(0)),
            with(|request| request.max_output_tokens = Some(1)),
            with(|request| request.temperature = Some(0.0)),
            with(|request| request.temperature = Some(0.7)),
            with(|request| request.seed = Some(0)),
            with(|request| request.seed = Some(7)),
            with(|request| request.stop = vec!["a".to_owned(), "b".to_owned()]),
            with(|request| request.stop = vec!["ab".to_owned()]),
            CacheKey::new(
                "a:one",
                &CompletionRequest { format: schema("x", json!({})), ..base.clone() },
                &context,
            ),
            CacheKey::new(
                "a:one",
                &CompletionRequest { format: schema("x", json!(true)), ..base.clone() },
                &context,
            ),
            CacheKey::new(
                "a:one",
                &CompletionRequest { format: schema("y", json!({})), ..base.clone() },
                &context,
            ),
            CacheKey::new(
                "a:one",
                &CompletionRequest {
                    format: ReplyFormat::Sections(vec![Section { heading: "A".to_owned(), tokens_max: 3 }]),
                    ..base.clone()
                },
                &context,
            ),
            CacheKey::new("a:two", &base, &context),
            CacheKey::new("a:one", &base, &other_seat),
        ];
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(key), "key {index} is not new");
        }
        assert_eq!(keys[0], CacheKey::new("a:one", &base.clone(), &context.clone()));
    }
}
