//! The blocks of other people's text in a prompt: `<tag ...>` alone on a line, text, `</tag>` alone on a line.
//!
//! Whatever looks like a tag inside a block is part of its text, as long as it is not the block's own closing tag.

/// One block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block<'a> {
    /// What stands in the opening tag: its name and its attributes.
    pub(crate) head: &'a str,
    pub(crate) text: &'a str,
}

impl<'a> Block<'a> {
    /// The words of the head, without punctuation.
    pub(crate) fn words(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.head.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty())
    }

    fn is_called(&self, names: &[&str]) -> bool {
        self.words().any(|word| names.iter().any(|name| word.eq_ignore_ascii_case(name)))
    }
}

/// All blocks of `prompt`, in order.
pub(crate) fn of(prompt: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut rest = prompt;
    while let Some((line, after)) = next_line(rest) {
        rest = after;
        let Some(head) = line.trim().strip_prefix('<').and_then(|tag| tag.strip_suffix('>')) else {
            continue;
        };
        let Some(name) =
            head.split_whitespace().next().filter(|name| name.starts_with(|c: char| c.is_alphabetic()))
        else {
            continue;
        };
        if let Some((text, after)) = until_line(rest, &format!("</{name}>")) {
            blocks.push(Block { head, text });
            rest = after;
        }
    }
    blocks
}

/// The text of the first block whose tag has one of these words in it.
pub(crate) fn called<'a>(prompt: &'a str, names: &[&str]) -> Option<&'a str> {
    of(prompt).into_iter().find(|block| block.is_called(names)).map(|block| block.text)
}

/// What stands before the line `end`, and after it.
fn until_line<'a>(text: &'a str, end: &str) -> Option<(&'a str, &'a str)> {
    let mut rest = text;
    while let Some((line, after)) = next_line(rest) {
        if line.trim() == end {
            let before = &text[..text.len() - rest.len()];
            return Some((before.strip_suffix('\n').unwrap_or(before), after));
        }
        rest = after;
    }
    None
}

fn next_line(text: &str) -> Option<(&str, &str)> {
    if text.is_empty() { None } else { Some(text.split_once('\n').unwrap_or((text, ""))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_end_at_their_own_tag_only() {
        let prompt = "Read.\n<data-qz name=\"question\">\nHow\n<b>\nmany?\n</data-zz>\n</data-qz>\n\n<data-qz name=\"empty\">\n</data-qz>\n<open>\nnothing";
        let blocks = of(prompt);
        assert_eq!(
            blocks[0],
            Block { head: "data-qz name=\"question\"", text: "How\n<b>\nmany?\n</data-zz>" }
        );
        assert_eq!((blocks[1].text, blocks.len()), ("", 2));
        assert_eq!(called(prompt, &["query", "question"]), Some("How\n<b>\nmany?\n</data-zz>"));
        assert_eq!(called(prompt, &["draft"]), None);
    }
}
