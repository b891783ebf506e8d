//! How a call to a model fails, in kinds that say what to do. The one place that decides whose fault a failure is.

use std::{
    fmt,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

/// The part of a call during which its time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeoutPhase {
    /// Name look-up, TCP and TLS.
    Connect,
    /// From the start of the attempt to the first piece of text.
    FirstToken,
    /// Between two pieces of text.
    Idle,
    /// The whole attempt.
    Total,
    /// The caller's deadline.
    Deadline,
}

impl fmt::Display for TimeoutPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::FirstToken => "waiting for the first token",
            Self::Idle => "waiting between tokens",
            Self::Total => "answering",
            Self::Deadline => "before the deadline",
        })
    }
}

/// Which of our own guards turned a call away before it went out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// The circuit breaker.
    Breaker,
    /// A rate or token limit.
    Limit,
    /// The queue in front of a concurrency limit.
    Queue,
    /// The run's budget.
    Budget,
}

/// What went wrong, as far as it decides what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request itself is wrong for this target (400, 404 of a path, 422).
    Invalid,
    /// The key is missing, wrong or not allowed to do this (401, 403).
    Unauthorized,
    /// The account has no credit or has reached its spending limit (402, `insufficient_quota`).
    QuotaExhausted,
    /// Too many requests or tokens for now (429).
    RateLimited {
        /// How long the vendor asks to wait.
        retry_after: Option<Duration>,
    },
    /// The vendor is overloaded (529, 503 with that class), also as an event inside a stream.
    Overloaded {
        /// How long the vendor asks to wait.
        retry_after: Option<Duration>,
    },
    /// No connection, or the server failed (5xx).
    Unavailable,
    /// A limit of time was reached.
    Timeout {
        /// Where.
        phase: TimeoutPhase,
    },
    /// The reply was cut, or a stream ended without its terminal event.
    Truncated,
    /// The reply is not what the protocol says.
    Malformed,
    /// The vendor's filter or the model's refusal withheld the answer.
    ContentFiltered,
    /// The prompt does not fit the model's window.
    ContextTooLong,
    /// The target has no such model.
    UnknownModel,
    /// The caller went away.
    Cancelled,
    /// One of our own guards said no before the call went out.
    Refused {
        /// Which one.
        by: Guard,
        /// When it may say yes, where that is known.
        until: Option<Instant>,
    },
}

/// Whose fault a failure is: what must be left out next time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request's: another target fails in the same way, or only one with other abilities helps.
    Request,
    /// The key's.
    Key,
    /// The model's at this provider.
    Model,
    /// The provider's.
    Provider,
    /// Nobody's out there: our own guard, or the caller who left.
    Local,
}

impl ErrorKind {
    /// Whether the same request at the same target may succeed later.
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::RateLimited { .. }
            | Self::Overloaded { .. }
            | Self::Unavailable
            | Self::Timeout {
                phase:
                    TimeoutPhase::Connect | TimeoutPhase::FirstToken | TimeoutPhase::Idle | TimeoutPhase::Total,
            }
            | Self::Truncated
            | Self::Malformed => true,
            Self::Timeout { phase: TimeoutPhase::Deadline }
            | Self::Invalid
            | Self::Unauthorized
            | Self::QuotaExhausted
            | Self::ContentFiltered
            | Self::ContextTooLong
            | Self::UnknownModel
            | Self::Cancelled
            | Self::Refused { .. } => false,
        }
    }

    /// Whether another target may answer where this one did not. Only a caller who left or whose time is up stops the search; what one
    /// model would cost too much for, a cheaper one may still do.
    pub const fn may_fall_back(self) -> bool {
        !matches!(self, Self::Cancelled | Self::Timeout { phase: TimeoutPhase::Deadline })
    }

    /// Whether a circuit breaker counts it as a failure of its target.
    pub const fn counts_for_breaker(self) -> bool {
        match self {
            Self::Overloaded { .. }
            | Self::Unavailable
            | Self::Timeout {
                phase:
                    TimeoutPhase::Connect | TimeoutPhase::FirstToken | TimeoutPhase::Idle | TimeoutPhase::Total,
            }
            | Self::Truncated
            | Self::Malformed => true,
            Self::Timeout { phase: TimeoutPhase::Deadline }
            | Self::RateLimited { .. }
            | Self::Invalid
            | Self::Unauthorized
            | Self::QuotaExhausted
            | Self::ContentFiltered
            | Self::ContextTooLong
            | Self::UnknownModel
            | Self::Cancelled
            | Self::Refused { .. } => false,
        }
    }

    /// Whose fault it is.
    pub const fn fault(self) -> Fault {
        match self {
            Self::Invalid | Self::ContentFiltered | Self::ContextTooLong => Fault::Request,
            Self::Unauthorized | Self::QuotaExhausted | Self::RateLimited { .. } => Fault::Key,
            Self::UnknownModel | Self::Overloaded { .. } | Self::Truncated | Self::Malformed => Fault::Model,
            Self::Timeout { phase: TimeoutPhase::FirstToken | TimeoutPhase::Idle | TimeoutPhase::Total } => {
                Fault::Model
            }
            Self::Unavailable | Self::Timeout { phase: TimeoutPhase::Connect } => Fault::Provider,
            Self::Timeout { phase: TimeoutPhase::Deadline } | Self::Cancelled | Self::Refused { .. } => {
                Fault::Local
            }
        }
    }

    /// The cause under which it stands in a decision record.
    pub const fn cause(self) -> Cause {
        match self {
            Self::Invalid => Cause::InvalidRequest,
            Self::Unauthorized => Cause::Auth,
            Self::QuotaExhausted => Cause::Quota,
            Self::RateLimited { .. } => Cause::RateLimited,
            Self::Overloaded { .. } => Cause::Overloaded,
            Self::Unavailable => Cause::Unavailable,
            Self::Timeout { .. } => Cause::Timeout,
            Self::Truncated => Cause::Truncated,
            Self::Malformed => Cause::Malformed,
            Self::ContentFiltered => Cause::Refusal,
            Self::ContextTooLong => Cause::ContextTooLong,
            Self::UnknownModel => Cause::UnknownModel,
            Self::Cancelled => Cause::Cancelled,
            Self::Refused { by: Guard::Breaker, .. } => Cause::BreakerOpen,
            Self::Refused { by: Guard::Limit | Guard::Queue, .. } => Cause::Limit,
            Self::Refused { by: Guard::Budget, .. } => Cause::Budget,
        }
    }

    /// What a person can do about it, as the end of a sentence.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Invalid => "check the request's settings against what the model supports",
            Self::Unauthorized => "check the provider's key",
            Self::QuotaExhausted => "check the account's credit and spending limit",
            Self::RateLimited { .. } => "wait, or lower the number of seats on this model",
            Self::Overloaded { .. } => "try again later, or name a fallback model",
            Self::Unavailable => "check the address and the network, or name a fallback model",
            Self::Timeout { phase: TimeoutPhase::Deadline } => "allow more time",
            Self::Timeout { .. } => "allow the role more time, or name a faster fallback model",
            Self::Truncated | Self::Malformed => "try again, or name a fallback model",
            Self::ContentFiltered => "rephrase the question, or name a model of another vendor",
            Self::ContextTooLong => "shorten the question, or name a model with a larger window",
            Self::UnknownModel => "check the model's name",
            Self::Cancelled => "ask again",
            Self::Refused { by: Guard::Budget, .. } => {
                "raise the budget, or give the price of a model that has none"
            }
            Self::Refused { .. } => "wait, or name a fallback model",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid => f.write_str("the request was refused as invalid"),
            Self::Unauthorized => f.write_str("the key was not accepted"),
            Self::QuotaExhausted => f.write_str("the account's quota is used up"),
            Self::RateLimited { retry_after: Some(wait) } => {
                write!(f, "rate limited for {:.1} s", wait.as_secs_f64())
            }
            Self::RateLimited { retry_after: None } => f.write_str("rate limited"),
            Self::Overloaded { .. } => f.write_str("the vendor is overloaded"),
            Self::Unavailable => f.write_str("the server cannot be reached or failed"),
            Self::Timeout { phase } => write!(f, "time ran out {phase}"),
            Self::Truncated => f.write_str("the reply was cut"),
            Self::Malformed => f.write_str("the reply is not what the protocol says"),
            Self::ContentFiltered => f.write_str("the answer was withheld by a filter or a refusal"),
            Self::ContextTooLong => f.write_str("the prompt does not fit the model's window"),
            Self::UnknownModel => f.write_str("the model is not known there"),
            Self::Cancelled => f.write_str("the call was cancelled"),
            Self::Refused { by: Guard::Breaker, .. } => {
                f.write_str("the circuit breaker keeps this model out")
            }
            Self::Refused { by: Guard::Limit, .. } => f.write_str("a local rate limit was reached"),
            Self::Refused { by: Guard::Queue, .. } => f.write_str("the local queue is full"),
            Self::Refused { by: Guard::Budget, .. } => f.write_str("the budget does not cover the call"),
        }
    }
}

/// Why an attempt or a seat came to nothing, as the decision record says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cause {
    /// A limit of time was reached.
    Timeout,
    /// The vendor asked to slow down.
    RateLimited,
    /// The account is used up.
    Quota,
    /// The breaker kept the target out.
    BreakerOpen,
    /// A local limit was reached.
    Limit,
    /// The key was not accepted.
    Auth,
    /// The model is not known at the target.
    UnknownModel,
    /// No connection, or the server failed.
    Unavailable,
    /// The vendor was overloaded.
    Overloaded,
    /// The reply was cut.
    Truncated,
    /// The answer was withheld.
    Refusal,
    /// The reply could not be read as what was asked for.
    Malformed,
    /// The target refused the request as invalid.
    InvalidRequest,
    /// The prompt did not fit.
    ContextTooLong,
    /// The seat had nothing to say and said so.
    Abstained,
    /// The budget ended.
    Budget,
    /// The caller went away.
    Cancelled,
    /// The seat's call could no longer change the outcome.
    CancelledUnassailable,
}

impl Cause {
    /// The causes after which a vendor may have worked, and may bill for it, though no answer came.
    pub const MAY_BE_BILLED: [Self; 5] =
        [Self::Timeout, Self::Truncated, Self::Malformed, Self::Refusal, Self::Cancelled];

    /// The word in the record.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::RateLimited => "rate_limited",
            Self::Quota => "quota",
            Self::BreakerOpen => "breaker_open",
            Self::Limit => "limit",
            Self::Auth => "auth",
            Self::UnknownModel => "unknown_model",
            Self::Unavailable => "unavailable",
            Self::Overloaded => "overloaded",
            Self::Truncated => "truncated",
            Self::Refusal => "refusal",
            Self::Malformed => "malformed",
            Self::InvalidRequest => "invalid_request",
            Self::ContextTooLong => "context_too_long",
            Self::Abstained => "abstained",
            Self::Budget => "budget",
            Self::Cancelled => "cancelled",
            Self::CancelledUnassailable => "cancelled_unassailable",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
