//! Runs the lab's binaries: the fault matrix, the benchmarks, the proofs under load.

use std::path::Path;

use crate::{options::Options, problem::Problem, process::CommandLine};

/// Every option that one of them takes; which task takes which stands in the list of tasks.
const OPTIONS: &[&str] =
    &["--filter", "--only", "--seed", "--rounds", "--kept", "--json", "--log", "--instructions"];

/// Plays the rows that `options` choose; it fails when one case fails.
pub(crate) fn chaos(root: &Path, options: &Options) -> Result<(), Problem> {
    command("chaos", options).run(root)
}

/// Measures the parts that `options` choose; it fails when something could not be measured.
pub(crate) fn bench(root: &Path, options: &Options) -> Result<(), Problem> {
    command("bench", options).run(root)
}

/// Runs the proofs that `options` choose; it fails when one bar does not hold.
pub(crate) fn proofs(root: &Path, options: &Options) -> Result<(), Problem> {
    command("proofs", options).run(root)
}

/// Simulates elections; it fails when a figure misses its value.
pub(crate) fn elections(root: &Path, options: &Options) -> Result<(), Problem> {
    command("elections", options).run(root)
}

fn command(binary: &str, options: &Options) -> CommandLine {
    let mut line = CommandLine::cargo("run --quiet --release --package async-orchestrator-lab --bin")
        .argument(binary)
        .argument("--");
    for name in OPTIONS {
        if let Some(value) = options.value(name) {
            line = line.argument(*name).argument(value);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_choice_reaches_the_lab() {
        let given = ["--filter=10".to_owned(), "--seed=3".to_owned()];
        let options = Options::parse(&given, &["--filter", "--seed", "--json"]).unwrap();
        let line = command("chaos", &options).to_string();
        assert!(line.ends_with("--bin chaos -- --filter 10 --seed 3"), "{line}");
    }
}
