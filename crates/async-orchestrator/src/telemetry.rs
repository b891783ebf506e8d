//! Wires metrics, traces and logs: what the environment says of them, and the way to a receiver.

use std::{sync::Arc, time::Duration};

use async_orchestrator_instrumentation::{
    Gate, InvalidTelemetry, Otlp, OtlpConfig, Post, PostReply, TargetGauge,
};
use async_orchestrator_providers::{Transport, TransportConfig};
use async_orchestrator_resilience::{TargetStatus, TokioClock, policy::BreakerState};
use bytes::Bytes;

use crate::{AsyncOrchestrator, Environment};

/// Why spans cannot be sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// A variable cannot be used.
    #[error(transparent)]
    Invalid(#[from] InvalidTelemetry),
    /// The client cannot be made.
    #[error("spans cannot be sent: {0}")]
    Client(String),
}

/// A reader that sends spans as the `OTEL_*` variables of `environment` say; `None` where no endpoint is set, so nothing is sent unless it was asked
/// for. See [`OtlpConfig::read`] for the variables.
///
/// # Errors
/// If a variable cannot be used.
pub fn otlp(environment: &Environment) -> Result<Option<Otlp>, TelemetryError> {
    let value = |name: &str| environment.value(name).map(str::to_owned);
    let Some(config) = OtlpConfig::read(&value)? else { return Ok(None) };
    let client = |why: String| TelemetryError::Client(why);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| client(error.to_string()))?;
    let transport = Transport::new(TransportConfig::default(), Arc::new(TokioClock));
    let transport = transport.map_err(|error| client(error.to_string()))?;
    Ok(Some(Otlp::new(config, Sender { runtime, transport }, pause)))
}

#[expect(clippy::disallowed_methods, reason = "the exporter's own thread has nothing else to do")]
fn pause(wait: Duration) {
    std::thread::sleep(wait);
}

/// The providers' client, on the exporter's thread.
struct Sender {
    runtime: tokio::runtime::Runtime,
    transport: Transport,
}

impl Post for Sender {
    fn post(
        &mut self,
        url: &str,
        headers: &[(String, String)],
        body: Bytes,
        timeout: Duration,
    ) -> Result<PostReply, String> {
        let sent = self.transport.deliver(url, "application/x-protobuf", headers, body, timeout);
        let reply = self.runtime.block_on(sent).map_err(|error| error.to_string())?;
        Ok(PostReply { status: reply.status, retry_after: reply.retry_after, body: reply.body })
    }
}

impl AsyncOrchestrator {
    /// What is known of models and keys at this moment, for
    /// [`OrchestrationInstrumentation::render`](async_orchestrator_instrumentation::OrchestrationInstrumentation::render).
    pub fn gauges(&self) -> Vec<TargetGauge> {
        self.targets().iter().map(gauge).collect()
    }
}

fn gauge(target: &TargetStatus) -> TargetGauge {
    let gate = match target.breaker {
        BreakerState::CoolingDown { .. } => Gate::CoolingDown,
        BreakerState::Refusing { .. } => Gate::Refusing,
        BreakerState::Probing => Gate::Probing,
        BreakerState::Recovering => Gate::Recovering,
        _ => Gate::Admitting,
    };
    TargetGauge {
        model: target.model.clone(),
        key: target.key,
        gate,
        key_out: target.key_out.is_some(),
        in_flight: u64::from(target.in_flight),
        concurrency_limit: u64::from(target.concurrency_limit),
        waiting: target.waiting as u64,
    }
}
