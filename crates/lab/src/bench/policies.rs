//! What one decision costs: the policies by themselves, and what admission adds to a call that is answered at once.

use std::{
    hint::black_box,
    num::{NonZeroU32, NonZeroU64},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, bail};
use async_orchestrator_core::{
    AttemptLimits, CallContext, Capabilities, Clock, Completion, CompletionRequest, CompletionStream,
    ErrorKind, FinishReason, LlmProvider, PromptRead, ProviderError, Served, Usage, UsageSource,
};
use async_orchestrator_resilience::{
    ResilienceConfig, Stack, Target, TargetLimits, TokioClock,
    policy::{
        Accepted, Admission, BreakerConfig, CallResult, Concurrency, ConcurrencyConfig, Gate, ReleaseOutcome,
        Reserve, SharedBreaker, Throttle, ThrottleConfig, TokenLimit,
    },
};
use async_trait::async_trait;

use super::{Figure, Sheet, rounds::median, world};

/// Everything that can be repeated, in this order.
pub(super) const NAMES: [&str; 11] = [
    "clock",
    "breaker",
    "throttle",
    "tokens",
    "lane",
    "admission",
    "call.bare",
    "call.local",
    "call.remote",
    "call.requests",
    "call.all_limits",
];
const BATCHES: usize = 25;
/// Decisions of one batch: a few milliseconds.
const DECISIONS: u64 = 50_000;
const CALLS: u64 = 2_000;
/// What passes between two decisions.
const STEP: Duration = Duration::from_micros(10);
/// What a call reserves and uses.
const CALL_TOKENS: u64 = 500;
const BREAKER_NS_MAX: f64 = 50.0;
const ADMISSION_NS_MAX: f64 = 200.0;

/// Runs the part.
pub(super) async fn run(sheet: &mut Sheet<'_>) -> Result<()> {
    let mut ns = Vec::new();
    for name in NAMES {
        let decisions = if name.starts_with("call.") { CALLS } else { DECISIONS };
        let mut bench = Bench::new(name)?;
        bench.repeat(decisions).await?;
        let mut times = Vec::new();
        for _ in 0..BATCHES {
            let started = TokioClock.now();
            bench.repeat(decisions).await?;
            let took = TokioClock.now().saturating_duration_since(started);
            times.push(took.as_nanos() as f64 / decisions as f64);
        }
        let least = times.iter().copied().fold(f64::INFINITY, f64::min);
        let time = median(times);
        ns.push((name, time));
        let figure = Figure::new(format!("policies.{name}"), time, "ns").note(format!("least {least:.1}"));
        sheet.add(match name {
            "breaker" => figure.at_most(BREAKER_NS_MAX),
            "admission" => figure.at_most(ADMISSION_NS_MAX),
            _ => figure,
        });
    }
    let of = |name: &str| ns.iter().find(|(known, _)| *known == name).map_or(0.0, |(_, time)| *time);
    for (name, more, less, what) in [
        ("stack", "call.local", "call.bare", "deadline, coalescing, fallback, budget, attempt"),
        ("retry_and_admission", "call.remote", "call.local", "retry, hedge, admission without limits"),
        ("request_limit", "call.requests", "call.remote", "requests a minute"),
        ("both_limits", "call.all_limits", "call.remote", "requests and tokens a minute"),
    ] {
        sheet.add(Figure::new(format!("policies.added.{name}"), of(more) - of(less), "ns").note(what));
    }
    Ok(())
}

/// Makes the decision `name` so many times, for a profiler.
pub(super) async fn repeat(name: &str, decisions: &str) -> Result<()> {
    Bench::new(name)?.repeat(decisions.parse()?).await
}

enum Bench {
    Clock,
    Pure(Box<Policies>, fn(&mut Policies, Instant)),
    Call(Arc<dyn LlmProvider>, Box<CompletionRequest>),
}

/// The policies of one target, behind the locks that the stack has.
struct Policies {
    now: Instant,
    breaker: SharedBreaker,
    throttle: Mutex<Throttle>,
    tokens: Mutex<TokenLimit>,
    lane: Mutex<Concurrency>,
}

impl Bench {
    fn new(name: &str) -> Result<Self> {
        let pure = |decide| Ok(Self::Pure(Box::new(Policies::new()), decide));
        let call = |provider| Ok(Self::Call(provider, Box::new(world::question())));
        let instant: Arc<dyn LlmProvider> = Arc::new(AtOnce::new()?);
        // As many as there are, so that they are counted and never reached.
        let requests_per_minute = NonZeroU32::new(4_000_000_000);
        let tokens_per_minute = NonZeroU64::new(u64::MAX / 4);
        match name {
            "clock" => Ok(Self::Clock),
            "breaker" => pure(|policies, now| policies.breaker(now)),
            "throttle" => pure(|policies, now| policies.throttle(now)),
            "tokens" => pure(|policies, now| policies.tokens(now)),
            "lane" => pure(|policies, now| policies.lane(now)),
            "admission" => pure(|policies, now| policies.admission(now)),
            "call.bare" => call(instant),
            "call.local" => {
                let stack = Stack::try_new(Arc::new(TokioClock), ResilienceConfig::default(), 7)?;
                call(stack.provider(vec![Target::local(instant, AttemptLimits::REMOTE_DEFAULT)])?)
            }
            "call.remote" => call(world::stacked(instant)?),
            "call.requests" => {
                let limits = TargetLimits { requests_per_minute, ..TargetLimits::default() };
                call(world::limited(instant, limits)?)
            }
            "call.all_limits" => {
                let concurrency = NonZeroU32::new(64);
                call(world::limited(
                    instant,
                    TargetLimits { requests_per_minute, tokens_per_minute, concurrency },
                )?)
            }
            _ => bail!("no decision is called `{name}`: one of {} is expected", NAMES.join(", ")),
        }
    }

    async fn repeat(&mut self, decisions: u64) -> Result<()> {
        match self {
            Self::Clock => {
                for _ in 0..decisions {
                    black_box(TokioClock.now());
                }
            }
            Self::Pure(policies, decide) => {
                for _ in 0..decisions {
                    policies.now += STEP;
                    let now = policies.now;
                    decide(policies, black_box(now));
                }
            }
            Self::Call(provider, request) => {
                for _ in 0..decisions {
                    let context = CallContext::detached(TokioClock.now());
                    black_box(provider.complete(request, &context).await?);
                }
            }
        }
        Ok(())
    }
}

impl Policies {
    fn new() -> Self {
        let start = TokioClock.now();
        let limit = NonZeroU64::MAX;
        Self {
            // Not in the first moments of a limit, in which it has no history.
            now: start + Duration::from_secs(5),
            breaker: SharedBreaker::new(BreakerConfig::default()),
            throttle: Mutex::new(Throttle::new(ThrottleConfig::default())),
            tokens: Mutex::new(TokenLimit::per_minute(limit, start)),
            lane: Mutex::new(Concurrency::new(ConcurrencyConfig::default())),
        }
    }

    /// May it go out, and how did it go?
    fn breaker(&self, now: Instant) {
        if let Gate::Admit(pass) = self.breaker.gate(now) {
            self.breaker.record(pass, black_box(CallResult::Success { took: Duration::from_millis(1) }), now);
        }
    }

    fn throttle(&self, now: Instant) {
        if lock(&self.throttle).admit(now, black_box(0.5)) == Admission::Send {
            lock(&self.throttle).record(Accepted::Yes, now);
        }
    }

    fn tokens(&self, now: Instant) {
        let reserved = lock(&self.tokens).reserve(black_box(CALL_TOKENS), now);
        if let Reserve::Now(hold) = reserved {
            lock(&self.tokens).settle(hold, black_box(CALL_TOKENS), now);
        }
    }

    fn lane(&self, now: Instant) {
        if lock(&self.lane).try_acquire() {
            lock(&self.lane).release(black_box(ReleaseOutcome::Ok), now);
        }
    }

    /// What a call of a healthy target asks, in the order of the stack, and gives back; without the requests a minute, whose counter is
    /// not public.
    fn admission(&self, now: Instant) {
        if black_box(self.breaker.shut(now)).is_some() || !black_box(self.breaker.is_plain()) {
            return;
        }
        self.throttle(now);
        let reserved = lock(&self.tokens).reserve(black_box(CALL_TOKENS), now);
        let Reserve::Now(hold) = reserved else { return };
        if lock(&self.lane).try_acquire() {
            self.breaker(now);
            lock(&self.lane).release(black_box(ReleaseOutcome::Ok), now);
        }
        lock(&self.tokens).settle(hold, black_box(CALL_TOKENS), now);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers at once.
#[derive(Debug)]
struct AtOnce(Capabilities);

impl AtOnce {
    fn new() -> Result<Self> {
        let target = "bench:instant".parse().map_err(|_| anyhow!("no name of a model"))?;
        Ok(Self(Capabilities { output_tokens_max: Some(500), ..Capabilities::unknown(target) }))
    }
}

#[async_trait]
impl LlmProvider for AtOnce {
    async fn complete(&self, _: &CompletionRequest, _: &CallContext) -> Result<Completion, ProviderError> {
        Ok(Completion {
            text: "42".to_owned(),
            finish: FinishReason::Stop,
            usage: Usage { input_tokens: 300, output_tokens: 200, ..Usage::default() },
            usage_source: UsageSource::Reported,
            answered_by: self.0.target.clone(),
            prompt_read: PromptRead::Whole,
            served: Served::Live,
            request_id: None,
            trail: Vec::new(),
        })
    }

    async fn stream(
        &self,
        _: &CompletionRequest,
        _: &CallContext,
    ) -> Result<CompletionStream, ProviderError> {
        Err(ErrorKind::Invalid.into())
    }

    fn capabilities(&self) -> &Capabilities {
        &self.0
    }
}
