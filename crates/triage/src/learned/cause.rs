//! What a person would call the features: the names in reasons.

use std::fmt;

/// A group of features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Cause {
    /// How long the question is.
    Length,
    /// How many numbers there are, and how large.
    Numbers,
    /// Which words there are: long ones, common ones, words of a subject.
    Wording,
    /// Words that come again.
    Repetition,
    /// Not, except, without.
    Negations,
    /// More, twice, half.
    Comparisons,
    /// If, when, after.
    Conditions,
    /// Signs of mathematics.
    Formulas,
    /// Commas, colons, quotations.
    Punctuation,
    /// Persons and words with capitals.
    Names,
    /// What kind of question it is.
    Form,
    /// The options to choose from.
    Options,
}

impl Cause {
    /// Every group.
    pub const ALL: [Self; 12] = [
        Self::Length,
        Self::Numbers,
        Self::Wording,
        Self::Repetition,
        Self::Negations,
        Self::Comparisons,
        Self::Conditions,
        Self::Formulas,
        Self::Punctuation,
        Self::Names,
        Self::Form,
        Self::Options,
    ];

    /// Its place in [`ALL`](Self::ALL).
    pub(crate) const fn place(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Length => "length",
            Self::Numbers => "numbers",
            Self::Wording => "wording",
            Self::Repetition => "repetition",
            Self::Negations => "negations",
            Self::Comparisons => "comparisons",
            Self::Conditions => "conditions",
            Self::Formulas => "formulas",
            Self::Punctuation => "punctuation",
            Self::Names => "names",
            Self::Form => "kind of question",
            Self::Options => "options",
        })
    }
}
