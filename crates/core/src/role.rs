//! The six roles, the seats that fill them, and the models that sit there. Data only: who sits where is decided above.

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

/// One of the six parts that a model plays in a council.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Answers the question alone, without seeing the other proposals.
    Proposer,
    /// Reviews all proposals blind and casts one ballot.
    Critic,
    /// Improves the winning proposal with points that the critics approved. It has no vote.
    Synthesizer,
    /// Turns the decision into something to use: a plan, code, a configuration, the asked format.
    Implementer,
    /// Checks the result: executable checks first, then a rubric.
    Validator,
    /// Watches the run from beside the path and notes what a reader should know.
    Observer,
}

impl Role {
    /// Every role, in the order in which a council uses them.
    pub const ALL: [Self; 6] =
        [Self::Proposer, Self::Critic, Self::Synthesizer, Self::Implementer, Self::Validator, Self::Observer];

    /// The name in records, configuration files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proposer => "proposer",
            Self::Critic => "critic",
            Self::Synthesizer => "synthesizer",
            Self::Implementer => "implementer",
            Self::Validator => "validator",
            Self::Observer => "observer",
        }
    }

    /// How many seats the role has when nobody says otherwise.
    pub const fn seats_default(self) -> u8 {
        match self {
            Self::Proposer | Self::Critic => 2,
            Self::Synthesizer | Self::Implementer | Self::Validator | Self::Observer => 1,
        }
    }

    /// How many seats the role may have at most: labels A to H bound the proposers' side of a ballot.
    pub const fn seats_max(self) -> u8 {
        match self {
            Self::Proposer => 5,
            Self::Critic => 8,
            Self::Synthesizer | Self::Implementer | Self::Validator | Self::Observer => 1,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A word that names no role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown role `{0}`: one of proposer, critic, synthesizer, implementer, validator, observer is expected"
)]
pub struct UnknownRole(String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|role| role.name().eq_ignore_ascii_case(text.trim()))
            .ok_or_else(|| UnknownRole(text.chars().take(40).collect()))
    }
}

/// One seat of a role, counted from 1: `proposer-1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeatId {
    /// The role that the seat belongs to.
    pub role: Role,
    /// The seat's number within its role, from 1.
    pub number: u8,
}

impl SeatId {
    /// Seat `number` of `role`, counted from 1.
    pub const fn new(role: Role, number: u8) -> Self {
        Self { role, number }
    }
}

impl fmt::Display for SeatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}-{}", self.role, self.number))
    }
}

impl FromStr for SeatId {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownRole(text.chars().take(40).collect());
        let (role, number) = text.rsplit_once('-').ok_or_else(unknown)?;
        Ok(Self { role: role.parse()?, number: number.parse().map_err(|_| unknown())? })
    }
}

impl Serialize for SeatId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SeatId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A model at a provider, written `provider:model` as in `openai:gpt-5.5`.
///
/// The model's name may hold any character but a comma, a second colon included (`local:qwen3:8b`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelRef {
    // Shared: a name goes into every event, entry and attempt of a run.
    provider: Arc<str>,
    model: Arc<str>,
}

impl ModelRef {
    /// The model called `model` at the provider called `provider`.
    ///
    /// # Errors
    /// If one of the two is empty, or the provider's name holds anything but letters, digits, `-` and `_`.
    pub fn try_new(provider: impl Into<String>, model: impl Into<String>) -> Result<Self, InvalidModelRef> {
        let (provider, model) = (provider.into(), model.into());
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if provider.is_empty()
            || !provider.chars().all(plain)
            || model.trim().is_empty()
            || model.contains(',')
        {
            return Err(InvalidModelRef(format!("{provider}:{model}").chars().take(80).collect()));
        }
        Ok(Self { provider: provider.into(), model: model.trim().into() })
    }

    /// The provider's name in the configuration.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The model's name as the provider knows it.
    pub fn model(&self) -> &str {
        &self.model
    }
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.provider, self.model)
    }
}

/// A text that is no `provider:model`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no model: write provider:model, for example openai:gpt-5.5 or embedded:smollm2-135m-instruct"
)]
pub struct InvalidModelRef(String);

impl FromStr for ModelRef {
    type Err = InvalidModelRef;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (provider, model) =
            text.trim().split_once(':').ok_or_else(|| InvalidModelRef(text.chars().take(80).collect()))?;
        Self::try_new(provider, model)
    }
}

impl Serialize for ModelRef {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ModelRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What the caller wants of a role. Everything left out has a default; the builder checks the whole at once.
///
/// ```
/// use async_orchestrator_core::{Role, RoleDefinition};
/// use std::time::Duration;
///
/// let critics = RoleDefinition::new(Role::Critic).timeout(Duration::from_secs(8)).seats(3);
/// assert_eq!(critics.role(), Role::Critic);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RoleDefinition {
    role: Role,
    timeout: Option<Duration>,
    seats: Option<u8>,
    seat_models: Vec<Vec<String>>,
    temperature: Option<f32>,
}

impl RoleDefinition {
    /// The role with every setting at its default.
    pub const fn new(role: Role) -> Self {
        Self { role, timeout: None, seats: None, seat_models: Vec::new(), temperature: None }
    }

    /// How long one attempt of this role at a remote model may take in all (`timeout_seconds` in the file).
    ///
    /// Unset, an attempt has 120 s in all, 60 s to the first token and 30 s between tokens. A set value bounds all three.
    /// It does not hold for the embedded model, whose speed is the machine's: that has `embedded.timeout_seconds`.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How many seats the role has. The limits are [`Role::seats_max`]; 0 takes the role out of the council where the
    /// algorithm allows it (observer, validator, implementer, synthesizer).
    #[must_use]
    pub const fn seats(mut self, seats: u8) -> Self {
        self.seats = Some(seats);
        self
    }

    /// Adds one seat with its own list of models (`provider:model`): the first answers, the others are its fallbacks in order.
    ///
    /// A list given here is exact: nothing outside it is called for this seat.
    #[must_use]
    pub fn seat<I, S>(mut self, models: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        self.seat_models.push(models.into_iter().map(Into::into).collect());
        self
    }

    /// The sampling temperature, 0.0 to 2.0, sent where the vendor takes one.
    #[must_use]
    pub const fn temperature(mut self, temperature: f32) -> Self {
        self.temperature = Some(temperature);
        self
    }

    /// The role that this defines.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The time limit of one attempt, where one was set.
    pub const fn timeout_set(&self) -> Option<Duration> {
        self.timeout
    }

    /// The number of seats, where one was set.
    pub const fn seats_set(&self) -> Option<u8> {
        self.seats
    }

    /// The lists of models, one a seat, where they were set.
    pub fn seat_models(&self) -> &[Vec<String>] {
        &self.seat_models
    }

    /// The temperature, where one was set.
    pub const fn temperature_set(&self) -> Option<f32> {
        self.temperature
    }
}
