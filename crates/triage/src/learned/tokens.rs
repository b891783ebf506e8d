//! Cuts a question into words, numbers and signs in one pass, and tells its options from its stem.
//!
//! A word is a run of letters (a Chinese, Japanese or Korean character is a word of its own), a number a run of digits with points or commas
//! between them; whatever else is no blank is a sign. The work is bounded: at most the first 6 kB and the last 2 kB are read.

use std::borrow::Cow;

use super::words::{HASH_START, hash, hashed, marks};
use crate::text::is_ideograph;

const HEAD_BYTES: usize = 6 * 1024;
const TAIL_BYTES: usize = 2 * 1024;

/// A word that begins with a capital.
pub(crate) const CAPITAL: u16 = 1 << 13;
/// A word without a small letter and with a capital.
pub(crate) const UPPER: u16 = 1 << 14;
/// A number of at least three digits.
pub(crate) const BIG: u16 = 1;
/// A number with a point in it.
pub(crate) const DECIMAL: u16 = 2;

/// Larger numbers are all the same.
const VALUE_MAX: f64 = 1e9;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Word,
    Number,
    Sign(char),
}

/// A word, number or sign.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    /// Of its lower-case text.
    pub(crate) hash: u64,
    pub(crate) kind: Kind,
    /// Its length in characters.
    pub(crate) chars: u32,
    /// For a word what [`marks`] knows, [`CAPITAL`] and [`UPPER`]; for a number [`BIG`] and [`DECIMAL`].
    pub(crate) marks: u16,
}

/// An option of the question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice {
    first_token: usize,
    /// Its length in characters.
    pub(crate) chars: usize,
}

/// A question, cut up.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    tokens: Vec<Token>,
    stem_tokens: usize,
    pub(crate) choices: Vec<Choice>,
    /// Characters of the stem.
    pub(crate) stem_chars: usize,
    /// Line ends within the stem.
    pub(crate) stem_breaks: usize,
    /// Characters of the stem beyond ASCII.
    pub(crate) stem_foreign: usize,
    pub(crate) stem_sentences: usize,
    /// Whether the stem has a blank to be filled in: two underscores side by side.
    pub(crate) has_blank: bool,
    pub(crate) ends_asking: bool,
    /// The largest number of the stem, at most a thousand millions.
    pub(crate) stem_value_max: f64,
}

impl Reading {
    pub(crate) fn of(text: &str) -> Self {
        let text = clipped(text);
        let mut reading = Self { tokens: Vec::with_capacity(text.len() / 4 + 8), ..Self::default() };
        let mut stem_lines = 0_usize;
        for line in text.split('\n') {
            if let Some(rest) = option_of(line) {
                reading.choices.push(Choice { first_token: reading.tokens.len(), chars: count(rest) });
                scan(rest, &mut reading.tokens);
            } else if line.trim().eq_ignore_ascii_case("answer:") {
                // Asks a model to speak; no part of the question.
            } else if let Some(last) = reading.choices.last_mut() {
                last.chars += 1 + count(line);
                scan(line, &mut reading.tokens);
            } else {
                stem_lines += 1;
                reading.read_stem(line);
            }
        }
        reading.stem_breaks = stem_lines.saturating_sub(1);
        reading.stem_chars += reading.stem_breaks;
        reading
    }

    fn read_stem(&mut self, line: &str) {
        let value = scan(line, &mut self.tokens);
        self.stem_tokens = self.tokens.len();
        self.stem_value_max = self.stem_value_max.max(value.min(VALUE_MAX));
        let bytes = line.as_bytes();
        let chars = count(line);
        self.stem_chars += chars;
        if chars < bytes.len() {
            self.stem_foreign += line.chars().filter(|c| !c.is_ascii()).count();
        }
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'.' | b'!' | b'?' if line[at + 1..].chars().next().is_none_or(char::is_whitespace) => {
                    self.stem_sentences += 1;
                }
                b'_' if bytes.get(at + 1) == Some(&b'_') => self.has_blank = true,
                _ => {}
            }
        }
        let end = line.trim_end();
        if !end.is_empty() {
            self.ends_asking = end.ends_with('?');
        }
    }

    pub(crate) fn all(&self) -> &[Token] {
        &self.tokens
    }

    pub(crate) fn stem(&self) -> &[Token] {
        &self.tokens[..self.stem_tokens]
    }

    /// What follows the stem: the tokens of all options.
    pub(crate) fn options(&self) -> &[Token] {
        &self.tokens[self.stem_tokens..]
    }

    /// The tokens of option number `index`.
    pub(crate) fn choice(&self, index: usize) -> &[Token] {
        let end = self.choices.get(index + 1).map_or(self.tokens.len(), |next| next.first_token);
        &self.tokens[self.choices[index].first_token..end]
    }
}

/// The two ends of a long text, on lines of their own.
fn clipped(text: &str) -> Cow<'_, str> {
    if text.len() <= HEAD_BYTES + TAIL_BYTES {
        return Cow::Borrowed(text);
    }
    let head = &text[..text.floor_char_boundary(HEAD_BYTES)];
    let tail = &text[text.ceil_char_boundary(text.len() - TAIL_BYTES)..];
    Cow::Owned(format!("{head}\n{tail}"))
}

fn count(line: &str) -> usize {
    if line.is_ascii() { line.len() } else { line.chars().count() }
}

/// What stands behind a letter from A to J with a point or a bracket: `A. x`, `(b) x`.
fn option_of(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let mut bytes = line.strip_prefix('(').unwrap_or(line).bytes();
    let letter = bytes.next()?;
    if !matches!(letter, b'A'..=b'J' | b'a'..=b'j') || !matches!(bytes.next(), Some(b'.' | b')')) {
        return None;
    }
    let rest = &line[line.len() - bytes.len()..];
    rest.starts_with(char::is_whitespace).then(|| rest.trim_start())
}

/// Appends the tokens of `line`, and returns the largest number in it.
fn scan(line: &str, tokens: &mut Vec<Token>) -> f64 {
    let mut largest = 0.0_f64;
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let length = if c.is_whitespace() {
            c.len_utf8()
        } else if is_ideograph(c) && c.is_alphabetic() {
            tokens.push(Token { hash: hash_of(c), kind: Kind::Word, chars: 1, marks: 0 });
            c.len_utf8()
        } else if c.is_alphabetic() {
            word(rest, tokens)
        } else if c.is_numeric() && !is_ideograph(c) {
            let (length, value) = number(rest, tokens);
            largest = largest.max(value);
            length
        } else {
            tokens.push(Token { hash: hash_of(c), kind: Kind::Sign(c), chars: 1, marks: 0 });
            c.len_utf8()
        };
        rest = &rest[length..];
    }
    largest
}

fn hash_of(c: char) -> u64 {
    hash(c.encode_utf8(&mut [0; 4]).as_bytes())
}

/// Appends the word that `rest` begins with, and returns its length in bytes.
fn word(rest: &str, tokens: &mut Vec<Token>) -> usize {
    let bytes = rest.as_bytes();
    let (mut at, mut chars, mut hash) = (0, 0_u32, HASH_START);
    let (mut has_small, mut has_capital) = (false, false);
    while let Some(byte) = bytes.get(at) {
        if byte.is_ascii_alphabetic() {
            has_small |= byte.is_ascii_lowercase();
            has_capital |= byte.is_ascii_uppercase();
            hash = hashed(hash, byte.to_ascii_lowercase());
            at += 1;
        } else if byte.is_ascii() {
            break;
        } else {
            let Some(c) = rest[at..].chars().next().filter(|c| c.is_alphabetic() && !is_ideograph(*c)) else {
                break;
            };
            has_small |= c.is_lowercase();
            has_capital |= c.is_uppercase();
            for small in c.to_lowercase() {
                for byte in small.encode_utf8(&mut [0; 4]).bytes() {
                    hash = hashed(hash, byte);
                }
            }
            at += c.len_utf8();
        }
        chars += 1;
    }
    let begins_large = rest.chars().next().is_some_and(char::is_uppercase);
    let mut found = marks(hash);
    if begins_large {
        found |= CAPITAL;
    }
    if has_capital && !has_small {
        found |= UPPER;
    }
    tokens.push(Token { hash, kind: Kind::Word, chars, marks: found });
    at
}

/// Appends the number that `rest` begins with, and returns its length in bytes and its value; 0 where it has none, as `1.2.3`.
fn number(rest: &str, tokens: &mut Vec<Token>) -> (usize, f64) {
    let (mut at, mut chars, mut digits, mut points) = (0, 0_u32, 0_u32, 0_u32);
    let (mut value, mut scale, mut is_plain) = (0.0_f64, 1.0_f64, true);
    let mut hash = HASH_START;
    for c in rest.chars() {
        if c.is_numeric() && !is_ideograph(c) {
            digits += 1;
            match c.to_digit(10) {
                Some(digit) if points == 0 => value = (value * 10.0 + f64::from(digit)).min(1e15),
                Some(digit) => {
                    scale /= 10.0;
                    value += f64::from(digit) * scale;
                }
                None => is_plain = false,
            }
        } else if matches!(c, '.' | ',')
            && rest[at + 1..].chars().next().is_some_and(|next| next.is_numeric() && !is_ideograph(next))
        {
            points += u32::from(c == '.');
        } else {
            break;
        }
        for byte in c.encode_utf8(&mut [0; 4]).bytes() {
            hash = hashed(hash, byte);
        }
        at += c.len_utf8();
        chars += 1;
    }
    let marks = if digits >= 3 { BIG } else { 0 } | if points > 0 { DECIMAL } else { 0 };
    tokens.push(Token { hash, kind: Kind::Number, chars, marks });
    (at, if is_plain && points <= 1 { value } else { 0.0 })
}
