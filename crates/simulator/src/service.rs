//! Answers one request: route, key, checks, persona, fault, reply. Each step that fails ends with a vendor's error.

use std::{future::pending, sync::Arc, time::Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde_json::Value;

use crate::{
    admin,
    answer::{self, Identity},
    ask::{Ask, WireError},
    body::{BrokenOff, ReplyBody},
    dialect::Dialect,
    dice::Dice,
    fault::{Fault, StatusFault},
    plan,
    socket::ResetSwitch,
    stats::{CallGuard, Endpoint, RecordedRequest},
    timer::{now, unix_seconds},
    tokens,
    world::{Member, World},
};

/// What serves the requests of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) world: Arc<World>,
    pub(crate) reset: ResetSwitch,
    pub(crate) http2: bool,
}

impl Service {
    pub(crate) async fn serve(self, request: Request<Incoming>) -> Result<Response<ReplyBody>, BrokenOff> {
        let received = now();
        let path = request.uri().path();
        let endpoint = match path {
            "/v1/chat/completions" | "/chat/completions" => Endpoint::ChatCompletions,
            "/v1/messages" | "/messages" => Endpoint::Messages,
            _ => return Ok(admin::serve(&self.world, &request)),
        };
        let number = self.world.next_request();
        let dialect = Dialect::of(endpoint, &self.world.dice, number);
        let call = CallGuard::start(&self.world.ledger);
        if request.method() != Method::POST {
            let message = format!("Not allowed to {} on {path}; use POST.", request.method());
            return Ok(dialect.refuse(&WireError::new(StatusCode::METHOD_NOT_ALLOWED, message), call));
        }
        Call { service: self, endpoint, dialect, received, number }.serve(request, call).await
    }
}

/// One call of a model.
struct Call {
    service: Service,
    endpoint: Endpoint,
    dialect: Dialect,
    received: Instant,
    number: u64,
}

impl Call {
    async fn serve(
        self,
        request: Request<Incoming>,
        mut call: CallGuard,
    ) -> Result<Response<ReplyBody>, BrokenOff> {
        let world = Arc::clone(&self.service.world);
        let (head, body) = request.into_parts();
        let body = match Limited::new(body, world.body_bytes_max).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                let message = format!("The request is larger than {} bytes.", world.body_bytes_max);
                return Ok(self
                    .dialect
                    .refuse(&WireError::new(StatusCode::PAYLOAD_TOO_LARGE, message), call));
            }
            // The client went away in the middle of its request; dropping the call counts it as cancelled.
            Err(_) => return Err(BrokenOff),
        };
        self.record(&head.headers, &body);
        call.remember(&body);
        match self.read(&head.headers, &body) {
            Ok((ask, member)) => self.answer(&ask, &member, call).await,
            Err(error) => Ok(self.dialect.refuse(&error, call)),
        }
    }

    fn record(&self, headers: &HeaderMap, body: &Bytes) {
        let headers = headers.iter().map(|(name, value)| {
            let value = match (name.as_str(), value.to_str()) {
                ("authorization", Ok(value)) => match value.split_once(' ') {
                    Some((scheme, _)) => format!("{scheme} (hidden)"),
                    None => "(hidden)".to_owned(),
                },
                ("x-api-key", _) => "(hidden)".to_owned(),
                (_, Ok(value)) => value.to_owned(),
                (_, Err(_)) => String::from_utf8_lossy(value.as_bytes()).into_owned(),
            };
            (name.as_str().to_owned(), value)
        });
        self.service.world.ledger.record(RecordedRequest {
            endpoint: self.endpoint,
            headers: headers.collect(),
            body: body.clone(),
            http2: self.service.http2,
        });
    }

    /// Reads the request and finds its model. The order of the checks is the vendors': key, JSON, model, parameters.
    fn read(&self, headers: &HeaderMap, body: &Bytes) -> Result<(Ask, Arc<Member>), WireError> {
        let world = &self.service.world;
        let count = |model: &str| world.ledger.count_model(model, self.endpoint);
        let value: Result<Value, _> = serde_json::from_slice(body);
        count(value.as_ref().ok().and_then(|value| value["model"].as_str()).unwrap_or_default());
        self.dialect.check_headers(headers, &world.keys)?;
        let value = value.map_err(|error| {
            let message = format!("We could not parse the JSON body of your request: {error}.");
            WireError::new(StatusCode::BAD_REQUEST, message)
        })?;
        let ask = self.dialect.read(headers, &value, world.schema_rules)?;
        let member = world.models.get(&ask.model).ok_or_else(|| self.dialect.unknown_model(&ask.model))?;
        let persona = &member.persona;
        if let Some(name) = persona.refuses.iter().find(|name| ask.parameters.contains(name)) {
            let message = format!("Unsupported parameter: '{name}' is not supported with this model.");
            return Err(WireError::invalid(name, message).code("unsupported_parameter"));
        }
        match persona.context_tokens_max {
            Some(max) if ask.input_tokens > max => Err(self.dialect.context_too_long(ask.input_tokens, max)),
            _ => Ok((ask, member)),
        }
    }

    async fn answer(
        self,
        ask: &Ask,
        member: &Member,
        mut call: CallGuard,
    ) -> Result<Response<ReplyBody>, BrokenOff> {
        let world = &self.service.world;
        let number = member.next_call();
        let fault = world.fault(member, number);
        match &fault {
            Some(Fault::Status(status)) => return Ok(self.status(status, call)),
            Some(broken @ (Fault::CloseBeforeHeaders | Fault::ResetBeforeHeaders)) => {
                if *broken == Fault::ResetBeforeHeaders {
                    self.service.reset.arm();
                }
                call.break_off();
                return Err(BrokenOff);
            }
            Some(Fault::StallBeforeHeaders) => {
                let _call = call;
                return pending().await;
            }
            _ => {}
        }
        let mut reply = match answer::compose(world, member, ask) {
            Ok(reply) => reply,
            Err(error) => return Ok(self.dialect.refuse(&error, call)),
        };
        if fault == Some(Fault::EmptyContent) {
            reply.text.clear();
        }
        let dice = world.dice.of(&member.model).at(number);
        let pieces = tokens::groups(&reply.text, member.persona.tokens_per_delta);
        let pace = member.persona.latency.draw(&dice.of("latency"), tokens::count(&reply.text), pieces.len());
        let identity = self.identity(&member.model, ask);
        let replaced = matches!(fault, Some(Fault::ContentType { body: Some(_), .. }));
        if let Some(options) = ask.stream.filter(|_| !replaced) {
            let events = self.dialect.events(&reply, &identity, options, &pieces, &dice);
            let error = |code| self.dialect.error_event(&WireError::of_status(code));
            let steps = plan::stream(events, pace, self.received, fault.as_ref(), error);
            let body =
                ReplyBody::scripted(steps, None, call, Arc::clone(&world.timer), self.service.reset.clone());
            return Ok(self.respond("text/event-stream; charset=utf-8", fault.as_ref(), body));
        }
        let bytes: Bytes = match &fault {
            Some(Fault::ContentType { body: Some(other), .. }) => other.clone().into(),
            Some(Fault::ErrorIn200 { code, .. }) => self.dialect.error_body(&WireError::of_status(*code)),
            _ => self.dialect.whole(&reply, &identity).into(),
        };
        let (steps, length) = plan::whole(bytes, fault.as_ref());
        // All work is done before the wait, so that it costs the caller no time on top.
        if !pace.total.is_zero() {
            world.timer.wait_until(self.received + pace.total).await;
        }
        let (timer, reset) = (Arc::clone(&world.timer), self.service.reset.clone());
        let body = ReplyBody::scripted(steps, Some(length), call, timer, reset);
        Ok(self.respond("application/json", fault.as_ref(), body))
    }

    fn identity(&self, model: &str, ask: &Ask) -> Identity {
        let mut dice: Dice = self.service.world.dice.of("id").of(model).at(self.number);
        Identity { id: self.dialect.reply_id(&mut dice), created: unix_seconds(), model: ask.model.clone() }
    }

    fn respond(
        &self,
        content_type: &'static str,
        fault: Option<&Fault>,
        body: ReplyBody,
    ) -> Response<ReplyBody> {
        let mut response = self.dialect.response(StatusCode::OK, content_type, body);
        if let Some(Fault::ContentType { value, .. }) = fault
            && let Ok(value) = HeaderValue::try_from(value)
        {
            response.headers_mut().insert(header::CONTENT_TYPE, value);
        }
        response
    }

    fn status(&self, fault: &StatusFault, call: CallGuard) -> Response<ReplyBody> {
        let standard = WireError::of_status(fault.code);
        let error = WireError {
            kind: fault.error_type.clone(),
            code: fault.error_code.clone(),
            message: fault.message.clone().unwrap_or(standard.message),
            ..standard
        };
        let mut response = match &fault.body {
            Some(body) => {
                let kind = if body.trim_start().starts_with('<') { "text/html" } else { "text/plain" };
                self.dialect.finished(error.status, kind, body.clone().into(), call)
            }
            None => self.dialect.refuse(&error, call),
        };
        for (name, value) in &fault.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
