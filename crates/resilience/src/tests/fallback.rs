//! Which target is asked next, what the caller hears of it, and what the record keeps.

use async_orchestrator_core::{ErrorKind, Guard, TimeoutPhase};
use expect_test::expect;
use futures_util::StreamExt;

use super::scene::{Scene, play, request};

#[test]
fn targets_are_asked_in_turn_until_one_answers() {
    Scene::new("a:one", "1s !key")
        .or("b:two", "2s | !overloaded")
        .or("c:three", "1s Hello end")
        .or("d:four", "never end")
        .streams(&expect![[r#"
            000.0 attempt 1 at a:one
            001.0 attempt 1 at a:one failed: auth
            001.0 attempt 2 at b:two
            003.0 attempt 2 at b:two failed: overloaded
            003.0 attempt 3 at c:three
            004.0 `Hello`
            004.0 finished `Hello` by c:three
            004.0   trail 1 a:one 0..1000 ms auth
            004.0   trail 2 b:two 1000..3000 ms overloaded
            004.0   trail 3 c:three 3000..4000 ms ok
        "#]]);
    Scene::new("a:one", "1s !key").or("b:two", "2s Hello end").completes(&expect![[r#"
        000.0 attempt 1 at a:one
        001.0 attempt 1 at a:one failed: auth
        001.0 attempt 2 at b:two
        003.0 finished `Hello` by b:two
        003.0   trail 1 a:one 0..1000 ms auth
        003.0   trail 2 b:two 1000..3000 ms ok
    "#]]);
}

#[test]
fn a_stream_that_breaks_is_begun_anew_and_its_reader_is_told() {
    Scene::new("a:one", "Hel 1s cut").or("b:two", "Guten 40s Tag end").or("c:three", "1s Hello end").streams(
        &expect![[r#"
            000.0 attempt 1 at a:one
            000.0 `Hel`
            001.0 attempt 1 at a:one failed: truncated
            001.0 attempt 2 at b:two
            001.0 restarted at b:two
            001.0 `Guten`
            031.0 attempt 2 at b:two failed: timeout
            031.0 attempt 3 at c:three
            032.0 restarted at c:three
            032.0 `Hello`
            032.0 finished `Hello` by c:three
            032.0   trail 1 a:one 0..1000 ms truncated
            032.0   trail 2 b:two 1000..31000 ms timeout
            032.0   trail 3 c:three 31000..32000 ms ok
        "#]],
    );
}

#[test]
fn a_broken_stream_is_closed_before_the_next_target_is_asked() {
    let scene = Scene::new("a:one", "Hel !down").or("b:two", "5s | Hello end");
    play(&scene.clock, async {
        let mut stream = scene.provider().stream(&request(), &scene.context()).await.unwrap();
        assert!(stream.next().await.is_some());
        assert_eq!(scene.running(), 1);
        let mut next = stream.next();
        assert!(futures_util::poll!(&mut next).is_pending());
        assert_eq!((scene.calls().concat().len(), scene.running()), (2, 1), "only the second call is open");
    });
    assert_eq!(scene.running(), 0, "dropping the stream dropped the call");
}

#[test]
fn a_prompt_too_long_goes_only_to_larger_windows() {
    let scene = Scene::new("a:one", "#window=8000 !long")
        .or("b:same", "#window=8000 Hello end")
        .or("c:smaller", "#window=4000 Hello end")
        .or("d:larger", "#window=16000 !long")
        .or("e:middle", "#window=12000 Hello end")
        .or("f:unknown", "Hello end");
    scene.streams(&expect![[r#"
        000.0 attempt 1 at a:one
        000.0 attempt 1 at a:one failed: context_too_long
        000.0 attempt 2 at d:larger
        000.0 attempt 2 at d:larger failed: context_too_long
        000.0 attempt 3 at f:unknown
        000.0 `Hello`
        000.0 finished `Hello` by f:unknown
        000.0   trail 1 a:one 0..0 ms context_too_long
        000.0   trail 2 d:larger 0..0 ms context_too_long
        000.0   trail 3 f:unknown 0..0 ms ok
    "#]]);
    let asked: Vec<usize> = scene.calls().iter().map(Vec::len).collect();
    assert_eq!(asked, [1, 0, 0, 1, 0, 1]);
}

#[test]
fn a_small_window_stays_left_out_when_a_larger_one_fails_otherwise() {
    let scene = Scene::new("a:one", "#window=8000 !long")
        .or("b:larger", "#window=16000 !down")
        .or("c:smaller", "#window=4000 Hello end");
    scene.streams(&expect![[r#"
        000.0 attempt 1 at a:one
        000.0 attempt 1 at a:one failed: context_too_long
        000.0 attempt 2 at b:larger
        000.0 attempt 2 at b:larger failed: unavailable
        000.0 error ContextTooLong: a:one: the prompt does not fit the model's window: its fallbacks failed too: b:larger: the server cannot be reached or failed
        000.0   trail 1 a:one 0..0 ms context_too_long
        000.0   trail 2 b:larger 0..0 ms unavailable
    "#]]);
    assert_eq!(scene.calls().last().map(Vec::len), Some(0));
}

/// Whether the next target is asked after a failure of this kind.
#[test]
fn only_a_caller_who_left_or_whose_time_is_up_stops_the_search() {
    let goes_on = [
        "invalid",
        "key",
        "quota",
        "limited",
        "overloaded",
        "down",
        "truncated",
        "malformed",
        "filtered",
        "long",
        "model",
        "connect",
        "breaker",
        "budget",
    ];
    let stops = ["cancelled", "deadline"];
    for (kind, expected) in goes_on.map(|kind| (kind, 1)).into_iter().chain(stops.map(|kind| (kind, 0))) {
        for opening in ["", "| ", "| text "] {
            let scene = Scene::new("a:one", &format!("{opening}!{kind}")).or("b:two", "Hello end");
            play(&scene.clock, async {
                if let Ok(stream) = scene.provider().stream(&request(), &scene.context()).await {
                    stream.collect::<Vec<_>>().await;
                }
            });
            let asked = scene.calls().last().map(Vec::len);
            assert_eq!(asked, Some(expected), "{opening}{kind}");
        }
    }
}

#[test]
fn when_all_fail_the_first_failure_is_the_cause_and_every_target_is_named() {
    Scene::new("a:one", "1s !overloaded")
        .or("b:two", "1s Hel 2s !invalid")
        .or("c:three", "!key")
        .streams(&expect![[r#"
            000.0 attempt 1 at a:one
            001.0 attempt 1 at a:one failed: overloaded
            001.0 attempt 2 at b:two
            002.0 `Hel`
            004.0 attempt 2 at b:two failed: invalid_request
            004.0 attempt 3 at c:three
            004.0 attempt 3 at c:three failed: auth
            004.0 error Overloaded { retry_after: None }: a:one: the vendor is overloaded: its fallbacks failed too: b:two: the request was refused as invalid; c:three: the key was not accepted
            004.0   trail 1 a:one 0..1000 ms overloaded
            004.0   trail 2 b:two 1000..4000 ms invalid_request
            004.0   trail 3 c:three 4000..4000 ms auth
        "#]]);
    Scene::new("a:one", "1s !overloaded").or("b:two", "!key").completes(&expect![[r#"
        000.0 attempt 1 at a:one
        001.0 attempt 1 at a:one failed: overloaded
        001.0 attempt 2 at b:two
        001.0 attempt 2 at b:two failed: auth
        001.0 error Overloaded { retry_after: None }: a:one: the vendor is overloaded: its fallbacks failed too: b:two: the key was not accepted
        001.0   trail 1 a:one 0..1000 ms overloaded
        001.0   trail 2 b:two 1000..1000 ms auth
    "#]]);
}

/// A refusal before the attempt leaves no trail of its own; it is named all the same.
#[test]
fn a_fallback_refused_by_the_budget_is_named_too() {
    Scene::new("a:one", "#price=1 1s !down")
        .or("b:dear", "#price=1000 Hello end")
        .or("c:three", "#price=1 Hello end")
        .budget(200)
        .streams(&expect![[r#"
            000.0 attempt 1 at a:one
            001.0 attempt 1 at a:one failed: unavailable
            001.0 attempt 2 at c:three
            001.0 `Hello`
            001.0 finished `Hello` by c:three
            001.0   trail 1 a:one 0..1000 ms unavailable
            001.0   trail 2 c:three 1000..1000 ms ok
        "#]]);
}

#[test]
fn nothing_runs_on_after_a_drop_in_any_phase() {
    // Opening at the first target, in its text, opening at the second, in its text.
    let scores =
        [("5s | a end", "b end"), ("a stall", "b end"), ("!down", "5s | b end"), ("a cut", "b stall")];
    for (first, second) in scores {
        let scene = Scene::new("a:one", first).or("b:two", second);
        {
            let (provider, context, request) = (scene.provider(), scene.context(), request());
            let work = async {
                let mut stream = provider.stream(&request, &context).await.unwrap();
                while stream.next().await.is_some() {}
            };
            let mut work = std::pin::pin!(work);
            assert!(poll_once(work.as_mut()).is_pending());
            assert_eq!(scene.running(), 1, "{first} / {second}");
        }
        assert_eq!(scene.running(), 0, "{first} / {second}");
    }
}

fn poll_once<T>(work: std::pin::Pin<&mut impl Future<Output = T>>) -> std::task::Poll<T> {
    work.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

#[test]
fn a_list_shows_the_first_ones_abilities() {
    let scene = Scene::new("a:one", "#window=8000 end").or("b:two", "end");
    assert_eq!(scene.provider().capabilities().context_window, Some(8_000));
}

/// The table of core and the search must not drift apart: this names the kinds that stop it.
#[test]
fn the_kinds_that_stop_a_search_are_cores() {
    for (kind, may) in [
        (ErrorKind::Cancelled, false),
        (ErrorKind::Timeout { phase: TimeoutPhase::Deadline }, false),
        (ErrorKind::Refused { by: Guard::Budget, until: None }, true),
        (ErrorKind::Refused { by: Guard::Queue, until: None }, true),
        (ErrorKind::Timeout { phase: TimeoutPhase::Idle }, true),
    ] {
        assert_eq!(kind.may_fall_back(), may, "{kind}");
    }
}
