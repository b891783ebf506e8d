//! Collects what must hold in a case and what was seen.

use super::{
    report::Verdict,
    world::{Got, World},
};

/// The verdict on a case with its evidence.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(super) verdict: Verdict,
    pub(super) caller: String,
    pub(super) upstream: String,
}

impl Finding {
    pub(super) fn failed(why: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail(why.into()), caller: String::new(), upstream: String::new() }
    }

    pub(super) fn not_applicable(why: &str) -> Self {
        Self {
            verdict: Verdict::NotApplicable(why.to_owned()),
            caller: String::new(),
            upstream: String::new(),
        }
    }
}

/// What is missing, and what was seen.
#[derive(Debug, Default)]
pub(super) struct Judge {
    missing: Vec<String>,
    caller: Vec<String>,
    upstream: String,
}

impl Judge {
    /// Notes `what` where it does not hold.
    pub(super) fn must(&mut self, holds: bool, what: impl Into<String>) {
        if !holds {
            self.missing.push(what.into());
        }
    }

    /// Notes what a caller got.
    pub(super) fn saw(&mut self, got: &Got) {
        // The evidence of a storm fits a line too.
        if self.caller.len() < 4 {
            self.caller.push(got.to_string());
        }
    }

    pub(super) fn upstream(&mut self, world: &World) {
        self.upstream = world.seen();
    }

    pub(super) fn upstream_text(&mut self, text: String) {
        self.upstream = text;
    }

    pub(super) fn finding(self) -> Finding {
        let verdict =
            if self.missing.is_empty() { Verdict::Pass } else { Verdict::Fail(self.missing.join("; ")) };
        Finding { verdict, caller: self.caller.join(", "), upstream: self.upstream }
    }
}
