//! What one call holds of its target, and how it gives it back.

use std::{sync::Arc, time::Duration};

use async_orchestrator_core::{
    Ailment, AttemptMark, ErrorKind, Measure, ProviderError, TimeoutPhase, Usage, estimated_tokens,
};

use crate::{
    policy::{Accepted, CallResult, Hold, Pass, ReleaseOutcome},
    registry::{Delivery, Registry, TargetState, lock},
};

/// The tokens, the place and the pass of one call.
#[derive(Debug)]
pub(super) struct Held {
    registry: Arc<Registry>,
    state: Arc<TargetState>,
    delivery: Delivery,
    tokens: Option<TokensHeld>,
    place: Place,
    pass: Option<Pass>,
    mark: Option<Arc<AttemptMark>>,
    /// The time to the first text, once it is there.
    begun_after: Option<Duration>,
    streamed_bytes: usize,
}

#[derive(Debug)]
struct TokensHeld {
    hold: Hold,
    input: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    None,
    Taken,
}

impl Held {
    pub(super) fn new(registry: Arc<Registry>, state: Arc<TargetState>, delivery: Delivery) -> Self {
        Self {
            registry,
            state,
            delivery,
            tokens: None,
            place: Place::None,
            pass: None,
            mark: None,
            begun_after: None,
            streamed_bytes: 0,
        }
    }

    pub(super) fn tokens(&mut self, hold: Hold, input: u64) {
        self.tokens = Some(TokensHeld { hold, input });
    }

    pub(super) fn place(&mut self) {
        self.place = Place::Taken;
    }

    pub(super) fn admitted(&mut self, pass: Pass) {
        self.pass = Some(pass);
    }

    /// The call goes out now. Its clock starts where its attempt does: what it waited here says nothing about the model.
    pub(super) fn sent(mut self, mark: Arc<AttemptMark>) -> HeldOut {
        self.mark = Some(mark);
        if let (Some(shared), Some(_)) = (&self.registry.shared, &self.state.requests) {
            shared.used(&self.state, Measure::Requests, 1);
        }
        HeldOut(Some(self))
    }

    /// Gives everything back. `used` is what the vendor reported or must be assumed to count.
    fn close(&mut self, result: CallResult, place: ReleaseOutcome, used: Option<u64>) {
        let now = self.registry.clock.now();
        // The outcome is noted before the place is free: who waits for the place must see the new gate.
        if let Some(pass) = self.pass.take() {
            let was_plain = self.state.breaker.is_plain();
            self.state.breaker.record(pass, result, now);
            if let Some(shared) = &self.registry.shared
                && !(was_plain && self.state.breaker.is_plain())
            {
                self.state.tell(shared, now);
            }
        }
        if let (Some(held), Some(gate)) = (self.tokens.take(), &self.state.tokens) {
            if let (Some(shared), Some(used)) = (&self.registry.shared, used) {
                shared.used(&self.state, Measure::Tokens, used);
            }
            match used {
                Some(used) => gate.settle(held.hold, used),
                None => gate.refund(held.hold),
            }
        }
        if std::mem::replace(&mut self.place, Place::None) == Place::Taken {
            self.state.lane.leave(place, now);
        }
    }

    /// What a call that was given up must be assumed to have used.
    fn used_so_far(&self) -> Option<u64> {
        self.mark.as_ref()?.begun()?;
        let input = self.tokens.as_ref()?.input;
        Some(input.saturating_add(estimated_tokens(self.streamed_bytes)))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let used = self.used_so_far();
        self.close(CallResult::Neutral, ReleaseOutcome::Neutral, used);
    }
}

/// What a call holds that has gone out.
#[derive(Debug)]
pub(super) struct HeldOut(Option<Held>);

impl HeldOut {
    /// The first text is there, or the whole reply.
    pub(super) fn first_text(&self) {
        let Some(held) = &self.0 else { return };
        let now = held.registry.clock.now();
        let took = held.took(now);
        if let (Some(took), Some(hedge)) = (took, held.state.hedge(held.delivery)) {
            lock(hedge).first_text(took, now);
        }
    }

    pub(super) fn streamed(&mut self, bytes: usize) {
        if let Some(held) = &mut self.0 {
            if held.begun_after.is_none() {
                held.begun_after = held.took(held.registry.clock.now());
            }
            held.streamed_bytes = held.streamed_bytes.saturating_add(bytes);
        }
    }

    pub(super) fn succeeded(mut self, usage: &Usage) {
        let Some(mut held) = self.0.take() else { return };
        let now = held.registry.clock.now();
        let took = held.begun_after.or_else(|| held.took(now)).unwrap_or_default();
        if held.state.key.accepted()
            && let Some(shared) = &held.registry.shared
        {
            shared.key_accepted(&held.state);
        }
        if let Some(throttle) = &held.state.throttle {
            let mut throttle = lock(throttle);
            if held.pass.is_some_and(Pass::is_probe) {
                // What was refused before says nothing about a target that is well again.
                throttle.forget();
            }
            throttle.record(Accepted::Yes, now);
        }
        let used = usage.input_tokens.saturating_add(usage.output_tokens);
        held.close(CallResult::Success { took }, ReleaseOutcome::Ok, Some(used));
    }

    /// Attributes a failure: to the key, to the target, or to nobody out there. The one place that does.
    pub(super) fn failed(mut self, error: ProviderError) -> ProviderError {
        let Some(mut held) = self.0.take() else { return error };
        let now = held.registry.clock.now();
        let config = &held.registry.config;
        let kind = error.kind();
        match kind {
            ErrorKind::Unauthorized | ErrorKind::QuotaExhausted => {
                if let Some(until) = now.checked_add(config.key_out_for) {
                    held.state.key.leave_out(kind, until);
                    if let Some(shared) = &held.registry.shared {
                        shared.key_out(&held.state, kind, until);
                    }
                }
            }
            // Without a hint there is nothing to keep to: the backoff of the retry spreads the calls.
            ErrorKind::RateLimited { retry_after: Some(rest) } => {
                if let Some(until) = now.checked_add(rest) {
                    held.state.breaker.cool_until(until, now);
                    if let Some(shared) = &held.registry.shared {
                        shared.target_out(&held.state, Ailment::AskedToWait, until);
                    }
                }
            }
            _ => {}
        }
        let refused = matches!(
            kind,
            ErrorKind::RateLimited { .. } | ErrorKind::Overloaded { .. } | ErrorKind::Unavailable
        );
        if let Some(throttle) = &held.state.throttle {
            lock(throttle).record(if refused { Accepted::No } else { Accepted::Yes }, now);
        }
        // A probe that is only told to wait has not shown that the target is well.
        let limited_probe =
            held.pass.is_some_and(Pass::is_probe) && matches!(kind, ErrorKind::RateLimited { .. });
        let result = if kind.counts_for_breaker() || limited_probe {
            let retry_after = match kind {
                ErrorKind::Overloaded { retry_after } => retry_after,
                _ => None,
            };
            CallResult::Failure { retry_after }
        } else {
            CallResult::Neutral
        };
        let slow = matches!(kind, ErrorKind::Timeout { phase } if phase != TimeoutPhase::Deadline);
        let place = if refused || slow { ReleaseOutcome::Overloaded } else { ReleaseOutcome::Neutral };
        // A refused request used nothing; one that broke while it answered did.
        let used = if held.streamed_bytes > 0 || slow { held.used_so_far() } else { None };
        held.close(result, place, used);
        error
    }
}

impl Held {
    fn took(&self, now: std::time::Instant) -> Option<Duration> {
        let (_, begun) = self.mark.as_ref()?.begun()?;
        Some(now.saturating_duration_since(begun))
    }
}
