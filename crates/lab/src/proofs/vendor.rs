//! A vendor in simulated time: it does with each call what a plan says, and counts the calls.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_orchestrator_core::{
    CallContext, Capabilities, Clock, Completion, CompletionRequest, CompletionStream, ErrorKind,
    FinishReason, LlmProvider, PromptRead, ProviderError, Served, StreamEvent, Usage, UsageSource,
};
use async_trait::async_trait;
use futures_util::stream;

use super::sim::SimClock;

/// What a vendor does with one call.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    /// Begins to answer after `first` and ends `rest` later.
    Answer { first: Duration, rest: Duration },
    /// Begins to answer and breaks off; a whole reply is broken off too.
    BreakOff { first: Duration },
    /// Fails.
    Fail { after: Duration, kind: ErrorKind },
    /// Never says a word.
    Silent,
}

/// What to do with a call that comes at this time.
type Plan = dyn FnMut(Duration) -> Act + Send;

pub(super) struct SimVendor {
    capabilities: Capabilities,
    clock: SimClock,
    plan: Mutex<Box<Plan>>,
    calls: AtomicU64,
}

impl SimVendor {
    pub(super) fn new(
        name: &str,
        clock: &SimClock,
        plan: impl FnMut(Duration) -> Act + Send + 'static,
    ) -> Result<Arc<Self>, String> {
        let target = name.parse().map_err(|_| format!("{name} names no model"))?;
        let plan: Box<Plan> = Box::new(plan);
        Ok(Arc::new(Self {
            capabilities: Capabilities::unknown(target),
            clock: clock.clone(),
            plan: Mutex::new(plan),
            calls: AtomicU64::new(0),
        }))
    }

    /// How many calls came so far.
    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    fn next(&self) -> Act {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        plan(self.clock.passed())
    }

    fn error(&self, kind: ErrorKind) -> ProviderError {
        ProviderError::new(kind).with_target(self.capabilities.target.clone())
    }

    fn completion(&self) -> Completion {
        Completion {
            text: "an answer".to_owned(),
            finish: FinishReason::Stop,
            usage: Usage { input_tokens: 10, output_tokens: 2, ..Usage::default() },
            usage_source: UsageSource::Reported,
            answered_by: self.capabilities.target.clone(),
            prompt_read: PromptRead::Whole,
            served: Served::Live,
            request_id: None,
            trail: Vec::new(),
        }
    }
}

#[async_trait]
impl LlmProvider for SimVendor {
    async fn complete(&self, _: &CompletionRequest, _: &CallContext) -> Result<Completion, ProviderError> {
        match self.next() {
            Act::Answer { first, rest } => {
                self.clock.sleep(first + rest).await;
                Ok(self.completion())
            }
            Act::BreakOff { first } => {
                self.clock.sleep(first).await;
                Err(self.error(ErrorKind::Truncated))
            }
            Act::Fail { after, kind } => {
                self.clock.sleep(after).await;
                Err(self.error(kind))
            }
            Act::Silent => std::future::pending().await,
        }
    }

    async fn stream(
        &self,
        _: &CompletionRequest,
        _: &CallContext,
    ) -> Result<CompletionStream, ProviderError> {
        let (first, end) = match self.next() {
            Act::Answer { first, rest } => (first, Some((rest, self.completion()))),
            Act::BreakOff { first } => (first, None),
            Act::Fail { after, kind } => {
                self.clock.sleep(after).await;
                return Err(self.error(kind));
            }
            Act::Silent => std::future::pending().await,
        };
        self.clock.sleep(first).await;
        let clock = self.clock.clone();
        let delta = stream::iter([Ok(StreamEvent::Delta("an answer".to_owned()))]);
        let last = stream::unfold(end, move |end| {
            let clock = clock.clone();
            async move {
                let (rest, completion) = end?;
                clock.sleep(rest).await;
                Some((Ok(StreamEvent::Finished(Box::new(completion))), None))
            }
        });
        Ok(Box::pin(futures_util::StreamExt::chain(delta, last)))
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }
}

impl fmt::Debug for SimVendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimVendor({})", self.capabilities.target)
    }
}
