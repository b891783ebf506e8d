//! Asks the targets of a list in turn until one answers.
//!
//! A stream that fails after it has begun is begun anew at the next target; its reader is told by [`StreamEvent::Restarted`] that the text so
//! far is void. What failed, and why, goes along as the trail of attempts.

use std::{collections::VecDeque, sync::Arc};

use async_orchestrator_core::{
    Attempt, CallContext, Capabilities, Completion, CompletionRequest, CompletionStream, ErrorKind,
    LlmProvider, ProviderError, StreamEvent,
};
use async_trait::async_trait;
use futures_util::{StreamExt, stream};

/// A list of targets without a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a list of models needs at least one model")]
pub struct NoTargets;

/// A plain list of fallbacks.
#[derive(Debug)]
pub struct Fallback {
    first: Arc<dyn LlmProvider>,
    others: Arc<[Arc<dyn LlmProvider>]>,
}

impl Fallback {
    /// Asks `targets` in this order.
    ///
    /// # Errors
    /// If the list is empty.
    pub fn try_new(targets: Vec<Arc<dyn LlmProvider>>) -> Result<Self, NoTargets> {
        let mut targets = targets.into_iter();
        let first = targets.next().ok_or(NoTargets)?;
        Ok(Self { first, others: targets.collect() })
    }

    fn search(&self) -> Search {
        Search {
            waiting: self.others.iter().cloned().collect(),
            first: None,
            later: Vec::new(),
            trail: Vec::new(),
            window_min: None,
        }
    }
}

/// Where the search for an answer stands: who is left, what failed first and after it, which attempts were made.
struct Search {
    waiting: VecDeque<Arc<dyn LlmProvider>>,
    first: Option<ProviderError>,
    /// What the fallbacks said, those included that were refused before an attempt was made.
    later: Vec<String>,
    trail: Vec<Attempt>,
    window_min: Option<u32>,
}

impl Search {
    /// Takes note of `target`'s failure and names the next target, or gives the final error.
    fn next_after(
        &mut self,
        target: &dyn LlmProvider,
        mut error: ProviderError,
    ) -> Result<Arc<dyn LlmProvider>, ProviderError> {
        let kind = error.kind();
        self.trail.append(&mut error.take_trail());
        if kind == ErrorKind::ContextTooLong {
            // A window of unknown size may be larger than one of known size, and is tried.
            self.window_min = self.window_min.max(target.capabilities().context_window);
        }
        // The first failure is the cause: what a fallback says may only be a consequence (a refused prefill, a smaller window).
        match self.first {
            Some(_) => self.later.push(error.to_string()),
            None => self.first = Some(error),
        }
        while kind.may_fall_back() {
            let Some(next) = self.waiting.pop_front() else { break };
            let window = next.capabilities().context_window;
            if self.window_min.is_none_or(|min| window.is_none_or(|window| window > min)) {
                return Ok(next);
            }
        }
        Err(self.give_up(kind))
    }

    fn give_up(&mut self, last: ErrorKind) -> ProviderError {
        let error = self.first.take().unwrap_or_else(|| ProviderError::new(last));
        let trail = std::mem::take(&mut self.trail);
        if self.later.is_empty() {
            return error.with_trail(trail);
        }
        let own = error.detail().map(|detail| format!("{detail}; ")).unwrap_or_default();
        error
            .with_detail(format!("{own}its fallbacks failed too: {}", self.later.join("; ")))
            .with_trail(trail)
    }

    fn finish(&mut self, completion: &mut Completion) {
        if !self.trail.is_empty() {
            let last = std::mem::take(&mut completion.trail);
            completion.trail = std::mem::take(&mut self.trail);
            completion.trail.extend(last);
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
        let mut search = self.search();
        let mut target = Arc::clone(&self.first);
        loop {
            match target.complete(request, context).await {
                Ok(mut completion) => {
                    search.finish(&mut completion);
                    return Ok(completion);
                }
                Err(error) => target = search.next_after(&*target, error)?,
            }
        }
    }

    async fn stream(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<CompletionStream, ProviderError> {
        if self.others.is_empty() {
            return self.first.stream(request, context).await;
        }
        let mut search = self.search();
        let mut target = Arc::clone(&self.first);
        let inner = open(&mut search, &mut target, request, context).await?;
        // The request and the context are kept for a new beginning at the next target.
        let running = Running { search, target, inner, request: request.clone(), context: context.clone() };
        Ok(Box::pin(stream::unfold(Some(running), |running| async move { running?.next().await })))
    }

    fn capabilities(&self) -> &Capabilities {
        self.first.capabilities()
    }
}

async fn open(
    search: &mut Search,
    target: &mut Arc<dyn LlmProvider>,
    request: &CompletionRequest,
    context: &CallContext,
) -> Result<CompletionStream, ProviderError> {
    loop {
        match target.stream(request, context).await {
            Ok(stream) => return Ok(stream),
            Err(error) => *target = search.next_after(&**target, error)?,
        }
    }
}

/// A stream that is under way at one of the targets.
struct Running {
    search: Search,
    target: Arc<dyn LlmProvider>,
    inner: CompletionStream,
    request: CompletionRequest,
    context: CallContext,
}

type Step = Option<(Result<StreamEvent, ProviderError>, Option<Running>)>;

impl Running {
    async fn next(mut self) -> Step {
        match self.inner.next().await {
            Some(Ok(StreamEvent::Finished(mut completion))) => {
                self.search.finish(&mut completion);
                Some((Ok(StreamEvent::Finished(completion)), None))
            }
            Some(Ok(event)) => Some((Ok(event), Some(self))),
            Some(Err(error)) => self.restart(error).await,
            None => self.restart(ErrorKind::Truncated.into()).await,
        }
    }

    async fn restart(mut self, error: ProviderError) -> Step {
        // The broken stream goes first: its connection must not stay open beside the new one.
        self.inner = Box::pin(stream::empty());
        let reopened = match self.search.next_after(&*self.target, error) {
            Ok(next) => {
                self.target = next;
                open(&mut self.search, &mut self.target, &self.request, &self.context).await
            }
            Err(error) => Err(error),
        };
        match reopened {
            Ok(inner) => {
                self.inner = inner;
                let target = self.target.capabilities().target.clone();
                Some((Ok(StreamEvent::Restarted { target }), Some(self)))
            }
            Err(error) => Some((Err(error), None)),
        }
    }
}
