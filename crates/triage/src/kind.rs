//! What form the answer has: by an exact rule where the question shows one, else a text.

use async_orchestrator_core::AnswerKind;

use crate::{scan::Scan, task::Task};

/// The form of the answer to a question without a schema of its own.
pub(crate) fn answer_kind(plain: &str, scan: &Scan, task: Task) -> AnswerKind {
    if options(plain) >= 2 && !task.carries_over() {
        return AnswerKind::Choice;
    }
    if !task.may_be_closed() {
        return AnswerKind::Text;
    }
    // Several questions at once have no single exact answer.
    let one_question = scan.questions <= 1;
    if one_question && scan.alternatives == 0 && (scan.polar > 0 || (scan.opens_polar && scan.questions == 1))
    {
        return AnswerKind::Boolean;
    }
    // "True or false" offers its own alternative.
    if one_question && scan.polar > 0 {
        return AnswerKind::Boolean;
    }
    let number = scan.quantities > 0 || matches!(task, Task::Arithmetic | Task::Calculation);
    if one_question && number { AnswerKind::Number } else { AnswerKind::Text }
}

/// How many options from A on the question offers: `A)`, `(A)` anywhere, `A.` and `A:` at the beginning of a line.
pub(crate) fn options(plain: &str) -> usize {
    let mut expected = b'a';
    let mut previous = '\n';
    for (at, c) in plain.char_indices() {
        if c == char::from(expected) && !previous.is_alphanumeric() {
            let (before, rest) = (&plain[..at], &plain[at + 1..]);
            let listed = previous == '\n' && (rest.starts_with(". ") || rest.starts_with(": "));
            // f(a) is a call, not an option.
            let called =
                before.strip_suffix('(').is_some_and(|before| before.ends_with(char::is_alphanumeric));
            if (rest.starts_with(')') && matches!(previous, '(' | ' ' | '\n') && !called) || listed {
                expected += 1;
                if expected > b'z' {
                    break;
                }
            }
        }
        previous = c;
    }
    usize::from(expected - b'a')
}
