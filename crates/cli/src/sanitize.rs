//! What others wrote, made safe for a terminal: no escape sequence, no control character, no turned writing direction.

/// `text` without anything that a terminal would obey. Line ends and tabs stay.
pub(crate) fn for_terminal(text: &str) -> String {
    text.chars().filter(|c| is_harmless(*c)).collect()
}

/// `text` as one line.
pub(crate) fn one_line(text: &str) -> String {
    let spaced = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    spaced.filter(|c| is_harmless(*c)).collect()
}

const fn is_harmless(c: char) -> bool {
    // Controls of both ranges, the marks that turn the direction of writing, and the two line ends that only some programs know.
    !matches!(c,
        '\u{0}'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{61c}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        let hostile = "\u{200e}\u{2028}\u{1b}[2Jhi\u{9b}31m \u{202e}desrever\u{2069}\r\nnext\tend\u{7}";
        assert_eq!(for_terminal(hostile), "[2Jhi31m desrever\nnext\tend");
        assert_eq!(one_line("a\n b\u{1b}c"), "a  bc");
    }
}
