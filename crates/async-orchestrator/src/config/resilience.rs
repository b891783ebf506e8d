//! `[resilience]`: how calls are kept going, as settings, and what they come to.

use std::time::Duration;

use async_orchestrator_core::Reuse;
use async_orchestrator_resilience::{CacheConfig, Coalescing, HedgeConfig, ResilienceConfig};

use super::{Problem, Settings, choices::Choice};

/// What the other settings start from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Preset {
    /// For most uses.
    #[default]
    Default,
    /// Somebody waits; see [`ResilienceConfig::interactive`].
    Interactive,
    /// Throughput and cost count; see [`ResilienceConfig::batch`].
    Batch,
    /// The answer is worth waiting for; see [`ResilienceConfig::patient`].
    Patient,
}

impl Choice for Preset {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Default, "default"),
        (Self::Interactive, "interactive"),
        (Self::Batch, "batch"),
        (Self::Patient, "patient"),
    ];
}

impl Choice for Reuse {
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::Never, "never"), (Self::WhenDeterministic, "deterministic"), (Self::Allowed, "allowed")];
}

/// `[resilience]`. What is unset follows from the preset.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ResilienceSettings {
    /// What the others start from.
    pub preset: Preset,
    /// How often one model is asked, the first time counted.
    pub retry_attempts_max: Option<u32>,
    /// The longest wait that a vendor may ask for.
    pub retry_wait_max: Option<Duration>,
    /// How many failures in a row take a model out.
    pub breaker_failures: Option<u32>,
    /// The share of failures, in percent, that takes a model out.
    pub breaker_failure_percent: Option<u32>,
    /// How long a model is left out at first.
    pub breaker_cooldown: Option<Duration>,
    /// How long a model is left out at most.
    pub breaker_cooldown_max: Option<Duration>,
    /// A first token later than this counts as slow.
    pub breaker_slow: Option<Duration>,
    /// Whether slow calls are hedged.
    pub hedge: Option<bool>,
    /// The shortest silence before a hedge.
    pub hedge_delay_min: Option<Duration>,
    /// The most calls under way at one model.
    pub concurrency_max: Option<u32>,
    /// The most calls that wait for a place at one model.
    pub queue_max: Option<usize>,
    /// Whether identical calls at the same time become one.
    pub coalesce: Option<bool>,
    /// Whether answers are kept.
    pub cache: Option<bool>,
    /// How many bytes of answers are kept.
    pub cache_bytes_max: Option<u64>,
    /// How long a kept answer serves in place of a call.
    pub cache_fresh: Option<Duration>,
    /// How much longer it serves where nobody can be reached.
    pub cache_stale: Option<Duration>,
    /// Which calls a kept answer may serve.
    pub reuse: Option<Reuse>,
}

impl ResilienceSettings {
    /// What the settings come to.
    pub fn config(&self) -> ResilienceConfig {
        let mut config = match self.preset {
            Preset::Default => ResilienceConfig::default(),
            Preset::Interactive => ResilienceConfig::interactive(),
            Preset::Batch => ResilienceConfig::batch(),
            Preset::Patient => ResilienceConfig::patient(),
        };
        set(&mut config.retry.attempts_max, self.retry_attempts_max);
        config.retry.server_error_attempts_max =
            config.retry.server_error_attempts_max.min(config.retry.attempts_max);
        set(&mut config.retry.wait_max, self.retry_wait_max);
        set(&mut config.breaker.consecutive_failures, self.breaker_failures);
        set(
            &mut config.breaker.failure_ratio,
            self.breaker_failure_percent.map(|percent| f64::from(percent) / 100.0),
        );
        set(&mut config.breaker.cooldown_min, self.breaker_cooldown);
        set(&mut config.breaker.cooldown_max, self.breaker_cooldown_max);
        config.breaker.slow_call = self.breaker_slow.or(config.breaker.slow_call);
        match self.hedge {
            Some(true) => config.hedge = Some(config.hedge.unwrap_or_default()),
            Some(false) => config.hedge = None,
            None => {}
        }
        if let Some(hedge) = &mut config.hedge {
            set(&mut hedge.delay_min, self.hedge_delay_min);
            hedge.delay_max = hedge.delay_max.max(hedge.delay_min);
        }
        if let Some(most) = self.concurrency_max {
            config.concurrency.max = most;
            config.concurrency.initial = config.concurrency.initial.min(most);
            config.concurrency.min = config.concurrency.min.min(most);
        }
        set(&mut config.queue.waiting_max, self.queue_max);
        config.coalesce = match self.coalesce {
            Some(false) => Coalescing::Off,
            Some(true) | None => config.coalesce,
        };
        if self.cache == Some(true) {
            let mut cache = CacheConfig::default();
            set(&mut cache.bytes_max, self.cache_bytes_max);
            set(&mut cache.fresh_for, self.cache_fresh);
            set(&mut cache.stale_for, self.cache_stale);
            config.cache = Some(cache);
        }
        config
    }

    /// The settings that would do nothing beside the others, each with what switches it on.
    fn idle(&self) -> Vec<(&'static str, &'static str)> {
        let config = self.config();
        let without_cache = "does nothing without `cache = true`";
        let hedge: Option<&HedgeConfig> = config.hedge.as_ref();
        let idle = [
            (
                "hedge_delay_min_seconds",
                self.hedge_delay_min.is_some() && hedge.is_none(),
                "does nothing without `hedge = true`",
            ),
            ("cache_bytes_max", self.cache_bytes_max.is_some() && config.cache.is_none(), without_cache),
            ("cache_fresh_seconds", self.cache_fresh.is_some() && config.cache.is_none(), without_cache),
            ("cache_stale_seconds", self.cache_stale.is_some() && config.cache.is_none(), without_cache),
            (
                "reuse",
                self.reuse.is_some() && config.cache.is_none() && config.coalesce == Coalescing::Off,
                "does nothing without `cache = true` or `coalesce = true`",
            ),
        ];
        idle.into_iter().filter(|(_, is_idle, _)| *is_idle).map(|(key, _, what)| (key, what)).collect()
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

/// Appends what is wrong with the table: what would do nothing, and what cannot work together.
pub(super) fn check(settings: &Settings, problems: &mut Vec<Problem>) {
    let mut add = |setting: &str, what: String| {
        let key = format!("resilience.{setting}");
        problems.push(Problem::new(settings.sources().of(&key).clone(), key, what));
    };
    for (setting, what) in settings.resilience.idle() {
        add(setting, what.to_owned());
    }
    let own = &settings.resilience;
    let config = own.config();
    if let Some(cooldown) = own.breaker_cooldown.filter(|cooldown| *cooldown > config.breaker.cooldown_max) {
        let max = config.breaker.cooldown_max;
        add(
            "breaker_cooldown_seconds",
            format!("{cooldown:?} is longer than breaker_cooldown_max_seconds, {max:?}"),
        );
    }
    if let (Some(cooldown), Some(limit)) = (own.breaker_cooldown, settings.council.time_limit)
        && cooldown > limit
    {
        add(
            "breaker_cooldown_seconds",
            format!(
                "{cooldown:?} is longer than council.time_limit_seconds, {limit:?}: no run would see the model again"
            ),
        );
    }
    for problem in config.problems() {
        let told = problem.starts_with("breaker.cooldown_m") && own.breaker_cooldown.is_some();
        if !told {
            add("preset", problem);
        }
    }
}
