//! The settings that are one word out of a few.

use async_orchestrator_core::{ModeChoice, StructuredOutput, TallyRule};
use async_orchestrator_council::Depth;

/// Which wire format a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProviderKind {
    /// OpenAI Chat Completions, spoken by OpenAI and by most other servers.
    OpenAi,
    /// Anthropic Messages.
    Anthropic,
}

impl ProviderKind {
    /// The word in the configuration: `openai` or `anthropic`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
        }
    }

    /// The vendor's own address, which holds where no `base_url` is set.
    pub const fn official_base_url(self) -> &'static str {
        match self {
            Self::OpenAi => "https://api.openai.com/v1",
            Self::Anthropic => "https://api.anthropic.com",
        }
    }
}

/// Which shade of the OpenAI wire format a server understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// OpenAI's own: `max_completion_tokens`, the role `developer`.
    Official,
    /// Everybody else's: `max_tokens`, the role `system`.
    Compatible,
}

/// When the embedded model is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EmbeddedUse {
    /// Where no other model is configured, and where a list of models names it.
    #[default]
    Auto,
    /// Never.
    Never,
}

/// A setting that is one word out of a few.
pub(crate) trait Choice: Copy + PartialEq + 'static {
    /// Every value and its word.
    const WORDS: &'static [(Self, &'static str)];
}

impl Choice for ProviderKind {
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::OpenAi, Self::OpenAi.name()), (Self::Anthropic, Self::Anthropic.name())];
}

impl Choice for Dialect {
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::Official, "official"), (Self::Compatible, "compatible")];
}

impl Choice for EmbeddedUse {
    const WORDS: &'static [(Self, &'static str)] = &[(Self::Auto, "auto"), (Self::Never, "never")];
}

impl Choice for StructuredOutput {
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::JsonSchema, "json_schema"), (Self::JsonObject, "json_object"), (Self::PromptOnly, "prompt")];
}

impl Choice for Depth {
    const WORDS: &'static [(Self, &'static str)] = &[(Self::Adaptive, "adaptive"), (Self::Full, "full")];
}

impl Choice for TallyRule {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Plurality, Self::Plurality.name()),
        (Self::Approval, Self::Approval.name()),
        (Self::Borda, Self::Borda.name()),
        (Self::Schulze, Self::Schulze.name()),
        (Self::Condorcet, Self::Condorcet.name()),
        (Self::ClippedZMean, Self::ClippedZMean.name()),
    ];
}

impl Choice for ModeChoice {
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::Auto, "auto"), (Self::Express, "express"), (Self::Council, "council")];
}
