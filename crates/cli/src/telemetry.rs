//! Telemetry of the command: traces, where the standard variables name a receiver. Nothing is sent otherwise.

use std::{sync::Arc, time::Duration};

use async_orchestrator::{Clock, Environment, OrchestrationInstrumentation, TokioClock, TraceContext, otlp};

use crate::{
    exit::{Exit, Failure},
    output,
};

/// So long the last spans may take on their way, when the answer is out.
const FLUSH_MAX: Duration = Duration::from_secs(5);

/// What watches a run beside its view; `None` where no receiver is named.
pub(crate) fn instrumentation(
    environment: &Environment,
) -> Result<Option<Arc<OrchestrationInstrumentation>>, Failure> {
    let reader = otlp(environment).map_err(|error| Failure::new(Exit::Config, error.to_string()))?;
    let Some(reader) = reader else { return Ok(None) };
    let clock: Arc<dyn Clock> = Arc::new(TokioClock);
    let built = OrchestrationInstrumentation::builder(clock).reader("otlp", reader).build();
    built.map(Arc::new).map(Some).map_err(|error| Failure::new(Exit::Failed, error.to_string()))
}

/// The caller's place in a trace, as OpenTelemetry hands it to processes: `TRACEPARENT` and `TRACESTATE`. One that cannot be read is said, and passed over.
pub(crate) fn trace(environment: &Environment) -> Option<TraceContext> {
    let parent = environment.value("TRACEPARENT")?;
    match parent.parse::<TraceContext>() {
        Ok(context) => Some(context.with_state(environment.value("TRACESTATE").unwrap_or_default())),
        Err(error) => {
            output::note(&format!("note: TRACEPARENT is passed over: {error}"));
            None
        }
    }
}

/// Waits for what is on its way.
pub(crate) async fn flush(instrumentation: Option<Arc<OrchestrationInstrumentation>>) {
    if let Some(instrumentation) = instrumentation {
        // It blocks; the program's other work, if any, goes on meanwhile.
        let _ = tokio::task::spawn_blocking(move || instrumentation.flush(FLUSH_MAX)).await;
    }
}
