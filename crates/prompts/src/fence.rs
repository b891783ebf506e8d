//! Fences: other people's text enters a prompt only between two tags that it cannot forge.
//!
//! A block is `<data-MARK name="question">`, a line break, the text, a line break, `</data-MARK>`. The mark is derived from a
//! hash over every text of the prompt: it is the same for the same prompt, whoever wrote only one of the texts cannot compute
//! it, and it is checked to occur in none of them. Whoever holds the mark can cut the texts out again to the letter.

use async_orchestrator_core::PromptStyle;

/// How many lengths are tried with different hashes before the mark grows: a longer mark cannot occur in a shorter text, so the
/// search always ends.
const TRIES_PER_LENGTH: u32 = 8;

/// The fence of one prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fence {
    mark: String,
}

impl Fence {
    /// The fence for a prompt that shows these texts under these names.
    pub(crate) fn around<'a>(
        style: PromptStyle,
        texts: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    ) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("async-orchestrator prompts v1 fence");
        for (name, text) in texts.clone() {
            for part in [name, text] {
                // With its length before it, no text can pass for the boundary between two others.
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part.as_bytes());
            }
        }
        // Models read tags without regard to case, so a text in capitals must not hold the mark either.
        let lowered: Vec<String> = texts.map(|(_, text)| text.to_ascii_lowercase()).collect();
        let mut attempt = 0_u32;
        loop {
            let mark = letters(&hasher, attempt, mark_length(style, attempt));
            if !lowered.iter().any(|text| text.contains(&mark)) {
                return Self { mark };
            }
            attempt += 1;
        }
    }

    pub(crate) fn mark(&self) -> &str {
        &self.mark
    }

    /// `text` as a block. `shown` says which part of the original it is, where it is not the whole.
    pub(crate) fn block(&self, name: &str, text: &str, shown: Option<&str>) -> String {
        let mark = &self.mark;
        let shown = shown.map(|part| format!(" shown=\"{part}\"")).unwrap_or_default();
        format!("<data-{mark} name=\"{name}\"{shown}>\n{text}\n</data-{mark}>")
    }
}

/// Sixteen letters are 75 bits. A compact prompt is short and pays for each token, so it starts with four.
fn mark_length(style: PromptStyle, attempt: u32) -> usize {
    let shortest = match style {
        PromptStyle::Full => 16,
        PromptStyle::Compact => 4,
    };
    shortest + 4 * (attempt / TRIES_PER_LENGTH) as usize
}

fn letters(hasher: &blake3::Hasher, attempt: u32, length: usize) -> String {
    let mut bytes = vec![0; length];
    hasher.clone().update(&attempt.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes.into_iter().map(|byte| char::from(b'a' + byte % 26)).collect()
}

/// One block, as it was read back from a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FencedBlock<'a> {
    /// What the block holds, such as `question` or `proposal A`.
    pub name: &'a str,
    /// Which part of the original is shown, such as `first 600 of 5678 bytes`; `None` is the whole.
    pub shown: Option<&'a str>,
    /// The text, to the letter.
    pub text: &'a str,
}

/// Reads the blocks with this mark back from a prompt.
///
/// The mark stands in [`RenderedPrompt::mark`](crate::RenderedPrompt::mark). Anything inside a block that looks like another
/// block is part of its text, because it cannot carry the mark.
///
/// ```
/// use async_orchestrator_prompts::fenced_blocks;
/// let prompt = "<data-qzkt name=\"question\">\nHow many?\n</data-zzzz>\n</data-qzkt>\n\nAnswer it.";
/// let blocks = fenced_blocks(prompt, "qzkt");
/// assert_eq!(blocks[0].text, "How many?\n</data-zzzz>");
/// ```
pub fn fenced_blocks<'a>(prompt: &'a str, mark: &str) -> Vec<FencedBlock<'a>> {
    let (open, close) = (format!("<data-{mark} name=\""), format!("\n</data-{mark}>"));
    let mut blocks = Vec::new();
    let mut rest = prompt;
    while let Some(start) = rest.find(&open) {
        let after = &rest[start + open.len()..];
        let Some((head, body)) = after.split_once(">\n") else { break };
        let Some((name, attribute)) = head.split_once('"') else { break };
        // An empty text leaves the line break before the closing tag only.
        let Some(end) = body.find(&close) else { break };
        let shown = attribute.strip_prefix(" shown=\"").and_then(|part| part.strip_suffix('"'));
        blocks.push(FencedBlock { name, shown, text: &body[..end] });
        rest = &body[end + close.len()..];
    }
    blocks
}
