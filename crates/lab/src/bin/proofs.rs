//! Runs the proofs under load: `proofs [--only NAME] [--seed N] [--json FILE] [--log FILE]`. It fails when one bar does not hold.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it prints its table")]

use std::process::ExitCode;

use async_orchestrator_lab::{
    child,
    proofs::{names, run},
};

/// The seed where none is given.
const SEED: u64 = 7;

#[tokio::main]
async fn main() -> ExitCode {
    let (mut only, mut seed, mut json, mut log) = (None, SEED, None, None);
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
        let value = arguments.next();
        match (argument.as_str(), value) {
            ("--only", Some(name)) if names().any(|known| known == name) => only = Some(name),
            ("--seed", Some(text)) if text.parse::<u64>().is_ok() => seed = text.parse().unwrap_or(SEED),
            ("--json", Some(path)) => json = Some(path),
            ("--log", Some(path)) => log = Some(path),
            _ => {
                eprintln!("error: usage: proofs [--only NAME] [--seed N] [--json FILE] [--log FILE]");
                eprintln!("NAME is one of {}", names().collect::<Vec<_>>().join(", "));
                return ExitCode::from(2);
            }
        }
    }
    println!("{:<13} {:<64} {:<28} {:<30} verdict", "proof", "figure", "value", "bar");
    let report = run(only.as_deref(), seed, |figure| println!("{figure}")).await;
    let table = serde_json::to_string_pretty(&report).unwrap_or_default();
    for (path, text) in [(json, &table), (log, &report.log)] {
        let Some(path) = path else { continue };
        if let Err(error) = std::fs::write(&path, text) {
            eprintln!("error: {path}: {error}");
            return ExitCode::FAILURE;
        }
    }
    println!("{} figures, {} below their bar", report.figures.len(), report.failed());
    if report.failed() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
