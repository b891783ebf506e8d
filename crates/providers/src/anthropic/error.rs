//! What Anthropic's errors mean, by status and inside a stream alike.

use async_orchestrator_core::ErrorKind;

use crate::vendor_error::VendorError;

pub(super) fn classify(error: &VendorError) -> ErrorKind {
    let retry_after = error.retry_after;
    let is_spent = error.is_named(&["enforced_spend_limit_reached", "billing_error"])
        || error.mentions(&["credit balance is too low"]);
    if is_spent {
        return ErrorKind::QuotaExhausted;
    }
    if error.is_about_length() {
        return ErrorKind::ContextTooLong;
    }
    match error.class.as_deref() {
        Some("overloaded_error") => ErrorKind::Overloaded { retry_after },
        Some("rate_limit_error") => ErrorKind::RateLimited { retry_after },
        Some("authentication_error" | "permission_error") => ErrorKind::Unauthorized,
        Some("not_found_error") if error.mentions(&["model"]) => ErrorKind::UnknownModel,
        Some("not_found_error" | "invalid_request_error") => ErrorKind::Invalid,
        // `api_error`, `timeout_error` and others: the status says it, and without one the server failed.
        _ => error.kind_by_status(),
    }
}
