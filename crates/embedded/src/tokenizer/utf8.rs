//! Bytes that arrive in any pieces, as text that never ends within a character.

/// Holds back the bytes of a character that is not complete yet.
#[derive(Debug, Default)]
pub(crate) struct Utf8Stream {
    pending: Vec<u8>,
}

impl Utf8Stream {
    /// The text that is complete with `bytes`. What can never become UTF-8 turns into U+FFFD.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        let mut text = String::new();
        let mut consumed = 0;
        for chunk in self.pending.utf8_chunks() {
            text.push_str(chunk.valid());
            consumed += chunk.valid().len();
            let invalid = chunk.invalid();
            let is_last = consumed + invalid.len() == self.pending.len();
            if is_last && may_be_completed(invalid) {
                break;
            }
            if !invalid.is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
                consumed += invalid.len();
            }
        }
        self.pending.drain(..consumed);
        text
    }

    /// What is left at the end.
    pub(crate) fn finish(self) -> String {
        String::from_utf8_lossy(&self.pending).into_owned()
    }
}

fn may_be_completed(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_add_up_to_the_text_and_are_whole_characters(text in "\\PC{0,40}", cuts in prop::collection::vec(1_usize..5, 1..20)) {
            let mut stream = Utf8Stream::default();
            let mut joined = String::new();
            let mut rest = text.as_bytes();
            for cut in cuts.into_iter().cycle() {
                if rest.is_empty() { break; }
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                let shown = stream.push(piece);
                prop_assert!(text[joined.len()..].starts_with(&shown), "nothing is shown before it is complete");
                joined.push_str(&shown);
                rest = after;
            }
            prop_assert_eq!(&joined, &text);
            prop_assert_eq!(stream.finish(), "");
        }

        #[test]
        fn any_bytes_become_what_the_whole_would_become(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut stream = Utf8Stream::default();
            let mut joined: String = bytes.iter().map(|byte| stream.push(&[*byte])).collect();
            joined.push_str(&stream.finish());
            prop_assert_eq!(joined, String::from_utf8_lossy(&bytes).into_owned());
        }
    }
}
