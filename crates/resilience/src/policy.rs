//! The decisions of this crate, apart from everything that waits: when a target is left out, when a call is made again, who is asked
//! next, how much may go out.
//!
//! Pure: time and randomness come in as arguments, nothing waits. Each can be used alone, and each is tested against a naive reference
//! or by its laws.

mod adaptive;
mod backoff;
mod breaker;
mod cursor;
mod hedge;
mod period;
mod quantile;
mod queue;
mod rate;
mod retry_budget;
mod shared_breaker;
mod sync;
mod throttle;
#[cfg(all(test, ao_loom))]
mod under_loom;
mod window;

pub use adaptive::{Concurrency, ConcurrencyConfig, ReleaseOutcome};
pub use backoff::{Failed, Jitter, Retry, RetryConfig, WhyNot, decide};
pub use breaker::{Breaker, BreakerConfig, BreakerState, CallResult, Gate, Pass, RefuseReason, Shut};
pub use cursor::{Candidate, Cursor, TARGETS_MAX};
pub use hedge::{HedgeConfig, HedgeDecision, HedgePolicy};
pub use period::Period;
pub use queue::QueueConfig;
pub use rate::{Hold, Reserve, TokenLimit};
pub use retry_budget::{RetryBudget, RetryBudgetConfig, Withdrawal};
pub use shared_breaker::SharedBreaker;
pub use throttle::{Accepted, Admission, Throttle, ThrottleConfig};
