//! A thousand callers at a dead upstream: what it sees of them, how fast they are refused, and that no call outlives its deadline.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_orchestrator_core::{
    Attempt, CallContext, Clock, Deadline, ErrorKind, Guard, LlmProvider, ProviderError, Reuse,
};
use async_orchestrator_resilience::{ResilienceConfig, Stack, Target, TokioClock};
use async_orchestrator_simulator::{Fault, FaultRule, Persona, Simulator};
use futures_util::future::join;
use tokio::{sync::Barrier, task::JoinSet};

use super::{
    Measured,
    dice::Dice,
    measure::{ms, quantile},
    report::Findings,
    sim::{SimClock, arrivals, play},
    upstream::{Upstream, drain, question},
    vendor::{Act, SimVendor},
};
use crate::chaos::{Format, world::since};

const CALLERS: u64 = 1_000;
const ROUNDS: u64 = 10;
const REFUSAL: Duration = Duration::from_millis(1);
const LATE_CALLS: u64 = 2_000;
/// So many of them wait at the same time.
const LATE_AT_ONCE: u64 = 50;
const LATENESS: Duration = Duration::from_millis(5);
const SIM_CALLS: u64 = 50_000;

pub(super) async fn run(seed: u64) -> Measured {
    let mut findings = Findings::default();
    offered(seed, &mut findings).await?;
    slow_to_refuse(seed, &mut findings)?;
    simulated(seed, &mut findings)?;
    real(seed, &mut findings).await?;
    Ok(findings)
}

/// What all callers of the storm note.
#[derive(Default)]
struct Noted {
    calls: u64,
    answered: u64,
    first_refused: Option<Instant>,
    /// When each refused call began, and how long it took.
    refused: Vec<(Instant, Duration)>,
}

async fn offered(seed: u64, findings: &mut Findings) -> Result<(), String> {
    let dead = Persona::new().fault(FaultRule::always(Fault::status(503)));
    let simulator = Simulator::builder().seed(seed).other_models(dead).start().await;
    let simulator = simulator.map_err(|error| error.to_string())?;
    let upstream = Upstream::new(simulator.base_url())?;
    let stack = Stack::try_new(Arc::new(TokioClock), ResilienceConfig::default(), seed)
        .map_err(|error| error.to_string())?;
    let provider =
        stack.provider(vec![upstream.target(Format::OpenAi, "dead")?]).map_err(|error| error.to_string())?;
    let noted = Arc::new(Mutex::new(Noted::default()));
    let start = Arc::new(Barrier::new(usize::try_from(CALLERS).unwrap_or(usize::MAX)));
    let mut callers = JoinSet::new();
    for number in 0..CALLERS {
        let dice = Dice::new(seed, &format!("caller {number}"));
        callers.spawn(caller(Arc::clone(&provider), dice, Arc::clone(&noted), Arc::clone(&start)));
    }
    while callers.join_next().await.is_some() {}
    let noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
    let seen = simulator.stats().calls_started;
    findings.noted("calls offered, 1,000 callers at once, all 503", noted.calls);
    findings.noted("calls seen upstream", seen);
    findings.at_most("calls seen over calls offered", seen as f64 / noted.calls as f64, 1.1, "x");
    findings.at_most("calls seen over the callers of one round", seen as f64 / CALLERS as f64, 1.1, "x");
    findings.exactly("answered", noted.answered, 0);
    let opened = noted.first_refused.ok_or("the breaker never opened")?;
    let times: Vec<Duration> =
        noted.refused.iter().filter(|(begun, _)| *begun >= opened).map(|(_, took)| *took).collect();
    findings.noted("refusals once the breaker was open", times.len());
    findings.at_most("refusal once it was open, p99", ms(quantile(&times, 990)), ms(REFUSAL), "ms");
    findings.noted("refusal once it was open, longest", format!("{:.3} ms", ms(quantile(&times, 1_000))));
    Ok(())
}

async fn caller(
    provider: Arc<dyn LlmProvider>,
    mut dice: Dice,
    noted: Arc<Mutex<Noted>>,
    start: Arc<Barrier>,
) {
    start.wait().await;
    let request = question("Why do rivers meander?");
    for _ in 0..ROUNDS {
        let begun = TokioClock.now();
        let context = CallContext {
            reuse: Reuse::Never,
            deadline: Deadline::after(begun, Duration::from_secs(10)),
            ..CallContext::detached(begun)
        };
        let result = provider.complete(&request, &context).await;
        let took = since(begun);
        {
            let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
            noted.calls += 1;
            match result {
                Ok(_) => noted.answered += 1,
                Err(error) if was_refused(&error) => {
                    noted.first_refused.get_or_insert_with(|| TokioClock.now());
                    noted.refused.push((begun, took));
                }
                Err(_) => {}
            }
        }
        let pause = dice.between(Duration::from_millis(500), Duration::from_millis(1_500));
        TokioClock.sleep(pause).await;
    }
}

/// Kept in by the breaker without an attempt.
fn was_refused(error: &ProviderError) -> bool {
    let attempted = |attempt: &Attempt| attempt.n > 0;
    matches!(error.kind(), ErrorKind::Refused { by: Guard::Breaker, .. })
        && !error.trail().iter().any(attempted)
}

/// The same where each 503 takes 200 ms, so that as many calls are under way as there are places when the first one comes back.
fn slow_to_refuse(seed: u64, findings: &mut Findings) -> Result<(), String> {
    let clock = SimClock::new();
    let vendor = SimVendor::new("a:dead", &clock, |_| Act::Fail {
        after: Duration::from_millis(200),
        kind: ErrorKind::Overloaded { retry_after: None },
    })?;
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let stack =
        Stack::try_new(shared, ResilienceConfig::default(), seed).map_err(|error| error.to_string())?;
    let target = Target::remote(Arc::<SimVendor>::clone(&vendor));
    let provider = stack.provider(vec![target]).map_err(|error| error.to_string())?;
    let (request, mut number) = (question("Why do rivers meander?"), 0);
    let next = || {
        (number < CALLERS).then(|| {
            number += 1;
            let context = CallContext { reuse: Reuse::Never, ..CallContext::detached(clock.now()) };
            let (provider, request) = (&provider, &request);
            (Duration::ZERO, async move { provider.complete(request, &context).await.is_ok() })
        })
    };
    play(&clock, arrivals(&clock, next, |_| {}))?;
    let share = vendor.calls() as f64 / CALLERS as f64;
    findings.at_most("one call a caller, each 503 after 200 ms: seen over offered", share, 1.1, "x");
    Ok(())
}

/// Every way to be slow, in simulated time, where being late by a nanosecond would show.
fn simulated(seed: u64, findings: &mut Findings) -> Result<(), String> {
    let clock = SimClock::new();
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let stack =
        Stack::try_new(shared, ResilienceConfig::default(), seed).map_err(|error| error.to_string())?;
    let mut targets = Vec::new();
    for name in ["a:model", "b:model"] {
        let mut dice = Dice::new(seed, name);
        let vendor = SimVendor::new(name, &clock, move |_| unsteady(&mut dice))?;
        targets.push(Target::remote(vendor));
    }
    let provider = stack.provider(targets).map_err(|error| error.to_string())?;
    let request = question("Why do rivers meander?");
    let (mut dice, mut number) = (Dice::new(seed, "deadlines"), 0_u64);
    let next = || {
        (number < SIM_CALLS).then(|| {
            number += 1;
            let limit = dice.between(Duration::from_millis(50), Duration::from_secs(10));
            let (streamed, gap) = (dice.below(2) == 0, dice.gap(Duration::from_millis(100)));
            let (clock, provider, request) = (&clock, &provider, &request);
            let call = async move {
                let now = clock.now();
                let end = now + limit;
                let context = CallContext {
                    reuse: Reuse::Never,
                    deadline: Deadline::at(end),
                    ..CallContext::detached(now)
                };
                let result = if streamed {
                    drain(&**provider, request, &context, || {}).await
                } else {
                    provider.complete(request, &context).await
                };
                let now = clock.now();
                (result.is_ok(), now == end, now.saturating_duration_since(end))
            };
            (gap, call)
        })
    };
    let (mut latest, mut late, mut answered, mut at_the_end) = (Duration::ZERO, 0, 0_u64, 0_u64);
    let done = |(fine, at_end, lateness): (bool, bool, Duration)| {
        answered += u64::from(fine);
        at_the_end += u64::from(at_end);
        late += u64::from(!lateness.is_zero());
        latest = latest.max(lateness);
    };
    play(&clock, arrivals(&clock, next, done))?;
    findings.noted(
        format!("simulated calls with deadlines of 0.05 to 10 s: {SIM_CALLS}"),
        format!("{answered} answered, {at_the_end} cut at it"),
    );
    findings.exactly("simulated calls past their deadline", late, 0);
    findings.at_most("longest past its deadline, simulated", ms(latest), 0.0, "ms");
    Ok(())
}

fn unsteady(dice: &mut Dice) -> Act {
    let soon = dice.between(Duration::ZERO, Duration::from_secs(1));
    match dice.below(12) {
        0 | 1 => Act::Silent,
        2 => Act::Fail { after: soon, kind: ErrorKind::Unavailable },
        3 => Act::Fail { after: soon, kind: ErrorKind::RateLimited { retry_after: Some(soon * 3) } },
        4 => Act::Fail { after: soon, kind: ErrorKind::Overloaded { retry_after: None } },
        5 => Act::BreakOff { first: soon },
        6 => Act::Answer { first: soon * 5, rest: soon * 5 },
        _ => Act::Answer { first: soon / 4, rest: soon },
    }
}

/// The same on sockets, where the upstream accepts and then says nothing.
async fn real(seed: u64, findings: &mut Findings) -> Result<(), String> {
    let silent = Persona::new().fault(FaultRule::always(Fault::StallBeforeHeaders));
    let halting = Persona::new().fault(FaultRule::always(Fault::StallMidBody { after_events: 3 }));
    let simulator =
        Simulator::builder().seed(seed).model("silent", silent).model("halting", halting).start().await;
    let simulator = simulator.map_err(|error| error.to_string())?;
    let upstream = Upstream::new(simulator.base_url())?;
    let stack = Stack::try_new(Arc::new(TokioClock), ResilienceConfig::default(), seed)
        .map_err(|error| error.to_string())?;
    let mut providers = Vec::new();
    for model in ["silent", "halting"] {
        let target = upstream.target(Format::OpenAi, model)?;
        providers.push(stack.provider(vec![target]).map_err(|error| error.to_string())?);
    }
    let mut callers = JoinSet::new();
    for number in 0..LATE_AT_ONCE {
        let mut dice = Dice::new(seed, &format!("late {number}"));
        let providers = providers.clone();
        callers.spawn(async move {
            let mut lateness = Vec::new();
            for round in 0..LATE_CALLS / LATE_AT_ONCE {
                let provider = &providers[usize::from(round % 2 == 0)];
                let limit = dice.between(Duration::from_millis(50), Duration::from_millis(500));
                let streamed = dice.below(2) == 0;
                let (own, bare) = join(late(&**provider, limit, streamed), late_timer(limit)).await;
                lateness.push((own.0, own.1, bare));
            }
            lateness
        });
    }
    let (mut times, mut bare_times, mut answered) = (Vec::new(), Vec::new(), 0_u64);
    while let Some(joined) = callers.join_next().await {
        for (fine, lateness, bare) in joined.map_err(|error| error.to_string())? {
            answered += u64::from(fine);
            times.push(lateness);
            bare_times.push(bare);
        }
    }
    findings.exactly("answered by an upstream that stalls", answered, 0);
    findings.noted("calls with deadlines of 50 to 500 ms, real sockets", times.len());
    findings.at_most("lateness over the deadline, p99.9", ms(quantile(&times, 999)), ms(LATENESS), "ms");
    findings.noted(
        "lateness of a bare timer beside each, p99.9 and longest",
        format!("{:.2} and {:.2} ms", ms(quantile(&bare_times, 999)), ms(quantile(&bare_times, 1_000))),
    );
    findings.noted(
        "lateness over the deadline, p50 and longest",
        format!("{:.2} and {:.2} ms", ms(quantile(&times, 500)), ms(quantile(&times, 1_000))),
    );
    Ok(())
}

/// How late a timer of this machine is that nothing of ours stands around: what no stack can do better than.
async fn late_timer(limit: Duration) -> Duration {
    let begun = TokioClock.now();
    TokioClock.sleep(limit).await;
    since(begun).saturating_sub(limit)
}

async fn late(provider: &dyn LlmProvider, limit: Duration, streamed: bool) -> (bool, Duration) {
    let begun = TokioClock.now();
    let request = question("Why do rivers meander?");
    let context = CallContext {
        reuse: Reuse::Never,
        deadline: Deadline::after(begun, limit),
        ..CallContext::detached(begun)
    };
    let result = if streamed {
        drain(provider, &request, &context, || {}).await
    } else {
        provider.complete(&request, &context).await
    };
    (result.is_ok(), since(begun).saturating_sub(limit))
}
