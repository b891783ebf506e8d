//! Plays the fault matrix and prints it: `chaos [--filter ROW] [--seed NUMBER] [--json FILE]`. It fails when one case fails.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it prints its table")]

use std::process::ExitCode;

use async_orchestrator_lab::{
    chaos::{Selection, Verdict, run},
    child,
};

#[tokio::main]
async fn main() -> ExitCode {
    let mut selection = Selection::default();
    let mut json = None;
    let mut arguments = std::env::args().skip(1);
    if let Some("--child") = std::env::args().nth(1).as_deref() {
        return match child(arguments.skip(1)).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        };
    }
    while let Some(argument) = arguments.next() {
        match (argument.as_str(), arguments.next()) {
            ("--filter", Some(text)) => selection.filter = Some(text),
            ("--json", Some(path)) => json = Some(path),
            ("--seed", Some(number)) if number.parse::<u64>().is_ok() => selection.seed = number.parse().ok(),
            _ => {
                eprintln!("error: usage: chaos [--filter ROW] [--seed NUMBER] [--json FILE]");
                return ExitCode::from(2);
            }
        }
    }
    let report = run(&selection, |case| println!("{case}")).await;
    if report.cases.is_empty() {
        eprintln!("error: no row is called that; leave --filter out for all of them");
        return ExitCode::from(2);
    }
    if let Some(path) = json {
        let text = serde_json::to_string_pretty(&report).unwrap_or_default();
        if let Err(error) = std::fs::write(&path, text) {
            eprintln!("error: {path}: {error}");
            return ExitCode::FAILURE;
        }
    }
    let passed = report.count(|verdict| *verdict == Verdict::Pass);
    println!(
        "{} cases: {passed} passed, {} failed, {} without meaning; {} rows passed",
        report.cases.len(),
        report.failed(),
        report.cases.len() - passed - report.failed(),
        report.rows_passed()
    );
    if report.failed() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
