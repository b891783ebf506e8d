//! Counts and cuts text into pieces that stand for tokens.
//!
//! A piece is a word with the space before it, cut after six characters, or one other character with the same: near
//! the four characters a token that the vendors give as a rule of thumb, and cheap to compute. It is no vendor's tokenizer.

const PIECE_CHARS_MAX: usize = 6;

/// How many tokens `text` stands for.
pub(crate) fn count(text: &str) -> u64 {
    Pieces { rest: text }.count() as u64
}

/// The byte length of the first `tokens` tokens of `text`, and whether that is less than all.
pub(crate) fn cut(text: &str, tokens: u64) -> Option<&str> {
    let mut pieces = Pieces { rest: text };
    for _ in 0..tokens {
        pieces.next()?;
    }
    if pieces.rest.is_empty() { None } else { text.get(..text.len() - pieces.rest.len()) }
}

/// Slices of `text` of `tokens` tokens each, which together are `text`.
pub(crate) fn groups(text: &str, tokens: usize) -> Vec<&str> {
    let mut groups = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let length: usize = Pieces { rest }.take(tokens.max(1)).map(str::len).sum();
        let (group, after) = rest.split_at(length);
        groups.push(group);
        rest = after;
    }
    groups
}

struct Pieces<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let mut characters = self.rest.char_indices().peekable();
        let (_, mut first) = characters.next()?;
        let mut end = first.len_utf8();
        if first == ' '
            && let Some(&(at, second)) = characters.peek()
        {
            characters.next();
            first = second;
            end = at + second.len_utf8();
        }
        if first.is_alphanumeric() {
            let more = characters.take(PIECE_CHARS_MAX - 1).take_while(|(_, c)| c.is_alphanumeric());
            end += more.map(|(_, c)| c.len_utf8()).sum::<usize>();
        }
        let (piece, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_sentence_has_about_a_token_for_four_characters() {
        let text =
            "Partition the event log by customer and rebuild the views from it, so that a replay is cheap.";
        let ratio = text.len() as f64 / count(text) as f64;
        assert!((3.0..6.0).contains(&ratio), "{ratio}");
        assert_eq!(cut("one two three", 2), Some("one two"));
        assert_eq!(cut("one two", 2), None);
    }

    proptest! {
        #[test]
        fn groups_join_to_the_text_and_count_agrees(text in "\\PC{0,80}", size in 1_usize..5) {
            let groups = groups(&text, size);
            prop_assert_eq!(groups.concat(), text.clone());
            prop_assert_eq!(groups.len() as u64, count(&text).div_ceil(size as u64));
        }

        #[test]
        fn a_cut_text_has_just_the_tokens_asked_for(text in "\\PC{0,80}", tokens in 0_u64..9) {
            match cut(&text, tokens) {
                Some(head) => { prop_assert_eq!(count(head), tokens); prop_assert!(text.starts_with(head)); }
                None => prop_assert!(count(&text) <= tokens),
            }
        }
    }
}
