//! `eval live`.

use std::sync::Arc;

use async_orchestrator::trust::open_trust;
use async_orchestrator_lab::eval::live::{Options, Plan, Report, plan, run as evaluate};

use super::{failed, interval, signed};
use crate::{
    args::{EvalLive, Global},
    ask::money,
    commands::columns::columns,
    commands::stop::Stop,
    exit::{Exit, Failure},
    output,
    sanitize::one_line,
    settings::load,
};

pub(super) async fn run(global: &Global, arguments: EvalLive) -> Result<(), Failure> {
    let settings = load(global)?.settings;
    let trust = open_trust(&settings)?;
    let options = Options {
        questions: arguments.questions,
        limit: arguments.limit.and_then(|limit| usize::try_from(limit).ok()),
        settings,
        trust: trust.map(Arc::new),
        at_once: usize::from(arguments.at_once),
    };
    if arguments.dry_run {
        let plan = plan(&options).map_err(|error| failed(&error))?;
        return if arguments.json { output::json(&plan) } else { show_plan(&plan) };
    }
    let mut stop = Stop::new()
        .map_err(|error| Failure::new(Exit::Failed, format!("signals cannot be received: {error}")))?;
    let report = tokio::select! {
        biased;
        () = stop.asked() => return Err(Failure::interrupted()),
        report = evaluate(&options, |who| output::note(&format!("asking: {}", one_line(who)))) => report.map_err(|error| failed(&error))?,
    };
    if arguments.json { output::json(&report) } else { show(&report) }
}

fn show_plan(plan: &Plan) -> Result<(), Failure> {
    output::line(&format!(
        "{} questions; alone: {}; about {} calls, estimated cost {}",
        plan.questions,
        plan.singles.iter().map(|model| one_line(model)).collect::<Vec<_>>().join(", "),
        plan.calls,
        money(plan.cost),
    ))?;
    plan.dropped.iter().try_for_each(|line| output::line(line))
}

fn show(report: &Report) -> Result<(), Failure> {
    output::line(&format!(
        "{} questions; best alone, picked with hindsight: {}",
        report.questions,
        one_line(&report.best_single)
    ))?;
    let head = ["who", "right, %", "beside the best alone", "calls", "micro-dollars", "seconds", "failed"];
    let mut rows = vec![head.map(str::to_owned)];
    for one in &report.contestants {
        rows.push([
            one_line(&one.name),
            interval(one.accuracy),
            signed(one.gain),
            format!("{:.1}", one.calls.mean),
            one.micro_usd.map_or_else(|| String::from("unknown"), |cost| format!("{:.0}", cost.mean)),
            format!("{:.1}", one.seconds.mean),
            one.failed.to_string(),
        ]);
    }
    columns(&rows).iter().try_for_each(|line| output::line(line))?;
    for one in &report.contestants {
        if let Some(error) = &one.first_error {
            output::line(&format!("{}, first failure: {}", one_line(&one.name), one_line(error)))?;
        }
    }
    report.dropped.iter().try_for_each(|line| output::line(line))
}
