//! A number that no decimal and no fraction writes exactly: `2√3`, `7 + \sqrt{11}`, `\frac{\pi}{4}`, infinity. In one spelling; nothing is reckoned.

use crate::canonical::{plain::straight, reply::closed_by_brace};

/// No such answer is longer, in characters of its spelling.
const CHARS_MAX: usize = 64;

/// What makes an expression a number that is no decimal.
const IRRATIONAL: [&str; 5] = ["√", "π", "∞", "log", "ln"];

/// Words that may stand in an expression, beside single letters.
const FUNCTIONS: [&str; 5] = ["log", "ln", "sin", "cos", "tan"];

/// One spelling for each of these; what comes first is looked at first.
const SPELLINGS: [(&str, &str); 26] = [
    ("\\left", ""),
    ("\\right", ""),
    ("\\boxed", ""),
    ("\\mathrm", ""),
    ("\\text", ""),
    ("\\dfrac", "\\frac"),
    ("\\tfrac", "\\frac"),
    ("\\cdot", "*"),
    ("\\times", "*"),
    ("×", "*"),
    ("·", "*"),
    ("⋅", "*"),
    ("\\infty", "∞"),
    ("infinity", "∞"),
    ("\\sqrt", "√"),
    ("sqrt", "√"),
    ("\\pi", "π"),
    ("pi", "π"),
    ("\\log", "log"),
    ("\\ln", "ln"),
    ("\\sin", "sin"),
    ("\\cos", "cos"),
    ("\\tan", "tan"),
    ("\\,", ""),
    ("\\!", ""),
    ("\\;", ""),
];

/// The expression in one spelling; `None` if it is none, or needs none of the signs that make it more than a decimal.
pub(super) fn canonical(text: &str) -> Option<String> {
    if text.len() > 4 * CHARS_MAX {
        return None;
    }
    let mut text: String = text.chars().map(straight).flat_map(char::to_lowercase).collect();
    for (spelled, meaning) in SPELLINGS {
        if text.contains(spelled) {
            text = text.replace(spelled, meaning);
        }
    }
    let text = fractions(&text)?;
    let text: String = text
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '$' | '`' | '"' | '\''))
        .map(|c| match c {
            '{' | '[' => '(',
            '}' | ']' => ')',
            other => other,
        })
        .collect();
    let text = text.trim_end_matches(['.', ',', ';']);
    let text = text.rsplit_once('=').map_or(text, |(_, value)| value);
    let text = without_idle_signs(text);
    let is_number = IRRATIONAL.iter().any(|sign| text.contains(sign)) && is_expression(&text);
    (is_number && text.chars().count() <= CHARS_MAX).then_some(text)
}

/// `\frac{a}{b}` as `(a)/(b)`.
fn fractions(text: &str) -> Option<String> {
    let mut text = text.to_owned();
    while let Some((before, after)) = text.split_once("\\frac{") {
        let numerator = closed_by_brace(after)?;
        let after = after[numerator.len() + 1..].strip_prefix('{')?;
        let denominator = closed_by_brace(after)?;
        text = format!("{before}({numerator})/({denominator}){}", &after[denominator.len() + 1..]);
    }
    Some(text)
}

/// Without brackets around one number or letter, and without the sign of a product that is understood anyway.
fn without_idle_signs(text: &str) -> String {
    let mut out = text.to_owned();
    let mut from = 0;
    while let Some(open) = out.get(from..).and_then(|rest| rest.find('(')).map(|at| from + at) {
        let close = out[open..].find(')').map(|at| open + at);
        let inside = close.map_or("", |close| &out[open + 1..close]);
        let is_atom = inside.chars().all(|c| c.is_ascii_digit() || c == '.') || inside.chars().count() == 1;
        match close.filter(|_| is_atom && !inside.is_empty() && inside != "(") {
            Some(close) => {
                let next = out[close + 1..].chars().next();
                let digits = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
                // Neither "(2)3" nor "2(3)" must become 23.
                if digits(next) || (digits(out[..open].chars().next_back()) && digits(inside.chars().next()))
                {
                    from = close + 1;
                    continue;
                }
                out.replace_range(close..=close, "");
                out.replace_range(open..=open, "");
                from = open;
            }
            None => from = open + 1,
        }
    }
    for (sign, plain) in [("*√", "√"), ("*π", "π"), ("*(", "("), (")*", ")")] {
        out = out.replace(sign, plain);
    }
    out
}

/// Whether nothing but numbers, operators, single letters and known functions stand in `text`.
fn is_expression(text: &str) -> bool {
    let known = |c: char| {
        c.is_ascii_alphanumeric()
            || matches!(c, '√' | 'π' | '∞' | '+' | '-' | '*' | '/' | '^' | '(' | ')' | '.' | '_')
    };
    text.chars().all(known)
        && text
            .split(|c: char| !c.is_ascii_alphabetic())
            .all(|word| word.len() <= 1 || FUNCTIONS.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn one_expression_has_one_spelling() {
        for (texts, key) in [
            (&["2√3", "2\\sqrt{3}", "2*sqrt(3)", "$2\\cdot\\sqrt{3}$", "2 √(3)."][..], "2√3"),
            (&["7+\\sqrt{11}", "7 + √11", "x = 7+\\sqrt{11}"], "7+√11"),
            (&["\\frac{\\pi}{4}", "π/4", "pi/4", "\\dfrac{\\pi}{4}"], "π/4"),
            (&["∞", "infinity", "\\infty"], "∞"),
            (&["\\log_{2}{13}", "x=\\log_{2}(13)"], "log_2(13)"),
            (&["√(29+2√2)", "\\sqrt{29+2\\sqrt{2}}"], "√(29+2√2)"),
            (&["\\frac{2\\sqrt{3}}{3}"], "(2√3)/3"),
        ] {
            for text in texts {
                assert_eq!(canonical(text).as_deref(), Some(key), "{text}");
            }
            assert_eq!(canonical(key).as_deref(), Some(key), "{key} stands for itself");
        }
    }

    #[test]
    fn prose_plain_numbers_and_lists_are_none() {
        for text in [
            "42",
            "2x+1",
            "undefined",
            "about √2 or so",
            "√2, √3",
            "the root of 2",
            "",
            "\\frac{1",
            "√2 and √3",
        ] {
            assert_eq!(canonical(text), None, "{text}");
        }
    }
}
