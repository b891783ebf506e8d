//! Tests of the provider: replies, streams, refusals.

use std::{future::poll_fn, time::Duration};

use async_orchestrator_core::{Message, Section, StreamEvent};
use serde_json::{Value, json};

use super::*;
use crate::fixture;

fn options() -> EmbeddedOptions {
    EmbeddedOptions::new().jobs(1.try_into().unwrap()).threads(1.try_into().unwrap()).window(512)
}

fn provider(options: &EmbeddedOptions) -> EmbeddedProvider {
    let folder = fixture::folder();
    EmbeddedProvider::load(&fixture::path(&folder), "embedded:tiny".parse().unwrap(), options).unwrap()
}

fn context() -> CallContext {
    let clock = async_orchestrator_core::test_util::ManualClock::new();
    CallContext::detached(async_orchestrator_core::Clock::now(&clock))
}

fn request() -> CompletionRequest {
    let mut request =
        CompletionRequest::new(vec![Message::system("Be brief."), Message::user("Say something.")]);
    request.max_output_tokens = Some(24);
    request.temperature = Some(0.9);
    request
}

async fn events(stream: &mut CompletionStream) -> Vec<StreamEvent> {
    let mut events = Vec::new();
    while let Some(event) = poll_fn(|task| stream.as_mut().poll_next(task)).await {
        events.push(event.unwrap());
    }
    events
}

#[tokio::test]
async fn a_stream_and_a_call_give_the_same_reply() {
    let provider = provider(&options());
    let whole = provider.complete(&request(), &context()).await.unwrap();
    let mut stream = provider.stream(&request(), &context()).await.unwrap();
    let mut events = events(&mut stream).await;
    let Some(StreamEvent::Finished(finished)) = events.pop() else { panic!("no end") };
    assert_eq!(*finished, whole);
    let text: String = events
        .iter()
        .map(|event| match event {
            StreamEvent::Delta(text) => text.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(text, whole.text);
    assert!(whole.usage.input_tokens > 20 && whole.usage.output_tokens <= 24);
    assert_eq!(whole.answered_by.to_string(), "embedded:tiny");
}

#[tokio::test]
async fn every_seat_draws_for_itself_unless_a_seed_is_given() {
    let provider = provider(&options());
    let ask = async |call: &str, seed: Option<u64>| {
        let context = CallContext { call: call.into(), ..context() };
        let request = CompletionRequest { seed, ..request() };
        provider.complete(&request, &context).await.unwrap().text
    };
    assert_eq!(ask("proposer-1/propose", None).await, ask("proposer-1/propose", None).await);
    assert_ne!(ask("proposer-1/propose", None).await, ask("proposer-2/propose", None).await);
    assert_eq!(ask("proposer-1/propose", Some(5)).await, ask("proposer-2/propose", Some(5)).await);
}

#[tokio::test]
async fn the_forms_of_a_reply_are_kept() {
    let provider = provider(&options());
    let mut asked = request();
    asked.format = ReplyFormat::Sections(vec![Section { heading: "Goal".to_owned(), tokens_max: 10 }]);
    assert!(provider.complete(&asked, &context()).await.unwrap().text.starts_with("Goal:"));
    let schema = json!({"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]});
    asked.format = ReplyFormat::JsonSchema { name: "reply".to_owned(), schema: schema.into() };
    let document: Value =
        serde_json::from_str(&provider.complete(&asked, &context()).await.unwrap().text).unwrap();
    assert!(document["ok"].is_boolean());
}

#[tokio::test]
async fn capabilities_tell_what_it_is() {
    let provider = provider(&options());
    let capabilities = provider.capabilities();
    assert_eq!(capabilities.notice.as_deref(), Some("embedded 1M model, demonstration quality"));
    assert_eq!((capabilities.family.as_str(), capabilities.context_window), ("tiny", Some(512)));
    assert_eq!(capabilities.price.as_ref().map(|price| price.output), Some(0));
    assert_eq!(capabilities.prompt_style, PromptStyle::Compact);
    let task = LikelihoodTask {
        question: "Which?".to_owned(),
        candidates: vec!["one".to_owned(), "two".to_owned()],
    };
    let verdict = capabilities.likelihood.as_ref().unwrap().judge(&task, &context()).await.unwrap();
    assert_eq!((verdict.preference.len(), verdict.fit.len()), (2, 2));
    assert!(verdict.usage.input_tokens > 0);
}

#[tokio::test]
async fn failures_have_the_kind_to_act_on() {
    let provider = provider(&options().queue(1));
    let failure =
        async |request: &CompletionRequest| provider.complete(request, &context()).await.unwrap_err();
    let mut bad = request();
    bad.format = ReplyFormat::JsonSchema { name: "bad".to_owned(), schema: json!({"not": {}}).into() };
    let error = failure(&bad).await;
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.detail().is_some_and(|detail| detail.contains("`not`")), "{error}");
    assert_eq!(failure(&CompletionRequest::new(Vec::new())).await.kind(), ErrorKind::Invalid);

    let mut long = request();
    long.max_output_tokens = Some(200);
    long.format = ReplyFormat::Sections(vec![Section { heading: "Long".to_owned(), tokens_max: 180 }]);
    let stalled = provider.stream(&long, &context()).await.unwrap();
    let waiting = provider.start(&request(), &context()).unwrap();
    assert_eq!(failure(&request()).await.kind(), ErrorKind::Refused { by: Guard::Queue, until: None });
    drop((stalled, waiting));
    assert!(provider.complete(&request(), &context()).await.is_ok());
}

#[tokio::test]
async fn a_stream_outlives_its_provider() {
    let provider = provider(&options());
    let mut stream = provider.stream(&request(), &context()).await.unwrap();
    drop(provider);
    assert!(matches!(events(&mut stream).await.last(), Some(StreamEvent::Finished(_))));
}

#[tokio::test]
async fn dropping_everything_in_mid_reply_ends_the_threads() {
    let provider = provider(&options());
    let mut long = request();
    long.format = ReplyFormat::Sections(vec![Section { heading: "Long".to_owned(), tokens_max: 180 }]);
    let stream = provider.stream(&long, &context()).await.unwrap();
    drop(provider);
    let ended = tokio::task::spawn_blocking(move || drop(stream));
    // The last owner joins the threads, which is over in a moment or, if a thread waits for a reader, never.
    #[expect(clippy::disallowed_methods, reason = "the test must end where the drop does not")]
    let outcome = tokio::time::timeout(Duration::from_secs(20), ended).await;
    assert!(outcome.is_ok());
}

#[test]
fn sizes_are_named_as_people_do() {
    for (parameters, expected) in [
        (134_515_008, "embedded 135M model, demonstration quality"),
        (361_821_120, "embedded 362M model, demonstration quality"),
        (999_600_000, "embedded 1B model, demonstration quality"),
        (1_711_376_384, "embedded 1.7B model"),
        (8_030_261_248, "embedded 8B model"),
    ] {
        assert_eq!(notice(parameters), expected);
    }
    assert_eq!(family(Some("Smollm2 135M 8k Lc100K")), "smollm");
    assert_eq!(family(Some("Llama 3.2 1B")), "llama");
    assert_eq!(family(None), "llama");
}

#[test]
fn a_file_that_is_no_model_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let load = || EmbeddedProvider::load(&path, "embedded:tiny".parse().unwrap(), &options()).unwrap_err();
    assert!(matches!(load(), LoadError::Unreadable { .. }));
    std::fs::write(&path, "<html>not found</html>").unwrap();
    let error = load();
    assert!(matches!(error, LoadError::NotGguf { .. }));
    assert!(!error.to_string().contains('\n') && error.to_string().contains("model.gguf"));
}
