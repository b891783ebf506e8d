//! Simulates elections and prints the figures: `elections [--seed NUMBER] [--json FILE]`. It fails when one misses its value.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it prints its table")]

use std::process::ExitCode;

use async_orchestrator_lab::elections::{Bar, ITEMS, run};

fn main() -> ExitCode {
    let (mut seed, mut json) = (7, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match (argument.as_str(), arguments.next().map(|text| (text.parse::<u64>(), text))) {
            ("--seed", Some((Ok(number), _))) => seed = number,
            ("--json", Some((_, path))) => json = Some(path),
            _ => {
                eprintln!("error: usage: elections [--seed NUMBER] [--json FILE]");
                return ExitCode::from(2);
            }
        }
    }
    let figures = match run(ITEMS, seed) {
        Ok(figures) => figures,
        Err(error) => {
            eprintln!("error: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let mut missed = 0;
    for figure in &figures {
        let bar = match figure.bar {
            Bar::Near(value) => format!("{value:.1} +- 1.0"),
            Bar::AtLeast(value) => format!("at least {value:.1}"),
        };
        let verdict = if figure.holds() { "holds" } else { "MISSED" };
        missed += usize::from(!figure.holds());
        println!("{:38} {:5.1} %  {bar:16} {verdict}", figure.case, figure.found);
    }
    if let Some(path) = json
        && let Err(error) = std::fs::write(&path, serde_json::to_string_pretty(&figures).unwrap_or_default())
    {
        eprintln!("error: {path}: {error}");
        return ExitCode::FAILURE;
    }
    println!("{} figures of {ITEMS} elections each, {missed} missed", figures.len());
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
