//! What a target can do and what it costs, as data.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{LikelihoodJudge, ModelRef, Price};

/// How a target is brought to answer in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StructuredOutput {
    /// It takes a JSON schema and keeps to it.
    JsonSchema,
    /// It can be told to answer with any JSON object.
    JsonObject,
    /// Only the prompt asks for it.
    PromptOnly,
}

/// Which form of the prompts a target understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptStyle {
    /// The full role prompts.
    Full,
    /// Short imperative prompts and texts that are filled section by section, for very small models.
    Compact,
}

/// What one target (provider, model, key) can do.
#[derive(Clone)]
pub struct Capabilities {
    /// The provider's name in the configuration and the model's name as sent.
    pub target: ModelRef,
    /// The family of models whose errors are alike (`gpt`, `claude`, `llama`, ...): critics come from another one where possible.
    pub family: String,
    /// The window in tokens, input and output together; `None` if unknown.
    pub context_window: Option<u32>,
    /// The most output tokens of one reply; `None` if unknown.
    pub output_tokens_max: Option<u32>,
    /// The price; `None` is unknown, never free.
    pub price: Option<Price>,
    /// How it is brought to answer in JSON.
    pub structured_output: StructuredOutput,
    /// Which prompts it gets.
    pub prompt_style: PromptStyle,
    /// Whether it takes a temperature.
    pub takes_temperature: bool,
    /// Whether it goes on from the beginning of a reply that stands as the last message of the conversation.
    pub continues: bool,
    /// Whether it spends output tokens on reasoning before it writes: its replies need room for that.
    pub reasons: bool,
    /// What must be said beside every answer of it, such as "embedded 135M model, demonstration quality".
    pub notice: Option<String>,
    /// Its judge by likelihood, where it can score text.
    pub likelihood: Option<Arc<dyn LikelihoodJudge>>,
}

impl Capabilities {
    /// A target of which nothing is known: full prompts, JSON by prompt only, temperature accepted, no price.
    pub fn unknown(target: ModelRef) -> Self {
        Self {
            family: target.provider().to_owned(),
            target,
            context_window: None,
            output_tokens_max: None,
            price: None,
            structured_output: StructuredOutput::PromptOnly,
            prompt_style: PromptStyle::Full,
            takes_temperature: true,
            continues: false,
            reasons: false,
            notice: None,
            likelihood: None,
        }
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capabilities")
            .field("target", &self.target)
            .field("family", &self.family)
            .field("context_window", &self.context_window)
            .field("structured_output", &self.structured_output)
            .field("prompt_style", &self.prompt_style)
            .field("likelihood", &self.likelihood.is_some())
            .finish_non_exhaustive()
    }
}
