//! Asks the targets of a list until one answers, and a second one beside a slow first.
//!
//! The list has tiers: the targets of one tier are interchangeable (another key, an equivalent model), and a hedge stays in its tier. A
//! stream that fails after it has begun is begun anew at the next target; its reader is told by [`StreamEvent::Restarted`] that the text
//! so far is void. What failed, and why, goes along as the trail of attempts. Which target is next is decided by `policy::Cursor`.

mod race;
mod search;

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use async_orchestrator_core::{
    CallContext, Capabilities, Clock, Completion, CompletionRequest, CompletionStream, ErrorKind,
    LlmProvider, Message, ProviderError, ReplyFormat, Served, StreamEvent,
};
use async_trait::async_trait;
use futures_core::Stream;
use futures_util::future::BoxFuture;

use self::{
    race::Race,
    search::{Restarts, Search},
};
use crate::{
    policy::{Candidate, RetryConfig, TARGETS_MAX},
    registry::{Delivery, TargetState},
};

/// A list of targets that cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTargets {
    /// It has none.
    #[error("a list of models needs at least one model")]
    None,
    /// It has too many.
    #[error("a list of models has at most {TARGETS_MAX} targets, keys counted")]
    TooMany,
}

/// One target of the list, with everything around it that keeps its calls in order.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) provider: Arc<dyn LlmProvider>,
    pub(crate) candidate: Candidate,
    /// Whose hedge policy holds; `None` for a target that is not hedged.
    pub(crate) state: Option<Arc<TargetState>>,
}

/// A list of targets in tiers.
#[derive(Debug)]
pub(crate) struct Fallback(Arc<List>);

#[derive(Debug)]
struct List {
    choices: Vec<Choice>,
    candidates: Vec<Candidate>,
    clock: Arc<dyn Clock>,
    wait_max: Duration,
    restarts: Restarts,
}

impl Fallback {
    /// Asks `choices` in this order. Where every one of them only asks to wait, the shortest wait is waited for, up to the longest one of
    /// `retry`; a stream that broke is begun anew at its own target when nobody else is left, where `retry` allows a second attempt.
    pub(crate) fn try_new(
        choices: Vec<Choice>,
        clock: Arc<dyn Clock>,
        retry: &RetryConfig,
    ) -> Result<Self, InvalidTargets> {
        match choices.len() {
            0 => Err(InvalidTargets::None),
            1..=TARGETS_MAX => {
                let candidates = choices.iter().map(|choice| choice.candidate.clone()).collect();
                let restarts = match retry.server_error_attempts_max {
                    0 | 1 => Restarts::Never,
                    _ => Restarts::OnceMore,
                };
                let wait_max = retry.wait_max;
                Ok(Self(Arc::new(List { choices, candidates, clock, wait_max, restarts })))
            }
            _ => Err(InvalidTargets::TooMany),
        }
    }
}

/// A way to ask: for a stream or for the whole reply.
pub(crate) trait Ask {
    type Reply: Send;
    const DELIVERY: Delivery;

    fn ask<'a>(
        provider: &'a dyn LlmProvider,
        request: &'a CompletionRequest,
        context: &'a CallContext,
    ) -> BoxFuture<'a, Result<Self::Reply, ProviderError>>;
}

struct ForStream;
struct ForWhole;

impl Ask for ForStream {
    type Reply = CompletionStream;
    const DELIVERY: Delivery = Delivery::Streamed;

    fn ask<'a>(
        provider: &'a dyn LlmProvider,
        request: &'a CompletionRequest,
        context: &'a CallContext,
    ) -> BoxFuture<'a, Result<CompletionStream, ProviderError>> {
        provider.stream(request, context)
    }
}

impl Ask for ForWhole {
    type Reply = Completion;
    const DELIVERY: Delivery = Delivery::Whole;

    fn ask<'a>(
        provider: &'a dyn LlmProvider,
        request: &'a CompletionRequest,
        context: &'a CallContext,
    ) -> BoxFuture<'a, Result<Completion, ProviderError>> {
        provider.complete(request, context)
    }
}

/// Who may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Any,
    /// Models that go on from the beginning of a reply.
    Continues,
}

impl List {
    /// Goes through the list until one target answers.
    async fn ask<A: Ask>(
        &self,
        who: Who,
        search: &mut Search,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<(usize, A::Reply), ProviderError> {
        loop {
            let Some(index) = search.next(&self.candidates) else {
                search.wait_or_give_up(context, &*self.clock, self.wait_max).await?;
                continue;
            };
            if who == Who::Continues && !self.choices[index].provider.capabilities().continues {
                continue;
            }
            let race =
                Race { choices: &self.choices, candidates: &self.candidates, clock: &*self.clock, who };
            if let Some(won) = race.run::<A>(index, search, request, context).await {
                return Ok(won);
            }
        }
    }
}

#[async_trait]
impl LlmProvider for Fallback {
    async fn complete(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<Completion, ProviderError> {
        let mut search = Search::default();
        let (_, mut completion) = self.0.ask::<ForWhole>(Who::Any, &mut search, request, context).await?;
        search.finish(&mut completion);
        Ok(completion)
    }

    async fn stream(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<CompletionStream, ProviderError> {
        let mut search = Search::default();
        let (index, inner) = self.0.ask::<ForStream>(Who::Any, &mut search, request, context).await?;
        // The request and the context are kept for a new beginning at the next target.
        let list = Arc::clone(&self.0);
        Ok(Box::pin(Running {
            list,
            search,
            index,
            request: request.clone(),
            context: context.clone(),
            state: State::Streaming(inner),
            said: String::new(),
            going_on: None,
        }))
    }

    fn capabilities(&self) -> &Capabilities {
        // The list has at least one target: `try_new` saw to it.
        self.0.choices[0].provider.capabilities()
    }
}

/// A stream that is under way at one of the targets.
struct Running {
    list: Arc<List>,
    search: Search,
    index: usize,
    request: CompletionRequest,
    context: CallContext,
    state: State,
    /// What the reader has, where it may have to be gone on from.
    said: String,
    /// Set once another model goes on from what was said.
    going_on: Option<Space>,
}

/// The white space at the end of what was said. Vendors refuse a beginning that ends in it, so it is not shown to them; if they repeat it, it
/// is dropped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Space {
    Said,
    Open,
}

enum State {
    Streaming(CompletionStream),
    /// The stream broke; the search for the next target has the search with it.
    Searching(BoxFuture<'static, Found>),
    Ended,
}

struct Found {
    search: Search,
    outcome: Result<(usize, CompletionStream), ProviderError>,
}

type Item = Result<StreamEvent, ProviderError>;

impl Stream for Running {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Item>> {
        let this = &mut *self;
        loop {
            match &mut this.state {
                State::Ended => return Poll::Ready(None),
                State::Streaming(inner) => {
                    let error = match ready!(inner.as_mut().poll_next(context)) {
                        Some(Ok(StreamEvent::Finished(mut completion))) => {
                            this.state = State::Ended;
                            this.search.finish(&mut completion);
                            this.join(&mut completion);
                            return Poll::Ready(Some(Ok(StreamEvent::Finished(completion))));
                        }
                        Some(Ok(event)) => match this.note(event) {
                            Some(event) => return Poll::Ready(Some(Ok(event))),
                            None => continue,
                        },
                        Some(Err(error)) => error,
                        None => ErrorKind::Truncated.into(),
                    };
                    this.broke(error);
                }
                State::Searching(search) => {
                    let found = ready!(search.as_mut().poll(context));
                    if let Some(event) = this.found(found) {
                        return Poll::Ready(Some(event));
                    }
                }
            }
        }
    }
}

impl Running {
    /// Whether the text that the reader has must stand.
    fn must_stand(&self) -> bool {
        !self.context.broken.is_restart() && !self.said.is_empty()
    }

    /// Takes note of what the reader gets; `None` where it has that already.
    fn note(&mut self, event: StreamEvent) -> Option<StreamEvent> {
        if self.context.broken.is_restart() {
            return Some(event);
        }
        let StreamEvent::Delta(text) = event else { return Some(event) };
        let text = match &mut self.going_on {
            Some(space) if *space == Space::Said => {
                let rest = text.trim_start();
                if rest.is_empty() {
                    return None;
                }
                *space = Space::Open;
                rest.to_owned()
            }
            _ => text,
        };
        self.said.push_str(&text);
        Some(StreamEvent::Delta(text))
    }

    /// The whole reply is what the reader has, whoever wrote it.
    fn join(&mut self, completion: &mut Completion) {
        if self.going_on.take().is_some() {
            completion.text = std::mem::take(&mut self.said);
            completion.served = Served::Spliced;
        }
    }

    fn broke(&mut self, error: ProviderError) {
        // The broken stream goes first: its connection must not stay open beside the new one.
        self.state = State::Ended;
        self.search.broke(&self.list.candidates, self.index, error, self.list.restarts);
        let (list, mut search) = (Arc::clone(&self.list), std::mem::take(&mut self.search));
        let (mut request, context) = (self.request.clone(), self.context.clone());
        let who = if self.must_stand() { Who::Continues } else { Who::Any };
        if who == Who::Continues {
            // A form that a vendor enforces cannot be gone on from: it would begin the document anew.
            if request.format != ReplyFormat::Text {
                self.state = State::Searching(Box::pin(async move {
                    let outcome = Err(search.end());
                    Found { search, outcome }
                }));
                return;
            }
            let shown = self.said.trim_end();
            request.messages = request.messages.iter().cloned().chain([Message::assistant(shown)]).collect();
            let space = if shown.len() < self.said.len() { Space::Said } else { Space::Open };
            self.going_on = Some(space);
        }
        self.state = State::Searching(Box::pin(async move {
            let outcome = list.ask::<ForStream>(who, &mut search, &request, &context).await;
            Found { search, outcome }
        }));
    }

    /// What the reader hears of it; nothing, where another model goes on.
    fn found(&mut self, found: Found) -> Option<Item> {
        self.search = found.search;
        match found.outcome {
            Ok((index, inner)) => {
                self.index = index;
                self.state = State::Streaming(inner);
                let target = self.list.candidates[index].model.clone();
                if self.must_stand() { None } else { Some(Ok(StreamEvent::Restarted { target })) }
            }
            Err(error) => {
                self.state = State::Ended;
                let cut = "the reader has the beginning, and no model that is left goes on from it";
                Some(Err(if self.must_stand() { error.with_more_detail(cut) } else { error }))
            }
        }
    }
}
