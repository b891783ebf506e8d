//! What the events of one stream have in common.
//!
//! The pieces of a streamed reply differ in their text (and, at OpenAI, in a padding that hides its length) alone: what stands around it is the
//! same, byte for byte. Once an event has been read as JSON, the next that is alike needs no reading but its text's. That is exact: the same bytes
//! lead a reader of JSON into the same state, so only a string may stand between them, and what stands there is checked to be one.

use std::borrow::Cow;

/// An event of a stream without its text and without its padding.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    /// Up to and with the quotation mark that opens the text; empty while nothing is known.
    before: String,
    /// From the quotation mark that closes the text to the end, or to the one that opens the padding.
    after: String,
    /// From the quotation mark that closes the padding.
    end: Option<String>,
}

impl Frame {
    /// Takes the frame of `data` around `text` and the `padding` behind it: contents of JSON strings that were read out of it without a copy.
    pub(crate) fn learn(&mut self, data: &str, text: &str, padding: Option<&str>) {
        if let Some((before, after)) = around(data, text)
            && let Some(after) = padding.map_or(Some((after, None)), |padding| {
                around(after, padding).map(|(between, end)| (between, Some(end)))
            })
        {
            before.clone_into(&mut self.before);
            after.0.clone_into(&mut self.after);
            self.end = after.1.map(str::to_owned);
        }
    }

    /// The text of `data`, if it is an event in this frame.
    pub(crate) fn text<'a>(&self, data: &'a str) -> Option<Cow<'a, str>> {
        if self.before.is_empty() {
            return None;
        }
        let inside = data.strip_prefix(self.before.as_str())?;
        let text = string(inside)?;
        let rest = inside[text.len()..].strip_prefix(self.after.as_str())?;
        match &self.end {
            Some(end) => {
                let padding = string(rest)?;
                if rest[padding.len()..] != **end || padding.contains('\\') {
                    return None;
                }
            }
            None if rest.is_empty() => {}
            None => return None,
        }
        if text.contains('\\') {
            let start = self.before.len() - 1;
            return serde_json::from_str(&data[start..start + text.len() + 2]).ok().map(Cow::Owned);
        }
        Some(Cow::Borrowed(text))
    }
}

/// What stands before and behind `part` in `data`, each with its quotation mark. A part that was copied, because of an escape, lies elsewhere and says
/// nothing about its place.
fn around<'a>(data: &'a str, part: &str) -> Option<(&'a str, &'a str)> {
    let start = part.as_ptr().addr().checked_sub(data.as_ptr().addr())?;
    let (before, after) = (data.get(..start)?, data.get(start.checked_add(part.len())?..)?);
    (before.ends_with('"') && after.starts_with('"')).then_some((before, after))
}

/// The content of the JSON string that ends in `text`, as it is written; `None` if it does not end, or holds what no JSON string does.
fn string(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let mut end = 0;
    loop {
        end += memchr::memchr2(b'"', b'\\', &bytes[end..])?;
        if bytes[end] == b'"' {
            break;
        }
        // Whatever is escaped is no end. A reader of JSON looks at it later.
        end += 2;
        if end > bytes.len() {
            return None;
        }
    }
    bytes[..end].iter().all(|byte| *byte >= b' ').then(|| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = r#"{"id":"x","delta":{"content":"Hi"},"end":null}"#;
    const PADDED: &str = r#"{"id":"x","delta":{"content":"Hi"},"end":null,"padding":"Ab3"}"#;

    fn part<'a>(data: &'a str, part: &str) -> &'a str {
        let start = data.find(part).unwrap();
        &data[start..start + part.len()]
    }

    fn frame(data: &str) -> Frame {
        let mut frame = Frame::default();
        let padding = data.contains("Ab3").then(|| part(data, "Ab3"));
        frame.learn(data, part(data, "Hi"), padding);
        frame
    }

    #[test]
    fn an_event_alike_gives_its_text() {
        for data in [PLAIN, PADDED] {
            for (inside, text) in [
                ("", ""),
                (" there, Zoë", " there, Zoë"),
                (r#"a \"b\" \\ \u00e9\n"#, "a \"b\" \\ é\n"),
                (r"\\", r"\"),
                (r"\ud83d\ude00", "😀"),
            ] {
                let event = data.replace("Hi", inside).replace("Ab3", "x");
                assert_eq!(frame(data).text(&event).as_deref(), Some(text), "{event}");
            }
        }
    }

    #[test]
    fn whatever_else_is_left_to_the_reader_of_json() {
        for data in [PLAIN, PADDED] {
            for inside in [
                // More than a string: the bytes around it are the same.
                r#"a","content":"b"#,
                r#"a"},"x":{"y":"b"#,
                "a\tb",
                r"\",
                r"\x",
                r"\é",
                r"\ud83d",
            ] {
                assert_eq!(frame(data).text(&data.replace("Hi", inside)), None, "{inside}");
            }
            for other in [data.replace('x', "y"), data.replace("null", "\"stop\""), format!("{data}}}")] {
                assert_eq!(frame(data).text(&other), None, "{other}");
            }
            for length in 0..data.len() {
                assert_eq!(frame(data).text(&data[..length]), None, "cut to {length}");
            }
            assert_eq!(Frame::default().text(data), None);
        }
        for padding in ["a\tb", r"\n", r"\", r#"a","b":"c"#] {
            assert_eq!(frame(PADDED).text(&PADDED.replace("Ab3", padding)), None, "{padding}");
        }
        assert_eq!(frame(PADDED).text(PLAIN), None);
        assert_eq!(frame(PLAIN).text(PADDED), None);
    }

    #[test]
    fn a_copied_text_teaches_nothing() {
        let elsewhere = "Hi".to_owned();
        let mut new = Frame::default();
        new.learn(PLAIN, &elsewhere, None);
        assert_eq!(new.text(PLAIN), None);
        let mut known = frame(PLAIN);
        known.learn(PADDED, &elsewhere, None);
        assert_eq!(known.text(PLAIN).as_deref(), Some("Hi"));
    }
}
