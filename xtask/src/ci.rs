//! Everything that must hold before a change is merged, step by step, in one target directory and one profile.

mod counts;

use std::path::Path;

use crate::{
    ci::counts::Counts,
    layers,
    options::Options,
    problem::Problem,
    process::{CommandLine, timed},
    tidy,
};

/// One step of the run.
struct Step {
    name: &'static str,
    work: Work,
}

/// What a step does.
enum Work {
    /// Runs a program.
    Run(CommandLine),
    /// Runs a program whose output holds the results of tests.
    Test(CommandLine),
    /// A check of our own.
    Check(fn(&Path) -> Result<(), Problem>),
}

/// Runs the steps that `options` select.
pub(crate) fn run(root: &Path, options: &Options) -> Result<(), Problem> {
    let steps = selected(steps(), options)?;
    let mut counts = Counts::default();
    let mut times = Vec::new();
    for step in &steps {
        println!("\n== {} ==  {}", step.name, step.command());
        let (result, seconds) = timed(|| step.run(root, &mut counts));
        times.push((step.name, seconds));
        if let Err(problem) = result {
            print_summary(&times, &counts);
            return Err(Problem::failed(format!(
                "step `{name}` failed after {seconds:.1} s: {problem}\n  to repeat it: {command}\n  to go on from there: cargo xtask ci --from {name}",
                name = step.name,
                command = step.command(),
            )));
        }
        println!("-- {} ok, {seconds:.1} s", step.name);
    }
    print_summary(&times, &counts);
    // A filter or a broken manifest can leave a test step with nothing to run; that must not look like success.
    let tested = steps.iter().any(|step| matches!(step.work, Work::Test(_)));
    if tested && counts.passed == 0 { Err(Problem::failed("no test ran")) } else { Ok(()) }
}

/// The steps, cheap ones first where they need no compiled crate.
///
/// `--all-features` everywhere, so that the steps share what they compile.
fn steps() -> Vec<Step> {
    let run = |name, work| Step { name, work };
    vec![
        run("format", Work::Run(CommandLine::cargo("fmt --all -- --check"))),
        run(
            "clippy",
            Work::Run(CommandLine::cargo(
                "clippy --locked --workspace --all-targets --all-features -- -D warnings",
            )),
        ),
        run("layers", Work::Check(layers::run)),
        run("tidy", Work::Check(tidy::run)),
        run(
            "rustdoc",
            Work::Run(
                CommandLine::cargo("doc --locked --workspace --all-features --no-deps")
                    .variable("RUSTDOCFLAGS", "-D warnings"),
            ),
        ),
        run(
            "tests",
            // `--tests` means every target with tests in it: libraries, binaries and the cross-crate tests.
            Work::Test(CommandLine::cargo("test --locked --workspace --all-features --tests --no-fail-fast")),
        ),
        run(
            "doctests",
            Work::Test(CommandLine::cargo("test --locked --workspace --all-features --doc --no-fail-fast")),
        ),
        run(
            "examples",
            Work::Run(CommandLine::cargo("build --locked --workspace --all-features --examples")),
        ),
    ]
}

impl Step {
    fn run(&self, root: &Path, counts: &mut Counts) -> Result<(), Problem> {
        match &self.work {
            Work::Run(line) => line.run(root),
            Work::Test(line) => line.run_reading(root, |line| counts.read(line)),
            Work::Check(check) => check(root),
        }
    }

    fn command(&self) -> String {
        match &self.work {
            Work::Run(line) | Work::Test(line) => line.to_string(),
            Work::Check(_) => format!("cargo xtask {}", self.name),
        }
    }
}

fn selected(mut steps: Vec<Step>, options: &Options) -> Result<Vec<Step>, Problem> {
    let place = |name: &str| {
        steps.iter().position(|step| step.name == name).ok_or_else(|| {
            let names: Vec<_> = steps.iter().map(|step| step.name).collect();
            Problem::usage(format!("unknown step `{name}`: one of {} is expected", names.join(", ")))
        })
    };
    match (options.value("--from"), options.value("--only")) {
        (Some(_), Some(_)) => Err(Problem::usage("--from and --only exclude each other")),
        (Some(name), None) => {
            let first = place(name)?;
            Ok(steps.split_off(first))
        }
        (None, Some(name)) => {
            let only = place(name)?;
            Ok(vec![steps.swap_remove(only)])
        }
        (None, None) => Ok(steps),
    }
}

fn print_summary(times: &[(&str, f64)], counts: &Counts) {
    println!();
    for (name, seconds) in times {
        println!("{name:10} {seconds:8.1} s");
    }
    println!("{:10} {:8.1} s", "in all", times.iter().map(|(_, seconds)| seconds).sum::<f64>());
    if counts.runs > 0 {
        println!("{counts}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(words: &[&str]) -> Result<Vec<&'static str>, Problem> {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        let options = Options::parse(&words, &["--from", "--only"])?;
        Ok(selected(steps(), &options)?.iter().map(|step| step.name).collect())
    }

    #[test]
    fn all_steps_run_unless_some_are_chosen() {
        let all = ["format", "clippy", "layers", "tidy", "rustdoc", "tests", "doctests", "examples"];
        assert_eq!(chosen(&[]).unwrap(), all);
        assert_eq!(chosen(&["--from", "tests"]).unwrap(), ["tests", "doctests", "examples"]);
        assert_eq!(chosen(&["--only", "tidy"]).unwrap(), ["tidy"]);
    }

    #[test]
    fn a_wrong_choice_is_refused() {
        for words in [["--from", "test"].as_slice(), &["--from", "tidy", "--only", "tidy"]] {
            assert!(matches!(chosen(words), Err(Problem::Usage(_))), "{words:?}");
        }
    }
}
