//! Development tasks: `cargo xtask help`.
//!
//! Imports none of the workspace's crates, so that it builds in seconds and still runs when they do not compile.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool speaks on its terminal")]

mod ci;
mod fuzz;
mod lab;
mod layers;
mod loom;
mod options;
mod peers;
mod problem;
mod process;
mod report;
mod tidy;
mod tree;

use std::{path::Path, process::ExitCode};

use crate::{options::Options, problem::Problem};

/// One task of `cargo xtask`.
struct Task {
    name: &'static str,
    /// The options that it takes, each with a value.
    options: &'static [&'static str],
    help: &'static str,
    run: fn(&Path, &Options) -> Result<(), Problem>,
}

const TASKS: &[Task] = &[
    Task {
        name: "ci",
        options: &["--from", "--only"],
        help: "  ci [--from STEP | --only STEP]
      Everything that must hold before a change is merged, in this order:
      format, clippy, layers, tidy, rustdoc, tests, doctests, examples.
      Stops at the first step that fails and prints the command that repeats it.",
        run: ci::run,
    },
    Task {
        name: "layers",
        options: &[],
        help: "  layers
      Compares the tables of docs/architecture.md with what the crates really import.",
        run: |root, _| layers::run(root),
    },
    Task {
        name: "tidy",
        options: &[],
        help: "  tidy
      The house rules that no compiler knows: first lines, file sizes, links, licences of silence.",
        run: |root, _| tidy::run(root),
    },
    Task {
        name: "peers",
        options: &["--openapi"],
        help: "  peers --openapi FILE
      Checks the requests that we send against OpenAI's published API description (FILE, from the
      public repository openai/openai-openapi, as JSON) and against the types of Anthropic's SDK.
      Needs Python 3.11; installs into target/peers with pip and uses no other network.",
        run: peers::run,
    },
    Task {
        name: "report",
        options: &["--picture", "--browser"],
        help: "  report [--picture FILE] [--browser FILE]
      Opens the page of `stats --html` over a made-up history in a browser (Debian's chromium, or another
      that understands its protocol), light and dark, narrow and wide, and reads `metrics` with Prometheus'
      Python parser. Needs Node 20 and Python 3.11; installs into target/report with npm and pip.",
        run: report::run,
    },
    Task {
        name: "chaos",
        options: &["--filter", "--seed", "--json"],
        help: "  chaos [--filter ROW] [--seed N] [--json FILE]
      Plays every fault against the default stack: whole and streamed, both formats, with a fallback
      and without. ROW is a number or a part of a name. Fails when one case fails.",
        run: lab::chaos,
    },
    Task {
        name: "bench",
        options: &["--only", "--rounds", "--kept", "--json", "--instructions"],
        help: "  bench [--only PART] [--rounds N] [--kept N] [--json FILE] | bench --instructions N
      Measures what the product costs beside a bare HTTP client; PART is call, council, history,
      instrumentation, memory, policies, tally or triage. --kept is how many deliberations the history holds that is read (100,000).
      With --instructions it counts those of N decisions under valgrind instead.",
        run: lab::bench,
    },
    Task {
        name: "proofs",
        options: &["--only", "--seed", "--json", "--log"],
        help: "  proofs [--only NAME] [--seed N] [--json FILE] [--log FILE]
      Puts the resilience layer under load and compares what it measures with its bars. NAME is one of
      outage, hedging, storm, coalescing, cancellation, ballots, killing, hours. All take about twenty minutes and an idle machine.
      --log keeps the hourly totals of the thousand simulated hours. Fails when one bar does not hold.",
        run: lab::proofs,
    },
    Task {
        name: "elections",
        options: &["--seed", "--json"],
        help: "  elections [--seed N] [--json FILE]
      Simulates elections with members of known accuracy, correlation, bias and lies, and compares how
      often the tally is right with its regression values. Fails when one is missed.",
        run: lab::elections,
    },
    Task {
        name: "loom",
        options: &[],
        help: "  loom
      Checks the shared breaker and the retry budget in every order in which threads can meet.",
        run: loom::run,
    },
    Task {
        name: "fuzz",
        options: &["--seconds"],
        help: "  fuzz [--seconds N]
      Fuzzes the reader of server-sent events for N seconds (default 60).
      Needs a nightly toolchain and cargo-fuzz.",
        run: fuzz::run,
    },
];

/// The exit code of a task that was called wrongly.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Problem::Usage(message)) => {
            eprintln!("error: {message}\nsee: cargo xtask help");
            ExitCode::from(EXIT_USAGE)
        }
        Err(Problem::Failed(message)) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<(), Problem> {
    let Some((name, rest)) = arguments.split_first() else {
        return Err(Problem::usage("no task was named"));
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        print_help();
        return Ok(());
    }
    let task = TASKS.iter().find(|task| task.name == name).ok_or_else(|| {
        Problem::usage(format!("unknown task `{name}`: one of {} is expected", task_names()))
    })?;
    if rest.iter().any(|word| word == "--help" || word == "-h") {
        println!("{}", task.help);
        return Ok(());
    }
    (task.run)(&process::root()?, &Options::parse(rest, task.options)?)
}

fn print_help() {
    println!("Development tasks of Async Orchestrator.\n\ncargo xtask TASK [OPTIONS]\n");
    for task in TASKS {
        println!("{}\n", task.help);
    }
    println!("Exit codes: 0 all is well, 1 something failed, 2 wrong usage.");
}

fn task_names() -> String {
    TASKS.iter().map(|task| task.name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn wrong_usage_is_told_apart_from_failure() {
        for line in ["", "cii", "ci --form tests", "tidy --from tests", "fuzz --seconds"] {
            assert!(matches!(dispatch(&words(line)), Err(Problem::Usage(_))), "{line}");
        }
    }

    #[test]
    fn every_option_stands_in_the_help_of_its_task() {
        for task in TASKS {
            assert!(task.help.trim_start().starts_with(task.name), "{}", task.name);
            assert!(task.options.iter().all(|option| task.help.contains(option)), "{}", task.name);
        }
    }
}
