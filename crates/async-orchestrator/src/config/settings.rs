//! The settings as plain data. Their keys, limits and descriptions stand in `super::registry`; nothing here reads or decides.

use std::{collections::BTreeMap, num::NonZeroUsize, path::PathBuf, time::Duration};

use async_orchestrator_core::{
    Domain, MicroUsd, ModeChoice, ModelRef, Price, Role, RoleDefinition, Stages, StructuredOutput, TallyRule,
};
use async_orchestrator_council::Depth;
use async_orchestrator_resilience::PeriodBudgets;
use secrecy::SecretString;

use super::{
    CommandLine, Dialect, Directories, EmbeddedUse, HistorySettings, KeySource, Problem, ProviderKind,
    ResilienceSettings, Sources,
};

/// Every setting of an orchestrator, after all layers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The providers by name: those of the file, and those that the environment brings (`openai`, `anthropic`).
    pub providers: BTreeMap<String, ProviderSettings>,
    /// What was said of the roles; a role that is not there has its defaults.
    pub roles: BTreeMap<Role, RoleSettings>,
    /// The embedded model.
    pub embedded: EmbeddedSettings,
    /// The council.
    pub council: CouncilSettings,
    /// What is known of how often models are right.
    pub trust: TrustSettings,
    /// How calls are kept going.
    pub resilience: ResilienceSettings,
    /// What all runs together may spend.
    pub budget: PeriodBudgets,
    /// The journal and the history of runs.
    pub history: HistorySettings,
    /// What else outlives a run.
    pub state: StateSettings,
    /// The network.
    pub network: NetworkSettings,
    /// The prompts.
    pub prompts: PromptSettings,
    /// What the user knows better than the built-in table of models.
    pub models: BTreeMap<ModelRef, ModelSettings>,
    /// The program's directories.
    pub directories: Directories,
    /// The configuration file that was read.
    pub file: Option<PathBuf>,
    pub(super) sources: Sources,
    pub(super) warnings: Vec<Problem>,
}

impl Settings {
    /// Every setting at its default.
    pub(super) fn new(directories: Directories) -> Self {
        Self {
            providers: BTreeMap::new(),
            roles: BTreeMap::new(),
            embedded: EmbeddedSettings::default(),
            council: CouncilSettings::default(),
            trust: TrustSettings::default(),
            resilience: ResilienceSettings::default(),
            budget: PeriodBudgets::default(),
            history: HistorySettings::default(),
            state: StateSettings::default(),
            network: NetworkSettings::default(),
            prompts: PromptSettings::default(),
            models: BTreeMap::new(),
            directories,
            file: None,
            sources: Sources::default(),
            warnings: Vec::new(),
        }
    }

    /// Where each setting comes from.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// What works but should be changed, such as a key that stands in the file or that would travel unencrypted.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// The role with what was set of it, for the builder. A role that nobody mentioned has every setting at its default.
    pub fn role_definition(&self, role: Role) -> RoleDefinition {
        self.roles.get(&role).map_or_else(|| RoleDefinition::new(role), |settings| settings.definition(role))
    }
}

/// `[providers.NAME]`: one vendor or server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProviderSettings {
    /// Which wire format it speaks.
    pub kind: ProviderKind,
    /// Where it is; unset, the vendor's own address.
    pub base_url: Option<String>,
    /// Its key.
    pub api_key: Option<KeySource>,
    /// The command that prints its key.
    pub api_key_cmd: Option<CommandLine>,
    /// The bearer token in place of a key; Anthropic only.
    pub auth_token: Option<KeySource>,
    /// The organization that pays; OpenAI only.
    pub organization: Option<String>,
    /// The project that pays; OpenAI only.
    pub project: Option<String>,
    /// Whether the run's place in its trace is sent along; off.
    pub trace_context: bool,
    /// The shade of the OpenAI format; unset, it follows from the address.
    pub dialect: Option<Dialect>,
    /// The version of the protocol; Anthropic only.
    pub version: Option<String>,
    /// How the server is brought to answer in JSON; unset, what its kind can do.
    pub structured_output: Option<StructuredOutput>,
    /// The models of seats whose list is not given.
    pub models: DefaultModels,
    /// Further keys for the same models.
    pub more_api_keys: Vec<KeySource>,
    /// How many requests a minute each model and key may get.
    pub requests_per_minute: Option<u32>,
    /// How many tokens a minute, in and out, each model and key may use.
    pub tokens_per_minute: Option<u64>,
    /// How many calls may be under way at each model and key; unset, it is found out as it goes.
    pub concurrency: Option<u32>,
    /// Whether replies are streamed; on.
    pub streaming: bool,
}

/// A provider's models for seats whose list is not given; unset, those of the built-in table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefaultModels {
    /// For the roles that need the most ability.
    pub strong: Option<String>,
    /// For the roles where a cheap and fast model does.
    pub fast: Option<String>,
}

/// What a provider lets its caller in with.
#[derive(Clone, Debug, PartialEq)]
pub enum Credential {
    /// A key (`x-api-key` at Anthropic, a bearer token at OpenAI).
    ApiKey(KeySource),
    /// A bearer token at Anthropic.
    AuthToken(KeySource),
}

impl ProviderSettings {
    /// A provider of this kind with every setting at its default.
    pub const fn new(kind: ProviderKind) -> Self {
        Self {
            kind,
            base_url: None,
            api_key: None,
            api_key_cmd: None,
            auth_token: None,
            organization: None,
            project: None,
            dialect: None,
            version: None,
            structured_output: None,
            models: DefaultModels { strong: None, fast: None },
            more_api_keys: Vec::new(),
            requests_per_minute: None,
            tokens_per_minute: None,
            concurrency: None,
            streaming: true,
            trace_context: false,
        }
    }

    /// The address in force.
    pub fn base_url(&self) -> &str {
        self.base_url.as_deref().unwrap_or(self.kind.official_base_url())
    }

    /// The shade of the OpenAI format in force: what was set, else official at the vendor's own host and compatible anywhere else.
    pub fn dialect(&self) -> Dialect {
        let host = |url: &str| url.parse::<http::Uri>().ok().and_then(|uri| uri.host().map(str::to_owned));
        self.dialect.unwrap_or_else(|| {
            if host(self.base_url()) == host(self.kind.official_base_url()) {
                Dialect::Official
            } else {
                Dialect::Compatible
            }
        })
    }

    /// The credential in force, with its key not yet revealed. A key wins over a command, and both over a token.
    pub fn credential(&self) -> Option<Credential> {
        let command = || self.api_key_cmd.clone().map(KeySource::Command);
        let key = self.api_key.clone().or_else(command).map(Credential::ApiKey);
        key.or_else(|| self.auth_token.clone().map(Credential::AuthToken))
    }
}

/// `[roles.ROLE]`: one role.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct RoleSettings {
    /// How long one attempt at a remote model may take; see [`RoleDefinition::timeout`].
    pub timeout: Option<Duration>,
    /// How many seats the role has; see [`RoleDefinition::seats`].
    pub seats: Option<u8>,
    /// The sampling temperature, 0.0 to 2.0.
    pub temperature: Option<f32>,
    /// One list of models for every seat: the first answers, the others are its fallbacks in order. Exact, where it is not empty.
    pub models: Vec<ModelRef>,
    /// A list of models for each seat. Exact, where it is not empty; then `models` is.
    pub seat: Vec<Vec<ModelRef>>,
}

impl RoleSettings {
    /// The same in the words of the builder.
    pub fn definition(&self, role: Role) -> RoleDefinition {
        let mut definition = RoleDefinition::new(role);
        if let Some(timeout) = self.timeout {
            definition = definition.timeout(timeout);
        }
        if let Some(seats) = self.seats {
            definition = definition.seats(seats);
        }
        if let Some(temperature) = self.temperature {
            definition = definition.temperature(temperature);
        }
        let seats = usize::from(self.seats.unwrap_or(role.seats_default()));
        let same = || vec![self.models.clone(); if self.models.is_empty() { 0 } else { seats }];
        let lists = if self.seat.is_empty() { same() } else { self.seat.clone() };
        lists
            .into_iter()
            .fold(definition, |definition, list| definition.seat(list.iter().map(ToString::to_string)))
    }
}

/// `[embedded]`: the model that runs in this process.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EmbeddedSettings {
    /// When it is used.
    pub enabled: EmbeddedUse,
    /// A model file of the user's own (GGUF); unset, the default model from the cache.
    pub path: Option<PathBuf>,
    /// Whether the model file may never be fetched from the network; off.
    pub offline: bool,
    /// How long one call of it may take; 300 s. It takes the place of the roles' time limits.
    pub timeout: Duration,
    /// How many calls it works on at once; unset, 2, or 1 on a single core.
    pub workers: Option<NonZeroUsize>,
    /// How many threads compute, for all calls together; unset, as many as there are cores, at most 4.
    pub threads: Option<NonZeroUsize>,
    /// The most tokens of one reply; unset, what the caller of the model asks for.
    pub tokens_max: Option<u32>,
}

impl Default for EmbeddedSettings {
    fn default() -> Self {
        Self {
            enabled: EmbeddedUse::Auto,
            path: None,
            offline: false,
            timeout: Duration::from_secs(300),
            workers: None,
            threads: None,
            tokens_max: None,
        }
    }
}

/// `[council]`: the whole run.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CouncilSettings {
    /// How many proposals a decision needs; 2.
    pub quorum_proposals: u8,
    /// How many valid ballots a decision needs; 1.
    pub quorum_ballots: u8,
    /// How long a run may take in all; unset, as long as its calls take.
    pub time_limit: Option<Duration>,
    /// What a run may cost; unset, as much as it costs.
    pub budget: Option<MicroUsd>,
    /// How many tokens a run may use; unset, as many as it uses.
    pub budget_tokens: Option<u64>,
    /// Whether a run below its quorum is an error instead of a labelled fallback; off.
    pub strict: bool,
    /// How much deliberation a question gets when its request does not say; triage decides.
    pub mode: ModeChoice,
    /// The seed of everything that is drawn by lot; unset, every run has a fresh one.
    pub seed: Option<u64>,
    /// Which stages a council runs when its request does not say; all.
    pub stages: Stages,
    /// How many proposers are asked; as many as it takes.
    pub depth: Depth,
    /// Whether a seat whose reply cannot be read is asked once more; on.
    pub ask_again: bool,
    /// The rule that decides elections; unset, it follows from the kind of answer and from what is known of the voters.
    pub rule: Option<TallyRule>,
    /// How probable it must be that an answer is right before nobody else is asked; unset, it follows from the price of being wrong.
    pub stop_at: Option<f64>,
}

impl Default for CouncilSettings {
    fn default() -> Self {
        Self {
            quorum_proposals: 2,
            quorum_ballots: 1,
            time_limit: None,
            budget: None,
            budget_tokens: None,
            strict: false,
            mode: ModeChoice::Auto,
            seed: None,
            stages: Stages::ALL,
            depth: Depth::Adaptive,
            ask_again: true,
            rule: None,
            stop_at: None,
        }
    }
}

/// `[trust]`: what is known of how often models are right, by which the command lets their votes count. A library's user decides:
/// [`open_trust`](crate::trust::open_trust) reads the table, [`trust`](crate::AsyncOrchestratorBuilder::trust) uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrustSettings {
    /// Whether votes count by the table, where there is one; on. In files it is called `use`.
    pub enabled: bool,
    /// The table's file; unset, `trust.json` in the program's directory for state.
    pub file: Option<PathBuf>,
}

impl Default for TrustSettings {
    fn default() -> Self {
        Self { enabled: true, file: None }
    }
}

/// `[state]`: what outlives a run of the command: models and keys that are left out, limits and budgets in use, kept answers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StateSettings {
    /// Whether the command keeps it in a file; on.
    pub enabled: bool,
    /// The file; unset, `state.db` in the program's directory for state.
    pub path: Option<PathBuf>,
}

impl Default for StateSettings {
    fn default() -> Self {
        Self { enabled: true, path: None }
    }
}

/// `[network]`: how servers are reached. What is unset is the transport's default.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct NetworkSettings {
    /// How long name look-up, TCP, proxy and TLS may take together.
    pub connect_timeout: Option<Duration>,
    /// The proxy for `https://` addresses. It may hold a password.
    pub https_proxy: Option<SecretString>,
    /// The proxy for `http://` addresses. It may hold a password.
    pub http_proxy: Option<SecretString>,
    /// The proxy for what the other two do not cover. It may hold a password.
    pub all_proxy: Option<SecretString>,
    /// The hosts that are reached without a proxy, separated by commas.
    pub no_proxy: Option<String>,
    /// A file of PEM certificates that are trusted in place of the platform's.
    pub ca_file: Option<PathBuf>,
    /// A directory of such files.
    pub ca_directory: Option<PathBuf>,
    /// The most bytes of one JSON reply.
    pub body_bytes_max: Option<usize>,
    /// The most bytes of one server-sent event.
    pub event_bytes_max: Option<usize>,
}

/// `[prompts]`: what the models are told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PromptSettings {
    /// A directory of the user's own prompts, which replace the built-in ones of the same name.
    pub directory: Option<PathBuf>,
    /// The prompt pack of a question whose request does not say; unset, triage finds one.
    pub domain: Option<Domain>,
}

/// `[models."provider:model"]`: what the user knows better than the built-in table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelSettings {
    /// Micro-dollars a million input tokens.
    pub input: Option<u64>,
    /// Micro-dollars a million input tokens that the vendor read from its cache; unset, as `input`.
    pub cached_input: Option<u64>,
    /// Micro-dollars a million input tokens that the vendor wrote into its cache; unset, as `input`.
    pub cache_write: Option<u64>,
    /// Micro-dollars a million output tokens.
    pub output: Option<u64>,
    /// The date of the prices, such as `2026-11`.
    pub as_of: Option<String>,
    /// The window in tokens, input and output together.
    pub context_window: Option<u32>,
    /// The most output tokens of one reply.
    pub output_tokens_max: Option<u32>,
    /// Whether it goes on from the beginning of a reply that stands as the last message; unset, what its name says.
    pub continues: Option<bool>,
}

impl ModelSettings {
    /// The price, where one was given. (Loading refuses a price that is not whole.)
    pub fn price(&self) -> Option<Price> {
        Some(Price {
            input: self.input?,
            cached_input: self.cached_input,
            cache_write: self.cache_write,
            output: self.output?,
            as_of: self.as_of.clone()?,
        })
    }
}
