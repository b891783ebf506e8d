//! What happens in runs, for those who watch: metrics for Prometheus, traces for OpenTelemetry, logs through `tracing`, and whatever you add.
//!
//! [`OrchestrationInstrumentation`] is one [`Observer`](async_orchestrator_core::Observer). The typed events of core are its only source. Metrics are
//! counted where the event happens, with atomics. Every other [`Reader`] has a thread and a bounded queue of its own: one that is slow, fails or
//! hangs loses events, which are counted, and no run ever waits for it.
//!
//! ```
//! use std::sync::Arc;
//! use async_orchestrator_core::{Clock, Observer, test_util::ManualClock};
//! use async_orchestrator_instrumentation::OrchestrationInstrumentation;
//!
//! let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
//! let instrumentation = Arc::new(OrchestrationInstrumentation::builder(clock).metrics().build()?);
//! let observer: Arc<dyn Observer> = Arc::clone(&instrumentation) as _;
//! # drop(observer);
//! println!("{}", instrumentation.render(&[]));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Spans are encoded with OpenTelemetry's own protobuf types and sent by a small exporter of ours rather than by the vendor SDK's: ids here follow from
//! names, so that a header and a span agree, the environment is read in one place, and no second HTTP client or TLS stack comes along.

mod instrumentation;
mod logs;
mod metrics;
mod otlp;
mod queue;
mod semconv;
mod spans;
#[cfg(test)]
mod tests;

pub use instrumentation::{OrchestrationInstrumentation, OrchestrationInstrumentationBuilder};
pub use logs::Logs;
pub use metrics::{Gate, TargetGauge};
pub use otlp::{InvalidTelemetry, Otlp, OtlpConfig, Post, PostReply};
pub use queue::{Reader, Stamped};
pub use semconv::CONVENTIONS;
pub use spans::{AttributeValue, FinishedSpan, SpanEvent, SpanTree};
