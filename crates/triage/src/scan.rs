//! One pass over the text: which cues it holds, and how it is built. Counts only; what they mean is decided elsewhere.

use crate::{
    lexicon::{Cue, cue_at},
    task::{Field, Task},
    text::is_ideograph,
};

/// How many cue words are kept for the reasons.
const WORDS_KEPT: usize = 3;

/// A word is shown with at most this many characters beyond its known beginning.
const WORD_CHARS_MAX: usize = 24;

/// What one pass found.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// Every task that is asked for, in the order of the text.
    pub(crate) tasks: Vec<Task>,
    /// Per field, in the order of [`Field::ALL`]: its cues.
    pub(crate) fields: [FieldCues; Field::ALL.len()],
    pub(crate) constraints: usize,
    pub(crate) vague: usize,
    pub(crate) sequence: usize,
    pub(crate) quantities: usize,
    pub(crate) polar: usize,
    /// Whether the text begins with a verb that asks for yes or no.
    pub(crate) opens_polar: bool,
    pub(crate) alternatives: usize,
    pub(crate) severe: Vec<String>,
    pub(crate) serious: Vec<String>,
    pub(crate) sentences: usize,
    pub(crate) questions: usize,
    pub(crate) list_items: usize,
    pub(crate) code_fences: usize,
    pub(crate) numbers: usize,
    /// Operators between two numbers, as in `2 + 2`.
    pub(crate) operations: usize,
    pub(crate) words: usize,
}

/// The cues of one field.
#[derive(Clone, Debug, Default)]
pub(crate) struct FieldCues {
    /// How often any was found, the same word counted once for each place.
    pub(crate) count: usize,
    /// The first few different ones.
    pub(crate) words: Vec<String>,
}

/// Where the reader stands: whether a verb here is the first of its clause.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clause {
    Start,
    Inside,
}

impl Scan {
    /// Reads `plain`, a text in the form of [`Text`](crate::text::Text).
    pub(crate) fn of(plain: &str) -> Self {
        let mut scan = Self::default();
        let mut clause = Clause::Start;
        let mut previous = '\n';
        let mut skip_until = 0;
        for (at, c) in plain.char_indices() {
            let inside_word = previous.is_alphanumeric() && !is_ideograph(c);
            if at >= skip_until && c.is_alphabetic() && !inside_word {
                let rest = &plain[at..];
                scan.words += 1;
                match cue_at(rest) {
                    Some(entry) => {
                        // Without spaces there is no telling where a clause begins.
                        let start = if is_ideograph(c) { Clause::Start } else { clause };
                        scan.note(entry.cue, found(rest, entry.text), start, at == 0);
                        clause = if entry.cue == Cue::Leader { clause } else { Clause::Inside };
                        skip_until = at + entry.text.len();
                    }
                    None => clause = Clause::Inside,
                }
            }
            match c {
                '.' | '!' | '?' | ';' | ':' | ',' | '\n' | '—' | '。' | '！' | '？' | '，' | '、' | '¿'
                | '¡' | '"' | '“' => {
                    clause = Clause::Start;
                }
                _ => {}
            }
            scan.shape(plain, at, c, previous);
            previous = c;
        }
        // A fence that is never closed still holds code.
        if plain.contains('`') {
            scan.code_fences = plain.matches("```").count().div_ceil(2);
        }
        scan
    }

    /// How many cues of `field` were found.
    pub(crate) fn cues_of(&self, field: Field) -> usize {
        let place = Field::ALL.iter().position(|known| *known == field);
        place.map_or(0, |at| self.fields[at].count)
    }

    fn note(&mut self, cue: Cue, word: &str, clause: Clause, opens: bool) {
        match cue {
            Cue::Ask(task) => self.tasks.push(task),
            Cue::Verb(task) if clause == Clause::Start => self.tasks.push(task),
            Cue::Verb(_) | Cue::Leader => {}
            Cue::Field(field) => {
                let Some(cues) =
                    Field::ALL.iter().position(|known| *known == field).map(|at| &mut self.fields[at])
                else {
                    return;
                };
                cues.count += 1;
                if cues.words.len() < WORDS_KEPT && !cues.words.iter().any(|known| known == word) {
                    cues.words.push(word.to_owned());
                }
            }
            Cue::Constraint => self.constraints += 1,
            Cue::Vague => self.vague += 1,
            Cue::Step => self.sequence += 1,
            Cue::Quantity => self.quantities += 1,
            Cue::Polar => self.polar += 1,
            Cue::PolarVerb => self.opens_polar |= opens,
            Cue::Or => self.alternatives += 1,
            Cue::Severe => self.severe.push(word.to_owned()),
            Cue::Serious => self.serious.push(word.to_owned()),
        }
    }

    /// Counts what is no word: sentences, questions, list items, numbers, operators.
    fn shape(&mut self, plain: &str, at: usize, c: char, previous: char) {
        if c.is_ascii_lowercase() || c == ' ' {
            return;
        }
        let rest = &plain[at + c.len_utf8()..];
        match c {
            '?' | '？' => self.questions += 1,
            '。' | '！' => self.sentences += 1,
            '.' | '!' if rest.is_empty() || rest.starts_with([' ', '\n']) => self.sentences += 1,
            '-' | '*' | '•' if previous == '\n' && rest.starts_with(' ') => self.list_items += 1,
            '0'..='9' if !previous.is_ascii_digit() && !matches!(previous, '.' | ',') => {
                self.numbers += 1;
                let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
                if previous == '\n' && after.starts_with([')', '.']) && after[1..].starts_with(' ') {
                    self.list_items += 1;
                }
            }
            '+' | '-' | '*' | '/' | '^' | '×' | '÷' | '−' | '%' => {
                let number_before =
                    plain[..at].trim_end().ends_with(|c: char| c.is_ascii_digit() || c == ')');
                let rest = if c == '%' { rest.trim_start().strip_prefix("of").unwrap_or("") } else { rest };
                let number_after = rest.trim_start().starts_with(|c: char| c.is_ascii_digit() || c == '(');
                self.operations += usize::from(number_before && number_after);
            }
            _ => {}
        }
    }
}

/// The whole word that `rest` begins with, of which the lexicon may know the beginning only.
fn found<'a>(rest: &'a str, known: &str) -> &'a str {
    let goes_on = |c: char| c.is_alphanumeric() && !is_ideograph(c);
    let more = rest[known.len()..]
        .chars()
        .take(WORD_CHARS_MAX)
        .take_while(|c| goes_on(*c))
        .map(char::len_utf8)
        .sum::<usize>();
    &rest[..known.len() + more]
}
