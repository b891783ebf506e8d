//! Money as integers, and the one function that turns usage into money.
//!
//! Streamed and buffered calls, estimates and settlements all go through [`Price::cost`]. An unknown price is `None`
//! wherever it appears, never zero: a budget that counts an unknown call as free never trips.

use std::{fmt, iter::Sum, ops::Add, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Usage;

/// An amount in millionths of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MicroUsd(pub u64);

impl MicroUsd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// `self + other`, held at the largest amount.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Add for MicroUsd {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.saturating_add(other)
    }
}

impl Sum for MicroUsd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Self::saturating_add)
    }
}

impl fmt::Display for MicroUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dollars, micros) = (self.0 / 1_000_000, self.0 % 1_000_000);
        if micros % 10_000 == 0 {
            write!(f, "${dollars}.{:02}", micros / 10_000)
        } else {
            write!(f, "${dollars}.{micros:06}")
        }
    }
}

/// A text that is no amount of money.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no amount: write dollars with at most six decimals, for example 0.25 or $1.50")]
pub struct InvalidAmount(String);

impl FromStr for MicroUsd {
    type Err = InvalidAmount;

    /// Reads dollars (`0.25`, `$1.50`, `2`), exactly: no float is in between.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidAmount(text.chars().take(40).collect());
        let digits = text.trim().trim_start_matches('$');
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && part.is_empty()) || part.len() > 6 || !plain(whole) || !plain(part) {
            return Err(invalid());
        }
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
        let part: u64 = format!("{part:0<6}").parse().map_err(|_| invalid())?;
        whole.checked_mul(1_000_000).and_then(|micros| micros.checked_add(part)).map(Self).ok_or_else(invalid)
    }
}

/// What a model costs, in micro-dollars a million tokens, and when that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Input tokens that were not read from the vendor's cache.
    pub input: u64,
    /// Input tokens read from the vendor's cache; where a table has no such price, they cost as much as `input`.
    pub cached_input: Option<u64>,
    /// Input tokens written into the vendor's cache; where a table has no such price, they cost as much as `input`.
    pub cache_write: Option<u64>,
    /// Output tokens, the reasoning ones included.
    pub output: u64,
    /// The date of the table that this stands in, such as `2026-10`.
    pub as_of: String,
}

impl Price {
    /// The price of a model that runs on the caller's own machine.
    pub fn free(as_of: impl Into<String>) -> Self {
        Self { input: 0, cached_input: None, cache_write: None, output: 0, as_of: as_of.into() }
    }

    /// What `usage` costs, rounded up to the next micro-dollar.
    ///
    /// ```
    /// use async_orchestrator_core::{MicroUsd, Price, Usage};
    /// let price = Price { input: 3_000_000, cached_input: Some(300_000), cache_write: None, output: 15_000_000, as_of: "2026-10".into() };
    /// let usage = Usage { input_tokens: 1_000, cached_input_tokens: 600, output_tokens: 100, ..Usage::default() };
    /// assert_eq!(price.cost(&usage), MicroUsd(1_200 + 180 + 1_500));
    /// ```
    pub fn cost(&self, usage: &Usage) -> MicroUsd {
        let cached = usage.cached_input_tokens.min(usage.input_tokens);
        let written = usage.cache_write_tokens.min(usage.input_tokens - cached);
        let plain = usage.input_tokens - cached - written;
        let line = |tokens: u64, price: u64| u128::from(tokens) * u128::from(price);
        let total = line(plain, self.input)
            + line(cached, self.cached_input.unwrap_or(self.input))
            + line(written, self.cache_write.unwrap_or(self.input))
            + line(usage.output_tokens, self.output);
        MicroUsd(u64::try_from(total.div_ceil(1_000_000)).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn price() -> Price {
        Price {
            input: 2_500_000,
            cached_input: None,
            cache_write: None,
            output: 10_000_000,
            as_of: "t".into(),
        }
    }

    #[test]
    fn dollars_are_read_and_shown_exactly() {
        for (text, micros, shown) in
            [("0.25", 250_000, "$0.25"), ("$2", 2_000_000, "$2.00"), (".000001", 1, "$0.000001")]
        {
            let amount: MicroUsd = text.parse().unwrap();
            assert_eq!((amount.0, amount.to_string().as_str()), (micros, shown));
        }
        for text in ["", "-1", "1e3", "0.0000001", "1,5", "99999999999999999"] {
            assert!(text.parse::<MicroUsd>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn more_usage_never_costs_less(input in 0u64..1 << 40, output in 0u64..1 << 40, more in 0u64..1 << 20) {
            let usage = Usage { input_tokens: input, output_tokens: output, ..Usage::default() };
            let larger = Usage { output_tokens: output + more, ..usage };
            prop_assert!(price().cost(&larger) >= price().cost(&usage));
        }

        #[test]
        fn a_split_call_costs_at_most_a_rounding_more(a in 0u64..1 << 30, b in 0u64..1 << 30) {
            let of = |tokens| price().cost(&Usage { input_tokens: tokens, ..Usage::default() }).0;
            prop_assert!(of(a + b) <= of(a) + of(b) && of(a) + of(b) <= of(a + b) + 1);
        }
    }
}
