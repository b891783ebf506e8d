//! Sets rows of short texts in columns, for people.

/// The rows as lines, each indented by two blanks; every column but the last is as wide as its widest cell.
pub(super) fn columns<R: AsRef<[String]>>(rows: &[R]) -> Vec<String> {
    let count = rows.first().map_or(0, |row| row.as_ref().len());
    let width =
        |column: usize| rows.iter().map(|row| row.as_ref()[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count).map(width).collect();
    let line = |row: &R| {
        let cells = row.as_ref().iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        format!("  {}", cells.collect::<Vec<_>>().join("  ")).trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// So much of a question stands in a list.
const QUESTION_CHARS: usize = 60;

/// The beginning of a question, which says where it was cut.
pub(super) fn short(question: &str) -> String {
    let short: String = question.chars().take(QUESTION_CHARS).collect();
    let cut = if question.chars().count() > QUESTION_CHARS { "…" } else { "" };
    format!("{short}{cut}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_end_without_blanks() {
        let rows = [["a", "bb", ""], ["ccc", "ü", "d"]].map(|row| row.map(str::to_owned));
        assert_eq!(columns(&rows), ["  a    bb", "  ccc  ü   d"]);
        assert!(columns::<[String; 2]>(&[]).is_empty());
    }
}
