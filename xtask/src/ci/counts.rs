//! Adds up what the test runner prints at the end of each binary.

use std::fmt;

/// The results of all tests that were run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
    /// Test binaries and crates with doctests that reported at least one test.
    pub(crate) runs: u64,
}

impl Counts {
    /// Takes note of `line`, if it is a result such as
    /// `test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s`.
    pub(crate) fn read(&mut self, line: &str) {
        let line = uncoloured(line);
        let Some((_, numbers)) =
            line.strip_prefix("test result: ").and_then(|result| result.split_once(". "))
        else {
            return;
        };
        let number = |word: &str| {
            numbers
                .split("; ")
                .find_map(|part| part.strip_suffix(word)?.trim_end().parse::<u64>().ok())
                .unwrap_or_default()
        };
        let (passed, failed, ignored) = (number("passed"), number("failed"), number("ignored"));
        self.passed += passed;
        self.failed += failed;
        self.ignored += ignored;
        self.runs += u64::from(passed + failed + ignored > 0);
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "tests: {} passed, {} failed, {} ignored, in {} binaries and doctest runs",
            self.passed, self.failed, self.ignored, self.runs
        )
    }
}

/// `line` without the colours that some environments ask for even where nobody sees them.
fn uncoloured(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    plain.extend(parts.filter_map(|part| part.split_once('m').map(|(_, text)| text)));
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_added_up_and_other_lines_are_not() {
        let mut counts = Counts::default();
        for line in [
            "running 3 tests",
            "test shows_a_line ... ok",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s",
            "test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s",
            "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: nonsense",
            "test result: \u{1b}[32mok\u{1b}[m. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
        ] {
            counts.read(line);
        }
        assert_eq!(counts, Counts { passed: 18, failed: 2, ignored: 1, runs: 3 });
        assert_eq!(
            counts.to_string(),
            "tests: 18 passed, 2 failed, 1 ignored, in 3 binaries and doctest runs"
        );
    }
}
