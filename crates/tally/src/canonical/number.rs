//! A number in one spelling. Exact: digits are moved and dropped as text, nothing passes through a float.

mod decimal;
mod symbolic;

use decimal::Decimal;

use super::plain::{KEY_CHARS_MAX, bare, straight};

const WORDS: [&str; 21] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
];

const SCALES: [(&str, i64); 5] =
    [("hundred", 2), ("thousand", 3), ("million", 6), ("billion", 9), ("trillion", 12)];

/// A unit with one of these words would change the value or make it a range.
const NOT_IN_UNITS: [&str; 12] =
    ["and", "or", "to", "half", "plus", "minus", "times", "over", "dozen", "least", "most", "modulo"];

/// Letters that are numbers or unknowns, not units.
const NOT_UNITS: [&str; 10] = ["x", "y", "z", "n", "i", "e", "a", "b", "k", "π"];

/// The canonical form of the number that `text` is; `None` if it is none, or more than one.
pub(super) fn canonical(text: &str) -> Option<String> {
    if text.chars().count() > KEY_CHARS_MAX {
        return None;
    }
    numeric(text).or_else(|| symbolic::canonical(text))
}

fn numeric(text: &str) -> Option<String> {
    let plain = plain(text);
    let text = plain.rsplit_once('=').map_or(plain.as_str(), |(_, value)| value).trim();
    if let Some(value) = WORDS.iter().position(|word| *word == text) {
        return Some(value.to_string());
    }
    let (negative, text) = sign(text);
    let (value, rest) = magnitude(text)?;
    let (scale, rest) = scale(rest);
    is_unit(rest).then(|| value.shifted(scale)?.written(negative))?
}

/// `text` in plain characters and lower case, without dressing: LaTeX, emphasis, quotes, closing punctuation.
fn plain(text: &str) -> String {
    let mut plain: String = text
        .chars()
        .map(|c| match straight(c) {
            '\u{a0}' | '\u{2007}' | '\u{2009}' | '\u{202f}' | '\t' => ' ',
            '×' | '·' | '⋅' => '*',
            '⁄' | '∕' => '/',
            other => other,
        })
        .flat_map(char::to_lowercase)
        .collect();
    for (latex, meaning) in [
        ("\\dfrac", "\\frac"),
        ("\\tfrac", "\\frac"),
        ("\\boxed", ""),
        ("\\text", ""),
        ("\\mathrm", ""),
        ("\\left", ""),
        ("\\right", ""),
        ("^\\circ", "°"),
        ("^{\\circ}", "°"),
        ("\\cdot", "*"),
        ("\\times", "*"),
        ("\\%", "%"),
        ("\\$", "$"),
        ("{,}", ","),
        ("\\,", " "),
        ("\\!", ""),
        ("\\;", " "),
        ("\\ ", " "),
        ("\\(", ""),
        ("\\)", ""),
        ("\\[", ""),
        ("\\]", ""),
    ] {
        if plain.contains(latex) {
            plain = plain.replace(latex, meaning);
        }
    }
    plain = fraction_as_slash(&plain);
    plain.retain(|c| !matches!(c, '{' | '}'));
    bare(plain.trim_start_matches('#')).to_owned()
}

/// `\frac{a}{b}` as `a/b`.
fn fraction_as_slash(text: &str) -> String {
    let parts = text.split_once("\\frac{").and_then(|(before, after)| {
        let (numerator, after) = after.split_once('}')?;
        let (denominator, after) = after.strip_prefix('{')?.split_once('}')?;
        Some(format!("{before} {numerator}/{denominator}{after}"))
    });
    parts.unwrap_or_else(|| text.to_owned())
}

/// Whether the number is negative, and what follows sign and currency, which may stand in either order.
fn sign(text: &str) -> (bool, &str) {
    let mut negative = false;
    let mut signed = false;
    let mut rest = text.trim_start();
    loop {
        if let Some(after) = rest.strip_prefix(['-', '+']).filter(|_| !signed) {
            negative = rest.starts_with('-');
            signed = true;
            rest = after.trim_start();
        } else if let Some(after) = rest.strip_prefix(['$', '€', '£', '¥', '₹', '₽']) {
            rest = after.trim_start();
        } else if let Some(after) = rest.strip_prefix("us$") {
            rest = after.trim_start();
        } else {
            return (negative, rest);
        }
    }
}

/// The number without its sign, and what follows it.
fn magnitude(text: &str) -> Option<(Decimal, &str)> {
    let (value, rest) = grouped(text)?;
    let (value, rest) = with_exponent(value, rest)?;
    if let Some(after) = rest.trim_start().strip_prefix('/').map(str::trim_start)
        && after.starts_with(|c: char| c.is_ascii_digit())
    {
        let (denominator, rest) = grouped(after)?;
        return Some((value.over(&denominator)?, rest));
    }
    // "1 1/2": a whole number, a space, a fraction.
    if let Some((numerator, after)) = rest.strip_prefix(' ').and_then(|after| grouped(after.trim_start()))
        && let Some(after) = after.strip_prefix('/')
    {
        let (denominator, rest) = grouped(after)?;
        return Some((value.plus(&numerator.over(&denominator)?)?, rest));
    }
    Some((value, rest))
}

/// `e3`, `* 10^3`, `x 10^3` after a number.
fn with_exponent(value: Decimal, rest: &str) -> Option<(Decimal, &str)> {
    let trimmed = rest.trim_start();
    let power = rest.strip_prefix('e').or_else(|| {
        let after = trimmed.strip_prefix(['*', 'x'])?.trim_start();
        after.strip_prefix("10^").or_else(|| after.strip_prefix("10**"))
    });
    // "10^6" alone.
    let (value, power) = match (power, rest.strip_prefix('^')) {
        (Some(power), _) => (value, power),
        (None, Some(power)) if value.is_ten() => (Decimal::one(), power),
        (None, _) => return Some((value, rest)),
    };
    let digits = power.strip_prefix(['-', '+']).unwrap_or(power);
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    if end == 0 {
        // "5 eggs", "3 x 4": no exponent after all; the unit's rules judge the rest.
        return Some((value, rest));
    }
    let exponent: i64 = digits[..end].parse().ok().filter(|exponent| *exponent <= decimal::EXPONENT_MAX)?;
    let exponent = if power.starts_with('-') { -exponent } else { exponent };
    Some((value.shifted(exponent)?, &digits[end..]))
}

/// Digits with their separators, and what follows.
fn grouped(text: &str) -> Option<(Decimal, &str)> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut end = 0;
    // A separator belongs to the number only between digits, or as a point before the first.
    while digit(end)
        || (bytes.get(end).is_some_and(|byte| b",.' _".contains(byte))
            && digit(end + 1)
            && (end > 0 || bytes[end] == b'.')
            && (bytes[end] != b' ' || three_digits_only(bytes, end + 1)))
    {
        end += 1;
    }
    let (number, rest) = text.split_at(end);
    Some((Decimal::read(&ungrouped(number)?)?, rest))
}

/// Whether exactly three digits stand at `at`: only then a space groups thousands.
fn three_digits_only(bytes: &[u8], at: usize) -> bool {
    let digits = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let fraction_follows = bytes.get(at + digits) == Some(&b'/');
    digits == 3 && !fraction_follows
}

/// `number` with a point as its only separator; `None` if its separators follow no custom.
fn ungrouped(number: &str) -> Option<String> {
    let count = |separator: char| number.matches(separator).count();
    let decimal = match (number.rfind(','), number.rfind('.')) {
        (Some(comma), Some(point)) if comma > point => (count(',') == 1).then_some(Some(','))?,
        (Some(_), Some(_)) => (count('.') == 1).then_some(Some('.'))?,
        (Some(comma), None) => {
            let thousands = number.len() - comma == 4 && (1..=3).contains(&comma) && !number.starts_with('0');
            (count(',') == 1 && !thousands).then_some(',')
        }
        (None, Some(_)) => (count('.') == 1).then_some('.'),
        (None, None) => None,
    };
    let (whole, fraction) = match decimal {
        Some(separator) => number.rsplit_once(separator)?,
        None => (number, ""),
    };
    let separators: Vec<char> = whole.chars().filter(|c| !c.is_ascii_digit()).collect();
    let one_kind = separators.windows(2).all(|pair| pair[0] == pair[1]);
    let mut groups = whole.split([',', '.', '\'', ' ', '_']);
    let first = groups.next()?;
    let groups: Vec<&str> = groups.collect();
    // Thousands, or the Indian custom: twos before a last three.
    let sizes_fit = match groups.split_last() {
        None => true,
        Some((last, others)) => {
            let even =
                others.iter().all(|group| group.len() == 3) || others.iter().all(|group| group.len() == 2);
            last.len() == 3 && even && (1..=3).contains(&first.len())
        }
    };
    let plain_fraction = fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !(one_kind && sizes_fit && plain_fraction) {
        return None;
    }
    let whole: String = whole.chars().filter(char::is_ascii_digit).collect();
    Some(if fraction.is_empty() { whole } else { format!("{whole}.{fraction}") })
}

/// The power of ten of a word such as "million", and what follows it.
fn scale(rest: &str) -> (i64, &str) {
    let trimmed = rest.trim_start();
    let found = SCALES.iter().find_map(|(word, power)| {
        let after = trimmed.strip_prefix(word)?;
        (!after.starts_with(char::is_alphanumeric)).then_some((*power, after))
    });
    found.unwrap_or((0, rest))
}

/// Whether `rest` is no more than a unit: words without digits or operators.
fn is_unit(rest: &str) -> bool {
    let rest = rest.trim();
    let plain = |c: char| {
        c.is_alphabetic()
            || matches!(c, ' ' | '%' | '°' | '/' | '.' | '$' | '€' | '£' | '¥' | '₹' | '₽' | '²' | '³' | '\'')
    };
    rest.chars().all(plain)
        && !NOT_UNITS.contains(&rest)
        && !rest.starts_with('/')
        && !rest.split_whitespace().any(|word| NOT_IN_UNITS.contains(&word))
        && rest.split_whitespace().count() <= 4
}
