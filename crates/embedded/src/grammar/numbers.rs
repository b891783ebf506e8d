//! Numbers with an end: ranges of whole numbers, or a short list of fractions.

use serde_json::{Map, Number, Value, json};

use super::narrow::Narrowed;
use crate::EngineError;

/// Where a schema names no bounds.
const LEAST_DEFAULT: f64 = 0.0;
const SPAN_DEFAULT: f64 = 100.0;
/// A range this narrow is offered in steps instead of whole numbers.
const NARROW_SPAN: f64 = 2.0;
const STEPS: u32 = 20;
/// Beyond it, an `f64` is no exact whole number.
const WHOLE_MAX: f64 = 9.0e15;

/// Narrows a schema of the type `integer` or `number`.
pub(super) fn narrow(members: &Map<String, Value>, kind: &str) -> Result<Narrowed, EngineError> {
    let bound = |key: &str| members.get(key).and_then(Value::as_f64);
    let least = larger(bound("minimum"), bound("exclusiveMinimum"));
    let most = larger(bound("maximum").map(|most| -most), bound("exclusiveMaximum").map(|most| -most))
        .map(|most| -most);
    let (from, to) = match (least, most) {
        (None, None) => (LEAST_DEFAULT, LEAST_DEFAULT + SPAN_DEFAULT),
        (Some(least), None) => (least, least.max(LEAST_DEFAULT) + SPAN_DEFAULT),
        (None, Some(most)) => (most.min(LEAST_DEFAULT + SPAN_DEFAULT) - SPAN_DEFAULT, most),
        (Some(least), Some(most)) => (least, most),
    };
    let allowed = |value: f64| {
        from <= value
            && value <= to
            && bound("exclusiveMinimum").is_none_or(|least| value > least)
            && bound("exclusiveMaximum").is_none_or(|most| value < most)
    };
    if let Some(step) = bound("multipleOf") {
        return multiples(step, from, allowed);
    }
    if kind == "number" && to - from <= NARROW_SPAN {
        let values = (0..=STEPS).map(|at| rounded(from + (to - from) * f64::from(at) / f64::from(STEPS)));
        return listed(values.filter(|&value| allowed(value)));
    }
    let first = from.ceil() + if allowed(from.ceil()) { 0.0 } else { 1.0 };
    let last = to.floor() - if allowed(to.floor()) { 0.0 } else { 1.0 };
    if first > last || first.abs() > WHOLE_MAX || last.abs() > WHOLE_MAX {
        return Err(EngineError::schema("a range of numbers is empty or too large"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole and within the limit above")]
    let (first, last) = (first as i64, last as i64);
    let tokens_max = first.to_string().len().max(last.to_string().len());
    Ok(Narrowed { schema: json!({"type": "integer", "minimum": first, "maximum": last}), tokens_max })
}

fn multiples(step: f64, from: f64, allowed: impl Fn(f64) -> bool) -> Result<Narrowed, EngineError> {
    if step.is_nan() || step <= 0.0 {
        return Err(EngineError::schema("`multipleOf` is not above zero"));
    }
    let first = (from / step).ceil();
    let values = (0..=STEPS).map(|at| rounded((first + f64::from(at)) * step));
    listed(values.filter(|&value| allowed(value)))
}

fn listed(values: impl Iterator<Item = f64>) -> Result<Narrowed, EngineError> {
    let mut values: Vec<Value> = values.filter_map(plain).map(Value::Number).collect();
    values.dedup();
    let longest = values.iter().map(|value| value.to_string().len()).max();
    let tokens_max = longest.ok_or_else(|| EngineError::schema("a range of numbers is empty"))?;
    Ok(Narrowed { schema: json!({"enum": values}), tokens_max })
}

/// Without the last digits, which are noise of the division.
fn rounded(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

/// Whole numbers without a point.
fn plain(value: f64) -> Option<Number> {
    #[expect(clippy::cast_possible_truncation, reason = "whole and within the limit")]
    if value.fract() == 0.0 && value.abs() < WHOLE_MAX {
        Some(Number::from(value as i64))
    } else {
        Number::from_f64(value)
    }
}

fn larger(one: Option<f64>, two: Option<f64>) -> Option<f64> {
    match (one, two) {
        (Some(one), Some(two)) => Some(one.max(two)),
        (one, two) => one.or(two),
    }
}
