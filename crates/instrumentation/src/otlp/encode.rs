//! Spans as OTLP messages: `opentelemetry/proto/trace/v1/trace.proto`, version 1.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::BytesMut;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceResponse,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{span::SpanKind, status::StatusCode},
};
use prost::Message;

use super::{OtlpConfig, wire};
use crate::{
    semconv,
    spans::{AttributeValue, FinishedSpan},
};

/// The fields of the messages that are written by hand, by the message.
mod field {
    pub(super) const REQUEST_RESOURCE_SPANS: u32 = 1;
    pub(super) const RESOURCE_SPANS_RESOURCE: u32 = 1;
    pub(super) const RESOURCE_SPANS_SCOPE_SPANS: u32 = 2;
    pub(super) const SCOPE_SPANS_SCOPE: u32 = 1;
    pub(super) const SCOPE_SPANS_SPANS: u32 = 2;
    pub(super) const TRACE_ID: u32 = 1;
    pub(super) const SPAN_ID: u32 = 2;
    pub(super) const TRACE_STATE: u32 = 3;
    pub(super) const PARENT_SPAN_ID: u32 = 4;
    pub(super) const NAME: u32 = 5;
    pub(super) const KIND: u32 = 6;
    pub(super) const START: u32 = 7;
    pub(super) const END: u32 = 8;
    pub(super) const ATTRIBUTES: u32 = 9;
    pub(super) const EVENTS: u32 = 11;
    pub(super) const STATUS: u32 = 15;
    pub(super) const EVENT_TIME: u32 = 1;
    pub(super) const EVENT_NAME: u32 = 2;
    pub(super) const EVENT_ATTRIBUTES: u32 = 3;
    pub(super) const STATUS_MESSAGE: u32 = 2;
    pub(super) const STATUS_CODE: u32 = 3;
    pub(super) const PAIR_KEY: u32 = 1;
    pub(super) const PAIR_VALUE: u32 = 2;
    pub(super) const VALUE_TEXT: u32 = 1;
    pub(super) const VALUE_INT: u32 = 3;
    pub(super) const VALUE_DOUBLE: u32 = 4;
}

/// What stands around the spans of every request.
pub(super) struct Envelope {
    /// The field of the resource.
    resource: Vec<u8>,
    /// The field of the scope.
    scope: Vec<u8>,
}

impl Envelope {
    pub(super) fn new(config: &OtlpConfig) -> Self {
        let attributes = config.resource.iter().map(|(key, value)| pair(key, value));
        let resource = Resource { attributes: attributes.collect(), ..Resource::default() };
        let scope = InstrumentationScope {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            attributes: vec![pair("semconv", semconv::CONVENTIONS)],
            ..InstrumentationScope::default()
        };
        let (mut of_resource, mut of_scope) = (Vec::new(), Vec::new());
        wire::bytes(&mut of_resource, field::RESOURCE_SPANS_RESOURCE, &resource.encode_to_vec());
        wire::bytes(&mut of_scope, field::SCOPE_SPANS_SCOPE, &scope.encode_to_vec());
        Self { resource: of_resource, scope: of_scope }
    }

    /// Writes the body of a request with `spans`, as [`span`] wrote them, into `body`, which is empty.
    pub(super) fn request(&self, spans: &[u8], body: &mut BytesMut) {
        let head = |field, length| {
            let mut head = Vec::new();
            wire::delimited(&mut head, field, length);
            head
        };
        let scoped = self.scope.len() + spans.len();
        let scope_spans = head(field::RESOURCE_SPANS_SCOPE_SPANS, scoped);
        let resourced = self.resource.len() + scope_spans.len() + scoped;
        let resource_spans = head(field::REQUEST_RESOURCE_SPANS, resourced);
        body.reserve(resource_spans.len() + resourced);
        for part in [&*resource_spans, &*self.resource, &*scope_spans, &*self.scope, spans] {
            body.extend_from_slice(part);
        }
    }
}

fn pair(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

/// How many spans a receiver says it did not take; a reply that says nothing took all.
pub(super) fn rejected(body: &[u8]) -> u64 {
    let reply = ExportTraceServiceResponse::decode(body).unwrap_or_default();
    reply.partial_success.map_or(0, |partial| partial.rejected_spans.unsigned_abs())
}

/// Writes `span` behind the others.
pub(super) fn span(out: &mut Vec<u8>, span: &FinishedSpan) {
    wire::message(out, field::SCOPE_SPANS_SPANS, |out| {
        wire::bytes(out, field::TRACE_ID, &span.trace.0);
        wire::bytes(out, field::SPAN_ID, &span.id.0);
        wire::bytes(out, field::TRACE_STATE, span.state.as_deref().unwrap_or_default().as_bytes());
        if let Some(parent) = &span.parent {
            wire::bytes(out, field::PARENT_SPAN_ID, &parent.0);
        }
        wire::bytes(out, field::NAME, span.name.as_bytes());
        let kind = if span.is_client { SpanKind::Client } else { SpanKind::Internal };
        wire::uint(out, field::KIND, kind as u64);
        wire::fixed(out, field::START, nanos(span.start));
        wire::fixed(out, field::END, nanos(span.end));
        attributes(out, field::ATTRIBUTES, &span.attributes);
        for event in &span.events {
            wire::message(out, field::EVENTS, |out| {
                wire::fixed(out, field::EVENT_TIME, nanos(event.at));
                wire::bytes(out, field::EVENT_NAME, event.name.as_bytes());
                attributes(out, field::EVENT_ATTRIBUTES, &event.attributes);
            });
        }
        if let Some(why) = &span.error {
            wire::message(out, field::STATUS, |out| {
                wire::bytes(out, field::STATUS_MESSAGE, why.as_bytes());
                wire::uint(out, field::STATUS_CODE, StatusCode::Error as u64);
            });
        }
    });
}

fn attributes(out: &mut Vec<u8>, field: u32, attributes: &[(&'static str, AttributeValue)]) {
    for (key, value) in attributes {
        wire::message(out, field, |out| {
            wire::bytes(out, field::PAIR_KEY, key.as_bytes());
            wire::message(out, field::PAIR_VALUE, |out| match value {
                // What is left out here would be no value at all, so the empty text is written too.
                AttributeValue::Text(text) => {
                    wire::delimited(out, field::VALUE_TEXT, text.len());
                    out.extend_from_slice(text.as_bytes());
                }
                AttributeValue::Int(number) => wire::uint(out, field::VALUE_INT, number.cast_unsigned()),
                AttributeValue::Double(number) => wire::fixed(out, field::VALUE_DOUBLE, number.to_bits()),
            });
        });
    }
}

fn nanos(at: SystemTime) -> u64 {
    u64::try_from(at.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use async_orchestrator_core::{SpanId, TraceId};
    use opentelemetry_proto::tonic::{
        collector::trace::v1::ExportTraceServiceRequest,
        trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::Event},
    };

    use super::*;
    use crate::spans::SpanEvent;

    fn at(nanos: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(nanos)
    }

    fn long() -> FinishedSpan {
        FinishedSpan {
            trace: TraceId([7; 16]),
            state: Some(String::from("vendor=1")),
            id: SpanId([8; 8]),
            parent: Some(SpanId([9; 8])),
            name: String::from("chat ü"),
            is_client: true,
            start: at(1),
            end: at(u64::MAX),
            attributes: vec![
                ("empty", AttributeValue::Text("".into())),
                ("long", AttributeValue::Text("x".repeat(20_000).into())),
                ("none", AttributeValue::Int(0)),
                ("least", AttributeValue::Int(i64::MIN)),
                ("half", AttributeValue::Double(0.5)),
                ("none", AttributeValue::Double(0.0)),
                ("less", AttributeValue::Double(-0.5)),
            ],
            events: vec![
                SpanEvent { at: at(128), name: "hedge", attributes: vec![("ms", AttributeValue::Int(300))] },
                SpanEvent { at: at(1 << 63), name: "retry", attributes: Vec::new() },
            ],
            error: Some("y".repeat(127)),
        }
    }

    fn short() -> FinishedSpan {
        FinishedSpan {
            trace: TraceId([1; 16]),
            state: None,
            id: SpanId([2; 8]),
            parent: None,
            name: String::from("run"),
            is_client: false,
            start: at(5),
            end: at(5),
            attributes: Vec::new(),
            events: Vec::new(),
            error: None,
        }
    }

    /// The messages that `prost` would write.
    fn owned(span: &FinishedSpan) -> Span {
        let attributes = |attributes: &[(&'static str, AttributeValue)]| {
            let of = |value: &AttributeValue| match value {
                AttributeValue::Text(text) => Value::StringValue(text.to_string()),
                AttributeValue::Int(number) => Value::IntValue(*number),
                AttributeValue::Double(number) => Value::DoubleValue(*number),
            };
            let mut pairs = Vec::new();
            for (key, value) in attributes {
                let value = Some(AnyValue { value: Some(of(value)) });
                pairs.push(KeyValue { key: (*key).to_owned(), value, ..KeyValue::default() });
            }
            pairs
        };
        Span {
            trace_id: span.trace.0.to_vec(),
            span_id: span.id.0.to_vec(),
            trace_state: span.state.clone().unwrap_or_default(),
            parent_span_id: span.parent.map(|parent| parent.0.to_vec()).unwrap_or_default(),
            name: span.name.clone(),
            kind: (if span.is_client { SpanKind::Client } else { SpanKind::Internal }) as i32,
            start_time_unix_nano: nanos(span.start),
            end_time_unix_nano: nanos(span.end),
            attributes: attributes(&span.attributes),
            events: span
                .events
                .iter()
                .map(|event| Event {
                    time_unix_nano: nanos(event.at),
                    name: event.name.to_owned(),
                    attributes: attributes(&event.attributes),
                    dropped_attributes_count: 0,
                })
                .collect(),
            status: span.error.clone().map(|message| Status { message, code: StatusCode::Error as i32 }),
            ..Span::default()
        }
    }

    #[test]
    fn a_request_is_to_the_byte_what_the_generated_messages_write() {
        let of = |name: &str| match name {
            "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(String::from("http://localhost:4318")),
            "OTEL_RESOURCE_ATTRIBUTES" => Some(String::from("deployment.environment.name=test")),
            _ => None,
        };
        let config = OtlpConfig::read(&of).unwrap().unwrap();
        for spans in [vec![], vec![short()], vec![long(), short(), long()]] {
            let mut written = Vec::new();
            for one in &spans {
                span(&mut written, one);
            }
            let mut body = BytesMut::new();
            Envelope::new(&config).request(&written, &mut body);

            let request = ExportTraceServiceRequest::decode(&*body).unwrap();
            let [ResourceSpans { resource: Some(resource), scope_spans, .. }] = &*request.resource_spans
            else {
                panic!("{request:?}")
            };
            let keys: Vec<&str> = resource.attributes.iter().map(|one| &*one.key).collect();
            assert_eq!(keys, ["deployment.environment.name", "service.name"]);
            let [ScopeSpans { scope: Some(scope), spans: read, .. }] = &**scope_spans else {
                panic!("{scope_spans:?}")
            };
            assert_eq!(scope.name, env!("CARGO_PKG_NAME"));
            assert_eq!(*read, spans.iter().map(owned).collect::<Vec<_>>());
            assert_eq!(request.encode_to_vec(), body);
        }
    }
}
