//! The embedded model as a seat's target: what it can do is known at once, its file is fetched and loaded at the first call.

use std::{fmt, path::Path, sync::Arc};

use async_orchestrator_core::{
    AttemptLimits, CallContext, Capabilities, Clock, Completion, CompletionRequest, CompletionStream,
    ErrorKind, LikelihoodJudge, LikelihoodTask, LikelihoodVerdict, LlmProvider, ModelRef, Price, PromptStyle,
    ProviderError, StructuredOutput,
};
use async_orchestrator_embedded::{DEFAULT_MODEL, EmbeddedOptions, EmbeddedProvider};
use async_orchestrator_providers::Transport;
use async_orchestrator_resilience::Target;
use async_trait::async_trait;
use tokio::sync::OnceCell;

use crate::{
    AsyncOrchestrator, EMBEDDED_PROVIDER, EmbeddedSettings, Environment, Error, OnFetch, Settings,
    WeightsStore, registry::Local,
};

/// What is said beside every answer of the default model.
const DEFAULT_NOTICE: &str = "embedded 135M model, demonstration quality";
/// The family of the default model.
const DEFAULT_FAMILY: &str = "smollm";
/// The window of the default model, in tokens.
const DEFAULT_WINDOW: u32 = 4_096;
/// The date under which "costs nothing" stands.
const PRICE_DATE: &str = "2026-11";

/// A model that is loaded when it is first needed.
pub(crate) struct LazyModel {
    shared: Arc<Shared>,
    limits: AttemptLimits,
    settings: EmbeddedSettings,
}

struct Shared {
    loaded: OnceCell<EmbeddedProvider>,
    store: WeightsStore,
    options: EmbeddedOptions,
    target: ModelRef,
    transport: Transport,
    clock: Arc<dyn Clock>,
    tokens_max: Option<u32>,
}

/// The provider that seats see.
struct Embedded {
    shared: Arc<Shared>,
    capabilities: Capabilities,
}

struct LazyJudge(Arc<Shared>);

impl LazyModel {
    /// The model that `settings` lead to. A file of the user's own is read now, so that a wrong one is found before anything is asked.
    pub(crate) fn new(
        settings: &Settings,
        environment: &Environment,
        transport: Transport,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, String> {
        let embedded = &settings.embedded;
        let options = options(embedded);
        let target = target(embedded.path.as_deref())?;
        let loaded = match &embedded.path {
            Some(path) => OnceCell::new_with(Some(
                EmbeddedProvider::load(path, target.clone(), &options).map_err(|error| error.to_string())?,
            )),
            None => OnceCell::new(),
        };
        let limits =
            AttemptLimits { total: embedded.timeout, first_token: embedded.timeout, idle: embedded.timeout };
        let store = WeightsStore::new(settings, environment);
        let tokens_max = embedded.tokens_max;
        let shared = Shared { loaded, store, options, target, transport, clock, tokens_max };
        Ok(Self { shared: Arc::new(shared), limits, settings: embedded.clone() })
    }

    /// What it was made from.
    pub(crate) const fn settings(&self) -> &EmbeddedSettings {
        &self.settings
    }

    /// The model as a target of seats.
    pub(crate) fn local(&self) -> Local {
        let provider = Arc::new(Embedded::new(&self.shared));
        Local { provider: provider.clone(), target: Target::local(provider, self.limits) }
    }

    /// Whether `model` is this one.
    fn is(&self, model: &ModelRef) -> bool {
        self.shared.target == *model
    }
}

impl Shared {
    async fn provider(&self, on_fetch: OnFetch<'_>) -> Result<&EmbeddedProvider, String> {
        self.loaded
            .get_or_try_init(|| async {
                let path = self.store.provide(&self.transport, &*self.clock, on_fetch).await;
                let path = path.map_err(|error| error.to_string())?;
                let (target, options) = (self.target.clone(), self.options.clone());
                // Reading and converting the weights takes a second of computing: not on a thread that serves others.
                let load = move || EmbeddedProvider::load(&path, target, &options);
                let loaded = tokio::task::spawn_blocking(load).await.map_err(|error| error.to_string())?;
                loaded.map_err(|error| error.to_string())
            })
            .await
    }

    async fn ready(&self) -> Result<&EmbeddedProvider, ProviderError> {
        let failed = |why: String| {
            ProviderError::new(ErrorKind::Unavailable).with_target(self.target.clone()).with_detail(why)
        };
        self.provider(&|_| {}).await.map_err(failed)
    }

    fn bounded(&self, request: &CompletionRequest) -> Option<CompletionRequest> {
        let max = self.tokens_max?;
        let asked = request.max_output_tokens.unwrap_or(max);
        (asked > max || request.max_output_tokens.is_none())
            .then(|| CompletionRequest { max_output_tokens: Some(max), ..request.clone() })
    }
}

impl Embedded {
    fn new(shared: &Arc<Shared>) -> Self {
        let capabilities = shared.loaded.get().map_or_else(
            || Capabilities {
                family: DEFAULT_FAMILY.to_owned(),
                context_window: Some(DEFAULT_WINDOW),
                output_tokens_max: Some(DEFAULT_WINDOW / 2),
                price: Some(Price::free(PRICE_DATE)),
                structured_output: StructuredOutput::JsonSchema,
                prompt_style: PromptStyle::Compact,
                notice: Some(DEFAULT_NOTICE.to_owned()),
                likelihood: Some(Arc::new(LazyJudge(Arc::clone(shared)))),
                ..Capabilities::unknown(shared.target.clone())
            },
            |loaded| loaded.capabilities().clone(),
        );
        Self { shared: Arc::clone(shared), capabilities }
    }
}

#[async_trait]
impl LlmProvider for Embedded {
    async fn complete(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<Completion, ProviderError> {
        let bounded = self.shared.bounded(request);
        self.shared.ready().await?.complete(bounded.as_ref().unwrap_or(request), context).await
    }

    async fn stream(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<CompletionStream, ProviderError> {
        let bounded = self.shared.bounded(request);
        self.shared.ready().await?.stream(bounded.as_ref().unwrap_or(request), context).await
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }
}

#[async_trait]
impl LikelihoodJudge for LazyJudge {
    async fn judge(
        &self,
        task: &LikelihoodTask,
        context: &CallContext,
    ) -> Result<LikelihoodVerdict, ProviderError> {
        match &self.0.ready().await?.capabilities().likelihood {
            Some(judge) => judge.judge(task, context).await,
            None => {
                Err(ProviderError::new(ErrorKind::Invalid)
                    .with_detail("this model cannot judge by likelihood"))
            }
        }
    }
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").field("target", &self.capabilities.target).finish_non_exhaustive()
    }
}

impl AsyncOrchestrator {
    /// Fetches and loads the embedded model, where a seat uses it, so that the first question need not wait for it.
    ///
    /// Without this call the first question does it. `on_fetch` hears of the progress of a fetch.
    ///
    /// # Errors
    /// If the file cannot be had or read; the message says what to do.
    pub async fn prepare(&self, on_fetch: OnFetch<'_>) -> Result<(), Error> {
        let inner = self.inner();
        let Some(model) = &inner.embedded else { return Ok(()) };
        let used =
            self.panel().seats().iter().flat_map(|seat| &seat.models).any(|facts| model.is(&facts.target));
        if used {
            model.shared.provider(on_fetch).await.map_err(Error::Embedded)?;
        }
        Ok(())
    }
}

fn options(settings: &EmbeddedSettings) -> EmbeddedOptions {
    let options = settings.workers.into_iter().fold(EmbeddedOptions::new(), EmbeddedOptions::jobs);
    settings.threads.into_iter().fold(options, EmbeddedOptions::threads)
}

/// The model's name: that of the default one, or the stem of the user's file.
fn target(own: Option<&Path>) -> Result<ModelRef, String> {
    let name = match own {
        None => DEFAULT_MODEL.name.to_owned(),
        Some(path) => path.file_stem().unwrap_or_default().to_string_lossy().replace(',', "_"),
    };
    ModelRef::try_new(EMBEDDED_PROVIDER, name).map_err(|error| error.to_string())
}
