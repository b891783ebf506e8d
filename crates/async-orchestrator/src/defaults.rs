//! What a request gets that does not say otherwise.

use std::time::Duration;

use async_orchestrator_core::{Domain, MicroUsd, ModeChoice, Reuse, Stages, TriageRequest};

/// The settings of `[council]`, `[prompts]` and `[resilience]` that a request may set itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestDefaults {
    pub(crate) mode: ModeChoice,
    pub(crate) domain: Option<Domain>,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) budget: Option<MicroUsd>,
    pub(crate) budget_tokens: Option<u64>,
    pub(crate) strict: bool,
    pub(crate) reuse: Option<Reuse>,
    pub(crate) stages: Stages,
}

impl RequestDefaults {
    pub(crate) fn fill(&self, mut request: TriageRequest) -> TriageRequest {
        if request.mode == ModeChoice::Auto {
            request.mode = self.mode;
        }
        request.domain = request.domain.or_else(|| self.domain.clone());
        request.time_limit = request.time_limit.or(self.time_limit);
        request.budget = request.budget.or(self.budget);
        request.budget_tokens = request.budget_tokens.or(self.budget_tokens);
        request.strict |= self.strict;
        if request.stages.is_all() {
            request.stages = self.stages;
        }
        if request.reuse == Reuse::default() {
            request.reuse = self.reuse.unwrap_or_default();
        }
        request
    }
}
