//! What was measured, against its bar.

use std::fmt;

use serde::Serialize;

/// Whether a figure keeps to its bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// It does.
    Holds,
    /// It does not.
    Fails,
    /// There is no bar: it says what the others rest on.
    Noted,
}

/// One measured value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// What was measured.
    pub what: String,
    /// The value, with its unit.
    pub value: String,
    /// What it must keep to; empty where it is only noted.
    pub bar: String,
    /// Whether it does.
    pub verdict: Verdict,
}

/// A figure and its proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// The proof's name.
    pub proof: String,
    /// The figure.
    #[serde(flatten)]
    pub figure: Figure,
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figure { what, value, bar, verdict } = &self.figure;
        let word = match verdict {
            Verdict::Holds => "holds",
            Verdict::Fails => "FAILS",
            Verdict::Noted => "-",
        };
        write!(f, "{:<13} {what:<64} {value:<28} {bar:<30} {word}", self.proof)
    }
}

/// All figures of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ProofReport {
    /// The seed of all that was drawn.
    pub seed: u64,
    /// In the order measured.
    pub figures: Vec<Judged>,
    /// The hourly totals of the proof `hours`, a line an hour; empty where it did not run.
    #[serde(skip)]
    pub log: String,
}

impl ProofReport {
    /// How many figures do not keep to their bar.
    pub fn failed(&self) -> usize {
        self.figures.iter().filter(|judged| judged.figure.verdict == Verdict::Fails).count()
    }
}

/// What one proof brings.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) figures: Vec<Figure>,
    pub(super) log: String,
}

impl Findings {
    /// The proof could not be carried out.
    pub(super) fn broken(why: String) -> Self {
        let mut findings = Self::default();
        findings.must("it can be carried out", why, "it runs", false);
        findings
    }

    pub(super) fn must(
        &mut self,
        what: impl Into<String>,
        value: impl fmt::Display,
        bar: impl fmt::Display,
        holds: bool,
    ) {
        let verdict = if holds { Verdict::Holds } else { Verdict::Fails };
        let (value, bar) = (value.to_string(), bar.to_string());
        self.figures.push(Figure { what: what.into(), value, bar, verdict });
    }

    /// `value` must be `bar` or less.
    pub(super) fn at_most<T: Copy + PartialOrd + fmt::Display>(
        &mut self,
        what: impl Into<String>,
        value: T,
        bar: T,
        unit: &str,
    ) {
        let holds = value <= bar;
        self.must(what, format!("{value:.3} {unit}"), format!("<= {bar:.3} {unit}"), holds);
    }

    /// `value` must be `bar`.
    pub(super) fn exactly(&mut self, what: impl Into<String>, value: u64, bar: u64) {
        self.must(what, value, format!("= {bar}"), value == bar);
    }

    pub(super) fn noted(&mut self, what: impl Into<String>, value: impl fmt::Display) {
        let (what, value) = (what.into(), value.to_string());
        self.figures.push(Figure { what, value, bar: String::new(), verdict: Verdict::Noted });
    }
}
