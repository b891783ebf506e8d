//! What is asked of a model and what it gives back, in no vendor's words.

use std::{fmt, pin::Pin, sync::Arc};

use futures_core::Stream;
use serde::{Deserialize, Serialize};

use crate::{Attempt, ModelRef, ProviderError, ReplySchema, Usage, UsageSource};

/// Who speaks in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChatRole {
    /// Instructions of the program.
    System,
    /// The task.
    User,
    /// The model.
    Assistant,
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: ChatRole,
    /// What is said.
    pub content: String,
}

impl Message {
    /// A message of the program.
    pub fn system(content: impl Into<String>) -> Self {
        Self { role: ChatRole::System, content: content.into() }
    }

    /// A message with the task.
    pub fn user(content: impl Into<String>) -> Self {
        Self { role: ChatRole::User, content: content.into() }
    }

    /// A message of the model.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self { role: ChatRole::Assistant, content: content.into() }
    }
}

/// One section of a text that is written section by section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// Its heading, as it appears in the answer.
    pub heading: String,
    /// The most tokens its text may have.
    pub tokens_max: u32,
}

/// The form that the reply must have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyFormat {
    /// Any text.
    #[default]
    Text,
    /// A text with these sections. Only a model with [`PromptStyle::Compact`](crate::PromptStyle) is asked for it; it is filled
    /// section by section.
    Sections(Vec<Section>),
    /// A JSON document. Vendors get the subset of the schema that they support; the caller checks the whole.
    JsonSchema {
        /// A short name in the vendor's alphabet (`[a-zA-Z0-9_-]{1,64}`).
        name: String,
        /// The schema, JSON Schema 2020-12.
        schema: ReplySchema,
    },
}

/// One question to one model. Which model is the provider's affair: one provider is one target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CompletionRequest {
    /// The conversation, oldest first. Shared by everybody on the way of the call.
    pub messages: Arc<[Message]>,
    /// The form of the reply.
    #[serde(default)]
    pub format: ReplyFormat,
    /// The most tokens the reply may have; unset, the provider's default for the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u32>,
    /// The sampling temperature, 0.0 to 2.0, sent where the model takes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
    /// Texts that end the reply.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// The seed of the sampling, sent where the model takes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

impl CompletionRequest {
    /// A request with these messages and every setting at its default.
    pub fn new(messages: impl Into<Arc<[Message]>>) -> Self {
        Self { messages: messages.into(), ..Self::default() }
    }

    /// The bytes of all messages and of the schema: what an estimate of the input tokens starts from.
    pub fn input_bytes(&self) -> usize {
        let schema = match &self.format {
            ReplyFormat::JsonSchema { schema, .. } => schema.text().len(),
            ReplyFormat::Text | ReplyFormat::Sections(_) => 0,
        };
        self.messages.iter().map(|message| message.content.len() + 8).sum::<usize>() + schema
    }
}

/// Why a model ended its reply. A filtered or refused reply is no completion: it is an error of its own kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FinishReason {
    /// The model was done.
    Stop,
    /// The limit of output tokens cut it.
    Length,
    /// One of the asked stop texts appeared.
    StopSequence,
    /// The vendor gave a reason that we do not know, with a well-formed end.
    Other,
}

/// How much of its prompt a model read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptRead {
    /// All of it.
    #[default]
    Whole,
    /// Its long messages lost their middles, so that it fitted a small window. Who reads the answer must hear of it.
    Shortened,
}

impl PromptRead {
    /// Whether nothing was left out.
    pub fn is_whole(&self) -> bool {
        *self == Self::Whole
    }
}

/// Where a reply comes from: the model, just now, or somebody else's earlier call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Served {
    /// This call asked a model and got it.
    #[default]
    Live,
    /// Another caller asked the same at the same time, and both got the one reply. The other one paid for it.
    Shared,
    /// An answer that was given before and is fresh enough. It cost nothing now.
    Cached {
        /// Its age in milliseconds.
        age_ms: u64,
    },
    /// Two models wrote it: the first broke off after its reader had text, and another one went on.
    Spliced,
    /// An old answer, because nobody could give a new one. Who reads it must hear of it.
    Stale {
        /// Its age in milliseconds.
        age_ms: u64,
    },
}

impl Served {
    /// Whether this call asked a model and got the reply.
    pub fn is_live(&self) -> bool {
        *self == Self::Live
    }
}

/// Whether an answer that was given to somebody else may serve a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reuse {
    /// Never: this call is a sample of its own.
    Never,
    /// Only where asking again would give the same: temperature 0, or a seed.
    #[default]
    WhenDeterministic,
    /// Always.
    Allowed,
}

/// A whole reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Completion {
    /// The text.
    pub text: String,
    /// Why it ended.
    pub finish: FinishReason,
    /// The tokens of the call that answered.
    pub usage: Usage,
    /// Where the usage comes from.
    pub usage_source: UsageSource,
    /// The target that answered, which after a fallback is not the first one asked.
    pub answered_by: ModelRef,
    /// How much of its prompt the model read.
    #[serde(default, skip_serializing_if = "PromptRead::is_whole")]
    pub prompt_read: PromptRead,
    /// Where the reply comes from.
    #[serde(default, skip_serializing_if = "Served::is_live")]
    pub served: Served,
    /// The vendor's id of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Every attempt that led here, the last one included, in the order begun.
    #[serde(default)]
    pub trail: Vec<Attempt>,
}

/// One item of a streamed reply.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum StreamEvent {
    /// The next piece of the text; never empty.
    Delta(String),
    /// What was streamed so far is void: the call began anew at another target.
    Restarted {
        /// The target that answers now.
        target: ModelRef,
    },
    /// The well-formed end, with the whole reply. Nothing follows it.
    Finished(Box<Completion>),
}

/// A streamed reply. It ended well only if its last item is [`StreamEvent::Finished`]; after an error nothing follows.
pub type CompletionStream = Pin<Box<dyn Stream<Item = Result<StreamEvent, ProviderError>> + Send>>;

impl fmt::Display for FinishReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::StopSequence => "stop_sequence",
            Self::Other => "other",
        })
    }
}
