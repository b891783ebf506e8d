//! What is told of the vendor that is down: when its breakers open, how often they rest, and who is sent there meanwhile.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use async_orchestrator::{AsyncOrchestrator, BreakerState};
use async_orchestrator_core::{Clock, Event, EventKind, Observer};
use async_orchestrator_resilience::TokioClock;
use async_orchestrator_simulator::Stats;

use super::vendors::DEAD;

/// Between two looks at the breakers.
const LOOK_EVERY: Duration = Duration::from_millis(2);

#[derive(Debug, Default)]
pub(super) struct Watch(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    begun: Option<Instant>,
    ended: Option<Instant>,
    hedge_delay: Option<Duration>,
    targets: BTreeMap<String, Rests>,
    /// Every attempt at the vendor.
    attempts: Vec<(Instant, String)>,
    /// Calls seen upstream of each model when its breaker opened; and at the end of the outage.
    upstream: BTreeMap<String, u64>,
}

/// The cool-downs of one target: when it was first seen open, and the ends.
#[derive(Debug)]
struct Rests {
    opened: Instant,
    until: Vec<Instant>,
}

/// The outage as it was.
pub(super) struct Outage {
    pub(super) begun: Instant,
    pub(super) opened: Instant,
    pub(super) hedge_delay: Duration,
    pub(super) targets: Vec<Target>,
}

pub(super) struct Target {
    pub(super) model: String,
    /// Cool-downs that ended while the vendor was down: each allows one probe.
    pub(super) cooldowns: u64,
    pub(super) probes: u64,
    pub(super) seen: u64,
}

impl Watch {
    pub(super) fn begins(&self, now: Instant) {
        self.state().begun = Some(now);
    }

    pub(super) fn ends(&self, now: Instant, seen: &Stats) {
        let mut state = self.state();
        state.ended = Some(now);
        state.upstream = seen.models.keys().map(|model| (model.clone(), seen.calls_of(model))).collect();
    }

    /// Looks at the breakers until it is dropped.
    pub(super) async fn look(&self, orchestrator: &AsyncOrchestrator) {
        loop {
            {
                let mut state = self.state();
                let down = state.begun.is_some() && state.ended.is_none();
                for target in orchestrator.targets() {
                    if state.begun.is_none() {
                        // The longest of those that are known, while all is well.
                        state.hedge_delay = state.hedge_delay.max(target.hedge_after);
                    } else if let (true, DEAD, BreakerState::Refusing { until, .. }) =
                        (down, target.model.provider(), target.breaker)
                    {
                        let opened = TokioClock.now();
                        let rests = state
                            .targets
                            .entry(target.model.model().to_owned())
                            .or_insert_with(|| Rests { opened, until: Vec::new() });
                        if !rests.until.contains(&until) {
                            rests.until.push(until);
                        }
                    }
                }
            }
            TokioClock.sleep(LOOK_EVERY).await;
        }
    }

    pub(super) fn told(&self) -> Result<Outage, String> {
        let state = self.state();
        let opened = state.targets.values().map(|rests| rests.opened).min();
        let (Some(begun), Some(ended), Some(opened)) = (state.begun, state.ended, opened) else {
            return Err("no breaker opened".to_owned());
        };
        let targets = state.targets.iter().map(|(model, rests)| {
            let probes = state
                .attempts
                .iter()
                .filter(|(at, name)| name == model && (rests.opened..ended).contains(at))
                .count();
            let before =
                state.attempts.iter().filter(|(at, name)| name == model && *at < rests.opened).count();
            let upstream = state.upstream.get(model).copied().unwrap_or_default();
            Target {
                model: model.clone(),
                cooldowns: rests.until.iter().filter(|until| **until < ended).count() as u64,
                probes: probes as u64,
                // What upstream saw beyond all attempts of before can only have come later.
                seen: upstream.saturating_sub(before as u64),
            }
        });
        Ok(Outage {
            begun,
            opened,
            hedge_delay: state.hedge_delay.unwrap_or_default(),
            targets: targets.collect(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Watch {
    fn observe(&self, event: &Event) {
        if let EventKind::AttemptStarted { target, .. } = &event.kind
            && target.provider() == DEAD
        {
            self.state().attempts.push((TokioClock.now(), target.model().to_owned()));
        }
    }
}
