//! What came of it, case by case.

use std::fmt;

use serde::Serialize;

use super::{Combo, judge::Finding};

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// Everything that must happen happened.
    Pass,
    /// It did not; what was missing.
    Fail(String),
    /// The fault has no meaning in this combination; why.
    NotApplicable(String),
}

/// One row in one combination.
#[derive(Clone, Debug, Serialize)]
pub struct Case {
    /// The row's number.
    pub row: u32,
    /// The fault.
    pub fault: String,
    /// The combination.
    pub combo: Combo,
    /// The verdict.
    pub verdict: Verdict,
    /// What the caller got.
    pub caller: String,
    /// What the upstream saw.
    pub upstream: String,
}

impl Case {
    pub(super) fn new(row: u32, fault: &str, combo: Combo, finding: Finding) -> Self {
        let Finding { verdict, caller, upstream } = finding;
        Self { row, fault: fault.to_owned(), combo, verdict, caller, upstream }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, why) = match &self.verdict {
            Verdict::Pass => ("pass", ""),
            Verdict::Fail(why) => ("FAIL", why.as_str()),
            Verdict::NotApplicable(why) => ("n/a", why.as_str()),
        };
        write!(f, "{:>2} {:<44} {:<26} {word:<5}", self.row, self.fault, self.combo.to_string())?;
        if !why.is_empty() {
            write!(f, " {why}")?;
        }
        if !self.caller.is_empty() {
            write!(f, " | {} | {}", self.caller, self.upstream)?;
        }
        Ok(())
    }
}

/// All cases.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// In the order played.
    pub cases: Vec<Case>,
}

impl Report {
    /// The rows of which no case failed and at least one passed.
    pub fn rows_passed(&self) -> usize {
        let rows: std::collections::BTreeSet<u32> = self.cases.iter().map(|case| case.row).collect();
        let passed = |row: &&u32| {
            let mut of_row = self.cases.iter().filter(|case| case.row == **row);
            of_row.clone().any(|case| case.verdict == Verdict::Pass)
                && of_row.all(|case| !matches!(case.verdict, Verdict::Fail(_)))
        };
        rows.iter().filter(passed).count()
    }

    /// How many cases failed.
    pub fn failed(&self) -> usize {
        self.count(|verdict| matches!(verdict, Verdict::Fail(_)))
    }

    /// How many cases satisfy `what`.
    pub fn count(&self, what: impl Fn(&Verdict) -> bool) -> usize {
        self.cases.iter().filter(|case| what(&case.verdict)).count()
    }
}
