//! How long a vendor asks to wait, read from the headers of a refusal.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};
use jiff::Timestamp;

#[cfg(test)]
mod tests;

/// No hint is believed beyond this: a day of silence from one header would take a model out of service.
pub(crate) const HINT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The wait that `headers` ask for, from the most exact header to the least. Garbage is passed over; the past is no wait at all.
///
/// Moments are compared with the server's own `date`, so that a wrong clock here does no harm; `now` stands in where that is missing.
pub(crate) fn hint(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let now = text(header::DATE.as_str()).and_then(http_date).or_else(|| Timestamp::try_from(now).ok());
    let hint = text("retry-after-ms")
        .and_then(|value| seconds(value, 1e-3))
        .or_else(|| {
            text("retry-after")
                .and_then(|value| seconds(value, 1.0).or_else(|| until(http_date(value)?, now?)))
        })
        .or_else(|| reset(headers, now));
    hint.map(|hint| hint.min(HINT_MAX))
}

/// The wait until an exhausted allowance is refilled. A reset beside an allowance that is not exhausted is not waited for.
fn reset(headers: &HeaderMap, now: Option<Timestamp>) -> Option<Duration> {
    let resets = headers.iter().filter_map(|(name, value)| {
        let name = name.as_str();
        let value = value.to_str().ok()?.trim();
        let (remaining, wait) = if let Some(what) = name.strip_prefix("x-ratelimit-reset-") {
            (format!("x-ratelimit-remaining-{what}"), go_duration(value)?)
        } else {
            let what = name.strip_prefix("anthropic-ratelimit-")?.strip_suffix("-reset")?;
            (format!("anthropic-ratelimit-{what}-remaining"), until(value.parse().ok()?, now?)?)
        };
        let left = headers.get(remaining).and_then(|value| value.to_str().ok()?.trim().parse::<f64>().ok());
        left.is_none_or(|left| left <= 0.0).then_some(wait)
    });
    resets.max()
}

/// A number of units of `unit` seconds; negative is now, what is no number is nothing.
fn seconds(text: &str, unit: f64) -> Option<Duration> {
    let number: f64 = text.parse().ok()?;
    if number.is_nan() {
        return None;
    }
    Some(Duration::try_from_secs_f64((number * unit).clamp(0.0, HINT_MAX.as_secs_f64())).unwrap_or(HINT_MAX))
}

/// A duration as Go writes it: `6m0s`, `1h30m`, `250ms`, `1.5s`. A bare number is seconds.
fn go_duration(text: &str) -> Option<Duration> {
    if let Some(plain) = seconds(text, 1.0) {
        return Some(plain);
    }
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let (unit, length) =
            [("ms", 1e-3), ("us", 1e-6), ("µs", 1e-6), ("ns", 1e-9), ("h", 3600.0), ("m", 60.0), ("s", 1.0)]
                .into_iter()
                .find(|(unit, _)| rest.starts_with(unit))?;
        total += number * length;
        rest = &rest[unit.len()..];
    }
    (!text.is_empty()).then(|| Duration::try_from_secs_f64(total).unwrap_or(HINT_MAX))
}

/// A date of HTTP (RFC 9110, 5.6.7), in the form that senders must use.
fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp())
}

fn until(moment: Timestamp, now: Timestamp) -> Option<Duration> {
    Duration::try_from(moment.duration_since(now)).ok().or(Some(Duration::ZERO))
}
