//! Requests a minute at one target, by governor's GCRA on our clock.

use std::{fmt, num::NonZeroU32, sync::Arc, time::Instant};

use async_orchestrator_core::{Clock, Deadline};
use governor::{
    Quota, RateLimiter,
    clock::Clock as GovernorClock,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};

use super::TurnedAway;

/// Governor has a clock of its own, which tests cannot move: it gets ours.
#[derive(Clone)]
struct Ours(Arc<dyn Clock>);

impl GovernorClock for Ours {
    type Instant = Instant;

    fn now(&self) -> Instant {
        self.0.now()
    }
}

/// Spreads requests so that a minute never sees more than its share.
pub(crate) struct RequestLimit {
    limiter: RateLimiter<NotKeyed, InMemoryState, Ours, NoOpMiddleware<Instant>>,
    clock: Arc<dyn Clock>,
    burst: u64,
}

impl RequestLimit {
    /// `per_minute` requests a minute, a tenth of them at once.
    ///
    /// GCRA lets `burst + rate x time` through in any window: a burst of a whole minute would allow twice the limit in the first one.
    pub(crate) fn new(per_minute: NonZeroU32, clock: Arc<dyn Clock>) -> Self {
        let burst = NonZeroU32::new(per_minute.get() / 10).unwrap_or(NonZeroU32::MIN);
        let rate = NonZeroU32::new(per_minute.get() - burst.get() + 1).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_minute(rate).allow_burst(burst);
        let limiter = RateLimiter::direct_with_clock(quota, Ours(Arc::clone(&clock)));
        Self { limiter, clock, burst: u64::from(burst.get()) }
    }

    /// Others sent so many requests just now: their turns are gone.
    pub(crate) fn count(&self, requests: u64) {
        // Beyond the burst there is no turn left to take.
        for _ in 0..requests.min(self.burst) {
            if self.limiter.check().is_err() {
                return;
            }
        }
    }

    /// Waits for a turn.
    pub(crate) async fn pass(&self, deadline: Deadline) -> Result<(), TurnedAway> {
        loop {
            let at = match self.limiter.check() {
                Ok(()) => return Ok(()),
                Err(not_yet) => not_yet.earliest_possible(),
            };
            if deadline.is_past(at) {
                return Err(TurnedAway::limit(at, "the limit of requests a minute is reached"));
            }
            let wait = at.saturating_duration_since(self.clock.now());
            self.clock.sleep(wait).await;
        }
    }
}

impl fmt::Debug for RequestLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestLimit").finish_non_exhaustive()
    }
}
