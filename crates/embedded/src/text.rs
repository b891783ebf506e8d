//! Replies as free text and as sections under given headings.

use crate::{
    EngineError, sampler,
    writer::{Ending, Flow, Writer},
};

/// Small models repeat themselves; this keeps the default one fluent.
const REPETITION_PENALTY: f32 = 1.3;
/// How far back a repetition counts, in tokens.
const REPETITION_WINDOW: usize = 256;
/// The tokens of a section before which it may not end: a small model likes to write nothing.
const SECTION_TOKENS_MIN: usize = 6;

/// A part of a text under a heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heading {
    /// The heading; empty for text without one.
    pub(crate) text: String,
    /// The most tokens that may stand under it.
    pub(crate) tokens_max: usize,
}

/// Writes until the model ends, a stop text appears, or `tokens_max` are written.
pub(crate) fn free(writer: &mut Writer<'_>, tokens_max: usize) -> Result<Ending, EngineError> {
    let tokens_max = tokens_max.min(writer.room());
    while writer.written().len() < tokens_max {
        let mut logits = writer.logits()?;
        penalize(&mut logits, writer.written());
        if writer.written().is_empty() {
            forbid(&mut logits, writer.tokenizer.end_tokens());
        }
        let token = writer.sampler.pick(&logits).ok_or_else(no_token)?;
        if writer.tokenizer.is_end(token) {
            return Ok(Ending::Done);
        }
        if writer.write(token)? == Flow::Stop {
            return Ok(Ending::StopText);
        }
    }
    Ok(Ending::Length)
}

/// Writes each heading and lets the model fill in what stands under it, one line each, `tokens_max` in all.
pub(crate) fn sections(
    writer: &mut Writer<'_>,
    headings: &[Heading],
    tokens_max: usize,
) -> Result<Ending, EngineError> {
    let tokens_max = tokens_max.min(writer.room());
    for (index, heading) in headings.iter().enumerate() {
        let skeleton = skeleton(headings, index);
        let skeleton = writer.tokenizer.encode(&skeleton)?;
        let left = tokens_max.saturating_sub(writer.written().len());
        if left < skeleton.len() + SECTION_TOKENS_MIN {
            return Ok(Ending::Length);
        }
        if writer.write_all(&skeleton)? == Flow::Stop {
            return Ok(Ending::StopText);
        }
        let section_max = heading.tokens_max.max(SECTION_TOKENS_MIN).min(left - skeleton.len());
        if section(writer, section_max)? == Flow::Stop {
            return Ok(Ending::StopText);
        }
    }
    Ok(Ending::Done)
}

/// What stands before the text of a section.
fn skeleton(headings: &[Heading], index: usize) -> String {
    let gap = if index == 0 { "" } else { "\n\n" };
    let heading = headings.get(index).map_or("", |heading| heading.text.trim());
    match (heading.is_empty(), headings.len()) {
        (true, 1) => gap.to_owned(),
        (true, _) => format!("{gap}{}.", index + 1),
        (false, 1) => format!("{gap}{heading}:"),
        (false, _) => format!("{gap}{}. {heading}:", index + 1),
    }
}

/// Fills in one section. From three quarters of its limit on, it ends with the sentence.
fn section(writer: &mut Writer<'_>, tokens_max: usize) -> Result<Flow, EngineError> {
    let begun = writer.text().len();
    for count in 0..tokens_max {
        let mut logits = writer.logits()?;
        penalize(&mut logits, writer.written());
        if count < SECTION_TOKENS_MIN {
            forbid(&mut logits, writer.tokenizer.end_tokens());
            forbid(&mut logits, writer.tokenizer.line_tokens());
        }
        let token = writer.sampler.pick(&logits).ok_or_else(no_token)?;
        if writer.tokenizer.is_end(token) {
            return Ok(Flow::Continue);
        }
        let bytes = writer.tokenizer.bytes(token);
        match bytes.iter().position(|&byte| byte == b'\n') {
            None => {}
            Some(0) => return Ok(Flow::Continue),
            Some(line_end) => return writer.write_part(token, &bytes[..line_end]),
        }
        if writer.write(token)? == Flow::Stop {
            return Ok(Flow::Stop);
        }
        let ends = |text: &str| text.trim_end().ends_with(['.', '!', '?']);
        if count + 1 >= tokens_max.div_ceil(4) * 3 && writer.text().get(begun..).is_some_and(ends) {
            return Ok(Flow::Continue);
        }
    }
    writer.show("…".to_owned())
}

fn penalize(logits: &mut [f32], written: &[u32]) {
    let from = written.len().saturating_sub(REPETITION_WINDOW);
    sampler::penalize(logits, &written[from..], REPETITION_PENALTY);
}

fn forbid(logits: &mut [f32], tokens: &[u32]) {
    for &token in tokens {
        if let Some(logit) = logits.get_mut(token as usize) {
            *logit = f32::NEG_INFINITY;
        }
    }
}

fn no_token() -> EngineError {
    EngineError::fault("no token may be written")
}

#[cfg(test)]
mod tests;
