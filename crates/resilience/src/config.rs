//! Every setting of the stack with its default, three presets, and what is wrong with given values.

use std::{
    num::{NonZeroU32, NonZeroU64},
    time::Duration,
};

use crate::{
    PeriodBudgets,
    cache::CacheConfig,
    policy::{
        BreakerConfig, ConcurrencyConfig, HedgeConfig, QueueConfig, RetryBudgetConfig, RetryConfig,
        ThrottleConfig,
    },
};

/// How calls are kept going.
///
/// ```
/// use async_orchestrator_resilience::ResilienceConfig;
/// let config = ResilienceConfig::interactive();
/// assert!(config.problems().is_empty());
/// assert!(config.retry.wait_max < ResilienceConfig::patient().retry.wait_max);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ResilienceConfig {
    /// When the same target is asked again.
    pub retry: RetryConfig,
    /// How many retries all calls together may make.
    pub retry_budget: RetryBudgetConfig,
    /// When a target is left out.
    pub breaker: BreakerConfig,
    /// When calls are refused here because most are refused there; `None` is off.
    pub throttle: Option<ThrottleConfig>,
    /// When a second call goes out beside a slow one; `None` is off.
    pub hedge: Option<HedgeConfig>,
    /// How many calls may be under way at one target.
    pub concurrency: ConcurrencyConfig,
    /// How many calls may wait in front of it.
    pub queue: QueueConfig,
    /// Which answers are kept; `None` is off.
    pub cache: Option<CacheConfig>,
    /// Whether identical calls that are under way at the same time become one.
    pub coalesce: Coalescing,
    /// How long a key that was not accepted, or whose account is used up, is left out before it is tried again: 10 min.
    pub key_out_for: Duration,
    /// What all runs together may spend in a day or a month; no limit.
    pub budgets: PeriodBudgets,
}

/// Whether identical calls that are under way at the same time become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Coalescing {
    /// Each goes out.
    Off,
    /// One goes out, and all get its reply. Two seats of one council never share.
    #[default]
    On,
}

/// What one target (provider, model and key) may be asked; `None` is no limit of ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TargetLimits {
    /// Requests a minute.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Input and output tokens a minute, together.
    pub tokens_per_minute: Option<NonZeroU64>,
    /// Calls under way at once, in place of the adaptive limit.
    pub concurrency: Option<NonZeroU32>,
}

impl Default for ResilienceConfig {
    fn default() -> Self {
        Self {
            retry: RetryConfig::default(),
            retry_budget: RetryBudgetConfig::default(),
            breaker: BreakerConfig::default(),
            throttle: Some(ThrottleConfig::default()),
            hedge: Some(HedgeConfig::default()),
            concurrency: ConcurrencyConfig::default(),
            queue: QueueConfig::default(),
            cache: None,
            coalesce: Coalescing::On,
            key_out_for: Duration::from_secs(600),
            budgets: PeriodBudgets::default(),
        }
    }
}

impl ResilienceConfig {
    /// Somebody waits: few and short waits, early hedges, the next model rather than the same one again.
    pub fn interactive() -> Self {
        let mut config = Self::default();
        config.retry.attempts_max = 2;
        config.retry.wait_max = Duration::from_secs(2);
        config.retry.max = Duration::from_secs(2);
        config
    }

    /// Throughput counts, and the bill: no hedges, long waits for limits, a long queue.
    pub fn batch() -> Self {
        let mut config = Self::default();
        config.retry.attempts_max = 4;
        config.retry.wait_max = Duration::from_secs(300);
        config.hedge = None;
        config.queue.waiting_max = 16_384;
        config
    }

    /// The answer is worth waiting for: many retries, waits of up to an hour.
    pub fn patient() -> Self {
        let mut config = Self::default();
        config.retry.attempts_max = 6;
        config.retry.server_error_attempts_max = 4;
        config.retry.max = Duration::from_secs(60);
        config.retry.wait_max = Duration::from_secs(3_600);
        config.hedge = None;
        config
    }

    /// Each target is asked once, in turn, and nothing is learnt of it: for tests of what stands above, and for callers who have a layer of
    /// their own. Deadlines, time limits and budgets hold as ever.
    pub fn bare() -> Self {
        let mut config = Self::default();
        config.retry.attempts_max = 1;
        config.retry.server_error_attempts_max = 1;
        config.breaker.consecutive_failures = u32::MAX;
        config.breaker.volume_min = u32::MAX;
        config.throttle = None;
        config.hedge = None;
        config.coalesce = Coalescing::Off;
        config.key_out_for = Duration::from_nanos(1);
        config
    }

    /// Everything that is wrong, each with the name of its setting. Empty if nothing is.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut add = |table: &str, found: Vec<String>| {
            problems.extend(found.into_iter().map(|problem| format!("{table}.{problem}")));
        };
        add("retry", self.retry.problems());
        add("retry_budget", self.retry_budget.problems());
        add("breaker", self.breaker.problems());
        add("throttle", self.throttle.as_ref().map(ThrottleConfig::problems).unwrap_or_default());
        add("hedge", self.hedge.as_ref().map(HedgeConfig::problems).unwrap_or_default());
        add("concurrency", self.concurrency.problems());
        add("cache", self.cache.as_ref().map(CacheConfig::problems).unwrap_or_default());
        if self.key_out_for.is_zero() {
            problems.push("key_out_for: zero switches it off unseen; it must be longer".to_owned());
        }
        problems
    }
}
