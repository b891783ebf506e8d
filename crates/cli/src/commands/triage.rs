//! `triage`: how much deliberation a question deserves, and why. No model is called.

use async_orchestrator::{ModeChoice, TRIAGE_METRICS, TriageDecision, TriageRequest, triage};

use super::columns::columns;
use crate::{
    args::{ModeArg, Triage},
    exit::{Exit, Failure},
    input, output,
    sanitize::one_line,
};

pub(crate) fn run(arguments: &Triage) -> Result<(), Failure> {
    let asked = input::read(&arguments.question, arguments.file.as_deref())?;
    if asked.question.trim().is_empty() {
        return Err(Failure::new(
            Exit::Usage,
            "there is no question: give it as an argument, with --file or on stdin",
        ));
    }
    let mut request = TriageRequest::new(asked.question).mode(match arguments.mode {
        ModeArg::Auto => ModeChoice::Auto,
        ModeArg::Express => ModeChoice::Express,
        ModeArg::Council => ModeChoice::Council,
    });
    if let Some(context) = asked.context {
        request = request.context(context);
    }
    let decision = triage(&request);
    if arguments.json {
        return output::json(&decision);
    }
    let TriageDecision { mode, task_class, domain, answer_kind, risk, complexity, p_hard, .. } = &decision;
    let facts = [
        ["mode".to_owned(), mode.to_string()],
        ["task".to_owned(), one_line(task_class)],
        ["domain".to_owned(), one_line(domain.as_str())],
        ["answer".to_owned(), format!("{answer_kind:?}").to_lowercase()],
        ["risk".to_owned(), format!("{risk:?}").to_lowercase()],
        ["complexity".to_owned(), format!("{complexity:.2}")],
        ["one call is not enough".to_owned(), format!("{:.0} %", p_hard * 100.0)],
    ];
    columns(&facts).iter().try_for_each(|line| output::line(line))?;
    for reason in &decision.reasons {
        output::line(&format!("  - {}", one_line(reason)))?;
    }
    if arguments.explain { explain(&decision) } else { Ok(()) }
}

fn explain(decision: &TriageDecision) -> Result<(), Failure> {
    let mut rows = vec![["metric", "value", "share", "adds", "what it measures"].map(str::to_owned)];
    for metric in TRIAGE_METRICS {
        let value = decision.metrics.get(metric.name).copied().unwrap_or_default();
        rows.push([
            metric.name.to_owned(),
            format!("{value:.2}"),
            format!("{:.2}", metric.share),
            format!("{:.3}", value * metric.share),
            metric.meaning.to_owned(),
        ]);
    }
    output::line("")?;
    columns(&rows).iter().try_for_each(|line| output::line(line))
}
