//! `eval votes`.

use async_orchestrator_lab::eval::{
    curve::Point,
    rules::RULES,
    votes::{Options, PoolReport, Report, run as evaluate},
};

use super::{directory, failed, interval, signed};
use crate::{
    args::{EvalVotes, Global},
    commands::columns::columns,
    exit::Failure,
    output,
    sanitize::one_line,
};

pub(super) fn run(global: &Global, arguments: EvalVotes) -> Result<(), Failure> {
    let fit = directory(global, arguments.fit)?;
    let options = Options {
        score: arguments.score.unwrap_or_else(|| fit.clone()),
        fit,
        folds: usize::from(arguments.folds),
        repeats: usize::from(arguments.repeats),
        pools: arguments.pool,
        rules: RULES
            .into_iter()
            .filter(|rule| arguments.rule.iter().any(|name| name == rule.name()))
            .collect(),
        labels: arguments.labels,
    };
    let report = evaluate(&options).map_err(|error| failed(&error))?;
    if arguments.json {
        return output::json(&report);
    }
    table(&report)?;
    groups(&report, arguments.groups)?;
    curve(&report.curve)?;
    for (set, drops) in &report.dropped {
        for drop in drops {
            output::line(&format!("{}: {}", one_line(set), one_line(drop)))?;
        }
    }
    Ok(())
}

fn lines<const N: usize>(rows: &[[String; N]]) -> Result<(), Failure> {
    columns(rows).iter().try_for_each(|line| output::line(line))
}

fn table(report: &Report) -> Result<(), Failure> {
    let head = ["pool", "questions", "rule", "right, %", "beside the best member", "ECE", "Brier"];
    let mut rows = vec![head.map(str::to_owned)];
    for pool in &report.pools {
        let single = &pool.best_single;
        rows.push([
            one_line(&pool.pool),
            pool.questions.to_string(),
            format!("best member: {}", one_line(&single.model)),
            interval(single.accuracy),
            String::new(),
            String::new(),
            String::new(),
        ]);
        for rule in &pool.rules {
            rows.push([
                String::new(),
                String::new(),
                rule.rule.name().to_owned(),
                interval(rule.accuracy),
                signed(rule.gain),
                format!("{:.3}", rule.calibration.ece),
                format!("{:.3}", rule.calibration.brier),
            ]);
        }
        let any = format!("{:.1}", pool.any_right);
        let empty = String::new;
        rows.push([empty(), empty(), "any member right".to_owned(), any, empty(), empty(), empty()]);
    }
    lines(&rows)
}

/// The tasks and categories that fall below their best member, or all.
fn groups(report: &Report, all: bool) -> Result<(), Failure> {
    let mut below = 0;
    let mut rows =
        vec![["pool", "rule", "group", "questions", "right, %", "beside its best member"].map(str::to_owned)];
    let each = |pool: &PoolReport| {
        let name = one_line(&pool.pool);
        pool.rules
            .iter()
            .flat_map(|rule| rule.groups.iter().map(move |group| (rule.rule, group)))
            .map(move |(rule, group)| (name.clone(), rule, group.clone()))
            .collect::<Vec<_>>()
    };
    for (pool, rule, group) in report.pools.iter().flat_map(each) {
        below += usize::from(group.is_below());
        if all || group.is_below() {
            rows.push([
                pool,
                rule.name().to_owned(),
                one_line(&group.group),
                group.questions.to_string(),
                format!("{:.1}", group.accuracy),
                signed(group.gain),
            ]);
        }
    }
    output::line("")?;
    output::line(&format!(
        "Groups of 200 questions or more in which a rule is worse than the best member there by more than the interval: {below}"
    ))?;
    if rows.len() > 1 { lines(&rows) } else { Ok(()) }
}

fn curve(points: &[Point]) -> Result<(), Failure> {
    if points.is_empty() {
        return Ok(());
    }
    output::line("")?;
    let head = [
        "pool",
        "labels",
        "right, %",
        "worst draw",
        "plurality",
        "best member",
        "below plurality",
        "not above member",
    ];
    let mut rows = vec![head.map(str::to_owned)];
    for point in points {
        rows.push([
            one_line(&point.pool),
            point.labels.to_string(),
            format!("{:.1}", point.accuracy),
            format!("{:.1}", point.worst),
            format!("{:.1}", point.plurality),
            format!("{:.1}", point.best_single),
            format!("{} of {}", point.below_plurality, point.draws),
            format!("{} of {}", point.not_above_single, point.draws),
        ]);
    }
    lines(&rows)
}
