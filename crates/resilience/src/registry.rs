//! What is known of every target: its breaker, its limits, its key, how fast it answers. One registry serves all stacks of a process,
//! so that what one seat learns holds for all of them.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
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
    /// What was known of targets before the rules changed; each is taken over when it is named again.
    inherited: Mutex<HashMap<TargetId, Arc<TargetState>>>,
    retry_budgets: Mutex<HashMap<String, Arc<RetryBudget>>>,
    targets: Mutex<HashMap<TargetId, Arc<TargetState>>>,
    keys: Mutex<HashMap<(String, u32), Arc<KeyState>>>,
}

/// What is known of one target.
pub(crate) struct TargetState {
    pub(crate) id: TargetId,
    pub(crate) account: AccountId,
    limits: TargetLimits,
    pub(crate) breaker: Arc<SharedBreaker>,
    pub(crate) throttle: Option<Arc<Mutex<Throttle>>>,
    /// Streamed and whole calls begin to answer at different times.
    hedges: Option<Arc<[Mutex<HedgePolicy>; 2]>>,
    pub(crate) key: Arc<KeyState>,
    pub(crate) requests: Option<Arc<RequestLimit>>,
    pub(crate) tokens: Option<Arc<TokenGate>>,
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
            inherited: Mutex::default(),
            retry_budgets: Mutex::default(),
            targets: Mutex::default(),
            keys: Mutex::default(),
        }
    }

    /// Other rules from here on, and all that is known under the old ones.
    pub(crate) fn following(&self, config: ResilienceConfig, purses: Option<Arc<Purses>>) -> Self {
        let kept = config.retry_budget == self.config.retry_budget;
        let retry_budgets = if kept { lock(&self.retry_budgets).clone() } else { HashMap::new() };
        Self {
            clock: Arc::clone(&self.clock),
            dice: Arc::clone(&self.dice),
            shared: self.shared.clone(),
            purses,
            inherited: Mutex::new(lock(&self.targets).clone()),
            retry_budgets: Mutex::new(retry_budgets),
            targets: Mutex::default(),
            keys: Mutex::default(),
            config,
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
        let mut made = self.make(id.clone(), account.clone(), limits);
        if let Some(before) = lock(&self.inherited).remove(id).filter(|before| before.account == *account) {
            self.inherit(&mut made, &before);
        }
        let made = Arc::new(made);
        if targets.len() < TARGETS_MAX {
            targets.insert(id.clone(), Arc::clone(&made));
        }
        made
    }

    /// Takes over what was known: where a rule is the same, the very state, so that calls under way still count in it; where it is another
    /// one, what can be carried on. Places and keys are always the same: no rule changes who is under way or what a vendor refused.
    fn inherit(&self, made: &mut TargetState, before: &TargetState) {
        let (config, now) = (&self.config, self.clock.now());
        made.key = Arc::clone(&before.key);
        lock(&self.keys).insert((made.id.model.provider().to_owned(), made.id.key), Arc::clone(&before.key));
        made.lane = Arc::clone(&before.lane);
        made.lane.reconfigure(config.concurrency, made.limits.concurrency, config.queue);
        if *before.breaker.config() == config.breaker {
            made.breaker = Arc::clone(&before.breaker);
        } else {
            match before.breaker.state(now) {
                BreakerState::Refusing { until, trips } => made.breaker.restore(until, trips),
                BreakerState::CoolingDown { until } => made.breaker.cool_until(until, now),
                _ => {}
            }
        }
        if made.limits.requests_per_minute == before.limits.requests_per_minute {
            made.requests.clone_from(&before.requests);
        }
        if made.limits.tokens_per_minute == before.limits.tokens_per_minute {
            made.tokens.clone_from(&before.tokens);
        } else if let (Some(gate), Some(old)) = (&made.tokens, &before.tokens) {
            gate.count(old.used(), Duration::ZERO);
        }
        // The throttle and the hedges look back two minutes: under other rules they find their way again.
        if before.throttle.as_ref().map(|throttle| lock(throttle).config()) == config.throttle {
            made.throttle.clone_from(&before.throttle);
        }
        if before.hedges.as_ref().map(|hedges| lock(&hedges[0]).config()) == config.hedge {
            made.hedges.clone_from(&before.hedges);
        }
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
            limits,
            breaker: Arc::new(SharedBreaker::new(config.breaker)),
            throttle: config.throttle.map(|config| Arc::new(Mutex::new(Throttle::new(config)))),
            hedges: config.hedge.map(|config| Arc::new([hedge(config), hedge(config)])),
            key,
            requests: limits
                .requests_per_minute
                .map(|limit| Arc::new(RequestLimit::new(limit, Arc::clone(&self.clock)))),
            tokens: limits
                .tokens_per_minute
                .map(|limit| Arc::new(TokenGate::new(limit, Arc::clone(&self.clock)))),
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
        let [streamed, whole] = &**self.hedges.as_ref()?;
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
