//! The order of the decorators, written once, with a reason a line.
//!
//! Outermost first:
//! - `deadline`: a call that comes too late costs nothing;
//! - `cache`: what is known needs no call; and when everything below failed, an old answer may be better than none;
//! - `coalesce`: what is being asked already is not asked twice; below the cache, so that one reply is stored once;
//! - `fallback`: tiers of targets, in turn, with a hedge beside a slow one; all that follows belongs to one target;
//! - `retry`: the one owner of retries; above the breaker, so that each attempt counts there and a refusal is not retried;
//! - `admission`: key, throttle, breaker, request and token limits, a place in the lane; nothing is taken before the breaker was asked;
//! - `whole`, where a target must not stream;
//! - `budget`: each attempt pays for itself;
//! - `attempt`: limits in time and the record; nothing that waits may stand below it;
//! - the provider.

use std::{sync::Arc, time::SystemTime};

use async_orchestrator_core::{AccountId, AttemptLimits, Clock, LlmProvider, SharedState, WriterId};

use crate::{
    AttemptGuard, BudgetGuard, DeadlineGuard, InProcessState, InvalidTargets, LimitSource, ResilienceConfig,
    TargetLimits, Whole,
    admission::AdmissionGuard,
    cache::{AnswerCache, Cached},
    coalesce::Coalesce,
    config::Coalescing,
    fallback::{Choice, Fallback},
    policy::Candidate,
    purses::Purses,
    registry::{Registry, TargetId},
    retry::RetryGuard,
    shared::Shared,
    status::TargetStatus,
};

/// One target: a provider, where its time limits come from, what it may be asked, and its place in the list.
#[derive(Clone, Debug)]
pub struct Target {
    provider: Arc<dyn LlmProvider>,
    limits: LimitSource,
    delivery: Delivery,
    key: u32,
    account: AccountId,
    traffic: TargetLimits,
    place: Place,
}

/// How a target's replies come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delivery {
    Streamed,
    Whole,
}

/// Whether a target stands for itself or in for the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    OwnTier,
    WithPrevious,
}

impl Target {
    /// A model behind a network: the role's limits hold.
    pub fn remote(provider: Arc<dyn LlmProvider>) -> Self {
        Self {
            provider,
            limits: LimitSource::Caller,
            delivery: Delivery::Streamed,
            key: 1,
            account: AccountId::default(),
            traffic: TargetLimits::default(),
            place: Place::OwnTier,
        }
    }

    /// A model whose speed is this machine's: `limits` hold, whatever the role says. It is neither retried nor hedged nor limited: its
    /// failures are this machine's, and asking it twice makes it slower.
    pub fn local(provider: Arc<dyn LlmProvider>, limits: AttemptLimits) -> Self {
        Self { limits: LimitSource::Fixed(limits), ..Self::remote(provider) }
    }

    /// The same target, never asked to stream: for servers that stream badly. Only the total limit holds then.
    #[must_use]
    pub fn whole(mut self) -> Self {
        self.delivery = Delivery::Whole;
        self
    }

    /// The same target with the provider's key of this number, from 1. A key that is refused is left out for all of its models.
    #[must_use]
    pub fn key(mut self, number: u32) -> Self {
        self.key = number;
        self
    }

    /// The same target under this account: what other processes note of the same model under another key or at another address does not
    /// hold for it.
    #[must_use]
    pub fn account(mut self, account: AccountId) -> Self {
        self.account = account;
        self
    }

    /// The same target with limits of what it may be asked.
    #[must_use]
    pub fn traffic(mut self, limits: TargetLimits) -> Self {
        self.traffic = limits;
        self
    }

    /// The same target in the tier of the one before it: interchangeable with it, so that hedges and dead keys go there first.
    #[must_use]
    pub fn beside_previous(mut self) -> Self {
        self.place = Place::WithPrevious;
        self
    }

    fn is_local(&self) -> bool {
        matches!(self.limits, LimitSource::Fixed(_))
    }
}

/// Settings that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct InvalidResilience(pub Vec<String>);

/// Builds the stack of decorators around lists of targets. What is learnt of a target in one list holds in all of them.
#[derive(Clone, Debug)]
pub struct Stack {
    registry: Arc<Registry>,
    cache: Option<Arc<AnswerCache>>,
    /// Where budgets are counted: what is shared, else a state of this stack's own.
    counted_in: Arc<dyn SharedState>,
    place: String,
}

impl Stack {
    /// Stacks on `clock` with every setting at its default.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        // Jitter must differ between processes that start together.
        let seed =
            clock.wall().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
        Self::build(clock, ResilienceConfig::default(), u64::from(seed), None)
    }

    /// Stacks on `clock` with these settings; jitter is drawn from `seed`.
    ///
    /// # Errors
    /// With everything that is wrong with the settings, at once.
    pub fn try_new(
        clock: Arc<dyn Clock>,
        config: ResilienceConfig,
        seed: u64,
    ) -> Result<Self, InvalidResilience> {
        let problems = config.problems();
        if problems.is_empty() {
            Ok(Self::build(clock, config, seed, None))
        } else {
            Err(InvalidResilience(problems))
        }
    }

    /// The same, together with everybody who shares `state`: what they found holds here, and they get to know what is found here. Answers
    /// are kept there under `place`, a name for the addresses that are asked, so that two servers behind one name do not mix.
    ///
    /// # Errors
    /// As for [`Stack::try_new`].
    pub fn sharing(
        clock: Arc<dyn Clock>,
        config: ResilienceConfig,
        seed: u64,
        state: Arc<dyn SharedState>,
        place: &str,
    ) -> Result<Self, InvalidResilience> {
        let problems = config.problems();
        if problems.is_empty() {
            Ok(Self::build(clock, config, seed, Some((state, place))))
        } else {
            Err(InvalidResilience(problems))
        }
    }

    fn build(
        clock: Arc<dyn Clock>,
        config: ResilienceConfig,
        seed: u64,
        sharing: Option<(Arc<dyn SharedState>, &str)>,
    ) -> Self {
        let place = sharing.as_ref().map(|(_, place)| *place).unwrap_or_default().to_owned();
        let shared =
            sharing.map(|(state, _)| Arc::new(Shared::new(state, Arc::clone(&clock), writer(&*clock, seed))));
        let counted_in = shared.as_ref().map_or_else(
            || Arc::new(InProcessState::new()) as Arc<dyn SharedState>,
            |shared| Arc::clone(&shared.state),
        );
        let purses = Purses::new(&config.budgets, Arc::clone(&counted_in), Arc::clone(&clock));
        let cache = config.cache.map(|settings| {
            Arc::new(AnswerCache::new(settings, Arc::clone(&clock), shared.clone(), place.clone()))
        });
        let registry = Arc::new(Registry::new(clock, config, seed, shared, purses));
        Self { registry, cache, counted_in, place }
    }

    /// Other rules from here on. Providers that this stack built keep the old ones, so that calls under way end as they began; what both know
    /// of a target is the same: who is under way, which keys are out, and, where a rule did not change, all that it counts. Two at once never
    /// get more places than one.
    ///
    /// # Errors
    /// As for [`Stack::try_new`].
    pub fn following(&self, config: ResilienceConfig) -> Result<Self, InvalidResilience> {
        let problems = config.problems();
        if !problems.is_empty() {
            return Err(InvalidResilience(problems));
        }
        let before = &self.registry;
        let clock = &before.clock;
        let purses = Purses::new(&config.budgets, Arc::clone(&self.counted_in), Arc::clone(clock));
        let cache = if config.cache == before.config.cache {
            self.cache.clone()
        } else {
            config.cache.map(|settings| {
                let (shared, place) = (before.shared.clone(), self.place.clone());
                Arc::new(AnswerCache::new(settings, Arc::clone(clock), shared, place))
            })
        };
        let registry = Arc::new(before.following(config, purses));
        Ok(Self { registry, cache, counted_in: Arc::clone(&self.counted_in), place: self.place.clone() })
    }

    /// One provider out of `targets`, asked in this order.
    ///
    /// # Errors
    /// If the list is empty or too long.
    pub fn provider(&self, targets: Vec<Target>) -> Result<Arc<dyn LlmProvider>, InvalidTargets> {
        let registry = &self.registry;
        let clock = &registry.clock;
        let mut tier = 0;
        let mut choices = Vec::with_capacity(targets.len());
        for (index, target) in targets.into_iter().enumerate() {
            if index > 0 && target.place == Place::OwnTier {
                tier += 1;
            }
            choices.push(self.choice(target, tier));
        }
        let fallback = Fallback::try_new(choices, Arc::clone(clock), &registry.config.retry)?;
        let mut provider: Arc<dyn LlmProvider> = Arc::new(fallback);
        if registry.config.coalesce == Coalescing::On {
            provider = Arc::new(Coalesce::new(provider, Arc::clone(clock)));
        }
        if let Some(cache) = &self.cache {
            provider = Arc::new(Cached::new(provider, Arc::clone(cache)));
        }
        Ok(Arc::new(DeadlineGuard::new(provider, Arc::clone(clock))))
    }

    /// What is known of every target that was named so far, by name.
    pub fn status(&self) -> Vec<TargetStatus> {
        let now = self.registry.clock.now();
        let mut all: Vec<TargetStatus> =
            self.registry.all().iter().map(|state| TargetStatus::of(state, now)).collect();
        all.sort_by(|one, other| (&one.model, one.key).cmp(&(&other.model, other.key)));
        all
    }

    fn choice(&self, target: Target, tier: u32) -> Choice {
        let clock = &self.registry.clock;
        let facts = target.provider.capabilities();
        let (model, window) = (facts.target.clone(), facts.context_window);
        let local = target.is_local();
        let candidate = Candidate { tier, model: model.clone(), key: target.key, window };
        let attempt = AttemptGuard::new(target.provider, Arc::clone(clock), target.limits);
        let guard = BudgetGuard::new(Arc::new(attempt));
        // What runs in this process costs nothing and uses up nobody's tokens.
        let guard = if local { guard.local() } else { guard.purses(self.registry.purses.clone()) };
        let mut provider: Arc<dyn LlmProvider> = Arc::new(guard);
        if target.delivery == Delivery::Whole {
            provider = Arc::new(Whole::new(provider));
        }
        if local {
            return Choice { provider, candidate, state: None };
        }
        let id = TargetId { model, key: target.key };
        let state = self.registry.target(&id, &target.account, target.traffic);
        let budget = self.registry.retry_budget(candidate.model.provider());
        let admission = AdmissionGuard::new(provider, Arc::clone(&self.registry), Arc::clone(&state));
        let provider = Arc::new(RetryGuard::new(
            Arc::new(admission),
            Arc::clone(clock),
            self.registry.config.retry,
            budget,
            Arc::clone(&self.registry.dice),
        ));
        Choice { provider, candidate, state: Some(state) }
    }
}

/// A name for this stack among all that write to one state: no two have it, also not two processes with the same seed.
fn writer(clock: &dyn Clock, seed: u64) -> WriterId {
    let since = clock.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut hash = blake3::Hasher::new();
    hash.update(&seed.to_le_bytes());
    hash.update(&since.as_nanos().to_le_bytes());
    hash.update(&std::process::id().to_le_bytes());
    let mut first = [0; 8];
    hash.finalize_xof().fill(&mut first);
    WriterId(u64::from_le_bytes(first))
}
