//! Replies that are JSON documents of a schema, token by token, by llguidance.
//!
//! The schema is narrowed first (`narrow`), so that a document of it always fits the limit of tokens. What the grammar leaves no
//! choice about is not sampled: it is passed to the model in one go.

mod narrow;
mod numbers;
mod strings;

use std::sync::Arc;

use llguidance::{Matcher, ParserFactory, api::TopLevelGrammar};
use serde_json::Value;
use toktrie::{InferenceCapabilities, TokEnv, TokRxInfo, TokTrie, TokenId, TokenizerEnv};

use crate::{
    EngineError,
    tokenizer::Tokenizer,
    writer::{Ending, Flow, Writer},
};
use narrow::Limits;

/// The grammars of one vocabulary.
pub(crate) struct Grammars {
    factory: ParserFactory,
    tokenizer: Arc<Tokenizer>,
}

/// A schema made ready for writing.
pub(crate) struct Grammar {
    matcher: Matcher,
}

impl Grammars {
    pub(crate) fn new(tokenizer: &Arc<Tokenizer>) -> Result<Self, EngineError> {
        let environment: TokEnv = Arc::new(Vocabulary::new(Arc::clone(tokenizer))?);
        let abilities = InferenceCapabilities { ff_tokens: true, ..InferenceCapabilities::default() };
        let slices = llguidance::earley::SlicedBiasComputer::general_slices();
        let mut factory = ParserFactory::new(&environment, abilities, &slices)
            .map_err(|error| EngineError::fault(format!("grammar: {error}")))?;
        factory.quiet();
        factory.limits_mut().verbose_errors = false;
        Ok(Self { factory, tokenizer: Arc::clone(tokenizer) })
    }

    /// The grammar of those documents of `schema` that take at most `tokens_max` tokens.
    pub(crate) fn compile(&self, schema: &Value, tokens_max: usize) -> Result<Grammar, EngineError> {
        let count = |text: &str| self.tokenizer.encode(text).map_or(text.len(), |tokens| tokens.len());
        let mut needed = usize::MAX;
        for limits in Limits::STEPS {
            let narrowed = narrow::narrow(schema, limits, &count)?;
            needed = needed.min(narrowed.tokens_max);
            if narrowed.tokens_max <= tokens_max {
                let grammar = TopLevelGrammar::from_json_schema(narrowed.schema);
                let matcher = Matcher::new(self.factory.create_parser(grammar));
                return match matcher.get_error() {
                    None => Ok(Grammar { matcher }),
                    Some(error) => Err(EngineError::schema(first_line(&error))),
                };
            }
        }
        Err(EngineError::BudgetTooSmall { needed, budget: tokens_max })
    }
}

/// Writes a document of `grammar`. It is complete, or the result is an error.
pub(crate) fn document(writer: &mut Writer<'_>, mut grammar: Grammar) -> Result<Ending, EngineError> {
    let matcher = &mut grammar.matcher;
    loop {
        let forced = matcher.consume_ff_tokens();
        if writer.write_all(&forced)? == Flow::Stop {
            return Ok(Ending::StopText);
        }
        if matcher.is_stopped() {
            break;
        }
        let mut logits = writer.logits()?;
        let allowed = matcher.compute_mask().map_err(grammar_fault)?;
        for (token, logit) in (0_u32..).zip(&mut logits) {
            if !allowed.is_allowed(token) {
                *logit = f32::NEG_INFINITY;
            }
        }
        let token =
            writer.sampler.pick(&logits).ok_or_else(|| EngineError::fault("the grammar allows no token"))?;
        matcher.consume_token(token).map_err(grammar_fault)?;
        if writer.tokenizer.is_end(token) {
            break;
        }
        if writer.write(token)? == Flow::Stop {
            return Ok(Ending::StopText);
        }
    }
    match matcher.get_error() {
        None => Ok(Ending::Done),
        Some(error) => Err(EngineError::fault(first_line(&error))),
    }
}

fn grammar_fault(error: impl std::fmt::Display) -> EngineError {
    EngineError::fault(first_line(&error.to_string()))
}

/// llguidance appends what it was given; the first line alone says what is wrong.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(200).collect()
}

/// The vocabulary as llguidance wants to see it. The tokens that it forces are those that the model's own tokenizer would take.
struct Vocabulary {
    tokenizer: Arc<Tokenizer>,
    trie: TokTrie,
}

impl Vocabulary {
    fn new(tokenizer: Arc<Tokenizer>) -> Result<Self, EngineError> {
        let end = *tokenizer.end_tokens().first().ok_or_else(|| EngineError::fault("no end token"))?;
        let size = u32::try_from(tokenizer.len()).map_err(|_| EngineError::fault("too many tokens"))?;
        let words: Vec<Vec<u8>> = (0..size)
            .map(|token| {
                let bytes = tokenizer.bytes(token);
                if bytes.is_empty() {
                    [&[TokTrie::SPECIAL_TOKEN_MARKER][..], format!("<{token}>").as_bytes()].concat()
                } else {
                    bytes.to_vec()
                }
            })
            .collect();
        let trie = TokTrie::from(&TokRxInfo::new(size, end), &words);
        Ok(Self { tokenizer, trie })
    }
}

impl TokenizerEnv for Vocabulary {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<TokenId> {
        let encode = |text: &str| {
            self.tokenizer.encode(text).unwrap_or_else(|_| self.trie.greedy_tokenize(text.as_bytes()))
        };
        self.trie.tokenize_with_greedy_fallback(bytes, encode)
    }
}

#[cfg(test)]
mod tests;
