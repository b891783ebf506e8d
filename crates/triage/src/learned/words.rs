//! The English words that the features count, and hashes of words.
//!
//! The lists are short and closed: they are part of the weights' format, so a change of them needs weights trained anew.

use std::sync::LazyLock;

/// So common that it says nothing of the subject.
pub(crate) const STOP: u16 = 1;
/// Turns a statement round.
pub(crate) const NEGATION: u16 = 1 << 1;
/// Compares, divides or multiplies quantities.
pub(crate) const COMPARISON: u16 = 1 << 2;
/// Sets a condition or an order.
pub(crate) const CONDITION: u16 = 1 << 3;
/// Belongs to reckoning.
pub(crate) const RECKONING: u16 = 1 << 4;
/// Stands for a person.
pub(crate) const PERSON: u16 = 1 << 5;
pub(crate) const WHAT: u16 = 1 << 6;
pub(crate) const WHICH: u16 = 1 << 7;
/// Who, where or when.
pub(crate) const WHO: u16 = 1 << 8;
pub(crate) const WHY: u16 = 1 << 9;
pub(crate) const HOW: u16 = 1 << 10;
pub(crate) const PERCENT: u16 = 1 << 11;
/// A word of one letter that is no symbol.
pub(crate) const LETTER_WORD: u16 = 1 << 12;

const LISTS: &[(u16, &str)] = &[
    (
        STOP,
        "the of a an in to and is that for are was on by with as it from at be this which or if has have not what following his he its \
         their will can would how each were one all when who does but they there than most no more had many some you between into about \
         two her she do per after i",
    ),
    (
        NEGATION,
        "not no never none nor neither except without cannot least false incorrect isn doesn don wasn aren",
    ),
    (
        COMPARISON,
        "more less fewer than twice thrice half double triple times third quarter greater larger smaller older younger another rest \
         remaining left total altogether each every per",
    ),
    (
        CONDITION,
        "if when suppose assume given let unless while then after before since because therefore thus",
    ),
    (
        RECKONING,
        "calculate compute find determine evaluate solve estimate prove derive probability percent percentage average rate ratio sum \
         product cost price speed area volume",
    ),
    (PERSON, "he she his her him they their them"),
    (WHAT, "what"),
    (WHICH, "which"),
    (WHO, "who whom whose where when"),
    (WHY, "why"),
    (HOW, "how"),
    (PERCENT, "percent"),
    (LETTER_WORD, "a i"),
];

/// A power of two, about three times the number of words.
const SLOTS: usize = 512;

static TABLE: LazyLock<[(u64, u16); SLOTS]> = LazyLock::new(|| {
    let mut table = [(0, 0); SLOTS];
    for (mark, words) in LISTS {
        for word in words.split_ascii_whitespace() {
            let hash = hash(word.as_bytes());
            let mut slot = slot_of(hash);
            while table[slot].0 != 0 && table[slot].0 != hash {
                slot = (slot + 1) % SLOTS;
            }
            table[slot] = (hash, table[slot].1 | mark);
        }
    }
    table
});

fn slot_of(hash: u64) -> usize {
    (hash >> 40) as usize % SLOTS
}

/// What the lists say of the word with this hash.
pub(crate) fn marks(hash: u64) -> u16 {
    let table = &*TABLE;
    let mut slot = slot_of(hash);
    while table[slot].0 != 0 {
        if table[slot].0 == hash {
            return table[slot].1;
        }
        slot = (slot + 1) % SLOTS;
    }
    0
}

/// The beginning of a hash.
pub(crate) const HASH_START: u64 = 0xcbf2_9ce4_8422_2325;

/// A hash with one byte more (FNV-1a, 64 bits: Fowler, Noll and Vo).
pub(crate) const fn hashed(hash: u64, byte: u8) -> u64 {
    (hash ^ byte as u64).wrapping_mul(0x0100_0000_01b3)
}

/// The hash of some bytes.
pub(crate) const fn hash(bytes: &[u8]) -> u64 {
    let mut hash = HASH_START;
    let mut at = 0;
    while at < bytes.len() {
        hash = hashed(hash, bytes[at]);
        at += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::{COMPARISON, LISTS, STOP, hash, marks};

    #[test]
    fn each_word_of_the_lists_is_found_with_all_its_marks_and_no_other_is() {
        for (mark, words) in LISTS {
            assert!(words.split_ascii_whitespace().all(|word| marks(hash(word.as_bytes())) & mark != 0));
        }
        assert_eq!(marks(hash(b"than")), STOP | COMPARISON);
        assert_eq!(marks(hash(b"architecture")), 0);
    }
}
