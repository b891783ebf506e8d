//! Plays the fault matrix of the lab.

use std::path::Path;

use crate::{options::Options, problem::Problem, process::CommandLine};

/// Plays the rows that `options` choose; it fails when one case fails.
pub(crate) fn run(root: &Path, options: &Options) -> Result<(), Problem> {
    command(options).run(root)
}

fn command(options: &Options) -> CommandLine {
    let mut line =
        CommandLine::cargo("run --quiet --release --package async-orchestrator-lab --bin chaos --");
    for name in ["--filter", "--seed", "--json"] {
        if let Some(value) = options.value(name) {
            line = line.argument(name).argument(value);
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
        let line = command(&options).to_string();
        assert!(line.ends_with("--filter 10 --seed 3") && !line.contains("--json"), "{line}");
    }
}
