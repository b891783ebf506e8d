//! Telemetry of the command: traces, where the standard variables name a receiver, and logs, where `RUST_LOG` asks for them. Nothing is sent
//! otherwise.

use std::{io, sync::Arc, time::Duration};

use async_orchestrator::{
    Clock, Environment, Logs, OrchestrationInstrumentation, TokioClock, TraceContext, otlp,
};
use tracing_subscriber::EnvFilter;

use crate::{
    exit::{Exit, Failure},
    output,
};

/// So long the last spans may take on their way, when the answer is out.
const FLUSH_MAX: Duration = Duration::from_secs(5);

/// The variable that says what is logged, as Rust programs have it: a level, or `TARGET=LEVEL,...`.
const LOG: &str = "RUST_LOG";
/// What is said without it: spans that could not be sent, for example. All targets of ours begin with this.
const LOG_USUAL: &str = "async_orchestrator=warn";

/// Writes what is logged to stderr. Of a run only what happens is logged, never what is said in it.
pub(crate) fn log(environment: &Environment) -> Result<(), Failure> {
    let words = environment.value(LOG).unwrap_or(LOG_USUAL);
    let filter = EnvFilter::builder().parse(words).map_err(|error| {
        let advice = "write a level such as info, or TARGET=LEVEL,TARGET=LEVEL";
        Failure::new(Exit::Config, format!("{LOG}: `{words}` is no filter ({error}): {advice}"))
    })?;
    let colours = anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never;
    let written = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(colours)
        // A closed stderr is nobody's affair; to complain of it there would end the thread.
        .log_internal_errors(false);
    // Where somebody in this process has a subscriber already, theirs stays.
    let _ = written.try_init();
    Ok(())
}

/// What watches a run beside its view; `None` where no receiver is named and no log was asked for.
pub(crate) fn instrumentation(
    environment: &Environment,
) -> Result<Option<Arc<OrchestrationInstrumentation>>, Failure> {
    let reader = otlp(environment).map_err(|error| Failure::new(Exit::Config, error.to_string()))?;
    let logged = environment.value(LOG).is_some();
    if reader.is_none() && !logged {
        return Ok(None);
    }
    let clock: Arc<dyn Clock> = Arc::new(TokioClock);
    let mut builder = OrchestrationInstrumentation::builder(clock);
    if let Some(reader) = reader {
        builder = builder.reader("otlp", reader);
    }
    if logged {
        builder = builder.reader("log", Logs::default());
    }
    let built = builder.build();
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

/// Waits for what is on its way, and says so where it did not get out.
pub(crate) async fn flush(instrumentation: Option<Arc<OrchestrationInstrumentation>>) {
    let Some(instrumentation) = instrumentation else { return };
    // It blocks; the program's other work, if any, goes on meanwhile.
    let flushed = tokio::task::spawn_blocking(move || {
        let all = instrumentation.flush(FLUSH_MAX);
        all && instrumentation.dropped().iter().all(|(_, lost)| *lost == 0)
    });
    if !flushed.await.unwrap_or(false) {
        output::note("note: not all of this run's telemetry went out");
    }
}
