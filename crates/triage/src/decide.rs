//! From a request to the decision: read, measure, compare with the thresholds.

use async_orchestrator_core::{AnswerKind, Domain, Mode, ModeChoice, Risk, TriageDecision, TriageRequest};

use crate::{
    judgement::Judgement,
    kind::{answer_kind, options},
    metrics::{Metrics, field, p_hard},
    reasons::{Case, reasons},
    scan::Scan,
    task::{Field, Task},
    text::{Text, letters_estimated},
};

/// A query with at most this many words beside its numbers is arithmetic if it holds an operation.
const ARITHMETIC_WORDS_MAX: usize = 6;

/// What the rules' P must reach to overrule the learned model. Calculations that reach it (4 of 100 of GSM8K's) have twice the usual gain.
const RULES_CERTAIN: f64 = 0.9;

/// Decides how much deliberation the request deserves. The rules stand in the [crate's documentation](crate).
///
/// An explicit mode wins; metrics and reasons are computed all the same, and the first reason says what triage alone would choose. An explicit
/// domain is kept. An empty query, which callers refuse before, is small talk.
pub fn decide(request: &TriageRequest) -> TriageDecision {
    let text = Text::of(&request.query);
    let scan = Scan::of(&text.plain);
    let options = options(&text.plain);
    let task = task(options, &scan);
    let kind = match request.output_schema {
        Some(_) => AnswerKind::Json,
        None => request.answer_kind.unwrap_or_else(|| answer_kind(&text.plain, options, &scan, task)),
    };
    let field = field(&scan, task);
    let letters = text.letters + request.context.as_deref().map_or(0.0, letters_estimated);
    let metrics = Metrics::of(&scan, task, field, openness_kind(kind, task), letters);
    let complexity = metrics.complexity();
    let by_rule = p_hard(complexity);
    let judgement = Judgement::of(&request.query, &scan, task, kind);
    let risk = metrics.price_of_error();
    let free_choice = free_choice(task, risk, by_rule, judgement.as_ref());
    let p_hard = judgement.as_ref().map_or(by_rule, Judgement::p_gain);
    let case = Case {
        request,
        text: &text,
        scan: &scan,
        task,
        field,
        kind,
        metrics,
        letters,
        free_choice,
        judgement: judgement.as_ref(),
    };
    TriageDecision {
        mode: match request.mode {
            ModeChoice::Auto => free_choice,
            ModeChoice::Express => Mode::Express,
            ModeChoice::Council => Mode::Council,
        },
        task_class: task.nature().name.to_owned(),
        domain: request.domain.clone().unwrap_or_else(|| field.map_or(Domain::GENERAL, Field::domain)),
        answer_type: kind.answer_type(),
        answer_kind: kind,
        risk,
        complexity,
        p_hard,
        metrics: metrics.named(),
        reasons: reasons(&case),
    }
}

/// A schema fixes the form of an answer, not its content: a design in JSON is as open as one in prose.
fn openness_kind(kind: AnswerKind, task: Task) -> AnswerKind {
    if kind == AnswerKind::Json && !task.may_be_closed() { AnswerKind::Text } else { kind }
}

fn free_choice(task: Task, risk: Risk, by_rule: f64, judgement: Option<&Judgement>) -> Mode {
    let council = match (risk, judgement) {
        (Risk::Low, Some(judgement)) => judgement.is_in_top_quarter() || by_rule >= RULES_CERTAIN,
        (Risk::Medium, Some(judgement)) => judgement.is_in_top_two_fifths() || by_rule >= RULES_CERTAIN,
        (Risk::Low, None) => by_rule >= 0.5,
        (Risk::Medium, None) => by_rule >= 0.4,
        (Risk::High, _) => !task.carries_over() || by_rule >= 0.5,
    };
    if council { Mode::Council } else { Mode::Express }
}

/// The task in force. A first word that carries a text over binds: what follows is material. Else the most demanding task that is asked for.
fn task(options: usize, scan: &Scan) -> Task {
    if scan.operations > 0 && scan.words <= ARITHMETIC_WORDS_MAX && scan.code_fences == 0 {
        return Task::Arithmetic;
    }
    let first = scan.tasks.iter().copied().find(|task| *task != Task::Chat);
    let Some(first) = first else {
        return default_task(scan);
    };
    if first.carries_over() {
        return first;
    }
    let demanding = scan
        .tasks
        .iter()
        .copied()
        .fold(first, |best, task| if task.nature().steps > best.nature().steps { task } else { best });
    // The options of a choice are not tasks, and a choice between them is no design.
    if options >= 2 {
        return if is_calculation(scan, Task::Fact) { Task::Calculation } else { Task::Question };
    }
    if is_calculation(scan, demanding) { Task::Calculation } else { demanding }
}

/// Whether a number is asked for and several are given.
fn is_calculation(scan: &Scan, task: Task) -> bool {
    task.may_be_closed() && scan.quantities > 0 && scan.numbers >= 2
}

/// The task of a text without any word that asks.
fn default_task(scan: &Scan) -> Task {
    match () {
        () if is_calculation(scan, Task::Question) => Task::Calculation,
        () if scan.code_fences > 0 => Task::Coding,
        () if scan.quantities > 0 || scan.polar > 0 || (scan.opens_polar && scan.questions == 1) => {
            Task::Fact
        }
        () if scan.words == 0 || (!scan.tasks.is_empty() && scan.questions == 0 && scan.words <= 12) => {
            Task::Chat
        }
        () => Task::Question,
    }
}
