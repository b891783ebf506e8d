//! Every form of the hint, and garbage.

use http::{HeaderName, HeaderValue};

use super::*;

/// 2026-11-23T12:00:00Z
const NOW: Duration = Duration::from_secs(1_795_435_200);

#[track_caller]
fn check(headers: &[(&str, &str)], expected_ms: Option<u64>) {
    let map: HeaderMap = headers
        .iter()
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap()))
        .collect();
    let hint = hint(&map, SystemTime::UNIX_EPOCH + NOW);
    assert_eq!(hint, expected_ms.map(Duration::from_millis), "{headers:?}");
}

#[test]
fn seconds_milliseconds_and_dates_are_read() {
    check(&[("retry-after", "20")], Some(20_000));
    check(&[("retry-after", "1.5")], Some(1_500));
    check(&[("retry-after", " 0 ")], Some(0));
    check(&[("retry-after-ms", "250"), ("retry-after", "20")], Some(250));
    check(&[("retry-after", "Mon, 23 Nov 2026 12:00:30 GMT")], Some(30_000));
    check(
        &[("retry-after", "Mon, 23 Nov 2026 12:00:30 GMT"), ("date", "Mon, 23 Nov 2026 12:00:10 GMT")],
        Some(20_000),
    );
}

#[test]
fn the_refill_of_what_is_used_up_is_a_hint() {
    check(&[("x-ratelimit-reset-requests", "6m0s")], Some(360_000));
    check(
        &[("x-ratelimit-reset-tokens", "250ms"), ("x-ratelimit-reset-requests", "1h0m1.5s")],
        Some(3_601_500),
    );
    let used_up = ("x-ratelimit-remaining-tokens", "0");
    let left = ("x-ratelimit-remaining-requests", "99");
    check(
        &[("x-ratelimit-reset-tokens", "2s"), ("x-ratelimit-reset-requests", "6m0s"), used_up, left],
        Some(2_000),
    );
    check(&[("anthropic-ratelimit-tokens-reset", "2026-11-23T12:00:05Z")], Some(5_000));
    check(
        &[
            ("anthropic-ratelimit-input-tokens-reset", "2026-11-23T13:00:05+01:00"),
            ("anthropic-ratelimit-requests-reset", "2026-11-23T12:01:00Z"),
            ("anthropic-ratelimit-requests-remaining", "4"),
        ],
        Some(5_000),
    );
    check(&[("retry-after", "1"), ("x-ratelimit-reset-tokens", "6m0s")], Some(1_000));
}

#[test]
fn the_absurd_is_clamped_and_garbage_ignored() {
    check(&[("retry-after", "-5")], Some(0));
    check(&[("retry-after", "1000000000")], Some(86_400_000));
    check(&[("retry-after", "inf")], Some(86_400_000));
    check(&[("retry-after", "Fri, 01 Jan 1999 00:00:00 GMT")], Some(0));
    check(&[("retry-after", "Mon, 23 Nov 2099 12:00:00 GMT")], Some(86_400_000));
    for garbage in ["", "soon", "NaN", "1,5", "2026-99-99", "Mon, 32 Nov 2026 12:00:30 GMT"] {
        check(&[("retry-after", garbage)], None);
        check(&[("x-ratelimit-reset-tokens", garbage)], None);
        check(&[("anthropic-ratelimit-tokens-reset", garbage)], None);
    }
    check(&[("x-ratelimit-reset-tokens", "99999999999h")], Some(86_400_000));
    check(&[], None);
}
