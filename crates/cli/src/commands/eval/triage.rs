//! `eval triage`.

use async_orchestrator_lab::eval::triage::{Options, Report, run as evaluate, train_and_write};

use super::{directory, failed};
use crate::{
    args::{EvalTriage, Global},
    commands::columns::columns,
    exit::Failure,
    output,
    sanitize::one_line,
};

pub(super) fn run(global: &Global, arguments: EvalTriage) -> Result<(), Failure> {
    let data = directory(global, arguments.data)?;
    if let Some(file) = arguments.train {
        let report = train_and_write(&data, &file).map_err(|error| failed(&error))?;
        return output::json(&report);
    }
    let options = Options { data, score: arguments.score, folds: usize::from(arguments.folds) };
    let report = evaluate(&options).map_err(|error| failed(&error))?;
    if arguments.json { output::json(&report) } else { tables(&report) }
}

fn tables(report: &Report) -> Result<(), Failure> {
    let mut rows = vec![["learned from", "scored", "questions", "APGR", "interval"].map(str::to_owned)];
    for text in &report.texts {
        rows.push([
            one_line(&text.learned_from),
            one_line(&text.scored),
            text.questions.to_string(),
            format!("{:.3}", text.apgr.mean),
            format!("{:.3} to {:.3}", text.apgr.low, text.apgr.high),
        ]);
    }
    columns(&rows).iter().try_for_each(|line| output::line(line))?;
    output::line("")?;
    output::line("With probes, MMLU-Pro, Gemini Flash to the council of five:")?;
    let mut rows = vec![["council's rule", "probes", "APGR", "interval"].map(str::to_owned)];
    for council in &report.probes {
        let rule = serde_json::to_value(council.rule).ok();
        for (probes, apgr) in council.apgr.iter().enumerate() {
            rows.push([
                rule.as_ref().and_then(|rule| rule.as_str()).unwrap_or_default().to_owned(),
                probes.to_string(),
                format!("{:.3}", apgr.mean),
                format!("{:.3} to {:.3}", apgr.low, apgr.high),
            ]);
        }
    }
    columns(&rows).iter().try_for_each(|line| output::line(line))?;
    output::line("")?;
    let quality = report.calibration.quality;
    output::line(&format!(
        "Express is enough: Brier {:.4} (the mean alone {:.4}), ECE {:.3}",
        quality.brier, report.calibration.brier_of_mean, quality.ece
    ))?;
    for bar in &report.bars {
        let verdict = if bar.is_met { "met" } else { "MISSED" };
        output::line(&format!("{}: {:.3}, at least {:.2}: {verdict}", bar.what, bar.is, bar.at_least))?;
    }
    report.dropped.iter().try_for_each(|drop| output::line(&one_line(drop)))
}
