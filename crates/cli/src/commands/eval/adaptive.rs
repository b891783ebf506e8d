//! `eval adaptive`.

use async_orchestrator_lab::eval::adaptive::{Options, run as evaluate};

use super::{directory, failed, interval, signed};
use crate::{
    args::{EvalAdaptive, Global},
    commands::columns::columns,
    exit::Failure,
    output,
    sanitize::one_line,
};

pub(super) fn run(global: &Global, arguments: EvalAdaptive) -> Result<(), Failure> {
    let options = Options {
        data: directory(global, arguments.data)?,
        folds: usize::from(arguments.folds),
        budgets: arguments.budget,
    };
    let report = evaluate(&options).map_err(|error| failed(&error))?;
    if arguments.json {
        return output::json(&report);
    }
    let head = [
        "pool",
        "questions",
        "calls",
        "budget",
        "right, %",
        "all asked, %",
        "difference",
        "thresholds",
        "stopped after 1, 2, ...",
        "out of reach",
        "ECE after 1, 2, ...",
    ];
    let mut rows = vec![head.map(str::to_owned)];
    for pool in &report.pools {
        let thresholds: Vec<String> = pool.thresholds.iter().map(|at| format!("{at:.2}")).collect();
        let stopped: Vec<String> = pool.stopped.iter().map(ToString::to_string).collect();
        let errors: Vec<String> =
            pool.calibration.iter().map(|quality| format!("{:.3}", quality.ece)).collect();
        rows.push([
            one_line(&pool.pool),
            pool.questions.to_string(),
            format!("{:.2}", pool.calls.mean),
            format!("{:.2}", pool.budget),
            interval(pool.accuracy),
            interval(pool.full),
            signed(pool.gain),
            thresholds.join(" "),
            stopped.join(" "),
            pool.unassailable.to_string(),
            errors.join(" "),
        ]);
    }
    columns(&rows).iter().try_for_each(|line| output::line(line))
}
