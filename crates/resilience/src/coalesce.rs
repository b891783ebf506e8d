//! Makes one call out of identical ones that are under way at the same time.
//!
//! Nothing is spawned. The shared call is a future or a stream that each of its waiters polls; whoever is polled drives it for all, and
//! its waker wakes all. The map holds it weakly, so it ends with its last waiter, and the caller who began it may leave.
//!
//! The call has the deadline of the caller who began it, because what happens below (is there time for another attempt, or is the next
//! target asked at once?) is decided by it. A caller with less time leaves earlier. One with a little more joins all the same (up to a
//! tenth more: identical calls that come in a burst have deadlines a moment apart). One with much more begins a call of its own.
//!
//! A failure is everybody's, unless it is only the beginner's: a deadline that passed, a purse that was empty. Then the others begin
//! anew, together again. A stream that was opened is not begun anew: text was shown, and at most a tenth of the time is left.
//!
//! Only who began the call is told its usage; the others get [`Served::Shared`] without any. If that caller left, nobody is told, but
//! the budget that the call reserved from is settled all the same.

mod asked;
mod map;
mod shared_stream;

use std::{
    hash::RandomState,
    pin::pin,
    sync::{Arc, Weak},
};

use async_orchestrator_core::{
    CallContext, Capabilities, Clock, Completion, CompletionRequest, CompletionStream, Deadline, ErrorKind,
    Guard, LlmProvider, ProviderError, Reuse, Served, TimeoutPhase, Usage,
};
use async_trait::async_trait;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Either, Shared, WeakShared, select},
};

use self::{
    asked::Asked,
    map::{Joined, Map, Ticket},
    shared_stream::{Follower, SharedStream},
};
type Call = BoxFuture<'static, Result<Completion, ProviderError>>;

/// Joins identical calls of one list of targets.
pub(crate) struct Coalesce {
    inner: Arc<dyn LlmProvider>,
    clock: Arc<dyn Clock>,
    /// Apart from the streams: a whole call has other limits, and it may go another way below.
    whole: Map<WeakShared<Call>>,
    streams: Map<Weak<SharedStream>>,
    state: RandomState,
}

impl Coalesce {
    pub(crate) fn new(inner: Arc<dyn LlmProvider>, clock: Arc<dyn Clock>) -> Self {
        let state = RandomState::new();
        Self { inner, clock, whole: Map::default(), streams: Map::default(), state }
    }

    fn asked(&self, request: &CompletionRequest, context: &CallContext) -> Arc<Asked> {
        Arc::new(Asked::new(&self.state, request, context))
    }

    fn join_whole(&self, asked: &Arc<Asked>, context: &CallContext) -> Option<Joined<Shared<Call>>> {
        let now = self.clock.now();
        self.whole.join(asked, context.deadline, now, WeakShared::upgrade, |ticket| {
            let call = self.whole_call(Arc::clone(asked), context.clone(), ticket);
            let weak = call.downgrade()?;
            Some((call, weak))
        })
    }

    fn whole_call(&self, asked: Arc<Asked>, context: CallContext, ticket: Ticket) -> Shared<Call> {
        let inner = Arc::clone(&self.inner);
        let call = async move {
            // The entry goes with the call, however it ends.
            let _ticket = ticket;
            inner.complete(asked.request(), &context).await
        };
        call.boxed().shared()
    }

    fn join_stream(&self, asked: &Arc<Asked>, context: &CallContext) -> Option<Joined<Arc<SharedStream>>> {
        let now = self.clock.now();
        self.streams.join(asked, context.deadline, now, Weak::upgrade, |ticket| {
            let (inner, asked, context) = (Arc::clone(&self.inner), Arc::clone(asked), context.clone());
            let opening = async move { inner.stream(asked.request(), &context).await }.boxed();
            let call = Arc::new(SharedStream::new(opening, ticket));
            let weak = Arc::downgrade(&call);
            Some((call, weak))
        })
    }

    /// Whether a failure was that of the caller who began the call, and this one may still get an answer.
    fn begins_anew(&self, error: &ProviderError, context: &CallContext) -> bool {
        match error.kind() {
            ErrorKind::Timeout { phase: TimeoutPhase::Deadline } => {
                !context.deadline.is_past(self.clock.now())
            }
            ErrorKind::Refused { by: Guard::Budget, .. } => true,
            _ => false,
        }
    }
}

/// Waits for `work`, but not past the waiter's own deadline.
async fn until<T>(
    clock: &dyn Clock,
    deadline: Deadline,
    work: impl Future<Output = Result<T, ProviderError>>,
) -> Result<T, ProviderError> {
    let Some(left) = deadline.remaining(clock.now()) else { return work.await };
    match select(pin!(work), clock.sleep(left)).await {
        Either::Left((result, _)) => result,
        Either::Right(((), _)) => Err(too_late()),
    }
}

fn too_late() -> ProviderError {
    ErrorKind::Timeout { phase: TimeoutPhase::Deadline }.into()
}

/// What a waiter gets that did not begin the call: the same answer, paid for by another one. What came from a cache below stays marked
/// with its age.
fn second_hand(mut completion: Completion) -> Completion {
    if completion.served.is_live() {
        completion.served = Served::Shared;
    }
    completion.usage = Usage::default();
    completion.trail = Vec::new();
    completion
}

#[async_trait]
impl LlmProvider for Coalesce {
    async fn complete(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<Completion, ProviderError> {
        if context.reuse == Reuse::Never {
            return self.inner.complete(request, context).await;
        }
        let asked = self.asked(request, context);
        // Each turn somebody who waits becomes the one who began, and the beginner's result is final: it ends.
        loop {
            match self.join_whole(&asked, context) {
                None => return self.inner.complete(request, context).await,
                Some(Joined::Begun(call)) => return call.await,
                Some(Joined::Found(call)) => match until(&*self.clock, context.deadline, call).await {
                    Err(error) if self.begins_anew(&error, context) => {}
                    result => return result.map(second_hand),
                },
            }
        }
    }

    async fn stream(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<CompletionStream, ProviderError> {
        if context.reuse == Reuse::Never {
            return self.inner.stream(request, context).await;
        }
        let asked = self.asked(request, context);
        loop {
            match self.join_stream(&asked, context) {
                None => return self.inner.stream(request, context).await,
                Some(Joined::Begun(call)) => {
                    let reader = Follower::first(call);
                    reader.opened().await?;
                    return Ok(Box::pin(reader));
                }
                Some(Joined::Found(call)) => {
                    let reader = Follower::other(call);
                    match until(&*self.clock, context.deadline, reader.opened()).await {
                        Ok(()) => {
                            let left = context.deadline.remaining(self.clock.now());
                            return Ok(Box::pin(reader.ending(left.map(|left| self.clock.sleep(left)))));
                        }
                        Err(error) if self.begins_anew(&error, context) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }

    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }
}

impl std::fmt::Debug for Coalesce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Coalesce").field("inner", &self.inner).finish_non_exhaustive()
    }
}
