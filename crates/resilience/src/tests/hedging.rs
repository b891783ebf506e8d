//! A second call beside a slow one.

use std::time::Duration;

use async_orchestrator_core::{AttemptOutcome, Cause, Clock};
use expect_test::expect;

use super::scene::{Scene, play, request};

/// A scene whose first target has answered often enough to be hedged.
fn warm(first: &str, second: Option<&str>) -> Scene {
    let scene = Scene::new("a:one", first).config(|config| config.coalesce = crate::Coalescing::Off);
    let scene = match second {
        Some(score) => scene.beside("b:two", score),
        None => scene,
    };
    let provider = scene.provider();
    play(&scene.clock, async {
        for _ in 0..24 {
            provider.complete(&request(), &scene.context()).await.expect("an answer");
        }
    });
    scene.forget_log();
    scene
}

#[test]
fn the_second_call_goes_to_the_next_target_of_the_tier_and_the_first_one_is_cancelled() {
    // 24 times 0.1 s, then a stall.
    let scene = warm("[24: 0.1s Hello end] stall", Some("0.2s Hi end"));
    scene.completes(&expect![[r#"
        002.4 attempt 1 at a:one
        002.5 asks b:two too after 128 ms
        002.5 attempt 2 at b:two
        002.7 finished `Hi` by b:two
        002.7   trail 1 a:one 2400..2728 ms cancelled
        002.7   trail 2 b:two 2528..2728 ms ok
    "#]]);
    assert_eq!(scene.running(), 0);
}

#[test]
fn alone_in_its_tier_a_target_gets_the_second_call_itself() {
    let scene = warm("[24: 0.1s Hello end] [1: stall] 0.1s Hello end", None);
    let completion = play(&scene.clock, scene.provider().complete(&request(), &scene.context())).unwrap();
    let lost = &completion.trail[0];
    assert_eq!((lost.n, lost.outcome), (1, AttemptOutcome::Failed(Cause::Cancelled)));
    assert_eq!(completion.trail[1].outcome, AttemptOutcome::OK);
}

#[test]
fn a_hedge_that_fails_changes_nothing() {
    let scene = warm("[24: 0.1s Hello end] 3s Hello end", Some("!invalid"));
    scene.completes(&expect![[r#"
        002.4 attempt 1 at a:one
        002.5 asks b:two too after 128 ms
        002.5 attempt 2 at b:two
        002.5 attempt 2 at b:two failed: invalid_request
        005.4 finished `Hello` by a:one
        005.4   trail 1 a:one 2400..5400 ms ok
        005.4   trail 2 b:two 2528..2528 ms invalid_request
    "#]]);
}

#[test]
fn time_in_the_queue_is_no_silence_of_the_model() {
    let scene = warm("0.1s Hello end", None);
    let calls_before = scene.calls()[0].len();
    let provider = scene.provider();
    let start = scene.clock.now();
    play(&scene.clock, async {
        let (request, context) = (request(), scene.context());
        // 64 places: a thousand calls wait far longer in line than any of them takes.
        let all = (0..1_000).map(|_| provider.complete(&request, &context));
        for outcome in futures_util::future::join_all(all).await {
            outcome.expect("an answer");
        }
    });
    assert!(scene.clock.now() - start > Duration::from_secs(1));
    assert_eq!(scene.calls()[0].len() - calls_before, 1_000, "nothing was hedged");
}
