//! Keeps calls to language models going, and inside their limits and promises.
//!
//! [`Stack`] builds one [`LlmProvider`](async_orchestrator_core::LlmProvider) out of a list of [`Target`]s: with a cache, coalescing, tiers
//! of fallbacks, hedges, retries, circuit breakers, limits, budgets and time limits, in the one right order, under a [`ResilienceConfig`].
//! What it learns of a target holds for every list of the same stack ([`Stack::status`]). The decisions under it stand in [`policy`], pure
//! and usable alone. It works without a council:
//!
//! ```
//! use async_orchestrator_core::{CallContext, Capabilities, Clock, CompletionRequest, ErrorKind, LlmProvider, Message};
//! use async_orchestrator_core::test_util::{ManualClock, Script, ScriptedProvider};
//! use async_orchestrator_resilience::{Stack, Target};
//! use std::sync::Arc;
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let clock = Arc::new(ManualClock::new());
//! let model = |name: &str, script| {
//!     let target: async_orchestrator_core::ModelRef = name.parse().unwrap();
//!     Target::remote(Arc::new(ScriptedProvider::new(Capabilities::unknown(target), clock.clone(), [script])))
//! };
//! let stack = Stack::new(clock.clone())
//!     .provider(vec![model("one:dead", Script::fail(ErrorKind::Unauthorized)), model("two:alive", Script::answer("42"))])
//!     .expect("a list with targets");
//! let request = CompletionRequest::new(vec![Message::user("6 x 7?")]);
//! let answer = stack.complete(&request, &CallContext::detached(clock.now())).await.unwrap();
//! assert_eq!((answer.text.as_str(), answer.trail.len()), ("42", 2));
//! # });
//! ```

mod admission;
mod attempt;
mod budget;
mod cache;
mod cache_key;
mod clock;
mod coalesce;
mod config;
mod deadline;
mod dice;
mod fallback;
mod in_process;
mod limits;
pub mod policy;
mod purses;
mod registry;
mod retry;
mod shared;
mod stack;
mod status;
#[cfg(test)]
mod tests;
mod whole;

pub use attempt::{AttemptGuard, LimitSource};
pub use budget::BudgetGuard;
pub use cache::CacheConfig;
pub use clock::TokioClock;
pub use config::{Coalescing, ResilienceConfig, TargetLimits};
pub use deadline::DeadlineGuard;
pub use fallback::InvalidTargets;
pub use in_process::InProcessState;
pub use policy::HedgeConfig;
pub use purses::{PeriodBudget, PeriodBudgets};
pub use registry::TargetId;
pub use stack::{InvalidResilience, Stack, Target};
pub use status::TargetStatus;
pub use whole::Whole;
