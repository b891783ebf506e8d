//! What OpenAI's errors, and those of compatible servers, mean.

use async_orchestrator_core::ErrorKind;

use crate::vendor_error::VendorError;

pub(super) fn classify(error: &VendorError) -> ErrorKind {
    let retry_after = error.retry_after;
    if error.is_named(QUOTA) {
        ErrorKind::QuotaExhausted
    } else if error.is_about_length() {
        ErrorKind::ContextTooLong
    } else if error.is_named(&["content_filter", "content_policy_violation", "invalid_prompt"]) {
        ErrorKind::ContentFiltered
    } else if is_unknown_model(error) {
        ErrorKind::UnknownModel
    } else if error.is_named(&["invalid_api_key", "authentication_error"]) {
        ErrorKind::Unauthorized
    } else if error.is_named(&["rate_limit_exceeded", "rate_limit_error"]) {
        ErrorKind::RateLimited { retry_after }
    } else if error.is_named(&["overloaded_error", "server_overloaded", "engine_overloaded", "slow_down"]) {
        ErrorKind::Overloaded { retry_after }
    } else if error.status.is_none() && error.is_named(&["invalid_request_error"]) {
        ErrorKind::Invalid
    } else {
        error.kind_by_status()
    }
}

/// A 429 with one of these is no matter of waiting.
const QUOTA: &[&str] = &[
    "insufficient_quota",
    "billing_hard_limit_reached",
    "billing_not_active",
    "enforced_spend_limit_reached",
    "insufficient_balance",
];

fn is_unknown_model(error: &VendorError) -> bool {
    error.is_named(&["model_not_found"])
        || (error.status == Some(404) && error.mentions(&["model"]))
        || (error.status == Some(400)
            && error.mentions(&["invalid model id", "not a valid model id", "model not exist"]))
}
