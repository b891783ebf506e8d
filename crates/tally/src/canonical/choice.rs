//! A choice among lettered options: one letter, however it is dressed.

use super::plain::straight;

/// Words that may stand before the letter. Lower case; the longest come first where one begins another.
const LEADS: [&str; 19] = [
    "the final answer is",
    "the correct option is",
    "the correct choice is",
    "the correct answer is",
    "the answer is",
    "correct answer",
    "final answer",
    "answer is",
    "answer",
    "option",
    "choice",
    "antwort",
    "réponse",
    "respuesta",
    "opción",
    "ответ",
    "答案是",
    "答案",
    "答え",
];

/// The letter in upper case; `None` for anything but one letter, alone or before a bracket, point, colon, comma or dash.
pub(super) fn letter(text: &str) -> Option<String> {
    let text: String = text.trim().chars().map(straight).collect();
    let (letter, rest) = leading_letter(&text)?;
    let ambiguous = second_choice(rest).and_then(leading_letter).is_some_and(|(other, _)| other != letter);
    (!ambiguous).then(|| letter.to_string())
}

/// What follows a joint such as those in "A, C", "A) or B)", "(A)(B)"; an option's own text ("A) x") follows none.
fn second_choice(rest: &str) -> Option<&str> {
    let rest = rest.trim_start_matches([')', ']', '}', '.', '*', '_', '`', '"', '\'', '$', ' ', '\n']);
    [",", ";", "/", "&", "(", "and ", "or "].iter().find_map(|joint| rest.strip_prefix(joint))
}

/// The letter that `text` begins with, and what follows it.
fn leading_letter(text: &str) -> Option<(char, &str)> {
    let mut rest = undressed(text);
    while let Some(shorter) = LEADS.iter().find_map(|lead| without_lead(rest, lead)) {
        rest = undressed(shorter);
    }
    let mut chars = rest.chars();
    let letter = chars.next().filter(char::is_ascii_alphabetic)?;
    let rest = chars.as_str();
    let ends = match rest.chars().next() {
        None => true,
        Some(next) => matches!(
            next,
            ')' | ']' | '}' | '.' | ':' | ',' | ';' | '*' | '_' | '`' | '"' | '\'' | '\n' | '$'
        ),
    };
    // "B - Paris": a dash needs its space, or "e-mail" would choose E.
    (ends || rest.starts_with(" -") || rest.trim().is_empty()).then_some((letter.to_ascii_uppercase(), rest))
}

/// `text` without brackets, quotes, emphasis and LaTeX around its beginning.
fn undressed(text: &str) -> &str {
    let mut rest = text;
    loop {
        let shorter = rest
            .trim_start_matches(|c: char| {
                c.is_whitespace()
                    || matches!(c, '(' | '[' | '{' | '*' | '_' | '`' | '"' | '\'' | ':' | '$' | '#')
            })
            .trim_start_matches("\\boxed")
            .trim_start_matches("\\text")
            .trim_start_matches("\\mathrm")
            .trim_start_matches("\\(");
        if shorter.len() == rest.len() {
            return rest;
        }
        rest = shorter;
    }
}

fn without_lead<'a>(text: &'a str, lead: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(lead.len())?;
    // A longer word that only begins like this one is no lead.
    (head.to_lowercase() == lead && !rest.starts_with(|c: char| c.is_ascii_alphanumeric())).then_some(rest)
}
