//! Counts over the tokens of a section: what is added up once serves many features.

use super::{
    tokens::{BIG, CAPITAL, DECIMAL, Kind, Token, UPPER},
    words::{COMPARISON, CONDITION, LETTER_WORD, NEGATION, PERCENT, PERSON, RECKONING, STOP},
};

/// A word of at least so many letters is long.
const LONG_FROM: u32 = 8;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) words: usize,
    pub(crate) letters: usize,
    pub(crate) long: usize,
    /// The length of the longest word.
    pub(crate) longest: usize,
    pub(crate) stop: usize,
    pub(crate) negations: usize,
    pub(crate) comparisons: usize,
    pub(crate) conditions: usize,
    pub(crate) reckoning: usize,
    pub(crate) persons: usize,
    pub(crate) percent_words: usize,
    /// Words that begin with a capital.
    pub(crate) capitals: usize,
    /// Words of at least two letters, all of them capitals.
    pub(crate) acronyms: usize,
    /// Single letters that are no words.
    pub(crate) symbols: usize,
    pub(crate) numbers: usize,
    pub(crate) big: usize,
    pub(crate) decimal: usize,
    pub(crate) signs: usize,
    pub(crate) commas: usize,
    pub(crate) operators: usize,
    pub(crate) brackets: usize,
    pub(crate) backslashes: usize,
    /// Signs of sub- and superscripts.
    pub(crate) scripts: usize,
    pub(crate) dollars: usize,
    pub(crate) percent_signs: usize,
    pub(crate) quotes: usize,
    pub(crate) colons: usize,
    pub(crate) questions: usize,
    /// The marks of all words together.
    pub(crate) marks: u16,
}

impl Tally {
    pub(crate) fn of(tokens: &[Token]) -> Self {
        let mut tally = Self::default();
        for token in tokens {
            match token.kind {
                Kind::Word => tally.word(token),
                Kind::Number => {
                    tally.numbers += 1;
                    tally.big += usize::from(token.marks & BIG != 0);
                    tally.decimal += usize::from(token.marks & DECIMAL != 0);
                }
                Kind::Sign(sign) => tally.sign(sign),
            }
        }
        tally
    }

    fn word(&mut self, token: &Token) {
        let has = |mark: u16| usize::from(token.marks & mark != 0);
        self.words += 1;
        self.letters += token.chars as usize;
        self.long += usize::from(token.chars >= LONG_FROM);
        self.longest = self.longest.max(token.chars as usize);
        self.stop += has(STOP);
        self.negations += has(NEGATION);
        self.comparisons += has(COMPARISON);
        self.conditions += has(CONDITION);
        self.reckoning += has(RECKONING);
        self.persons += has(PERSON);
        self.percent_words += has(PERCENT);
        self.capitals += has(CAPITAL);
        self.acronyms += usize::from(token.chars >= 2) * has(UPPER);
        self.symbols += usize::from(token.chars == 1) * (1 - has(LETTER_WORD));
        self.marks |= token.marks;
    }

    fn sign(&mut self, sign: char) {
        self.signs += 1;
        match sign {
            ',' => self.commas += 1,
            '^' => {
                self.operators += 1;
                self.scripts += 1;
            }
            '_' => self.scripts += 1,
            '+' | '-' | '*' | '/' | '=' | '<' | '>' | '|' => self.operators += 1,
            '(' | ')' | '[' | ']' | '{' | '}' => self.brackets += 1,
            '\\' => self.backslashes += 1,
            '$' => self.dollars += 1,
            '%' => self.percent_signs += 1,
            '"' | '“' | '”' | '\'' => self.quotes += 1,
            ':' | ';' => self.colons += 1,
            '?' => self.questions += 1,
            _ => {}
        }
    }

    /// Those counts of both sections that features of the whole text need.
    pub(crate) fn with(self, other: &Self) -> Self {
        Self {
            words: self.words + other.words,
            long: self.long + other.long,
            stop: self.stop + other.stop,
            negations: self.negations + other.negations,
            comparisons: self.comparisons + other.comparisons,
            conditions: self.conditions + other.conditions,
            persons: self.persons + other.persons,
            numbers: self.numbers + other.numbers,
            signs: self.signs + other.signs,
            commas: self.commas + other.commas,
            ..self
        }
    }
}

/// The different words of a text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vocabulary {
    /// Their hashes, ascending.
    pub(crate) distinct: Vec<u64>,
    /// Words that carry content, and how many different ones.
    pub(crate) content: usize,
    pub(crate) content_distinct: usize,
    /// How often the most frequent of them stands there.
    pub(crate) content_most: usize,
}

/// The words of a section, sorted, each with whether it carries content.
#[derive(Clone, Debug)]
pub(crate) struct Words(Vec<(u64, bool)>);

impl Words {
    pub(crate) fn of(tokens: &[Token]) -> Self {
        let words = tokens.iter().filter(|token| token.kind == Kind::Word);
        let mut words: Vec<(u64, bool)> = words.map(|token| (token.hash, token.marks & STOP == 0)).collect();
        words.sort_unstable();
        Self(words)
    }

    /// Those of both sections, sorted: what is in order already need not be sorted again.
    pub(crate) fn with(&self, other: &Self) -> Self {
        let (mut one, mut two) = (self.0.as_slice(), other.0.as_slice());
        let mut words = Vec::with_capacity(one.len() + two.len());
        while let ([first, rest @ ..], [second, others @ ..]) = (one, two) {
            if first <= second {
                words.push(*first);
                one = rest;
            } else {
                words.push(*second);
                two = others;
            }
        }
        words.extend_from_slice(one);
        words.extend_from_slice(two);
        Self(words)
    }
}

impl Vocabulary {
    pub(crate) fn of(Words(words): &Words) -> Self {
        let mut vocabulary = Self { distinct: Vec::with_capacity(words.len()), ..Self::default() };
        for same in words.chunk_by(|one, two| one == two) {
            let (hash, is_content) = same[0];
            vocabulary.distinct.push(hash);
            if is_content {
                vocabulary.content += same.len();
                vocabulary.content_distinct += 1;
                vocabulary.content_most = vocabulary.content_most.max(same.len());
            }
        }
        vocabulary
    }
}
