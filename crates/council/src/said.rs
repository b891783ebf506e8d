//! Reads a closed answer out of a reply that has not the form that was asked for: an answer that can be read needs no second call.

use async_orchestrator_core::{AnswerKind, Proposal};
use async_orchestrator_tally::canonical_key;
use serde_json::Value;

use crate::{
    proposal::plain,
    reply::{self, Unreadable},
};

/// The fields in which models put their final answer, the most specific first.
const FIELDS: [&str; 3] = ["answer_key", "final_answer", "answer"];

/// The proposal in `text`, if its answer is a short one of `kind` that exact rules can read.
///
/// A JSON document with one of [`FIELDS`] says its answer there and nowhere else, also where it is no valid JSON: raw line ends in strings and
/// the backslashes of LaTeX are what models get wrong most often. Any other text says it where final answers stand: behind "The answer is",
/// in a box, on the last line.
pub(crate) fn closed_answer(kind: AnswerKind, text: &str) -> Option<Proposal> {
    if !kind.is_short() {
        return None;
    }
    let text = text.trim();
    let proposal = match field(text) {
        Some(key) => {
            // A program may well print nothing.
            let key =
                if kind == AnswerKind::Literal && key.trim().is_empty() { String::from("''") } else { key };
            let key = canonical_key(kind, &Proposal::short(key))?;
            Proposal { answer_key: Some(key), ..plain(text.to_owned()) }
        }
        // What was meant to be a document and gives no answer is cut.
        None if text.starts_with('{') || text.starts_with("```json") => return None,
        None => plain(text.to_owned()),
    };
    canonical_key(kind, &proposal).is_some().then_some(proposal)
}

/// A closed answer in words that no rule can read, such as "no solution" where a number was asked for: a document that says it in its field.
pub(crate) fn in_words(kind: AnswerKind, text: &str) -> Option<Proposal> {
    let said = field(text).filter(|said| kind.is_short() && !said.trim().is_empty());
    said.map(|_| plain(text.trim().to_owned()))
}

/// What the document in `text` gives as its answer.
fn field(text: &str) -> Option<String> {
    let strict = reply::find(text, |document| {
        let value = FIELDS.iter().find_map(|name| document.get(name).filter(|value| !value.is_null()));
        value.map(as_text).ok_or_else(|| Unreadable(String::from("no answer")))
    });
    // A tab or a form feed in a short answer was a command of LaTeX with one backslash: `\text`, `\frac`.
    let strict = strict.ok().filter(|text| !text.contains(['\u{8}', '\u{c}', '\t', '\r']));
    strict.or_else(|| FIELDS.iter().find_map(|name| loose(text, name)))
}

fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// So many of the last fields of one name are looked at, each up to so many bytes: a short answer is not longer, and what is not short is no key.
const FIELDS_LOOKED_AT: usize = 16;
const VALUE_BYTES_MAX: usize = 4_096;

/// The value of the last field called `name` in a document that is no valid JSON.
fn loose(text: &str, name: &str) -> Option<String> {
    let quoted = format!("\"{name}\"");
    text.rmatch_indices(&quoted).take(FIELDS_LOOKED_AT).find_map(|(at, _)| {
        let rest = &text[at + quoted.len()..];
        let value =
            rest[..rest.floor_char_boundary(VALUE_BYTES_MAX)].trim_start().strip_prefix(':')?.trim_start();
        if let Some(string) = value.strip_prefix('"') {
            return string_of(string);
        }
        let end = value.find(['}', '\n']).unwrap_or(value.len());
        let bare = value[..end].trim().trim_end_matches(',').trim();
        (!bare.is_empty() && bare != "null").then(|| bare.to_owned())
    })
}

/// The string that ends with the first quote behind which the field ends. Escapes that JSON does not know stand for themselves, and so do those that
/// are more likely the beginning of a command of LaTeX.
fn string_of(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' if ends_a_field(&text[at + 1..]) => return Some(out),
            '\\' => match chars.next()?.1 {
                escaped @ ('"' | '\\' | '/') => out.push(escaped),
                'n' => out.push('\n'),
                other => out.extend(['\\', other]),
            },
            other => out.push(other),
        }
    }
    None
}

fn ends_a_field(rest: &str) -> bool {
    let rest = rest.trim_start();
    rest.is_empty()
        || rest.starts_with('}')
        || rest.strip_prefix(',').is_some_and(|next| next.trim_start().starts_with('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: AnswerKind, text: &str, key: Option<&str>) {
        let read = closed_answer(kind, text);
        let found = read.as_ref().and_then(|proposal| canonical_key(kind, proposal));
        assert_eq!(found.as_deref(), key, "{text}");
    }

    #[test]
    fn an_answer_is_read_out_of_a_document_of_another_form() {
        use AnswerKind::{Choice, Literal, Number};
        check(Number, r#"{"reasoning": "6 times 7", "answer": "42"}"#, Some("42"));
        check(Number, "```json\n{\"reasoning\": \"so\", \"answer\": 1234.50}\n```", Some("1234.5"));
        check(Choice, "Sure:\n{\"explanation\": \"B) is wrong\", \"answer\": \"C\"}", Some("C"));
        check(Literal, r#"{"reasoning": "", "answer": "'hi'"}"#, Some("hi"));
        check(Literal, r#"{"answer": [1, 2]}"#, Some("[1,2]"));
        check(Literal, r#"{"reasoning": "nothing is printed", "answer": ""}"#, Some("''"));
        check(Number, r#"{"answer": "2\\sqrt{102}"}"#, Some("2√102"));
    }

    #[test]
    fn broken_json_still_says_its_answer() {
        use AnswerKind::{Literal, Number};
        check(
            Number,
            "{\n \"reasoning\": \"line one\nline two: \\(x = 3\\)\",\n \"answer\": \"3\"\n}",
            Some("3"),
        );
        check(Number, "{\"reasoning\": \"$\\frac{1}{2}$\", \"answer\": \"\\frac{1}{2}\"}", Some("0.5"));
        check(Number, "{\"reasoning\": \"a \\sqrt{2}\", \"answer\": 7,\n}", Some("7"));
        check(Literal, "{\"reasoning\": \"it's \\'x\\'\", \"answer\": \"'say \"hi\"'\"}", Some("say \"hi\""));
    }

    #[test]
    fn a_document_speaks_by_its_field_alone() {
        let text = r#"{"reasoning": "first I thought the answer is 5", "answer": "it depends on x and y"}"#;
        check(AnswerKind::Number, text, None);
        check(AnswerKind::Number, r#"{"reasoning": "the answer is 5, or 6, "#, None);
        check(AnswerKind::Number, r#"{"answer": null, "reasoning": "the answer is 5"}"#, None);
    }

    #[test]
    fn prose_is_read_where_final_answers_stand_and_open_questions_are_left_alone() {
        check(AnswerKind::Choice, "First A, no.\n\nAnswer: B", Some("B"));
        check(AnswerKind::Number, "Well.\nThe answer is \\boxed{12}.", Some("12"));
        check(AnswerKind::Choice, "It could be A or B.", None);
        assert_eq!(closed_answer(AnswerKind::Text, r#"{"answer": "42"}"#), None);
    }

    #[test]
    fn an_answer_in_words_is_kept_as_what_was_said() {
        let text = r#"{"reasoning": "it cannot be", "answer": "no solution"}"#;
        assert_eq!(closed_answer(AnswerKind::Number, text), None);
        assert_eq!(in_words(AnswerKind::Number, text).unwrap().answer, text);
        assert_eq!(in_words(AnswerKind::Number, r#"{"answer": " "}"#), None);
        assert_eq!(in_words(AnswerKind::Number, r#"{"reasoning": "it goes on"#), None);
        assert_eq!(in_words(AnswerKind::Text, text), None);
    }

    #[test]
    fn no_reply_makes_it_panic_or_run_on() {
        for text in ["", "\"answer\":", "{\"answer\": \"", "\"answer\": \"\\", "{\"answer\": \"é\\"] {
            check(AnswerKind::Number, text, None);
        }
        let long = "\"answer\": \"x ".repeat(100_000);
        check(AnswerKind::Number, &long, None);
    }
}
