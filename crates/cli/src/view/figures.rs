//! The figures of many runs as tables and sentences: the same on a terminal and on a page.

use std::collections::BTreeMap;

use async_orchestrator::{CalibrationBin, CallFigures, Latencies, MicroUsd, RunFigures, Stats};

use crate::{ask::money, sanitize::one_line};

/// Rows of figures under one head; the first column is what a row is of.
pub(crate) struct Table {
    pub(crate) title: &'static str,
    pub(crate) head: &'static [&'static str],
    pub(crate) rows: Vec<Row>,
}

pub(crate) struct Row {
    pub(crate) cells: Vec<String>,
    /// How long its bar is, beside those of the other rows.
    pub(crate) count: u64,
}

pub(crate) fn by_model(stats: &Stats) -> Table {
    calls("by model", &stats.by_model)
}

pub(crate) fn by_role(stats: &Stats) -> Table {
    calls("by role", &stats.by_role)
}

pub(crate) fn by_model_and_role(stats: &Stats) -> Table {
    calls("by model and role", &stats.by_model_and_role)
}

pub(crate) fn by_domain(stats: &Stats) -> Table {
    runs("by field", &stats.by_domain)
}

pub(crate) fn by_day(stats: &Stats) -> Table {
    runs("by day (UTC)", &stats.by_day)
}

/// How runs ended: what, how many.
pub(crate) fn by_outcome(stats: &Stats) -> Table {
    let row = |(outcome, count): (&String, &u64)| Row {
        cells: vec![one_line(&outcome.replace(['/', '_'], " ")), grouped(*count)],
        count: *count,
    };
    Table { title: "how runs ended", head: &["", "runs"], rows: stats.by_outcome.iter().map(row).collect() }
}

/// What was stated and what came of it, for the tenths that hold a decision.
pub(crate) fn calibration(stats: &Stats) -> Table {
    let bins = stats.calibration.bins.iter().filter(|bin| bin.count > 0);
    let row = |bin: &CalibrationBin| Row {
        cells: vec![share(bin.stated), share(bin.right), bin.count.to_string()],
        count: bin.count,
    };
    let head = &["stated", "were right", "decisions"];
    Table { title: "how far stated probabilities hold", head, rows: bins.map(row).collect() }
}

/// What is known of how far stated probabilities hold, as a sentence; `None` if nothing is.
pub(crate) fn calibration_in_words(stats: &Stats) -> Option<String> {
    let found = &stats.calibration;
    let (brier, error) = found.brier.zip(found.error)?;
    Some(format!(
        "of {} decisions with a stated probability it is known how they turned out: {} were right (Brier score {brier:.3}, calibration error {error:.3})",
        found.known, found.right
    ))
}

fn calls(title: &'static str, groups: &BTreeMap<String, CallFigures>) -> Table {
    let row = |(name, figures): (&String, &CallFigures)| {
        let latency = |share| taken(&figures.latency, share);
        Row {
            cells: vec![
                one_line(name),
                grouped(figures.calls),
                percent(answered(figures), figures.calls),
                latency(0.5),
                latency(0.9),
                latency(0.99),
                cost(figures),
                percent(figures.won, figures.proposals),
                percent(figures.agreed, figures.proposals),
            ],
            count: figures.calls,
        }
    };
    let head = &["", "calls", "answered", "p50", "p90", "p99", "cost", "won", "agreed"];
    Table { title, head, rows: groups.iter().map(row).collect() }
}

fn runs(title: &'static str, groups: &BTreeMap<String, RunFigures>) -> Table {
    let row = |(name, figures): (&String, &RunFigures)| Row {
        cells: vec![
            one_line(name),
            grouped(figures.runs),
            grouped(figures.councils),
            percent(figures.runs - figures.failed, figures.runs),
            taken(&figures.latency, 0.5),
            taken(&figures.latency, 0.9),
            run_cost(figures),
            figures.agreement.map_or_else(|| String::from("-"), share),
        ],
        count: figures.runs,
    };
    let head = &["", "runs", "councils", "answered", "p50", "p90", "cost", "agreed"];
    Table { title, head, rows: groups.iter().map(row).collect() }
}

pub(crate) const fn answered(figures: &CallFigures) -> u64 {
    figures.calls.saturating_sub(figures.failed)
}

/// Whether anything is known of what the calls cost: with no answered call, they cost nothing.
pub(crate) const fn is_priced(figures: &CallFigures) -> bool {
    figures.unpriced < answered(figures) || answered(figures) == 0
}

fn cost(figures: &CallFigures) -> String {
    amount(figures.cost, figures.unpriced, is_priced(figures))
}

pub(crate) fn run_cost(figures: &RunFigures) -> String {
    amount(figures.cost, figures.unpriced, figures.unpriced < figures.runs)
}

/// An amount that says where a part of it, or all, is unknown.
fn amount(known: MicroUsd, unpriced: u64, is_known: bool) -> String {
    let unknown = if unpriced > 0 && is_known { "+?" } else { "" };
    format!("{}{unknown}", money(is_known.then_some(known)))
}

/// The time that so large a share of all did not exceed.
pub(crate) fn taken(latencies: &Latencies, share: f64) -> String {
    latencies.percentile(share).map_or_else(|| String::from("-"), time)
}

pub(crate) fn time(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..120_000 => format!("{:.1} s", ms as f64 / 1_000.0),
        _ => format!("{:.1} min", ms as f64 / 60_000.0),
    }
}

pub(crate) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 { String::from("-") } else { share(part as f64 / whole as f64) }
}

pub(crate) fn share(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// A count with a comma before every three digits.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped_and_times_have_a_unit_of_their_size() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([999, 1_000, 119_000, 150_000].map(time), ["999 ms", "1.0 s", "119.0 s", "2.5 min"]);
    }

    #[test]
    fn what_is_not_known_is_never_a_zero() {
        let calls = CallFigures { calls: 3, failed: 1, unpriced: 2, ..CallFigures::default() };
        assert_eq!(cost(&calls), "unknown");
        assert_eq!(cost(&CallFigures { unpriced: 1, ..calls.clone() }), "$0.00+?");
        assert_eq!(cost(&CallFigures { failed: 3, unpriced: 0, ..calls }), "$0.00");
        assert_eq!(percent(0, 0), "-");
    }
}
