//! Answers that serve again, and when they must not.

use std::time::Duration;

use async_orchestrator_core::{CallContext, Completion, CompletionRequest, ProviderError, Reuse, Served};
use expect_test::expect;

use super::scene::{Scene, play, request};
use crate::CacheConfig;

fn scene(score: &str) -> Scene {
    Scene::new("a:one", score).config(|config| {
        config.cache = Some(CacheConfig::default());
        config.retry.attempts_max = 1;
        config.retry.server_error_attempts_max = 1;
    })
}

fn ask(scene: &Scene, request: &CompletionRequest, reuse: Reuse) -> Result<Completion, ProviderError> {
    let context = CallContext { reuse, ..scene.context() };
    play(&scene.clock, scene.provider().complete(request, &context))
}

#[test]
fn a_fresh_answer_serves_only_where_that_is_allowed() {
    let sure = CompletionRequest { temperature: Some(0.0), ..request() };
    for (request, reuse, calls) in [
        (request(), Reuse::WhenDeterministic, 2),
        (request(), Reuse::Allowed, 1),
        (request(), Reuse::Never, 2),
        (sure.clone(), Reuse::WhenDeterministic, 1),
        (sure, Reuse::Never, 2),
    ] {
        let scene = scene("1s Hello end");
        let first = ask(&scene, &request, reuse).unwrap();
        assert_eq!(first.served, Served::Live);
        scene.clock.advance(Duration::from_secs(9));
        let second = ask(&scene, &request, reuse).unwrap();
        assert_eq!(scene.calls()[0].len(), calls, "{reuse:?}");
        if calls == 1 {
            assert_eq!(second.served, Served::Cached { age_ms: 9_000 });
            assert!(second.usage.is_empty() && second.trail.is_empty(), "it cost nothing");
        }
        scene.clock.advance(Duration::from_secs(3_600));
        ask(&scene, &request, reuse).unwrap();
        assert_eq!(scene.calls()[0].len(), calls + 1, "too old");
    }
}

#[test]
fn an_old_answer_is_the_last_resort_and_says_so() {
    let scene = scene("[1: Hello end] !down");
    ask(&scene, &request(), Reuse::WhenDeterministic).unwrap();
    scene.clock.advance(Duration::from_secs(7_200));
    let stale = ask(&scene, &request(), Reuse::WhenDeterministic).unwrap();
    assert_eq!(stale.served, Served::Stale { age_ms: 7_200_000 });
    assert_eq!(stale.trail.len(), 1, "the record shows what was tried");
    assert!(ask(&scene, &request(), Reuse::Never).is_err(), "who wants a sample of its own gets no old one");
    scene.clock.advance(Duration::from_secs(90_000));
    assert!(ask(&scene, &request(), Reuse::WhenDeterministic).is_err(), "too old for that too");
}

#[test]
fn a_reader_who_saw_text_is_told_before_the_old_answer_comes() {
    let scene = scene("[1: Hello world end] Hel cut");
    ask(&scene, &request(), Reuse::WhenDeterministic).unwrap();
    scene.clock.advance(Duration::from_secs(7_200));
    scene.forget_log();
    scene.streams(&expect![[r#"
        7200.0 attempt 1 at a:one
        7200.0 `Hel`
        7200.0 attempt 1 at a:one failed: truncated
        7200.0 restarted at a:one
        7200.0 `Helloworld`
        7200.0 finished `Helloworld` by a:one
        7200.0   trail 1 a:one 7200000..7200000 ms truncated
    "#]]);
}

#[test]
fn the_answer_of_a_fallback_is_kept_under_its_own_name() {
    let scene = Scene::new("a:one", "[1: !down] Hello end").or("b:two", "Hi end").config(|config| {
        config.cache = Some(CacheConfig::default());
        config.retry.server_error_attempts_max = 1;
    });
    assert_eq!(ask(&scene, &request(), Reuse::Allowed).unwrap().text, "Hi");
    let second = ask(&scene, &request(), Reuse::Allowed).unwrap();
    assert_eq!((second.text.as_str(), second.served), ("Hello", Served::Live), "the first model is asked");
}

#[test]
fn what_is_empty_is_never_kept() {
    let scene = scene("end");
    for _ in 0..2 {
        ask(&scene, &request(), Reuse::Allowed).unwrap();
    }
    assert_eq!(scene.calls()[0].len(), 2);
}

#[test]
fn two_seats_on_one_model_stay_two_samples() {
    let scene = scene("Hello end");
    let mut seat = scene.context().seat;
    for number in [1, 2] {
        seat.number = number;
        let context = CallContext { reuse: Reuse::Allowed, seat, ..scene.context() };
        play(&scene.clock, scene.provider().complete(&request(), &context)).unwrap();
    }
    assert_eq!(scene.calls()[0].len(), 2);
}
