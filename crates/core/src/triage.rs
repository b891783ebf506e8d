//! The words of triage: what a caller asks for, and what was decided about it. How it is decided is the `triage` crate's affair.

use std::{borrow::Cow, collections::BTreeMap, fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{MicroUsd, OnBroken, Reuse, Stages, TraceContext};

/// How much deliberation the caller wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModeChoice {
    /// Triage decides.
    #[default]
    Auto,
    /// One call.
    Express,
    /// All roles.
    Council,
}

impl FromStr for ModeChoice {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "express" => Ok(Self::Express),
            "council" => Ok(Self::Council),
            other => Err(UnknownMode(other.chars().take(40).collect())),
        }
    }
}

/// A word that names no mode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown mode `{0}`: one of auto, express, council is expected")]
pub struct UnknownMode(String);

/// How the question is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// One call, of the first proposer's seat.
    Express,
    /// All roles.
    Council,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Express => "Express",
            Self::Council => "Council",
        })
    }
}

/// The field of a question: it chooses the prompt pack. Users may add packs of their own name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Domain(Cow<'static, str>);

impl Domain {
    /// Anything.
    pub const GENERAL: Self = Self(Cow::Borrowed("general"));
    /// Software and systems design.
    pub const SOFTWARE_ARCHITECTURE: Self = Self(Cow::Borrowed("software_architecture"));
    /// Evidence and sources.
    pub const RESEARCH: Self = Self(Cow::Borrowed("research"));
    /// Mathematics and reckoning.
    pub const MATHEMATICS: Self = Self(Cow::Borrowed("mathematics"));
    /// Texts.
    pub const WRITING: Self = Self(Cow::Borrowed("writing"));
    /// Business and money.
    pub const BUSINESS: Self = Self(Cow::Borrowed("business"));
    /// The domains whose packs are built in.
    pub const BUILT_IN: [Self; 6] = [
        Self::GENERAL,
        Self::SOFTWARE_ARCHITECTURE,
        Self::RESEARCH,
        Self::MATHEMATICS,
        Self::WRITING,
        Self::BUSINESS,
    ];

    /// The domain's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A text that cannot name a domain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no domain: lower-case letters, digits and `_` are expected, at most 40")]
pub struct InvalidDomain(String);

impl FromStr for Domain {
    type Err = InvalidDomain;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.trim().replace('-', "_");
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty() || name.len() > 40 || !name.chars().all(plain) {
            return Err(InvalidDomain(text.chars().take(40).collect()));
        }
        Ok(Self(Cow::Owned(name)))
    }
}

/// A question with what the caller says about how it is to be answered.
///
/// ```
/// use async_orchestrator_core::{ModeChoice, TriageRequest};
/// use std::time::Duration;
///
/// let request = TriageRequest::new("Design a scalable microservice architecture for customer analytics.")
///     .mode(ModeChoice::Council)
///     .time_limit(Duration::from_secs(90));
/// assert_eq!(request.mode, ModeChoice::Council);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TriageRequest {
    /// The question.
    pub query: String,
    /// Material that belongs to it. It is data, never instructions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// The field; unset, triage finds one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Domain>,
    /// How much deliberation is wanted.
    #[serde(default)]
    pub mode: ModeChoice,
    /// The JSON Schema that the answer must satisfy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
    /// How long the whole run may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_limit: Option<Duration>,
    /// How much the whole run may cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<MicroUsd>,
    /// How many tokens the whole run may use, in and out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_tokens: Option<u64>,
    /// Whether a run below its quorum is an error instead of a labelled fallback.
    #[serde(default)]
    pub strict: bool,
    /// Whether answers that models gave to somebody else may serve this run.
    #[serde(default)]
    pub reuse: Reuse,
    /// What becomes of an Express answer that breaks while it is streamed. A council's roles are read by nobody outside: they always begin
    /// anew.
    #[serde(default, skip_serializing_if = "OnBroken::is_restart")]
    pub broken: OnBroken,
    /// Which stages a council runs.
    #[serde(default, skip_serializing_if = "Stages::is_all")]
    pub stages: Stages,
    /// What form the answer has; unset, triage finds out. An output schema makes it JSON in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_kind: Option<AnswerKind>,
    /// The caller's trace. It is no part of the question: it is not hashed, not written down and not resumed with the run.
    #[serde(skip)]
    pub trace: Option<TraceContext>,
}

impl TriageRequest {
    /// A request with every setting at its default.
    pub fn new(query: impl Into<String>) -> Self {
        Self { query: query.into(), ..Self::default() }
    }

    /// Adds material that belongs to the question.
    #[must_use]
    pub fn context(mut self, context: impl Into<String>) -> Self {
        self.context = Some(context.into());
        self
    }

    /// Sets the field, instead of leaving it to triage.
    #[must_use]
    pub fn domain(mut self, domain: Domain) -> Self {
        self.domain = Some(domain);
        self
    }

    /// Sets the mode, instead of leaving it to triage.
    #[must_use]
    pub fn mode(mut self, mode: ModeChoice) -> Self {
        self.mode = mode;
        self
    }

    /// Asks for an answer that satisfies this JSON Schema.
    #[must_use]
    pub fn output_schema(mut self, schema: Value) -> Self {
        self.output_schema = Some(schema);
        self
    }

    /// Limits the time of the whole run.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// Limits the cost of the whole run. A model whose price is unknown is then not called.
    #[must_use]
    pub fn budget(mut self, budget: MicroUsd) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Limits the tokens of the whole run, in and out. What the embedded model reads and writes does not count.
    #[must_use]
    pub fn budget_tokens(mut self, tokens: u64) -> Self {
        self.budget_tokens = Some(tokens);
        self
    }

    /// Makes a run below its quorum an error.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// Says that an Express answer, once its reader has text, is never taken back: if it breaks, a model that can goes on where it ended,
    /// and otherwise the run ends with the error. Nor does it become a mere proposal of a council, however unsure it is.
    #[must_use]
    pub fn never_take_back(mut self) -> Self {
        self.broken = OnBroken::Continue;
        self
    }

    /// Says what form the answer has, instead of leaving it to triage.
    #[must_use]
    pub fn answer_kind(mut self, kind: AnswerKind) -> Self {
        self.answer_kind = Some(kind);
        self
    }

    /// Puts the run into its caller's trace.
    #[must_use]
    pub fn trace(mut self, trace: TraceContext) -> Self {
        self.trace = Some(trace);
        self
    }

    /// Limits a council to some of its stages; [`Stages::VOTE`] stops at the vote.
    #[must_use]
    pub fn stages(mut self, stages: Stages) -> Self {
        self.stages = stages;
        self
    }

    /// Says whether answers that models gave to somebody else may serve this run. Unless it is said, only where asking again would give
    /// the same. It needs a cache, which is a setting.
    #[must_use]
    pub fn reuse(mut self, reuse: Reuse) -> Self {
        self.reuse = reuse;
        self
    }
}

/// Whether two answers can be compared by an exact rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerType {
    /// A choice, a number, a yes or no, a JSON document: equal answers are equal.
    Closed,
    /// A text.
    Open,
}

/// What form the answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerKind {
    /// One of the letters that the question offers.
    Choice,
    /// A number.
    Number,
    /// Yes or no.
    Boolean,
    /// A literal of a program, such as what it prints: spelled exactly.
    Literal,
    /// A JSON document under the caller's schema.
    Json,
    /// A text.
    Text,
}

impl AnswerKind {
    /// Every form.
    pub const ALL: [Self; 6] =
        [Self::Choice, Self::Number, Self::Boolean, Self::Literal, Self::Json, Self::Text];

    /// The form's name in records, prompts and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Choice => "choice",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Literal => "literal",
            Self::Json => "json",
            Self::Text => "text",
        }
    }

    /// Whether the answer is a short one with one exact spelling.
    pub const fn is_short(self) -> bool {
        matches!(self, Self::Choice | Self::Number | Self::Boolean | Self::Literal)
    }

    /// Whether answers of this form can be compared exactly.
    pub const fn answer_type(self) -> AnswerType {
        match self {
            Self::Choice | Self::Number | Self::Boolean | Self::Literal | Self::Json => AnswerType::Closed,
            Self::Text => AnswerType::Open,
        }
    }
}

/// A word that names no form of an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown form of an answer `{0}`: one of choice, number, boolean, literal, json, text is expected")]
pub struct UnknownAnswerKind(String);

impl FromStr for AnswerKind {
    type Err = UnknownAnswerKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|kind| kind.name() == text);
        known.ok_or_else(|| UnknownAnswerKind(text.chars().take(40).collect()))
    }
}

/// The price of being wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Easily seen and put right.
    Low,
    /// Costs something.
    Medium,
    /// Money, health, law or safety hang on it.
    High,
}

/// What triage decided about a question, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TriageDecision {
    /// Express or Council.
    pub mode: Mode,
    /// What kind of task it is, such as `design`, `fact`, `arithmetic`.
    pub task_class: String,
    /// The field, which chooses the prompt pack.
    pub domain: Domain,
    /// Whether answers can be compared exactly.
    pub answer_type: AnswerType,
    /// What form the answer has.
    pub answer_kind: AnswerKind,
    /// The price of being wrong.
    pub risk: Risk,
    /// One number of how complex the question is, 0 to 1.
    pub complexity: f64,
    /// The probability that one call is not enough, 0 to 1: of closed questions by a learned model, of open ones a rule's guess, which nobody has calibrated.
    pub p_hard: f64,
    /// The parts of the complexity, each 0 to 1: `length`, `structure`, `domain`, `ambiguity`, `steps`, `risk`.
    pub metrics: BTreeMap<String, f64>,
    /// Sentences that a person can read.
    pub reasons: Vec<String>,
}

impl fmt::Display for TriageDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, complexity {:.2}", self.mode, self.complexity)?;
        if !self.reasons.is_empty() {
            write!(f, ": {}", self.reasons.join("; "))?;
        }
        write!(f, " (domain {}, risk {:?}", self.domain, self.risk)?;
        for (name, value) in &self.metrics {
            write!(f, ", {name} {value:.2}")?;
        }
        f.write_str(")")
    }
}
