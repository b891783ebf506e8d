//! Strings, numbers, booleans and choices that a schema allows.

use serde_json::{Map, Number, Value};

use super::{Place, Unsupported, is_kind, limit, pattern::Pattern};
use crate::content::prose;

/// Length of a free string in characters when nothing limits it.
const TEXT_CHARS: usize = 240;

/// Names that mean good news when they are true; and the same for false.
const RATHER_TRUE: [&str; 8] = ["ok", "pass", "passed", "approve", "approved", "valid", "done", "success"];
const RATHER_FALSE: [&str; 6] = ["abstain", "veto", "refused", "error", "failed", "blocked"];
/// Members of a choice that keep a run going; the first one found is taken.
const RATHER_CHOSEN: [&str; 4] = ["pass", "ok", "approve", "approved"];

pub(super) fn choice(
    options: &[Value],
    keywords: &Map<String, Value>,
    suggestion: Option<&Value>,
    place: &Place,
) -> Result<Value, Unsupported> {
    let typed = |value: &&Value| match keywords.get("type") {
        Some(Value::String(kind)) => is_kind(value, kind),
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).any(|kind| is_kind(value, kind)),
        _ => true,
    };
    let allowed: Vec<&Value> = options.iter().filter(typed).collect();
    let wanted = suggestion.and_then(|wanted| allowed.iter().find(|option| **option == wanted));
    let friendly =
        || allowed.iter().find(|option| option.as_str().is_some_and(|text| RATHER_CHOSEN.contains(&text)));
    match wanted.or_else(friendly).copied().or_else(|| place.dice.clone().pick(&allowed)) {
        Some(value) => Ok(value.clone()),
        None => place.refuse("no member of the enum has the type that is asked for"),
    }
}

pub(super) fn boolean(suggestion: Option<&Value>, place: &Place) -> Value {
    let name = place.name();
    let by_name = || {
        if RATHER_TRUE.contains(&name) {
            true
        } else {
            !RATHER_FALSE.contains(&name) && place.dice.clone().chance(0.5)
        }
    };
    Value::Bool(suggestion.and_then(Value::as_bool).unwrap_or_else(by_name))
}

pub(super) fn string(
    keywords: &Map<String, Value>,
    suggestion: Option<&Value>,
    place: &Place,
) -> Result<Value, Unsupported> {
    let min = limit(keywords, "minLength").unwrap_or(0);
    let max = limit(keywords, "maxLength").unwrap_or(usize::MAX);
    let fits = |text: &str| (min..=max).contains(&text.chars().count());
    if min > max {
        return place.refuse(format!("minLength {min} is above maxLength {max}"));
    }
    let suggested = suggestion.and_then(Value::as_str);
    if let Some(source) = keywords.get("pattern").and_then(Value::as_str) {
        let pattern = match Pattern::parse(source) {
            Ok(pattern) => pattern,
            Err(why) => return place.refuse(format!("the pattern {source:?} is not supported: {why}")),
        };
        if let Some(text) = suggested.filter(|text| fits(text) && pattern.matches(text)) {
            return Ok(text.into());
        }
        // Generous first, then as short and as long as the pattern can be.
        return match pattern.samples(&place.dice).into_iter().find(|text| fits(text)) {
            Some(text) => Ok(text.into()),
            None => place
                .refuse(format!("no text was found that matches {source:?} in {min} to {max} characters")),
        };
    }
    if let Some(format) = keywords.get("format").and_then(Value::as_str) {
        return match sample_of(format).filter(|text| fits(text)) {
            Some(text) => Ok(text.into()),
            None => place.refuse(format!("the format {format:?} is not supported with these limits")),
        };
    }
    let text = match suggested {
        Some(text) => text.to_owned(),
        None => prose::free_text(place.name(), &place.dice, TEXT_CHARS.clamp(min, max)),
    };
    Ok(padded(prose::clipped(text, max), min).into())
}

fn padded(mut text: String, min: usize) -> String {
    for _ in text.chars().count()..min {
        text.push('.');
    }
    text
}

fn sample_of(format: &str) -> Option<&'static str> {
    Some(match format {
        "date" => "2026-03-14",
        "time" => "09:26:53Z",
        "date-time" => "2026-03-14T09:26:53Z",
        "duration" => "P3D",
        "email" => "someone@example.com",
        "hostname" => "example.com",
        "ipv4" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        "uri" => "https://example.com/",
        "uuid" => "0f8fad5b-d9cb-469f-a165-70867728950e",
        _ => return None,
    })
}

pub(super) fn integer(
    keywords: &Map<String, Value>,
    suggestion: Option<&Value>,
    place: &Place,
) -> Result<Value, Unsupported> {
    let step = keywords.get("multipleOf").and_then(Value::as_f64).map_or(1.0, |step| step.abs().max(1.0));
    if step.fract() != 0.0 {
        return place.refuse("multipleOf of an integer must be a whole number");
    }
    let (low, high) = bounds(keywords, 1.0);
    let (low, high) = ((low / step).ceil(), (high / step).floor());
    if low > high {
        return place.refuse("no whole number lies between its bounds");
    }
    let drawn = || (place.dice.clone().between(low, (low + 100.0).min(high) + 1.0)).floor();
    let steps = suggestion.and_then(Value::as_f64).map_or_else(drawn, |wanted| (wanted / step).round());
    #[expect(clippy::cast_possible_truncation, reason = "whole and far inside 64 bits; the cast saturates")]
    Ok(Value::from((steps.clamp(low, high) * step) as i64))
}

pub(super) fn number(
    keywords: &Map<String, Value>,
    suggestion: Option<&Value>,
    place: &Place,
) -> Result<Value, Unsupported> {
    let step = keywords.get("multipleOf").and_then(Value::as_f64);
    if step.is_some_and(|step| step >= 1.0) {
        return integer(keywords, suggestion, place);
    }
    // Two digits read like a model's; a range narrower than that gets its middle.
    let (low, high) = bounds(keywords, f64::EPSILON);
    if low > high {
        return place.refuse("no number lies between its bounds");
    }
    let wanted = suggestion.and_then(Value::as_f64);
    let drawn =
        wanted.unwrap_or_else(|| place.dice.clone().between(low, high.min(low + 100.0))).clamp(low, high);
    let grain = step.unwrap_or(0.01);
    let inside = |value: &f64| (low..=high).contains(value);
    let round = |value: f64| if grain >= 0.01 { (value * 100.0).round() / 100.0 } else { value };
    let rounded = Some(round((drawn / grain).round() * grain)).filter(inside);
    let whole = step.is_some().then(|| (low / grain).ceil() * grain).filter(inside);
    let value = rounded.or(whole).or_else(|| step.is_none().then_some(f64::midpoint(low, high)));
    match value.and_then(Number::from_f64) {
        Some(number) => Ok(Value::Number(number)),
        None => place.refuse("no multiple lies between its bounds"),
    }
}

/// The closed range between the bounds; an exclusive one is moved in by `grain`.
fn bounds(keywords: &Map<String, Value>, grain: f64) -> (f64, f64) {
    let get = |name: &str| keywords.get(name).and_then(Value::as_f64);
    let least = get("minimum").into_iter().chain(get("exclusiveMinimum").map(|bound| above(bound, grain)));
    let most = get("maximum").into_iter().chain(get("exclusiveMaximum").map(|bound| -above(-bound, grain)));
    let low = least.fold(f64::NEG_INFINITY, f64::max);
    let high = most.fold(f64::INFINITY, f64::min);
    match (low.is_finite(), high.is_finite()) {
        (true, true) => (low, high),
        (true, false) => (low, low.max(0.0) + 100.0),
        (false, true) => (high.min(0.0) - 100.0, high),
        (false, false) => (0.0, 100.0),
    }
}

fn above(bound: f64, grain: f64) -> f64 {
    if grain >= 1.0 { bound.floor() + 1.0 } else { bound + grain * bound.abs().max(1.0) }
}
