//! What a caller gets back: the decision about the question, the answer with what must be said beside it, and the record.

use std::fmt;

use async_orchestrator_core::{DecisionRecord, Mode, Status, TriageDecision, Verdict};
use serde::Serialize;

/// The result of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Orchestrated {
    /// How the question was taken: Express or Council, how complex, and why.
    pub decision: TriageDecision,
    /// The answer.
    pub aggregated: Aggregated,
    record: DecisionRecord,
}

/// The answer, headed by everything that its reader must know before trusting it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Aggregated {
    /// What must be said first, a sentence each: absences, a lost quorum, a model of demonstration quality. Often empty.
    pub heading: Vec<String>,
    /// The answer's text.
    pub text: String,
}

impl Orchestrated {
    /// The decision record: proposals, ballots, dissent, absences, usage, cost.
    pub const fn record(&self) -> &DecisionRecord {
        &self.record
    }

    /// The decision record, taken out.
    pub fn into_record(self) -> DecisionRecord {
        self.record
    }
}

impl From<DecisionRecord> for Orchestrated {
    /// A record as its caller sees it, such as one from the history.
    fn from(record: DecisionRecord) -> Self {
        let aggregated = Aggregated { heading: heading(&record), text: record.answer.text.clone() };
        Self { decision: record.triage.clone(), aggregated, record }
    }
}

impl fmt::Display for Aggregated {
    /// The heading, each sentence in brackets on a line of its own, then the answer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.heading {
            writeln!(f, "[{line}]")?;
        }
        if !self.heading.is_empty() {
            writeln!(f)?;
        }
        f.write_str(&self.text)
    }
}

/// What belongs above the answer, not in a footnote (COUNCIL.md, section 3).
fn heading(record: &DecisionRecord) -> Vec<String> {
    let mut lines: Vec<String> = record.answer.notices.clone();
    match record.status {
        Status::Full | Status::NoDecision => {}
        Status::Partial => lines.push(format!("partial: {}", missing(record))),
        Status::Degraded => lines.push(format!("degraded: {}", missing(record))),
        Status::ExpressFallback => lines.push(format!(
            "no council decision: the quorum was not reached, this is one model's unreviewed proposal; {}",
            missing(record)
        )),
    }
    if record.validation.verdict == Verdict::Fail {
        let failed = record.validation.checks.iter().filter(|check| !check.ok);
        let failed: Vec<String> = failed.map(|check| format!("{}: {}", check.name, check.detail)).collect();
        lines.push(format!("the validation failed: {}", failed.join("; ")));
    }
    let vetoes = record.dissent.iter().filter(|dissent| dissent.veto).count();
    if vetoes > 0 && record.mode == Mode::Council {
        lines.push(format!("{vetoes} critical objection(s) stand: see the dissent"));
    }
    if let Some(why) = &record.log.unrecorded {
        lines.push(format!("not recorded: {why}"));
    }
    lines
}

fn missing(record: &DecisionRecord) -> String {
    let absences: Vec<String> = record
        .absences
        .iter()
        .map(|absence| format!("{} absent ({})", absence.seat, absence.cause))
        .collect();
    if absences.is_empty() { String::from("no seat is missing") } else { absences.join(", ") }
}
