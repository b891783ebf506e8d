//! The part of a text that triage reads, in one plain form. The work is bounded however long the text is.

/// This much of the beginning is read.
const HEAD_BYTES: usize = 6 * 1024;

/// This much of the end is read: the question often follows what it is about.
const TAIL_BYTES: usize = 2 * 1024;

/// How much of a context is looked at to estimate its length in letters.
const SAMPLE_BYTES: usize = 1024;

/// How many Latin letters one Chinese, Japanese or Korean character counts for: about as much as they take in translation.
const LETTERS_PER_IDEOGRAPH: f64 = 3.0;

/// A text as the rules see it.
#[derive(Debug)]
pub(crate) struct Text {
    /// Lower case, runs of blanks as one, line ends kept, typographic apostrophes straight.
    pub(crate) plain: String,
    /// The length of the whole text in letters; an estimate where it was not read whole.
    pub(crate) letters: f64,
    /// Whether something in the middle was not read.
    pub(crate) cut: Cut,
}

/// Whether the whole text was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// It was.
    Whole,
    /// Only its head and its tail were.
    Middle,
}

impl Text {
    pub(crate) fn of(raw: &str) -> Self {
        let raw = raw.trim();
        if raw.len() <= HEAD_BYTES + TAIL_BYTES {
            return Self { plain: plain([raw]), letters: letters(raw), cut: Cut::Whole };
        }
        let head = &raw[..raw.floor_char_boundary(HEAD_BYTES)];
        let tail = &raw[raw.ceil_char_boundary(raw.len() - TAIL_BYTES)..];
        let read = (head.len() + tail.len()) as f64;
        let letters = (letters(head) + letters(tail)) * raw.len() as f64 / read;
        Self { plain: plain([head, tail]), letters, cut: Cut::Middle }
    }
}

/// The length of a text in letters, from a sample of its beginning.
pub(crate) fn letters_estimated(raw: &str) -> f64 {
    let sample = &raw[..raw.floor_char_boundary(SAMPLE_BYTES)];
    if sample.is_empty() { 0.0 } else { letters(sample) * raw.len() as f64 / sample.len() as f64 }
}

/// Whether a character is written without spaces between words.
pub(crate) const fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}')
}

fn letters(text: &str) -> f64 {
    if text.is_ascii() {
        return text.len() as f64;
    }
    text.chars().map(|c| if is_ideograph(c) { LETTERS_PER_IDEOGRAPH } else { 1.0 }).sum()
}

/// Appends `part`, which is ASCII, in the plain form: byte by byte, as most questions can be read.
fn push_ascii(plain: &mut String, part: &str) {
    let mut bytes = std::mem::take(plain).into_bytes();
    for byte in part.bytes() {
        match byte {
            b'\n' => bytes.push(b'\n'),
            b' ' | b'\t' | b'\r' | 0x0b | 0x0c => {
                if !matches!(bytes.last(), Some(b' ' | b'\n')) {
                    bytes.push(b' ');
                }
            }
            other => bytes.push(other.to_ascii_lowercase()),
        }
    }
    // What was text before and what is ASCII make text.
    *plain = String::from_utf8(bytes).unwrap_or_default();
}

fn plain<const N: usize>(parts: [&str; N]) -> String {
    let mut plain = String::with_capacity(parts.iter().map(|part| part.len() + 1).sum());
    for part in parts {
        if !plain.is_empty() {
            plain.push('\n');
        }
        if part.is_ascii() {
            push_ascii(&mut plain, part);
            continue;
        }
        for c in part.chars() {
            match c {
                'A'..='Z' => plain.push(c.to_ascii_lowercase()),
                '\n' => plain.push('\n'),
                '’' | '‘' => plain.push('\''),
                _ if c.is_whitespace() => {
                    if !plain.ends_with([' ', '\n']) {
                        plain.push(' ');
                    }
                }
                _ if c.is_ascii() || is_ideograph(c) => plain.push(c),
                _ => plain.extend(c.to_lowercase()),
            }
        }
    }
    plain
}
