//! The orchestrator and its runs. `process_request` drains the same stream of events that `stream_request` hands out.

use std::{
    collections::VecDeque,
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, RwLock},
    task::{Context, Poll},
};

use async_orchestrator_core::{
    Clock, DecisionRecord, Event, EventSink, Journal, Observer, RunId, TriageDecision, TriageRequest,
};
use async_orchestrator_council::{Council, CouncilError, RunInputs};
use async_orchestrator_resilience::{Stack, TargetStatus};
use futures_core::Stream;
use uuid::Uuid;

use crate::{AsyncOrchestratorBuilder, Error, Orchestrated, defaults::RequestDefaults, plan::Plan};

/// Several language models that deliberate before one answer is given.
///
/// Cheap to clone; one is enough for a program and may be asked from many tasks at once. See the [crate's documentation](crate) for an
/// example.
#[derive(Clone)]
pub struct AsyncOrchestrator(Arc<RwLock<Arc<Inner>>>);

pub(crate) struct Inner {
    pub(crate) council: Council,
    pub(crate) journal: Option<Arc<dyn Journal>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) observers: Vec<Arc<dyn Observer>>,
    pub(crate) defaults: RequestDefaults,
    pub(crate) seed: Option<u64>,
    pub(crate) stack: Stack,
    #[cfg(feature = "embedded")]
    pub(crate) embedded: Option<Arc<crate::embedded::LazyModel>>,
}

impl AsyncOrchestrator {
    /// Begins to build one.
    pub fn builder() -> AsyncOrchestratorBuilder {
        AsyncOrchestratorBuilder::new()
    }

    /// Answers `request`.
    ///
    /// Dropping the future cancels every call that is under way.
    ///
    /// # Errors
    /// Only when nobody could answer, when the request cannot be asked, or when it is strict and the quorum was not reached. A role that
    /// failed is no error: the result's heading and record name it.
    pub async fn process_request(&self, request: TriageRequest) -> Result<Orchestrated, Error> {
        // The same run as the stream's, with nobody listening beside the builder's observers.
        self.run(request, None).outcome().await
    }

    /// Answers `request` and hands out what happens meanwhile.
    ///
    /// The run goes on only while the stream is read, and dropping the stream cancels everything below it.
    pub fn stream_request(&self, request: TriageRequest) -> RunStream {
        let events: Arc<EventQueue> = Arc::default();
        self.run(request, Some(events))
    }

    fn run(&self, request: TriageRequest, events: Option<Arc<EventQueue>>) -> RunStream {
        let inner = self.inner();
        let request = inner.defaults.fill(request);
        let (id, seed) = fresh_id(inner.seed);
        let run = RunId::new(id);
        let mut observers = inner.observers.clone();
        observers.extend(events.iter().map(|events| Arc::clone(events) as Arc<dyn Observer>));
        let (now, trace) = (inner.clock.now(), request.trace.clone());
        let sink = EventSink::within(run.clone(), now, Arc::clone(&inner.clock), observers, trace);
        let inputs = RunInputs { run: run.clone(), seed, events: sink };
        let work = Box::pin(async move { inner.council.run(&request, inputs).await });
        RunStream::new(run, events, work)
    }

    /// What triage would decide about `request`. Nothing is called.
    ///
    /// # Errors
    /// If the request cannot be asked.
    pub fn triage(&self, request: &TriageRequest) -> Result<TriageDecision, Error> {
        let inner = self.inner();
        Ok(inner.council.triage(&inner.defaults.fill(request.clone()))?)
    }

    /// What `request` would do: mode, seats, models, and an estimate of tokens and cost. Nothing is called.
    ///
    /// # Errors
    /// If the request cannot be asked.
    pub fn plan(&self, request: &TriageRequest) -> Result<Plan, Error> {
        let inner = self.inner();
        let request = inner.defaults.fill(request.clone());
        Ok(crate::plan::plan(&inner.council, &request)?)
    }

    /// Who sits where, and with which models.
    pub fn panel(&self) -> async_orchestrator_council::Panel {
        self.inner().council.panel().clone()
    }

    /// What is known of every model and key: whether it is left out and until when, how busy it is.
    ///
    /// ```
    /// use async_orchestrator::AsyncOrchestrator;
    /// let orchestrator = AsyncOrchestrator::builder().openai_key("not-a-real-key").build()?;
    /// assert!(orchestrator.targets().iter().all(|target| target.key_out.is_none() && target.in_flight == 0));
    /// # Ok::<(), async_orchestrator::Error>(())
    /// ```
    pub fn targets(&self) -> Vec<TargetStatus> {
        self.inner().stack.status()
    }

    /// The prompts in use.
    pub fn prompts(&self) -> async_orchestrator_prompts::CollaborativePromptLibrary {
        self.inner().council.prompts().clone()
    }

    /// Does everything as `builder` says from the next run on, for all clones of this orchestrator. Runs under way end as they began: no
    /// stream is cut. What is known of models and keys is kept, calls under way count on in the limits, and the shared state, the clock and
    /// where budgets are counted stay as they are; so does a loaded embedded model whose settings did not change.
    ///
    /// ```
    /// use async_orchestrator::AsyncOrchestrator;
    /// let orchestrator = AsyncOrchestrator::builder().openai_key("not-a-real-key").build()?;
    /// orchestrator.reload(AsyncOrchestrator::builder().openai_key("another-key").quorum(1, 1))?;
    /// # Ok::<(), async_orchestrator::Error>(())
    /// ```
    ///
    /// # Errors
    /// With everything that is wrong, at once; then nothing has changed. Key commands are run and files read, as in
    /// [`build`](AsyncOrchestratorBuilder::build), which may block.
    pub fn reload(&self, builder: AsyncOrchestratorBuilder) -> Result<(), Error> {
        let after = builder.build_after(Some(&self.inner()))?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(after);
        Ok(())
    }

    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(inner))))
    }

    /// What holds now; whoever has it keeps it for a whole run.
    pub(crate) fn inner(&self) -> Arc<Inner> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for AsyncOrchestrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncOrchestrator").field("council", &self.inner().council).finish_non_exhaustive()
    }
}

/// The id of a new run (a UUID of version 7) and the seed of its orders: `fixed`, or the random half of the id.
pub(crate) fn fresh_id(fixed: Option<u64>) -> (String, u64) {
    let id = Uuid::now_v7();
    let (_, random) = id.as_u64_pair();
    // JSON's numbers are exact to 53 bits; the record must give the seed back as it was.
    (id.to_string(), fixed.unwrap_or(random & ((1 << 53) - 1)))
}

/// The run itself; it lives and dies with the stream that owns it.
pub(crate) type Work = Pin<Box<dyn Future<Output = Result<DecisionRecord, CouncilError>> + Send>>;

/// A run under way, as a stream of its events.
///
/// Nothing runs in the background: the run is polled by whoever reads the stream, so a slow reader slows the run instead of filling memory.
/// When the stream has ended, [`RunStream::outcome`] gives the result at once.
pub struct RunStream {
    run: RunId,
    /// `None` where only the outcome is wanted.
    events: Option<Arc<EventQueue>>,
    work: Option<Work>,
    outcome: Option<Result<DecisionRecord, CouncilError>>,
}

impl RunStream {
    pub(crate) fn new(run: RunId, events: Option<Arc<EventQueue>>, work: Work) -> Self {
        Self { run, events, work: Some(work), outcome: None }
    }

    /// The run's id.
    pub const fn run_id(&self) -> &RunId {
        &self.run
    }

    /// The next event; `None` when the run has ended.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    fn pop(&self) -> Option<Event> {
        self.events.as_ref()?.pop()
    }

    /// Runs to the end, passing over what events are left, and gives the result.
    ///
    /// # Errors
    /// As for [`AsyncOrchestrator::process_request`].
    pub async fn outcome(mut self) -> Result<Orchestrated, Error> {
        while self.next().await.is_some() {}
        match self.outcome {
            Some(outcome) => Ok(Orchestrated::from(outcome?)),
            // The stream ends only after the work has; this arm is for the compiler.
            None => Err(CouncilError::NoAnswer { failures: Vec::new() }.into()),
        }
    }
}

impl Stream for RunStream {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        if let Some(event) = self.pop() {
            return Poll::Ready(Some(event));
        }
        let Some(work) = self.work.as_mut() else { return Poll::Ready(None) };
        let polled = work.as_mut().poll(context);
        if let Poll::Ready(outcome) = polled {
            self.outcome = Some(outcome);
            self.work = None;
        }
        match (self.pop(), &self.work) {
            (Some(event), _) => Poll::Ready(Some(event)),
            (None, None) => Poll::Ready(None),
            (None, Some(_)) => Poll::Pending,
        }
    }
}

impl fmt::Debug for RunStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunStream")
            .field("run", &self.run)
            .field("ended", &self.work.is_none())
            .finish_non_exhaustive()
    }
}

/// The events of one poll of the run. It is emptied before the run is polled again, so what one poll can emit bounds it.
#[derive(Debug, Default)]
pub(crate) struct EventQueue(Mutex<VecDeque<Event>>);

impl EventQueue {
    fn pop(&self) -> Option<Event> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl Observer for EventQueue {
    fn observe(&self, event: &Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(event.clone());
    }
}
