//! What the learned model sees of a question: 75 numbers, and which words its stem and its options hold.
//!
//! Counts enter as ln(1 + count / scale). A feature's place in the table is its place in the weights: a change needs weights trained anew.

use super::{
    names::COUNT,
    tally::{Tally, Vocabulary, Words},
    tokens::{CAPITAL, Kind, Reading, Token},
    words::{HOW, WHAT, WHICH, WHO, WHY, hash},
};

/// The words of a section fall into two to this power of buckets.
pub(crate) const BUCKET_BITS: u32 = 15;

/// Similarities of at most this many options are taken, for there are as many of them as pairs.
const PAIRED_MAX: usize = 12;

/// What the model sees.
#[derive(Clone, Debug)]
pub(crate) struct Features {
    /// In the order of [`FEATURES`](super::names::FEATURES).
    pub(crate) dense: [f64; COUNT],
    /// The buckets of the stem's tokens, each once, ascending.
    pub(crate) stem: Vec<u16>,
    /// The buckets of the options' tokens, each once, ascending.
    pub(crate) options: Vec<u16>,
}

impl Features {
    pub(crate) fn of(text: &str) -> Self {
        let reading = Reading::of(text);
        let stem = Tally::of(reading.stem());
        let options = Tally::of(reading.options());
        let stem_words = Words::of(reading.stem());
        let words = Vocabulary::of(&stem_words);
        let all_words = if reading.options().is_empty() {
            words.clone()
        } else {
            Vocabulary::of(&stem_words.with(&Words::of(reading.options())))
        };
        let mut dense = [0.0; COUNT];
        let mut at = 0;
        let mut put = |values: &[f64]| {
            dense[at..at + values.len()].copy_from_slice(values);
            at += values.len();
        };
        put(&sizes(&reading, &stem));
        put(&wording(&stem, &words));
        put(&signs(&reading, &stem));
        put(&form(&reading, &stem));
        put(&choices(&reading, &options, &words));
        put(&whole(&reading, &stem.with(&options), &all_words));
        Self {
            dense,
            stem: buckets(reading.stem(), &STEM_NUMBERS),
            options: buckets(reading.options(), &OPTION_NUMBERS),
        }
    }
}

/// ln(1 + x).
fn log(x: f64) -> f64 {
    x.ln_1p()
}

fn logged(count: usize) -> f64 {
    (count as f64).ln_1p()
}

fn flag(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

fn sizes(reading: &Reading, stem: &Tally) -> [f64; 10] {
    let words = stem.words as f64;
    [
        log(reading.stem_chars as f64 / 20.0),
        log(words / 5.0),
        logged(reading.stem_sentences),
        log(words / reading.stem_sentences.max(1) as f64 / 5.0),
        logged(stem.numbers),
        stem.numbers as f64 / (stem.numbers + stem.words.max(1)) as f64,
        logged(distinct_numbers(reading.stem())),
        logged(stem.big),
        logged(stem.decimal),
        log((1.0 + reading.stem_value_max).log10()),
    ]
}

fn wording(stem: &Tally, words: &Vocabulary) -> [f64; 10] {
    let count = stem.words.max(1) as f64;
    [
        stem.letters as f64 / count,
        stem.long as f64 / count,
        logged(stem.longest),
        words.distinct.len() as f64 / count,
        stem.stop as f64 / count,
        log(words.content_distinct as f64 / 3.0),
        logged(stem.negations),
        logged(stem.comparisons),
        logged(stem.conditions),
        logged(stem.reckoning),
    ]
}

fn signs(reading: &Reading, stem: &Tally) -> [f64; 15] {
    let words = stem.words.max(1) as f64;
    [
        logged(stem.commas),
        logged(stem.operators),
        logged(stem.brackets),
        logged(stem.dollars + stem.backslashes + stem.scripts),
        logged(stem.dollars),
        logged(stem.percent_signs + stem.percent_words),
        logged(stem.quotes),
        logged(stem.colons),
        logged(stem.questions),
        flag(reading.has_blank),
        stem.capitals as f64 / words,
        logged(stem.acronyms),
        logged(stem.symbols),
        logged(reading.stem_breaks),
        log(reading.stem_foreign as f64 / 4.0),
    ]
}

const OF: u64 = hash(b"of");
const WHICH_OF: [u64; 4] = [hash(b"which"), OF, hash(b"the"), hash(b"following")];
const HOW_WORD: u64 = hash(b"how");
const MANY: u64 = hash(b"many");
const MUCH: u64 = hash(b"much");
const STATEMENT_ONE: [u64; 2] = [hash(b"statement"), hash(b"1")];
const II: [u64; 2] = [hash(b"ii"), hash(b".")];
const ALL: u64 = hash(b"all");
const NONE: u64 = hash(b"none");
const BOTH: u64 = hash(b"both");
const TRUE_FALSE: [u64; 3] = [hash(b"true"), hash(b","), hash(b"false")];

fn holds<const N: usize>(tokens: &[Token], phrase: &[u64; N]) -> bool {
    tokens.windows(N).any(|window| window.iter().zip(phrase).all(|(token, word)| token.hash == *word))
}

fn form(reading: &Reading, stem: &Tally) -> [f64; 9] {
    let tokens = reading.stem();
    let asks = |mark: u16| flag(stem.marks & mark != 0);
    let quantity =
        tokens.windows(2).any(|pair| pair[0].hash == HOW_WORD && matches!(pair[1].hash, MANY | MUCH));
    [
        asks(WHAT),
        asks(WHICH),
        asks(WHO),
        asks(WHY),
        asks(HOW),
        flag(stem.marks & WHICH != 0 && holds(tokens, &WHICH_OF)),
        flag(stem.marks & HOW != 0 && quantity),
        flag(holds(tokens, &STATEMENT_ONE) || holds(tokens, &II)),
        flag(reading.ends_asking),
    ]
}

fn choices(reading: &Reading, options: &Tally, words: &Vocabulary) -> [f64; 12] {
    let number = reading.choices.len();
    let count = number.max(1) as f64;
    let chars = reading.choices.iter().map(|choice| choice.chars as f64);
    let logs = || reading.choices.iter().map(|choice| logged(choice.chars));
    let mean = logs().sum::<f64>() / count;
    let variance = logs().map(|log| (log - mean).powi(2)).sum::<f64>() / count;
    let numeric = (0..number)
        .filter(|index| reading.choice(*index).iter().any(|token| token.kind == Kind::Number))
        .count();
    let (similar, in_stem) = likeness(reading, words);
    let pairs = |index: usize| reading.choice(index).windows(2);
    let of_all =
        |pair: &[Token]| (matches!(pair[0].hash, ALL | NONE) && pair[1].hash == OF) || pair[0].hash == BOTH;
    [
        flag(number >= 2),
        logged(number.saturating_sub(4)),
        log(chars.sum::<f64>() / count / 5.0),
        variance.sqrt(),
        numeric as f64 / count,
        options.long as f64 / options.words.max(1) as f64,
        similar,
        in_stem,
        flag((0..number).any(|index| pairs(index).any(of_all))),
        flag((0..number).any(|index| holds(reading.choice(index), &TRUE_FALSE))),
        logged(options.negations),
        logged(options.operators + options.backslashes),
    ]
}

/// How alike the options are (the mean Jaccard index of their tokens over the pairs), and what share of their tokens are words of the stem.
fn likeness(reading: &Reading, words: &Vocabulary) -> (f64, f64) {
    let mut sets: Vec<u64> = Vec::with_capacity(reading.options().len());
    let mut ends = Vec::with_capacity(reading.choices.len());
    for index in 0..reading.choices.len() {
        let start = sets.len();
        sets.extend(reading.choice(index).iter().map(|token| token.hash));
        sets[start..].sort_unstable();
        let mut kept = start;
        for at in start..sets.len() {
            if at == start || sets[at] != sets[kept - 1] {
                sets[kept] = sets[at];
                kept += 1;
            }
        }
        sets.truncate(kept);
        ends.push(kept);
    }
    let set = |index: usize| &sets[if index == 0 { 0 } else { ends[index - 1] }..ends[index]];
    let (mut likeness, mut pairs) = (0.0, 0.0);
    for one in 0..ends.len().min(PAIRED_MAX) {
        for two in 0..one {
            let common = common(set(one), set(two));
            likeness += common as f64 / (set(one).len() + set(two).len() - common).max(1) as f64;
            pairs += 1.0;
        }
    }
    let share = |index: usize| common(set(index), &words.distinct) as f64 / set(index).len().max(1) as f64;
    let shares: f64 = (0..ends.len()).map(share).sum();
    (if pairs > 0.0 { likeness / pairs } else { 0.0 }, shares / ends.len().max(1) as f64)
}

/// How many hashes two ascending lists have in common.
fn common(one: &[u64], two: &[u64]) -> usize {
    let (mut first, mut second, mut count) = (0, 0, 0);
    while let (Some(left), Some(right)) = (one.get(first), two.get(second)) {
        count += usize::from(left == right);
        first += usize::from(left <= right);
        second += usize::from(right <= left);
    }
    count
}

fn whole(reading: &Reading, all: &Tally, words: &Vocabulary) -> [f64; 19] {
    let separators = 1 + reading.choices.len().saturating_sub(1);
    let chars =
        reading.stem_chars + separators + reading.choices.iter().map(|choice| choice.chars).sum::<usize>();
    let count = all.words.max(1) as f64;
    let distinct = words.distinct.len();
    [
        log(chars as f64 / 20.0),
        log(all.words as f64 / 5.0),
        distinct as f64 / count,
        (count / distinct.max(1) as f64).ln(),
        log(words.content_distinct as f64 / 3.0),
        ((1 + words.content) as f64 / (1 + words.content_distinct) as f64).ln(),
        logged(words.content_most),
        logged(all.commas),
        all.stop as f64 / count,
        logged(all.negations),
        logged(all.comparisons),
        logged(all.conditions),
        logged(all.numbers),
        logged(distinct_numbers(reading.all())),
        log(all.signs as f64 / 2.0),
        all.long as f64 / count,
        logged(pairs_repeated(reading.all())),
        logged(all.persons),
        logged(names(reading.all())),
    ]
}

fn distinct_numbers(tokens: &[Token]) -> usize {
    let mut numbers: Vec<u64> =
        tokens.iter().filter(|token| token.kind == Kind::Number).map(|token| token.hash).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.len()
}

/// How many pairs of neighbours stood there before.
fn pairs_repeated(tokens: &[Token]) -> usize {
    let mut pairs: Vec<u64> = tokens
        .windows(2)
        .map(|pair| pair[0].hash.rotate_left(23).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ pair[1].hash)
        .collect();
    pairs.sort_unstable();
    pairs.windows(2).filter(|pair| pair[0] == pair[1]).count()
}

/// Words with a capital that begin no sentence.
fn names(tokens: &[Token]) -> usize {
    let is_name = |pair: &&[Token]| {
        let [before, word] = pair else { return false };
        word.kind == Kind::Word
            && word.marks & CAPITAL != 0
            && word.chars > 1
            && !matches!(before.kind, Kind::Sign('.' | '?' | '!' | ':'))
    };
    tokens.windows(2).filter(is_name).count()
}

/// Numbers of one, two, three and more characters.
const STEM_NUMBERS: [u64; 4] = [hash(b"0"), hash(b"00"), hash(b"000"), hash(b"0000")];
const OPTION_NUMBERS: [u64; 4] = [hash(b"0"); 4];

/// The buckets of the tokens; a number is its length only.
fn buckets(tokens: &[Token], numbers: &[u64; 4]) -> Vec<u16> {
    let bucket = |token: &Token| {
        let hash = match token.kind {
            Kind::Number => numbers[(token.chars as usize).clamp(1, 4) - 1],
            Kind::Word | Kind::Sign(_) => token.hash,
        };
        let folded = hash ^ (hash >> 32) ^ (hash >> 47);
        u16::try_from(folded & ((1 << BUCKET_BITS) - 1)).unwrap_or(0)
    };
    // A mark a bucket: with as many tokens as a question has this is less work than sorting.
    let mut marked = [0_u64; 1 << (BUCKET_BITS - 6)];
    for token in tokens {
        let bucket = usize::from(bucket(token));
        marked[bucket >> 6] |= 1 << (bucket & 63);
    }
    let mut buckets = Vec::with_capacity(tokens.len());
    for (at, marks) in marked.iter().enumerate() {
        let mut left = *marks;
        while left != 0 {
            let bucket = (at << 6) + left.trailing_zeros() as usize;
            buckets.extend(u16::try_from(bucket));
            left &= left - 1;
        }
    }
    buckets
}

#[cfg(test)]
mod tests {
    use super::{
        super::names::{FEATURES, place_of},
        Features,
    };

    fn feature(text: &str, name: &str) -> f64 {
        Features::of(text).dense[place_of(name).unwrap()]
    }

    /// ln(1 + x) of a count is read back.
    fn counted(text: &str, name: &str) -> f64 {
        feature(text, name).exp_m1().round()
    }

    #[test]
    fn each_name_stands_once() {
        for (place, (name, _)) in FEATURES.iter().enumerate() {
            assert_eq!(place_of(name), Some(place));
        }
    }

    #[test]
    fn counts_are_of_what_their_names_say() {
        let text = "Which of the following is not true, if Ada paid $1,250.50 or 20 percent (x^2)?\nA. 12 of them\nB) both of them, she said\nC. None of the above\nAnswer:";
        for (name, count) in [
            ("nums", 3.0),
            ("distinctnum", 3.0),
            ("bignum", 1.0),
            ("decimal", 1.0),
            ("neg", 1.0),
            ("cond", 1.0),
            ("comma", 1.0),
            ("dollar", 1.0),
            ("pct", 1.0),
            ("paren", 2.0),
            ("ops", 1.0),
            ("singlel", 1.0),
            ("qmark", 1.0),
            ("lines", 0.0),
            ("a_nums", 4.0),
            ("a_neg", 2.0),
            ("a_comma", 2.0),
            ("he", 3.0),
            ("caps_names", 2.0),
            ("optneg", 1.0),
        ] {
            assert!((counted(text, name) - count).abs() < 1e-9, "{name}: {}", counted(text, name));
        }
        for name in ["wh_which", "whichof", "endq", "hasopt", "allnone"] {
            assert!((feature(text, name) - 1.0).abs() < 1e-9, "{name}");
        }
        for name in ["wh_what", "howmany", "statements", "blank", "truefalse", "nopt"] {
            assert!(feature(text, name).abs() < 1e-9, "{name}");
        }
        assert!((feature(text, "optnum") - 1.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn a_chinese_question_has_as_many_words_as_characters() {
        let words = |text: &str| feature(text, "words").exp_m1() * 5.0;
        assert!((words("法国的首都是哪里？") - 8.0).abs() < 1e-9);
        assert!((words("東京 is large") - 4.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_at_all_is_described_by_finite_numbers() {
        for text in ["", "\n\n", "\0", "A. \nB. ", "?", "1.2.3", "½", "Answer:"] {
            assert!(Features::of(text).dense.iter().all(|value| value.is_finite()), "{text:?}");
        }
    }
}
