//! Reckons the simple sums that stand in a text: number, operator, number, `=`, number.
//!
//! It never guesses: what belongs to a longer expression, and what cannot be read as a number, is not judged. A sum is called wrong only if it is
//! wrong in the English reading of its numbers (1,234.5) and in the continental one (1.234,5).

use super::{PROBLEM_CHARS_MAX, PROBLEMS_MAX};
use crate::proposal::shortened;

/// Whether the sums in `text` hold; `None` if there are none.
pub(super) fn check(text: &str) -> Option<Result<(), String>> {
    let sums = equations(text);
    if sums.is_empty() {
        return None;
    }
    let wrong = sums.iter().filter(|sum| !sum.holds).take(PROBLEMS_MAX);
    let wrong: Vec<String> = wrong.map(|sum| shortened(&sum.text, PROBLEM_CHARS_MAX)).collect();
    Some(if wrong.is_empty() { Ok(()) } else { Err(format!("does not hold: {}", wrong.join("; "))) })
}

/// A sum as it stands in a text: `12 x 4 = 48`.
#[derive(Debug, PartialEq)]
struct Equation {
    text: String,
    holds: bool,
}

/// The equations in `text` that have nothing beside them that belongs to a longer expression.
fn equations(text: &str) -> Vec<Equation> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    for (at, window) in tokens.windows(5).enumerate() {
        let [
            Token::Number(one),
            Token::Operator(operator),
            Token::Number(two),
            Token::Equals,
            Token::Number(result),
        ] = window
        else {
            continue;
        };
        let before = at.checked_sub(1).and_then(|before| tokens.get(before));
        let after = tokens.get(at + 5);
        // A word may lead to a sum. One that follows may change its sense: `7 + 8 = 3 mod 12`.
        let led = matches!(before, Some(Token::Operator(_) | Token::Other));
        let followed = matches!(after, Some(Token::Operator(_) | Token::Other | Token::Word));
        if led || followed {
            continue;
        }
        let readings = [Reading::English, Reading::Continental];
        let outcomes: Vec<bool> =
            readings.into_iter().filter_map(|reading| holds(reading, one, *operator, two, result)).collect();
        if !outcomes.is_empty() {
            let text = format!("{one} {} {two} = {result}", operator.sign());
            found.push(Equation { text, holds: outcomes.contains(&true) });
        }
    }
    found
}

fn holds(reading: Reading, one: &str, operator: Operator, two: &str, result: &str) -> Option<bool> {
    let (one, _) = reading.number(one)?;
    let (two, _) = reading.number(two)?;
    let (result, decimals) = reading.number(result)?;
    let value = operator.apply(one, two).filter(|value| value.is_finite())?;
    // A result is written with as many decimals as its author thought right: half a unit of the last one is let pass.
    let tolerance = 0.5 * 10f64.powi(-i32::from(decimals)) + value.abs() * 1e-9;
    Some((value - result).abs() <= tolerance)
}

/// Which mark separates thousands, and which one decimals.
#[derive(Clone, Copy, Debug)]
enum Reading {
    English,
    Continental,
}

impl Reading {
    /// The number with its count of decimals; `None` if its marks do not stand where this reading puts them.
    fn number(self, text: &str) -> Option<(f64, u8)> {
        let (thousands, decimal) = match self {
            Self::English => (',', '.'),
            Self::Continental => ('.', ','),
        };
        let (whole, part) = text.split_once(decimal).unwrap_or((text, ""));
        let mut groups = whole.split(thousands);
        let first = groups.next()?;
        let grouped = groups.clone().next().is_some();
        if (grouped && first.len() > 3) || groups.any(|group| group.len() != 3) {
            return None;
        }
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(part) {
            return None;
        }
        let value: f64 = format!("{}.{part}0", whole.replace(thousands, "")).parse().ok()?;
        value.is_finite().then(|| (value, u8::try_from(part.len()).unwrap_or(u8::MAX)))
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operator {
    Plus,
    Minus,
    Times,
    Over,
}

impl Operator {
    fn apply(self, one: f64, two: f64) -> Option<f64> {
        match self {
            Self::Plus => Some(one + two),
            Self::Minus => Some(one - two),
            Self::Times => Some(one * two),
            Self::Over => (two != 0.0).then(|| one / two),
        }
    }

    const fn sign(self) -> char {
        match self {
            Self::Plus => '+',
            Self::Minus => '-',
            Self::Times => 'x',
            Self::Over => '/',
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Token<'a> {
    /// Digits with points and commas between them.
    Number(&'a str),
    Operator(Operator),
    Equals,
    /// Something glued to the sum that makes it another one: a variable, a bracket, a power.
    Other,
    /// A word of the language around.
    Word,
    /// A boundary: ends of lines, punctuation.
    Gap,
}

/// Words that belong to the number after them.
const FUNCTIONS: [&str; 14] =
    ["sin", "cos", "tan", "cot", "log", "ln", "lg", "exp", "sqrt", "root", "max", "min", "mod", "minus"];

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c.is_ascii_digit() {
            let (number, after) = rest.split_at(number_length(rest));
            tokens.push(Token::Number(number));
            rest = after;
            continue;
        }
        let letters = rest.len() - rest.trim_start_matches(char::is_alphabetic).len();
        if letters > 0 && !is_times(&tokens, rest) {
            let (word, after) = rest.split_at(letters);
            let glued = after.starts_with(|c: char| c.is_ascii_digit())
                || text[..text.len() - rest.len()].ends_with(|c: char| c.is_ascii_digit());
            let variable = word.chars().nth(1).is_none() || FUNCTIONS.contains(&word.to_lowercase().as_str());
            tokens.push(if glued || variable { Token::Other } else { Token::Word });
            rest = after;
            continue;
        }
        let token = match c {
            '+' => Some(Token::Operator(Operator::Plus)),
            '-' | '\u{2212}' => Some(Token::Operator(Operator::Minus)),
            'x' | '*' | '\u{d7}' => Some(Token::Operator(Operator::Times)),
            '/' | '\u{f7}' => Some(Token::Operator(Operator::Over)),
            '=' => Some(Token::Equals),
            '^' | '(' | ')' | '%' | '{' | '}' | '\\' | '_' => Some(Token::Other),
            ' ' | '\t' | '$' => None,
            _ => Some(Token::Gap),
        };
        tokens.extend(token);
        rest = &rest[c.len_utf8()..];
    }
    tokens
}

/// Whether the letter at the start of `rest` is the sign between two numbers.
fn is_times(before: &[Token<'_>], rest: &str) -> bool {
    let between = rest
        .strip_prefix('x')
        .is_some_and(|after| after.trim_start().starts_with(|c: char| c.is_ascii_digit()));
    between && matches!(before.last(), Some(Token::Number(_)))
}

/// The length of the number at the start of `text`: digits, and marks that a digit follows.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let inside = |at: &usize| digit(*at) || (matches!(bytes.get(*at), Some(b',' | b'.')) && digit(at + 1));
    (0..bytes.len()).take_while(inside).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str) -> Vec<bool> {
        equations(text).iter().map(|equation| equation.holds).collect()
    }

    #[test]
    fn sums_in_a_text_are_reckoned() {
        assert_eq!(holds("So 12 x 4 = 48, and 48 + 1 = 50."), [true, false]);
        assert_eq!(holds("1,200 / 7 = 171.43; 2 \u{d7} 3 = 6"), [true, true]);
        assert_eq!(holds("10 / 4 = 2.4"), [false]);
        assert_eq!(holds("The sum is 3x5 = 15."), [true]);
        // A part of a longer expression is not judged, nor is anything with variables, powers or percentages.
        for text in [
            "2 + 3 + 4 = 9",
            "x + 2 = 5",
            "2 + 3 = 5x",
            "2^3 = 8",
            "10% + 5 = 15",
            "(1 + 2) * 3 = 9",
            "v1.2-3 = 4",
            "3 / 0 = 1",
            "7 + 8 = 3 (mod 12)",
            "7 + 8 = 3 mod 12",
            "log 10 + 1 = 2",
            "1.2.3 + 1 = 2",
        ] {
            assert_eq!(holds(text), Vec::<bool>::new(), "{text}");
        }
    }

    #[test]
    fn a_sum_is_wrong_only_if_it_is_wrong_in_both_readings() {
        assert_eq!(holds("0,5 + 0,5 = 1"), [true]);
        assert_eq!(holds("1.200 + 300 = 1.500"), [true]);
        assert_eq!(holds("1.234,5 - 0,5 = 1.234"), [true]);
        assert_eq!(holds("0,5 + 0,5 = 2"), [false]);
        assert_eq!(holds("1.5 + 1.5 = 4"), [false]);
    }

    #[test]
    fn a_number_beyond_all_reckoning_is_not_judged() {
        let huge = "9".repeat(400);
        assert_eq!(check(&format!("{huge} + 1 = {huge}")), None);
    }

    #[test]
    fn a_long_text_of_wrong_sums_is_told_in_short() {
        let Some(Err(problem)) = check(&"1 + 1 = 3; ".repeat(200_000)) else {
            panic!("all of them are wrong")
        };
        assert!(problem.len() < 300, "{}", problem.len());
    }
}
