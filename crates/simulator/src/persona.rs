//! How one model behaves: what it says, how well, how fast, and what goes wrong with it.

use serde::Deserialize;

use crate::{fault::FaultRule, knowledge::Skill, latency::Latency};

/// Wrong models agree on the same wrong answer about this often (arXiv 2506.07962).
const AGREE_WHEN_WRONG: f64 = 0.6;
const TOKENS_PER_DELTA: usize = 3;

/// The behaviour of one model.
///
/// ```
/// use std::time::Duration;
/// use async_orchestrator_simulator::{Latency, Persona, ScriptedReply};
/// let persona = Persona::new()
///     .latency(Latency::fixed(Duration::from_millis(100)))
///     .accuracy(0.8)
///     .reply(ScriptedReply::new("It is Paris.").when_user_contains("capital of France"));
/// # let _ = persona;
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Persona {
    pub(crate) accuracy: f64,
    pub(crate) agree_when_wrong: f64,
    pub(crate) latency: Latency,
    pub(crate) tokens_per_delta: usize,
    pub(crate) replies: Vec<ScriptedReply>,
    pub(crate) faults: Vec<FaultRule>,
    pub(crate) usage: UsagePolicy,
    pub(crate) refuses: Vec<String>,
    pub(crate) context_tokens_max: Option<u64>,
}

impl Default for Persona {
    fn default() -> Self {
        Self {
            accuracy: 1.0,
            agree_when_wrong: AGREE_WHEN_WRONG,
            latency: Latency::default(),
            tokens_per_delta: TOKENS_PER_DELTA,
            replies: vec![],
            faults: vec![],
            usage: UsagePolicy::Estimated,
            refuses: vec![],
            context_tokens_max: None,
        }
    }
}

impl Persona {
    /// Answers everything at once, plausibly, and knows every question of the simulator's table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Probability (0 to 1) of being right about a question of the simulator's table; default 1. As a critic it
    /// notices with the same probability whether a candidate has the right answer.
    #[must_use]
    pub fn accuracy(self, accuracy: f64) -> Self {
        Self { accuracy, ..self }
    }

    /// Probability (0 to 1) that a wrong answer is the one that other models fall for too; default 0.6.
    #[must_use]
    pub fn agree_when_wrong(self, agree_when_wrong: f64) -> Self {
        Self { agree_when_wrong, ..self }
    }

    /// When it answers; default at once.
    #[must_use]
    pub fn latency(self, latency: Latency) -> Self {
        Self { latency, ..self }
    }

    /// How many tokens one event of a stream carries; default 3.
    #[must_use]
    pub fn tokens_per_delta(self, tokens_per_delta: usize) -> Self {
        Self { tokens_per_delta, ..self }
    }

    /// Adds a scripted reply. The first one that matches and is not used up answers.
    #[must_use]
    pub fn reply(mut self, reply: ScriptedReply) -> Self {
        self.replies.push(reply);
        self
    }

    /// Adds a fault. The first one that strikes a call counts.
    #[must_use]
    pub fn fault(mut self, rule: FaultRule) -> Self {
        self.faults.push(rule);
        self
    }

    /// What it reports as used; default an estimate from the texts.
    #[must_use]
    pub fn usage(self, usage: UsagePolicy) -> Self {
        Self { usage, ..self }
    }

    /// Refuses requests with this parameter (400), as reasoning models refuse `max_tokens` or `temperature`.
    #[must_use]
    pub fn refuses(mut self, parameter: impl Into<String>) -> Self {
        self.refuses.push(parameter.into());
        self
    }

    /// Refuses prompts of more (estimated) tokens, in the vendor's words.
    #[must_use]
    pub fn context_tokens_max(self, tokens: u64) -> Self {
        Self { context_tokens_max: Some(tokens), ..self }
    }

    pub(crate) fn skill(&self) -> Skill {
        Skill { accuracy: self.accuracy, agree_when_wrong: self.agree_when_wrong }
    }

    /// What makes this persona impossible, each with the name of the setting.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (name, share) in [("accuracy", self.accuracy), ("agree_when_wrong", self.agree_when_wrong)] {
            if !(0.0..=1.0).contains(&share) {
                problems.push(format!("{name} must be between 0 and 1, not {share}"));
            }
        }
        if self.tokens_per_delta == 0 {
            problems.push("tokens_per_delta must be at least 1".into());
        }
        if let Some(rate) = self.latency.tokens_per_second
            && !(rate.is_finite() && rate > 0.0)
        {
            problems.push(format!("tokens_per_second must be above 0, not {rate}"));
        }
        problems.extend(self.faults.iter().flat_map(FaultRule::problems));
        problems
    }
}

/// A reply written in advance. It is sent word for word, also where a schema asks for something else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptedReply {
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) user_contains: Option<String>,
    #[serde(default)]
    pub(crate) system_contains: Option<String>,
    #[serde(default)]
    pub(crate) times: Option<u32>,
    #[serde(default)]
    pub(crate) finish: Finish,
}

impl ScriptedReply {
    /// Answers every request, as often as asked.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// Only where the last user message contains `part`.
    #[must_use]
    pub fn when_user_contains(self, part: impl Into<String>) -> Self {
        Self { user_contains: Some(part.into()), ..self }
    }

    /// Only where the system prompt contains `part`.
    #[must_use]
    pub fn when_system_contains(self, part: impl Into<String>) -> Self {
        Self { system_contains: Some(part.into()), ..self }
    }

    /// Only `times` times; replies limited to once each are given in order.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }

    /// Says that it ended for this reason; default [`Finish::Stop`].
    #[must_use]
    pub fn finish(self, finish: Finish) -> Self {
        Self { finish, ..self }
    }

    pub(crate) fn matches(&self, system: &str, user: &str) -> bool {
        self.user_contains.as_ref().is_none_or(|part| user.contains(part))
            && self.system_contains.as_ref().is_none_or(|part| system.contains(part))
    }
}

/// Why a reply ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Finish {
    /// By itself, or at a stop sequence.
    #[default]
    Stop,
    /// At the limit of tokens.
    Length,
    /// By the vendor's filter: OpenAI's `content_filter`, Anthropic's `refusal`.
    Filtered,
}

/// What a reply reports as used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UsagePolicy {
    /// Counts the pieces of the texts: near four characters a token.
    #[default]
    Estimated,
    /// Leaves it out, as some compatible servers do. (Anthropic's streams cannot: there it is zero.)
    Absent,
    /// Always these figures.
    Fixed(Usage),
}

/// Tokens of one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Usage {
    /// Tokens of the prompt, the cached ones among them.
    pub input_tokens: u64,
    /// Tokens of the prompt that the vendor had cached.
    pub cached_tokens: u64,
    /// Tokens of the reply, the reasoning ones among them.
    pub output_tokens: u64,
    /// Tokens of reasoning that are not shown.
    pub reasoning_tokens: u64,
}
