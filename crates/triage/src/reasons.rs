//! The decision in sentences that a person can read.

use async_orchestrator_core::{AnswerKind, Mode, ModeChoice, Risk, TriageRequest};

use crate::{
    judgement::Judgement,
    metrics::Metrics,
    scan::Scan,
    task::{Field, Task},
    text::{Cut, Text},
};

/// What the sentences are about.
pub(crate) struct Case<'a> {
    pub(crate) request: &'a TriageRequest,
    pub(crate) text: &'a Text,
    pub(crate) scan: &'a Scan,
    pub(crate) task: Task,
    pub(crate) field: Option<Field>,
    pub(crate) kind: AnswerKind,
    pub(crate) metrics: Metrics,
    pub(crate) letters: f64,
    /// What triage would choose if nobody had set a mode.
    pub(crate) free_choice: Mode,
    /// What the learned model says, where it was asked.
    pub(crate) judgement: Option<&'a Judgement>,
}

pub(crate) fn reasons(case: &Case<'_>) -> Vec<String> {
    let mut reasons = Vec::new();
    match case.request.mode {
        ModeChoice::Auto => {}
        ModeChoice::Express => reasons.push(forced("express", case.free_choice)),
        ModeChoice::Council => reasons.push(forced("council", case.free_choice)),
    }
    reasons.push(asks_for(case));
    reasons.extend(speaks_of(case));
    reasons.extend(form_of_answer(case));
    reasons.extend(case.judgement.map(Judgement::reason));
    if case.metrics.risk >= 0.3 {
        let words: Vec<&str> =
            case.scan.severe.iter().chain(&case.scan.serious).map(String::as_str).take(3).collect();
        let price = if case.metrics.price_of_error() == Risk::High { "high" } else { "raised" };
        reasons.push(format!("the price of being wrong is {price}: it speaks of {}", words.join(", ")));
    }
    if case.scan.vague > 0 && case.kind == AnswerKind::Text && !case.task.carries_over() {
        reasons.push(format!("leaves {} open to judgement", plural(case.scan.vague, "wish", "wishes")));
    }
    if case.letters >= 2_000.0 {
        reasons.push(format!("long: about {:.0} letters with its context", case.letters));
    }
    if case.text.cut == Cut::Middle {
        reasons.push("only the beginning and the end of the query were looked at".to_owned());
    }
    reasons
}

fn forced(mode: &str, free_choice: Mode) -> String {
    format!("mode {mode} was asked for; triage alone would choose {free_choice}")
}

fn asks_for(case: &Case<'_>) -> String {
    let task = format!("asks for {}", case.task.nature().phrase);
    let mut with = Vec::new();
    if case.task.carries_over() {
        return task;
    }
    for (count, one, many) in [
        (case.scan.constraints, "constraint", "constraints"),
        (case.scan.list_items, "listed point", "listed points"),
        (case.scan.code_fences, "piece of code", "pieces of code"),
        (if case.task == Task::Calculation { case.scan.numbers } else { 0 }, "number", "numbers"),
        (case.scan.questions.saturating_sub(1), "further question", "further questions"),
    ] {
        if count > 0 {
            with.push(plural(count, one, many));
        }
    }
    if with.is_empty() { task } else { format!("{task} with {}", with.join(", ")) }
}

fn speaks_of(case: &Case<'_>) -> Option<String> {
    if let Some(domain) = &case.request.domain {
        return Some(format!("the field {domain} was set by the caller"));
    }
    let field = case.field?;
    let cues = Field::ALL.iter().position(|known| *known == field).map(|at| &case.scan.fields[at])?;
    let domain = field.domain();
    Some(if cues.words.is_empty() {
        format!("belongs to {domain}")
    } else {
        format!("belongs to {domain} ({})", cues.words.join(", "))
    })
}

fn form_of_answer(case: &Case<'_>) -> Option<String> {
    Some(
        match case.kind {
            kind if case.request.answer_kind == Some(kind) => {
                return Some(format!("the form of the answer ({}) was set by the caller", kind.name()));
            }
            AnswerKind::Choice => "the answer is one of the options given",
            AnswerKind::Number => "the answer is a number",
            AnswerKind::Boolean => "the answer is yes or no",
            AnswerKind::Literal => "the answer is what a program yields, to the letter",
            AnswerKind::Json => "the answer is JSON under the given schema",
            AnswerKind::Text => return None,
        }
        .to_owned(),
    )
}

fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
