//! "Did you mean": the known word that is nearest to an unknown one.

/// The nearest of `known`, if it is near enough to be a slip of the pen: at most a third of the word may differ.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many characters must be inserted, taken away, replaced or swapped with their neighbour (optimal string alignment, as in
/// L. Boytsov, "Indexing methods for approximate dictionary searching", 2011), with three rows of the table at a time.
fn distance(one: &str, two: &str) -> usize {
    let (one, two): (Vec<char>, Vec<char>) = (one.chars().collect(), two.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=two.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in two.iter().enumerate() {
            let replaced = above[j] + usize::from(a != b);
            let mut least = replaced.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == two[j - 1] && one[i - 1] == *b {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[two.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_another_word_finds_none() {
        let known = ["question", "context", "proposals"];
        assert_eq!(nearest("questoin", known), Some("question"));
        assert_eq!(nearest("contxt", known), Some("context"));
        assert_eq!(nearest("winner", known), None);
        assert_eq!(nearest("fatcs", ["facts", "draft"]), Some("facts"));
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("abcd", "badc"), 2);
        assert_eq!(distance("", "abc"), 3);
    }
}
