//! How long after a call was dropped its upstream noticed.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use async_orchestrator_core::Clock;
use async_orchestrator_resilience::TokioClock;
use async_orchestrator_simulator::SimulatorHandle;

/// What stands before a call's number in its prompt, and after it.
pub(super) const MARK: (&str, &str) = ("call number ", ";");
/// Longer delays are counted as this one, in tenths of a millisecond.
const TENTHS_MAX: usize = 20_000;
/// A close that is noticed later than this is missed; it would be counted as open long before.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct Watch {
    dropped: Mutex<HashMap<u64, Instant>>,
    seen: Mutex<Seen>,
}

/// The delays, counted by tenths of a millisecond: it does not grow with the calls.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) count: u64,
    tenths: Vec<u64>,
}

impl Default for Seen {
    fn default() -> Self {
        Self { count: 0, tenths: vec![0; TENTHS_MAX + 1] }
    }
}

impl Watch {
    /// The call of this number is dropped at `now`.
    pub(super) fn dropped(&self, id: u64, now: Instant) {
        lock(&self.dropped).insert(id, now);
    }

    /// Takes over what the simulator has noticed. What it noticed before the drop was ended by the stack itself, such as a hedge that lost.
    pub(super) fn collect(&self, simulator: &SimulatorHandle) {
        let cancelled = simulator.take_cancelled();
        let mut dropped = lock(&self.dropped);
        let mut seen = lock(&self.seen);
        for call in cancelled {
            let begun = number(&call.body).and_then(|id| dropped.get(&id)).copied();
            if let Some(delay) = begun.and_then(|begun| call.at.checked_duration_since(begun)) {
                seen.add(delay);
            }
        }
        let now = TokioClock.now();
        dropped.retain(|_, at| now.saturating_duration_since(*at) < FORGOTTEN_AFTER);
    }

    pub(super) fn seen(&self) -> Seen {
        lock(&self.seen).clone()
    }
}

impl Seen {
    fn add(&mut self, delay: Duration) {
        // Rounded up: a delay is never counted as shorter than it was.
        let tenth = usize::try_from(delay.as_micros().div_ceil(100)).unwrap_or(TENTHS_MAX).min(TENTHS_MAX);
        if let Some(count) = self.tenths.get_mut(tenth) {
            *count += 1;
            self.count += 1;
        }
    }

    pub(super) fn quantile_ms(&self, per_mille: u64) -> f64 {
        let rank = (self.count * per_mille).div_ceil(1_000).max(1);
        let mut below = 0;
        let at = self.tenths.iter().position(|count| {
            below += count;
            below >= rank
        });
        at.unwrap_or_default() as f64 / 10.0
    }

    pub(super) fn longest_ms(&self) -> f64 {
        self.tenths.iter().rposition(|count| *count > 0).unwrap_or_default() as f64 / 10.0
    }
}

fn number(body: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once(MARK.0)?;
    rest.split_once(MARK.1)?.0.parse().ok()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
