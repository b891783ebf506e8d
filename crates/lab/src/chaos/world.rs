//! One case's world: a simulator, a primary model that has the fault, perhaps a backup, and the default stack in front of them.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use async_orchestrator_core::{
    AttemptLimits, CallContext, Clock, Completion, CompletionRequest, Deadline, LlmProvider, Message,
    OnBroken, ProviderError, Reuse, StreamEvent,
};
use async_orchestrator_providers::{
    AnthropicConfig, AnthropicCredential, AnthropicProvider, Catalogue, ModelEntry, OpenAiConfig,
    OpenAiProvider, Transport, TransportConfig,
};
use async_orchestrator_resilience::{ResilienceConfig, Stack, Target, TargetLimits, TokioClock};
use async_orchestrator_simulator::{Persona, Simulator, SimulatorHandle};
use futures_util::StreamExt;
use serde::Serialize;

/// How the reply is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// As one document.
    Whole,
    /// As a stream.
    Streamed,
}

/// The wire format of the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Chat Completions.
    OpenAi,
    /// Messages.
    Anthropic,
}

/// Whether there is a fallback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Backup {
    /// The faulty model is alone.
    None,
    /// A healthy model stands behind it.
    Present,
}

/// One combination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Combo {
    /// Whole or streamed.
    pub delivery: Delivery,
    /// The format.
    pub format: Format,
    /// With a fallback or without.
    pub backup: Backup,
    /// What everything drawn by lot is drawn from.
    pub seed: u64,
}

impl Combo {
    /// All eight.
    pub fn all() -> impl Iterator<Item = Self> {
        [Delivery::Whole, Delivery::Streamed].into_iter().flat_map(|delivery| {
            [Format::OpenAi, Format::Anthropic].into_iter().flat_map(move |format| {
                [Backup::None, Backup::Present].map(|backup| Self { delivery, format, backup, seed: 7 })
            })
        })
    }

    /// The same with another seed.
    pub(super) const fn seeded(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    pub(super) fn has_backup(self) -> bool {
        self.backup == Backup::Present
    }

    pub(super) fn is_streamed(self) -> bool {
        self.delivery == Delivery::Streamed
    }
}

impl fmt::Display for Combo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let delivery = if self.is_streamed() { "streamed" } else { "whole" };
        let format = match self.format {
            Format::OpenAi => "openai",
            Format::Anthropic => "anthropic",
        };
        write!(f, "{delivery} {format} {}", if self.has_backup() { "fallback" } else { "alone" })
    }
}

pub(super) const PRIMARY: &str = "primary";
pub(super) const BACKUP: &str = "backup";

/// What a row needs beside the usual.
#[derive(Default)]
pub(super) struct Setup {
    /// Where the primary is; the simulator otherwise.
    pub(super) address: Option<String>,
    /// How servers are reached.
    pub(super) transport: TransportConfig,
    /// What the primary may be asked.
    pub(super) traffic: TargetLimits,
    /// Whether the backup goes on from the beginning of a reply.
    pub(super) backup_continues: bool,
    /// Whether the caller can take text back.
    pub(super) broken: OnBroken,
}

/// A case's world.
pub(super) struct World {
    pub(super) simulator: SimulatorHandle,
    pub(super) provider: Arc<dyn LlmProvider>,
    pub(super) stack: Stack,
    /// What the stack was built of.
    pub(super) targets: Vec<Target>,
    broken: OnBroken,
    combo: Combo,
}

/// What a caller got.
pub(super) struct Got {
    pub(super) outcome: Result<Completion, ProviderError>,
    pub(super) restarts: u32,
    pub(super) deltas: u32,
    /// The text as its reader has it at the end.
    pub(super) text: String,
    pub(super) took: Duration,
}

impl Got {
    /// Whether `model` answered, with a text that is not empty and that its reader saw as it is.
    pub(super) fn answered_by(&self, model: &str) -> bool {
        self.outcome.as_ref().is_ok_and(|completion| {
            completion.answered_by.model() == model
                && !completion.text.is_empty()
                && (self.deltas == 0 || completion.text == self.text)
        })
    }

    /// How many attempts went out, by the record.
    pub(super) fn attempts(&self, model: &str) -> usize {
        let trail = match &self.outcome {
            Ok(completion) => &completion.trail[..],
            Err(error) => error.trail(),
        };
        trail.iter().filter(|attempt| attempt.n > 0 && attempt.target.model() == model).count()
    }
}

impl fmt::Display for Got {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Ok(completion) => write!(f, "answer of {}", completion.answered_by.model())?,
            Err(error) => write!(f, "{:?}", error.kind())?,
        }
        if self.restarts > 0 {
            write!(f, " after {} restarts", self.restarts)?;
        }
        write!(f, " in {} ms", self.took.as_millis())
    }
}

/// Waits as they are on real sockets: short, so that a matrix ends in minutes.
pub(super) fn quick() -> ResilienceConfig {
    let mut config = ResilienceConfig::default();
    config.retry.base = Duration::from_millis(20);
    config.retry.max = Duration::from_millis(80);
    config
}

impl World {
    /// A simulator with this primary; both models are asked there.
    pub(super) async fn new(
        combo: Combo,
        primary: Persona,
        config: ResilienceConfig,
    ) -> Result<Self, String> {
        Self::at(combo, primary, config, None).await
    }

    /// The same, with the primary at an address of its own.
    pub(super) async fn at(
        combo: Combo,
        primary: Persona,
        config: ResilienceConfig,
        address: Option<String>,
    ) -> Result<Self, String> {
        let setup = Setup { address, ..Setup::default() };
        Self::set_up(combo, primary, config, setup).await
    }

    /// The same, with what else a row needs.
    pub(super) async fn set_up(
        combo: Combo,
        primary: Persona,
        config: ResilienceConfig,
        setup: Setup,
    ) -> Result<Self, String> {
        let simulator = Simulator::builder()
            .seed(combo.seed)
            .model(PRIMARY, primary)
            .model(BACKUP, Persona::new())
            .start()
            .await
            .map_err(|error| error.to_string())?;
        let clock: Arc<dyn Clock> = Arc::new(TokioClock);
        let transport =
            Transport::new(setup.transport, Arc::clone(&clock)).map_err(|error| error.to_string())?;
        let stack = Stack::try_new(clock, config, combo.seed).map_err(|error| error.to_string())?;
        let own = simulator.base_url();
        let address = setup.address.as_deref().unwrap_or(&own);
        let primary = target(combo.format, address, PRIMARY, 8_000, &transport)?;
        let mut targets = vec![primary.traffic(setup.traffic)];
        if combo.has_backup() {
            let entry = ModelEntry { continues: Some(setup.backup_continues), ..entry(100_000) };
            targets.push(target_of(combo.format, &own, BACKUP, entry, &transport)?);
        }
        let provider = stack.provider(targets.clone()).map_err(|error| error.to_string())?;
        Ok(Self { simulator, provider, stack, targets, broken: setup.broken, combo })
    }

    pub(super) fn calls(&self, model: &str) -> u64 {
        self.simulator.stats().calls_of(model)
    }

    pub(super) fn seen(&self) -> String {
        let stats = self.simulator.stats();
        format!(
            "{} + {} calls, {} in flight, {} cancelled",
            stats.calls_of(PRIMARY),
            stats.calls_of(BACKUP),
            stats.calls_in_flight,
            stats.calls_cancelled
        )
    }

    /// Asks once under the usual limits.
    pub(super) async fn ask(&self) -> Got {
        self.ask_with(&request(), limits(5_000, 3_000, 1_000), Deadline::NEVER).await
    }

    pub(super) async fn ask_with(
        &self,
        request: &CompletionRequest,
        limits: AttemptLimits,
        deadline: Deadline,
    ) -> Got {
        let started = TokioClock.now();
        let context = CallContext { limits, deadline, broken: self.broken, ..CallContext::detached(started) };
        let mut got = Got {
            outcome: Err(async_orchestrator_core::ErrorKind::Cancelled.into()),
            restarts: 0,
            deltas: 0,
            text: String::new(),
            took: Duration::ZERO,
        };
        got.outcome = match self.combo.delivery {
            Delivery::Whole => self.provider.complete(request, &context).await,
            Delivery::Streamed => self.read(request, &context, &mut got).await,
        };
        got.took = since(started);
        got
    }

    async fn read(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
        got: &mut Got,
    ) -> Result<Completion, ProviderError> {
        let mut stream = self.provider.stream(request, context).await?;
        while let Some(event) = stream.next().await {
            match event? {
                StreamEvent::Delta(text) => {
                    got.deltas += 1;
                    got.text.push_str(&text);
                }
                StreamEvent::Restarted { .. } => {
                    got.restarts += 1;
                    got.text.clear();
                }
                StreamEvent::Finished(completion) => return Ok(*completion),
                _ => {}
            }
        }
        Err(async_orchestrator_core::ErrorKind::Truncated.into())
    }
}

pub(crate) fn target(
    format: Format,
    base: &str,
    model: &str,
    window: u32,
    transport: &Transport,
) -> Result<Target, String> {
    target_of(format, base, model, entry(window), transport)
}

const fn entry(window: u32) -> ModelEntry {
    ModelEntry { price: None, context_window: Some(window), output_tokens_max: Some(500), continues: None }
}

fn target_of(
    format: Format,
    base: &str,
    model: &str,
    entry: ModelEntry,
    transport: &Transport,
) -> Result<Target, String> {
    let provider = match format {
        Format::OpenAi => "openai",
        Format::Anthropic => "anthropic",
    };
    let name = format!("{provider}:{model}").parse().map_err(|_| "no name of a model".to_owned())?;
    let catalogue = Catalogue::builtin().with_entries([(name, entry)]);
    let made: Arc<dyn LlmProvider> = match format {
        Format::OpenAi => {
            let config = OpenAiConfig::compatible(provider, format!("{base}/v1"));
            let made = OpenAiProvider::new(transport.clone(), &config, model, &catalogue);
            Arc::new(made.map_err(|error| error.to_string())?)
        }
        Format::Anthropic => {
            let mut config = AnthropicConfig::official(AnthropicCredential::None);
            base.clone_into(&mut config.base_url);
            let made = AnthropicProvider::new(transport.clone(), &config, model, &catalogue);
            Arc::new(made.map_err(|error| error.to_string())?)
        }
    };
    Ok(Target::remote(made))
}

pub(super) fn request() -> CompletionRequest {
    CompletionRequest {
        max_output_tokens: Some(200),
        ..CompletionRequest::new(vec![Message::user("Why do rivers meander?")])
    }
}

pub(crate) fn limits(total_ms: u64, first_token_ms: u64, idle_ms: u64) -> AttemptLimits {
    let [total, first_token, idle] = [total_ms, first_token_ms, idle_ms].map(Duration::from_millis);
    AttemptLimits { total, first_token, idle }
}

pub(crate) fn since(started: Instant) -> Duration {
    TokioClock.now().saturating_duration_since(started)
}

/// A context in which each call is a sample of its own.
pub(super) fn own_sample(deadline: Deadline) -> CallContext {
    CallContext { reuse: Reuse::Never, deadline, ..CallContext::detached(TokioClock.now()) }
}
