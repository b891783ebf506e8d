//! Texts as JSON: in quotes, with what must be escaped escaped as serde_json does.

use std::fmt::Write as _;

/// A text in quotes, with serde_json's escapes. What stands between two of them is copied at once.
pub(crate) fn write_text(string: &str, text: &mut String) {
    text.reserve(string.len() + 2);
    text.push('"');
    let mut rest = string;
    while let Some(at) = first_escaped(rest.as_bytes()) {
        // The byte at `at` is ASCII, so both cuts are between characters.
        let (before, from) = rest.split_at(at);
        let (escaped, after) = from.split_at(1);
        text.push_str(before);
        match escaped.as_bytes() {
            b"\"" => text.push_str("\\\""),
            b"\\" => text.push_str("\\\\"),
            b"\n" => text.push_str("\\n"),
            b"\r" => text.push_str("\\r"),
            b"\t" => text.push_str("\\t"),
            b"\x08" => text.push_str("\\b"),
            b"\x0c" => text.push_str("\\f"),
            // Writing to a string cannot fail.
            control => drop(write!(text, "\\u{:04x}", control.first().copied().unwrap_or_default())),
        }
        rest = after;
    }
    text.push_str(rest);
    text.push('"');
}

/// Where the first byte stands that JSON escapes. Many bytes are looked at at once, without a branch between them.
fn first_escaped(bytes: &[u8]) -> Option<usize> {
    let (chunks, _) = bytes.as_chunks();
    let clean = chunks.iter().take_while(|chunk| !any_escaped(chunk)).count();
    if clean == chunks.len() && ends_clean(bytes) {
        return None;
    }
    let rest = bytes.get(clean * AT_ONCE..).unwrap_or_default();
    rest.iter().position(|byte| is_escaped(*byte)).map(|at| clean * AT_ONCE + at)
}

const AT_ONCE: usize = 16;

const fn is_escaped(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn any_escaped(chunk: &[u8; AT_ONCE]) -> bool {
    chunk.iter().fold(false, |found, byte| found | is_escaped(*byte))
}

/// Whether nothing is escaped in the last sixteen bytes, or in all of fewer. Where they do not come out even, some are looked at twice.
fn ends_clean(bytes: &[u8]) -> bool {
    if let Some(last) = bytes.last_chunk() {
        return !any_escaped(last);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        return !has_escaped(u64::from_ne_bytes(*first)) && !has_escaped(u64::from_ne_bytes(*last));
    }
    if let (Some([a, b, c, d]), Some([e, f, g, h])) = (bytes.first_chunk(), bytes.last_chunk()) {
        return !has_escaped(u64::from_ne_bytes([*a, *b, *c, *d, *e, *f, *g, *h]));
    }
    !bytes.iter().any(|byte| is_escaped(*byte))
}

/// Whether one of eight bytes is escaped (Anderson, "Bit Twiddling Hacks": a byte less than n, a byte that is zero).
const fn has_escaped(eight: u64) -> bool {
    const ONES: u64 = u64::MAX / 0xff;
    const fn less(eight: u64, than: u8) -> u64 {
        eight.wrapping_sub(ONES * than as u64) & !eight & (ONES * 0x80)
    }
    let quotes = less(eight ^ (ONES * b'"' as u64), 1);
    let backslashes = less(eight ^ (ONES * b'\\' as u64), 1);
    less(eight, 0x20) | quotes | backslashes != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_as_serde_json_escapes_them() {
        let every: String = (0..0x180).filter_map(char::from_u32).collect();
        let mut texts: Vec<String> = every.chars().map(String::from).collect();
        // Each byte in each place of short texts, and each place of an escape in and around those that are looked at together.
        for (length, place) in (1..20).flat_map(|length| (0..length).map(move |place| (length, place))) {
            texts.extend((0..0x80_u8).map(|byte| {
                let of = |at| char::from(if at == place { byte } else { b'a' });
                (0..length).map(of).collect()
            }));
        }
        texts.extend(
            (0..40).map(|at| format!("{}\n\"{}", "é".repeat(at / 2) + &"x".repeat(at), "y".repeat(40 - at))),
        );
        texts.extend([every, String::new()]);
        for text in texts {
            let mut written = String::new();
            write_text(&text, &mut written);
            assert_eq!(written, serde_json::to_string(&text).unwrap());
        }
    }
}
