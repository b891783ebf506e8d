//! Whatever the bytes and wherever they are cut, the events are those of the one-shot parse, and memory stays within the limit.
//!
//! ```text
//! cargo install cargo-fuzz
//! cd crates/providers && cargo +nightly fuzz run sse -- -max_total_time=600
//! ```
#![no_main]

use libfuzzer_sys::fuzz_target;

/// The module itself, without the crate around it: the fuzzer's build stays at seconds.
#[path = "../../src/sse.rs"]
#[allow(dead_code, unreachable_pub, reason = "a module of a library, here for its parser alone")]
mod sse;

use sse::{SseError, SseParser};

type Events = (Vec<(String, String)>, Option<SseError>);

fn parse<'b>(bytes_max: usize, pieces: impl IntoIterator<Item = &'b [u8]>) -> Events {
    let mut parser = SseParser::new(bytes_max);
    let mut events = Vec::new();
    for mut piece in pieces {
        while let Some(event) = parser.next_event(&mut piece) {
            match event {
                Ok(event) => {
                    assert!(event.name.len() + event.data.len() <= 2 * bytes_max, "an event over the limit");
                    events.push((event.name.to_owned(), event.data.to_owned()));
                }
                Err(error) => {
                    assert!(matches!(parser.next_event(&mut piece), Some(Err(again)) if again == error));
                    return (events, Some(error));
                }
            }
        }
        assert!(piece.is_empty(), "input was left unread");
    }
    (events, None)
}

fuzz_target!(|input: (u8, Vec<u8>, Vec<u8>)| {
    let (limit, cuts, bytes) = input;
    let bytes_max = usize::from(limit) + 1;
    let whole = parse(bytes_max, [bytes.as_slice()]);

    let mut rest = bytes.as_slice();
    let mut pieces = Vec::new();
    for cut in cuts {
        let (piece, after) = rest.split_at(usize::from(cut).min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    assert_eq!(parse(bytes_max, pieces), whole, "cut in pieces");
    assert_eq!(parse(bytes_max, bytes.chunks(1)), whole, "byte by byte");
});
