//! What form the answer has: by an exact rule where the question shows one, else a text.

use async_orchestrator_core::AnswerKind;

use crate::{
    scan::Scan,
    task::{Field, Task},
};

/// The form of the answer to a question without a schema of its own.
pub(crate) fn answer_kind(plain: &str, options: usize, scan: &Scan, task: Task) -> AnswerKind {
    if options >= 2 && !task.carries_over() {
        return AnswerKind::Choice;
    }
    // Whoever asks what a program yields speaks of code, which the scan has seen; the phrases are looked for only then.
    if scan.cues_of(Field::Software) > 0 && asks_what_a_program_yields(plain) {
        return AnswerKind::Literal;
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

/// What is asked of a program whose value is wanted, to the letter. Lower case.
const YIELDS: [&str; 5] =
    ["output of", "printed by", "returned by", "result of running", "result of executing"];
const PROGRAMS: [&str; 6] = ["code", "program", "function", "script", "snippet", "expression"];
const YIELDING: [&str; 3] = ["print", "return", "output"];

/// Whether the question is what a program prints or returns: "the output of this function", "what does the code print", "with a literal".
fn asks_what_a_program_yields(plain: &str) -> bool {
    if plain.contains("with a literal") {
        return true;
    }
    // A few words may stand between: "output of the following Python code".
    let near = |text: &str, names: &[&str]| {
        text.split([' ', '\n'])
            .take(6)
            .any(|word| names.contains(&word.trim_matches(|c: char| !c.is_alphabetic())))
    };
    let yields = YIELDS
        .iter()
        .any(|lead| plain.match_indices(lead).any(|(at, _)| near(&plain[at + lead.len()..], &PROGRAMS)));
    yields
        || plain.match_indices("what does").chain(plain.match_indices("what will")).any(|(at, lead)| {
            let rest = &plain[at + lead.len()..];
            near(rest, &PROGRAMS) && near(rest, &YIELDING)
        })
}

/// How many options from A on the question offers: `A)`, `(A)` anywhere, `A.` and `A:` at the beginning of a line.
pub(crate) fn options(plain: &str) -> usize {
    let mut expected = b'a';
    let mut from = 0;
    while let Some(at) = plain[from..].find(char::from(expected)).map(|found| from + found) {
        from = at + 1;
        let (before, rest) = (&plain[..at], &plain[from..]);
        let previous = before.chars().next_back().unwrap_or('\n');
        if previous.is_alphanumeric() {
            continue;
        }
        let listed = previous == '\n' && (rest.starts_with(". ") || rest.starts_with(": "));
        // f(a) is a call, not an option.
        let called = before.strip_suffix('(').is_some_and(|before| before.ends_with(char::is_alphanumeric));
        if (rest.starts_with(')') && matches!(previous, '(' | ' ' | '\n') && !called) || listed {
            expected += 1;
            if expected > b'z' {
                break;
            }
        }
    }
    usize::from(expected - b'a')
}
