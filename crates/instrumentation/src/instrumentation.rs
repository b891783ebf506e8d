//! The one observer: counts, and hands every event to each reader's queue.

use std::{fmt, io, sync::Arc, time::Duration};

use async_orchestrator_core::{Clock, Event, Observer};

use crate::{
    metrics::{Metrics, TargetGauge},
    queue::{Queue, Reader, Stamped},
};

/// Metrics, traces and logs of runs. See the [crate's documentation](crate).
pub struct OrchestrationInstrumentation {
    clock: Arc<dyn Clock>,
    metrics: Option<Metrics>,
    queues: Vec<Queue>,
}

/// Builds an [`OrchestrationInstrumentation`].
#[must_use]
pub struct OrchestrationInstrumentationBuilder {
    clock: Arc<dyn Clock>,
    metrics: bool,
    readers: Vec<(String, Box<dyn Reader>)>,
}

impl OrchestrationInstrumentationBuilder {
    /// Counts for Prometheus; see [`OrchestrationInstrumentation::render`].
    pub fn metrics(mut self) -> Self {
        self.metrics = true;
        self
    }

    /// Adds a reader. `name` appears in metrics and as its thread's name: a few lower-case letters.
    pub fn reader(mut self, name: impl Into<String>, reader: impl Reader + 'static) -> Self {
        self.readers.push((name.into(), Box::new(reader)));
        self
    }

    /// Starts a thread for each reader.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn build(self) -> io::Result<OrchestrationInstrumentation> {
        let queues = self.readers.into_iter().map(|(name, reader)| Queue::start(name, reader));
        Ok(OrchestrationInstrumentation {
            queues: queues.collect::<io::Result<_>>()?,
            metrics: self.metrics.then(Metrics::default),
            clock: self.clock,
        })
    }
}

impl OrchestrationInstrumentation {
    /// Begins to build one; `clock` says when things happen.
    pub fn builder(clock: Arc<dyn Clock>) -> OrchestrationInstrumentationBuilder {
        OrchestrationInstrumentationBuilder { clock, metrics: false, readers: Vec::new() }
    }

    /// Everything that was counted, in the text format 0.0.4 of Prometheus; `targets` are what is known of models and keys at this moment. Empty without
    /// [`metrics`](OrchestrationInstrumentationBuilder::metrics).
    pub fn render(&self, targets: &[TargetGauge]) -> String {
        let dropped: Vec<(&str, u64)> =
            self.queues.iter().map(|queue| (queue.name(), queue.dropped())).collect();
        self.metrics.as_ref().map(|metrics| metrics.render(targets, &dropped)).unwrap_or_default()
    }

    /// How many events each reader lost because its queue was full.
    pub fn dropped(&self) -> Vec<(String, u64)> {
        self.queues.iter().map(|queue| (queue.name().to_owned(), queue.dropped())).collect()
    }

    /// Waits until every reader has read what was handed over before, and sent what it holds; at most `limit` each. Gives whether all did.
    pub fn flush(&self, limit: Duration) -> bool {
        // Each is flushed, also where one before it was not.
        self.queues.iter().filter(|queue| !queue.flush(limit)).count() == 0
    }
}

impl Observer for OrchestrationInstrumentation {
    fn observe(&self, event: &Event) {
        if let Some(metrics) = &self.metrics {
            metrics.count(event);
        }
        if self.queues.iter().any(|queue| queue.wants(&event.kind)) {
            let (at, now) = (self.clock.wall(), self.clock.now());
            for queue in self.queues.iter().filter(|queue| queue.wants(&event.kind)) {
                queue.push(Stamped { at, now, event: event.clone() });
            }
        }
    }
}

impl fmt::Debug for OrchestrationInstrumentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrchestrationInstrumentation")
            .field("metrics", &self.metrics.is_some())
            .field("readers", &self.queues.iter().map(Queue::name).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
