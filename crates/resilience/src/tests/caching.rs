//! Answers that serve again, and when they must not.

use std::{sync::Arc, time::Duration};

use async_orchestrator_core::{
    CallContext, Completion, CompletionRequest, ProviderError, Reuse, Served, StreamEvent,
};
use expect_test::expect;
use futures_util::StreamExt;

use super::scene::{Scene, play, request};
use crate::{CacheConfig, cache::AnswerCache};

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

#[test]
fn a_stream_that_broke_before_any_text_is_the_old_answer_from_its_first_piece() {
    let scene = scene("[1: Hello world end] cut");
    ask(&scene, &request(), Reuse::WhenDeterministic).unwrap();
    scene.clock.advance(Duration::from_secs(7_200));
    scene.forget_log();
    scene.streams(&expect![[r#"
        7200.0 attempt 1 at a:one
        7200.0 attempt 1 at a:one failed: truncated
        7200.0 `Helloworld`
        7200.0 finished `Helloworld` by a:one
        7200.0   trail 1 a:one 7200000..7200000 ms truncated
    "#]]);
}

#[test]
fn a_streamed_answer_serves_whole_and_streamed_calls() {
    let scene = scene("Hello 1s world end");
    let sure = CompletionRequest { seed: Some(7), ..request() };
    let streamed = || {
        let provider = scene.provider();
        let context = scene.context();
        play(&scene.clock, async {
            provider.stream(&sure, &context).await.unwrap().collect::<Vec<_>>().await
        })
    };
    assert_eq!(streamed().len(), 3);
    assert_eq!(ask(&scene, &sure, Reuse::WhenDeterministic).unwrap().text, "Helloworld");
    let again = streamed();
    assert_eq!(again.len(), 2, "one piece and the end");
    let Some(Ok(StreamEvent::Finished(end))) = again.last() else { panic!("{again:?}") };
    assert_eq!(end.served, Served::Cached { age_ms: 0 });
    assert_eq!(scene.calls()[0].len(), 1);
}

#[test]
fn only_failures_that_an_old_answer_cures_bring_it_back() {
    let cured =
        ["key", "quota", "limited", "overloaded", "down", "truncated", "malformed", "model", "connect"];
    let local = ["deadline", "breaker", "budget"];
    let never = ["invalid", "filtered", "long", "cancelled"];
    for (kinds, serves) in [(&cured[..], true), (&local, true), (&never, false)] {
        for kind in kinds {
            let scene = scene(&format!("[1: Hello end] !{kind}")).config(|config| {
                config.cache = Some(CacheConfig::default());
                config.retry.attempts_max = 1;
                config.retry.server_error_attempts_max = 1;
                config.retry.wait_max = Duration::from_secs(1);
            });
            ask(&scene, &request(), Reuse::WhenDeterministic).unwrap();
            let second = ask(&scene, &request(), Reuse::WhenDeterministic);
            assert_eq!(second.is_ok(), serves, "{kind}: {second:?}");
        }
    }
}

#[test]
fn the_answers_stay_inside_their_bytes_at_every_moment() {
    let scene = Scene::new("a:one", "Hello end");
    let clock = Arc::new(scene.clock.clone());
    let bytes_max: usize = 64 << 10;
    let cache = AnswerCache::new(
        CacheConfig { bytes_max: bytes_max as u64, ..CacheConfig::default() },
        clock,
        None,
        String::new(),
    );
    let answer = play(&scene.clock, scene.provider().complete(&request(), &scene.context())).unwrap();
    for seed in 0..100 {
        let request = CompletionRequest { seed: Some(seed), ..request() };
        // The last one alone is more than fits.
        let size = if seed == 99 { 80 << 10 } else { 20 << 10 };
        let long = Completion { text: "x".repeat(size), ..answer.clone() };
        cache.put(&request, &scene.context(), &long);
        assert!(cache.bytes() <= bytes_max, "{} bytes after answer {seed}", cache.bytes());
    }
}
