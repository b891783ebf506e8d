//! The same guard for a model that judges by likelihood.

use std::sync::Arc;

use async_orchestrator_core::{
    CallContext, Clock, LikelihoodJudge, LikelihoodTask, LikelihoodVerdict, ModelRef, Price, ProviderError,
    TimeoutPhase,
};
use async_trait::async_trait;

use super::{AttemptLog, Expiry, LimitSource, within};

/// Limits and records one judgement.
pub(super) struct GuardedJudge {
    inner: Arc<dyn LikelihoodJudge>,
    target: ModelRef,
    price: Option<Price>,
    clock: Arc<dyn Clock>,
    limits: LimitSource,
}

impl GuardedJudge {
    pub(super) fn new(
        inner: Arc<dyn LikelihoodJudge>,
        target: ModelRef,
        price: Option<Price>,
        clock: Arc<dyn Clock>,
        limits: LimitSource,
    ) -> Self {
        Self { inner, target, price, clock, limits }
    }
}

#[async_trait]
impl LikelihoodJudge for GuardedJudge {
    async fn judge(
        &self,
        task: &LikelihoodTask,
        context: &CallContext,
    ) -> Result<LikelihoodVerdict, ProviderError> {
        let started = self.clock.now();
        let limit = self.limits.limits(context).total;
        let expiry = Expiry::first(context, started, started, limit, TimeoutPhase::Total);
        expiry.still_ahead(started, &self.target)?;
        let log = AttemptLog::begin(context, &self.target, started);
        match within(&*self.clock, started, expiry, self.inner.judge(task, context)).await {
            Ok(mut verdict) => {
                verdict.trail.push(log.succeeded(self.clock.now(), verdict.usage, self.price.as_ref(), None));
                Ok(verdict)
            }
            Err(error) => Err(log.failed(error, self.clock.now())),
        }
    }
}
