//! Makes one call out of identical ones that are under way at the same time.
//!
//! Nothing is spawned. The shared call is a future or a stream that each of its waiters polls; whoever is polled drives it for all, and
//! its waker wakes all. The map holds it weakly, so it ends with its last waiter, and the caller who began it may leave.
//!
//! The call ends with the deadline of the caller who began it, as every call does; a caller with less time leaves earlier. One with a
//! little more joins all the same (up to a tenth more: identical calls that come in a burst have deadlines a moment apart), and begins
//! anew if the call runs out of time while it still has some. One with much more begins a call of its own.

mod map;
mod shared_stream;

use std::{
    pin::pin,
    sync::{Arc, Weak},
};

use async_orchestrator_core::{
    CallContext, Capabilities, Clock, Completion, CompletionRequest, CompletionStream, Deadline, ErrorKind,
    LlmProvider, ProviderError, Reuse, Served, TimeoutPhase, Usage,
};
use async_trait::async_trait;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Either, Shared, WeakShared, select},
};

use self::{
    map::{Joined, Map, Ticket},
    shared_stream::{Follower, SharedStream},
};
use crate::cache_key::CacheKey;

type Whole = Shared<BoxFuture<'static, Result<Completion, ProviderError>>>;

/// Joins identical calls of one list of targets.
pub(crate) struct Coalesce {
    inner: Arc<dyn LlmProvider>,
    clock: Arc<dyn Clock>,
    scope: String,
    whole: Map<WeakShared<BoxFuture<'static, Result<Completion, ProviderError>>>>,
    streams: Map<Weak<SharedStream>>,
}

impl Coalesce {
    pub(crate) fn new(inner: Arc<dyn LlmProvider>, clock: Arc<dyn Clock>, scope: &str) -> Self {
        Self { inner, clock, scope: scope.to_owned(), whole: Map::default(), streams: Map::default() }
    }

    fn whole_call(&self, request: &CompletionRequest, context: CallContext, ticket: Ticket) -> Whole {
        let (inner, request) = (Arc::clone(&self.inner), request.clone());
        let call = async move {
            // The entry goes with the call, however it ends.
            let _ticket = ticket;
            inner.complete(&request, &context).await
        };
        call.boxed().shared()
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

/// What a waiter gets that did not begin the call: the same answer, paid for by another one.
fn second_hand(mut completion: Completion) -> Completion {
    completion.served = Served::Shared;
    completion.usage = Usage::default();
    completion.trail = Vec::new();
    completion
}

impl Coalesce {
    fn join_whole(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
        key: CacheKey,
    ) -> Option<Joined<Whole>> {
        let now = self.clock.now();
        self.whole.join(key, context.deadline, now, WeakShared::upgrade, |ticket| {
            let call = self.whole_call(request, context.clone(), ticket);
            let weak = call.downgrade();
            weak.map(|weak| (call, weak))
        })
    }

    fn join_stream(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
        key: CacheKey,
    ) -> Option<Joined<Arc<SharedStream>>> {
        let now = self.clock.now();
        self.streams.join(key, context.deadline, now, Weak::upgrade, |ticket| {
            let (inner, request, context) = (Arc::clone(&self.inner), request.clone(), context.clone());
            let opening = async move { inner.stream(&request, &context).await }.boxed();
            let call = Arc::new(SharedStream::new(opening, ticket));
            let weak = Arc::downgrade(&call);
            Some((call, weak))
        })
    }

    /// Whether a call that somebody else began ran out of its time while this caller has some left.
    fn has_time_left(&self, error: &ProviderError, context: &CallContext) -> bool {
        matches!(error.kind(), ErrorKind::Timeout { phase: TimeoutPhase::Deadline })
            && !context.deadline.is_past(self.clock.now())
    }
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
        let key = CacheKey::new(&self.scope, request, context);
        loop {
            match self.join_whole(request, context, key) {
                None => return self.inner.complete(request, context).await,
                Some(Joined::Begun(call)) => return call.await,
                Some(Joined::Found(call)) => match until(&*self.clock, context.deadline, call).await {
                    Err(error) if self.has_time_left(&error, context) => {}
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
        let key = CacheKey::new(&self.scope, request, context);
        loop {
            match self.join_stream(request, context, key) {
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
                        Err(error) if self.has_time_left(&error, context) => {}
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
