//! A literal of a program, as an interpreter prints it: spelled exactly, but for the dressing around it and blanks that mean nothing.

use super::plain::KEY_CHARS_MAX;

/// Words that some languages spell otherwise.
const WORDS: [(&str, &str); 4] =
    [("true", "True"), ("false", "False"), ("null", "None"), ("undefined", "None")];

/// The empty text: without its quotes nothing would be left of it.
const EMPTY: &str = "''";

/// The literal in one spelling; `None` if there is none, or it is longer than a key may be.
///
/// A fence, backticks and one pair of quotes around the whole are taken away: `'hi'` and `hi` are the same text. The empty text keeps its quotes. Within brackets blanks between
/// tokens go, and strings stand in single quotes where they hold none. Case counts.
pub(super) fn canonical(text: &str) -> Option<String> {
    let text = undressed(text);
    if matches!(text, "''" | "\"\"") {
        return Some(String::from(EMPTY));
    }
    if text.is_empty() || text.chars().count() > KEY_CHARS_MAX {
        return None;
    }
    if text.starts_with(['[', '(', '{']) {
        return Some(compact(text));
    }
    let bare = unquoted(text);
    let known = WORDS.iter().find(|(word, _)| *word == bare).map(|(_, python)| *python);
    Some(known.unwrap_or(bare).to_owned())
}

/// `text` without white space, fences and backticks around it.
fn undressed(text: &str) -> &str {
    let mut text = text.trim();
    if let Some(inner) = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```")) {
        // The first line of a fence names a language.
        text = inner.split_once('\n').map_or(inner, |(_, rest)| rest).trim();
    }
    while let Some(inner) = text.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) {
        text = inner.trim();
    }
    text
}

/// `text` without one pair of equal quotes around the whole of it.
fn unquoted(text: &str) -> &str {
    let inner = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('\'').or_else(|| inner('"')).unwrap_or(text)
}

/// The literal without blanks between tokens, its strings in single quotes where that needs no escape.
fn compact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\'' | '"' => {
                let (string, ended) = string(&mut rest, c);
                let quote = if string.contains(['\'', '"', '\\']) { c } else { '\'' };
                out.push(quote);
                out.push_str(&string);
                if ended {
                    out.push(quote);
                }
            }
            c if c.is_whitespace() => {}
            c => out.push(c),
        }
    }
    out
}

/// What stands before the next `quote`, escapes as they are, and whether there is one.
fn string(rest: &mut std::str::Chars<'_>, quote: char) -> (String, bool) {
    let mut string = String::new();
    while let Some(c) = rest.next() {
        if c == quote {
            return (string, true);
        }
        string.push(c);
        if c == '\\' {
            string.extend(rest.next());
        }
    }
    (string, false)
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn one_literal_has_one_spelling() {
        for (texts, key) in [
            (&["[(4, 1), (2,3)]", " [(4,1),(2, 3)] ", "`[(4, 1), (2, 3)]`"][..], "[(4,1),(2,3)]"),
            (&["'hi there'", "\"hi there\"", "hi there", "```python\n'hi there'\n```"], "hi there"),
            (&["{\"a b\": 'c'}", "{'a b': \"c\"}"], "{'a b':'c'}"),
            (&["True", "true", "`true`"], "True"),
            (&["[\"it's\"]"], "[\"it's\"]"),
            (&["POO"], "POO"),
            (&["''", "\"\"", "`''`"], "''"),
        ] {
            for text in texts {
                assert_eq!(canonical(text).as_deref(), Some(key), "{text}");
                assert_eq!(canonical(key).as_deref(), Some(key), "{key} must stand for itself");
            }
        }
    }

    #[test]
    fn what_differs_stays_apart_and_what_is_none_has_no_key() {
        for (one, two) in [("poo", "POO"), ("'a'", "['a']"), ("[1, 2]", "(1, 2)"), ("[' a']", "['a']")] {
            assert_ne!(canonical(one), canonical(two));
        }
        assert_eq!(canonical(" \n"), None);
        assert_eq!(canonical(&"x".repeat(300)), None);
    }
}
