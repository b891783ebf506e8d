//! One call and many who wait for it: who comes late, who leaves, whose failure it is, and that nobody is forgotten.

mod laws;
mod mishaps;

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use async_orchestrator_core::{
    AttemptLimits, CallContext, CompletionStream, ErrorKind, Guard, LlmProvider, StreamEvent,
};
use futures_util::{StreamExt, future::join_all};

use super::scene::{Scene, play, request};

/// Every target is asked once, and nothing is learnt of it but who is being asked now.
fn scene(score: &str) -> Scene {
    Scene::new("a:one", score).limits(9_999, 9_999, 9_999).config(|config| {
        config.retry.attempts_max = 1;
        config.retry.server_error_attempts_max = 1;
        config.breaker.consecutive_failures = u32::MAX;
        config.breaker.volume_min = u32::MAX;
        config.throttle = None;
        config.hedge = None;
    })
}

type Seen = Result<String, ErrorKind>;

/// The text as a reader's screen shows it in the end, with a bar for every new beginning that it was told of.
async fn read(mut stream: CompletionStream) -> Seen {
    let (mut text, mut bars) = (String::new(), String::new());
    while let Some(event) = stream.next().await {
        match event.map_err(|error| error.kind())? {
            StreamEvent::Delta(piece) => text.push_str(&piece),
            StreamEvent::Restarted { .. } => {
                text.clear();
                bars.push('|');
            }
            StreamEvent::Finished(completion) => {
                assert_eq!(completion.text, text);
                return Ok(bars + &text);
            }
            other => panic!("{other:?}"),
        }
    }
    Err(ErrorKind::Truncated)
}

async fn streamed(provider: &Arc<dyn LlmProvider>, context: &CallContext) -> Seen {
    let stream = provider.stream(&request(), context).await.map_err(|error| error.kind())?;
    read(stream).await
}

async fn whole(provider: &Arc<dyn LlmProvider>, context: &CallContext) -> Seen {
    let request = request();
    let answer = provider.complete(&request, context).await;
    answer.map(|completion| completion.text).map_err(|error| error.kind())
}

/// Remembers that it was woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Somebody who waits and is polled only when something woke them.
struct Waiter<'a, T> {
    work: Pin<Box<dyn Future<Output = T> + 'a>>,
    woken: Arc<Woken>,
}

impl<'a, T> Waiter<'a, T> {
    fn new(work: impl Future<Output = T> + 'a) -> Self {
        Self { work: Box::pin(work), woken: Arc::new(Woken(AtomicBool::new(true))) }
    }

    fn is_woken(&self) -> bool {
        self.woken.0.load(Ordering::SeqCst)
    }

    fn poll(&mut self) -> Poll<T> {
        if !self.woken.0.swap(false, Ordering::SeqCst) {
            return Poll::Pending;
        }
        let waker = Waker::from(Arc::clone(&self.woken));
        self.work.as_mut().poll(&mut Context::from_waker(&waker))
    }
}

#[test]
fn a_late_reader_sees_all_of_the_text_once() {
    let scene = scene("1s a 1s b 1s c end");
    let (provider, context) = (scene.provider(), scene.context());
    let mut first = Waiter::new(streamed(&provider, &context));
    for _ in 0..2 {
        assert!(first.poll().is_pending());
        scene.clock.advance(Duration::from_secs(1));
    }
    assert!(first.poll().is_pending());
    let late = play(&scene.clock, streamed(&provider, &context));
    assert_eq!(late, Ok("abc".to_owned()));
    assert_eq!(first.poll(), Poll::Ready(Ok("abc".to_owned())));
    assert_eq!(scene.calls()[0].len(), 1);
}

#[test]
fn who_read_a_void_text_is_told_and_who_comes_after_it_never_sees_it() {
    let scene = scene("1s a 1s cut").or("b:two", "x 1s y end");
    let (provider, context) = (scene.provider(), scene.context());
    let mut first = Waiter::new(streamed(&provider, &context));
    let mut slow = Waiter::new(streamed(&provider, &context));
    for _ in 0..2 {
        assert!(first.poll().is_pending());
        assert!(slow.poll().is_pending());
        scene.clock.advance(Duration::from_secs(1));
    }
    assert!(first.poll().is_pending());
    let late = play(&scene.clock, streamed(&provider, &context));
    assert_eq!(late, Ok("xy".to_owned()), "its text has one beginning");
    for waiter in [&mut first, &mut slow] {
        assert_eq!(waiter.poll(), Poll::Ready(Ok("|xy".to_owned())));
    }
    assert_eq!(scene.calls(), [["stream"], ["stream"]]);
}

#[test]
fn when_the_one_who_drives_leaves_another_one_is_woken() {
    for woken_first in [true, false] {
        let scene = scene("1s a 1s b end");
        let (provider, context) = (scene.provider(), scene.context());
        let mut driver = Waiter::new(streamed(&provider, &context));
        let mut other = Waiter::new(streamed(&provider, &context));
        assert!(driver.poll().is_pending() && other.poll().is_pending());
        assert!(driver.poll().is_pending(), "it was the last to poll the call");
        if woken_first {
            scene.clock.advance(Duration::from_secs(1));
            assert!(driver.is_woken());
            drop(driver);
        } else {
            drop(driver);
            let _ = other.poll();
            scene.clock.advance(Duration::from_secs(1));
        }
        assert!(other.is_woken());
        assert!(other.poll().is_pending());
        scene.clock.advance(Duration::from_secs(1));
        assert_eq!(other.poll(), Poll::Ready(Ok("ab".to_owned())));
        assert_eq!(scene.calls()[0].len(), 1);
    }
}

#[test]
fn a_whole_call_outlives_its_beginner_and_ends_with_the_last_who_waits() {
    let scene = scene("9s Hello end");
    let (provider, context) = (scene.provider(), scene.context());
    let mut waiters: Vec<_> = (0..3).map(|_| Waiter::new(whole(&provider, &context))).collect();
    assert!(waiters.iter_mut().all(|waiter| waiter.poll().is_pending()));
    waiters.remove(0);
    assert_eq!(scene.running(), 1);
    waiters.remove(0);
    scene.clock.advance(Duration::from_secs(9));
    assert_eq!(waiters[0].poll(), Poll::Ready(Ok("Hello".to_owned())));
    let mut last = Waiter::new(whole(&provider, &context));
    assert!(last.poll().is_pending());
    drop(last);
    assert_eq!((scene.running(), scene.calls()[0].len()), (0, 2));
}

#[test]
fn an_empty_purse_is_its_owners_failure_alone() {
    let both = || scene("[1: 1s !budget] 1s Hello end");
    let refused: Seen = Err(ErrorKind::Refused { by: Guard::Budget, until: None });
    let scene = both();
    let (provider, context) = (scene.provider(), scene.context());
    let seen = play(&scene.clock, join_all((0..9).map(|_| whole(&provider, &context))));
    assert_eq!(seen[0], refused);
    assert_eq!(seen[1..], vec![Ok("Hello".to_owned()); 8]);
    assert_eq!(scene.calls()[0].len(), 2, "the others began anew, together");
    let scene = self::scene("[1: 1s !budget | end] 1s Hello end");
    let (provider, context) = (scene.provider(), scene.context());
    let seen = play(&scene.clock, join_all((0..9).map(|_| streamed(&provider, &context))));
    assert_eq!(seen[0], refused);
    assert_eq!(seen[1..], vec![Ok("Hello".to_owned()); 8]);
    assert_eq!(scene.calls()[0].len(), 2);
}

#[test]
fn a_patient_call_does_not_fail_with_a_hasty_one() {
    let scene = scene("9s Hello end");
    let (provider, patient) = (scene.provider(), scene.context());
    let hasty = CallContext { limits: AttemptLimits::within(Duration::from_secs(2)), ..patient.clone() };
    let contexts = [hasty, patient];
    let seen = play(&scene.clock, join_all(contexts.iter().map(|context| whole(&provider, context))));
    assert!(matches!(seen[0], Err(ErrorKind::Timeout { .. })), "{seen:?}");
    assert_eq!(seen[1], Ok("Hello".to_owned()));
}
