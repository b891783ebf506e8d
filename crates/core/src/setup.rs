//! What a council was made of when a run began, as plain data: enough to decide it again from its recorded calls, and to see what has
//! changed since.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Capabilities, ModelRef, Price, PromptStyle, SeatId, StructuredOutput, TallyRule};

/// What a council is made of, without its keys and addresses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSetup {
    /// The version of the engine.
    pub engine: String,
    /// The version of the election's code.
    pub tally: String,
    /// The hash over every template of the prompt library.
    pub prompts: String,
    /// The seats.
    pub seats: Vec<SeatSetup>,
    /// How many proposals make a quorum.
    pub quorum_proposals: u8,
    /// How many ballots.
    pub quorum_ballots: u8,
    /// Whether proposers are asked only while the answer is not sure enough.
    pub adaptive: bool,
    /// How probable it must be that an answer is right before nobody else is asked, where that is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_at: Option<f64>,
    /// The rule of every election, where one is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<TallyRule>,
    /// Whether a seat whose reply cannot be read is asked once more.
    pub ask_again: bool,
    /// The limit of a run's time, where its request sets none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_limit: Option<Duration>,
    /// The names of the executable checks beside the engine's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checkers: Vec<String>,
    /// The table of trust, where votes were weighed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<serde_json::Value>,
}

/// One seat of a [`RunSetup`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeatSetup {
    /// The seat.
    pub seat: SeatId,
    /// The models in the order in which they are tried.
    pub models: Vec<ModelSetup>,
    /// The sampling temperature, where one is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
}

/// What is known of a model: its [`Capabilities`] as plain data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "as in the capabilities, each is one fact about a model")]
pub struct ModelSetup {
    /// Provider and model.
    pub target: ModelRef,
    /// The family of models.
    pub family: String,
    /// The window, in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_window: Option<u32>,
    /// The most tokens of a reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens_max: Option<u32>,
    /// The price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// How it is asked for a form.
    pub structured_output: StructuredOutput,
    /// How it is prompted.
    pub prompt_style: PromptStyle,
    /// Whether it takes a temperature.
    pub takes_temperature: bool,
    /// Whether it can go on where another model broke off.
    pub continues: bool,
    /// Whether it thinks before it answers.
    pub reasons: bool,
    /// What must be said beside its answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// Whether it judges by likelihood.
    pub judges: bool,
}

impl From<&Capabilities> for ModelSetup {
    fn from(known: &Capabilities) -> Self {
        Self {
            target: known.target.clone(),
            family: known.family.clone(),
            context_window: known.context_window,
            output_tokens_max: known.output_tokens_max,
            price: known.price.clone(),
            structured_output: known.structured_output,
            prompt_style: known.prompt_style,
            takes_temperature: known.takes_temperature,
            continues: known.continues,
            reasons: known.reasons,
            notice: known.notice.clone(),
            judges: known.likelihood.is_some(),
        }
    }
}

impl ModelSetup {
    /// The capabilities again; a judge by likelihood, which is no data, is left out.
    pub fn capabilities(&self) -> Capabilities {
        Capabilities {
            target: self.target.clone(),
            family: self.family.clone(),
            context_window: self.context_window,
            output_tokens_max: self.output_tokens_max,
            price: self.price.clone(),
            structured_output: self.structured_output,
            prompt_style: self.prompt_style,
            takes_temperature: self.takes_temperature,
            continues: self.continues,
            reasons: self.reasons,
            notice: self.notice.clone(),
            likelihood: None,
        }
    }
}

impl RunSetup {
    /// What differs between this setup and `other`, a sentence each; empty if a run of the one can be finished by the other.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let mut differ = |what: &str, same: bool| {
            if !same {
                found.push(format!("{what} changed"));
            }
        };
        differ("the version of the engine", self.engine == other.engine);
        differ("the version of the election's code", self.tally == other.tally);
        differ("the prompts", self.prompts == other.prompts);
        differ(
            "the quorum",
            (self.quorum_proposals, self.quorum_ballots) == (other.quorum_proposals, other.quorum_ballots),
        );
        differ("the depth", self.adaptive == other.adaptive && self.stop_at == other.stop_at);
        differ("the rule of the election", self.rule == other.rule);
        differ("whether a seat is asked once more", self.ask_again == other.ask_again);
        differ("the limit of time", self.time_limit == other.time_limit);
        differ("the executable checks", self.checkers == other.checkers);
        differ("the table of trust", self.trust == other.trust);
        for seat in &self.seats {
            match other.seats.iter().find(|one| one.seat == seat.seat) {
                None => found.push(format!("{} has no seat any more", seat.seat)),
                Some(now) if now != seat => found.push(format!("the models of {} changed", seat.seat)),
                Some(_) => {}
            }
        }
        let new = other.seats.iter().filter(|seat| !self.seats.iter().any(|one| one.seat == seat.seat));
        found.extend(new.map(|seat| format!("{} is new", seat.seat)));
        found
    }
}
