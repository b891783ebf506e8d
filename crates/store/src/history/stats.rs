//! Figures over many runs, from what was counted day by day: no run is read again.

use std::collections::BTreeMap;

use async_orchestrator_core::MicroUsd;
use rusqlite::{Connection, Error, params_from_iter, types::Value};
use serde::Serialize;

use super::{Latencies, keep::DAY_MS, signed};

/// What the figures are about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatsFilter {
    /// From the day of this time on, in milliseconds since 1970; days are of UTC.
    pub since_ms: Option<u64>,
    /// To the day of this time, with it.
    pub until_ms: Option<u64>,
    /// Of this field alone.
    pub domain: Option<String>,
}

/// What calls came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CallFigures {
    /// Calls of roles; each may be several attempts.
    pub calls: u64,
    /// Those that came to nothing.
    pub failed: u64,
    /// Input tokens.
    pub tokens_in: u64,
    /// Output tokens.
    pub tokens_out: u64,
    /// What the priced ones cost.
    pub cost: MicroUsd,
    /// Answered calls whose price is unknown. What attempts cost that came to nothing stands in the figures of runs alone.
    pub unpriced: u64,
    /// Proposals made.
    pub proposals: u64,
    /// Those that won.
    pub won: u64,
    /// Those that said what the winner says.
    pub agreed: u64,
    /// How long answered calls took.
    #[serde(serialize_with = "percentiles")]
    pub latency: Latencies,
}

/// What runs came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RunFigures {
    /// Runs.
    pub runs: u64,
    /// Those without an answer.
    pub failed: u64,
    /// Those that were answered by a council.
    pub councils: u64,
    /// Those whose council lacked a proposer, a critic, the synthesizer or its quorum.
    pub degraded: u64,
    /// Attempts that went out.
    pub calls: u64,
    /// Planned calls that were not needed.
    pub saved_calls: u64,
    /// Input tokens.
    pub tokens_in: u64,
    /// Output tokens.
    pub tokens_out: u64,
    /// What the priced ones cost.
    pub cost: MicroUsd,
    /// Runs whose cost is unknown.
    pub unpriced: u64,
    /// Runs with a minority report.
    pub dissenting: u64,
    /// The mean share of the votes that agreed with the winner, over councils.
    pub agreement: Option<f64>,
    /// How long runs took.
    #[serde(serialize_with = "percentiles")]
    pub latency: Latencies,
    #[serde(skip)]
    agreement_sum: f64,
    #[serde(skip)]
    agreement_count: u64,
}

/// How a stated probability and what became known compare, for the decisions that had one.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Calibration {
    /// Decisions with a stated probability whose outcome is known.
    pub known: u64,
    /// Those that were right.
    pub right: u64,
    /// The mean squared difference (Brier 1950), 0 is best; `None` without any.
    pub brier: Option<f64>,
    /// The expected calibration error over ten bins (Naeini et al. 2015), 0 is best.
    pub error: Option<f64>,
    /// Per tenth of the stated probability: how many, the mean stated, the share that was right.
    pub bins: Vec<CalibrationBin>,
}

/// One tenth of the stated probability.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct CalibrationBin {
    /// Decisions.
    pub count: u64,
    /// The mean of what was stated.
    pub stated: f64,
    /// The share that was right.
    pub right: f64,
}

/// Figures over many runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Stats {
    /// All runs together.
    pub total: RunFigures,
    /// Runs by `mode/status`.
    pub by_outcome: BTreeMap<String, u64>,
    /// Runs by day, `2026-11-25`; days of UTC.
    pub by_day: BTreeMap<String, RunFigures>,
    /// Runs by field.
    pub by_domain: BTreeMap<String, RunFigures>,
    /// Calls by model, `provider:model`.
    pub by_model: BTreeMap<String, CallFigures>,
    /// Calls by role.
    pub by_role: BTreeMap<String, CallFigures>,
    /// Calls by model and role, `provider:model role`.
    pub by_model_and_role: BTreeMap<String, CallFigures>,
    /// How far stated probabilities hold.
    pub calibration: Calibration,
}

fn percentiles<S: serde::Serializer>(latencies: &Latencies, serializer: S) -> Result<S::Ok, S::Error> {
    let named = [("p50_ms", 0.5), ("p90_ms", 0.9), ("p99_ms", 0.99)];
    serializer.collect_map(named.map(|(name, share)| (name, latencies.percentile(share))))
}

impl CallFigures {
    fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.failed += other.failed;
        self.tokens_in += other.tokens_in;
        self.tokens_out += other.tokens_out;
        self.cost.0 += other.cost.0;
        self.unpriced += other.unpriced;
        self.proposals += other.proposals;
        self.won += other.won;
        self.agreed += other.agreed;
        self.latency.add(&other.latency);
    }
}

impl RunFigures {
    fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.failed += other.failed;
        self.councils += other.councils;
        self.degraded += other.degraded;
        self.calls += other.calls;
        self.saved_calls += other.saved_calls;
        self.tokens_in += other.tokens_in;
        self.tokens_out += other.tokens_out;
        self.cost.0 += other.cost.0;
        self.unpriced += other.unpriced;
        self.dissenting += other.dissenting;
        self.latency.add(&other.latency);
        self.agreement_sum += other.agreement_sum;
        self.agreement_count += other.agreement_count;
        self.agreement = (self.agreement_count > 0).then(|| self.agreement_sum / self.agreement_count as f64);
    }
}

/// The conditions that a filter sets, with their values.
fn conditions(filter: &StatsFilter) -> (String, Vec<Value>) {
    let mut conditions = vec![String::from("1")];
    let mut values = Vec::new();
    let day = |ms: Option<u64>| ms.map(|ms| Value::Integer(signed(ms / DAY_MS)));
    let given = [
        ("day >= ", day(filter.since_ms)),
        ("day <= ", day(filter.until_ms)),
        ("domain = ", filter.domain.clone().map(Value::Text)),
    ];
    for (condition, value) in given {
        if let Some(value) = value {
            values.push(value);
            conditions.push(format!("{condition}?{}", values.len()));
        }
    }
    (conditions.join(" AND "), values)
}

/// The figures of what `filter` lets through.
pub(super) fn stats(connection: &Connection, filter: &StatsFilter) -> Result<Stats, Error> {
    let mut stats = Stats::default();
    runs(connection, filter, &mut stats)?;
    calls(connection, filter, &mut stats)?;
    stats.calibration = calibration(connection, filter)?;
    Ok(stats)
}

fn runs(connection: &Connection, filter: &StatsFilter, stats: &mut Stats) -> Result<(), Error> {
    let (wanted, values) = conditions(filter);
    let mut select = connection.prepare_cached(&format!(
        "SELECT day, domain, mode, status, runs, calls, saved_calls, tokens_in, tokens_out, micro_usd, unpriced, dissenting,
             agreement, councils, latency FROM daily_runs WHERE {wanted}"
    ))?;
    let rows = select.query_map(params_from_iter(values), |row| {
        let count = |at: usize| Ok::<_, Error>(row.get::<_, i64>(at)?.unsigned_abs());
        let (mode, status): (String, String) = (row.get(2)?, row.get(3)?);
        let runs = count(4)?;
        let figures = RunFigures {
            runs,
            failed: if status == "failed" { runs } else { 0 },
            councils: if mode == "council" && status != "failed" { runs } else { 0 },
            degraded: if matches!(status.as_str(), "degraded" | "express_fallback") { runs } else { 0 },
            calls: count(5)?,
            saved_calls: count(6)?,
            tokens_in: count(7)?,
            tokens_out: count(8)?,
            cost: MicroUsd(count(9)?),
            unpriced: count(10)?,
            dissenting: count(11)?,
            agreement: None,
            agreement_sum: row.get(12)?,
            agreement_count: count(13)?,
            latency: Latencies::from_bytes(&row.get::<_, Vec<u8>>(14)?),
        };
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, format!("{mode}/{status}"), figures))
    })?;
    for row in rows {
        let (day, domain, outcome, figures) = row?;
        *stats.by_outcome.entry(outcome).or_default() += figures.runs;
        stats.total.add(&figures);
        stats.by_day.entry(date(day)).or_default().add(&figures);
        stats.by_domain.entry(domain).or_default().add(&figures);
    }
    Ok(())
}

fn calls(connection: &Connection, filter: &StatsFilter, stats: &mut Stats) -> Result<(), Error> {
    let (wanted, values) = conditions(filter);
    let mut select = connection.prepare_cached(&format!(
        "SELECT model, role, calls, failed, tokens_in, tokens_out, micro_usd, unpriced, proposals, won, agreed, latency
         FROM daily_calls WHERE {wanted}"
    ))?;
    // Days and fields are many, seats are few: the histograms of many rows are added once, those of few twice more.
    let mut seats: BTreeMap<String, BTreeMap<String, CallFigures>> = BTreeMap::new();
    let mut rows = select.query(params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        let count = |at: usize| Ok::<_, Error>(row.get::<_, i64>(at)?.unsigned_abs());
        let (model, role) = (row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?);
        // Names are copied where they are new.
        let roles = match seats.get_mut(model) {
            Some(roles) => roles,
            None => seats.entry(model.to_owned()).or_default(),
        };
        let figures = match roles.get_mut(role) {
            Some(figures) => figures,
            None => roles.entry(role.to_owned()).or_default(),
        };
        figures.calls += count(2)?;
        figures.failed += count(3)?;
        figures.tokens_in += count(4)?;
        figures.tokens_out += count(5)?;
        figures.cost.0 += count(6)?;
        figures.unpriced += count(7)?;
        figures.proposals += count(8)?;
        figures.won += count(9)?;
        figures.agreed += count(10)?;
        figures.latency.add_bytes(row.get_ref(11)?.as_blob()?);
    }
    for (model, roles) in seats {
        for (role, figures) in roles {
            stats.by_model.entry(model.clone()).or_default().add(&figures);
            stats.by_model_and_role.insert(format!("{model} {role}"), figures.clone());
            stats.by_role.entry(role).or_default().add(&figures);
        }
    }
    Ok(())
}

/// Bins of the expected calibration error.
const BINS: usize = 10;

fn calibration(connection: &Connection, filter: &StatsFilter) -> Result<Calibration, Error> {
    let mut select = connection.prepare_cached(
        // Of all runs, few have a known outcome.
        "SELECT p_correct, outcome = 'right' FROM runs INDEXED BY runs_known WHERE outcome IS NOT NULL AND p_correct IS NOT NULL
         AND began_ms >= ?1 AND began_ms < ?2 AND (?3 IS NULL OR domain = ?3)",
    )?;
    let from = filter.since_ms.map_or(0, |ms| ms - ms % DAY_MS);
    let to = filter.until_ms.map_or(u64::MAX, |ms| (ms - ms % DAY_MS).saturating_add(DAY_MS));
    let rows = select.query_map(rusqlite::params![signed(from), signed(to), filter.domain], |row| {
        Ok((row.get::<_, f64>(0)?, row.get::<_, bool>(1)?))
    })?;
    let mut found = Calibration { bins: vec![CalibrationBin::default(); BINS], ..Calibration::default() };
    let mut squares = 0.0;
    for row in rows {
        let (stated, right) = row?;
        let truth = f64::from(u8::from(right));
        squares += (stated - truth).powi(2);
        found.known += 1;
        found.right += u64::from(right);
        let at = (1..BINS).filter(|edge| stated >= *edge as f64 / BINS as f64).count();
        if let Some(bin) = found.bins.get_mut(at) {
            bin.count += 1;
            bin.stated += stated;
            bin.right += truth;
        }
    }
    for bin in found.bins.iter_mut().filter(|bin| bin.count > 0) {
        bin.stated /= bin.count as f64;
        bin.right /= bin.count as f64;
    }
    if found.known > 0 {
        let known = found.known as f64;
        found.brier = Some(squares / known);
        let gaps = found.bins.iter().map(|bin| bin.count as f64 * (bin.stated - bin.right).abs());
        found.error = Some(gaps.sum::<f64>() / known);
    }
    Ok(found)
}

/// A day since 1970 as a date.
fn date(day: i64) -> String {
    let date =
        jiff::Span::new().try_days(day).and_then(|days| jiff::civil::date(1970, 1, 1).checked_add(days));
    date.map_or_else(|_| format!("day {day}"), |date| date.to_string())
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn days_are_dates() {
        for (day, expected) in [
            (0, "1970-01-01"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (20_782, "2026-11-25"),
            (-1, "1969-12-31"),
        ] {
            assert_eq!(date(day), expected);
        }
    }
}
