//! Measures what the product costs.

use std::path::Path;

use crate::{options::Options, problem::Problem, process::CommandLine};

/// Measures the parts that `options` choose; it fails when something could not be measured.
pub(crate) fn run(root: &Path, options: &Options) -> Result<(), Problem> {
    command(options).run(root)
}

fn command(options: &Options) -> CommandLine {
    let mut line =
        CommandLine::cargo("run --quiet --release --package async-orchestrator-lab --bin bench --");
    for name in ["--only", "--rounds", "--json", "--instructions"] {
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
        let options = Options::parse(&["--only=call".to_owned()], &["--only", "--rounds"]).unwrap();
        let line = command(&options).to_string();
        assert!(line.ends_with("--only call") && !line.contains("--rounds"), "{line}");
    }
}
