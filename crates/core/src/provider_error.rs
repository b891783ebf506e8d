//! A failed call as it travels up: its kind, what people should read, and the attempts that were made.

use std::{error::Error, fmt, sync::Arc};

use crate::{Attempt, ErrorKind, ModelRef};

/// What a vendor says about asking again (`x-should-retry`); it wins over what the kind would say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAdvice {
    /// Asking again may help.
    Again,
    /// It will not.
    Never,
}

/// A failed call: a kind to act on, a detail for people, the attempts that were made.
///
/// Prompts, answers and keys are never inside it, nor in its `Display` or `Debug`. Callers who share one call share its failure: hence
/// `Clone`.
#[derive(Clone)]
pub struct ProviderError(Box<Parts>);

#[derive(Clone)]
struct Parts {
    kind: ErrorKind,
    detail: Option<String>,
    target: Option<ModelRef>,
    status: Option<u16>,
    request_id: Option<String>,
    trail: Vec<Attempt>,
    retry_advice: Option<RetryAdvice>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl ProviderError {
    /// A failure of `kind`.
    pub fn new(kind: ErrorKind) -> Self {
        Self(Box::new(Parts {
            kind,
            detail: None,
            target: None,
            status: None,
            request_id: None,
            trail: Vec::new(),
            retry_advice: None,
            source: None,
        }))
    }

    /// Adds a detail for people. It must hold no prompt, answer or key.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Adds to the detail for people. It must hold no prompt, answer or key.
    #[must_use]
    pub fn with_more_detail(mut self, more: &str) -> Self {
        self.0.detail = Some(match self.0.detail.take() {
            Some(detail) => format!("{detail}; {more}"),
            None => more.to_owned(),
        });
        self
    }

    /// Says which target failed.
    #[must_use]
    pub fn with_target(mut self, target: ModelRef) -> Self {
        self.0.target = Some(target);
        self
    }

    /// Keeps the HTTP status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }

    /// Keeps the vendor's id of the call.
    #[must_use]
    pub fn with_request_id(mut self, id: impl Into<String>) -> Self {
        self.0.request_id = Some(id.into());
        self
    }

    /// Keeps what the vendor says about asking again.
    #[must_use]
    pub fn with_retry_advice(mut self, advice: Option<RetryAdvice>) -> Self {
        self.0.retry_advice = advice;
        self
    }

    /// Keeps the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    /// Replaces the attempts that led here.
    #[must_use]
    pub fn with_trail(mut self, trail: Vec<Attempt>) -> Self {
        self.0.trail = trail;
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The detail for people.
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// The target that failed.
    pub fn target(&self) -> Option<&ModelRef> {
        self.0.target.as_ref()
    }

    /// The HTTP status.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The vendor's id of the call.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// What the vendor says about asking again.
    pub fn retry_advice(&self) -> Option<RetryAdvice> {
        self.0.retry_advice
    }

    /// Every attempt that was made, in the order begun.
    pub fn trail(&self) -> &[Attempt] {
        &self.0.trail
    }

    /// The attempts, to be carried on.
    pub fn take_trail(&mut self) -> Vec<Attempt> {
        std::mem::take(&mut self.0.trail)
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(target) = &self.0.target {
            write!(f, "{target}: ")?;
        }
        write!(f, "{}", self.0.kind)?;
        if let Some(status) = self.0.status {
            write!(f, " (HTTP {status})")?;
        }
        if let Some(detail) = &self.0.detail {
            write!(f, ": {detail}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderError")
            .field("kind", &self.0.kind)
            .field("detail", &self.0.detail)
            .field("target", &self.0.target)
            .field("status", &self.0.status)
            .field("request_id", &self.0.request_id)
            .field("attempts", &self.0.trail.len())
            .field("source", &self.0.source)
            .finish()
    }
}

impl Error for ProviderError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

impl From<ErrorKind> for ProviderError {
    fn from(kind: ErrorKind) -> Self {
        Self::new(kind)
    }
}
