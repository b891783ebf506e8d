//! The pieces that an orchestrator is built of: the prompts, the stack, the embedded model. Each notes what is wrong with it.

use std::sync::Arc;

use async_orchestrator_core::{Clock, SharedState};
use async_orchestrator_prompts::CollaborativePromptLibrary;
use async_orchestrator_providers::Transport;
use async_orchestrator_resilience::{PeriodBudgets, ResilienceConfig, Stack};

#[cfg(feature = "embedded")]
use crate::Environment;
use crate::{Settings, orchestrator::Inner, registry::Local};

pub(super) fn prompts(
    own: Option<CollaborativePromptLibrary>,
    settings: &Settings,
    problems: &mut Vec<String>,
) -> Option<CollaborativePromptLibrary> {
    let library = match (own, &settings.prompts.directory) {
        (Some(own), _) => return Some(own),
        (None, None) => CollaborativePromptLibrary::built_in(),
        (None, Some(directory)) => match crate::prompt_files(directory) {
            Ok(files) => CollaborativePromptLibrary::with_overrides(files),
            Err(problem) => {
                problems.push(problem);
                return None;
            }
        },
    };
    library.map_err(|error| problems.push(error.to_string())).ok()
}

/// What the builder itself says of the stack.
pub(super) struct Own {
    pub(super) config: Option<ResilienceConfig>,
    pub(super) seed: Option<u64>,
    pub(super) state: Option<Arc<dyn SharedState>>,
}

pub(super) fn stack(
    own: Own,
    before: Option<&Stack>,
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    problems: &mut Vec<String>,
) -> Option<Stack> {
    let mut config = own.config.unwrap_or_else(|| settings.resilience.config());
    if config.budgets == PeriodBudgets::default() {
        config.budgets = settings.budget;
    }
    // A fixed seed makes runs repeatable; otherwise processes that start together must not wait together.
    let seed = own.seed.unwrap_or_else(|| uuid::Uuid::now_v7().as_u64_pair().1);
    let clock = Arc::clone(clock);
    let stack = match (before, own.state) {
        (Some(before), _) => before.following(config),
        (None, None) => Stack::try_new(clock, config, seed),
        (None, Some(state)) => Stack::sharing(clock, config, seed, state, &crate::registry::place(settings)),
    };
    stack.map_err(|invalid| problems.extend(invalid.0)).ok()
}

#[cfg(feature = "embedded")]
pub(super) struct EmbeddedModel(pub(super) Arc<crate::embedded::LazyModel>);

#[cfg(feature = "embedded")]
impl EmbeddedModel {
    pub(super) fn local(&self) -> Local {
        self.0.local()
    }
}

#[cfg(feature = "embedded")]
pub(super) fn embedded(
    settings: &Settings,
    before: Option<&Inner>,
    transport: &Transport,
    clock: &Arc<dyn Clock>,
    problems: &mut Vec<String>,
) -> Option<EmbeddedModel> {
    if !embedded_allowed(settings) {
        return None;
    }
    // A model that is loaded already need not be read again.
    if let Some(model) = before.and_then(|before| before.embedded.as_ref())
        && *model.settings() == settings.embedded
    {
        return Some(EmbeddedModel(Arc::clone(model)));
    }
    let environment = Environment::from_process();
    match crate::embedded::LazyModel::new(settings, &environment, transport.clone(), Arc::clone(clock)) {
        Ok(model) => Some(EmbeddedModel(Arc::new(model))),
        Err(problem) => {
            problems.push(problem);
            None
        }
    }
}

#[cfg(feature = "embedded")]
pub(super) fn embedded_allowed(settings: &Settings) -> bool {
    settings.embedded.enabled == crate::EmbeddedUse::Auto
}

#[cfg(not(feature = "embedded"))]
pub(super) enum EmbeddedModel {}

#[cfg(not(feature = "embedded"))]
impl EmbeddedModel {
    pub(super) fn local(&self) -> Local {
        match *self {}
    }
}

#[cfg(not(feature = "embedded"))]
pub(super) fn embedded(
    _: &Settings,
    _: Option<&Inner>,
    _: &Transport,
    _: &Arc<dyn Clock>,
    _: &mut Vec<String>,
) -> Option<EmbeddedModel> {
    None
}

#[cfg(not(feature = "embedded"))]
pub(super) fn embedded_allowed(_: &Settings) -> bool {
    false
}
