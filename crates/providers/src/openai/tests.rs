//! The Chat Completions provider against byte-exact replies.

mod form;

use async_orchestrator_core::{FinishReason, StreamEvent, Usage, UsageSource};
use futures_util::StreamExt;
use serde_json::json;

use super::*;
use crate::test_server::{
    STREAM_HEAD, Server, Step, answer, context, drain, json_reply, kind, question, reply, stream_reply,
    transport, within,
};

const KEY: &str = "sk-proj-Xk29fQpLz81mVb";
const GOOD: &str = r#"{"id":"chatcmpl-1","choices":[{"index":0,"message":{"role":"assistant","content":"The Rhine.","refusal":null},"finish_reason":"stop"}],
"usage":{"prompt_tokens":20,"completion_tokens":5,"total_tokens":25,"prompt_tokens_details":{"cached_tokens":8,"cache_write_tokens":2},"completion_tokens_details":{"reasoning_tokens":3}}}"#;

fn provider_of(server: &Server, model: &str, change: impl FnOnce(&mut OpenAiConfig)) -> OpenAiProvider {
    let mut config = OpenAiConfig::official(KEY.to_owned().into());
    config.base_url = server.url("/v1");
    change(&mut config);
    OpenAiProvider::new(transport().0, &config, model, &Catalogue::builtin()).unwrap()
}

fn provider(server: &Server) -> OpenAiProvider {
    provider_of(server, "gpt-4o", |_| {})
}

async fn complete(server: &Server) -> Result<Completion, ProviderError> {
    within(provider(server).complete(&question(), &context())).await
}

async fn stream(server: &Server) -> (String, Result<String, ProviderError>) {
    drain(within(provider(server).stream(&question(), &context())).await).await
}

fn chunk(fields: &str) -> String {
    format!("data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",{fields}}}\n\n")
}

fn delta(text: &str) -> String {
    chunk(&format!(
        r#""choices":[{{"index":0,"delta":{{"content":{}}},"finish_reason":null}}],"usage":null"#,
        json!(text)
    ))
}

fn end(reason: &str) -> String {
    chunk(&format!(r#""choices":[{{"index":0,"delta":{{}},"finish_reason":"{reason}"}}]"#))
}

const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":5,\"prompt_tokens_details\":{\"cached_tokens\":8},\"completion_tokens_details\":{\"reasoning_tokens\":3}}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

fn good_stream() -> String {
    let role = chunk(
        r#""choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"finish_reason":null}],"obfuscation":"x""#,
    );
    [role, delta("The "), delta("Rhine → "), delta("😀."), end("stop"), USAGE.to_owned(), DONE.to_owned()]
        .concat()
}

#[tokio::test]
async fn a_whole_reply_is_read_with_its_usage_and_id() {
    let server = Server::play([answer(json_reply("200 OK", "x-request-id: req_7\r\n", GOOD))]).await;
    let completion = complete(&server).await.unwrap();
    assert_eq!((completion.text.as_str(), completion.finish), ("The Rhine.", FinishReason::Stop));
    let usage = Usage {
        input_tokens: 20,
        cached_input_tokens: 8,
        cache_write_tokens: 2,
        output_tokens: 5,
        reasoning_tokens: 3,
    };
    assert_eq!((completion.usage, completion.usage_source), (usage, UsageSource::Reported));
    assert_eq!(completion.request_id.as_deref(), Some("req_7"));
    assert_eq!(completion.answered_by.to_string(), "openai:gpt-4o");
    assert!(completion.trail.is_empty());

    let request = server.requests()[0].to_ascii_lowercase();
    assert!(request.starts_with("post /v1/chat/completions http/1.1"), "{request}");
    assert!(request.contains(&format!("authorization: bearer {}", KEY.to_lowercase())), "{request}");
}

#[tokio::test]
async fn a_stream_gives_what_the_whole_gives_however_it_is_cut() {
    let expected = "stop in 20 (8 cached, 0 written) out 5 (3 reasoning) Reported id req_1";
    let crlf = good_stream().replace('\n', "\r\n").replacen("data: ", "\u{feff}: hello\r\ndata:", 1);
    for script in [
        answer(stream_reply(&good_stream())),
        vec![Step::Request, Step::Trickle(stream_reply(&good_stream()))],
        vec![Step::Request, Step::Trickle(stream_reply(&crlf))],
    ] {
        let server = Server::play([script]).await;
        let (text, last) = stream(&server).await;
        assert_eq!((text.as_str(), last.unwrap().as_str()), ("The Rhine → 😀.", expected));
    }
}

#[tokio::test]
async fn a_stream_is_complete_with_its_finish_reason_and_cut_without_it() {
    let said = delta("The Rhine.");
    for (events, expected) in [
        (
            said.clone() + &end("stop") + USAGE,
            Ok("stop in 20 (8 cached, 0 written) out 5 (3 reasoning) Reported id req_1"),
        ),
        (
            said.clone() + &end("length") + DONE,
            Ok("length in 15 (0 cached, 0 written) out 3 (0 reasoning) Estimated id req_1"),
        ),
        (
            said.clone() + &end("stop"),
            Ok("stop in 15 (0 cached, 0 written) out 3 (0 reasoning) Estimated id req_1"),
        ),
        (
            said.clone() + &end("stop") + &end("stop") + USAGE + DONE,
            Ok("stop in 20 (8 cached, 0 written) out 5 (3 reasoning) Reported id req_1"),
        ),
        (said.clone(), Err("Truncated")),
        (said.clone() + DONE, Err("Truncated")),
        (said.clone() + "data: {\"choices\":[{\"index\":0,\"del", Err("Truncated")),
        (String::new(), Err("Truncated")),
        (said.clone() + "data: {\"choices\":oops}\n\n" + &end("stop"), Err("Malformed")),
        (said.clone() + "data: \u{0}\n\n", Err("Malformed")),
        (said.clone() + &end("stop") + &delta("more"), Err("Malformed")),
        (end("stop") + USAGE + DONE, Err("Malformed")),
        (end("length") + USAGE + DONE, Err("Truncated")),
        (said.clone() + &end("content_filter") + DONE, Err("ContentFiltered")),
        (said.clone() + &end("error") + DONE, Err("Unavailable")),
        (
            chunk(r#""choices":[{"index":0,"delta":{"refusal":"No."},"finish_reason":null}]"#) + &end("stop"),
            Err("ContentFiltered"),
        ),
        (
            chunk(r#""choices":[{"index":1,"delta":{"content":"other"},"finish_reason":"stop"}]"#) + &said,
            Err("Truncated"),
        ),
    ] {
        let server = Server::play([answer(stream_reply(&events))]).await;
        let (_, last) = stream(&server).await;
        assert_eq!(last.as_deref().map_err(kind), expected.map_err(str::to_owned), "{events}");
    }
}

#[tokio::test]
async fn invalid_utf8_and_a_reset_fail_the_stream_after_what_was_shown() {
    let mut bytes = stream_reply(&delta("The "));
    bytes.extend(b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\xFF\"}}]}\n\n");
    let chunked = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let event = delta("The ");
    let cut = [chunked.as_slice(), format!("{:x}\r\n{event}\r\n", event.len()).as_bytes()].concat();
    for (bytes, expected) in [(bytes, "Malformed"), (cut, "Truncated")] {
        let server = Server::play([answer(bytes)]).await;
        let (shown, last) = stream(&server).await;
        assert_eq!((shown.as_str(), kind(&last.unwrap_err()).as_str()), ("The ", expected));
    }
}

#[tokio::test]
async fn an_error_in_a_stream_has_the_class_that_its_status_would_have() {
    for (error, expected) in [
        (r#"{"error":{"message":"try later","type":"server_error","code":null}}"#, "Unavailable"),
        (r#"{"error":{"message":"busy","type":"overloaded_error"}}"#, "Overloaded None"),
        (r#"{"error":{"message":"slow","code":"rate_limit_exceeded"}}"#, "RateLimited None"),
        (r#"{"error":{"message":"pay","code":"insufficient_quota"}}"#, "QuotaExhausted"),
        (r#"{"error":{"message":"no","code":503}}"#, "Unavailable"),
        (r#"{"error":{"message":"no","code":429}}"#, "RateLimited None"),
        (r#"{"error":{"message":"no","type":"invalid_request_error"}}"#, "Invalid"),
    ] {
        for first in [String::new(), delta("The ")] {
            let server = Server::play([answer(stream_reply(&format!("{first}data: {error}\n\n")))]).await;
            let (_, last) = stream(&server).await;
            let last = last.unwrap_err();
            assert_eq!(kind(&last), expected, "{error}");
            assert_eq!(last.request_id(), Some("req_1"));
        }
    }
    let server =
        Server::play([answer(stream_reply("event: error\ndata: {\"type\":\"overloaded_error\"}\n\n"))]).await;
    assert_eq!(kind(&stream(&server).await.1.unwrap_err()), "Overloaded None");
}

#[tokio::test]
async fn every_status_and_body_has_its_class() {
    let error = |fields: &str| format!(r#"{{"error":{{{fields}}}}}"#);
    for (status, headers, body, expected) in [
        (
            "400 Bad",
            "",
            error(r#""message":"bad temperature","type":"invalid_request_error","param":"temperature""#),
            "Invalid",
        ),
        ("400 Bad", "", error(r#""message":"too long","code":"context_length_exceeded""#), "ContextTooLong"),
        (
            "400 Bad",
            "",
            error(
                r#""message":"request (90000 tokens) exceeds the available context size","type":"exceed_context_size_error","code":400"#,
            ),
            "ContextTooLong",
        ),
        ("400 Bad", "", error(r#""message":"flagged","code":"content_policy_violation""#), "ContentFiltered"),
        ("401 No", "", error(r#""message":"wrong","code":"invalid_api_key""#), "Unauthorized"),
        ("403 No", "", error(r#""message":"region""#), "Unauthorized"),
        ("402 Pay", "", String::new(), "QuotaExhausted"),
        (
            "404 No",
            "",
            error(r#""message":"The model `x` does not exist","code":"model_not_found""#),
            "UnknownModel",
        ),
        ("404 No", "", error(r#""message":"model \"x\" not found, try pulling it first""#), "UnknownModel"),
        ("404 No", "content-type: text/html\r\n", "<h1>Not found</h1>".to_owned(), "Invalid"),
        ("408 Slow", "", String::new(), "Unavailable"),
        ("413 Large", "", String::new(), "ContextTooLong"),
        ("422 Bad", "", String::new(), "Invalid"),
        (
            "429 Slow",
            "retry-after: 20\r\n",
            error(r#""message":"slow down","code":"rate_limit_exceeded""#),
            "RateLimited Some(20s)",
        ),
        ("429 Slow", "x-ratelimit-reset-tokens: 6m0s\r\n", String::new(), "RateLimited Some(360s)"),
        (
            "429 Slow",
            "",
            error(r#""message":"pay","type":"insufficient_quota","code":"insufficient_quota""#),
            "QuotaExhausted",
        ),
        ("500 Oops", "", String::new(), "Unavailable"),
        ("502 Oops", "content-type: text/html\r\n", "<html>bad gateway</html>".to_owned(), "Unavailable"),
        ("503 Oops", "", String::new(), "Unavailable"),
        ("503 Oops", "retry-after-ms: 1500\r\n", String::new(), "Overloaded Some(1.5s)"),
        ("503 Oops", "", error(r#""message":"The engine is currently overloaded""#), "Overloaded None"),
        ("529 Oops", "", String::new(), "Overloaded None"),
        ("301 Moved", "location: https://elsewhere.test/\r\n", String::new(), "Invalid"),
    ] {
        let bytes = reply(status, &format!("{headers}x-request-id: req_9\r\nconnection: close\r\n"), &body);
        let server = Server::play([answer(bytes.clone()), answer(bytes)]).await;
        for failed in [complete(&server).await.unwrap_err(), stream(&server).await.1.unwrap_err()] {
            assert_eq!(kind(&failed), expected, "{status} {body}");
            assert_eq!(failed.status().unwrap().to_string(), status[..3], "{status} {body}");
            assert_eq!(failed.request_id(), Some("req_9"));
            assert_eq!(failed.target().unwrap().to_string(), "openai:gpt-4o");
        }
    }
}

#[tokio::test]
async fn a_bad_reply_under_a_good_status_is_a_failed_attempt() {
    let choice =
        |fields: &str| json_reply("200 OK", "", &format!(r#"{{"choices":[{{"index":0,{fields}}}]}}"#));
    for (bytes, expected) in [
        (reply("200 OK", "content-type: text/html\r\n", "<html>welcome</html>"), "Malformed"),
        (json_reply("200 OK", "", ""), "Malformed"),
        (json_reply("200 OK", "", " \n"), "Malformed"),
        (b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(), "Malformed"),
        (json_reply("200 OK", "", "[1]"), "Malformed"),
        (json_reply("200 OK", "", "oops"), "Malformed"),
        (json_reply("200 OK", "", r#"{"choices":[{"index":0,"mess"#), "Truncated"),
        (json_reply("200 OK", "", r#"{"choices":[]}"#), "Malformed"),
        (
            json_reply("200 OK", "", r#"{"error":{"message":"busy","type":"overloaded_error"}}"#),
            "Overloaded None",
        ),
        (choice(r#""message":{"content":null},"finish_reason":"stop""#), "Malformed"),
        (choice(r#""message":{"content":""},"finish_reason":"stop""#), "Malformed"),
        (choice(r#""message":{"content":" \n"},"finish_reason":"stop""#), "Malformed"),
        (choice(r#""message":{"content":""},"finish_reason":"length""#), "Truncated"),
        (choice(r#""finish_reason":"stop""#), "Malformed"),
        (choice(r#""message":{"content":"x"},"finish_reason":"content_filter""#), "ContentFiltered"),
        (
            choice(r#""message":{"content":null,"refusal":"I cannot."},"finish_reason":"stop""#),
            "ContentFiltered",
        ),
        (
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"choices\":"
                .to_vec(),
            "Truncated",
        ),
    ] {
        let server = Server::play([answer(bytes.clone())]).await;
        let failed = complete(&server).await.unwrap_err();
        assert_eq!(kind(&failed), expected, "{}", String::from_utf8_lossy(&bytes));
    }
    // The same where a stream was asked for.
    for (bytes, expected) in [
        (reply("200 OK", "content-type: text/html\r\n", "<html>welcome</html>"), "Malformed"),
        (json_reply("200 OK", "", GOOD), "Malformed"),
        (
            json_reply("200 OK", "", r#"{"error":{"message":"pay","code":"insufficient_quota"}}"#),
            "QuotaExhausted",
        ),
        (b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(), "Truncated"),
    ] {
        let server = Server::play([answer(bytes)]).await;
        assert_eq!(kind(&stream(&server).await.1.unwrap_err()), expected);
    }
}

#[tokio::test]
async fn a_cut_answer_and_unusual_ones_are_read() {
    let body = r#"{"choices":[{"index":1,"message":{"content":"no"}},{"index":0,"message":{"content":[{"type":"text","text":"Rh"},{"type":"text","text":"ine"}]},"finish_reason":"length"}]}"#;
    let server = Server::play([answer(json_reply("200 OK", "", body))]).await;
    let completion = complete(&server).await.unwrap();
    assert_eq!((completion.text.as_str(), completion.finish), ("Rhine", FinishReason::Length));
    assert_eq!(completion.usage_source, UsageSource::Estimated);
    assert_eq!((completion.usage.input_tokens, completion.usage.output_tokens), (15, 2));
}

#[tokio::test]
async fn neither_the_key_nor_the_prompt_nor_the_answer_gets_into_an_error() {
    let said = "Which river flows through Cologne?";
    let echo = format!(
        r#"{{"error":{{"message":"Incorrect API key provided: {KEY} for '{said}'","type":"{KEY}","code":"{said}"}}}}"#
    );
    let secret_answer = r#"{"choices": "the secret answer"}"#;
    let server = Server::play([
        answer(json_reply("401 No", &format!("x-request-id: {KEY}\r\nconnection: close\r\n"), &echo)),
        answer(stream_reply(&format!("data: {echo}\n\n"))),
        answer(json_reply("200 OK", "connection: close\r\n", secret_answer)),
        answer(stream_reply("data: the secret answer\n\n")),
    ])
    .await;
    let provider = provider(&server);
    let (request, context) = (question(), context());
    let failures = [
        within(provider.complete(&request, &context)).await.unwrap_err(),
        drain(within(provider.stream(&request, &context)).await).await.1.unwrap_err(),
        within(provider.complete(&request, &context)).await.unwrap_err(),
        drain(within(provider.stream(&request, &context)).await).await.1.unwrap_err(),
    ];
    let shown: Vec<String> = failures.iter().map(ToString::to_string).collect();
    let said = format!("{shown:?} {failures:?} {provider:?}");
    for secret in [KEY, &KEY[8..16], "Cologne", "secret answer"] {
        assert!(!said.contains(secret), "{secret} is in {said}");
    }
    assert!(said.contains("left out"), "{said}");
}

#[tokio::test]
async fn a_dropped_stream_closes_its_connection_while_the_server_is_silent() {
    let head = format!("{STREAM_HEAD}{}", delta("The ")).into_bytes();
    let mut server = Server::play([vec![Step::Request, Step::Send(head), Step::AwaitClose]]).await;
    let mut stream = within(provider(&server).stream(&question(), &context())).await.unwrap();
    assert!(matches!(within(stream.next()).await, Some(Ok(StreamEvent::Delta(_)))));
    assert!(futures_util::poll!(stream.next()).is_pending());
    drop(stream);
    server.peer_left().await;
}

#[tokio::test]
async fn a_complete_stream_is_not_held_up_by_a_connection_that_stays_open() {
    for (events, wait) in [(good_stream(), 20), (delta("The Rhine.") + &end("stop"), 2_000)] {
        let head = format!("{STREAM_HEAD}{events}").into_bytes();
        let mut server = Server::play([vec![Step::Request, Step::Send(head), Step::AwaitClose]]).await;
        let (transport, clock) = transport();
        let mut config = OpenAiConfig::compatible("local", server.url("/v1"));
        config.key = None;
        let provider = OpenAiProvider::new(transport, &config, "m", &Catalogue::builtin()).unwrap();
        let mut stream = within(provider.stream(&question(), &context())).await.unwrap();
        let connecting = clock.sleepers();
        while clock.sleepers() == connecting {
            let polled = futures_util::poll!(stream.next());
            assert!(!matches!(polled, std::task::Poll::Ready(None | Some(Err(_)))));
            tokio::task::yield_now().await;
        }
        clock.advance(std::time::Duration::from_millis(wait));
        let last = within(stream.next()).await.unwrap().unwrap();
        assert!(matches!(last, StreamEvent::Finished(_)), "{last:?}");
        // Free of the stream although it still exists.
        server.peer_left().await;
    }
}

#[tokio::test]
async fn an_oversized_stream_is_cut_off() {
    let event = format!("data: {}\n\n", "x".repeat(2 << 20));
    let server = Server::play([answer(stream_reply(&event))]).await;
    let failed = stream(&server).await.1.unwrap_err();
    assert_eq!(kind(&failed), "Malformed");
    assert!(failed.to_string().contains("larger than 1048576"), "{failed}");
}
