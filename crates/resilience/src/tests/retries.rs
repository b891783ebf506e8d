//! When the same target is asked again, and who pays for it.

use expect_test::expect;
use futures_util::future::join_all;

use super::scene::{Scene, play, request};

#[test]
fn a_busy_vendor_is_asked_again_after_growing_waits_and_then_the_next_one() {
    Scene::new("a:one", "!overloaded").or("b:two", "Hello end").config(|_| {}).streams(&expect![[r#"
        000.0 attempt 1 at a:one
        000.0 attempt 1 at a:one failed: overloaded
        000.0 asks a:one again in 497 ms
        000.5 attempt 2 at a:one
        000.5 attempt 2 at a:one failed: overloaded
        000.5 asks a:one again in 854 ms
        001.4 attempt 3 at a:one
        001.4 attempt 3 at a:one failed: overloaded
        001.4 attempt 4 at b:two
        001.4 `Hello`
        001.4 finished `Hello` by b:two
        001.4   trail 1 a:one 0..0 ms overloaded
        001.4   trail 2 a:one 497..497 ms overloaded
        001.4   trail 3 a:one 1352..1352 ms overloaded
        001.4   trail 4 b:two 1352..1352 ms ok
    "#]]);
}

#[test]
fn a_failed_server_is_asked_once_more() {
    Scene::new("a:one", "!down").config(|_| {}).completes(&expect![[r#"
        000.0 attempt 1 at a:one
        000.0 attempt 1 at a:one failed: unavailable
        000.0 asks a:one again in 497 ms
        000.5 attempt 2 at a:one
        000.5 attempt 2 at a:one failed: unavailable
        000.5 error Unavailable: a:one: the server cannot be reached or failed
        000.5   trail 1 a:one 0..0 ms unavailable
        000.5   trail 2 a:one 497..497 ms unavailable
    "#]]);
}

#[test]
fn a_refused_key_is_not_asked_again_and_rests_for_every_seat() {
    let scene = Scene::new("a:one", "!key").or("b:two", "Hello end").config(|_| {});
    scene.streams(&expect![[r#"
        000.0 attempt 1 at a:one
        000.0 attempt 1 at a:one failed: auth
        000.0 attempt 2 at b:two
        000.0 `Hello`
        000.0 finished `Hello` by b:two
        000.0   trail 1 a:one 0..0 ms auth
        000.0   trail 2 b:two 0..0 ms ok
    "#]]);
    scene.streams(&expect![[r#"
        000.0 attempt 1 at a:one
        000.0 attempt 1 at a:one failed: auth
        000.0 attempt 2 at b:two
        000.0 `Hello`
        000.0 finished `Hello` by b:two
        000.0   trail 1 a:one 0..0 ms auth
        000.0   trail 2 b:two 0..0 ms ok
        000.0 a:one left out: this key was refused before and is left out for now
        000.0 attempt 1 at b:two
        000.0 `Hello`
        000.0 finished `Hello` by b:two
        000.0   trail 0 a:one 0..0 ms auth
        000.0   trail 1 b:two 0..0 ms ok
    "#]]);
}

#[test]
fn a_stream_that_breaks_with_nobody_else_left_is_begun_anew_once() {
    Scene::new("a:one", "Hel 1s cut").config(|_| {}).streams(&expect![[r#"
        000.0 attempt 1 at a:one
        000.0 `Hel`
        001.0 attempt 1 at a:one failed: truncated
        001.0 attempt 2 at a:one
        001.0 restarted at a:one
        001.0 `Hel`
        002.0 attempt 2 at a:one failed: truncated
        002.0 error Truncated: a:one: the reply was cut: its fallbacks failed too: a:one: the reply was cut
        002.0   trail 1 a:one 0..1000 ms truncated
        002.0   trail 2 a:one 1000..2000 ms truncated
    "#]]);
}

#[test]
fn no_wait_passes_the_deadline() {
    Scene::new("a:one", "1s !overloaded").config(|_| {}).deadline(2).completes(&expect![[r#"
        000.0 attempt 1 at a:one
        001.0 attempt 1 at a:one failed: overloaded
        001.0 asks a:one again in 497 ms
        001.5 attempt 2 at a:one
        002.0 attempt 2 at a:one failed: timeout
        002.0 error Timeout { phase: Deadline }: a:one: time ran out before the deadline
        002.0   trail 1 a:one 0..1000 ms overloaded
        002.0   trail 2 a:one 1497..2000 ms timeout
    "#]]);
}

#[test]
fn a_storm_of_failures_is_not_answered_by_a_storm_of_retries() {
    let scene = Scene::new("a:one", "!overloaded").config(|config| {
        config.breaker.consecutive_failures = u32::MAX;
        config.breaker.volume_min = u32::MAX;
        config.throttle = None;
        config.coalesce = crate::Coalescing::Off;
    });
    let provider = scene.provider();
    let (request, context) = (request(), scene.context());
    let calls = play(&scene.clock, async {
        join_all((0..1_000).map(|_| provider.complete(&request, &context))).await
    });
    assert!(calls.iter().all(Result::is_err));
    let sent: usize = scene.calls().iter().map(Vec::len).sum();
    assert!(sent <= 1_130, "{sent} calls");
}
