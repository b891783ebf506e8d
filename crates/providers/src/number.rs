//! Numbers as requests write them and replies hold them.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

/// `value` within `range`, with four decimals: an `f32` of 0.7 goes out as `0.7`, not as `0.699999988079071`.
pub(crate) fn rounded(value: f32, range: RangeInclusive<f32>) -> Value {
    let clamped = if value.is_finite() { value.clamp(*range.start(), *range.end()) } else { *range.start() };
    json!((f64::from(clamped) * 1e4).round() / 1e4)
}

/// The count at `path` (a JSON pointer), 0 if there is none.
pub(crate) fn count(value: &Value, path: &str) -> u64 {
    value.pointer(path).and_then(Value::as_u64).unwrap_or(0)
}
