//! Small parts of messages: the word that was probably meant, and counts that read well.

use std::fmt::Display;

/// The known word that is nearest to `word`, if one is near: a third of its letters may differ.
pub(super) fn near<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let candidates = known.into_iter().map(|candidate| {
        let distance = strsim::damerau_levenshtein(&word, &candidate.to_lowercase());
        // The first letters of a long name are as good as a slip of the finger.
        let begins = word.len() >= 3 && candidate.to_lowercase().starts_with(&word);
        (if begins { 0 } else { distance }, candidate)
    });
    let near = candidates.filter(|(distance, candidate)| distance * 3 <= candidate.chars().count().max(3));
    near.min_by_key(|(distance, _)| *distance).map(|(_, candidate)| candidate)
}

/// `1 model`, `2 models`.
pub(super) fn count<N: Copy + PartialEq + From<u8> + Display>(number: N, thing: &str) -> String {
    let ending = if number == N::from(1) { "" } else { "s" };
    format!("{number} {thing}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_their_word_and_strangers_find_none() {
        let known = ["decision", "proposal", "propose.user.j2"];
        assert_eq!(near("desicion", known), Some("decision"));
        assert_eq!(near("Proposals", known), Some("proposal"));
        assert_eq!(near("propose.user", known), Some("propose.user.j2"));
        assert_eq!(near("zebra", known), None);
        assert_eq!(near("", known), None);
    }

    #[test]
    fn one_thing_is_no_plural() {
        assert_eq!([0, 1, 2].map(|number| count(number, "model")), ["0 models", "1 model", "2 models"]);
    }
}
