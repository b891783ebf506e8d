//! Anthropic's error object, with the type that belongs to each status.

use serde_json::{Value, json};

use crate::ask::WireError;

pub(crate) fn write(error: &WireError, request_id: &str) -> Value {
    let kind = match error.status.as_u16() {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        409 => "conflict_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    };
    let mut object = json!({"type": error.kind.as_deref().unwrap_or(kind), "message": error.message});
    if let Some(code) = &error.code {
        object["details"] = json!({"error_code": code});
    }
    json!({"type": "error", "error": object, "request_id": request_id})
}
