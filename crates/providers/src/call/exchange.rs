//! One HTTP exchange with a vendor: sends, checks the head, and turns every failure into an error that names the target and hides what was sent.

use std::{fmt, sync::Arc};

use async_orchestrator_core::{
    CallContext, ErrorKind, ModelRef, ProviderError, RetryAdvice, SpanId, TraceContext,
};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{ACCEPT, CONTENT_TYPE},
};
use http_body_util::Full;
use serde_json::Value;

use super::{
    Delivery, Reply, Wire,
    stream::{Decode, EventStream},
};
use crate::{
    Transport, TransportError,
    endpoint::Headers,
    redact::{Redactor, Secrets},
    retry_after,
    transport::ReplyBody,
    vendor_error::VendorError,
};

/// The most bytes of an error's body that are read.
const ERROR_BYTES_MAX: usize = 64 << 10;
const JSON: &str = "application/json";
const EVENT_STREAM: &str = "text/event-stream";

/// What the official SDKs obey before anything else.
fn retry_advice(headers: &HeaderMap) -> Option<RetryAdvice> {
    match headers.get("x-should-retry")?.as_bytes() {
        b"true" => Some(RetryAdvice::Again),
        b"false" => Some(RetryAdvice::Never),
        _ => None,
    }
}

/// How a protocol classifies an error.
pub(crate) type Classify = fn(&VendorError) -> ErrorKind;

/// The way to one server with one key.
pub(crate) struct Exchange {
    transport: Transport,
    headers: Headers,
    secrets: Arc<Secrets>,
    target: ModelRef,
    classify: Classify,
}

/// A reply with a good status, its body still to be read.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: ReplyBody,
}

/// Where in a trace a call stands, as the headers of W3C Trace Context.
pub(super) struct TraceHeaders {
    parent: String,
    state: Option<String>,
}

impl TraceHeaders {
    /// Those of the newest attempt of `context`'s call: its span's id follows from names, so whoever exports the span writes the same one.
    pub(super) fn of(context: &CallContext) -> Self {
        let run = context.events.run();
        let trace = context.events.trace().cloned().unwrap_or_else(|| TraceContext::root(run));
        let attempt = context.attempts.load(std::sync::atomic::Ordering::Relaxed);
        let span = SpanId::of_attempt(run, &context.call, attempt);
        Self { parent: trace.traceparent_of(span), state: trace.state().map(str::to_owned) }
    }

    fn write(self, headers: &mut HeaderMap) {
        let state = self.state.map(|state| (HeaderName::from_static("tracestate"), state));
        let parent = (HeaderName::from_static("traceparent"), self.parent);
        for (name, value) in [Some(parent), state].into_iter().flatten() {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
    }
}

impl Exchange {
    pub(super) fn new(transport: Transport, headers: Headers, target: ModelRef, classify: Classify) -> Self {
        let secrets = Secrets::new(headers.secrets());
        Self { transport, headers, secrets, target, classify }
    }

    pub(super) async fn post(
        &self,
        uri: &Uri,
        body: Bytes,
        delivery: Delivery,
        trace: Option<TraceHeaders>,
    ) -> Result<(Answer, Redactor), ProviderError> {
        let accept = match delivery {
            Delivery::Whole => JSON,
            Delivery::Streamed => EVENT_STREAM,
        };
        self.send(Method::POST, uri, body, accept, trace).await
    }

    pub(super) async fn get(&self, uri: &Uri) -> Result<(Answer, Redactor), ProviderError> {
        self.send(Method::GET, uri, Bytes::new(), JSON, None).await
    }

    async fn send(
        &self,
        method: Method,
        uri: &Uri,
        body: Bytes,
        accept: &'static str,
        trace: Option<TraceHeaders>,
    ) -> Result<(Answer, Redactor), ProviderError> {
        let redactor = Redactor::new(body.clone(), &self.secrets);
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = self.headers.map().clone();
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static(accept));
        if let Some(trace) = trace {
            trace.write(request.headers_mut());
        }
        let response = self.transport.send(request).await.map_err(|error| self.broken(error, None))?;
        let answer = self.checked(response, &redactor).await?;
        Ok((answer, redactor))
    }

    /// Reads a JSON body and the request's id.
    pub(super) async fn read_json(
        &self,
        answer: Answer,
        redactor: &Redactor,
    ) -> Result<(Value, Option<String>), ProviderError> {
        self.read_body(answer, redactor, |_| None::<Value>, Ok).await
    }

    /// Reads a whole reply and the request's id. That the reply is no good is told apart from a failed exchange.
    pub(super) async fn read_reply<W: Wire>(
        &self,
        answer: Answer,
        redactor: &Redactor,
    ) -> Result<(Result<Reply, ProviderError>, Option<String>), ProviderError> {
        let usual = |body: &[u8]| W::read_usual(body).map(Ok);
        self.read_body(answer, redactor, usual, |value| Ok(W::read(&value))).await
    }

    /// Reads a body by `usual`, or as any JSON by `other`.
    async fn read_body<T>(
        &self,
        answer: Answer,
        redactor: &Redactor,
        usual: impl FnOnce(&[u8]) -> Option<T>,
        other: impl FnOnce(Value) -> Result<T, ProviderError>,
    ) -> Result<(T, Option<String>), ProviderError> {
        let id = request_id(&answer.headers);
        let failed = |kind, detail: String| {
            let id = id.as_deref().and_then(|id| redactor.name(id));
            Err(self.blame(ProviderError::new(kind).with_detail(detail), None, id.as_deref()))
        };
        if answer.status == StatusCode::NO_CONTENT {
            return failed(ErrorKind::Malformed, "the reply has no content (204)".to_owned());
        }
        if let Some(other) = other_type(&answer.headers, is_json) {
            return failed(
                ErrorKind::Malformed,
                format!("the reply is {other} instead of JSON: check the base URL"),
            );
        }
        let read = answer.body.read_whole(self.transport.body_bytes_max()).await;
        let named = || id.as_deref().and_then(|id| redactor.name(id));
        let body = read.map_err(|error| self.broken(error, named().as_deref()))?;
        if body.iter().all(u8::is_ascii_whitespace) {
            return failed(ErrorKind::Malformed, "the reply is empty".to_owned());
        }
        if let Some(read) = usual(&body) {
            return Ok((read, id.and_then(|id| redactor.id(&id))));
        }
        // serde_json's messages may quote what was read, so only the place is told.
        let value: Value = match serde_json::from_slice(&body) {
            Ok(value) => value,
            Err(error) if error.is_eof() => {
                return failed(ErrorKind::Truncated, "the reply's JSON ends too early".to_owned());
            }
            Err(error) => {
                let place = format!("line {}, column {}", error.line(), error.column());
                return failed(ErrorKind::Malformed, format!("the reply is no JSON at {place}"));
            }
        };
        match VendorError::read(&value) {
            Some(error) => Err(self.vendor_failed(&error, redactor, id)),
            None => Ok((other(value)?, id.and_then(|id| redactor.id(&id)))),
        }
    }

    /// A stream of events over the answer's body.
    pub(super) async fn read_events<D: Decode + 'static>(
        &self,
        answer: Answer,
        redactor: Redactor,
        decoder: D,
        input_bytes: usize,
    ) -> Result<EventStream<D>, ProviderError> {
        if let Some(other) = other_type(&answer.headers, |kind| kind == EVENT_STREAM) {
            // An error object under a good status has its own class, whatever was asked for.
            if other_type(&answer.headers, is_json).is_none() {
                self.read_json(answer, &redactor).await?;
                let error = ProviderError::new(ErrorKind::Malformed)
                    .with_detail("the server does not stream: it sent one JSON document");
                return Err(self.blame(error, None, None));
            }
            let request_id = request_id(&answer.headers).and_then(|id| redactor.name(&id));
            let detail = format!("the reply is {other} instead of a stream of events: check the base URL");
            let error = ProviderError::new(ErrorKind::Malformed).with_detail(detail);
            return Err(self.blame(error, None, request_id.as_deref()));
        }
        let request_id = request_id(&answer.headers);
        let failures =
            Failures { target: self.target.clone(), classify: self.classify, redactor, request_id };
        Ok(EventStream::new(&self.transport, answer.body, decoder, failures, input_bytes))
    }

    /// The answer if its status is good.
    async fn checked(
        &self,
        response: Response<ReplyBody>,
        redactor: &Redactor,
    ) -> Result<Answer, ProviderError> {
        let (head, body) = response.into_parts();
        if head.status.is_success() {
            return Ok(Answer { status: head.status, headers: head.headers, body });
        }
        let request_id = request_id(&head.headers);
        if head.status.is_redirection() {
            let error = ProviderError::new(ErrorKind::Invalid)
                .with_detail("the server redirects: write the final address into the base URL");
            let id = request_id.and_then(|id| redactor.name(&id));
            return Err(self.blame(error, Some(head.status.as_u16()), id.as_deref()));
        }
        let start = body.read_start(ERROR_BYTES_MAX).await;
        let mut error =
            serde_json::from_slice(&start).ok().as_ref().and_then(VendorError::read).unwrap_or_default();
        // The real status is worth more than one that the body names.
        error.status = Some(head.status.as_u16());
        error.retry_after = retry_after::hint(&head.headers, self.transport.clock().wall());
        let failed = self.vendor_failed(&error, redactor, request_id);
        Err(failed.with_retry_advice(retry_advice(&head.headers)))
    }

    fn vendor_failed(
        &self,
        error: &VendorError,
        redactor: &Redactor,
        request_id: Option<String>,
    ) -> ProviderError {
        let redactor = redactor.clone();
        let failures =
            Failures { target: self.target.clone(), classify: self.classify, redactor, request_id };
        failures.vendor(error)
    }

    fn broken(&self, error: TransportError, request_id: Option<&str>) -> ProviderError {
        self.blame(error.into(), None, request_id)
    }

    /// `error` with what is known of the call.
    pub(super) fn blame(
        &self,
        error: ProviderError,
        status: Option<u16>,
        request_id: Option<&str>,
    ) -> ProviderError {
        blamed(error, &self.target, status, request_id)
    }
}

/// What a stream needs to report its failures after the provider has let go of it.
pub(super) struct Failures {
    target: ModelRef,
    classify: Classify,
    redactor: Redactor,
    /// As the header says it: shown only after a look at it.
    request_id: Option<String>,
}

impl Failures {
    /// An error of the vendor, by status or inside a reply.
    pub(super) fn vendor(&self, error: &VendorError) -> ProviderError {
        let kind = (self.classify)(error);
        let request_id = self.named_id().or_else(|| self.redactor.name(error.request_id.as_deref()?));
        let mut failed = ProviderError::new(kind);
        if let Some(detail) = self.redactor.describe(error) {
            failed = failed.with_detail(detail);
        }
        blamed(failed, &self.target, error.status, request_id.as_deref())
    }

    /// An error of ours.
    pub(super) fn own(&self, error: impl Into<ProviderError>) -> ProviderError {
        blamed(error.into(), &self.target, None, self.named_id().as_deref())
    }

    fn named_id(&self) -> Option<String> {
        self.redactor.name(self.request_id.as_deref()?)
    }

    pub(super) fn target(&self) -> &ModelRef {
        &self.target
    }

    /// The id of a call that went well.
    pub(super) fn request_id(&self) -> Option<String> {
        self.redactor.id(self.request_id.as_deref()?)
    }
}

fn blamed(
    error: ProviderError,
    target: &ModelRef,
    status: Option<u16>,
    request_id: Option<&str>,
) -> ProviderError {
    let mut error = error.with_target(target.clone());
    if let Some(status) = status {
        error = error.with_status(status);
    }
    if let Some(id) = request_id {
        error = error.with_request_id(id);
    }
    error
}

fn request_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get("x-request-id").or_else(|| headers.get("request-id"))?;
    id.to_str().ok().map(str::to_owned)
}

/// The reply's content type, if it names one that is not `expected`.
fn other_type(headers: &HeaderMap, expected: impl Fn(&str) -> bool) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().unwrap_or("of an unreadable type");
    let kind = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if expected(&kind) {
        return None;
    }
    let plain = kind.chars().all(|c| c.is_ascii_alphanumeric() || "/+-.".contains(c)) && kind.len() <= 40;
    Some(if plain && !kind.is_empty() { kind } else { "of an unknown type".to_owned() })
}

fn is_json(kind: &str) -> bool {
    kind == JSON || kind.ends_with("+json")
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("target", &self.target)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}
