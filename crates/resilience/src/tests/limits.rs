//! Limits in time, to the millisecond, and what a caller and the record get when one is reached.

use std::time::Duration;

use async_orchestrator_core::{Clock, StreamEvent};
use expect_test::expect;
use futures_util::StreamExt;
use proptest::prelude::*;

use super::scene::{Scene, play, request};
use crate::TokioClock;

#[test]
fn a_stream_inside_its_limits_passes_through() {
    Scene::new("a:one", "59s | 0.9s Hello 29s world 29s end").streams(&expect![[r#"
        000.0 attempt 1 at a:one
        059.9 `Hello`
        088.9 `world`
        117.9 finished `Helloworld` by a:one
        117.9   trail 1 a:one 0..117900 ms ok
    "#]]);
}

#[test]
fn the_first_token_is_awaited_from_the_start_of_the_attempt() {
    Scene::new("a:one", "40s | 20s late end").streams(&expect![[r#"
        000.0 attempt 1 at a:one
        060.0 `late`
        060.0 finished `late` by a:one
        060.0   trail 1 a:one 0..60000 ms ok
    "#]]);
    Scene::new("a:one", "60s | late end").streams(&expect![[r#"
        000.0 attempt 1 at a:one
        060.0 `late`
        060.0 finished `late` by a:one
        060.0   trail 1 a:one 0..60000 ms ok
    "#]]);
}

#[test]
fn the_idle_limit_runs_anew_with_each_piece() {
    Scene::new("a:one", "1s Hello 29s dear 30s world end").streams(&expect![[r#"
        000.0 attempt 1 at a:one
        001.0 `Hello`
        030.0 `dear`
        060.0 `world`
        060.0 finished `Hellodearworld` by a:one
        060.0   trail 1 a:one 0..60000 ms ok
    "#]]);
}

#[test]
fn a_first_piece_sets_the_idle_limit_even_if_the_first_token_limit_is_far() {
    Scene::new("a:one", "Hello stall").limits(500, 400, 2).streams(&expect![[r#"
        000.0 attempt 1 at a:one
        000.0 `Hello`
        002.0 attempt 1 at a:one failed: timeout
        002.0 error Timeout { phase: Idle }: a:one: time ran out waiting between tokens
        002.0   trail 1 a:one 0..2000 ms timeout
    "#]]);
}

#[test]
fn a_trickle_ends_at_the_total_limit() {
    Scene::new("a:one", "a 9s b 9s c 9s d 9s end").limits(20, 10, 10).streams(&expect![[r#"
        000.0 attempt 1 at a:one
        000.0 `a`
        009.0 `b`
        018.0 `c`
        020.0 attempt 1 at a:one failed: timeout
        020.0 error Timeout { phase: Total }: a:one: time ran out answering
        020.0   trail 1 a:one 0..20000 ms timeout
    "#]]);
}

#[test]
fn the_deadline_wins_over_a_later_limit_and_says_so() {
    Scene::new("a:one", "stall").deadline(5).streams(&expect![[r#"
        000.0 attempt 1 at a:one
        005.0 attempt 1 at a:one failed: timeout
        005.0 error Timeout { phase: Deadline }: a:one: time ran out before the deadline
        005.0   trail 1 a:one 0..5000 ms timeout
    "#]]);
    Scene::new("a:one", "a 4s b stall").deadline(5).streams(&expect![[r#"
        000.0 attempt 1 at a:one
        000.0 `a`
        004.0 `b`
        005.0 attempt 1 at a:one failed: timeout
        005.0 error Timeout { phase: Deadline }: a:one: time ran out before the deadline
        005.0   trail 1 a:one 0..5000 ms timeout
    "#]]);
    Scene::new("a:one", "stall").deadline(5).completes(&expect![[r#"
        000.0 attempt 1 at a:one
        005.0 attempt 1 at a:one failed: timeout
        005.0 error Timeout { phase: Deadline }: a:one: time ran out before the deadline
        005.0   trail 1 a:one 0..5000 ms timeout
    "#]]);
}

#[test]
fn a_whole_call_has_the_total_limit_alone() {
    Scene::new("a:one", "70s | 40s Hello 9s end").completes(&expect![[r#"
        000.0 attempt 1 at a:one
        119.0 finished `Hello` by a:one
        119.0   trail 1 a:one 0..119000 ms ok
    "#]]);
    Scene::new("a:one", "70s | 40s Hello 10s end").completes(&expect![[r#"
        000.0 attempt 1 at a:one
        120.0 finished `Hello` by a:one
        120.0   trail 1 a:one 0..120000 ms ok
    "#]]);
}

#[test]
fn the_limits_of_a_local_model_are_its_own() {
    Scene::new("a:one", "10s Hello end").limits(5, 5, 5).local(20, 20, 20).streams(&expect![[r#"
        000.0 attempt 1 at a:one
        010.0 `Hello`
        010.0 finished `Hello` by a:one
        010.0   trail 1 a:one 0..10000 ms ok
    "#]]);
}

#[test]
fn a_stream_without_its_terminal_event_is_truncated_never_a_short_success() {
    Scene::new("a:one", "Hello 1s cut").streams(&expect![[r#"
        000.0 attempt 1 at a:one
        000.0 `Hello`
        001.0 attempt 1 at a:one failed: truncated
        001.0 error Truncated: a:one: the reply was cut
        001.0   trail 1 a:one 0..1000 ms truncated
    "#]]);
    Scene::new("a:one", "cut").streams(&expect![[r#"
        000.0 attempt 1 at a:one
        000.0 attempt 1 at a:one failed: truncated
        000.0 error Truncated: a:one: the reply was cut
        000.0   trail 1 a:one 0..0 ms truncated
    "#]]);
}

#[test]
fn a_late_call_is_turned_away_before_it_costs_anything() {
    let scene = Scene::new("a:one", "Hello end").or("b:two", "Hello end").deadline(0);
    scene.streams(&expect![[r#"
        000.0 error Timeout { phase: Deadline }: a:one: time ran out before the deadline: no time was left to begin the call
    "#]]);
    assert!(scene.calls().iter().all(Vec::is_empty));
}

#[test]
fn a_fallback_for_which_no_time_is_left_does_not_begin() {
    let scene = Scene::new("a:one", "5s !down").or("b:two", "Hello end").deadline(5);
    scene.streams(&expect![[r#"
        000.0 attempt 1 at a:one
        005.0 attempt 1 at a:one failed: unavailable
        005.0 error Unavailable: a:one: the server cannot be reached or failed: its fallbacks failed too: b:two: time ran out before the deadline: no time was left to begin the call
        005.0   trail 1 a:one 0..5000 ms unavailable
    "#]]);
    assert_eq!(scene.calls().last().map(Vec::len), Some(0));
}

/// A stream that always has a next piece is polled without a pause, so its timer never gets a word in.
#[test]
fn a_stream_that_never_pauses_ends_at_its_deadline_too() {
    let scene = Scene::new("a:one", &"word ".repeat(1_000)).deadline(5);
    let pieces = play(&scene.clock, async {
        let mut stream = scene.provider().stream(&request(), &scene.context()).await.unwrap();
        let mut pieces = 0;
        while let Some(Ok(StreamEvent::Delta(_))) = stream.next().await {
            pieces += 1;
            scene.clock.advance(Duration::from_secs(1));
        }
        pieces
    });
    assert_eq!(pieces, 5);
}

#[test]
fn the_real_clock_needs_a_runtime_only_to_wait() {
    drop(TokioClock.sleep(Duration::from_secs(1)));
    drop(TokioClock.sleep(Duration::MAX));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let before = TokioClock.now();
    runtime.block_on(TokioClock.sleep(Duration::ZERO));
    assert!(TokioClock.now() >= before);
}

proptest! {
    /// Whatever the rhythm, a stream fails exactly when the first of its limits is reached and not a millisecond later.
    #[test]
    fn a_rhythm_is_judged_to_the_second(waits in prop::collection::vec(0u64..12, 1..8), total in 1u64..40, first in 1u64..12, idle in 1u64..12) {
        let score: Vec<String> = waits.iter().map(|wait| format!("{wait}s x")).collect();
        let scene = Scene::new("a:one", &format!("{} end", score.join(" "))).limits(total, first, idle);
        let (passed, finished) = play(&scene.clock, async {
            let start = scene.clock.now();
            let mut finished = false;
            if let Ok(mut stream) = scene.provider().stream(&request(), &scene.context()).await {
                while let Some(event) = stream.next().await {
                    finished = matches!(event, Ok(StreamEvent::Finished(_)));
                }
            }
            ((scene.clock.now() - start).as_secs(), finished)
        });
        prop_assert_eq!((passed, finished), model(&waits, total, first, idle));
        prop_assert_eq!(scene.running(), 0);
    }
}

/// The limits as a person would reckon them: a piece that comes with the end of a wait counts, one at the end of the whole does not.
fn model(waits: &[u64], total: u64, first: u64, idle: u64) -> (u64, bool) {
    let mut now = 0;
    for (at, wait) in waits.iter().enumerate() {
        let limit = if at == 0 { first } else { now + idle };
        let next = now + wait;
        if next > limit.min(total) || next >= total {
            return (limit.min(total), false);
        }
        now = next;
    }
    (now, true)
}
