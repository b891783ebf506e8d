//! The whole stack: targets that do not stream, and judges.

use std::{sync::Arc, time::Duration};

use async_orchestrator_core::{
    AttemptLimits, AttemptOutcome, CallContext, Capabilities, Cause, Clock, CompletionRequest, Deadline,
    LikelihoodJudge, LikelihoodTask, LikelihoodVerdict, ProviderError, Usage,
    test_util::{ManualClock, ScriptedProvider},
};
use async_trait::async_trait;
use expect_test::expect;

use super::scene::{Scene, play};
use crate::{InvalidTargets, Stack, Target};

#[test]
fn a_target_that_must_not_stream_is_asked_for_the_whole_and_streamed_in_one_piece() {
    let scene = Scene::new("a:one", "70s Hello 40s world end").whole();
    scene.streams(&expect![[r#"
        000.0 attempt 1 at a:one
        110.0 `Helloworld`
        110.0 finished `Helloworld` by a:one
        110.0   trail 1 a:one 0..110000 ms ok
    "#]]);
    assert_eq!(scene.calls(), [["complete"]]);
}

#[test]
fn a_whole_reply_without_text_has_no_piece() {
    Scene::new("a:one", "1s end").whole().streams(&expect![[r#"
        000.0 attempt 1 at a:one
        001.0 finished `` by a:one
        001.0   trail 1 a:one 0..1000 ms ok
    "#]]);
}

#[test]
fn a_whole_target_falls_back_like_any_other() {
    Scene::new("a:one", "130s Hello end").or("b:two", "1s Hello end").whole().streams(&expect![[r#"
        000.0 attempt 1 at a:one
        120.0 attempt 1 at a:one failed: timeout
        120.0 attempt 2 at b:two
        121.0 `Hello`
        121.0 finished `Hello` by b:two
        121.0   trail 1 a:one 0..120000 ms timeout
        121.0   trail 2 b:two 120000..121000 ms ok
    "#]]);
}

#[test]
fn a_stack_needs_a_target() {
    assert_eq!(
        Stack::new(Arc::new(ManualClock::new())).provider(Vec::new()).err(),
        Some(InvalidTargets::None)
    );
}

/// A judge that takes its time.
struct Slow(ManualClock, Duration);

#[async_trait]
impl LikelihoodJudge for Slow {
    async fn judge(
        &self,
        task: &LikelihoodTask,
        _: &CallContext,
    ) -> Result<LikelihoodVerdict, ProviderError> {
        self.0.sleep(self.1).await;
        let shown = task.candidates.len();
        Ok(LikelihoodVerdict {
            preference: vec![vec![0.0; shown]; shown],
            fit: vec![0.0; shown],
            usage: Usage::default(),
            answered_by: "local:judge".parse().unwrap(),
            trail: Vec::new(),
        })
    }
}

/// A judgement of `took` seconds under `limits`, before a deadline.
fn judged(took: u64, limit: u64, deadline: u64) -> Result<LikelihoodVerdict, ProviderError> {
    let clock = ManualClock::new();
    let judge = Slow(clock.clone(), Duration::from_secs(took));
    let capabilities = Capabilities {
        likelihood: Some(Arc::new(judge)),
        ..Capabilities::unknown("local:judge".parse().unwrap())
    };
    let model = Arc::new(ScriptedProvider::new(capabilities, Arc::new(clock.clone()), []));
    let limits = AttemptLimits::within(Duration::from_secs(limit));
    let provider = Stack::new(Arc::new(clock.clone())).provider(vec![Target::local(model, limits)]).unwrap();
    let context =
        CallContext::detached(clock.now()).until(Deadline::after(clock.now(), Duration::from_secs(deadline)));
    let task = LikelihoodTask { question: "?".into(), candidates: vec!["a".into(), "b".into()] };
    let judge = provider.capabilities().likelihood.clone().unwrap();
    play(&clock, judge.judge(&task, &context))
}

#[test]
fn a_judgement_is_limited_and_recorded_like_any_attempt() {
    let verdict = judged(9, 10, 60).unwrap();
    let attempt = verdict.trail.first().unwrap();
    assert_eq!((attempt.ended_ms, attempt.outcome), (Some(9_000), AttemptOutcome::OK));

    for (limit, deadline, ended, phase) in [(10, 60, 10_000, "answering"), (10, 4, 4_000, "deadline")] {
        let error = judged(11, limit, deadline).unwrap_err();
        let attempt = error.trail().first().unwrap();
        assert_eq!(
            (attempt.ended_ms, attempt.outcome),
            (Some(ended), AttemptOutcome::Failed(Cause::Timeout))
        );
        assert!(error.to_string().contains(phase), "{error}");
    }
}

#[test]
fn a_request_is_handed_down_as_it_is() {
    let clock = ManualClock::new();
    let target = Capabilities::unknown("a:one".parse().unwrap());
    let model = Arc::new(ScriptedProvider::answering(target, Arc::new(clock.clone()), |_, _| {
        async_orchestrator_core::test_util::Script::answer("Hello")
    }));
    let provider = Stack::new(Arc::new(clock.clone())).provider(vec![Target::remote(model.clone())]).unwrap();
    let request = CompletionRequest { temperature: Some(0.3), seed: Some(4), ..super::scene::request() };
    play(&clock, provider.complete(&request, &CallContext::detached(clock.now()))).unwrap();
    assert_eq!(model.requests(), [request]);
}
