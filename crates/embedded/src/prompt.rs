//! Makes a conversation fit: the tokens of its prompt, with long messages cut in the middle.

use std::borrow::Cow;

use async_orchestrator_core::PromptRead;

use crate::{
    EngineError,
    tokenizer::{Chat, Tokenizer, Turn},
};

/// What stands where text was left out.
const GAP: &str = " […] ";
/// A token has some four bytes on average; no more than this many per token are looked at, so that ten megabytes cost no time.
const BYTES_PER_TOKEN_MAX: usize = 12;
/// A message is never cut below so many tokens.
const MESSAGE_TOKENS_MIN: usize = 16;
/// What cutting may add: the mark, and tokens that no longer merge.
const CUT_TOKENS: usize = 8;

/// The tokens of `turns` with the beginning of the reply, at most `room` of them, and whether that is all of them. The longest messages
/// are cut first.
pub(crate) fn fit(
    turns: &[Turn<'_>],
    chat: &Chat,
    tokenizer: &Tokenizer,
    room: usize,
) -> Result<(Vec<u32>, PromptRead), EngineError> {
    let contents: Vec<Cow<'_, str>> =
        turns.iter().map(|turn| cut_bytes(turn.content, room.saturating_mul(BYTES_PER_TOKEN_MAX))).collect();
    let tokens = encode(turns, &contents, chat, tokenizer)?;
    if tokens.len() <= room {
        let whole = contents.iter().all(|content| matches!(content, Cow::Borrowed(_)));
        return Ok((tokens, if whole { PromptRead::Whole } else { PromptRead::Shortened }));
    }
    let counts = contents.iter().map(|content| tokenizer.encode(content).map(|tokens| tokens.len()));
    let counts = counts.collect::<Result<Vec<usize>, _>>()?;
    let fixed = tokens.len().saturating_sub(counts.iter().sum());
    let longest = level(&counts, room.saturating_sub(fixed + CUT_TOKENS * counts.len()));
    let too_small = |needed| EngineError::WindowTooSmall { needed, window: room };
    if longest < MESSAGE_TOKENS_MIN {
        return Err(too_small(fixed + (MESSAGE_TOKENS_MIN + CUT_TOKENS) * counts.len()));
    }
    let cut = contents.iter().map(|content| cut_middle(content, tokenizer, longest));
    let cut = cut.collect::<Result<Vec<_>, _>>()?;
    let tokens = encode(turns, &cut, chat, tokenizer)?;
    if tokens.len() <= room { Ok((tokens, PromptRead::Shortened)) } else { Err(too_small(tokens.len())) }
}

/// The beginning of `text`, at most `tokens_max` tokens of it, in one line: what stands in it cannot look like a heading of the
/// prompt around it.
pub(crate) fn one_line(text: &str, tokenizer: &Tokenizer, tokens_max: usize) -> Result<String, EngineError> {
    let text = cut_bytes(text, tokens_max.saturating_mul(BYTES_PER_TOKEN_MAX));
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let tokens = tokenizer.encode(&line)?;
    if tokens.len() <= tokens_max {
        return Ok(line);
    }
    Ok(tokenizer.decode(&tokens[..tokens_max]).trim_end_matches(char::REPLACEMENT_CHARACTER).to_owned())
}

fn encode(
    turns: &[Turn<'_>],
    contents: &[Cow<'_, str>],
    chat: &Chat,
    tokenizer: &Tokenizer,
) -> Result<Vec<u32>, EngineError> {
    let turns: Vec<Turn<'_>> =
        turns.iter().zip(contents).map(|(turn, content)| Turn { role: turn.role, content }).collect();
    chat.encode(&turns, tokenizer)
}

/// The largest limit under which `counts`, each cut to it, have at most `room` in all.
fn level(counts: &[usize], room: usize) -> usize {
    let mut sorted = counts.to_vec();
    sorted.sort_unstable();
    let mut left = room;
    for (index, &count) in sorted.iter().enumerate() {
        let share = left / (sorted.len() - index);
        if count > share {
            return share;
        }
        left -= count;
    }
    usize::MAX
}

/// Two thirds of the limit from the beginning, the rest from the end.
fn cut_middle<'a>(
    text: &'a str,
    tokenizer: &Tokenizer,
    tokens_max: usize,
) -> Result<Cow<'a, str>, EngineError> {
    let tokens = tokenizer.encode(text)?;
    if tokens.len() <= tokens_max {
        return Ok(Cow::Borrowed(text));
    }
    let head = tokens_max * 2 / 3;
    let tail = tokens.len() - (tokens_max - head);
    Ok(Cow::Owned(tokenizer.decode(&tokens[..head]) + GAP + &tokenizer.decode(&tokens[tail..])))
}

fn cut_bytes(text: &str, bytes_max: usize) -> Cow<'_, str> {
    if text.len() <= bytes_max {
        return Cow::Borrowed(text);
    }
    let head = text.floor_char_boundary(bytes_max * 2 / 3);
    let tail = text.ceil_char_boundary(text.len() - bytes_max / 3);
    Cow::Owned([&text[..head], GAP, &text[tail..]].concat())
}

#[cfg(test)]
mod tests;
