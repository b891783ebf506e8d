//! A JSON document, bare or in a code fence, in canonical form.

use async_orchestrator_core::canonical_json;
use serde_json::{Number, Value};

/// The canonical form of the document in `text`; `None` if it holds none.
pub(super) fn document(text: &str) -> Option<String> {
    let text = text.trim();
    let mut value: Value =
        serde_json::from_str(text).ok().or_else(|| serde_json::from_str(fenced(text)?).ok())?;
    whole_numbers(&mut value);
    canonical_json(&value).ok()
}

/// What stands in the first code fence.
fn fenced(text: &str) -> Option<&str> {
    let (_, after) = text.split_once("```")?;
    let (_, body) = after.split_once('\n')?;
    body.split_once("```").map(|(body, _)| body.trim())
}

/// Writes 1.0 as 1: the same number to JSON Schema, and to people.
fn whole_numbers(value: &mut Value) {
    /// Up to here every integer is a float and back.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(map) => map.values_mut().for_each(whole_numbers),
        Value::Number(number) => {
            let float = number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0);
            if let Some(float) = float.filter(|float| float.abs() <= EXACT_MAX) {
                // Through the decimal form, which is exact here: no cast that could cut.
                let whole = format!("{:.0}", float + 0.0).parse::<i64>().ok();
                if let Some(whole) = whole {
                    *number = Number::from(whole);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}
