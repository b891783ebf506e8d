//! What is known of a target, for people: open or not, until when, how busy.

use std::time::{Duration, Instant};

use async_orchestrator_core::{ErrorKind, ModelRef};

use crate::{
    policy::BreakerState,
    registry::{Delivery, TargetState, lock},
};

/// One target as it is now.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TargetStatus {
    /// Provider and model.
    pub model: ModelRef,
    /// The number of the provider's key, from 1.
    pub key: u32,
    /// The breaker.
    pub breaker: BreakerState,
    /// Why the key is left out, and for how long still.
    pub key_out: Option<(ErrorKind, Duration)>,
    /// Calls under way.
    pub in_flight: u32,
    /// How many may be.
    pub concurrency_limit: u32,
    /// Calls that wait for a place.
    pub waiting: usize,
    /// How long a streamed call is silent before a second one may go out; `None` while too little is known.
    pub hedge_after: Option<Duration>,
}

impl TargetStatus {
    pub(crate) fn of(state: &TargetState, now: Instant) -> Self {
        let (in_flight, concurrency_limit, waiting) = state.lane.load();
        let out = state.key.out(now);
        Self {
            model: state.id.model.clone(),
            key: state.id.key,
            breaker: state.breaker.state(now),
            key_out: out.map(|out| (out.kind, out.until.saturating_duration_since(now))),
            in_flight,
            concurrency_limit,
            waiting,
            hedge_after: state.hedge(Delivery::Streamed).and_then(|policy| lock(policy).delay()),
        }
    }
}
