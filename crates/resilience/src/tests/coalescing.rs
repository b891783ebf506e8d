//! Identical calls that become one.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use async_orchestrator_core::{
    CallContext, Clock, Completion, CompletionStream, Deadline, ErrorKind, LlmProvider, Reuse, Role, SeatId,
    Served, StreamEvent, TimeoutPhase,
};
use futures_util::{StreamExt, future::join_all};
use proptest::prelude::*;

use super::scene::{Scene, play, request};

fn scene(score: &str) -> Scene {
    Scene::new("a:one", score).config(|config| {
        config.retry.attempts_max = 1;
        config.retry.server_error_attempts_max = 1;
    })
}

type Seen = Result<(String, Served), ErrorKind>;

async fn read(mut stream: CompletionStream) -> Seen {
    let mut text = String::new();
    while let Some(event) = stream.next().await {
        match event.map_err(|error| error.kind())? {
            StreamEvent::Delta(piece) => text.push_str(&piece),
            StreamEvent::Finished(completion) => {
                assert_eq!(completion.text, text);
                return Ok((text, completion.served));
            }
            other => panic!("{other:?}"),
        }
    }
    Err(ErrorKind::Truncated)
}

async fn stream_of(provider: &Arc<dyn LlmProvider>, context: &CallContext) -> Seen {
    let request = request();
    read(provider.stream(&request, context).await.map_err(|error| error.kind())?).await
}

#[test]
fn a_thousand_identical_calls_are_one_call_and_one_of_them_pays() {
    for streamed in [false, true] {
        let scene = scene("1s Hello 1s world end");
        let provider = scene.provider();
        let context = scene.context();
        let seen: Vec<Seen> = play(&scene.clock, async {
            if streamed {
                join_all((0..1_000).map(|_| stream_of(&provider, &context))).await
            } else {
                let request = request();
                let calls = join_all((0..1_000).map(|_| provider.complete(&request, &context))).await;
                let seen = |completion: Completion| (completion.text, completion.served);
                calls.into_iter().map(|call| call.map(seen).map_err(|error| error.kind())).collect()
            }
        });
        assert_eq!(scene.calls()[0].len(), 1);
        let paid = seen.iter().filter(|seen| matches!(seen, Ok((_, Served::Live)))).count();
        assert_eq!(paid, 1);
        assert!(seen.iter().all(|seen| matches!(seen, Ok((text, _)) if text == "Helloworld")));
    }
}

#[test]
fn a_later_call_is_a_new_call() {
    let scene = scene("Hello end");
    let provider = scene.provider();
    for _ in 0..2 {
        let seen = play(&scene.clock, stream_of(&provider, &scene.context()));
        assert_eq!(seen, Ok(("Hello".to_owned(), Served::Live)));
    }
    assert_eq!(scene.calls()[0].len(), 2);
}

#[test]
fn other_seats_and_callers_who_want_their_own_sample_do_not_join() {
    let scene = scene("1s Hello end");
    let provider = scene.provider();
    let other = CallContext { seat: SeatId::new(Role::Proposer, 2), ..scene.context() };
    let own = CallContext { reuse: Reuse::Never, ..scene.context() };
    let contexts = [scene.context(), other, own.clone(), own];
    play(&scene.clock, async {
        join_all(contexts.iter().map(|context| stream_of(&provider, context))).await
    });
    assert_eq!(scene.calls()[0].len(), 4);
}

#[test]
fn a_failure_is_everybodys() {
    let scene = scene("1s Hel !down");
    let provider = scene.provider();
    let context = scene.context();
    let seen = play(&scene.clock, async { join_all((0..3).map(|_| stream_of(&provider, &context))).await });
    assert_eq!(seen, vec![Err(ErrorKind::Unavailable); 3]);
    assert_eq!(scene.calls()[0].len(), 1);
}

#[test]
fn the_one_who_began_may_leave_and_the_last_one_ends_the_call() {
    let scene = scene("1s Hello 9s world end");
    let provider = scene.provider();
    let context = scene.context();
    let mut poll = Context::from_waker(Waker::noop());
    let mut first = Box::pin(stream_of(&provider, &context));
    let mut second = Box::pin(stream_of(&provider, &context));
    assert!(first.as_mut().poll(&mut poll).is_pending());
    assert!(second.as_mut().poll(&mut poll).is_pending());
    drop(first);
    assert_eq!(scene.running(), 1, "somebody still waits for it");
    let seen = play(&scene.clock, second);
    assert_eq!(seen, Ok(("Helloworld".to_owned(), Served::Shared)));
    let mut third = Box::pin(stream_of(&provider, &context));
    assert!(third.as_mut().poll(&mut poll).is_pending());
    assert_eq!(scene.running(), 1);
    drop(third);
    assert_eq!((scene.running(), scene.calls()[0].len()), (0, 2), "nobody waits: it is cancelled");
}

#[test]
fn each_waiter_keeps_its_own_deadline() {
    let scene = scene("3s Hello end");
    let provider = scene.provider();
    let until =
        |seconds| scene.context().until(Deadline::after(scene.clock.now(), Duration::from_secs(seconds)));
    let contexts = [until(40), until(1), until(41)];
    let seen = play(&scene.clock, async {
        join_all(contexts.iter().map(|context| stream_of(&provider, context))).await
    });
    assert_eq!(seen[0], Ok(("Hello".to_owned(), Served::Live)));
    assert_eq!(seen[1], Err(ErrorKind::Timeout { phase: TimeoutPhase::Deadline }));
    assert_eq!(seen[2], Ok(("Hello".to_owned(), Served::Shared)));
    assert_eq!(scene.calls()[0].len(), 1);
}

#[test]
fn who_has_more_time_begins_anew_or_apart() {
    let scene = scene("[1: stall] 3s Hello end");
    let provider = scene.provider();
    let until =
        |seconds| scene.context().until(Deadline::after(scene.clock.now(), Duration::from_secs(seconds)));
    let contexts = [until(100), until(105), until(300)];
    let seen = play(&scene.clock, async {
        join_all(contexts.iter().map(|context| async {
            let whole = provider.complete(&request(), context).await.map_err(|error| error.kind());
            whole.map(|completion| completion.text)
        }))
        .await
    });
    assert_eq!(seen[0], Err(ErrorKind::Timeout { phase: TimeoutPhase::Deadline }));
    assert_eq!(seen[1..], [Ok("Hello".to_owned()), Ok("Hello".to_owned())]);
    assert_eq!(scene.calls()[0].len(), 3, "one joined and began anew, one had a call of its own");
}

proptest! {
    /// Readers come, are polled and leave at random: whoever stays sees the whole text, and one generation is one call.
    #[test]
    fn whoever_stays_sees_everything_once(moves in prop::collection::vec((0u8..4, 0usize..6), 1..60)) {
        let scene = scene("1s a 1s b 1s c 1s d end").limits(9_999, 9_999, 9_999);
        let provider = scene.provider();
        let context = scene.context();
        let mut poll = Context::from_waker(Waker::noop());
        let mut readers: Vec<Option<Pin<Box<dyn Future<Output = Seen> + '_>>>> = Vec::new();
        let mut generations = 0;
        for (what, which) in moves {
            match what {
                0 => {
                    if scene.running() == 0 {
                        generations += 1;
                    }
                    let mut reader: Pin<Box<dyn Future<Output = Seen>>> = Box::pin(stream_of(&provider, &context));
                    match reader.as_mut().poll(&mut poll) {
                        Poll::Pending => readers.push(Some(reader)),
                        // Everything was due, and the newcomer drove the call to its end.
                        Poll::Ready(seen) => prop_assert_eq!(seen.map(|(text, _)| text), Ok("abcd".to_owned())),
                    }
                }
                1 => { if let Some(reader) = readers.get_mut(which) { *reader = None; } }
                2 => scene.clock.advance(Duration::from_secs(1)),
                _ => {
                    let Some(slot) = readers.get_mut(which) else { continue };
                    let Some(reader) = slot else { continue };
                    if let Poll::Ready(seen) = reader.as_mut().poll(&mut poll) {
                        prop_assert_eq!(seen.map(|(text, _)| text), Ok("abcd".to_owned()));
                        *slot = None;
                    }
                }
            }
            prop_assert!(scene.running() <= 1);
        }
        for reader in readers.into_iter().flatten() {
            prop_assert_eq!(play(&scene.clock, reader).map(|(text, _)| text), Ok("abcd".to_owned()));
        }
        prop_assert!(scene.calls()[0].len() <= generations);
        prop_assert_eq!(scene.running(), 0);
    }
}
