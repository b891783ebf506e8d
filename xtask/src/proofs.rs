//! Runs the proofs under load of the lab.

use std::path::Path;

use crate::{options::Options, problem::Problem, process::CommandLine};

/// Runs the proofs that `options` choose; it fails when one bar does not hold.
pub(crate) fn run(root: &Path, options: &Options) -> Result<(), Problem> {
    command(options).run(root)
}

fn command(options: &Options) -> CommandLine {
    let mut line =
        CommandLine::cargo("run --quiet --release --package async-orchestrator-lab --bin proofs --");
    for name in ["--only", "--seed", "--json", "--log"] {
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
        let options = Options::parse(&["--only=storm".to_owned()], &["--only", "--json"]).unwrap();
        let line = command(&options).to_string();
        assert!(line.ends_with("--only storm") && !line.contains("--json"), "{line}");
    }
}
