//! What happened, hour by hour, and what must never happen.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use async_orchestrator_core::{
    Attempt, AttemptOutcome, Cause, Completion, ErrorKind, Event, EventKind, Guard, Observer, ProviderError,
};
use async_orchestrator_resilience::{Stack, policy::BreakerState};

use super::{HOUR, VENDORS, illness::Course};
/// The longest cool-down and the recovery after it, by default.
const LONG_WELL: Duration = Duration::from_secs(70);

/// A call that has ended.
pub(super) struct Ended {
    pub(super) begun: Duration,
    pub(super) until: Duration,
    pub(super) limit: Duration,
    pub(super) result: Result<Completion, ProviderError>,
}

/// Sums over some time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Totals {
    pub(super) calls: u64,
    pub(super) answered_by: [u64; 3],
    /// Limited, over time, other.
    pub(super) failed_by: [u64; 3],
    pub(super) attempts: u64,
    pub(super) refusals: BTreeMap<Cause, u64>,
    pub(super) late: u64,
    pub(super) least_left: Duration,
    pub(super) longest: Duration,
    pub(super) one_well: u64,
    pub(super) one_well_failed: u64,
    pub(super) long_well_failed: u64,
    pub(super) hedges: u64,
    pub(super) waits: u64,
    pub(super) trips: u64,
    pub(super) probes: u64,
    pub(super) probes_in_one_max: u64,
    /// Calls that were not answered while a vendor was well, by why that vendor did not answer.
    pub(super) failed_though_well: BTreeMap<String, u64>,
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            calls: 0,
            answered_by: [0; 3],
            failed_by: [0; 3],
            attempts: 0,
            refusals: BTreeMap::new(),
            late: 0,
            least_left: Duration::MAX,
            longest: Duration::ZERO,
            one_well: 0,
            one_well_failed: 0,
            long_well_failed: 0,
            hedges: 0,
            waits: 0,
            trips: 0,
            probes: 0,
            probes_in_one_max: 0,
            failed_though_well: BTreeMap::new(),
        }
    }
}

impl Totals {
    fn enter(&mut self, call: &Ended, courses: &[Arc<Course>]) {
        self.calls += 1;
        let took = call.until.saturating_sub(call.begun);
        self.late += u64::from(took > call.limit);
        self.least_left = self.least_left.min(call.limit.saturating_sub(took));
        self.longest = self.longest.max(took);
        let trail = match &call.result {
            Ok(completion) => &completion.trail[..],
            Err(error) => error.trail(),
        };
        for attempt in trail {
            self.attempt(attempt);
        }
        match &call.result {
            Ok(completion) => {
                let by = completion.answered_by.to_string();
                let index = VENDORS.iter().position(|name| *name == by).unwrap_or_default();
                count(&mut self.answered_by, index);
            }
            Err(error) => count(&mut self.failed_by, failure(error.kind())),
        }
        let well = |from: Duration| courses.iter().position(|course| course.was_well(from, call.until));
        if let Some(vendor) = well(call.begun) {
            self.one_well += 1;
            if call.result.is_err() {
                self.one_well_failed += 1;
                let name = VENDORS.get(vendor).copied().unwrap_or_default();
                let why = trail.iter().rfind(|attempt| attempt.target.to_string() == name).map(why);
                *self.failed_though_well.entry(why.unwrap_or("it was not asked").to_owned()).or_default() +=
                    1;
            }
        }
        if well(call.begun.saturating_sub(LONG_WELL)).is_some() {
            self.long_well_failed += u64::from(call.result.is_err());
        }
    }

    fn attempt(&mut self, attempt: &Attempt) {
        match attempt.outcome {
            AttemptOutcome::Failed(cause) if attempt.n == 0 => *self.refusals.entry(cause).or_default() += 1,
            AttemptOutcome::Failed(_) | AttemptOutcome::Ok(_) => self.attempts += 1,
        }
    }

    /// What was counted since `before`.
    fn since(&mut self, before: &Counts, now: &Counts) {
        self.hedges = now.hedges - before.hedges;
        self.waits = now.waits - before.waits;
        self.trips = now.trips - before.trips;
        self.probes = now.probes - before.probes;
        self.probes_in_one_max = now.probes_in_one_max;
    }

    fn line(&self, hour: u64) -> String {
        let mut line = format!(
            "hour {hour:04} calls {} answered {:?} failed {:?} attempts {} hedges {} waits {} trips {} probes {} longest {} ms least left {} ms refused",
            self.calls,
            self.answered_by,
            self.failed_by,
            self.attempts,
            self.hedges,
            self.waits,
            self.trips,
            self.probes,
            self.longest.as_millis(),
            if self.calls == 0 { 0 } else { self.least_left.as_millis() },
        );
        for (cause, count) in &self.refusals {
            // Writing to a String cannot fail.
            let _ = write!(line, " {cause} {count}");
        }
        line.push('\n');
        line
    }
}

/// Why an attempt was not made, or did not succeed.
fn why(attempt: &Attempt) -> &str {
    if attempt.n == 0 { &attempt.why } else { "it was asked and did not answer in time" }
}

fn count(counts: &mut [u64; 3], index: usize) {
    if let Some(count) = counts.get_mut(index) {
        *count += 1;
    }
}

/// Limited, over time, other.
fn failure(kind: ErrorKind) -> usize {
    match kind {
        ErrorKind::RateLimited { .. } | ErrorKind::Refused { by: Guard::Limit, .. } => 0,
        ErrorKind::Timeout { .. } => 1,
        _ => 2,
    }
}

/// The log of all hours, and their sum.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) totals: Totals,
    pub(super) log: String,
    hour: Totals,
    number: u64,
    pub(super) counted: Counts,
}

impl Book {
    pub(super) fn enter(&mut self, call: &Ended, courses: &[Arc<Course>], probes: &Probes) {
        while call.until >= HOUR.saturating_mul(u32::try_from(self.number + 1).unwrap_or(u32::MAX)) {
            self.next_hour(&probes.counts());
        }
        self.hour.enter(call, courses);
        self.totals.enter(call, courses);
    }

    /// The end of all hours.
    pub(super) fn close(&mut self, probes: &Probes) {
        let counts = probes.counts();
        self.next_hour(&counts);
        self.totals.since(&Counts::default(), &counts);
    }

    fn next_hour(&mut self, counts: &Counts) {
        let mut hour = std::mem::take(&mut self.hour);
        hour.since(&self.counted, counts);
        self.counted = counts.clone();
        self.log.push_str(&hour.line(self.number));
        self.number += 1;
    }
}

/// What events and breakers tell, counted from the beginning.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    hedges: u64,
    waits: u64,
    trips: u64,
    probes: u64,
    probes_in_one_max: u64,
    /// Probes beyond the first of a cool-down, by how the last attempt at that target had failed.
    pub(super) further_probes: BTreeMap<Cause, u64>,
}

/// Listens to all calls and looks at the breakers with each of their steps.
pub(super) struct Probes {
    stack: Stack,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    counts: Counts,
    rests: BTreeMap<String, Rest>,
}

/// The last cool-down of a target: of its breaker, or one that its vendor asked for.
#[derive(Default)]
struct Rest {
    open_until: Option<Instant>,
    cool_until: Option<Instant>,
    probes: u64,
    last_failure: Option<Cause>,
}

impl Probes {
    pub(super) fn new(stack: Stack) -> Self {
        Self { stack, state: Mutex::default() }
    }

    pub(super) fn counts(&self) -> Counts {
        self.state().counts.clone()
    }

    /// Takes note of new cool-downs.
    pub(super) fn look(&self) {
        let mut state = self.state();
        let State { counts, rests } = &mut *state;
        for target in self.stack.status() {
            let rest = rests.entry(target.model.to_string()).or_default();
            match target.breaker {
                BreakerState::Refusing { until, .. } if rest.open_until != Some(until) => {
                    *rest = Rest { open_until: Some(until), probes: 0, ..*rest };
                    counts.trips += 1;
                }
                BreakerState::CoolingDown { until } if rest.cool_until != Some(until) => {
                    *rest = Rest { cool_until: Some(until), probes: 0, ..*rest };
                }
                _ => {}
            }
        }
    }

    /// An attempt goes out; while its breaker probes, it is the probe.
    fn started(&self, name: &str) {
        self.look();
        let status = self.stack.status();
        let probing = |breaker| matches!(breaker, BreakerState::Probing);
        if status.iter().any(|target| target.model.to_string() == name && probing(target.breaker)) {
            let mut state = self.state();
            let rest = state.rests.entry(name.to_owned()).or_default();
            rest.probes += 1;
            let (probes, last) = (rest.probes, rest.last_failure);
            if let Some(cause) = last.filter(|_| probes > 1) {
                *state.counts.further_probes.entry(cause).or_default() += 1;
            }
            state.counts.probes += 1;
            state.counts.probes_in_one_max = state.counts.probes_in_one_max.max(probes);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Probes {
    fn observe(&self, event: &Event) {
        match &event.kind {
            EventKind::AttemptStarted { target, .. } => self.started(&target.to_string()),
            EventKind::AttemptFailed { target, cause, .. } => {
                self.look();
                self.state().rests.entry(target.to_string()).or_default().last_failure = Some(*cause);
            }
            EventKind::AttemptHedged { .. } => self.state().counts.hedges += 1,
            EventKind::AttemptWaits { .. } => {
                self.state().counts.waits += 1;
                self.look();
            }
            _ => self.look(),
        }
    }
}
