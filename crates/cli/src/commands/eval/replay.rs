//! `eval replay`.

use async_orchestrator_lab::eval::{
    replay::{Options, Report, run as evaluate},
    rules::Rule,
};

use super::{directory, failed, interval, signed};
use crate::{
    args::{EvalReplay, Global},
    commands::columns::columns,
    exit::Failure,
    output,
    sanitize::one_line,
};

/// How many differences are shown to people.
const SHOWN: usize = 20;

pub(super) async fn run(global: &Global, arguments: EvalReplay) -> Result<(), Failure> {
    let options = Options {
        data: directory(global, arguments.data)?,
        set: arguments.set,
        members: arguments.members,
        questions: arguments.questions,
        rule: if arguments.rule == Rule::JointWeights.name() { Rule::JointWeights } else { Rule::Plurality },
        at_once: usize::from(arguments.at_once),
    };
    let report = evaluate(&options).await.map_err(|error| failed(&error))?;
    if arguments.json {
        return output::json(&report);
    }
    show(&report)
}

fn show(report: &Report) -> Result<(), Failure> {
    output::line(&format!(
        "{} questions of {}, {} calls over the wire, asked once more {} times, rule {}",
        report.questions,
        one_line(&report.set),
        report.calls,
        report.repairs,
        report.rule.name(),
    ))?;
    let head = ["text of", "over", "read alike", "otherwise", "not read", "read only here"];
    let mut rows = vec![head.map(str::to_owned)];
    for (model, format) in &report.members {
        let reading = report.readings.get(model).copied().unwrap_or_default();
        rows.push([
            one_line(model),
            (*format).to_owned(),
            format!("{} ({} without an answer)", reading.alike, reading.without_answer),
            reading.otherwise.to_string(),
            reading.unread.to_string(),
            reading.only_here.to_string(),
        ]);
    }
    columns(&rows).iter().try_for_each(|line| output::line(line))?;
    output::line(&format!(
        "decided as the vote over the recorded answers: {} of {}; where every text was read as recorded: {} of {}",
        report.same, report.questions, report.read_alike.same, report.read_alike.questions,
    ))?;
    output::line(&format!(
        "right: {} %, the vote over the recorded answers {} %, difference {}",
        interval(report.accuracy),
        interval(report.recorded),
        signed(report.gain),
    ))?;
    for difference in report.differences.iter().take(SHOWN) {
        let list = |answers: &[Option<String>]| {
            answers
                .iter()
                .map(|answer| answer.as_deref().map_or_else(|| "-".into(), one_line))
                .collect::<Vec<_>>()
                .join(" | ")
        };
        output::line(&format!(
            "  {}: read {} -> {}; recorded {} -> {}",
            one_line(&difference.question),
            list(&difference.read),
            one_line(difference.decided.as_deref().unwrap_or("nothing")),
            list(&difference.recorded),
            one_line(difference.offline.as_deref().unwrap_or("nothing")),
        ))?;
    }
    if report.differences.len() > SHOWN {
        output::line(&format!("  and {} more: --json shows all", report.differences.len() - SHOWN))?;
    }
    report.dropped.iter().try_for_each(|line| output::line(&format!("{}: {line}", one_line(&report.set))))
}
