//! Builds an orchestrator from roles, keys, settings and ports, and reports every problem at once.

mod pieces;

use std::{collections::BTreeMap, fmt, sync::Arc};

use async_orchestrator_core::{
    AttemptLimits, Clock, HistoryStore, Journal, LlmProvider, Observer, Role, RoleDefinition, SharedState,
    TallyRule,
};
use async_orchestrator_council::{Checker, Council, Depth, Panel, Quorum, Seat, Unrecorded};
use async_orchestrator_prompts::CollaborativePromptLibrary;
use async_orchestrator_providers::Transport;
use async_orchestrator_resilience::{ResilienceConfig, Stack, TokioClock};
use async_orchestrator_tally::Trust;
use secrecy::SecretString;

use pieces::{EmbeddedModel, Own, embedded, embedded_allowed, prompts, stack};

use crate::{
    AsyncOrchestrator, BuildError, ConfigFile, Environment, Error, KeySource, Layers, ProviderKind,
    ProviderSettings, Settings,
    defaults::RequestDefaults,
    orchestrator::Inner,
    registry::{Registry, transport_config},
    seating::{Seating, seats_of},
};

/// Builds an [`AsyncOrchestrator`].
///
/// ```
/// use async_orchestrator::{AsyncOrchestrator, Role, RoleDefinition};
/// use std::time::Duration;
///
/// let built = AsyncOrchestrator::builder()
///     .roles([RoleDefinition::new(Role::Critic).timeout(Duration::from_secs(8)).seat(["mars:rover-1"])])
///     .openai_key("not-a-real-key")
///     .build();
/// let problems = built.unwrap_err().to_string();
/// assert!(problems.contains("mars"), "{problems}");
/// assert!(!problems.contains("not-a-real-key"));
/// ```
#[derive(Default)]
#[must_use]
pub struct AsyncOrchestratorBuilder {
    pub(crate) roles: BTreeMap<Role, RoleDefinition>,
    pub(crate) settings: Option<Settings>,
    keys: Vec<(ProviderKind, SecretString)>,
    custom: Vec<Arc<dyn LlmProvider>>,
    prompts: Option<CollaborativePromptLibrary>,
    clock: Option<Arc<dyn Clock>>,
    pub(crate) quorum: Option<(u8, u8)>,
    pub(crate) depth: Option<Depth>,
    pub(crate) trust: Option<Arc<Trust>>,
    rule: Option<TallyRule>,
    seed: Option<u64>,
    observers: Vec<Arc<dyn Observer>>,
    checkers: Vec<Arc<dyn Checker>>,
    journal: Option<Arc<dyn Journal>>,
    history: Option<Arc<dyn HistoryStore>>,
    unrecorded: Option<Unrecorded>,
    resilience: Option<ResilienceConfig>,
    state: Option<Arc<dyn SharedState>>,
}

impl AsyncOrchestratorBuilder {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Defines one role. A role that is not defined has its defaults.
    pub fn role(mut self, role: RoleDefinition) -> Self {
        self.roles.insert(role.role(), role);
        self
    }

    /// Defines several roles.
    pub fn roles(self, roles: impl IntoIterator<Item = RoleDefinition>) -> Self {
        roles.into_iter().fold(self, Self::role)
    }

    /// Uses OpenAI with this key.
    pub fn openai_key(mut self, key: impl Into<String>) -> Self {
        self.keys.push((ProviderKind::OpenAi, SecretString::from(key.into())));
        self
    }

    /// Uses Anthropic with this key.
    pub fn anthropic_key(mut self, key: impl Into<String>) -> Self {
        self.keys.push((ProviderKind::Anthropic, SecretString::from(key.into())));
        self
    }

    /// Uses what the environment says: `OPENAI_API_KEY`, `ANTHROPIC_API_KEY`, `*_BASE_URL` and every `ORCHESTRATOR_*` variable; without any
    /// key the embedded model, where the feature `embedded` is on.
    ///
    /// # Errors
    /// If a variable has a value that cannot be used, or there is neither a key nor an embedded model.
    pub fn providers_from_env(self) -> Result<Self, Error> {
        let settings = Layers::new(Environment::from_process()).file(ConfigFile::None).load()?;
        if settings.providers.is_empty()
            && self.keys.is_empty()
            && self.custom.is_empty()
            && !embedded_allowed(&settings)
        {
            return Err(BuildError::one(no_model()).into());
        }
        Ok(self.settings(settings))
    }

    /// Uses these settings, from a file, the environment and flags; see [`Layers`]. They replace earlier ones.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = Some(settings);
        self
    }

    /// Uses a provider of your own. It is known by its capabilities' target, and seats whose models are not given use it like a vendor.
    pub fn provider(mut self, provider: Arc<dyn LlmProvider>) -> Self {
        self.custom.push(provider);
        self
    }

    /// Uses these prompts instead of the built-in ones.
    pub fn prompts(mut self, prompts: CollaborativePromptLibrary) -> Self {
        self.prompts = Some(prompts);
        self
    }

    /// Uses this clock instead of the system's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Asks for at least `proposals` valid proposals (1 to 5; 2) and `ballots` valid ballots (0 to 8; 1).
    pub fn quorum(mut self, proposals: u8, ballots: u8) -> Self {
        self.quorum = Some((proposals, ballots));
        self
    }

    /// Says how many proposers are asked; [`Depth::Adaptive`] unless it or the settings say otherwise.
    pub fn depth(mut self, depth: Depth) -> Self {
        self.depth = Some(depth);
        self
    }

    /// Lets votes for a closed answer count by what `trust` knows of the models that gave them, and states how probably the winner is right
    /// where the table is calibrated. Without it every seat has one vote. See [`trust`](crate::trust) for where a table comes from.
    ///
    /// ```
    /// use async_orchestrator::{AsyncOrchestrator, trust::{Labelled, Trust}};
    /// let question = |n: u32| Labelled {
    ///     class: "fact",
    ///     votes: vec![("openai:gpt-5.5", "A"), ("anthropic:claude-sonnet-5-5", if n < 9 { "A" } else { "B" })],
    ///     truth: "A",
    /// };
    /// let trust = Trust::learn(&(0..40).map(question).collect::<Vec<_>>());
    /// let orchestrator = AsyncOrchestrator::builder().openai_key("not-a-real-key").trust(trust).build()?;
    /// # Ok::<(), async_orchestrator::Error>(())
    /// ```
    pub fn trust(mut self, trust: impl Into<Arc<Trust>>) -> Self {
        self.trust = Some(trust.into());
        self
    }

    /// Draws every order from this seed instead of a fresh one a run. Of seeds above 2^53 the lower 53 bits count: records are JSON.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed & ((1 << 53) - 1));
        self
    }

    /// Tells `observer` about every event of every run.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observers.push(observer);
        self
    }

    /// Keeps calls going by these rules instead of those of the settings.
    pub fn resilience(mut self, config: ResilienceConfig) -> Self {
        self.resilience = Some(config);
        self
    }

    /// Shares with everybody who uses `state` what is found of models and keys, what is used of limits and budgets, and the answers that are
    /// kept. Without it all of that is this orchestrator's own and ends with it.
    ///
    /// ```
    /// use async_orchestrator::{AsyncOrchestrator, InProcessState};
    /// use std::sync::Arc;
    /// let state = Arc::new(InProcessState::new());
    /// let one = AsyncOrchestrator::builder().openai_key("not-a-real-key").shared_state(state.clone()).build()?;
    /// let other = AsyncOrchestrator::builder().openai_key("not-a-real-key").shared_state(state).build()?;
    /// # Ok::<(), async_orchestrator::Error>(())
    /// ```
    pub fn shared_state(mut self, state: Arc<dyn SharedState>) -> Self {
        self.state = Some(state);
        self
    }

    /// Runs `checker` on every result, before any model is asked to validate it.
    pub fn checker(mut self, checker: Arc<dyn Checker>) -> Self {
        self.checkers.push(checker);
        self
    }

    /// Says what a run does that cannot be recorded; it goes on unless this or the settings say otherwise.
    pub fn unrecorded(mut self, unrecorded: Unrecorded) -> Self {
        self.unrecorded = Some(unrecorded);
        self
    }

    /// Decides every election by this rule, as [`Council::rule`] does.
    pub fn rule(mut self, rule: TallyRule) -> Self {
        self.rule = Some(rule);
        self
    }

    /// Makes every run durable in `journal` as it happens.
    pub fn journal(mut self, journal: Arc<dyn Journal>) -> Self {
        self.journal = Some(journal);
        self
    }

    /// Keeps the record of every finished run in `history`.
    pub fn history(mut self, history: Arc<dyn HistoryStore>) -> Self {
        self.history = Some(history);
        self
    }

    /// Builds the orchestrator. Nothing is called and nothing is fetched; a key command of the settings is run, and a model file of your own
    /// is read, which blocks for about a second.
    ///
    /// # Errors
    /// With everything that is wrong, at once.
    pub fn build(self) -> Result<AsyncOrchestrator, Error> {
        self.build_after(None).map(AsyncOrchestrator::new)
    }

    /// The same as the next state of an orchestrator that was there `before`.
    pub(crate) fn build_after(self, before: Option<&Inner>) -> Result<Inner, Error> {
        let mut problems = Vec::new();
        let settings = self.joined_settings()?;
        let clock: Arc<dyn Clock> = match before {
            Some(before) => Arc::clone(&before.clock),
            None => self.clock.unwrap_or_else(|| Arc::new(TokioClock)),
        };
        let transport = Transport::new(transport_config(&settings.network), Arc::clone(&clock))
            .map_err(|error| BuildError::one(error.to_string()))?;
        let prompts = prompts(self.prompts, &settings, &mut problems);
        let embedded = embedded(&settings, before, &transport, &clock, &mut problems);
        let local = embedded.as_ref().map(EmbeddedModel::local);
        let mut registry = Registry::new(&settings, transport, self.custom, local, &mut problems);
        let own = Own { config: self.resilience, seed: self.seed, state: self.state };
        let stack = stack(own, before.map(|before| &before.stack), &settings, &clock, &mut problems);
        let seats = match &stack {
            Some(stack) => seats(&self.roles, &settings, &mut registry, stack, &mut problems),
            None => Vec::new(),
        };
        let quorum =
            self.quorum.unwrap_or((settings.council.quorum_proposals, settings.council.quorum_ballots));
        let quorum = Quorum::try_new(quorum.0, quorum.1).map_err(|error| problems.push(error.to_string()));
        // Seats that could not be filled have been noted; the panel would only say so again.
        let panel = problems
            .is_empty()
            .then(|| Panel::try_new(seats).map_err(|error| problems.push(error.to_string())));
        let (Some(prompts), Some(Ok(panel)), Ok(quorum), Some(stack)) = (prompts, panel, quorum, stack)
        else {
            return Err(BuildError::all(problems).into());
        };
        let mut council = Council::new(panel, prompts, Arc::clone(&clock)).quorum(quorum);
        council = council.depth(self.depth.unwrap_or(settings.council.depth));
        council = council.ask_again(settings.council.ask_again);
        if let Some(rule) = self.rule.or(settings.council.rule) {
            council = council.rule(rule);
        }
        if let Some(stop_at) = settings.council.stop_at {
            council = council.stop_at(stop_at);
        }
        if let Some(trust) = self.trust {
            council = council.trust(trust);
        }
        council = self.checkers.into_iter().fold(council, Council::checker);
        council = council.unrecorded(self.unrecorded.unwrap_or_else(|| settings.history.unrecorded()));
        if let Some(journal) = &self.journal {
            council = council.journal(Arc::clone(journal));
        }
        if let Some(history) = self.history {
            council = council.history(history);
        }
        Ok(Inner {
            council,
            journal: self.journal,
            clock,
            observers: self.observers,
            defaults: RequestDefaults {
                mode: settings.council.mode,
                domain: settings.prompts.domain.clone(),
                time_limit: settings.council.time_limit,
                budget: settings.council.budget,
                budget_tokens: settings.council.budget_tokens,
                strict: settings.council.strict,
                stages: settings.council.stages,
                reuse: settings.resilience.reuse,
            },
            stack,
            seed: self.seed.or(settings.council.seed),
            #[cfg(feature = "embedded")]
            embedded: embedded.map(|model| model.0),
        })
    }

    /// The settings with the builder's own keys on top.
    fn joined_settings(&self) -> Result<Settings, Error> {
        let mut settings = match &self.settings {
            Some(settings) => settings.clone(),
            None => Layers::new(Environment::empty()).file(ConfigFile::None).load()?,
        };
        for (kind, key) in &self.keys {
            let provider = settings.providers.entry(kind.name().to_owned());
            provider.or_insert_with(|| ProviderSettings::new(*kind)).api_key =
                Some(KeySource::Literal(key.clone()));
        }
        Ok(settings)
    }
}

impl Settings {
    /// The prompts that these settings name: the built-in ones, with the templates of `prompts.directory` in their places.
    ///
    /// # Errors
    /// With everything that is wrong with the templates.
    pub fn prompt_library(&self) -> Result<CollaborativePromptLibrary, Error> {
        let mut problems = Vec::new();
        prompts(None, self, &mut problems).ok_or_else(|| BuildError::all(problems).into())
    }
}

impl fmt::Debug for AsyncOrchestratorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncOrchestratorBuilder")
            .field("roles", &self.roles)
            .field("settings", &self.settings)
            .field("custom", &self.custom)
            .finish_non_exhaustive()
    }
}

fn no_model() -> String {
    let local = if cfg!(feature = "embedded") {
        "allow the embedded model (`embedded.enabled = \"auto\"`)"
    } else {
        "build with the feature `embedded` for a model that runs in this process"
    };
    format!("no model is configured: set OPENAI_API_KEY or ANTHROPIC_API_KEY, or {local}")
}

fn seats(
    roles: &BTreeMap<Role, RoleDefinition>,
    settings: &Settings,
    registry: &mut Registry,
    stack: &Stack,
    problems: &mut Vec<String>,
) -> Vec<Seat> {
    let vendors = registry.vendors(settings, problems);
    let definition = |role: Role| roles.get(&role).cloned().unwrap_or_else(|| settings.role_definition(role));
    let needs_vendor =
        |role: &Role| definition(*role).seat_models().is_empty() && definition(*role).seats_set() != Some(0);
    if vendors.is_empty() && problems.is_empty() && Role::ALL.iter().any(needs_vendor) {
        problems.push(no_model());
        return Vec::new();
    }
    let mut seats = Vec::new();
    for role in Role::ALL {
        let definition = definition(role);
        check_values(&definition, problems);
        for seating in seats_of(&definition, &vendors, problems) {
            seats.extend(seat(&definition, &seating, registry, stack, problems));
        }
    }
    seats
}

fn check_values(definition: &RoleDefinition, problems: &mut Vec<String>) {
    let role = definition.role();
    if definition.timeout_set().is_some_and(|timeout| timeout.is_zero()) {
        problems.push(format!("{role}: a timeout of zero lets no call end; leave it out for the default"));
    }
    if definition.temperature_set().is_some_and(|temperature| !(0.0..=2.0).contains(&temperature)) {
        problems.push(format!("{role}: the temperature must be between 0.0 and 2.0"));
    }
}

fn seat(
    definition: &RoleDefinition,
    seating: &Seating,
    registry: &mut Registry,
    stack: &Stack,
    problems: &mut Vec<String>,
) -> Option<Seat> {
    let mut targets = Vec::new();
    let mut models = Vec::new();
    for model in &seating.models {
        match registry.targets(model) {
            Ok((of_model, capabilities)) => {
                targets.extend(of_model);
                models.push(capabilities);
            }
            Err(problem) => {
                let problem = format!("{}: {problem}", seating.seat);
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
            }
        }
    }
    let provider = stack.provider(targets).ok()?;
    let limits = definition.timeout_set().map_or(AttemptLimits::REMOTE_DEFAULT, AttemptLimits::within);
    Some(Seat { id: seating.seat, provider, models, limits, temperature: definition.temperature_set() })
}
