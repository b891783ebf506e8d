//! Anthropic's Messages, both protocol versions, read and written from the published description, not from our provider.

pub(crate) mod error;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod stream;

/// The version with `x-api-key`.
pub(crate) const VERSION_2023: &str = "2023-06-01";
/// The version with `Authorization: Bearer`, under which sampling parameters are refused.
pub(crate) const VERSION_2026: &str = "2026-10-21";
