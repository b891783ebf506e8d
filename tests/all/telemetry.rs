//! Traces as a receiver gets them: a real one, on a socket, that reads the protobuf with OpenTelemetry's own types.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value, trace::v1::Span,
};
use prost::Message;

use crate::support::{DESIGN, Shell, both_vendors, simulator};

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A receiver that takes everything, and what it took.
#[expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test that cannot be set up must stop; its few requests are the channel's bound"
)]
fn receiver() -> (String, Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let (sender, took) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
            let mut head = String::new();
            let mut length = 0;
            while reader.read_line(&mut head).is_ok_and(|read| read > 2) {
                let last = head.lines().last().unwrap_or_default().to_ascii_lowercase();
                if let Some(value) = last.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap_or(0);
                }
            }
            let mut body = vec![0; length];
            if reader.read_exact(&mut body).is_ok() {
                let _ = sender.send((head, body));
                let _ =
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            }
        }
    });
    (address, took)
}

fn word(span: &Span, key: &str) -> Option<String> {
    let attribute = span.attributes.iter().find(|attribute| attribute.key == key)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The spans as a tree, a line each.
fn tree(spans: &[Span], parent: &[u8], depth: usize, lines: &mut Vec<String>) {
    let mut children: Vec<&Span> = spans.iter().filter(|span| span.parent_span_id == parent).collect();
    children.sort_by_key(|span| (span.start_time_unix_nano, span.name.clone()));
    for span in children {
        lines.push(format!("{}{}", "  ".repeat(depth), span.name));
        tree(spans, &span.span_id, depth + 1, lines);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_council_is_a_trace_under_its_callers_and_the_headers_name_its_spans() {
    let simulator = simulator(Duration::from_millis(5)).await;
    let (address, took) = receiver();
    let mut environment = both_vendors(&simulator);
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", address.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=secret%20of%20the%20receiver"),
        ("OTEL_SERVICE_NAME", "the-tests"),
        ("TRACEPARENT", CALLER),
        ("ORCHESTRATOR_PROVIDERS_OPENAI_TRACE_CONTEXT", "true"),
    ] {
        environment.push((name.to_owned(), value.to_owned()));
    }
    let shell = Shell::new(environment);
    let ran = shell.run(&["ask", "--mode", "council", DESIGN]);
    ran.succeeded();
    assert!(!ran.stderr.contains("secret"), "{ran:?}");
    let mut spans = Vec::new();
    while let Ok((head, body)) = took.try_recv() {
        assert!(head.starts_with("POST /v1/traces ") && head.contains("application/x-protobuf"), "{head}");
        assert!(head.to_lowercase().contains("x-api-key: secret of the receiver"), "{head}");
        let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
        assert!(!String::from_utf8_lossy(&body).contains("microservice"), "no word of the question is sent");
        for resource in request.resource_spans {
            assert!(format!("{:?}", resource.resource).contains("the-tests"));
            spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }
    let mut lines = Vec::new();
    tree(&spans, &[0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7], 0, &mut lines);
    println!("{}", lines.join("\n"));
    assert_eq!(lines.len(), spans.len(), "every span hangs below the caller's: {lines:?}");
    assert_eq!(lines[0], "invoke_workflow async-orchestrator");
    for role in ["proposer-1", "critic-2", "synthesizer-1", "implementer-1", "validator-1"] {
        assert!(lines.contains(&format!("  invoke_agent {role}")), "{role}: {lines:?}");
    }
    let calls = usize::try_from(simulator.stats().calls_started).unwrap();
    let attempts: BTreeMap<Vec<u8>, &Span> = spans
        .iter()
        .filter(|span| word(span, "async_orchestrator.attempt").is_some())
        .map(|span| (span.span_id.clone(), span))
        .collect();
    assert_eq!(attempts.len(), calls);
    assert!(spans.iter().all(|span| span.trace_id[..2] == [0x4b, 0xf9]));
    assert!(spans.iter().all(|span| span.start_time_unix_nano <= span.end_time_unix_nano));
    // What a server was told is the span of that very attempt; who was not to be told anything was not.
    let (mut told, mut untold) = (0, 0);
    for request in simulator.requests() {
        let Some(header) = request.header("traceparent") else {
            untold += 1;
            continue;
        };
        told += 1;
        let id: Vec<u8> =
            (0..8).map(|at| u8::from_str_radix(&header[36 + 2 * at..38 + 2 * at], 16).unwrap()).collect();
        let span = attempts.get(&id).unwrap_or_else(|| panic!("{header} is no span"));
        assert_eq!(word(span, "gen_ai.provider.name").as_deref(), Some("openai"));
        assert_eq!(word(span, "gen_ai.request.model"), request.json()["model"].as_str().map(str::to_owned));
    }
    assert!(told > 0 && untold > 0, "{told} {untold}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_not_there_costs_no_answer_and_a_wrong_variable_is_named() {
    let simulator = simulator(Duration::ZERO).await;
    let mut environment = both_vendors(&simulator);
    environment.push(("OTEL_EXPORTER_OTLP_ENDPOINT".into(), "http://127.0.0.1:1".into()));
    let shell = Shell::new(environment.clone());
    let ran = shell.run(&["ask", "--mode", "express", "Which day follows Monday?"]);
    ran.succeeded();
    assert!(ran.stderr.contains("spans could not be sent"), "{ran:?}");
    environment.push(("OTEL_EXPORTER_OTLP_PROTOCOL".into(), "grpc".into()));
    let wrong = Shell::new(environment);
    wrong.run(&["ask", "Which day follows Monday?"]).failed(3, "OTEL_EXPORTER_OTLP_PROTOCOL");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_tells_what_happens_and_not_what_is_said() {
    let simulator = simulator(Duration::ZERO).await;
    let mut environment = both_vendors(&simulator);
    let ask = ["ask", "--mode", "council", DESIGN];
    let silent = Shell::new(environment.clone()).run(&ask);
    assert!(!silent.stderr.contains("attempt answered"), "{silent:?}");
    environment.push((String::from("RUST_LOG"), String::from("info")));
    let ran = Shell::new(environment.clone()).run(&ask);
    ran.succeeded();
    assert!(ran.stderr.contains("attempt answered") && ran.stderr.contains("triaged"), "{ran:?}");
    assert!(!ran.stderr.contains("microservice") && !ran.stderr.contains("test-key"), "{ran:?}");
    environment.push((String::from("RUST_LOG"), String::from("a=b=c")));
    let wrong = Shell::new(environment);
    wrong.run(&ask).failed(3, "RUST_LOG");
    wrong.run(&["completions", "bash"]).succeeded();
}
