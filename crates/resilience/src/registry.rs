//! What is known of every target: its breaker, its limits, its key, how fast it answers. One registry serves all stacks of a process,
//! so that what one seat learns holds for all of them.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use async_orchestrator_core::{AccountId, Ailment, Clock, ErrorKind, ModelRef};

use crate::{
    ResilienceConfig, TargetLimits,
    dice::Dice,
    limits::{Lane, RequestLimit, TokenGate},
    policy::{BreakerState, HedgePolicy, RetryBudget, SharedBreaker, Throttle},
    purses::Purses,
    shared::Shared,
};

/// The most keys and targets of a process that are remembered; what comes later is judged alone.
const TARGETS_MAX: usize = 4_096;

/// One target: what a breaker stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TargetId {
    /// Provider and model.
    pub model: ModelRef,
    /// The number of the provider's key, from 1; never the key.
    pub key: u32,
}

/// The memory of all targets.
pub(crate) struct Registry {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) config: ResilienceConfig,
    pub(crate) dice: Arc<Dice>,
    /// What others know, too; `None` where nobody else is there.
    pub(crate) shared: Option<Arc<Shared>>,
    /// What all runs together may spend; `None` where nothing is limited.
    pub(crate) purses: Option<Arc<Purses>>,
    retry_budgets: Mutex<HashMap<String, Arc<RetryBudget>>>,
    targets: Mutex<HashMap<TargetId, Arc<TargetState>>>,
    keys: Mutex<HashMap<(String, u32), Arc<KeyState>>>,
}

/// What is known of one target.
pub(crate) struct TargetState {
    pub(crate) id: TargetId,
    pub(crate) account: AccountId,
    pub(crate) breaker: SharedBreaker,
    pub(crate) throttle: Option<Mutex<Throttle>>,
    /// Streamed and whole calls begin to answer at different times.
    hedges: Option<[Mutex<HedgePolicy>; 2]>,
    pub(crate) key: Arc<KeyState>,
    pub(crate) requests: Option<RequestLimit>,
    pub(crate) tokens: Option<TokenGate>,
    pub(crate) lane: Arc<Lane>,
    /// Until when others were told that the target is left out; `None` while it is well.
    told: Mutex<Option<Instant>>,
}

/// How a reply is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    Streamed,
    Whole,
}

/// What is known of one key.
#[derive(Debug, Default)]
pub(crate) struct KeyState(Mutex<Option<KeyOut>>);

/// Why a key is left out, and until when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyOut {
    pub(crate) kind: ErrorKind,
    pub(crate) until: Instant,
}

impl KeyState {
    /// Why the key is left out at `now`.
    pub(crate) fn out(&self, now: Instant) -> Option<KeyOut> {
        lock(&self.0).filter(|out| now < out.until)
    }

    pub(crate) fn leave_out(&self, kind: ErrorKind, until: Instant) {
        let mut state = lock(&self.0);
        let later = state.is_none_or(|out| out.until < until);
        if later {
            *state = Some(KeyOut { kind, until });
        }
    }

    /// The key was accepted; whether it had been left out.
    pub(crate) fn accepted(&self) -> bool {
        lock(&self.0).take().is_some()
    }
}

impl Registry {
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        config: ResilienceConfig,
        seed: u64,
        shared: Option<Arc<Shared>>,
        purses: Option<Arc<Purses>>,
    ) -> Self {
        Self {
            clock,
            config,
            dice: Arc::new(Dice::new(seed)),
            shared,
            purses,
            retry_budgets: Mutex::default(),
            targets: Mutex::default(),
            keys: Mutex::default(),
        }
    }

    /// The state of `id`; the limits are those of whoever names it first.
    pub(crate) fn target(
        &self,
        id: &TargetId,
        account: &AccountId,
        limits: TargetLimits,
    ) -> Arc<TargetState> {
        let mut targets = lock(&self.targets);
        if let Some(known) = targets.get(id) {
            return Arc::clone(known);
        }
        let made = Arc::new(self.make(id.clone(), account.clone(), limits));
        if targets.len() < TARGETS_MAX {
            targets.insert(id.clone(), Arc::clone(&made));
        }
        made
    }

    /// The budget of the retries at one provider: a vendor in trouble must not use up what another one needs.
    pub(crate) fn retry_budget(&self, provider: &str) -> Arc<RetryBudget> {
        let mut budgets = lock(&self.retry_budgets);
        let now = self.clock.now();
        let made = || Arc::new(RetryBudget::new(self.config.retry_budget, now));
        Arc::clone(budgets.entry(provider.to_owned()).or_insert_with(made))
    }

    /// Every target that was ever named.
    pub(crate) fn all(&self) -> Vec<Arc<TargetState>> {
        lock(&self.targets).values().cloned().collect()
    }

    fn make(&self, id: TargetId, account: AccountId, limits: TargetLimits) -> TargetState {
        let config = &self.config;
        let key = (id.model.provider().to_owned(), id.key);
        let key = Arc::clone(lock(&self.keys).entry(key).or_default());
        let now = self.clock.now();
        let hedge = |config| Mutex::new(HedgePolicy::new(config, now));
        TargetState {
            breaker: SharedBreaker::new(config.breaker),
            throttle: config.throttle.map(|config| Mutex::new(Throttle::new(config))),
            hedges: config.hedge.map(|config| [hedge(config), hedge(config)]),
            key,
            requests: limits
                .requests_per_minute
                .map(|limit| RequestLimit::new(limit, Arc::clone(&self.clock))),
            tokens: limits.tokens_per_minute.map(|limit| TokenGate::new(limit, Arc::clone(&self.clock))),
            lane: Arc::new(Lane::new(config.concurrency, limits.concurrency, config.queue)),
            told: Mutex::default(),
            account,
            id,
        }
    }
}

impl TargetState {
    /// Tells others if the breaker has tripped, or the target is well again, since they were last told.
    pub(crate) fn tell(&self, shared: &Shared, now: Instant) {
        let mut told = lock(&self.told);
        match self.breaker.state(now) {
            BreakerState::Refusing { until, trips } if *told != Some(until) => {
                *told = Some(until);
                shared.target_out(self, Ailment::Failing { trips }, until);
            }
            BreakerState::Admitting | BreakerState::Recovering if told.take().is_some() => {
                shared.target_well(self);
            }
            _ => {}
        }
    }

    pub(crate) fn hedge(&self, delivery: Delivery) -> Option<&Mutex<HedgePolicy>> {
        let [streamed, whole] = self.hedges.as_ref()?;
        Some(match delivery {
            Delivery::Streamed => streamed,
            Delivery::Whole => whole,
        })
    }
}

/// A poisoned lock holds plain numbers: whoever panicked left none of them half-written.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("config", &self.config).finish_non_exhaustive()
    }
}

impl fmt::Debug for TargetState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TargetState").field("id", &self.id).finish_non_exhaustive()
    }
}
