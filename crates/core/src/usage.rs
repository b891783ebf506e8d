//! Token counts of one call, and how partial reports of them are merged.

use std::{iter::Sum, ops::Add};

use serde::{Deserialize, Serialize};

/// The tokens of one call as its vendor reported them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// All input tokens, those read from or written to the vendor's cache included.
    pub input_tokens: u64,
    /// Input tokens that were read from the vendor's cache.
    pub cached_input_tokens: u64,
    /// Input tokens that were written to the vendor's cache.
    pub cache_write_tokens: u64,
    /// All output tokens, the reasoning ones included.
    pub output_tokens: u64,
    /// Output tokens that were spent on reasoning.
    pub reasoning_tokens: u64,
}

impl Usage {
    /// Merges two reports about the same call: a later event may repeat, complete or omit what an earlier one said, never take it back.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.max(other.input_tokens),
            cached_input_tokens: self.cached_input_tokens.max(other.cached_input_tokens),
            cache_write_tokens: self.cache_write_tokens.max(other.cache_write_tokens),
            output_tokens: self.output_tokens.max(other.output_tokens),
            reasoning_tokens: self.reasoning_tokens.max(other.reasoning_tokens),
        }
    }

    /// Whether nothing was reported.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Add for Usage {
    type Output = Self;

    /// The sum over two different calls.
    fn add(self, other: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            cached_input_tokens: self.cached_input_tokens.saturating_add(other.cached_input_tokens),
            cache_write_tokens: self.cache_write_tokens.saturating_add(other.cache_write_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            reasoning_tokens: self.reasoning_tokens.saturating_add(other.reasoning_tokens),
        }
    }
}

impl Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(calls: I) -> Self {
        calls.fold(Self::default(), Add::add)
    }
}

/// Where the numbers of a [`Usage`] come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageSource {
    /// The vendor reported them.
    Reported,
    /// The vendor was silent: counted as one token for each four bytes.
    #[default]
    Estimated,
}

/// Estimates the tokens of `bytes` bytes of text: four bytes a token, rounded up.
///
/// Good within about 30 % for English and code; used for plans and reservations, and replaced by the vendor's report.
pub const fn estimated_tokens(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(4)
}
