//! Measures and prints: `bench [--json FILE] [--rounds N] [--only NAME] [--kept DELIBERATIONS] [--instructions N]`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it prints its table")]

use std::process::ExitCode;

use async_orchestrator_lab::bench::{Figure, Selection, count_instructions, play_role, run};

const USAGE: &str = "usage: bench [--json FILE] [--rounds N] [--only call|council|history|instrumentation|memory|policies|tally|triage] \
                     [--kept DELIBERATIONS] [--instructions DECISIONS]";

/// What was asked for.
#[derive(Default)]
struct Asked {
    selection: Selection,
    json: Option<String>,
    instructions: Option<u64>,
}

// One thread: the CPU time of a call is then the time of its own work, not of threads that wake each other.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some(ended) = play_role(&words).await {
        return code(ended.map_err(|error| error.to_string()));
    }
    let Some(asked) = read(&words) else {
        eprintln!("error: {USAGE}");
        return ExitCode::from(2);
    };
    let show = |figure: &Figure| println!("{figure}");
    let figures = match asked.instructions {
        Some(decisions) => count_instructions(decisions, show),
        None => run(&asked.selection, show).await,
    };
    code(figures.map_err(|error| format!("{error:#}")).and_then(|figures| {
        let missed = figures.iter().filter(|figure| !figure.is_met()).count();
        println!("{} figures, {missed} beyond their target", figures.len());
        let Some(path) = &asked.json else { return Ok(()) };
        let text = serde_json::to_string_pretty(&figures).map_err(|error| error.to_string())?;
        std::fs::write(path, text).map_err(|error| format!("{path}: {error}"))
    }))
}

fn read(words: &[String]) -> Option<Asked> {
    let mut asked = Asked::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let value = words.next()?;
        match word.as_str() {
            "--json" => asked.json = Some(value.clone()),
            "--rounds" => asked.selection.rounds = value.parse().ok()?,
            "--kept" => asked.selection.kept = value.parse().ok()?,
            "--only" => asked.selection.only = Some(value.clone()),
            "--instructions" => asked.instructions = Some(value.parse().ok()?),
            _ => return None,
        }
    }
    Some(asked)
}

fn code(ended: Result<(), String>) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
