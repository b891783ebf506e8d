//! A thousand hours with three vendors that fall ill and recover, in simulated time: what must always hold, and the same again from the
//! same seed.

mod book;
mod illness;

use std::{cell::RefCell, sync::Arc, time::Duration};

use async_orchestrator_core::{
    AttemptLimits, CallContext, Clock, Deadline, EventSink, LlmProvider, Observer, Reuse, RunId,
};
use async_orchestrator_resilience::{ResilienceConfig, Stack, Target};

use self::{
    book::{Book, Ended, Probes},
    illness::Course,
};
use super::{
    Measured,
    dice::Dice,
    measure::ms,
    report::Findings,
    sim::{SimClock, arrivals, play},
    upstream::{drain, question},
    vendor::SimVendor,
};

const HOURS: u64 = 1_000;
const HOUR: Duration = Duration::from_secs(3_600);
/// The mean time between two calls while there is little to do, and in a burst.
const GAP: Duration = Duration::from_secs(40);
const BURST_GAP: Duration = Duration::from_millis(800);
/// Of so many quiet calls one begins a burst, which has so many calls in the mean.
const BURST_ONE_IN: u64 = 10;
const BURST_CALLS: u64 = 60;
const VENDORS: [&str; 3] = ["a:model", "b:model", "c:model"];
/// Short enough that three ill vendors in a row fit every deadline: at most 20 s at a silent one, and less than a minute of waits at one
/// that limits its callers.
const LIMITS: AttemptLimits = AttemptLimits {
    total: Duration::from_secs(20),
    first_token: Duration::from_secs(10),
    idle: Duration::from_secs(5),
};
const DEADLINE: (Duration, Duration) = (Duration::from_secs(120), Duration::from_secs(300));

fn per_thousand(part: u64, whole: u64) -> f64 {
    part as f64 * 1_000.0 / (whole.max(1)) as f64
}

pub(super) fn run(seed: u64) -> Measured {
    let mut findings = Findings::default();
    let first = hours(seed)?;
    let again = hours(seed)?;
    let other = hours(seed.wrapping_add(1))?;
    let totals = &first.totals;
    findings
        .noted("simulated hours, calls, attempts", format!("{HOURS}, {}, {}", totals.calls, totals.attempts));
    findings.noted("answered by a, b, c", format!("{:?}", totals.answered_by));
    findings.noted("not answered: limited, over time, other", format!("{:?}", totals.failed_by));
    findings.noted(
        "hedges, waits, trips, probes",
        format!("{}, {}, {}, {}", totals.hedges, totals.waits, totals.trips, totals.probes),
    );
    findings.exactly("calls past their deadline", totals.late, 0);
    findings.noted("least time left at the end of a call", format!("{:.0} ms", ms(totals.least_left)));
    findings.noted("calls during which a vendor was well throughout", totals.one_well);
    // Not zero: a vendor that is well again within its cool-down cannot be known to be well, and a call that finds every target resting
    // ends at once instead of waiting for one.
    findings.at_most(
        "of 1,000 of them not answered",
        per_thousand(totals.one_well_failed, totals.one_well),
        1.0,
        "",
    );
    findings.noted("of them, vendor well for more than 70 s: not answered", totals.long_well_failed);
    for (why, count) in &totals.failed_though_well {
        findings.noted(format!("of these: {why}"), count);
    }
    findings.at_most("most probes in one cool-down", totals.probes_in_one_max, 1, "");
    for (cause, count) in &first.counted.further_probes {
        findings.noted(format!("further probes in one cool-down after: {cause}"), count);
    }
    let hash = blake3::hash(first.log.as_bytes());
    let short: String = hash.to_hex().chars().take(16).collect();
    findings.must(
        "the same seed writes the same log",
        format!("{short}, {} bytes", first.log.len()),
        "every byte",
        first.log == again.log,
    );
    let other = blake3::hash(other.log.as_bytes());
    let short: String = other.to_hex().chars().take(16).collect();
    findings.must("another seed writes another log", short, "another hash", other != hash);
    findings.log = first.log;
    Ok(findings)
}

fn hours(seed: u64) -> Result<Book, String> {
    let clock = SimClock::new();
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let stack = Stack::try_new(Arc::clone(&shared), ResilienceConfig::default(), seed)
        .map_err(|error| error.to_string())?;
    let (mut targets, mut courses) = (Vec::new(), Vec::new());
    for name in VENDORS {
        let course = Arc::new(Course::new(seed, name, HOUR * u32::try_from(HOURS + 1).unwrap_or(u32::MAX)));
        let (mut dice, own) = (Dice::new(seed, &format!("calls of {name}")), Arc::clone(&course));
        targets.push(Target::remote(SimVendor::new(name, &clock, move |now| own.act(now, &mut dice))?));
        courses.push(course);
    }
    let provider = stack.provider(targets).map_err(|error| error.to_string())?;
    let probes = Arc::new(Probes::new(stack.clone()));
    let book = RefCell::new(Book::default());
    let (mut dice, mut burst) = (Dice::new(seed, "trickle"), false);
    let next = || {
        let turns = dice.below(if burst { BURST_CALLS } else { BURST_ONE_IN }) == 0;
        burst ^= turns;
        let gap = dice.gap(if burst { BURST_GAP } else { GAP });
        if clock.passed() + gap > HOUR * u32::try_from(HOURS).unwrap_or(u32::MAX) {
            return None;
        }
        let limit = dice.between(DEADLINE.0, DEADLINE.1);
        let streamed = dice.below(2) == 0;
        Some((gap, one(&clock, &shared, &*provider, &probes, limit, streamed)))
    };
    let done = |ended: Ended| book.borrow_mut().enter(&ended, &courses, &probes);
    play(&clock, arrivals(&clock, next, done))?;
    let mut book = book.into_inner();
    book.close(&probes);
    Ok(book)
}

async fn one(
    clock: &SimClock,
    shared: &Arc<dyn Clock>,
    provider: &dyn LlmProvider,
    probes: &Arc<Probes>,
    limit: Duration,
    streamed: bool,
) -> Ended {
    let (begun, now) = (clock.passed(), clock.now());
    let observers: Vec<Arc<dyn Observer>> = vec![Arc::<Probes>::clone(probes)];
    let context = CallContext {
        reuse: Reuse::Never,
        deadline: Deadline::after(now, limit),
        limits: LIMITS,
        events: EventSink::new(RunId::new("hours"), now, Arc::clone(shared), observers),
        ..CallContext::detached(now)
    };
    let request = question("Why do rivers meander?");
    let result = if streamed {
        drain(provider, &request, &context, || {}).await
    } else {
        provider.complete(&request, &context).await
    };
    // What a trip did is seen before anybody else comes.
    probes.look();
    Ended { begun, until: clock.passed(), limit, result }
}
