//! Keeps a stack and the shared state in step: reads at most once a second what others found, and hands over what this one finds.
//!
//! A state that is slow or broken slows nothing: after a quarter of a second a call goes on with what its own process knows.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use async_orchestrator_core::{
    AccountId, Ailment, CallContext, Clock, ErrorKind, EventKind, HealthNote, HealthSubject, Measure,
    ModelRef, SharedState, StoreError, UseNote, WriterId, millis_between,
};
use futures_util::future::{Either, select};
use tokio::sync::Mutex;

use crate::registry::{Registry, TargetState};

/// How old may be what is known of others.
const READ_EVERY_MS: u64 = 1_000;
/// How long a call waits for the state at most.
pub(crate) const WAIT_MAX: Duration = Duration::from_millis(250);
/// Limits look back a minute.
const USES_SINCE_MS: u64 = 61_000;

/// A state that others write, too.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) state: Arc<dyn SharedState>,
    own: WriterId,
    clock: Arc<dyn Clock>,
    origin: Instant,
    /// Milliseconds since `origin` at the last reading, plus one; 0 before the first.
    read_at: AtomicU64,
    /// What of others' uses has been counted here, by target, measure and second.
    counted: Mutex<HashMap<(ModelRef, AccountId, Measure, u64), u64>>,
}

impl Shared {
    pub(crate) fn new(state: Arc<dyn SharedState>, clock: Arc<dyn Clock>, own: WriterId) -> Self {
        let origin = clock.now();
        Self { state, own, clock, origin, read_at: AtomicU64::new(0), counted: Mutex::default() }
    }

    /// Reads what others found, if that is due. The first call of all waits for it, and everybody beside it; later ones only for their own
    /// reading.
    pub(crate) async fn catch_up(&self, registry: &Registry, context: &CallContext) {
        let before = self.read_at.load(Ordering::Acquire);
        let now = millis_between(self.origin, self.clock.now());
        if before != 0 && now < before - 1 + READ_EVERY_MS {
            return;
        }
        let mut counted = if before == 0 {
            self.counted.lock().await
        } else {
            match self.counted.try_lock() {
                Ok(counted) => counted,
                Err(_) => return,
            }
        };
        if self.read_at.load(Ordering::Acquire) != before {
            return;
        }
        match self.in_time(self.read()).await {
            Ok((health, uses)) => {
                for note in health {
                    self.apply(registry, &note);
                }
                for note in uses {
                    self.count(registry, &mut counted, &note);
                }
            }
            Err(why) => context.emit(|| EventKind::SharedStateFailed { why }),
        }
        self.read_at.store(now + 1, Ordering::Release);
    }

    async fn read(&self) -> Result<(Vec<HealthNote>, Vec<UseNote>), StoreError> {
        let now_ms = self.wall_ms();
        let health = self.state.health(now_ms).await?;
        let uses = self.state.used_by_others(self.own, now_ms.saturating_sub(USES_SINCE_MS)).await?;
        Ok((health, uses))
    }

    /// What `reading` gives, or that it took too long.
    pub(crate) async fn in_time<T>(
        &self,
        reading: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, String> {
        match select(std::pin::pin!(reading), self.clock.sleep(WAIT_MAX)).await {
            Either::Left((Ok(read), _)) => Ok(read),
            Either::Left((Err(error), _)) => Err(error.to_string()),
            Either::Right(_) => Err(format!("the shared state did not answer within {WAIT_MAX:?}")),
        }
    }

    fn apply(&self, registry: &Registry, note: &HealthNote) {
        let (now, wall_ms) = (self.clock.now(), self.wall_ms());
        let left = Duration::from_millis(note.until_ms.saturating_sub(wall_ms));
        let Some(until) = now.checked_add(left).filter(|until| *until > now) else { return };
        for state in registry.all() {
            match (&note.subject, note.ailment) {
                (HealthSubject::Key { provider, account }, ailment)
                    if state.id.model.provider() == provider && state.account == *account =>
                {
                    let kind = match ailment {
                        Ailment::NoQuota => ErrorKind::QuotaExhausted,
                        _ => ErrorKind::Unauthorized,
                    };
                    state.key.leave_out(kind, until);
                }
                (HealthSubject::Target { model, account }, ailment)
                    if state.id.model == *model && state.account == *account =>
                {
                    match ailment {
                        Ailment::Failing { trips } => state.breaker.restore(until, trips),
                        _ => state.breaker.cool_until(until, now),
                    }
                }
                _ => {}
            }
        }
    }

    /// Counts what others used against the limits here, each use once.
    fn count(
        &self,
        registry: &Registry,
        counted: &mut HashMap<(ModelRef, AccountId, Measure, u64), u64>,
        note: &UseNote,
    ) {
        let wall_ms = self.wall_ms();
        let key = (note.model.clone(), note.account.clone(), note.measure, note.at_ms);
        counted.retain(|(_, _, _, at_ms), _| at_ms + 2 * USES_SINCE_MS > wall_ms);
        let known = counted.entry(key).or_default();
        let news = note.amount.saturating_sub(*known);
        *known = note.amount;
        if news == 0 {
            return;
        }
        let age = Duration::from_millis(wall_ms.saturating_sub(note.at_ms));
        for state in registry.all() {
            if state.id.model == note.model && state.account == note.account {
                match note.measure {
                    Measure::Requests => state.requests.iter().for_each(|limit| limit.count(news)),
                    Measure::Tokens => state.tokens.iter().for_each(|gate| gate.count(news, age)),
                }
            }
        }
    }

    /// A key is out until then.
    pub(crate) fn key_out(&self, target: &TargetState, kind: ErrorKind, until: Instant) {
        let ailment = if kind == ErrorKind::QuotaExhausted { Ailment::NoQuota } else { Ailment::KeyRefused };
        self.leave_out(key_of(target), ailment, until);
    }

    pub(crate) fn key_accepted(&self, target: &TargetState) {
        self.state.recovered(key_of(target));
    }

    /// A target is left out until then.
    pub(crate) fn target_out(&self, target: &TargetState, ailment: Ailment, until: Instant) {
        self.leave_out(target_of(target), ailment, until);
    }

    pub(crate) fn target_well(&self, target: &TargetState) {
        self.state.recovered(target_of(target));
    }

    /// Something of a target's limit was used.
    pub(crate) fn used(&self, target: &TargetState, measure: Measure, amount: u64) {
        let (model, account) = (target.id.model.clone(), target.account.clone());
        self.state.used(self.own, UseNote { model, account, measure, at_ms: self.wall_ms(), amount });
    }

    fn leave_out(&self, subject: HealthSubject, ailment: Ailment, until: Instant) {
        let noted_ms = self.wall_ms();
        let until_ms = noted_ms.saturating_add(millis_between(self.clock.now(), until));
        self.state.leave_out(HealthNote { subject, ailment, until_ms, noted_ms });
    }

    pub(crate) fn wall_ms(&self) -> u64 {
        let since = self.clock.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

fn key_of(target: &TargetState) -> HealthSubject {
    HealthSubject::Key { provider: target.id.model.provider().to_owned(), account: target.account.clone() }
}

fn target_of(target: &TargetState) -> HealthSubject {
    HealthSubject::Target { model: target.id.model.clone(), account: target.account.clone() }
}
