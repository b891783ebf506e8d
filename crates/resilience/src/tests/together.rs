//! Several processes with one state: what one found holds for the others.

use std::{num::NonZeroU64, sync::Arc, time::Duration};

use async_orchestrator_core::{
    CallContext, Charge, Clock, Completion, ErrorKind, Guard, HealthNote, HealthSubject, KeptAnswer,
    MicroUsd, ProviderError, PurseId, Reuse, Served, SharedState, StoreError, UseNote, WriterId,
    test_util::ManualClock,
};
use async_trait::async_trait;
use expect_test::expect;

use super::scene::{Scene, play, request};
use crate::{CacheConfig, InProcessState, PeriodBudgets, TargetLimits};

struct World {
    clock: ManualClock,
    state: Arc<dyn SharedState>,
}

impl World {
    fn new() -> Self {
        Self { clock: ManualClock::new(), state: Arc::new(InProcessState::new()) }
    }

    /// The next process.
    fn process(&self, name: &str, score: &str) -> Scene {
        Scene::sharing(&self.clock, &self.state, name, score)
    }
}

fn ask(scene: &Scene) -> Result<Completion, ProviderError> {
    let context = CallContext { reuse: Reuse::Allowed, ..scene.context() };
    play(&scene.clock, scene.provider().complete(&request(), &context))
}

#[test]
fn a_key_that_one_found_dead_is_left_out_by_the_next() {
    let world = World::new();
    let process = || world.process("a:one", "!key").or("b:two", "Hello end").config(|_| {});
    ask(&process()).unwrap();
    world.clock.advance(Duration::from_secs(60));
    let second = process();
    second.completes(&expect![[r#"
        000.0 a:one left out: this key was refused before and is left out for now
        000.0 attempt 1 at b:two
        000.0 finished `Hello` by b:two
        000.0   trail 0 a:one 0..0 ms auth
        000.0   trail 1 b:two 0..0 ms ok
    "#]]);
    assert!(second.calls()[0].is_empty(), "it was not asked again");
    world.clock.advance(Duration::from_secs(600));
    let third = process();
    ask(&third).unwrap();
    assert_eq!(third.calls()[0].len(), 1, "after ten minutes it is tried again");
}

#[test]
fn a_breaker_that_one_tripped_is_open_for_the_next_until_its_probe_is_good() {
    let world = World::new();
    let process =
        |score| world.process("a:one", score).config(|config| config.breaker.consecutive_failures = 1);
    assert!(ask(&process("!down")).is_err());
    let second = process("Hello end");
    let refused = ask(&second).unwrap_err().kind();
    assert!(matches!(refused, ErrorKind::Refused { by: Guard::Breaker, .. }), "{refused:?}");
    world.clock.advance(Duration::from_secs(6));
    ask(&second).unwrap();
    let third = process("Hello end");
    ask(&third).unwrap();
}

#[test]
fn a_wish_to_wait_and_a_recovery_reach_others_within_a_second() {
    let world = World::new();
    let process = |score| {
        world.process("a:one", score).config(|config| {
            config.retry.attempts_max = 1;
            config.retry.server_error_attempts_max = 1;
            config.breaker.consecutive_failures = 1;
        })
    };
    let other = process("Hello end");
    ask(&other).unwrap();
    assert!(ask(&process("!limited9")).is_err());
    world.clock.advance(Duration::from_millis(1_001));
    let waited = ask(&other).unwrap();
    let (refusal, attempt) = (&waited.trail[0], &waited.trail[1]);
    assert_eq!((refusal.n, refusal.why.as_str()), (0, "the vendor asked to wait"));
    assert_eq!((attempt.n, attempt.started_ms), (1, 9_000));
}

#[test]
fn tokens_that_one_used_are_missing_to_the_next() {
    let world = World::new();
    let process = || {
        let limits = TargetLimits { tokens_per_minute: NonZeroU64::new(120), ..TargetLimits::default() };
        world.process("a:one", "Hello end").config(|_| {}).traffic(limits).deadline(5)
    };
    // Nine and a hundred are reserved, fifteen are used: seven such calls fit, the eighth does not.
    ask(&process()).unwrap();
    let second = process();
    let refused = ask(&second).unwrap_err().kind();
    assert!(matches!(refused, ErrorKind::Refused { by: Guard::Limit, .. }), "{refused:?}");
    world.clock.advance(Duration::from_secs(62));
    ask(&process()).unwrap();
}

#[test]
fn a_budget_of_a_day_holds_for_all_and_is_filled_anew_at_midnight() {
    let world = World::new();
    let process = || {
        world.process("a:one", "#price=1 Hello end").config(|config| {
            config.budgets = PeriodBudgets { usd_per_day: Some(MicroUsd(130)), ..PeriodBudgets::default() };
        })
    };
    // 109 are charged and 15 stay: two calls fit, at the third only 100 are left.
    ask(&process()).unwrap();
    ask(&process()).unwrap();
    let error = ask(&process()).unwrap_err();
    let ErrorKind::Refused { by: Guard::Budget, until: Some(until) } = error.kind() else {
        panic!("{error}")
    };
    expect!["a:one: the budget does not cover the call: budget.usd_per_day is $0.000130, $0.000100 of it are left, and the call may take $0.000109"]
        .assert_eq(&error.to_string());
    world.clock.advance(until - world.clock.now());
    ask(&process()).unwrap();
}

#[test]
fn a_budget_of_tokens_holds_without_any_price() {
    let world = World::new();
    let scene = world.process("a:one", "Hello end").config(|config| {
        config.budgets = PeriodBudgets { tokens_per_month: Some(120), ..PeriodBudgets::default() };
    });
    ask(&scene).unwrap();
    let error = ask(&scene).unwrap_err();
    assert_eq!(error.kind().cause().to_string(), "budget", "{error}");
}

#[test]
fn an_answer_that_one_kept_serves_the_next_and_goes_stale_there() {
    let world = World::new();
    let process = |score| {
        world.process("a:one", score).config(|config| {
            config.cache = Some(CacheConfig::default());
            config.retry.attempts_max = 1;
            config.retry.server_error_attempts_max = 1;
        })
    };
    ask(&process("Hello end")).unwrap();
    world.clock.advance(Duration::from_secs(60));
    let second = ask(&process("!down")).unwrap();
    assert_eq!((second.text.as_str(), second.served), ("Hello", Served::Cached { age_ms: 60_000 }));
    world.clock.advance(Duration::from_secs(7_200));
    let third = ask(&process("!down")).unwrap();
    assert_eq!((third.text.as_str(), third.served), ("Hello", Served::Stale { age_ms: 7_260_000 }));
    assert_eq!(third.trail.len(), 1, "the record shows what was tried");
}

/// A state behind a disk that is gone, or a database that never answers.
#[derive(Debug)]
enum Broken {
    Failing,
    Silent,
}

impl Broken {
    async fn read<T>(&self) -> Result<T, StoreError> {
        match self {
            Self::Failing => Err(StoreError::new("the disk is gone", None)),
            Self::Silent => std::future::pending().await,
        }
    }
}

#[async_trait]
impl SharedState for Broken {
    async fn health(&self, _: u64) -> Result<Vec<HealthNote>, StoreError> {
        self.read().await
    }
    fn leave_out(&self, _: HealthNote) {}
    fn recovered(&self, _: HealthSubject) {}
    async fn used_by_others(&self, _: WriterId, _: u64) -> Result<Vec<UseNote>, StoreError> {
        self.read().await
    }
    fn used(&self, _: WriterId, _: UseNote) {}
    async fn charge(&self, _: &PurseId, _: u64, _: u64) -> Result<Charge, StoreError> {
        self.read().await
    }
    fn correct(&self, _: &PurseId, _: i64) {}
    async fn answer(&self, _: [u8; 32]) -> Result<Option<KeptAnswer>, StoreError> {
        self.read().await
    }
    fn keep_answer(&self, _: [u8; 32], _: KeptAnswer, _: u64) {}
    async fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[test]
fn a_broken_state_costs_a_quarter_of_a_second_at_most_and_says_so() {
    for (state, expected) in [
        (
            Broken::Failing,
            expect![[r#"
            000.0 SharedStateFailed { why: "the disk is gone" }
            000.0 attempt 1 at a:one
            000.0 finished `Hello` by a:one
            000.0   trail 1 a:one 0..0 ms ok
        "#]],
        ),
        (
            Broken::Silent,
            expect![[r#"
            000.2 SharedStateFailed { why: "the shared state did not answer within 250ms" }
            000.2 attempt 1 at a:one
            000.2 finished `Hello` by a:one
            000.2   trail 1 a:one 250..250 ms ok
        "#]],
        ),
    ] {
        let state: Arc<dyn SharedState> = Arc::new(state);
        Scene::sharing(&ManualClock::new(), &state, "a:one", "Hello end").config(|_| {}).completes(&expected);
    }
}

#[test]
fn money_is_not_spent_where_it_cannot_be_counted() {
    let state: Arc<dyn SharedState> = Arc::new(Broken::Failing);
    let scene = Scene::sharing(&ManualClock::new(), &state, "a:one", "#price=1 Hello end").config(|config| {
        config.budgets = PeriodBudgets { usd_per_day: Some(MicroUsd(1_000)), ..PeriodBudgets::default() };
    });
    let error = ask(&scene).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused { by: Guard::Budget, until: None });
    assert!(error.to_string().contains("the disk is gone"), "{error}");
    assert!(scene.calls()[0].is_empty());
}
