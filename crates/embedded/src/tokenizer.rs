//! Text to tokens and back, by the vocabulary in the model's file.
//!
//! Control tokens are written only by the chat template: a text that spells one out becomes ordinary tokens, so nobody's text
//! can end a message or open one.

mod bytes;
mod chat;
mod utf8;

use std::collections::HashMap;

use tokenizers::{
    Tokenizer as Bpe,
    models::bpe::BPE,
    pre_tokenizers::{
        PreTokenizerWrapper,
        byte_level::ByteLevel,
        digits::Digits,
        sequence::Sequence,
        split::{Split, SplitPattern},
    },
    tokenizer::SplitDelimiterBehavior,
};

use crate::{
    EngineError,
    error::Flaw,
    gguf::{Header, Value},
};
#[cfg(any(test, feature = "test-util"))]
pub(crate) use bytes::letter;
pub(crate) use chat::{Chat, Turn};
pub(crate) use utf8::Utf8Stream;

/// The `llama_token_type` of GGUF for tokens that no text spells: unknown, control, unused.
const CONTROL_TYPES: [i64; 3] = [2, 3, 5];
/// End tokens by name, for files that name only one of theirs.
const END_TOKENS: [&str; 6] =
    ["<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<|end|>", "</s>"];
/// How Llama 3 and Qwen 2 cut a text before merging; they differ in the longest run of digits.
const SPLIT_LLAMA3: &str = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const SPLIT_QWEN2: &str = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// The vocabulary of a model.
#[derive(Debug)]
pub(crate) struct Tokenizer {
    bpe: Bpe,
    /// The bytes of every token; none for control tokens.
    bytes: Vec<Vec<u8>>,
    control: HashMap<String, u32>,
    end_tokens: Vec<u32>,
    /// Control tokens that end nothing: no reply contains them.
    silent_tokens: Vec<u32>,
    /// Tokens with a line break in them.
    line_tokens: Vec<u32>,
    begin_token: Option<u32>,
}

impl Tokenizer {
    pub(crate) fn load(header: &Header) -> Result<Self, Flaw> {
        let model = header.text("tokenizer.ggml.model")?;
        if model != "gpt2" {
            let model: String = model.chars().take(32).collect();
            return Err(Flaw::unsupported(format!(
                "its vocabulary is of the kind `{model}`, not a byte-level one"
            )));
        }
        let tokens = header.texts("tokenizer.ggml.tokens")?;
        let types = header.get("tokenizer.ggml.token_type").and_then(Value::as_integers).unwrap_or(&[]);
        let is_control = |id: usize| types.get(id).is_some_and(|kind| CONTROL_TYPES.contains(kind));
        let numbered =
            || tokens.iter().enumerate().filter_map(|(id, token)| Some((u32::try_from(id).ok()?, token)));
        let control: HashMap<String, u32> = numbered()
            .filter(|(id, _)| is_control(*id as usize))
            .map(|(id, token)| (token.clone(), id))
            .collect();
        let bytes: Vec<Vec<u8>> = tokens
            .iter()
            .enumerate()
            .map(|(id, token)| if is_control(id) { Vec::new() } else { bytes::of_token(token) })
            .collect();

        let id_of = |key: &str| {
            let id = header.get(key).and_then(Value::as_u32);
            id.filter(|&id| (id as usize) < tokens.len())
        };
        let mut end_tokens: Vec<u32> = ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"]
            .into_iter()
            .filter_map(id_of)
            .collect();
        end_tokens.extend(END_TOKENS.into_iter().filter_map(|name| control.get(name)));
        end_tokens.dedup();
        if end_tokens.is_empty() {
            return Err(Flaw::damaged("its vocabulary has no end token"));
        }
        let begins = header.get("tokenizer.ggml.add_bos_token").and_then(Value::as_bool).unwrap_or(false);
        let begin_token = if begins { id_of("tokenizer.ggml.bos_token_id") } else { None };
        let bpe = bpe(header, tokens)?;
        let those = |wanted: &dyn Fn(u32, &[u8]) -> bool| -> Vec<u32> {
            (0_u32..).zip(&bytes).filter(|(id, bytes)| wanted(*id, bytes)).map(|(id, _)| id).collect()
        };
        let silent_tokens = those(&|id, bytes| bytes.is_empty() && !end_tokens.contains(&id));
        let line_tokens = those(&|_, bytes| bytes.contains(&b'\n'));
        Ok(Self { bpe, bytes, control, end_tokens, silent_tokens, line_tokens, begin_token })
    }

    /// The tokens of a text; a control token that it spells out is ordinary text.
    pub(crate) fn encode(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        let encoding = self.bpe.encode_fast(text, false);
        Ok(encoding.map_err(|error| EngineError::fault(format!("tokenizer: {error}")))?.get_ids().to_vec())
    }

    /// The tokens of a text in which control tokens stand for themselves.
    pub(crate) fn encode_template(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        let mut tokens = Vec::new();
        let mut rest = text;
        while let Some((at, name, id)) = self.first_control(rest) {
            tokens.extend(self.encode(&rest[..at])?);
            tokens.push(id);
            rest = &rest[at + name.len()..];
        }
        tokens.extend(self.encode(rest)?);
        Ok(tokens)
    }

    /// The control token that comes first, the longest of those that begin there.
    fn first_control<'a>(&'a self, text: &str) -> Option<(usize, &'a str, u32)> {
        let found = self
            .control
            .iter()
            .filter_map(|(name, &id)| Some((text.find(name.as_str())?, name.as_str(), id)));
        found.min_by_key(|&(at, name, _)| (at, std::cmp::Reverse(name.len())))
    }

    /// The bytes that a token writes; none for a control token.
    pub(crate) fn bytes(&self, token: u32) -> &[u8] {
        self.bytes.get(token as usize).map_or(&[], Vec::as_slice)
    }

    /// The text of tokens; bytes that are none become U+FFFD.
    pub(crate) fn decode(&self, tokens: &[u32]) -> String {
        let bytes: Vec<u8> = tokens.iter().flat_map(|&token| self.bytes(token)).copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_end(&self, token: u32) -> bool {
        self.end_tokens.contains(&token)
    }

    pub(crate) fn end_tokens(&self) -> &[u32] {
        &self.end_tokens
    }

    pub(crate) fn begin_token(&self) -> Option<u32> {
        self.begin_token
    }

    pub(crate) fn control(&self, name: &str) -> Option<u32> {
        self.control.get(name).copied()
    }

    pub(crate) fn silent_tokens(&self) -> &[u32] {
        &self.silent_tokens
    }

    pub(crate) fn line_tokens(&self) -> &[u32] {
        &self.line_tokens
    }
}

fn bpe(header: &Header, tokens: &[String]) -> Result<Bpe, Flaw> {
    let vocabulary: HashMap<String, u32> =
        (0_u32..).zip(tokens).map(|(id, token)| (token.clone(), id)).collect();
    let merges = header.texts("tokenizer.ggml.merges")?.iter().map(|merge| {
        let pair = merge.split_once(' ').map(|(one, two)| (one.to_owned(), two.to_owned()));
        pair.ok_or_else(|| Flaw::damaged("a merge of its vocabulary is no pair"))
    });
    let merges = merges.collect::<Result<Vec<_>, _>>()?;
    let style = header.get("tokenizer.ggml.pre").and_then(Value::as_str).unwrap_or("gpt-2");
    let mut builder = BPE::builder()
        .vocab_and_merges(vocabulary.into_iter().collect::<tokenizers::models::bpe::Vocab>(), merges);
    if matches!(style, "llama-bpe" | "llama3" | "llama-v3") {
        builder = builder.ignore_merges(true);
    }
    let model = builder
        .build()
        .map_err(|error| Flaw::damaged(format!("its merges do not fit its tokens: {error}")))?;
    let mut bpe = Bpe::new(model);
    bpe.with_pre_tokenizer(Some(pre_tokenizer(style)?));
    Ok(bpe)
}

/// How a text is cut before merging. A style that is not known here is cut like GPT-2's: its texts stay the same, only some
/// tokens are not the ones that the model saw most.
fn pre_tokenizer(style: &str) -> Result<PreTokenizerWrapper, Flaw> {
    let with_split = |pattern: &str| {
        let pattern = SplitPattern::Regex(pattern.to_owned());
        let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false)
            .map_err(|error| Flaw::unsupported(format!("its way to split texts: {error}")))?;
        Ok(Sequence::new(vec![split.into(), ByteLevel::new(false, false, false).into()]).into())
    };
    match style {
        "smollm" => {
            let parts = vec![Digits::new(true).into(), ByteLevel::new(false, false, true).into()];
            Ok(Sequence::new(parts).into())
        }
        "llama-bpe" | "llama3" | "llama-v3" | "smaug-bpe" => with_split(SPLIT_LLAMA3),
        "qwen2" => with_split(SPLIT_QWEN2),
        _ => Ok(ByteLevel::new(false, false, true).into()),
    }
}

#[cfg(test)]
mod tests;
