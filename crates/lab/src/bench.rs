//! Measures what the product costs, beside a bare client that does the same work in the same rounds.
//!
//! Everything runs on one machine's loopback, the upstream in a process of its own, so that the CPU time of this process is the client's.
//! Only ratios within one run and CPU time are compared: a busy machine moves both sides.

mod call;
mod council;
mod history;
mod instructions;
mod instrumentation;
mod memory;
mod pattern;
mod policies;
mod process;
mod raw;
mod remembering;
mod rounds;
mod tally;
mod triage;
mod upstream;
mod world;

use std::fmt;

use anyhow::{Result, bail};
use serde::Serialize;

/// What to measure.
#[derive(Clone, Debug)]
pub struct Selection {
    /// One part: `call`, `council`, `history`, `instrumentation`, `memory`, `policies`, `tally` or `triage`; all of them if unset.
    pub only: Option<String>,
    /// How many rounds of each comparison; the median counts.
    pub rounds: usize,
    /// How many deliberations the history holds that is read; at least 1.
    pub kept: usize,
}

impl Default for Selection {
    fn default() -> Self {
        Self { only: None, rounds: 15, kept: 100_000 }
    }
}

/// One measured number.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// What it is of, its part first.
    pub name: String,
    /// The number.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// The most that it should be, in the same unit.
    pub target: Option<f64>,
    /// How it came about.
    pub note: String,
}

impl Figure {
    fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, target: None, note: String::new() }
    }

    fn at_most(self, target: f64) -> Self {
        Self { target: Some(target), ..self }
    }

    fn note(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }

    /// Whether it is within its target; a figure without one is.
    pub fn is_met(&self) -> bool {
        self.target.is_none_or(|target| self.value <= target)
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<34} {:>10.2} {:<5}", self.name, self.value, self.unit)?;
        if let Some(target) = self.target {
            write!(f, " {} {target}", if self.is_met() { "met, at most" } else { "MISSED, at most" })?;
        }
        if self.note.is_empty() { Ok(()) } else { write!(f, " ({})", self.note) }
    }
}

/// Takes figures down as they come.
struct Sheet<'a> {
    figures: Vec<Figure>,
    show: &'a mut dyn FnMut(&Figure),
}

impl Sheet<'_> {
    fn add(&mut self, figure: Figure) {
        (self.show)(&figure);
        self.figures.push(figure);
    }
}

const PARTS: [&str; 8] =
    ["call", "council", "history", "instrumentation", "memory", "policies", "tally", "triage"];

/// Measures what `selection` names, and tells `show` each figure when it is there.
///
/// # Errors
/// If a part has an unknown name, the machine does not tell CPU times, or contestants did not do the same work.
pub async fn run(selection: &Selection, mut show: impl FnMut(&Figure)) -> Result<Vec<Figure>> {
    let mut sheet = Sheet { figures: Vec::new(), show: &mut show };
    let rounds = selection.rounds.max(1);
    if let Some(only) = &selection.only
        && !PARTS.contains(&only.as_str())
    {
        bail!("no part is called `{only}`: one of {} is expected", PARTS.join(", "));
    }
    for part in PARTS {
        if selection.only.as_ref().is_some_and(|only| only != part) {
            continue;
        }
        match part {
            "call" => call::run(rounds, &mut sheet).await?,
            "council" => council::run(rounds, &mut sheet).await?,
            "history" => history::run(rounds, selection.kept.max(1), &mut sheet).await?,
            "instrumentation" => instrumentation::run(rounds, &mut sheet).await?,
            "memory" => memory::run(&mut sheet)?,
            "tally" => tally::run(&mut sheet)?,
            "triage" => triage::run(&mut sheet),
            _ => policies::run(&mut sheet).await?,
        }
    }
    Ok(sheet.figures)
}

/// Counts the instructions and allocations of each decision under valgrind, as the difference of `decisions` and twice as many.
///
/// # Errors
/// If valgrind is not installed or fails.
pub fn count_instructions(decisions: u64, mut show: impl FnMut(&Figure)) -> Result<Vec<Figure>> {
    let mut sheet = Sheet { figures: Vec::new(), show: &mut show };
    instructions::run(decisions, &mut sheet)?;
    Ok(sheet.figures)
}

/// Plays the part of a process beside a benchmark; `None` if `words` name no such part.
///
/// # Errors
/// As the part has them.
pub async fn play_role(words: &[String]) -> Option<Result<()>> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Some(match words[..] {
        ["replays", times] => history::repeat(times).await,
        ["history", path, count] => history::fill(path, count).await,
        ["upstream"] => upstream::simulator().await,
        ["receiver"] => upstream::receiver().await,
        ["gateway", address] => upstream::gateway(address.to_owned()).await,
        ["memory", what, councils] => memory::child(what, councils).await,
        ["calls", who, how, calls] => call::repeat(who, how, calls).await,
        ["watched", how, councils] => instrumentation::watched(how, councils).await,
        ["councils", councils] => council::repeat_alone(councils).await,
        ["policy", name, decisions] => policies::repeat(name, decisions).await,
        _ => return None,
    })
}
