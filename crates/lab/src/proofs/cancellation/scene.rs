//! A simulator with a model for each phase, and a stack whose settings let calls stay in it.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use async_orchestrator_core::{CallContext, Clock, EventSink, LlmProvider, Observer, Reuse, RunId};
use async_orchestrator_resilience::{ResilienceConfig, Stack, TargetLimits, TokioClock};
use async_orchestrator_simulator::{
    Distribution, Fault, FaultRule, Latency, Persona, Simulator, SimulatorHandle,
};
use futures_util::future::BoxFuture;

use super::{phase::PhaseOf, watch::MARK};
use crate::{
    chaos::Format,
    proofs::{
        dice::Dice,
        upstream::{Upstream, drain, question},
    },
};

/// More than a hedge needs to know the usual time.
const WARM_UP: u64 = 40;
/// Models with the places that each has.
const MODELS: [(&str, u32); 5] =
    [("narrow", 2), ("silent", 64), ("busy", 64), ("talking", 64), ("hedged", 64)];

pub(super) struct Scene {
    pub(super) simulator: SimulatorHandle,
    pub(super) stack: Stack,
    providers: Vec<Arc<dyn LlmProvider>>,
}

impl Scene {
    pub(super) async fn new(seed: u64) -> Result<Self, String> {
        let always = |fault: Fault| Persona::new().fault(FaultRule::always(fault));
        let simulator = Simulator::builder()
            .seed(seed)
            .requests_recorded_max(8_192)
            .model("narrow", Persona::new().latency(paced(10, 10)))
            .model("silent", always(Fault::StallBeforeHeaders))
            .model("busy", always(Fault::status(503).into()))
            .model("talking", Persona::new().latency(paced(2, 400)))
            .model("hedged", Persona::new().latency(paced(2, 2)))
            .start()
            .await
            .map_err(|error| error.to_string())?;
        let upstream = Upstream::new(simulator.base_url())?;
        let stack =
            Stack::try_new(Arc::new(TokioClock), config(), seed).map_err(|error| error.to_string())?;
        let mut providers = Vec::new();
        for (number, (model, places)) in MODELS.into_iter().enumerate() {
            let format = if number % 2 == 0 { Format::OpenAi } else { Format::Anthropic };
            let limits = TargetLimits { concurrency: NonZeroU32::new(places), ..TargetLimits::default() };
            let target = upstream.target(format, model)?.traffic(limits);
            providers.push(stack.provider(vec![target]).map_err(|error| error.to_string())?);
        }
        let scene = Self { simulator, stack, providers };
        scene.warm_up().await?;
        Ok(scene)
    }

    /// A hedge needs to know how long the model usually takes; after that it takes much longer.
    async fn warm_up(&self) -> Result<(), String> {
        let Some(hedged) = self.providers.last() else { return Ok(()) };
        let request = question("Why do rivers meander?");
        for _ in 0..WARM_UP {
            let context = || CallContext { reuse: Reuse::Never, ..CallContext::detached(TokioClock.now()) };
            hedged.complete(&request, &context()).await.map_err(|error| error.to_string())?;
            drain(&**hedged, &request, &context(), || {}).await.map_err(|error| error.to_string())?;
        }
        let slow = Persona::new().latency(paced(400, 400));
        self.simulator.set_persona("hedged", slow).map_err(|error| error.to_string())
    }

    /// A call to one of the models, whole or streamed, that can be found again upstream by its number.
    pub(super) fn call(&self, id: u64, dice: &mut Dice) -> (BoxFuture<'static, bool>, Arc<PhaseOf>) {
        let model = usize::try_from(dice.below(self.providers.len() as u64)).unwrap_or_default();
        // Calls that are not streamed say nothing of their phase once they are sent.
        let streamed = dice.below(4) > 0;
        let phase = Arc::<PhaseOf>::default();
        let provider = self.providers.get(model).cloned();
        let seen = Arc::clone(&phase);
        let call = async move {
            let Some(provider) = provider else { return false };
            let request = question(&format!("This is {}{id}{} Why do rivers meander?", MARK.0, MARK.1));
            let started = TokioClock.now();
            let observers: Vec<Arc<dyn Observer>> = vec![Arc::<PhaseOf>::clone(&seen)];
            let events = EventSink::new(RunId::new("given-up"), started, Arc::new(TokioClock), observers);
            let context = CallContext { reuse: Reuse::Never, events, ..CallContext::detached(started) };
            if streamed {
                drain(&*provider, &request, &context, || seen.text()).await.is_ok()
            } else {
                provider.complete(&request, &context).await.is_ok()
            }
        };
        (Box::pin(call), phase)
    }
}

/// The first token after so many milliseconds, the last one after so many.
fn paced(first: u64, total: u64) -> Latency {
    let fixed = |ms| Some(Distribution::fixed(Duration::from_millis(ms)));
    Latency { first_token: fixed(first), total: fixed(total), tokens_per_second: None }
}

/// The defaults, but nothing is left out for failing, retries are many and soon, and there are as many hedges as wanted.
fn config() -> ResilienceConfig {
    let mut config = ResilienceConfig::default();
    config.breaker.consecutive_failures = u32::MAX;
    config.breaker.volume_min = u32::MAX;
    config.throttle = None;
    config.retry.attempts_max = 20;
    config.retry.base = Duration::from_millis(10);
    config.retry.max = Duration::from_millis(20);
    config.retry_budget.ratio = 1.0;
    config.retry_budget.reserve = 1_000;
    if let Some(hedge) = &mut config.hedge {
        hedge.delay_min = Duration::from_millis(4);
        hedge.burst = 1_000_000;
    }
    config
}
