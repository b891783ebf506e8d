//! `stats`: figures over many runs, as tables with bars on the terminal, as JSON, or as a page with plots.

use std::collections::BTreeMap;

use async_orchestrator::{CallFigures, RunFigures, Stats, StatsFilter};

use super::columns::columns;
use crate::{
    args::{Global, GroupArg, StatsArgs},
    ask::money,
    exit::Failure,
    kept, output,
    sanitize::one_line,
    settings::load,
};

const ALL: [GroupArg; 5] = [GroupArg::Model, GroupArg::Role, GroupArg::Seat, GroupArg::Domain, GroupArg::Day];
/// The widest bar, in characters.
const BAR_CHARS: u64 = 24;
/// So many days are drawn.
const DAYS_MAX: usize = 31;

pub(crate) async fn run(global: &Global, stats: &StatsArgs) -> Result<(), Failure> {
    let store = kept::need(&load(global)?.settings)?;
    let time = |text: &Option<String>, flag| text.as_deref().map(|text| kept::time(text, flag)).transpose();
    let filter = StatsFilter {
        since_ms: time(&stats.since, "--since")?,
        until_ms: time(&stats.until, "--until")?,
        domain: stats.domain.clone(),
    };
    let found = store.stats(filter).await.map_err(|error| kept::failed(&error))?;
    if stats.json {
        return output::json(&found);
    }
    let groups = if stats.by.is_empty() { &ALL[..] } else { &stats.by };
    lines(&found, groups).iter().try_for_each(|line| output::line(line))
}

fn lines(stats: &Stats, groups: &[GroupArg]) -> Vec<String> {
    if stats.total.runs == 0 {
        return vec![String::from("no run is kept yet, or none of this kind")];
    }
    let mut lines = total(stats);
    for group in groups {
        lines.push(String::new());
        match group {
            GroupArg::Model => calls("by model", &stats.by_model, &mut lines),
            GroupArg::Role => calls("by role", &stats.by_role, &mut lines),
            GroupArg::Seat => calls("by model and role", &stats.by_model_and_role, &mut lines),
            GroupArg::Domain => runs("by field", &stats.by_domain, usize::MAX, &mut lines),
            GroupArg::Day => runs("by day (UTC)", &stats.by_day, DAYS_MAX, &mut lines),
        }
    }
    lines.extend(calibration(stats));
    lines
}

fn total(stats: &Stats) -> Vec<String> {
    let total = &stats.total;
    let mut lines = vec![format!(
        "{} runs, {} of them councils, {} without an answer, {} degraded",
        total.runs, total.councils, total.failed, total.degraded
    )];
    let unpriced = if total.unpriced > 0 {
        format!(" and {} runs of unknown cost", total.unpriced)
    } else {
        String::new()
    };
    lines.push(format!(
        "{} calls ({} more were not needed), {} + {} tokens, {}{unpriced}",
        total.calls,
        total.saved_calls,
        total.tokens_in,
        total.tokens_out,
        money(Some(total.cost))
    ));
    let agreement = total.agreement.map_or_else(
        || String::from("no council voted"),
        |agreement| format!("{:.0} % of the votes agreed with the winner", agreement * 100.0),
    );
    lines.push(format!("{agreement}, {} decisions had a minority report", total.dissenting));
    let seconds = |share| total.latency.percentile(share).map_or_else(|| String::from("-"), seconds);
    lines.push(format!(
        "a run took {} (median), {} (90 %), {} (99 %)",
        seconds(0.5),
        seconds(0.9),
        seconds(0.99)
    ));
    let most = stats.by_outcome.values().copied().max().unwrap_or_default();
    let rows: Vec<[String; 3]> = stats
        .by_outcome
        .iter()
        .map(|(outcome, count)| [outcome.replace(['/', '_'], " "), count.to_string(), bar(*count, most)])
        .collect();
    lines.extend(columns(&rows));
    lines
}

fn seconds(ms: u64) -> String {
    if ms < 1_000 { format!("{ms} ms") } else { format!("{:.1} s", ms as f64 / 1_000.0) }
}

fn bar(count: u64, most: u64) -> String {
    let length = (count * BAR_CHARS).div_ceil(most.max(1));
    "█".repeat(usize::try_from(length).unwrap_or_default())
}

fn percent(part: u64, whole: u64) -> String {
    if whole == 0 { String::from("-") } else { format!("{:.0} %", 100.0 * part as f64 / whole as f64) }
}

fn calls(title: &str, groups: &BTreeMap<String, CallFigures>, lines: &mut Vec<String>) {
    lines.push(title.to_owned());
    let head = ["", "calls", "answered", "p50", "p90", "p99", "cost", "won", "agreed", ""].map(str::to_owned);
    let most = groups.values().map(|figures| figures.calls).max().unwrap_or_default();
    let row = |(name, figures): (&String, &CallFigures)| {
        let latency = |share| figures.latency.percentile(share).map_or_else(|| String::from("-"), seconds);
        let known = figures.unpriced < figures.calls.saturating_sub(figures.failed)
            || figures.calls == figures.failed;
        let unknown = if figures.unpriced > 0 && known { "+?" } else { "" };
        [
            one_line(name),
            figures.calls.to_string(),
            percent(figures.calls - figures.failed, figures.calls),
            latency(0.5),
            latency(0.9),
            latency(0.99),
            format!("{}{unknown}", money(known.then_some(figures.cost))),
            percent(figures.won, figures.proposals),
            percent(figures.agreed, figures.proposals),
            bar(figures.calls, most),
        ]
    };
    let rows: Vec<[String; 10]> = std::iter::once(head).chain(groups.iter().map(row)).collect();
    lines.extend(columns(&rows));
}

fn runs(title: &str, groups: &BTreeMap<String, RunFigures>, most_rows: usize, lines: &mut Vec<String>) {
    lines.push(title.to_owned());
    let head = ["", "runs", "councils", "answered", "p50", "p90", "cost", "agreed", ""].map(str::to_owned);
    let most = groups.values().map(|figures| figures.runs).max().unwrap_or_default();
    let row = |(name, figures): (&String, &RunFigures)| {
        let latency = |share| figures.latency.percentile(share).map_or_else(|| String::from("-"), seconds);
        [
            one_line(name),
            figures.runs.to_string(),
            figures.councils.to_string(),
            percent(figures.runs - figures.failed, figures.runs),
            latency(0.5),
            latency(0.9),
            money((figures.unpriced < figures.runs).then_some(figures.cost)),
            figures.agreement.map_or_else(|| String::from("-"), |share| format!("{:.0} %", share * 100.0)),
            bar(figures.runs, most),
        ]
    };
    let older = groups.len().saturating_sub(most_rows);
    let rows: Vec<[String; 9]> = std::iter::once(head).chain(groups.iter().skip(older).map(row)).collect();
    lines.extend(columns(&rows));
    if older > 0 {
        lines.push(format!("  and {older} before: `--since` and `--json` show them"));
    }
}

fn calibration(stats: &Stats) -> Vec<String> {
    let found = &stats.calibration;
    let Some((brier, error)) = found.brier.zip(found.error) else { return Vec::new() };
    let mut lines = vec![
        String::new(),
        format!(
            "of {} decisions with a stated probability it is known how they turned out: {} were right (Brier score {brier:.3}, calibration error {error:.3})",
            found.known, found.right
        ),
    ];
    let bins = found.bins.iter().filter(|bin| bin.count > 0).map(|bin| {
        [
            format!("stated {:.0} %", bin.stated * 100.0),
            format!("right {:.0} %", bin.right * 100.0),
            format!("of {}", bin.count),
        ]
    });
    lines.extend(columns(&bins.collect::<Vec<_>>()));
    lines
}
