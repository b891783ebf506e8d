//! The six metrics and what follows from them. The formulas stand in the crate's documentation; this file is their only other place.

use std::collections::BTreeMap;

use async_orchestrator_core::{AnswerKind, AnswerType, Risk};

use crate::{
    scan::Scan,
    task::{Field, Task},
};

/// From this complexity on one call is as likely not to be enough as it is.
const COMPLEXITY_MIDDLE: f64 = 0.42;

/// How fast the probability turns around the middle.
const SLOPE: f64 = 10.0;

/// Lengths from here on are all the same: as long as can be.
const LETTERS_FULL: f64 = 20_000.0;

/// One part of the complexity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// Its name in the decision.
    pub name: &'static str,
    /// Its share of the complexity, 0 to 1; the shares add up to 1.
    pub share: f64,
    /// What it measures, in a few words.
    pub meaning: &'static str,
}

/// The parts of the complexity: `complexity` is the sum of each one's value times its share. The formulas stand in the [crate's documentation](crate).
pub const METRICS: [Metric; 6] = [
    Metric { name: "length", share: 0.05, meaning: "letters of question and context" },
    Metric { name: "structure", share: 0.08, meaning: "further sentences, list items, constraints, code" },
    Metric { name: "domain", share: 0.25, meaning: "words of a field" },
    Metric { name: "ambiguity", share: 0.20, meaning: "how much is left to judgement" },
    Metric { name: "steps", share: 0.37, meaning: "steps of thought" },
    Metric { name: "risk", share: 0.05, meaning: "the price of being wrong" },
];

/// The parts of the complexity, each 0 to 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metrics {
    pub(crate) length: f64,
    pub(crate) structure: f64,
    pub(crate) domain: f64,
    pub(crate) ambiguity: f64,
    pub(crate) steps: f64,
    pub(crate) risk: f64,
}

impl Metrics {
    pub(crate) fn of(scan: &Scan, task: Task, field: Option<Field>, kind: AnswerKind, letters: f64) -> Self {
        let length = ((1.0 + letters / 100.0).ln() / (1.0 + LETTERS_FULL / 100.0).ln()).clamp(0.0, 1.0);
        Self {
            length,
            structure: structure(scan, task),
            domain: field.map_or(0.0, |field| domain(scan, task, field)),
            ambiguity: ambiguity(scan, task, kind),
            steps: steps(scan, task, length),
            risk: 1.0 - (-(scan.severe.len() as f64 + 0.45 * scan.serious.len() as f64)).exp(),
        }
    }

    /// The weighted sum, 0 to 1.
    pub(crate) fn complexity(&self) -> f64 {
        let terms = METRICS.iter().zip(self.values()).map(|(metric, value)| metric.share * value);
        terms.sum::<f64>().clamp(0.0, 1.0)
    }

    /// The price of being wrong.
    pub(crate) fn price_of_error(&self) -> Risk {
        match self.risk {
            risk if risk >= 0.6 => Risk::High,
            risk if risk >= 0.3 => Risk::Medium,
            _ => Risk::Low,
        }
    }

    pub(crate) fn named(&self) -> BTreeMap<String, f64> {
        METRICS.iter().zip(self.values()).map(|(metric, value)| (metric.name.to_owned(), value)).collect()
    }

    /// In the order of [`METRICS`].
    const fn values(&self) -> [f64; 6] {
        [self.length, self.structure, self.domain, self.ambiguity, self.steps, self.risk]
    }
}

/// The probability that one call is not enough.
pub(crate) fn p_hard(complexity: f64) -> f64 {
    1.0 / (1.0 + (-SLOPE * (complexity - COMPLEXITY_MIDDLE)).exp())
}

/// Weighs the fields' cues, a task's own field counting for one and a half, and names the first, if there is any.
pub(crate) fn field(scan: &Scan, task: Task) -> Option<Field> {
    let own = Field::of_task(task);
    let weight = |index: usize| {
        scan.fields[index].count as f64 + if own == Some(Field::ALL[index]) { 1.5 } else { 0.0 }
    };
    let mut best: Option<usize> = None;
    for index in 0..Field::ALL.len() {
        if weight(index) >= 1.0 && best.is_none_or(|best| weight(index) > weight(best)) {
            best = Some(index);
        }
    }
    best.map(|index| Field::ALL[index])
}

fn structure(scan: &Scan, task: Task) -> f64 {
    // A text that is only carried over is material: its sentences are no parts of the question.
    let parts = if task.carries_over() {
        scan.constraints.min(2)
    } else {
        let sentences = (scan.sentences + scan.questions).saturating_sub(1);
        sentences
            + scan.questions.saturating_sub(1)
            + scan.list_items
            + scan.constraints
            + 2 * scan.code_fences
    };
    1.0 - (-(parts as f64) / 4.0).exp()
}

fn domain(scan: &Scan, task: Task, field: Field) -> f64 {
    if task.carries_over() {
        return 0.2;
    }
    // A question that touches a second field is harder than one that keeps to the first.
    let cues: f64 = Field::ALL
        .iter()
        .zip(&scan.fields)
        .map(|(known, cues)| cues.count as f64 * if *known == field { 1.0 } else { 0.5 })
        .sum();
    let own = f64::from(u8::from(Field::of_task(task) == Some(field)));
    // In a calculation two numbers tell as much of mathematics as one word.
    let numbers = if task == Task::Calculation { scan.numbers as f64 / 2.0 } else { 0.0 };
    (1.0 - 0.8 * (-0.7 * (cues + own + numbers - 1.0)).exp()).max(0.2)
}

fn ambiguity(scan: &Scan, task: Task, kind: AnswerKind) -> f64 {
    let open = 0.1_f64.mul_add(scan.vague.min(3) as f64, task.nature().openness).min(1.0);
    match kind.answer_type() {
        AnswerType::Closed => open.min(0.15),
        AnswerType::Open if task.carries_over() => task.nature().openness,
        AnswerType::Open => open,
    }
}

fn steps(scan: &Scan, task: Task, length: f64) -> f64 {
    let own = task.nature().steps;
    if task.carries_over() {
        return own;
    }
    let from_task = match task {
        Task::Calculation => own + 0.12 * scan.numbers.saturating_sub(1) as f64,
        Task::Arithmetic => own + 0.05 * scan.operations.saturating_sub(1) as f64,
        _ => own,
    };
    (from_task + 0.05 * scan.sequence as f64 + 0.3 * (length - 0.2).max(0.0)).min(1.0)
}
