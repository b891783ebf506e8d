//! Yes or no, in the words of ten languages.

use super::plain::straight;

const YES: [&str; 26] = [
    "yes",
    "true",
    "correct",
    "right",
    "y",
    "ja",
    "wahr",
    "richtig",
    "oui",
    "vrai",
    "sí",
    "si",
    "verdadero",
    "sim",
    "verdadeiro",
    "vero",
    "да",
    "верно",
    "правда",
    "是",
    "是的",
    "对",
    "对的",
    "正确",
    "はい",
    "正しい",
];

const NO: [&str; 23] = [
    "no",
    "false",
    "incorrect",
    "wrong",
    "n",
    "nein",
    "falsch",
    "non",
    "faux",
    "falso",
    "não",
    "nee",
    "нет",
    "неверно",
    "неправда",
    "否",
    "不是",
    "不",
    "错",
    "错误",
    "不正确",
    "いいえ",
    "正しくない",
];

/// `yes` or `no`; `None` unless the text is one of the words, alone or before punctuation.
pub(super) fn yes_or_no(text: &str) -> Option<String> {
    let text: String = text.chars().map(straight).flat_map(char::to_lowercase).collect();
    let around = |c: char| {
        c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '*' | '_' | '(' | '[' | '\\' | '{' | '$')
    };
    let text = text.trim_start_matches(around);
    let text = text.strip_prefix("boxed{").unwrap_or(text).trim_start_matches(around);
    let text = text.strip_prefix("text{").unwrap_or(text).trim_start_matches(around);
    let end = text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    // "no doubt", "yes/no" and "no-one" say neither: what follows the word must be closing punctuation.
    let closing = |c: char| {
        matches!(
            c,
            '.' | ',' | ';' | ':' | '!' | '?' | ')' | ']' | '}' | '*' | '_' | '`' | '"' | '。' | '、' | '\n'
        )
    };
    if !(rest.trim().is_empty() || rest.starts_with(closing) || rest.starts_with(" -")) {
        return None;
    }
    let answer = if YES.contains(&word) { "yes" } else { NO.contains(&word).then_some("no")? };
    Some(answer.to_owned())
}
