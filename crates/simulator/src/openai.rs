//! OpenAI's Chat Completions, read and written from its published description, not from our provider.

pub(crate) mod error;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod stream;
