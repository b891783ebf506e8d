//! What goes wrong below a shared call, or beside it, stays where it belongs.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use async_orchestrator_core::{
    CallContext, Capabilities, Clock, Completion, CompletionRequest, CompletionStream, ErrorKind,
    LlmProvider, ProviderError, Served, test_util::ManualClock,
};
use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt, future::join_all, stream};

use super::{Waiter, play, request, scene, streamed};
use crate::{
    CacheConfig,
    cache::{AnswerCache, Cached},
    coalesce::Coalesce,
};

/// A provider below, with a stream of ours.
struct Below {
    capabilities: Capabilities,
    open: Box<dyn Fn() -> CompletionStream + Send + Sync>,
}

impl std::fmt::Debug for Below {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Below")
    }
}

#[async_trait]
impl LlmProvider for Below {
    async fn complete(&self, _: &CompletionRequest, _: &CallContext) -> Result<Completion, ProviderError> {
        Err(ErrorKind::Unavailable.into())
    }

    async fn stream(
        &self,
        _: &CompletionRequest,
        _: &CallContext,
    ) -> Result<CompletionStream, ProviderError> {
        Ok((self.open)())
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }
}

fn over(open: impl Fn() -> CompletionStream + Send + Sync + 'static) -> (Arc<dyn LlmProvider>, CallContext) {
    let clock = ManualClock::new();
    let context = CallContext::detached(clock.now());
    let capabilities = Capabilities::unknown("a:one".parse().unwrap());
    let below = Arc::new(Below { capabilities, open: Box::new(open) });
    (Arc::new(Coalesce::new(below, Arc::new(clock))), context)
}

#[test]
fn a_sign_of_life_is_one_poll_for_all_who_wait() {
    let polls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&polls);
    let (provider, context) = over(move || {
        let polls = Arc::clone(&counted);
        Box::pin(stream::poll_fn(move |_| {
            polls.fetch_add(1, Ordering::SeqCst);
            Poll::Pending
        }))
    });
    let mut waiters: Vec<_> = (0..1_000).map(|_| Waiter::new(streamed(&provider, &context))).collect();
    assert!(waiters.iter_mut().all(|waiter| waiter.poll().is_pending()));
    // Those who were woken by the opening ask once more.
    assert!(waiters.iter_mut().all(|waiter| waiter.poll().is_pending()));
    assert!(polls.load(Ordering::SeqCst) <= 2, "{polls:?}");
}

#[test]
fn a_panic_below_ends_the_call_for_all_and_leaves_nobody_waiting() {
    let (provider, context) = over(move || {
        let mut polls = 0;
        Box::pin(stream::poll_fn(move |context| {
            polls += 1;
            if polls == 2 {
                std::panic::resume_unwind(Box::new("below"));
            }
            context.waker().wake_by_ref();
            Poll::Pending
        }))
    });
    let mut first = Waiter::new(streamed(&provider, &context));
    let mut second = Waiter::new(streamed(&provider, &context));
    assert!(first.poll().is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| second.poll())).is_err());
    drop(second);
    assert_eq!(first.poll(), Poll::Ready(Err(ErrorKind::Truncated)));
}

/// A waker whose last handle owns something, as that of a task may.
struct Owner(Mutex<Option<CompletionStream>>);

impl Wake for Owner {
    fn wake(self: Arc<Self>) {
        drop(self.0.lock().unwrap().take());
    }
}

#[test]
fn a_waker_may_own_another_reader() {
    let (provider, context) = over(|| Box::pin(stream::pending()));
    let open = || provider.stream(&request(), &context).now_or_never();
    // Dropped with the list, dropped by a newer waker, woken.
    for how in 0..3 {
        let mut readers: Vec<CompletionStream> = (0..3).map(|_| open().unwrap().unwrap()).collect();
        let owned = readers.pop().unwrap();
        let waker = Waker::from(Arc::new(Owner(Mutex::new(Some(owned)))));
        assert!(readers[0].poll_next_unpin(&mut Context::from_waker(&waker)).is_pending());
        drop(waker);
        match how {
            0 => drop(readers.remove(0)),
            1 => assert!(readers[0].poll_next_unpin(&mut Context::from_waker(Waker::noop())).is_pending()),
            _ => drop(readers.remove(1)),
        }
    }
}

#[test]
fn what_came_old_from_below_stays_marked_as_old() {
    let scene = scene("[1: Hello end] 1s !down");
    let clock: Arc<dyn Clock> = Arc::new(scene.clock.clone());
    let cache = Arc::new(AnswerCache::new(CacheConfig::default(), Arc::clone(&clock), None, String::new()));
    let inner: Arc<dyn LlmProvider> = Arc::new(Cached::new(scene.provider(), cache));
    let shared: Arc<dyn LlmProvider> = Arc::new(Coalesce::new(inner, clock));
    let (request, context) = (request(), scene.context());
    play(&scene.clock, shared.complete(&request, &context)).unwrap();
    let seen = play(&scene.clock, join_all((0..2).map(|_| shared.complete(&request, &context))));
    for answer in seen {
        assert_eq!(answer.unwrap().served, Served::Stale { age_ms: 1_000 });
    }
}
