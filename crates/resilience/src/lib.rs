//! Decorators that keep a language model call inside its limits and its promises.
//!
//! Each is an [`LlmProvider`](async_orchestrator_core::LlmProvider) around another one: [`AttemptGuard`] limits and records one attempt,
//! [`BudgetGuard`] keeps the run's purse, [`Fallback`] asks the next target, [`Whole`] never streams, [`DeadlineGuard`] turns away what comes too late.
//! [`Stack`] puts them together in the one right order. They work without a council:
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
//!     .provider(vec![model("one:dead", Script::fail(ErrorKind::Unavailable)), model("two:alive", Script::answer("42"))])
//!     .expect("a list with targets");
//! let request = CompletionRequest::new(vec![Message::user("6 x 7?")]);
//! let answer = stack.complete(&request, &CallContext::detached(clock.now())).await.unwrap();
//! assert_eq!((answer.text.as_str(), answer.trail.len()), ("42", 2));
//! # });
//! ```

mod attempt;
mod budget;
mod clock;
mod deadline;
mod fallback;
mod stack;
#[cfg(test)]
mod tests;
mod whole;

pub use attempt::{AttemptGuard, LimitSource};
pub use budget::BudgetGuard;
pub use clock::TokioClock;
pub use deadline::DeadlineGuard;
pub use fallback::{Fallback, NoTargets};
pub use stack::{Stack, Target};
pub use whole::Whole;
