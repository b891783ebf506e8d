//! Both formats, byte for byte and error for error.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use super::client::{ANTHROPIC, Client, OPENAI, body, request, text_of};
use crate::{Finish, Persona, ScriptedReply, Simulator, SimulatorHandle, Usage, UsagePolicy};

/// Says "Hi there." in two pieces.
async fn greeter() -> SimulatorHandle {
    let usage = Usage { input_tokens: 20, cached_tokens: 5, output_tokens: 9, reasoning_tokens: 4 };
    let persona = Persona::new()
        .reply(ScriptedReply::new("Hi there."))
        .tokens_per_delta(2)
        .usage(UsagePolicy::Fixed(usage))
        .refuses("logprobs")
        .context_tokens_max(5_000);
    Simulator::builder().model("m", persona).refuse_other_models().start().await.unwrap()
}

#[tokio::test]
async fn an_openai_stream_is_as_the_vendor_sends_it() {
    let simulator = greeter().await;
    let mut client = Client::connect(&simulator).await;
    let options =
        json!({"stream": true, "stream_options": {"include_usage": true, "include_obfuscation": false}});
    let got = client.post(OPENAI, &body(OPENAI, "Hello", &options)).await.unwrap();
    assert_eq!(got.header("content-type"), "text/event-stream; charset=utf-8");
    assert!(got.header("x-request-id").starts_with("req_"));
    let text = got.text().await;
    let first: Value =
        serde_json::from_str(text.lines().next().unwrap().strip_prefix("data: ").unwrap()).unwrap();
    let (id, created) = (first["id"].as_str().unwrap(), first["created"].as_u64().unwrap());
    assert!(id.starts_with("chatcmpl-") && created > 1_700_000_000);
    let head = format!(
        r#"data: {{"id":"{id}","object":"chat.completion.chunk","created":{created},"model":"m","service_tier":"default","system_fingerprint":"fp_simulator","choices":["#
    );
    let delta = |delta: &str, finish: &str| {
        format!(
            "{head}{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{finish}}}],\"usage\":null}}\n\n"
        )
    };
    let expected = [
        delta(r#"{"role":"assistant","content":"","refusal":null}"#, "null"),
        delta(r#"{"content":"Hi there"}"#, "null"),
        delta(r#"{"content":"."}"#, "null"),
        delta("{}", r#""stop""#),
        format!(
            "{head}],\"usage\":{}}}\n\n",
            r#"{"prompt_tokens":20,"completion_tokens":9,"total_tokens":29,"prompt_tokens_details":{"cached_tokens":5,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":4,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}"#
        ),
        "data: [DONE]\n\n".to_owned(),
    ];
    assert_eq!(text, expected.concat());
}

#[tokio::test]
async fn an_openai_stream_without_options_is_obfuscated_and_has_no_usage() {
    let simulator = greeter().await;
    let mut client = Client::connect(&simulator).await;
    let text =
        client.post(OPENAI, &body(OPENAI, "Hello", &json!({"stream": true}))).await.unwrap().text().await;
    let chunks: Vec<_> = text.split_terminator("\n\n").collect();
    assert_eq!(chunks.len(), 5, "{text}");
    assert!(chunks[..4].iter().all(|chunk| chunk.contains("\"obfuscation\":\"")), "{text}");
    assert!(!text.contains("\"usage\""), "{text}");
}

#[tokio::test]
async fn an_anthropic_stream_is_as_the_vendor_sends_it() {
    let simulator = greeter().await;
    let mut client = Client::connect(&simulator).await;
    let got = client.post(ANTHROPIC, &body(ANTHROPIC, "Hello", &json!({"stream": true}))).await.unwrap();
    assert!(got.header("request-id").starts_with("req_011"));
    let text = got.text().await;
    let first: Value =
        serde_json::from_str(text.lines().nth(1).unwrap().strip_prefix("data: ").unwrap()).unwrap();
    let id = first["message"]["id"].as_str().unwrap();
    assert!(id.starts_with("msg_01"));
    let usage = |output: u64, thinking: u64| {
        format!(
            r#""usage":{{"input_tokens":15,"cache_creation_input_tokens":0,"cache_read_input_tokens":5,"output_tokens":{output},"output_tokens_details":{{"thinking_tokens":{thinking}}},"service_tier":"standard"}}"#
        )
    };
    let event = |name: &str, rest: &str| format!("event: {name}\ndata: {{\"type\":\"{name}\"{rest}}}\n\n");
    let expected = [
        event(
            "message_start",
            &format!(
                r#","message":{{"id":"{id}","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,{}}}"#,
                usage(1, 0)
            ),
        ),
        event("content_block_start", r#","index":0,"content_block":{"type":"text","text":""}"#),
        event("ping", ""),
        event("content_block_delta", r#","index":0,"delta":{"type":"text_delta","text":"Hi there"}"#),
        event("content_block_delta", r#","index":0,"delta":{"type":"text_delta","text":"."}"#),
        event("content_block_stop", r#","index":0"#),
        event(
            "message_delta",
            &format!(r#","delta":{{"stop_reason":"end_turn","stop_sequence":null}},{}"#, usage(9, 4)),
        ),
        event("message_stop", ""),
    ];
    assert_eq!(text, expected.concat());
}

#[tokio::test]
async fn whole_replies_have_the_vendors_fields() {
    let simulator = greeter().await;
    let mut client = Client::connect(&simulator).await;
    let mut openai = client.ask("/chat/completions", &body(OPENAI, "Hello", &json!({}))).await;
    let (id, created) = (openai["id"].take(), openai["created"].take());
    assert!(id.as_str().unwrap().starts_with("chatcmpl-") && created.is_u64());
    assert_eq!(openai["usage"].take()["completion_tokens_details"]["reasoning_tokens"], 4);
    let message = json!({"role": "assistant", "content": "Hi there.", "refusal": null, "annotations": []});
    assert_eq!(
        openai,
        json!({
            "id": null, "object": "chat.completion", "created": null, "model": "m",
            "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": "stop"}],
            "usage": null, "service_tier": "default", "system_fingerprint": "fp_simulator",
        })
    );
    let mut anthropic = client.ask(ANTHROPIC, &body(ANTHROPIC, "Hello", &json!({}))).await;
    assert!(anthropic["id"].take().as_str().unwrap().starts_with("msg_01"));
    assert_eq!(anthropic["usage"].take()["cache_read_input_tokens"], 5);
    assert_eq!(
        anthropic,
        json!({
            "id": null, "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": "Hi there."}],
            "stop_reason": "end_turn", "stop_sequence": null, "usage": null,
        })
    );
}

#[tokio::test]
async fn thinking_comes_before_the_text() {
    let simulator = greeter().await;
    let mut client = Client::connect(&simulator).await;
    let adaptive = json!({"thinking": {"type": "adaptive"}});
    let reply = client.ask(ANTHROPIC, &body(ANTHROPIC, "Hello", &adaptive)).await;
    assert_eq!([&reply["content"][0]["type"], &reply["content"][1]["type"]], ["thinking", "text"]);
    let streamed = json!({"thinking": {"type": "enabled", "budget_tokens": 1024}, "stream": true});
    let text = client.post(ANTHROPIC, &body(ANTHROPIC, "Hello", &streamed)).await.unwrap().text().await;
    let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("no {part} in {text}"));
    assert!(at("thinking_delta") < at("signature_delta") && at("signature_delta") < at("text_delta"));
    assert!(at(r#""index":1,"content_block":{"type":"text""#) < at("text_delta"));
}

#[tokio::test]
async fn limits_and_stop_sequences_cut_the_text() {
    let simulator = Simulator::builder()
        .model("m", Persona::new().reply(ScriptedReply::new("one two three four")))
        .model("filtered", Persona::new().reply(ScriptedReply::new("").finish(Finish::Filtered)))
        .start()
        .await
        .unwrap();
    let mut client = Client::connect(&simulator).await;
    let short = client.ask(OPENAI, &body(OPENAI, "x", &json!({"max_completion_tokens": 2}))).await;
    assert_eq!((text_of(&short), &short["choices"][0]["finish_reason"]), ("one two", &json!("length")));
    assert_eq!(short["usage"]["completion_tokens"], 2);
    let stopped = client.ask(OPENAI, &body(OPENAI, "x", &json!({"stop": ["four", " three"]}))).await;
    assert_eq!((text_of(&stopped), &stopped["choices"][0]["finish_reason"]), ("one two", &json!("stop")));
    let short = client.ask(ANTHROPIC, &body(ANTHROPIC, "x", &json!({"max_tokens": 1}))).await;
    assert_eq!((text_of(&short), &short["stop_reason"]), ("one", &json!("max_tokens")));
    let stopped = client.ask(ANTHROPIC, &body(ANTHROPIC, "x", &json!({"stop_sequences": [" two"]}))).await;
    assert_eq!((text_of(&stopped), &stopped["stop_reason"]), ("one", &json!("stop_sequence")));
    assert_eq!(stopped["stop_sequence"], " two");
    let filtered = client.ask(OPENAI, &body(OPENAI, "x", &json!({"model": "filtered"}))).await;
    assert_eq!(filtered["choices"][0]["finish_reason"], "content_filter");
    let filtered = client.ask(ANTHROPIC, &body(ANTHROPIC, "x", &json!({"model": "filtered"}))).await;
    assert_eq!((&filtered["stop_reason"], &filtered["content"]), (&json!("refusal"), &json!([])));
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "two tables of requests and their errors")]
async fn wrong_requests_get_the_vendors_errors() {
    let simulator = greeter().await;
    let mut client = Client::connect(&simulator).await;
    let mut wrong = async |path: &str, more: Value, expected: &str| {
        let got = client.post(path, &body(path, "Hello", &more)).await.unwrap();
        let status = got.status.as_u16();
        let reply = got.json().await;
        let error = &reply["error"];
        let text = |name: &str| error[name].as_str().unwrap_or("-").to_owned();
        let summary =
            format!("{status} {} {} {}: {}", text("type"), text("code"), text("param"), text("message"));
        assert!(summary.starts_with(expected), "{more}\n{summary}");
        if path == ANTHROPIC {
            assert_eq!(reply["type"], "error");
            assert!(reply["request_id"].as_str().unwrap().starts_with("req_"));
        }
    };
    let schema = |schema: &Value, strict: bool| json!({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "strict": strict, "schema": schema}}});
    let open = json!({"type": "object", "properties": {}});
    for (more, expected) in [
        (
            json!({"model": "gpt-0"}),
            "404 invalid_request_error model_not_found -: The model `gpt-0` does not exist",
        ),
        (json!({"messages": null}), "400 invalid_request_error missing_required_parameter messages"),
        (json!({"messages": []}), "400 invalid_request_error - messages"),
        (
            json!({"messages": [{"role": "oracle", "content": "x"}]}),
            "400 invalid_request_error - messages[0].role",
        ),
        (
            json!({"max_token": 5}),
            "400 invalid_request_error unknown_parameter max_token: Unrecognized request argument",
        ),
        (json!({"temperature": 3}), "400 invalid_request_error - temperature"),
        (json!({"max_tokens": 5, "max_completion_tokens": 5}), "400 invalid_request_error - max_tokens"),
        (json!({"stream_options": {"include_usage": true}}), "400 invalid_request_error - stream_options"),
        (json!({"logprobs": true}), "400 invalid_request_error unsupported_parameter logprobs"),
        (
            json!({"tools": [{"type": "function"}], "tool_choice": "required"}),
            "400 invalid_request_error - tool_choice",
        ),
        (
            json!({"messages": [{"role": "user", "content": "word ".repeat(6_000)}]}),
            "400 invalid_request_error context_length_exceeded messages: This model's maximum context length is 5000 tokens",
        ),
        (
            schema(&open, true),
            "400 invalid_request_error invalid_json_schema response_format: Invalid schema for response_format 'x'",
        ),
    ] {
        wrong(OPENAI, more, expected).await;
    }
    for (more, expected) in [
        (json!({"model": "claude-0"}), "404 not_found_error - -: model: claude-0"),
        (json!({"max_tokens": null}), "400 invalid_request_error - -: max_tokens: Field required"),
        (json!({"seed": 5}), "400 invalid_request_error - -: seed: Extra inputs are not permitted"),
        (
            json!({"messages": [{"role": "system", "content": "x"}]}),
            "400 invalid_request_error - -: messages.0.role",
        ),
        (
            json!({"thinking": {"type": "enabled", "budget_tokens": 9999}}),
            "400 invalid_request_error - -: thinking.enabled.budget_tokens",
        ),
        (
            json!({"output_config": {"format": {"type": "json_schema", "schema": open}}}),
            "400 invalid_request_error - -: output_config.format.schema",
        ),
        (
            json!({"messages": [{"role": "user", "content": "word ".repeat(6_000)}]}),
            "400 invalid_request_error - -: prompt is too long: ",
        ),
    ] {
        wrong(ANTHROPIC, more, expected).await;
    }
}

#[tokio::test]
async fn the_anthropic_version_decides_about_key_and_sampling() {
    let simulator = Simulator::builder().key("sk-right").start().await.unwrap();
    let mut client = Client::connect(&simulator).await;
    let mut status = async |headers: &[(&str, &str)], more: Value| {
        let mut request =
            Request::post(ANTHROPIC).header("host", "x").header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = body(ANTHROPIC, "Hello", &more).to_string();
        client.send(request.body(Full::<Bytes>::from(body)).unwrap()).await.unwrap().status.as_u16()
    };
    let (old, new) = (("anthropic-version", "2023-06-01"), ("anthropic-version", "2026-10-21"));
    let (key, bearer) = (("x-api-key", "sk-right"), ("authorization", "Bearer sk-right"));
    let warm = || json!({"temperature": 0.5});
    assert_eq!(status(&[old, key], warm()).await, 200);
    assert_eq!(status(&[new, bearer], json!({})).await, 200);
    assert_eq!(status(&[new, bearer], warm()).await, 400);
    assert_eq!(status(&[new, key], json!({})).await, 401);
    assert_eq!(status(&[old, ("x-api-key", "sk-wrong")], json!({})).await, 401);
    assert_eq!(status(&[old], json!({})).await, 401);
    assert_eq!(status(&[key], json!({})).await, 400);
    assert_eq!(status(&[("anthropic-version", "2030-01-01"), key], json!({})).await, 400);
}

#[tokio::test]
async fn keys_json_sizes_and_routes_are_checked() {
    let simulator = Simulator::builder()
        .key("sk-right")
        .body_bytes_max(1000)
        .model("m", Persona::new())
        .start()
        .await
        .unwrap();
    let mut client = Client::connect(&simulator).await;
    let hello = body(OPENAI, "Hello", &json!({}));
    let mut refused = async |request: Request<Full<Bytes>>| {
        let got = client.send(request).await.unwrap();
        (got.status.as_u16(), got.json().await["error"]["code"].clone())
    };
    assert_eq!(refused(request(OPENAI, &hello)).await, (401, json!("invalid_api_key")));
    let keyed = |path: &str, body: String| {
        let request = Request::post(path).header("host", "x").header("authorization", "Bearer sk-right");
        request.header("content-type", "application/json").body(Full::<Bytes>::from(body)).unwrap()
    };
    assert_eq!(refused(keyed(OPENAI, "{\"model\":".into())).await, (400, Value::Null));
    assert_eq!(refused(keyed("/v1/responses", hello.to_string())).await, (404, json!("unknown_url")));
    assert_eq!(refused(keyed("/v1/models", hello.to_string())).await, (405, Value::Null));
    assert_eq!(refused(keyed(OPENAI, "x".repeat(1001))).await, (413, Value::Null));
    let mut client = Client::connect(&simulator).await;
    let get = |path: &str| Request::get(path).header("host", "x").body(Full::default()).unwrap();
    assert_eq!(client.send(get(OPENAI)).await.unwrap().status, StatusCode::METHOD_NOT_ALLOWED);
    let (_, list) = client.get("/v1/models").await;
    assert_eq!((&list["object"], &list["data"][0]["id"]), (&json!("list"), &json!("m")));
    let versioned = Request::get("/v1/models").header("host", "x").header("anthropic-version", "2023-06-01");
    let list = client.send(versioned.body(Full::default()).unwrap()).await.unwrap().json().await;
    assert_eq!((&list["data"][0]["type"], &list["first_id"]), (&json!("model"), &json!("m")));
}
