//! Targets that are left out: by the breaker, by the vendor's wish, by a full lane.

use std::time::Duration;

use async_orchestrator_core::{Clock, ErrorKind, Guard};
use expect_test::expect;
use futures_util::future::join_all;

use super::scene::{Scene, play, request};

#[test]
fn a_dead_target_is_left_out_and_probed_once_a_pause() {
    let scene = Scene::new("a:one", "!down").or("b:two", "Hello end").config(|config| {
        config.retry.server_error_attempts_max = 1;
        config.breaker.consecutive_failures = 2;
    });
    let provider = scene.provider();
    play(&scene.clock, async {
        for _ in 0..600 {
            provider.complete(&request(), &scene.context()).await.expect("the fallback answers");
            scene.clock.sleep(Duration::from_millis(100)).await;
        }
    });
    // 2 failures, then probes after 5, 10, 20 and no more within the minute.
    assert_eq!(scene.calls().iter().map(Vec::len).collect::<Vec<_>>(), [5, 600]);
    let status = scene.stack().status();
    assert_eq!(status.len(), 2);
}

#[test]
fn what_is_left_out_stands_in_the_record_and_is_no_attempt() {
    let scene = Scene::new("a:one", "!down").or("b:two", "Hello end").config(|config| {
        config.retry.server_error_attempts_max = 1;
        config.breaker.consecutive_failures = 1;
    });
    scene.streams(&expect![[r#"
        000.0 attempt 1 at a:one
        000.0 attempt 1 at a:one failed: unavailable
        000.0 attempt 2 at b:two
        000.0 `Hello`
        000.0 finished `Hello` by b:two
        000.0   trail 1 a:one 0..0 ms unavailable
        000.0   trail 2 b:two 0..0 ms ok
    "#]]);
    scene.streams(&expect![[r#"
        000.0 attempt 1 at a:one
        000.0 attempt 1 at a:one failed: unavailable
        000.0 attempt 2 at b:two
        000.0 `Hello`
        000.0 finished `Hello` by b:two
        000.0   trail 1 a:one 0..0 ms unavailable
        000.0   trail 2 b:two 0..0 ms ok
        000.0 a:one left out: it failed too often and rests
        000.0 attempt 1 at b:two
        000.0 `Hello`
        000.0 finished `Hello` by b:two
        000.0   trail 0 a:one 0..0 ms breaker_open
        000.0   trail 1 b:two 0..0 ms ok
    "#]]);
}

#[test]
fn a_vendors_wish_to_wait_is_kept_by_all_seats_and_waited_for_where_nobody_else_is() {
    let scene = Scene::new("a:one", "!limited9").config(|config| {
        config.retry.attempts_max = 1;
        config.retry.server_error_attempts_max = 1;
    });
    scene.completes(&expect![[r#"
        000.0 attempt 1 at a:one
        000.0 attempt 1 at a:one failed: rate_limited
        000.0 error RateLimited { retry_after: Some(9s) }: a:one: rate limited for 9.0 s
        000.0   trail 1 a:one 0..0 ms rate_limited
    "#]]);
    scene.completes(&expect![[r#"
        000.0 attempt 1 at a:one
        000.0 attempt 1 at a:one failed: rate_limited
        000.0 error RateLimited { retry_after: Some(9s) }: a:one: rate limited for 9.0 s
        000.0   trail 1 a:one 0..0 ms rate_limited
        000.0 a:one left out: the vendor asked to wait
        000.0 asks a:one again in 9000 ms
        009.0 attempt 1 at a:one
        009.0 attempt 1 at a:one failed: rate_limited
        009.0 error RateLimited { retry_after: Some(9s) }: a:one: rate limited for 9.0 s
        009.0   trail 0 a:one 0..0 ms limit
        009.0   trail 1 a:one 9000..9000 ms rate_limited
    "#]]);
}

#[test]
fn every_tier_down_is_one_error_that_names_every_target() {
    let scene = Scene::new("a:one", "!down").or("b:two", "!down").config(|config| {
        config.retry.server_error_attempts_max = 1;
        config.breaker.consecutive_failures = 1;
    });
    play(&scene.clock, async {
        let first = scene.provider().complete(&request(), &scene.context()).await.unwrap_err();
        assert_eq!(first.kind(), ErrorKind::Unavailable);
        let refused = scene.provider().complete(&request(), &scene.context()).await.unwrap_err();
        assert!(matches!(refused.kind(), ErrorKind::Refused { by: Guard::Breaker, .. }));
        let text = refused.to_string();
        assert!(text.contains("a:one") && text.contains("b:two"), "{text}");
        assert_eq!(refused.trail().len(), 2);
        assert!(refused.trail().iter().all(|entry| entry.n == 0));
    });
    assert_eq!(scene.calls().concat().len(), 2, "the second time nothing went out");
}

#[test]
fn a_full_lane_makes_callers_wait_in_line_and_a_full_line_turns_them_away() {
    let scene = Scene::new("a:one", "1s Hello end").config(|config| {
        config.coalesce = crate::Coalescing::Off;
        config.concurrency.initial = 2;
        config.concurrency.max = 2;
        config.concurrency.min = 2;
        config.queue.waiting_max = 3;
    });
    let provider = scene.provider();
    let start = scene.clock.now();
    let outcomes = play(&scene.clock, async {
        let (request, context) = (request(), scene.context());
        join_all((0..7).map(|_| provider.complete(&request, &context))).await
    });
    let served = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(served, 5, "two at once, three in line");
    assert_eq!(scene.clock.now() - start, Duration::from_secs(3));
    let refused = outcomes.into_iter().filter_map(Result::err).map(|error| error.kind()).collect::<Vec<_>>();
    assert!(
        refused.iter().all(|kind| matches!(kind, ErrorKind::Refused { by: Guard::Queue, .. })),
        "{refused:?}"
    );
    let status = scene.stack().status();
    assert_eq!((status[0].in_flight, status[0].waiting), (0, 0), "every place is free again");
}

#[test]
fn dropping_a_call_in_the_line_or_under_way_frees_everything() {
    let scene = Scene::new("a:one", "9s Hello end").config(|config| {
        config.coalesce = crate::Coalescing::Off;
        config.concurrency.initial = 1;
        config.concurrency.max = 1;
    });
    let provider = scene.provider();
    {
        let (request, context) = (request(), scene.context());
        let mut running = Box::pin(provider.complete(&request, &context));
        let mut waiting = Box::pin(provider.complete(&request, &context));
        let mut poll = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(running.as_mut().poll(&mut poll).is_pending());
        assert!(waiting.as_mut().poll(&mut poll).is_pending());
        let busy = scene.stack().status();
        assert_eq!((busy[0].in_flight, busy[0].waiting), (1, 1));
        drop(waiting);
        assert_eq!(scene.stack().status()[0].waiting, 0);
    }
    let idle = scene.stack().status();
    assert_eq!((idle[0].in_flight, idle[0].waiting, scene.running()), (0, 0, 0));
}
