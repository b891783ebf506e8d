//! The run's purse: reserved before a call, settled after it, refunded where nothing was bought.

use async_orchestrator_core::{Cause, Clock, ErrorKind, Guard, MicroUsd, ProviderError, Spending};
use expect_test::expect;
use futures_util::StreamExt;

use super::scene::{Scene, play, request};

fn money(micros: u64) -> Spending {
    Spending { cost: MicroUsd(micros), tokens: 0 }
}

/// What the purse holds as settled, and whether all of the rest is free again.
#[track_caller]
fn check(scene: &Scene, settled: u64) {
    assert_eq!(scene.ledger.settled().cost, MicroUsd(settled));
    if let Some(ceiling) = scene.ledger.ceilings().cost {
        assert!(scene.ledger.reserve(money(ceiling.0 - settled)).is_ok(), "something is still reserved");
    }
}

fn drain(scene: &Scene) -> Vec<Option<ErrorKind>> {
    play(&scene.clock, async {
        match scene.provider().stream(&request(), &scene.context()).await {
            Ok(stream) => stream.map(|event| event.err().map(|error| error.kind())).collect().await,
            Err(error) => vec![Some(error.kind())],
        }
    })
}

#[test]
fn a_call_settles_what_the_vendor_reports() {
    // Ten tokens in and five out at a micro-dollar each; reserved were nine and a hundred.
    let scene = Scene::new("a:one", "#price=1 Hello end").budget(110);
    drain(&scene);
    check(&scene, 15);
    let scene = Scene::new("a:one", "#price=1 Hello end").budget(110);
    play(&scene.clock, scene.provider().complete(&request(), &scene.context())).unwrap();
    check(&scene, 15);
}

#[test]
fn a_run_without_a_ceiling_counts_too() {
    let scene = Scene::new("a:one", "#price=2 Hello end");
    drain(&scene);
    check(&scene, 30);
}

#[test]
fn a_call_that_may_cost_more_than_is_left_is_not_made() {
    let scene = Scene::new("a:one", "#price=1 Hello end").budget(108);
    scene.streams(&expect![[r#"
        000.0 error Refused { by: Budget, until: None }: a:one: the budget does not cover the call: the budget of $0.000108 has $0.000108 left and the call may cost $0.000109
    "#]]);
    assert!(scene.calls().concat().is_empty());
    check(&scene, 0);
}

#[test]
fn a_call_at_an_unknown_price_is_made_only_without_a_budget() {
    let scene = Scene::new("a:one", "Hello end").budget(1_000_000);
    scene.streams(&expect![[r#"
        000.0 error Refused { by: Budget, until: None }: a:one: the budget does not cover the call: its price is unknown, and a budget is set
    "#]]);
    assert!(scene.calls().concat().is_empty());
    let scene = Scene::new("a:one", "Hello end");
    assert_eq!(drain(&scene), [None, None]);
}

#[test]
fn a_call_that_failed_before_its_stream_is_refunded() {
    let scene = Scene::new("a:one", "#price=1 2s !down |").budget(200);
    drain(&scene);
    check(&scene, 0);
    let scene = Scene::new("a:one", "#price=1 !down").budget(200);
    assert!(play(&scene.clock, scene.provider().complete(&request(), &scene.context())).is_err());
    check(&scene, 0);
}

#[test]
fn a_call_that_was_read_and_not_answered_settles_its_prompt() {
    let scene = Scene::new("a:one", "#price=1 61s | Hello end").budget(200);
    drain(&scene);
    check(&scene, 9);
    let scene = Scene::new("a:one", "#price=1 61s Hello end").budget(200);
    let gone = play(&scene.clock, async {
        let (provider, request, context) = (scene.provider(), request(), scene.context());
        let call = provider.complete(&request, &context);
        let left = scene.clock.sleep(std::time::Duration::from_secs(1));
        matches!(futures_util::future::select(call, left).await, futures_util::future::Either::Right(_))
    });
    assert!(gone);
    check(&scene, 9);
}

#[test]
fn a_broken_or_dropped_stream_settles_what_it_had_used() {
    // Nine tokens in by estimate, eight letters out are two tokens.
    let scene = Scene::new("a:one", "#price=1 Hallo Tag cut").budget(200);
    drain(&scene);
    check(&scene, 9 + 2);

    let scene = Scene::new("a:one", "#price=1 Hallo Tag stall").budget(200);
    play(&scene.clock, async {
        let mut stream = scene.provider().stream(&request(), &scene.context()).await.unwrap();
        stream.next().await;
        stream.next().await;
        assert!(scene.ledger.reserve(money(92)).is_err(), "the whole estimate is still set aside");
    });
    check(&scene, 9 + 2);
}

#[test]
fn each_attempt_pays_for_itself() {
    let scene = Scene::new("a:one", "#price=1 Hallo cut").or("b:two", "#price=10 Hello end").budget(1_200);
    drain(&scene);
    check(&scene, 9 + 2 + 150);
}

#[test]
fn concurrent_calls_cannot_overshoot_together() {
    let scene = Scene::new("a:one", "#price=1 1s Hello end").budget(250);
    let (provider, context, request) = (scene.provider(), scene.context(), request());
    let call = || provider.complete(&request, &context);
    let outcomes =
        play(&scene.clock, futures_util::future::join_all([call(), call(), call(), call(), call()]));
    let refused = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).map(ProviderError::kind);
    let expected = ErrorKind::Refused { by: Guard::Budget, until: None };
    assert_eq!(refused.collect::<Vec<_>>(), [expected; 3]);
    assert_eq!(expected.cause(), Cause::Budget);
    check(&scene, 30);
}
