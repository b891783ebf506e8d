//! Each fault as the client meets it, and what the simulator counts.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::client::{ANTHROPIC, Client, OPENAI, SOON, body, calls};
use crate::{Fault, FaultRule, Latency, Persona, ScriptedReply, Simulator, SimulatorHandle};

async fn simulator(rule: FaultRule) -> SimulatorHandle {
    let persona = Persona::new().reply(ScriptedReply::new("one two three")).tokens_per_delta(1).fault(rule);
    Simulator::builder().model("m", persona).start().await.unwrap()
}

/// What a client sees of one call, in a line.
async fn seen(simulator: &SimulatorHandle, path: &str, stream: bool) -> String {
    let mut client = Client::connect(simulator).await;
    let got = match client.post(path, &body(path, "x", &json!({"stream": stream}))).await {
        Ok(got) => got,
        Err(error) => return format!("no headers: {}", cause(&error)),
    };
    let status = got.status.as_u16();
    let (frames, end) = got.read().await;
    let text = String::from_utf8(frames.concat()).unwrap();
    let whole = if stream {
        let events = text.matches("\n\n").count();
        let done = text.contains("[DONE]") || text.contains("message_stop");
        format!("{events} events{}", if done { ", done" } else { "" })
    } else if serde_json::from_str::<Value>(&text).is_ok() {
        "JSON".to_owned()
    } else {
        format!("{} no JSON", if text.is_empty() { "empty," } else { "text," })
    };
    match end {
        Ok(()) => format!("{status}, {whole}"),
        Err(error) => format!("{status}, {whole}, then {}", cause(&error)),
    }
}

fn cause(error: &hyper::Error) -> String {
    let io = std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
    match io.map(std::io::Error::kind) {
        Some(kind @ std::io::ErrorKind::ConnectionReset) => format!("{kind:?}"),
        _ => "closed".to_owned(),
    }
}

async fn check(fault: impl Into<Fault>, streamed: &str, whole: &str) {
    let fault = fault.into();
    let simulator = simulator(FaultRule::always(fault.clone())).await;
    for path in [OPENAI, ANTHROPIC] {
        // An Anthropic stream of the same text opens with two more events and has one more to close.
        let (events, opening) = if path == OPENAI { (6, 1) } else { (9, 3) };
        let expected =
            streamed.replace("ALL", &events.to_string()).replace("UNFINISHED", &(opening + 3).to_string());
        assert_eq!(seen(&simulator, path, true).await, expected, "{fault:?} {path}");
        assert_eq!(seen(&simulator, path, false).await, whole, "{fault:?} {path}");
    }
    let stats = simulator.wait_for(SOON, |stats| stats.connections_open == 0).await.unwrap();
    assert_eq!((stats.calls_started, stats.calls_in_flight), (4, 0), "{fault:?}");
    let breaks = streamed.contains("closed") || streamed.contains("Reset");
    assert_eq!(
        calls(&stats),
        if breaks {
            "4 = 0 finished + 0 cancelled + 4 broken + 0 running"
        } else {
            "4 = 4 finished + 0 cancelled + 0 broken + 0 running"
        },
        "{fault:?}"
    );
}

#[tokio::test]
async fn connections_break_where_asked() {
    check(Fault::CloseBeforeHeaders, "no headers: closed", "no headers: closed").await;
    check(Fault::ResetBeforeHeaders, "no headers: ConnectionReset", "no headers: ConnectionReset").await;
    let reset = |after_events| Fault::ResetMidBody { after_events };
    check(reset(2), "200, 2 events, then ConnectionReset", "200, text, no JSON, then ConnectionReset").await;
    check(reset(0), "200, 0 events, then ConnectionReset", "200, empty, no JSON, then ConnectionReset").await;
    let close = |after_events| Fault::CloseMidBody { after_events };
    check(close(3), "200, 3 events, then closed", "200, text, no JSON, then closed").await;
}

#[tokio::test]
async fn bodies_end_in_order_but_wrong() {
    check(Fault::EndWithoutTerminal { after_events: 2 }, "200, 2 events", "200, text, no JSON").await;
    check(Fault::EndWithoutTerminal { after_events: 99 }, "200, UNFINISHED events", "200, text, no JSON")
        .await;
    check(Fault::ErrorIn200 { after_events: 2, code: 529 }, "200, 3 events", "200, JSON").await;
    check(Fault::MalformedJson { after_events: 2 }, "200, ALL events, done", "200, text, no JSON").await;
    check(Fault::SplitEveryByte, "200, ALL events, done", "200, JSON").await;
    check(Fault::status(503), "503, 0 events", "503, JSON").await;
}

#[tokio::test]
async fn an_error_status_carries_its_headers_and_the_vendors_shape() {
    let busy = Fault::status(429)
        .with_header("retry-after", "2")
        .with_type("insufficient_quota")
        .with_message("Pay.");
    let simulator = simulator(FaultRule::always(busy)).await;
    let mut client = Client::connect(&simulator).await;
    let got = client.post(OPENAI, &body(OPENAI, "x", &json!({}))).await.unwrap();
    assert_eq!((got.status.as_u16(), got.header("retry-after")), (429, "2"));
    let expected = json!({"error": {"message": "Pay.", "type": "insufficient_quota", "param": null, "code": "insufficient_quota"}});
    assert_eq!(got.json().await, expected);
    simulator.set_persona("m", Persona::new().fault(FaultRule::always(Fault::status(529)))).unwrap();
    let got = client.post(ANTHROPIC, &body(ANTHROPIC, "x", &json!({}))).await.unwrap();
    assert_eq!(
        (got.status.as_u16(), &got.json().await["error"]),
        (529, &json!({"type": "overloaded_error", "message": "Overloaded"}))
    );
    let page = Fault::status(502).with_body("<html>Bad Gateway</html>");
    simulator.set_persona("m", Persona::new().fault(FaultRule::always(page))).unwrap();
    let got = client.post(ANTHROPIC, &body(ANTHROPIC, "x", &json!({}))).await.unwrap();
    assert_eq!((got.header("content-type"), got.status.as_u16()), ("text/html", 502));
    assert_eq!(got.text().await, "<html>Bad Gateway</html>");
}

#[tokio::test]
async fn an_error_event_ends_the_stream_in_the_vendors_shape() {
    let simulator = simulator(FaultRule::always(Fault::ErrorIn200 { after_events: 1, code: 529 })).await;
    let mut client = Client::connect(&simulator).await;
    let text =
        client.post(ANTHROPIC, &body(ANTHROPIC, "x", &json!({"stream": true}))).await.unwrap().text().await;
    let last = text.trim_end().rsplit("\n\n").next().unwrap();
    assert!(
        last.starts_with("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\""),
        "{last}"
    );
    let text = client.post(OPENAI, &body(OPENAI, "x", &json!({"stream": true}))).await.unwrap().text().await;
    assert!(text.trim_end().rsplit("\n\n").next().unwrap().starts_with("data: {\"error\":{"), "{text}");
}

#[tokio::test]
async fn contents_go_wrong_where_asked() {
    let html = Fault::ContentType { value: "text/html".into(), body: Some("<p>Sign in</p>".into()) };
    let simulator = simulator(FaultRule::always(html)).await;
    let mut client = Client::connect(&simulator).await;
    let got = client.post(OPENAI, &body(OPENAI, "x", &json!({}))).await.unwrap();
    assert_eq!((got.header("content-type"), got.status.as_u16()), ("text/html", 200));
    assert_eq!(got.text().await, "<p>Sign in</p>");
    let got = client.post(OPENAI, &body(OPENAI, "x", &json!({"stream": true}))).await.unwrap();
    assert_eq!(got.header("content-type"), "text/html");
    assert_eq!(got.text().await, "<p>Sign in</p>");
    simulator.set_persona("m", Persona::new().fault(FaultRule::always(Fault::EmptyContent))).unwrap();
    let reply = client.ask(OPENAI, &body(OPENAI, "x", &json!({}))).await;
    assert_eq!(reply["choices"][0]["message"]["content"], "");
    assert_eq!(client.ask(ANTHROPIC, &body(ANTHROPIC, "x", &json!({}))).await["content"], json!([]));
    simulator.set_persona("m", Persona::new().fault(FaultRule::always(Fault::WithoutDone))).unwrap();
    let text = client.post(OPENAI, &body(OPENAI, "x", &json!({"stream": true}))).await.unwrap().text().await;
    assert!(text.contains("\"finish_reason\":\"stop\"") && !text.contains("[DONE]"), "{text}");
}

#[tokio::test]
async fn split_bytes_arrive_one_by_one_and_join_to_the_same() {
    let simulator = simulator(FaultRule::always(Fault::SplitEveryByte).on_calls([2])).await;
    let mut client = Client::connect(&simulator).await;
    let ask = body(OPENAI, "x", &json!({"stream": true, "stream_options": {"include_obfuscation": false}}));
    let (plain, end) = client.post(OPENAI, &ask).await.unwrap().read().await;
    end.unwrap();
    let (split, end) = client.post(OPENAI, &ask).await.unwrap().read().await;
    end.unwrap();
    assert!(split.iter().all(|frame| frame.len() == 1));
    let without_id = |frames: &[Bytes]| {
        let text = String::from_utf8(frames.concat()).unwrap();
        text.split("\"object\"")
            .skip(1)
            .map(|part| part.split("\"id\"").next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(without_id(&plain).len(), 5);
    let contents = |parts: Vec<String>| {
        parts.iter().map(|part| part[part.find("\"choices\"").unwrap()..].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(contents(without_id(&plain)), contents(without_id(&split)));
}

#[tokio::test]
async fn rules_choose_the_calls() {
    let statuses = async |rule: FaultRule| {
        let simulator = simulator(rule).await;
        let mut client = Client::connect(&simulator).await;
        let mut seen = String::new();
        for _ in 0..8 {
            let got = client.post(OPENAI, &body(OPENAI, "x", &json!({}))).await.unwrap();
            seen.push(if got.status == 200 { '.' } else { 'x' });
            got.text().await;
        }
        seen
    };
    let fault = || FaultRule::always(Fault::status(500));
    assert_eq!(statuses(fault().on_calls([2, 5])).await, ".x..x...");
    assert_eq!(statuses(fault().first_calls(3)).await, "xxx.....");
    assert_eq!(statuses(fault().every(4)).await, "...x...x");
    let drawn = statuses(fault().with_probability(0.5)).await;
    assert!(drawn.contains('x') && drawn.contains('.'), "{drawn}");
    assert_eq!(statuses(fault().with_probability(0.5)).await, drawn);
}

#[tokio::test]
async fn a_client_that_leaves_is_counted_in_every_phase() {
    let hour = Latency::fixed(Duration::from_secs(3600));
    let stall = |fault| Persona::new().fault(FaultRule::always(fault));
    let simulator = Simulator::builder()
        .model("slow", Persona::new().latency(hour))
        .model("silent", stall(Fault::StallBeforeHeaders))
        .model("stuck", stall(Fault::StallMidBody { after_events: 2 }))
        .start()
        .await
        .unwrap();
    for (model, stream, events) in
        [("slow", false, 0), ("slow", true, 1), ("silent", true, 0), ("stuck", true, 2), ("stuck", false, 0)]
    {
        let mut client = Client::connect(&simulator).await;
        let ask = body(OPENAI, "x", &json!({"model": model, "stream": stream}));
        let before = simulator.stats().calls_cancelled;
        {
            let call = client.post(OPENAI, &ask);
            tokio::pin!(call);
            let running = simulator.wait_for(SOON, |stats| stats.calls_in_flight == 1);
            tokio::pin!(running);
            let got = tokio::select! {
                got = &mut call => Some(got.unwrap()),
                _ = &mut running => None,
            };
            if events > 0 {
                let mut got = match got {
                    Some(got) => got,
                    None => call.await.unwrap(),
                };
                let mut text = Vec::new();
                while text.windows(2).filter(|two| two == b"\n\n").count() < events {
                    text.extend(got.body.frame().await.unwrap().unwrap().into_data().unwrap());
                }
            }
        }
        assert_eq!(simulator.stats().connections_open, 1, "{model} {stream}");
        drop(client);
        let stats = simulator.wait_for(SOON, |stats| stats.connections_open == 0).await.unwrap();
        assert_eq!((stats.calls_in_flight, stats.calls_cancelled), (0, before + 1), "{model} {stream}");
    }
}

#[tokio::test]
async fn what_was_seen_is_told_and_forgotten() {
    let simulator = Simulator::builder().requests_recorded_max(2).start().await.unwrap();
    let mut client = Client::connect(&simulator).await;
    for (path, model) in [(OPENAI, "a"), (OPENAI, "a"), (ANTHROPIC, "a"), (ANTHROPIC, "b")] {
        client.ask(path, &body(path, &format!("from {model}"), &json!({"model": model}))).await;
    }
    let (_, stats) = client.get("/_simulator/stats").await;
    assert_eq!(stats["models"], json!({"a": {"chat_completions": 2, "messages": 1}, "b": {"messages": 1}}));
    assert_eq!((&stats["statuses"], &stats["connections_opened"]), (&json!({"200": 4}), &json!(1)));
    assert!(
        stats["bytes_received"].as_u64() > Some(400) && stats["bytes_sent"].as_u64() > Some(400),
        "{stats}"
    );
    assert_eq!(stats["calls_in_flight_max"], 1);
    let requests = simulator.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].json()["messages"][0]["content"], "from b");
    assert_eq!(
        (requests[1].header("x-api-key"), requests[1].header("anthropic-version")),
        (Some("(hidden)"), Some("2023-06-01"))
    );
    let (_, listed) = client.get("/_simulator/requests").await;
    assert!(listed[1]["body"]["model"] == "b" && !listed.to_string().contains("sk-secret"), "{listed}");
    let reset =
        http::Request::post("/_simulator/reset").header("host", "x").body(http_body_util::Full::default());
    client.send(reset.unwrap()).await.unwrap().text().await;
    let stats = simulator.stats();
    assert_eq!((stats.calls_started, stats.connections_open, simulator.requests().len()), (0, 1, 0));
}

#[tokio::test]
async fn dropping_the_handle_closes_everything() {
    let simulator = simulator(FaultRule::always(Fault::StallMidBody { after_events: 1 })).await;
    let address = simulator.address();
    let mut client = Client::connect(&simulator).await;
    let got = client.post(OPENAI, &body(OPENAI, "x", &json!({"stream": true}))).await.unwrap();
    drop(simulator);
    let (_, end) = got.read().await;
    end.unwrap_err();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
