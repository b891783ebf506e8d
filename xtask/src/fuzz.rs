//! Runs the fuzzer of the reader of server-sent events.

use std::path::Path;

use crate::{options::Options, problem::Problem, process::CommandLine};

/// The fuzz crate: a workspace of its own, because it needs a nightly toolchain.
const FUZZ_FOLDER: &str = "crates/providers/fuzz";

/// The fuzz target.
const TARGET: &str = "sse";

/// How long it runs when nobody says.
const SECONDS_DEFAULT: u32 = 60;

/// Fuzzes for as many seconds as `options` say.
pub(crate) fn run(root: &Path, options: &Options) -> Result<(), Problem> {
    let seconds = match options.value("--seconds") {
        None => SECONDS_DEFAULT,
        Some(text) => text.parse().ok().filter(|&seconds| seconds > 0).ok_or_else(|| {
            // libFuzzer reads 0 as "without end".
            Problem::usage(format!("`{text}` is no number of seconds: 1 or more is expected"))
        })?,
    };
    if !CommandLine::cargo("+nightly --version").succeeds(root) {
        return Err(Problem::failed(
            "fuzzing needs a nightly toolchain: rustup toolchain install nightly --profile minimal",
        ));
    }
    if !CommandLine::cargo("+nightly fuzz --version").succeeds(root) {
        return Err(Problem::failed("fuzzing needs cargo-fuzz: cargo install cargo-fuzz --locked"));
    }
    let line = command(root, seconds);
    println!("{line}");
    line.run(root)?;
    println!("fuzz: {seconds} s, nothing found");
    Ok(())
}

fn command(root: &Path, seconds: u32) -> CommandLine {
    CommandLine::cargo("+nightly fuzz run --fuzz-dir")
        .argument(FUZZ_FOLDER)
        .argument("--target-dir")
        .path(&root.join("target/fuzz"))
        .argument(TARGET)
        .argument("--")
        .argument(format!("-max_total_time={seconds}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_is_none_is_refused_before_anything_runs() {
        for text in ["0", "-1", "ten", "1.5"] {
            let options = Options::parse(&[format!("--seconds={text}")], &["--seconds"]).unwrap();
            assert!(matches!(run(Path::new("."), &options), Err(Problem::Usage(_))), "{text}");
        }
    }

    #[test]
    fn the_time_reaches_the_fuzzer() {
        let line = command(Path::new("/repo"), 600).to_string();
        assert!(line.ends_with("sse -- -max_total_time=600"), "{line}");
    }
}
