//! The order of the decorators, written once, with a reason a line.
//!
//! Outermost first:
//! `deadline` (a call that comes too late costs nothing) -> `fallback` (the next target, in turn) -> per target: `whole` (where it must not stream) -> `budget` (each attempt pays for
//! itself) -> `attempt` (limits in time and the record; nothing that waits may stand below it) -> the provider.

use std::sync::Arc;

use async_orchestrator_core::{AttemptLimits, Clock, LlmProvider};

use crate::{AttemptGuard, BudgetGuard, DeadlineGuard, Fallback, LimitSource, NoTargets, Whole};

/// One target: a provider and where its time limits come from.
#[derive(Clone, Debug)]
pub struct Target {
    provider: Arc<dyn LlmProvider>,
    limits: LimitSource,
    delivery: Delivery,
}

/// How a target's replies come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delivery {
    Streamed,
    Whole,
}

impl Target {
    /// A model behind a network: the role's limits hold.
    pub fn remote(provider: Arc<dyn LlmProvider>) -> Self {
        Self { provider, limits: LimitSource::Caller, delivery: Delivery::Streamed }
    }

    /// A model whose speed is this machine's: `limits` hold, whatever the role says.
    pub fn local(provider: Arc<dyn LlmProvider>, limits: AttemptLimits) -> Self {
        Self { provider, limits: LimitSource::Fixed(limits), delivery: Delivery::Streamed }
    }

    /// The same target, never asked to stream: for servers that stream badly. Only the total limit holds then.
    #[must_use]
    pub fn whole(mut self) -> Self {
        self.delivery = Delivery::Whole;
        self
    }
}

/// Builds the stack of decorators around lists of targets.
#[derive(Clone, Debug)]
pub struct Stack {
    clock: Arc<dyn Clock>,
}

impl Stack {
    /// Stacks on `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }

    /// One provider out of `targets`, asked in this order.
    ///
    /// # Errors
    /// If the list is empty.
    pub fn provider(&self, targets: Vec<Target>) -> Result<Arc<dyn LlmProvider>, NoTargets> {
        let targets = targets.into_iter().map(|target| {
            let attempt = AttemptGuard::new(target.provider, Arc::clone(&self.clock), target.limits);
            let paid: Arc<dyn LlmProvider> = Arc::new(BudgetGuard::new(Arc::new(attempt)));
            match target.delivery {
                Delivery::Streamed => paid,
                Delivery::Whole => Arc::new(Whole::new(paid)),
            }
        });
        let fallback = Fallback::try_new(targets.collect())?;
        Ok(Arc::new(DeadlineGuard::new(Arc::new(fallback), Arc::clone(&self.clock))))
    }
}
