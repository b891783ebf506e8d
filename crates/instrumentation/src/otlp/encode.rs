//! Spans as OTLP messages.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span, status},
};
use prost::Message;

use super::OtlpConfig;
use crate::{
    semconv,
    spans::{AttributeValue, FinishedSpan},
};

/// The body of a request with `batch`.
pub(super) fn request(config: &OtlpConfig, batch: impl Iterator<Item = FinishedSpan>) -> Vec<u8> {
    let resource = config.resource.iter().map(|(key, value)| pair(key, Value::StringValue(value.clone())));
    let resource = Resource { attributes: resource.collect(), ..Resource::default() };
    let scope = InstrumentationScope {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        attributes: vec![pair("semconv", Value::StringValue(semconv::CONVENTIONS.to_owned()))],
        ..InstrumentationScope::default()
    };
    let spans = batch.map(span).collect();
    let scoped = ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() };
    let resourced =
        ResourceSpans { resource: Some(resource), scope_spans: vec![scoped], ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![resourced] }.encode_to_vec()
}

/// How many spans a receiver says it did not take; a reply that says nothing took all.
pub(super) fn rejected(body: &[u8]) -> u64 {
    let reply = ExportTraceServiceResponse::decode(body).unwrap_or_default();
    reply.partial_success.map_or(0, |partial| partial.rejected_spans.unsigned_abs())
}

fn span(span: FinishedSpan) -> Span {
    Span {
        trace_id: span.trace.0.to_vec(),
        span_id: span.id.0.to_vec(),
        trace_state: span.state.unwrap_or_default(),
        parent_span_id: span.parent.map(|parent| parent.0.to_vec()).unwrap_or_default(),
        name: span.name,
        kind: (if span.is_client { span::SpanKind::Client } else { span::SpanKind::Internal }) as i32,
        start_time_unix_nano: nanos(span.start),
        end_time_unix_nano: nanos(span.end),
        attributes: attributes(span.attributes),
        events: span
            .events
            .into_iter()
            .map(|event| span::Event {
                time_unix_nano: nanos(event.at),
                name: event.name.to_owned(),
                attributes: attributes(event.attributes),
                dropped_attributes_count: 0,
            })
            .collect(),
        status: span.error.map(|why| Status { message: why, code: status::StatusCode::Error as i32 }),
        ..Span::default()
    }
}

fn attributes(attributes: Vec<(&'static str, AttributeValue)>) -> Vec<KeyValue> {
    let value = |value| match value {
        AttributeValue::Text(text) => Value::StringValue(text),
        AttributeValue::Int(number) => Value::IntValue(number),
        AttributeValue::Double(number) => Value::DoubleValue(number),
    };
    attributes.into_iter().map(|(key, of)| pair(key, value(of))).collect()
}

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn nanos(at: SystemTime) -> u64 {
    u64::try_from(at.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)
}
