//! Hedging cuts a slow tail for a few per cent more calls, and stops where a vendor is slow as a whole. In simulated time.

use std::{sync::Arc, time::Duration};

use async_orchestrator_core::{CallContext, Clock, Reuse};
use async_orchestrator_resilience::{ResilienceConfig, Stack, Target};

use super::{
    Measured,
    dice::Dice,
    measure::{ms, quantile},
    report::Findings,
    sim::{SimClock, arrivals, play},
    upstream::question,
    vendor::{Act, SimVendor},
};

const QUICK: Duration = Duration::from_millis(60);
const SLOW: Duration = Duration::from_secs(2);
/// Of so many calls one is slow.
const SLOW_ONE_IN: u64 = 20;
const CALLS: u64 = 20_000;
const GAP: Duration = Duration::from_millis(50);
/// The brown-out: 5 minutes after 10 good ones, 10 good ones after it.
const BROWN_OUT: std::ops::Range<u64> = 12_000..18_000;
const BROWN_OUT_CALLS: u64 = 30_000;
const SLOWER: u32 = 20;

pub(super) fn run(seed: u64) -> Measured {
    let mut findings = Findings::default();
    let mut plain = ResilienceConfig::default();
    plain.hedge = None;
    let without = tail(seed, plain)?;
    let hedged = tail(seed, ResilienceConfig::default())?;
    let (before, after) = (quantile(&without.times, 990), quantile(&hedged.times, 990));
    findings.noted("p99 without hedging", format!("{:.0} ms", ms(before)));
    findings.noted("p99 with hedging", format!("{:.0} ms", ms(after)));
    let times = before.as_secs_f64() / after.as_secs_f64();
    findings.must("p99 without hedging over p99 with it", format!("{times:.1} x"), ">= 10 x", times >= 10.0);
    let more = (hedged.calls as f64 / CALLS as f64 - 1.0) * 100.0;
    findings.at_most(format!("more calls with hedging, of {CALLS}"), more, 6.0, "%");
    brown_out(seed, &mut findings)?;
    Ok(findings)
}

struct Seen {
    times: Vec<Duration>,
    calls: u64,
}

fn tail(seed: u64, config: ResilienceConfig) -> Result<Seen, String> {
    let clock = SimClock::new();
    let mut dice = Dice::new(seed, "tail");
    let vendor = SimVendor::new("a:model", &clock, move |_| Act::Answer {
        first: if dice.below(SLOW_ONE_IN) == 0 { SLOW } else { QUICK },
        rest: Duration::ZERO,
    })?;
    let mut times = Vec::new();
    load(&clock, &vendor, config, seed, CALLS, |took| times.push(took))?;
    Ok(Seen { times, calls: vendor.calls() })
}

/// Lets `calls` arrive, `GAP` apart, and says how many calls the vendor had seen when each one came, and at the end.
fn load(
    clock: &SimClock,
    vendor: &Arc<SimVendor>,
    config: ResilienceConfig,
    seed: u64,
    calls: u64,
    mut on_end: impl FnMut(Duration),
) -> Result<Vec<u64>, String> {
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let stack = Stack::try_new(shared, config, seed).map_err(|error| error.to_string())?;
    let provider = stack
        .provider(vec![Target::remote(Arc::<SimVendor>::clone(vendor))])
        .map_err(|error| error.to_string())?;
    let request = question("Why do rivers meander?");
    let mut seen = Vec::new();
    let mut number = 0;
    let mut failed = 0_u64;
    let next = || {
        (number < calls).then(|| {
            seen.push(vendor.calls());
            number += 1;
            let (provider, request) = (&provider, &request);
            let call = async move {
                let started = clock.now();
                let context = CallContext { reuse: Reuse::Never, ..CallContext::detached(started) };
                let fine = provider.complete(request, &context).await.is_ok();
                (fine, clock.now() - started)
            };
            (GAP, call)
        })
    };
    let done = |(fine, took): (bool, Duration)| {
        failed += u64::from(!fine);
        on_end(took);
    };
    play(clock, arrivals(clock, next, done))?;
    seen.push(vendor.calls());
    if failed > 0 { Err(format!("{failed} calls failed")) } else { Ok(seen) }
}

fn brown_out(seed: u64, findings: &mut Findings) -> Result<(), String> {
    let clock = SimClock::new();
    let mut dice = Dice::new(seed, "brown-out");
    let gap = |calls: u64| GAP.mul_f64(calls as f64);
    let slow = gap(BROWN_OUT.start)..gap(BROWN_OUT.end);
    let vendor = SimVendor::new("a:model", &clock, move |now| {
        let usual = if dice.below(SLOW_ONE_IN) == 0 { SLOW } else { QUICK };
        let first = if slow.contains(&now) { usual * SLOWER } else { usual };
        Act::Answer { first, rest: Duration::ZERO }
    })?;
    let seen = load(&clock, &vendor, ResilienceConfig::default(), seed, BROWN_OUT_CALLS, |_| {})?;
    // Each call but a hedge was offered, so what came beyond those of the interval are hedges.
    let hedges = |from: u64, to: u64| {
        let at = |call: u64| {
            usize::try_from(call).ok().and_then(|index| seen.get(index)).ok_or("the load ended early")
        };
        Ok::<u64, &str>((at(to)? - at(from)?).saturating_sub(to - from))
    };
    let middle = u64::midpoint(BROWN_OUT.start, BROWN_OUT.end);
    findings.noted("hedges in the 5 minutes before a brown-out", hedges(6_000, BROWN_OUT.start)?);
    let during = hedges(BROWN_OUT.start, BROWN_OUT.end)?;
    findings.at_most("hedges in a brown-out of 5 minutes, all calls 20 times as slow", during, 10, "");
    findings.exactly("hedges in its second half", hedges(middle, BROWN_OUT.end)?, 0);
    let after = hedges(BROWN_OUT.end, BROWN_OUT_CALLS)?;
    findings.must("hedges in the 10 minutes after it", after, "> 0", after > 0);
    Ok(())
}
