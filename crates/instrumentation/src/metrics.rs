//! Counts events where they happen, and renders the counts for Prometheus.
//!
//! Values of labels are bounded: roles, stages, causes and states are ours, models and providers are at most [`MODELS_MAX`], and further ones are
//! counted together as `other`.

mod histogram;
mod render;

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use async_orchestrator_core::{
    Event, EventKind, Mode, ModelRef, Role, RunSummary, Served, Status, Usage, Verdict,
};

use histogram::Histogram;

/// So many models have counters of their own.
pub(crate) const MODELS_MAX: usize = 64;
/// So many kinds of alarms have.
const ALARMS_MAX: usize = 32;

/// The buckets of durations, in milliseconds: from a cache's answer to a council of slow models.
const DURATION_MS: &[u64] =
    &[50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000];
/// The buckets of shares, in thousandths.
const SHARE_MILLI: &[u64] = &[200, 400, 500, 600, 800, 999, 1_000];

/// One target as it is at the moment of rendering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetGauge {
    /// Provider and model.
    pub model: ModelRef,
    /// The number of the provider's key, from 1.
    pub key: u32,
    /// What the breaker does.
    pub gate: Gate,
    /// Whether the key is left out.
    pub key_out: bool,
    /// Calls under way.
    pub in_flight: u64,
    /// How many may be.
    pub concurrency_limit: u64,
    /// Calls that wait for a place.
    pub waiting: u64,
}

/// What a breaker does with the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Everything goes out.
    Admitting,
    /// The vendor asked to wait.
    CoolingDown,
    /// Nothing goes out for a while.
    Refusing,
    /// One call goes out to see.
    Probing,
    /// A growing share goes out.
    Recovering,
}

impl Gate {
    pub(crate) const ALL: [Self; 5] =
        [Self::Admitting, Self::CoolingDown, Self::Refusing, Self::Probing, Self::Recovering];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Admitting => "admitting",
            Self::CoolingDown => "cooling_down",
            Self::Refusing => "refusing",
            Self::Probing => "probing",
            Self::Recovering => "recovering",
        }
    }
}

/// A counter.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    fn one(&self) {
        self.add(1);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A counter for each of a few words of ours.
#[derive(Debug, Default)]
pub(crate) struct Words(RwLock<HashMap<&'static str, Counter>>);

impl Words {
    fn one(&self, word: &'static str) {
        if let Some(counter) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(word) {
            return counter.one();
        }
        self.0.write().unwrap_or_else(PoisonError::into_inner).entry(word).or_default().one();
    }

    pub(crate) fn all(&self) -> Vec<(&'static str, u64)> {
        let words = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = words.iter().map(|(word, counter)| (*word, counter.get())).collect();
        all.sort_unstable();
        all
    }
}

/// What is counted of one model.
#[derive(Debug)]
pub(crate) struct OfModel {
    pub(crate) attempts: Words,
    pub(crate) refused: Words,
    pub(crate) took: Histogram,
    pub(crate) first_token: Histogram,
    pub(crate) input: Counter,
    pub(crate) cached: Counter,
    pub(crate) output: Counter,
    pub(crate) cost_micro: Counter,
    pub(crate) unpriced: Counter,
    pub(crate) retries: Counter,
    pub(crate) hedges: Counter,
}

impl Default for OfModel {
    fn default() -> Self {
        Self {
            attempts: Words::default(),
            refused: Words::default(),
            took: Histogram::new(DURATION_MS),
            first_token: Histogram::new(DURATION_MS),
            input: Counter::default(),
            cached: Counter::default(),
            output: Counter::default(),
            cost_micro: Counter::default(),
            unpriced: Counter::default(),
            retries: Counter::default(),
            hedges: Counter::default(),
        }
    }
}

/// What is counted of one role.
#[derive(Debug)]
pub(crate) struct OfRole {
    pub(crate) calls: Words,
    pub(crate) took: Histogram,
}

impl Default for OfRole {
    fn default() -> Self {
        Self { calls: Words::default(), took: Histogram::new(DURATION_MS) }
    }
}

/// Everything that is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) models: RwLock<HashMap<ModelRef, Arc<OfModel>>>,
    pub(crate) other: Arc<OfModel>,
    pub(crate) roles: [OfRole; 6],
    pub(crate) runs: [[Counter; STATUSES.len()]; 2],
    pub(crate) failed: Counter,
    pub(crate) started: Counter,
    pub(crate) ended: Counter,
    pub(crate) run_took: [Histogram; 2],
    pub(crate) cost_micro: Counter,
    pub(crate) unpriced: Counter,
    pub(crate) agreement: Histogram,
    pub(crate) dissents: Counter,
    pub(crate) verdicts: Words,
    pub(crate) saved_calls: Counter,
    pub(crate) served: Words,
    pub(crate) escalations: Counter,
    pub(crate) resumed: Counter,
    pub(crate) not_kept: Counter,
    pub(crate) state_failures: Counter,
    pub(crate) alarms: RwLock<HashMap<String, Counter>>,
}

/// The statuses of a run, in the order of their counters.
pub(crate) const STATUSES: [Status; 5] =
    [Status::Full, Status::Partial, Status::Degraded, Status::ExpressFallback, Status::NoDecision];
/// The modes, in the order of their counters.
pub(crate) const MODES: [(Mode, &str); 2] = [(Mode::Express, "express"), (Mode::Council, "council")];

impl Default for Metrics {
    fn default() -> Self {
        Self {
            models: RwLock::default(),
            other: Arc::default(),
            roles: Default::default(),
            runs: Default::default(),
            failed: Counter::default(),
            started: Counter::default(),
            ended: Counter::default(),
            run_took: [Histogram::new(DURATION_MS), Histogram::new(DURATION_MS)],
            cost_micro: Counter::default(),
            unpriced: Counter::default(),
            agreement: Histogram::new(SHARE_MILLI),
            dissents: Counter::default(),
            verdicts: Words::default(),
            saved_calls: Counter::default(),
            served: Words::default(),
            escalations: Counter::default(),
            resumed: Counter::default(),
            not_kept: Counter::default(),
            state_failures: Counter::default(),
            alarms: RwLock::default(),
        }
    }
}

impl Metrics {
    /// Counts `event`. Pieces of text are passed over at once.
    pub(crate) fn count(&self, event: &Event) {
        match &event.kind {
            EventKind::RunStarted { .. } => self.started.one(),
            EventKind::Completed { summary } => self.completed(summary),
            EventKind::Failed { .. } => {
                self.failed.one();
                self.ended.one();
            }
            EventKind::AttemptFinished { target, usage, cost, first_token_ms, took_ms, .. } => {
                let model = self.model(target);
                model.attempts.one("ok");
                model.took.record(*took_ms);
                if let Some(first) = first_token_ms {
                    model.first_token.record(*first);
                }
                count_tokens(&model, usage);
                match cost {
                    Some(cost) => model.cost_micro.add(cost.0),
                    None => model.unpriced.one(),
                }
            }
            EventKind::AttemptFailed { target, cause, .. } => self.model(target).attempts.one(cause.name()),
            EventKind::AttemptRefused { target, cause, .. } => self.model(target).refused.one(cause.name()),
            EventKind::AttemptWaits { target, .. } => self.model(target).retries.one(),
            EventKind::AttemptHedged { target, .. } => self.model(target).hedges.one(),
            EventKind::RoleFinished { served: from, took_ms, .. } => {
                self.served.one(served(*from));
                self.role(event, "ok", Some(*took_ms));
            }
            EventKind::RoleRecalled { .. } => self.role(event, "recalled", None),
            EventKind::RoleFailed { cause, .. } => self.role(event, cause.name(), None),
            EventKind::Escalated { .. } => self.escalations.one(),
            EventKind::Resumed { .. } => self.resumed.one(),
            EventKind::NotKept { .. } => self.not_kept.one(),
            EventKind::SharedStateFailed { .. } => self.state_failures.one(),
            EventKind::Alarm { alarm, .. } => self.alarm(alarm),
            _ => {}
        }
    }

    fn completed(&self, summary: &RunSummary) {
        self.ended.one();
        let mode = usize::from(summary.mode == Mode::Council);
        let status = STATUSES.iter().position(|status| *status == summary.status);
        if let Some(counter) = self.runs.get(mode).and_then(|statuses| statuses.get(status?)) {
            counter.one();
        }
        if let Some(took) = self.run_took.get(mode) {
            took.record(whole(summary.total_ms));
        }
        match summary.cost {
            Some(cost) => self.cost_micro.add(cost.0),
            None => self.unpriced.one(),
        }
        if let Some(agreement) = summary.agreement {
            self.agreement.record(whole(agreement * 1_000.0));
        }
        self.dissents.add(summary.dissents);
        self.saved_calls.add(summary.saved_calls);
        if summary.verdict != Verdict::NotRun {
            self.verdicts.one(summary.verdict.name());
        }
    }

    fn model(&self, target: &ModelRef) -> Arc<OfModel> {
        if let Some(model) = self.models.read().unwrap_or_else(PoisonError::into_inner).get(target) {
            return Arc::clone(model);
        }
        let mut models = self.models.write().unwrap_or_else(PoisonError::into_inner);
        if models.len() >= MODELS_MAX && !models.contains_key(target) {
            return Arc::clone(&self.other);
        }
        Arc::clone(models.entry(target.clone()).or_default())
    }

    fn role(&self, event: &Event, outcome: &'static str, took_ms: Option<u64>) {
        let at = event.seat.and_then(|seat| Role::ALL.iter().position(|role| *role == seat.role));
        let Some(role) = at.and_then(|at| self.roles.get(at)) else { return };
        role.calls.one(outcome);
        if let Some(took_ms) = took_ms {
            role.took.record(took_ms);
        }
    }

    fn alarm(&self, alarm: &str) {
        if let Some(counter) = self.alarms.read().unwrap_or_else(PoisonError::into_inner).get(alarm) {
            return counter.one();
        }
        let mut alarms = self.alarms.write().unwrap_or_else(PoisonError::into_inner);
        let name = if alarms.len() < ALARMS_MAX { alarm } else { "other" };
        alarms.entry(name.to_owned()).or_default().one();
    }
}

fn count_tokens(model: &OfModel, usage: &Usage) {
    model.input.add(usage.input_tokens);
    model.cached.add(usage.cached_input_tokens);
    model.output.add(usage.output_tokens);
}

/// A number that is not negative, without its fraction.
fn whole(number: f64) -> u64 {
    std::time::Duration::try_from_secs_f64(number.max(0.0)).unwrap_or_default().as_secs()
}

/// The word for where a reply came from.
pub(crate) const fn served(served: Served) -> &'static str {
    match served {
        Served::Live => "live",
        Served::Shared => "shared",
        Served::Cached { .. } => "cached",
        Served::Spliced => "spliced",
        Served::Stale { .. } => "stale",
    }
}
