//! The run that was never disturbed: a council as usual, with models that give the recorded replies, each when those before it were given. It
//! has no journal and no past.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    task::{Poll, Waker},
};

use async_orchestrator::{JournalBody, RoleOutcome, RunId, RunSetup, SealedEntry};
use async_orchestrator_core::{
    CallContext, Capabilities, Clock, Completion, CompletionRequest, CompletionStream, ErrorKind, EventSink,
    LlmProvider, ModelSetup, ProviderError, StreamEvent,
};
use async_orchestrator_council::{Council, Depth, Panel, Quorum, RunInputs, Seat};
use async_orchestrator_prompts::CollaborativePromptLibrary;
use async_orchestrator_resilience::TokioClock;
use async_trait::async_trait;
use futures_util::stream;

/// The decision's hash.
pub(super) async fn decide(setup: &RunSetup, entries: &[SealedEntry]) -> Result<String, String> {
    let Some(JournalBody::Opened { request, seed, .. }) = entries.first().map(SealedEntry::body) else {
        return Err(String::from("the journal has no beginning"));
    };
    let replies = Arc::new(Replies::of(entries));
    let seats = setup.seats.iter().map(|seat| {
        let models: Vec<Capabilities> = seat.models.iter().map(ModelSetup::capabilities).collect();
        let first = models.first().cloned().ok_or("a seat without a model")?;
        Ok(Seat {
            id: seat.seat,
            provider: Arc::new(Gated { facts: first, replies: Arc::clone(&replies) }),
            models,
            limits: async_orchestrator_core::AttemptLimits::REMOTE_DEFAULT,
            temperature: seat.temperature,
        })
    });
    let panel = Panel::try_new(seats.collect::<Result<_, &str>>()?).map_err(|error| error.to_string())?;
    let prompts = CollaborativePromptLibrary::built_in().map_err(|error| error.to_string())?;
    let quorum = Quorum::try_new(setup.quorum_proposals, setup.quorum_ballots);
    let council = Council::new(panel, prompts, Arc::new(TokioClock))
        .quorum(quorum.map_err(|error| error.to_string())?)
        .depth(if setup.adaptive { Depth::Adaptive } else { Depth::Full });
    let run = RunId::new("undisturbed");
    let events = EventSink::silent(run.clone(), TokioClock.now());
    let inputs = RunInputs { run, seed: *seed, events };
    let record = council.run(request, inputs).await.map_err(|error| error.to_string())?;
    Ok(record.log.decision_hash)
}

/// The recorded replies in their order.
struct Replies {
    calls: HashMap<String, (usize, Completion)>,
    turn: Mutex<Turn>,
}

#[derive(Default)]
struct Turn {
    next: usize,
    waiting: Vec<Waker>,
}

impl Replies {
    fn of(entries: &[SealedEntry]) -> Self {
        let answered = entries.iter().filter_map(|entry| match entry.body() {
            JournalBody::Arrived { call, outcome, .. } => match &**outcome {
                RoleOutcome::Answered(completion) => Some((call.clone(), completion.clone())),
                _ => None,
            },
            _ => None,
        });
        let calls = answered.enumerate().map(|(at, (call, completion))| (call, (at, completion)));
        Self { calls: calls.collect(), turn: Mutex::default() }
    }

    /// The reply to `call`, when its turn has come; a call without one is never answered, as it was not then.
    async fn give(&self, call: &str) -> Completion {
        let Some((at, completion)) = self.calls.get(call) else { return std::future::pending().await };
        std::future::poll_fn(|context| {
            let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            if turn.next >= *at {
                return Poll::Ready(());
            }
            turn.waiting.push(context.waker().clone());
            Poll::Pending
        })
        .await;
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        turn.next = at + 1;
        turn.waiting.drain(..).for_each(Waker::wake);
        completion.clone()
    }
}

struct Gated {
    facts: Capabilities,
    replies: Arc<Replies>,
}

impl fmt::Debug for Gated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gated").field("facts", &self.facts).finish_non_exhaustive()
    }
}

#[async_trait]
impl LlmProvider for Gated {
    async fn complete(
        &self,
        _: &CompletionRequest,
        context: &CallContext,
    ) -> Result<Completion, ProviderError> {
        Ok(self.replies.give(&context.call).await)
    }

    async fn stream(
        &self,
        _: &CompletionRequest,
        context: &CallContext,
    ) -> Result<CompletionStream, ProviderError> {
        let completion = self.replies.give(&context.call).await;
        if completion.text.is_empty() {
            return Err(ErrorKind::Malformed.into());
        }
        let events = [
            Ok(StreamEvent::Delta(completion.text.clone())),
            Ok(StreamEvent::Finished(Box::new(completion))),
        ];
        Ok(Box::pin(stream::iter(events)))
    }

    fn capabilities(&self) -> &Capabilities {
        &self.facts
    }
}
