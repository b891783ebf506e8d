//! A reader who cannot take text back: the reply is gone on from, or ends with its error; it never begins anew.

use async_orchestrator_core::{CompletionRequest, ErrorKind, ReplyFormat, Served, StreamEvent};
use expect_test::expect;
use futures_util::StreamExt;

use super::scene::{Scene, play, request};

#[test]
fn a_model_that_can_goes_on_where_another_one_broke_off() {
    let scene = Scene::new("a:one", "Once upon cut")
        .or("b:cannot", "Anew end")
        .or("c:can", "#continues=yes a time end");
    let scene = scene.never_take_back();
    scene.streams(&expect![[r#"
        000.0 attempt 1 at a:one
        000.0 `Once`
        000.0 `upon`
        000.0 attempt 1 at a:one failed: truncated
        000.0 attempt 2 at c:can
        000.0 `a`
        000.0 `time`
        000.0 finished `Onceuponatime` by c:can
        000.0   trail 1 a:one 0..0 ms truncated
        000.0   trail 2 c:can 0..0 ms ok
    "#]]);
    assert_eq!(scene.last_messages(2), ["Onceupon"]);
    assert!(scene.calls()[1].is_empty(), "who would begin anew is not asked");
}

#[test]
fn the_whole_is_what_the_reader_has_and_says_that_two_wrote_it() {
    let scene = Scene::new("a:one", "Hello cut").or("c:can", "#continues=yes world end").never_take_back();
    play(&scene.clock, async {
        let stream = scene.provider().stream(&request(), &scene.context()).await.unwrap();
        let events: Vec<StreamEvent> = stream.map(Result::unwrap).collect().await;
        let read: String = events
            .iter()
            .filter_map(|event| if let StreamEvent::Delta(text) = event { Some(text.as_str()) } else { None })
            .collect();
        let Some(StreamEvent::Finished(done)) = events.last() else { panic!("{events:?}") };
        assert_eq!((done.text.as_str(), read.as_str()), ("Helloworld", "Helloworld"));
        assert_eq!(done.served, Served::Spliced);
        assert_eq!(done.trail.len(), 2);
        assert!(!events.iter().any(|event| matches!(event, StreamEvent::Restarted { .. })));
    });
}

#[test]
fn where_nobody_can_the_first_failure_comes_back_and_nothing_is_asked() {
    let scene = Scene::new("a:one", "Hello cut").or("b:two", "Anew end").never_take_back();
    scene.streams(&expect![[r#"
        000.0 attempt 1 at a:one
        000.0 `Hello`
        000.0 attempt 1 at a:one failed: truncated
        000.0 error Truncated: a:one: the reply was cut: the reader has the beginning, and no model that is left goes on from it
        000.0   trail 1 a:one 0..0 ms truncated
    "#]]);
    assert!(scene.calls()[1].is_empty());
}

#[test]
fn a_form_that_is_enforced_is_not_gone_on_from() {
    let scene = Scene::new("a:one", "Hello cut").or("c:can", "#continues=yes world end").never_take_back();
    let schema = serde_json::json!({"type": "object"}).into();
    let format = ReplyFormat::JsonSchema { name: "x".to_owned(), schema };
    let asked = CompletionRequest { format, ..request() };
    play(&scene.clock, async {
        let stream = scene.provider().stream(&asked, &scene.context()).await.unwrap();
        let last = stream.collect::<Vec<_>>().await.pop().unwrap().unwrap_err();
        assert_eq!(last.kind(), ErrorKind::Truncated);
    });
    assert!(scene.calls()[1].is_empty());
}

#[test]
fn before_any_text_it_begins_anew_like_any_other() {
    let scene = Scene::new("a:one", "!down").or("b:two", "Anew end").never_take_back();
    scene.streams(&expect![[r#"
        000.0 attempt 1 at a:one
        000.0 attempt 1 at a:one failed: unavailable
        000.0 attempt 2 at b:two
        000.0 `Anew`
        000.0 finished `Anew` by b:two
        000.0   trail 1 a:one 0..0 ms unavailable
        000.0   trail 2 b:two 0..0 ms ok
    "#]]);
}
