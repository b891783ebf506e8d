//! The requests that are no calls of a model: the list of models, and the simulator's own endpoints.

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::{ask::WireError, body::ReplyBody, openai, world::World};

pub(crate) fn serve<B>(world: &World, request: &Request<B>) -> Response<ReplyBody> {
    let path = request.uri().path();
    if !path.starts_with("/_simulator/") {
        world.ledger.change(|stats| stats.other_requests += 1);
    }
    match (request.method(), path) {
        (&Method::GET, "/v1/models" | "/models") => {
            let anthropic = request.headers().contains_key("anthropic-version");
            let names = || world.models.listed().iter();
            respond(StatusCode::OK, &if anthropic { anthropic_list(&names()) } else { openai_list(names()) })
        }
        (&Method::GET, "/_simulator/stats") => {
            // Counters and names serialise without fail.
            respond(StatusCode::OK, &serde_json::to_value(world.ledger.stats()).unwrap_or_default())
        }
        (&Method::GET, "/_simulator/requests") => respond(StatusCode::OK, &requests(world)),
        (&Method::POST, "/_simulator/reset") => {
            world.reset();
            respond(StatusCode::OK, &json!({"reset": true}))
        }
        (
            _,
            "/v1/models" | "/models" | "/_simulator/stats" | "/_simulator/requests" | "/_simulator/reset",
        ) => {
            let message = format!("Not allowed to {} on {path}.", request.method());
            respond(
                StatusCode::METHOD_NOT_ALLOWED,
                &openai::error::write(&WireError::new(StatusCode::METHOD_NOT_ALLOWED, message)),
            )
        }
        (method, path) => {
            let message = format!("Invalid URL ({method} {path})");
            let error = WireError::new(StatusCode::NOT_FOUND, message).code("unknown_url");
            respond(StatusCode::NOT_FOUND, &openai::error::write(&error))
        }
    }
}

fn openai_list<'a>(names: impl Iterator<Item = &'a String>) -> Value {
    let models = names.map(
        |name| json!({"id": name, "object": "model", "created": 1_767_225_600, "owned_by": "simulator"}),
    );
    json!({"object": "list", "data": models.collect::<Vec<_>>()})
}

fn anthropic_list<'a>(names: &(impl DoubleEndedIterator<Item = &'a String> + Clone)) -> Value {
    let models = names.clone().map(|name| {
        json!({"type": "model", "id": name, "display_name": name, "created_at": "2026-01-01T00:00:00Z"})
    });
    json!({
        "data": models.collect::<Vec<_>>(),
        "has_more": false,
        "first_id": names.clone().next(),
        "last_id": names.clone().next_back(),
    })
}

fn requests(world: &World) -> Value {
    let rows = world.ledger.requests().into_iter().map(|request| {
        let headers: serde_json::Map<String, Value> =
            request.headers.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        let body = match request.json() {
            Value::Null => Value::from(String::from_utf8_lossy(&request.body)),
            body => body,
        };
        json!({"endpoint": request.endpoint, "http2": request.http2, "headers": headers, "body": body})
    });
    Value::Array(rows.collect())
}

fn respond(status: StatusCode, body: &Value) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::whole(body.to_string().into(), None));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
