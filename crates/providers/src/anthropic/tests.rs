//! The Messages provider against byte-exact replies, under both protocol versions.

use async_orchestrator_core::{FinishReason, Message, ReplyFormat, Usage, UsageSource};
use serde_json::json;

use super::*;
use crate::test_server::{
    Server, Step, answer, context, drain, json_reply, kind, question, reply, stream_reply, transport, within,
};

const KEY: &str = "sk-ant-api03-Xk29fQpLz81mVb";
const GOOD: &str = r#"{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"The "},{"type":"text","text":"Rhine."}],
"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":10,"cache_creation_input_tokens":2,"cache_read_input_tokens":8,"output_tokens":5,"output_tokens_details":{"thinking_tokens":3}}}"#;

fn provider_of(server: &Server, model: &str, change: impl FnOnce(&mut AnthropicConfig)) -> AnthropicProvider {
    let mut config = AnthropicConfig::official(AnthropicCredential::ApiKey(KEY.to_owned().into()));
    config.base_url = server.url("");
    change(&mut config);
    AnthropicProvider::new(transport().0, &config, model, &Catalogue::builtin()).unwrap()
}

async fn complete(server: &Server) -> Result<Completion, ProviderError> {
    within(provider_of(server, "claude-sonnet-4-6", |_| {}).complete(&question(), &context())).await
}

async fn stream(server: &Server) -> (String, Result<String, ProviderError>) {
    let provider = provider_of(server, "claude-sonnet-4-6", |_| {});
    drain(within(provider.stream(&question(), &context())).await).await
}

fn event(kind: &str, fields: &str) -> String {
    let comma = if fields.is_empty() { "" } else { "," };
    format!("event: {kind}\ndata: {{\"type\":\"{kind}\"{comma}{fields}}}\n\n")
}

fn start() -> String {
    event(
        "message_start",
        r#""message":{"id":"msg_1","type":"message","role":"assistant","content":[],"stop_reason":null,"usage":{"input_tokens":10,"cache_read_input_tokens":8,"output_tokens":1}}"#,
    )
}

fn open(index: u64, block: &str) -> String {
    event("content_block_start", &format!(r#""index":{index},"content_block":{{{block}}}"#))
}

fn said(index: u64, text: &str) -> String {
    event(
        "content_block_delta",
        &format!(r#""index":{index},"delta":{{"type":"text_delta","text":{}}}"#, json!(text)),
    )
}

fn shut(index: u64) -> String {
    event("content_block_stop", &format!(r#""index":{index}"#))
}

fn end(reason: &str) -> String {
    let usage = r#""usage":{"cache_creation_input_tokens":2,"output_tokens":5,"output_tokens_details":{"thinking_tokens":3}}"#;
    event("message_delta", &format!(r#""delta":{{"stop_reason":"{reason}","stop_sequence":null}},{usage}"#))
}

const TEXT: &str = r#""type":"text","text":"""#;
const THINKING: &str = r#""type":"thinking","thinking":"""#;

/// A text block that says `text`.
fn block(index: u64, text: &str) -> String {
    [open(index, TEXT), said(index, text), shut(index)].concat()
}

fn stop() -> String {
    event("message_stop", "")
}

fn good_stream() -> String {
    let thought =
        event("content_block_delta", r#""index":0,"delta":{"type":"thinking_delta","thinking":"hm"}"#);
    let signed =
        event("content_block_delta", r#""index":0,"delta":{"type":"signature_delta","signature":"s"}"#);
    [
        start(),
        event("ping", ""),
        open(0, THINKING),
        thought,
        signed,
        shut(0),
        open(1, TEXT),
        said(1, "The "),
        event("some_new_event", r#""index":1"#),
        said(1, "Rhine → "),
        shut(1),
        block(2, "😀."),
        end("end_turn"),
        stop(),
    ]
    .concat()
}

#[tokio::test]
async fn a_whole_reply_is_read_with_its_usage_and_id() {
    let server = Server::play([answer(json_reply("200 OK", "request-id: req_7\r\n", GOOD))]).await;
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
}

#[tokio::test]
async fn a_stream_gives_what_the_whole_gives_however_it_is_cut() {
    let crlf = good_stream().replace('\n', "\r\n");
    for script in [
        answer(stream_reply(&good_stream())),
        vec![Step::Request, Step::Trickle(stream_reply(&good_stream()))],
        vec![Step::Request, Step::Trickle(stream_reply(&crlf))],
    ] {
        let server = Server::play([script]).await;
        let (text, last) = stream(&server).await;
        let expected = "stop in 20 (8 cached, 2 written) out 5 (3 reasoning) Reported id req_1";
        assert_eq!((text.as_str(), last.unwrap().as_str()), ("The Rhine → 😀.", expected));
    }
}

#[tokio::test]
async fn only_message_stop_ends_a_stream_well() {
    let good = "stop in 20 (8 cached, 2 written) out 5 (3 reasoning) Reported id req_1";
    let hello = block(0, "Hello.");
    for (events, expected) in [
        ([start(), hello.clone(), end("end_turn"), stop()].concat(), Ok(good)),
        // Said twice, and a first text within the block's start.
        (
            [
                start(),
                open(0, TEXT),
                open(0, TEXT),
                said(0, "Hello."),
                shut(0),
                end("end_turn"),
                stop(),
                stop(),
            ]
            .concat(),
            Ok(good),
        ),
        (
            [start(), open(0, r#""type":"text","text":"Hello.""#), shut(0), end("end_turn"), stop()].concat(),
            Ok(good),
        ),
        ([start(), hello.clone(), end("end_turn")].concat(), Err("Truncated")),
        ([start(), hello.clone(), stop()].concat(), Err("Truncated")),
        ([start(), hello.clone()].concat(), Err("Truncated")),
        (
            [start(), hello.clone(), end("end_turn"), "event: message_stop\ndata: {\"type\"".to_owned()]
                .concat(),
            Err("Truncated"),
        ),
        ([start(), hello.clone(), hello.clone(), end("end_turn"), stop()].concat(), Err("Malformed")),
        (
            [start(), open(0, TEXT), open(1, TEXT), said(1, "b"), said(0, "a"), end("end_turn"), stop()]
                .concat(),
            Err("Malformed"),
        ),
        ([start(), said(0, "a"), end("end_turn"), stop()].concat(), Err("Malformed")),
        ([start(), hello.clone(), said(0, "late"), end("end_turn"), stop()].concat(), Err("Malformed")),
        (
            [start(), "data: {oops\n\n".to_owned(), hello.clone(), end("end_turn"), stop()].concat(),
            Err("Malformed"),
        ),
        ([start(), end("end_turn"), stop()].concat(), Err("Malformed")),
        ([start(), hello.clone(), end("refusal"), stop()].concat(), Err("ContentFiltered")),
        ([start(), end("model_context_window_exceeded"), stop()].concat(), Err("ContextTooLong")),
        ([start(), end("max_tokens"), stop()].concat(), Err("Truncated")),
    ] {
        let server = Server::play([answer(stream_reply(&events))]).await;
        let (_, last) = stream(&server).await;
        assert_eq!(last.as_deref().map_err(kind), expected.map_err(str::to_owned), "{events}");
    }
}

#[tokio::test]
async fn every_reason_to_stop_is_kept() {
    for (reason, expected) in [
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("stop_sequence", "stop_sequence"),
        ("model_context_window_exceeded", "length"),
        ("pause_turn", "other"),
        ("something_new", "other"),
    ] {
        let whole = GOOD.replace("end_turn", reason);
        let streamed = good_stream().replace("end_turn", reason);
        let server =
            Server::play([answer(json_reply("200 OK", "", &whole)), answer(stream_reply(&streamed))]).await;
        assert_eq!(complete(&server).await.unwrap().finish.to_string(), expected);
        assert!(stream(&server).await.1.unwrap().starts_with(&format!("{expected} in ")), "{reason}");
    }
}

#[tokio::test]
async fn an_error_has_one_class_by_status_and_inside_a_stream() {
    for (status, class, message, expected) in [
        ("400 Bad", "invalid_request_error", "temperature: not supported", "Invalid"),
        (
            "400 Bad",
            "invalid_request_error",
            "prompt is too long: 210000 tokens > 200000 maximum",
            "ContextTooLong",
        ),
        ("400 Bad", "invalid_request_error", "Your credit balance is too low", "QuotaExhausted"),
        ("401 No", "authentication_error", "invalid x-api-key", "Unauthorized"),
        ("402 Pay", "billing_error", "pay", "QuotaExhausted"),
        ("403 No", "permission_error", "not allowed", "Unauthorized"),
        ("404 No", "not_found_error", "model: claude-x", "UnknownModel"),
        ("404 No", "not_found_error", "no such path", "Invalid"),
        ("413 Large", "request_too_large", "too large", "ContextTooLong"),
        ("429 Slow", "rate_limit_error", "slow down", "RateLimited None"),
        ("500 Oops", "api_error", "internal", "Unavailable"),
        ("504 Oops", "timeout_error", "timed out", "Unavailable"),
        ("529 Oops", "overloaded_error", "overloaded", "Overloaded None"),
    ] {
        let body = format!(
            r#"{{"type":"error","error":{{"type":"{class}","message":"{message}"}},"request_id":"req_9"}}"#
        );
        let server = Server::play([
            answer(json_reply(status, "connection: close\r\n", &body)),
            answer(stream_reply(&format!("{}event: error\ndata: {body}\n\n", start()))),
        ])
        .await;
        let by_status = complete(&server).await.unwrap_err();
        let in_stream = stream(&server).await.1.unwrap_err();
        assert_eq!(
            (kind(&by_status), kind(&in_stream)),
            (expected.to_owned(), expected.to_owned()),
            "{body}"
        );
        assert_eq!(by_status.request_id(), Some("req_9"));
        assert!(by_status.detail().unwrap().contains(class), "{by_status}");
    }
}

#[tokio::test]
async fn hints_to_wait_are_read_and_a_spent_limit_has_none() {
    let spent = r#"{"type":"error","error":{"type":"rate_limit_error","message":"limit","details":{"error_code":"enforced_spend_limit_reached"}}}"#;
    for (headers, body, expected) in [
        ("retry-after: 3\r\n", "", "RateLimited Some(3s)"),
        (
            "date: Mon, 23 Nov 2026 12:00:00 GMT\r\nanthropic-ratelimit-tokens-reset: 2026-11-23T12:00:07Z\r\n",
            "",
            "RateLimited Some(7s)",
        ),
        ("", spent, "QuotaExhausted"),
    ] {
        let server = Server::play([answer(reply("429 Slow", headers, body))]).await;
        assert_eq!(kind(&complete(&server).await.unwrap_err()), expected);
    }
}

#[tokio::test]
async fn a_bad_reply_under_a_good_status_is_a_failed_attempt() {
    for (body, expected) in [
        (r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#, "Overloaded None"),
        (r#"{"content":[],"stop_reason":"end_turn"}"#, "Malformed"),
        (
            r#"{"content":[{"type":"tool_use","id":"t","name":"n","input":{}}],"stop_reason":"tool_use"}"#,
            "Malformed",
        ),
        (r#"{"content":"text","stop_reason":"end_turn"}"#, "Malformed"),
        (r#"{"stop_reason":"end_turn"}"#, "Malformed"),
        (r#"{"content":[],"stop_reason":"refusal"}"#, "ContentFiltered"),
    ] {
        let server = Server::play([answer(json_reply("200 OK", "", body))]).await;
        assert_eq!(kind(&complete(&server).await.unwrap_err()), expected, "{body}");
    }
}

#[tokio::test]
async fn the_key_and_the_prompt_stay_out_of_errors() {
    let echo = format!(
        r#"{{"type":"error","error":{{"type":"authentication_error","message":"{KEY}: Which river flows through Cologne?"}}}}"#
    );
    let server = Server::play([answer(json_reply("401 No", "", &echo))]).await;
    let failed = complete(&server).await.unwrap_err();
    let said = format!("{failed} {failed:?}");
    assert!(
        !said.contains("Cologne") && !said.contains(KEY) && said.contains("authentication_error"),
        "{said}"
    );
}

#[tokio::test]
async fn the_request_has_the_form_of_its_version_and_model() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer", "minimum": 0}}});
    let mut asked = question();
    let mut messages = asked.messages.to_vec();
    messages.insert(1, Message::system("Be polite."));
    asked.messages = messages.into();
    asked.format = ReplyFormat::JsonSchema { name: "reply".to_owned(), schema: schema.into() };
    asked.temperature = Some(1.4);
    asked.stop = vec!["END".to_owned()];
    let exchange = async |model: &str, change: &dyn Fn(&mut AnthropicConfig)| {
        let server = Server::play([answer(json_reply("200 OK", "", GOOD))]).await;
        within(provider_of(&server, model, change).complete(&asked, &context())).await.unwrap();
        (server.requests()[0].to_ascii_lowercase(), server.last_body())
    };

    let (head, body) = exchange("claude-sonnet-4-6", &|_| {}).await;
    assert!(head.starts_with("post /v1/messages http/1.1"), "{head}");
    assert!(head.contains("anthropic-version: 2023-06-01") && head.contains("x-api-key: sk-ant"), "{head}");
    assert_eq!(
        body,
        json!({
            "model": "claude-sonnet-4-6", "max_tokens": 16_384, "system": "Be brief.\n\nBe polite.",
            "messages": [{"role": "user", "content": "Which river flows through Cologne?"}],
            "temperature": 1.0, "stop_sequences": ["END"],
            "output_config": {"format": {"type": "json_schema", "schema": {
                "type": "object", "required": ["a"], "additionalProperties": false,
                "properties": {"a": {"type": "integer", "description": "minimum: 0"}},
            }}},
            "stream": false,
        })
    );

    let (head, body) =
        exchange("claude-sonnet-4-6", &|config| config.version = AnthropicVersion::V2026_10_21).await;
    assert!(
        head.contains("anthropic-version: 2026-10-21") && head.contains("authorization: bearer sk-ant"),
        "{head}"
    );
    assert!(!head.contains("x-api-key") && body.get("temperature").is_none(), "{head} {body}");

    let token = AnthropicConfig::official(AnthropicCredential::AuthToken("token-1".to_owned().into()));
    assert_eq!(token.version, AnthropicVersion::V2026_10_21);
    let (head, body) = exchange("claude-opus-4-8", &|config| {
        config.credential = AnthropicCredential::AuthToken("token-1".to_owned().into());
        config.base_url += "/v1/";
    })
    .await;
    assert!(
        head.starts_with("post /v1/messages ") && head.contains("authorization: bearer token-1"),
        "{head}"
    );
    assert!(body.get("temperature").is_none(), "the model takes none: {body}");

    let (_, body) = exchange("claude-3-haiku-20240307", &|_| {}).await;
    assert_eq!((&body["max_tokens"], body.get("output_config")), (&json!(4_096), None));
}

#[tokio::test]
async fn instructions_alone_become_a_message() {
    let server = Server::play([answer(json_reply("200 OK", "", GOOD))]).await;
    let provider = provider_of(&server, "claude-sonnet-4-6", |_| {});
    let alone = CompletionRequest::new(vec![Message::system("Greet.")]);
    within(provider.complete(&alone, &context())).await.unwrap();
    let body = server.last_body();
    assert_eq!(
        (&body["messages"], body.get("system")),
        (&json!([{"role": "user", "content": "Greet."}]), None)
    );

    let nothing = within(provider.complete(&CompletionRequest::default(), &context())).await.unwrap_err();
    assert_eq!(kind(&nothing), "Invalid");
}

#[tokio::test]
async fn the_servers_models_are_listed() {
    let page =
        r#"{"data":[{"type":"model","id":"claude-sonnet-5-5","display_name":"Claude"}],"has_more":false}"#;
    let server = Server::play([answer(json_reply("200 OK", "", page))]).await;
    let models = within(provider_of(&server, "m", |_| {}).list_models()).await.unwrap();
    assert_eq!(models.iter().map(|model| model.id.as_str()).collect::<Vec<_>>(), ["claude-sonnet-5-5"]);
    assert!(server.requests()[0].starts_with("GET /v1/models?limit=1000 "));
}
