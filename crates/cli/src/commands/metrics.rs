//! `metrics`: totals of the history for Prometheus, such as for the node exporter's textfile collector.

use std::{fmt::Write, fs, path::Path};

use async_orchestrator::{CallFigures, Stats, StatsFilter};

use crate::{
    args::{Global, MetricsArgs},
    exit::{Exit, Failure},
    kept, output,
    settings::load,
};

/// So many models have samples of their own; those with the most calls.
const MODELS_MAX: usize = 64;

pub(crate) async fn run(global: &Global, metrics: &MetricsArgs) -> Result<(), Failure> {
    let store = kept::need(&load(global)?.settings)?;
    let stats = store.stats(StatsFilter::default()).await.map_err(|error| kept::failed(&error))?;
    let page = page(&stats);
    match &metrics.output {
        None => output::line(page.trim_end()),
        Some(path) => write(path, &page)
            .map_err(|error| Failure::new(Exit::Usage, format!("{}: {error}", path.display()))),
    }
}

/// A collector may read at any moment, so the file is never half written.
fn write(path: &Path, page: &str) -> std::io::Result<()> {
    let beside = path.with_added_extension("new");
    fs::write(&beside, page)?;
    fs::rename(&beside, path)
}

fn page(stats: &Stats) -> String {
    let mut page = String::new();
    head(&mut page, "orchestrator_history_runs_total", "counter", "Runs in the history, by mode and status.");
    for (outcome, count) in &stats.by_outcome {
        let (mode, status) = outcome.split_once('/').unwrap_or((outcome, ""));
        sample(&mut page, "orchestrator_history_runs_total", &[("mode", mode), ("status", status)], count);
    }
    let total = &stats.total;
    for (name, help, value) in [
        ("orchestrator_history_calls_saved_total", "Planned calls that were not needed.", total.saved_calls),
        ("orchestrator_history_runs_dissenting_total", "Runs with a minority report.", total.dissenting),
        ("orchestrator_history_runs_unpriced_total", "Runs whose cost is unknown.", total.unpriced),
    ] {
        head(&mut page, name, "counter", help);
        sample(&mut page, name, &[], value);
    }
    head(&mut page, "orchestrator_history_cost_usd_total", "counter", "What the priced runs cost.");
    sample(&mut page, "orchestrator_history_cost_usd_total", &[], micro(total.cost.0));
    if let Some(agreement) = total.agreement {
        head(
            &mut page,
            "orchestrator_history_agreement_ratio",
            "gauge",
            "The mean share of votes that agree with the winner.",
        );
        sample(&mut page, "orchestrator_history_agreement_ratio", &[], agreement);
    }
    calls(stats, &mut page);
    calibration(stats, &mut page);
    page
}

/// Writes the samples of one model in one role.
type Writing = dyn Fn(&mut String, &[(&str, &str)], &CallFigures);

fn calls(stats: &Stats, page: &mut String) {
    let mut models: Vec<(&String, &CallFigures)> = stats.by_model_and_role.iter().collect();
    models.sort_by_key(|(_, figures)| std::cmp::Reverse(figures.calls));
    models.truncate(MODELS_MAX);
    let mut each = |name: &str, kind: &str, help: &str, write: &Writing| {
        head(page, name, kind, help);
        for (who, figures) in &models {
            let (model, role) = who.rsplit_once(' ').unwrap_or((who, ""));
            let (provider, model) = model.split_once(':').unwrap_or(("", model));
            write(page, &[("provider", provider), ("model", model), ("role", role)], figures);
        }
    };
    let name = "orchestrator_history_role_calls_total";
    each(name, "counter", "Calls of roles, by outcome.", &|page, labels, figures| {
        for (outcome, count) in [("ok", figures.calls - figures.failed), ("failed", figures.failed)] {
            sample(page, name, &[labels, &[("outcome", outcome)]].concat(), count);
        }
    });
    let name = "orchestrator_history_tokens_total";
    each(name, "counter", "Tokens of answered calls.", &|page, labels, figures| {
        for (direction, count) in [("input", figures.tokens_in), ("output", figures.tokens_out)] {
            sample(page, name, &[labels, &[("direction", direction)]].concat(), count);
        }
    });
    let name = "orchestrator_history_call_cost_usd_total";
    each(name, "counter", "What the priced calls cost.", &|page, labels, figures| {
        sample(page, name, labels, micro(figures.cost.0));
    });
    let name = "orchestrator_history_proposals_total";
    each(
        name,
        "counter",
        "Proposals: all, those that won, those that said what the winner said.",
        &|page, labels, figures| {
            for (which, count) in
                [("all", figures.proposals), ("won", figures.won), ("agreed", figures.agreed)]
            {
                if figures.proposals > 0 {
                    sample(page, name, &[labels, &[("which", which)]].concat(), count);
                }
            }
        },
    );
    let name = "orchestrator_history_call_duration_seconds";
    each(
        name,
        "gauge",
        "How long answered calls took, by quantile, within 6 %.",
        &|page, labels, figures| {
            for (quantile, share) in [("0.5", 0.5), ("0.9", 0.9), ("0.99", 0.99)] {
                if let Some(ms) = figures.latency.percentile(share) {
                    sample(page, name, &[labels, &[("quantile", quantile)]].concat(), ms as f64 / 1_000.0);
                }
            }
        },
    );
}

fn calibration(stats: &Stats, page: &mut String) {
    let found = &stats.calibration;
    if let Some(error) = found.error {
        head(
            page,
            "orchestrator_history_calibration_error_ratio",
            "gauge",
            "Expected calibration error of stated probabilities.",
        );
        sample(page, "orchestrator_history_calibration_error_ratio", &[], error);
        head(
            page,
            "orchestrator_history_outcomes_known",
            "gauge",
            "Decisions with a stated probability whose outcome is known.",
        );
        sample(page, "orchestrator_history_outcomes_known", &[], found.known);
    }
}

fn head(page: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn sample(page: &mut String, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
    let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let labels: Vec<String> =
        labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
    let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    let _ = writeln!(page, "{name}{labels} {value}");
}

fn micro(millionths: u64) -> String {
    format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000)
}
