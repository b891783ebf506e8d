//! OpenAI's error object, with the types and codes that belong to each status.

use serde_json::{Value, json};

use crate::ask::WireError;

pub(crate) fn write(error: &WireError) -> Value {
    let (kind, code) = match error.status.as_u16() {
        401 => ("invalid_request_error", Some("invalid_api_key")),
        403 => ("invalid_request_error", Some("unsupported_country_region_territory")),
        404 => ("invalid_request_error", Some("model_not_found")),
        429 => ("requests", Some("rate_limit_exceeded")),
        503 => ("service_unavailable_error", None),
        500.. => ("server_error", None),
        _ => ("invalid_request_error", None),
    };
    // A type given by hand stands with its own code: `insufficient_quota` has the same word for both.
    let code = match (&error.code, &error.kind) {
        (Some(code), _) => Some(code.as_str()),
        (None, Some(kind)) => Some(kind.as_str()),
        (None, None) => code,
    };
    json!({"error": {
        "message": error.message,
        "type": error.kind.as_deref().unwrap_or(kind),
        "param": error.param.as_deref().filter(|param| !param.is_empty()),
        "code": code,
    }})
}
