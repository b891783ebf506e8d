//! Finds cue words: which of the known words and phrases a text continues with.
//!
//! What the words mean stands in the table; what follows from them is decided elsewhere.

mod table;

use std::sync::LazyLock;

use crate::{
    task::{Field, Task},
    text::is_ideograph,
};

/// What a word tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cue {
    /// Asks for a task wherever it stands.
    Ask(Task),
    /// Asks for a task as the verb of a clause: "design a ...", not "the design of ...".
    Verb(Task),
    /// After this word a verb is still the first of its clause ("please", "and").
    Leader,
    /// Belongs to a field.
    Field(Field),
    /// Names a condition that the answer must meet.
    Constraint,
    /// A wish without a measure ("best", "modern").
    Vague,
    /// A word of sequence.
    Step,
    /// Asks for a number.
    Quantity,
    /// Asks for yes or no.
    Polar,
    /// Asks for yes or no as the first word of a question.
    PolarVerb,
    /// Offers an alternative: then yes or no is no answer.
    Or,
    /// Health, life or freedom hang on it.
    Severe,
    /// Money, law, health or safety are touched.
    Serious,
}

/// A known word or phrase.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) text: &'static str,
    pub(crate) cue: Cue,
    ending: Ending,
    /// The longest other entry with which this one begins.
    parent: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// The word ends here.
    Exact,
    /// The word may go on ("architect" finds "architecture").
    Open,
}

#[derive(Debug)]
struct Lexicon {
    /// Sorted by text.
    entries: Vec<Entry>,
    /// The first eight bytes of each entry: close together, so that the search touches little memory.
    keys: Vec<u64>,
    /// Where the entries begin that start with each byte or a later one, and behind them the end.
    starts: [usize; 257],
    /// A mark for each beginning of three bytes that some entry has, by a hash, and for each of one or two bytes with any third: most words begin like none.
    beginnings: Vec<bool>,
}

static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| Lexicon::new(table::TABLE));

/// The longest known word or phrase that `rest`, from the beginning of a word on, continues with.
pub(crate) fn cue_at(rest: &str) -> Option<&'static Entry> {
    LEXICON.find(rest)
}

impl Lexicon {
    fn new(table: &[(Cue, &'static str)]) -> Self {
        let words = table.iter().flat_map(|(cue, words)| words.split('|').map(|word| (*cue, word.trim())));
        let mut entries: Vec<Entry> = words
            .map(|(cue, word)| match word.strip_suffix('*') {
                Some(stem) => Entry { text: stem, cue, ending: Ending::Open, parent: None },
                None => Entry { text: word, cue, ending: Ending::Exact, parent: None },
            })
            .collect();
        entries.sort_by_key(|entry| entry.text);
        // A prefix sorts before what begins with it, so each parent is among the entries before, or is one of theirs.
        for index in 1..entries.len() {
            let mut parent = Some(index - 1);
            while let Some(candidate) = parent {
                if entries[index].text.starts_with(entries[candidate].text) {
                    break;
                }
                parent = entries[candidate].parent;
            }
            entries[index].parent = parent;
        }
        let keys: Vec<u64> = entries.iter().map(|entry| key(entry.text)).collect();
        let first = |entry: &Entry| entry.text.bytes().next().map_or(0, usize::from);
        let starts = std::array::from_fn(|byte| entries.partition_point(|entry| first(entry) < byte));
        let mut beginnings = vec![false; BEGINNINGS];
        let any = || 0..=u8::MAX;
        for entry in &entries {
            match *entry.text.as_bytes() {
                [one, two, three, ..] => beginnings[beginning(one, two, three)] = true,
                [one, two] => {
                    for three in any() {
                        beginnings[beginning(one, two, three)] = true;
                    }
                }
                [only] => {
                    for (two, three) in any().flat_map(|two| any().map(move |three| (two, three))) {
                        beginnings[beginning(only, two, three)] = true;
                    }
                }
                [] => {}
            }
        }
        Self { entries, keys, starts, beginnings }
    }

    fn find(&self, rest: &str) -> Option<&Entry> {
        // What begins otherwise is no beginning of the text.
        let bytes = rest.as_bytes();
        let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
        let first = *bytes.first()?;
        if !self.beginnings[beginning(first, byte(1), byte(2))] {
            return None;
        }
        let first = usize::from(first);
        let (from, to) = (self.starts[first], self.starts[first + 1]);
        let wanted = key(rest);
        let before = self.keys[from..to].partition_point(|key| *key <= wanted);
        let mut candidate = before.checked_sub(1).map(|last| from + last);
        while let Some(index) = candidate {
            let entry = &self.entries[index];
            if let Some(after) = rest.strip_prefix(entry.text) {
                if entry.ends_before(after) {
                    return Some(entry);
                }
                candidate = entry.parent;
            } else if self.keys[index] == wanted && index > 0 {
                // The same eight bytes, then something else: what the text begins with may stand before.
                candidate = Some(index - 1);
            } else {
                candidate = entry.parent;
            }
        }
        None
    }
}

/// The places in the table of beginnings: few enough to stay close at hand.
const BEGINNINGS: usize = 1 << 15;

/// The place of three bytes in that table.
fn beginning(one: u8, two: u8, three: u8) -> usize {
    // Letters differ in their last five bits.
    let bits = |byte: u8| usize::from(byte & 31);
    bits(one) | bits(two) << 5 | bits(three) << 10
}

/// The first eight bytes as a number that sorts as they do; zeros where there are fewer.
fn key(text: &str) -> u64 {
    match text.as_bytes().first_chunk::<8>() {
        Some(eight) => u64::from_be_bytes(*eight),
        None => text.bytes().enumerate().fold(0, |key, (at, byte)| key | u64::from(byte) << (56 - 8 * at)),
    }
}

impl Entry {
    fn ends_before(&self, after: &str) -> bool {
        let spaceless = self.text.chars().next_back().is_some_and(is_ideograph);
        self.ending == Ending::Open || spaceless || !after.starts_with(char::is_alphanumeric)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Cue, LEXICON, Lexicon, cue_at, table::TABLE};
    use crate::task::Task;

    #[test]
    fn no_word_stands_twice_and_all_are_in_the_form_that_is_searched() {
        let mut seen = BTreeSet::new();
        for entry in &LEXICON.entries {
            assert!(seen.insert(entry.text), "`{}` stands twice", entry.text);
            assert_eq!(entry.text, entry.text.to_lowercase());
            assert!(!entry.text.is_empty() && !entry.text.contains("  "));
            let found = cue_at(entry.text).unwrap();
            assert_eq!(found.text, entry.text, "every entry finds itself");
        }
        assert!(TABLE.len() > 30 && LEXICON.entries.len() > 500);
    }

    #[test]
    fn the_longest_entry_that_ends_with_the_word_is_found() {
        let lexicon =
            Lexicon::new(&[(Cue::Step, "a*|alpha|alpha beta"), (Cue::Ask(Task::Fact), "alphabet soup|设计")]);
        let found = |text: &str| lexicon.find(text).map(|entry| entry.text);
        assert_eq!(found("alpha beta gamma"), Some("alpha beta"));
        assert_eq!(found("alpha gamma"), Some("alpha"));
        assert_eq!(found("alphas"), Some("a"));
        assert_eq!(found("alphabet"), Some("a"));
        assert_eq!(found("azure"), Some("a"));
        assert_eq!(found("设计一个"), Some("设计"));
        assert_eq!(found("beta"), None);
        assert_eq!(found("alphabet soup"), Some("alphabet soup"));
        assert_eq!(found("alphabet song"), Some("a"));
        assert_eq!(found(""), None);
    }
}
