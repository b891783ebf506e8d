//! Strings with an end: a few words, or a given pattern that is limited.

use regex_syntax::hir::{Hir, Look};
use serde_json::{Map, Value, json};

use super::narrow::Narrowed;
use crate::EngineError;

/// The letters of a word and the comma and blank before it.
const WORD: usize = 16;
/// The length of a string whose form is prescribed but endless.
const PRESCRIBED_MAX: usize = 48;
/// The bytes of one character in JSON: an escape such as `\u001f`.
const ESCAPE: usize = 6;

/// Narrows a schema of the type `string`; without a pattern it becomes words of at most `length_max` letters in all.
pub(super) fn narrow(members: &Map<String, Value>, length_max: usize) -> Result<Narrowed, EngineError> {
    let number = |key: &str| {
        members.get(key).and_then(Value::as_u64).map(|n| usize::try_from(n).unwrap_or(usize::MAX))
    };
    let (least, most) = (number("minLength").unwrap_or(0), number("maxLength").unwrap_or(usize::MAX));
    if least > most {
        return Err(EngineError::schema("a string must be longer than it may be"));
    }
    let pattern = members.get("pattern").and_then(Value::as_str);
    if pattern.is_none() && !members.contains_key("format") {
        let length = most.min(length_max.max(least));
        return match words(least, length) {
            fitting if least <= 1 || length >= least + 2 * WORD => Ok(fitting),
            _ => Ok(letters(least, length)),
        };
    }
    let natural = pattern.and_then(longest).unwrap_or(usize::MAX);
    let length = most.min(natural.min(PRESCRIBED_MAX.max(least)));
    let mut schema = json!({"type": "string", "minLength": least, "maxLength": length});
    for key in ["pattern", "format"] {
        if let Some(value) = members.get(key) {
            schema[key] = value.clone();
        }
    }
    Ok(Narrowed { schema, tokens_max: 2 + ESCAPE * length })
}

/// Words of ordinary text, `least` to `most` letters in all. Every token of them is at least a letter.
pub(super) fn words(least: usize, most: usize) -> Narrowed {
    if most < 2 * WORD {
        return letters(least, most);
    }
    // The shortest further word is a blank and a letter.
    let further_least = least.saturating_sub(1).div_ceil(2).max(1);
    let further_most = (most - WORD) / WORD;
    if further_least > further_most {
        return letters(least, most);
    }
    let pattern = format!(
        "^[A-Z][A-Za-z0-9]{{0,13}}(,? [A-Za-z0-9][A-Za-z0-9'-]{{0,12}}){{{further_least},{further_most}}}\\.?$"
    );
    Narrowed { schema: json!({"type": "string", "pattern": pattern}), tokens_max: 2 + most }
}

/// For lengths that words do not fit: letters, digits and blanks.
fn letters(least: usize, most: usize) -> Narrowed {
    let pattern = match (least, most) {
        (_, 0) => "^$".to_owned(),
        _ => format!("^[A-Za-z0-9][A-Za-z0-9 ]{{{},{}}}$", least.saturating_sub(1), most - 1),
    };
    Narrowed { schema: json!({"type": "string", "pattern": pattern}), tokens_max: 2 + most }
}

/// The most bytes of a text that matches `pattern` as a whole; `None` if there is no limit.
fn longest(pattern: &str) -> Option<usize> {
    let hir: Hir = regex_syntax::parse(pattern).ok()?;
    let properties = hir.properties();
    let whole = properties.look_set_prefix().contains(Look::Start)
        && properties.look_set_suffix().contains(Look::End);
    if whole { properties.maximum_len() } else { None }
}
