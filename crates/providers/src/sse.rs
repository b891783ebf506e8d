//! Reads server-sent events from bytes. No I/O, no waiting: bytes in, events out.
//!
//! After the WHATWG HTML standard, section 9.2.6 (parsing an event stream), with two differences: an event with invalid UTF-8 is an error
//! instead of being patched with replacement characters, and an event has a largest size. `id` and `retry` are ignored; nothing here
//! reconnects.

#[cfg(test)]
mod tests;

/// One event. Its texts live in the parser until the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SseEvent<'p> {
    /// The value of its `event` field, empty if it had none.
    pub name: &'p str,
    /// Its `data` lines, joined by newlines.
    pub data: &'p str,
}

/// Why a stream of events cannot be read on. Nothing after it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SseError {
    /// A line or an event is larger than allowed.
    #[error("an event is larger than {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// An event's bytes are no UTF-8.
    #[error("an event is not valid UTF-8")]
    NotUtf8,
}

/// Turns the bytes of a stream into events, however they are cut into pieces.
///
/// ```
/// use async_orchestrator_providers::SseParser;
///
/// let mut parser = SseParser::new(1 << 20);
/// let mut piece: &[u8] = b"event: greeting\ndata: hel";
/// assert!(parser.next_event(&mut piece).is_none(), "nothing is complete yet");
///
/// let mut piece: &[u8] = b"lo\n\n: a comment\n";
/// let event = parser.next_event(&mut piece).unwrap()?;
/// assert_eq!((event.name, event.data), ("greeting", "hello"));
/// assert!(parser.next_event(&mut piece).is_none() && piece.is_empty());
/// # Ok::<(), async_orchestrator_providers::SseError>(())
/// ```
#[derive(Debug)]
pub struct SseParser {
    bytes_max: usize,
    /// The beginning of a line whose end has not come yet.
    line: Vec<u8>,
    name: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    /// Whether the event in `name` and `data` has been handed out and is to be cleared.
    is_spent: bool,
    at: At,
    failed: Option<SseError>,
}

/// Where in the stream the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// In the first line, which may begin with a byte order mark.
    Start,
    /// Behind a CR: an LF here belongs to the line before.
    BehindCr,
    /// In any other place.
    Later,
}

impl SseParser {
    /// A parser at the start of a stream whose events and lines have at most `bytes_max` bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            line: Vec::new(),
            name: Vec::new(),
            data: Vec::new(),
            has_data: false,
            is_spent: false,
            at: At::Start,
            failed: None,
        }
    }

    /// Reads from `input` up to the end of the next event, and moves `input` behind what was read. `None`: all was read and the next event
    /// is not complete. After an error, every call returns it again.
    ///
    /// At the end of the stream, an incomplete event is dropped, as the standard says.
    ///
    /// # Errors
    /// If an event is larger than allowed or no UTF-8.
    pub fn next_event(&mut self, input: &mut &[u8]) -> Option<Result<SseEvent<'_>, SseError>> {
        self.clear_spent();
        while self.failed.is_none() {
            let Some(is_complete) = self.read_line(input) else { break };
            if is_complete {
                return Some(self.hand_out());
            }
        }
        self.failed.map(Err)
    }

    /// Whether the stream, if it ended here, would end within an event.
    pub fn is_within_event(&self) -> bool {
        !self.line.is_empty() || (!self.is_spent && (self.has_data || !self.name.is_empty()))
    }

    /// Reads one line. `None`: it is not complete. `Some(true)`: it completed an event.
    fn read_line(&mut self, input: &mut &[u8]) -> Option<bool> {
        if self.at == At::BehindCr && !input.is_empty() {
            self.at = At::Later;
            *input = input.strip_prefix(b"\n").unwrap_or(input);
        }
        let Some(end) = memchr::memchr2(b'\n', b'\r', input) else {
            self.keep(input);
            *input = &[];
            return None;
        };
        let (rest_of_line, after) = (&input[..end], &input[end + 1..]);
        let behind = if input[end] == b'\r' { At::BehindCr } else { At::Later };
        *input = after;
        let is_complete = if self.line.is_empty() {
            // The common case: the line lies whole in the input and is not copied first.
            self.take_line(rest_of_line)
        } else {
            self.keep(rest_of_line);
            if self.failed.is_some() {
                return None;
            }
            let line = std::mem::take(&mut self.line);
            let is_complete = self.take_line(&line);
            self.line = line;
            self.line.clear();
            is_complete
        };
        self.at = behind;
        Some(is_complete)
    }

    fn keep(&mut self, part: &[u8]) {
        if self.line.len() + part.len() > self.bytes_max {
            self.fail_too_large();
        } else {
            self.line.extend_from_slice(part);
        }
    }

    /// Understands one line without its end; true if it completes an event.
    fn take_line(&mut self, line: &[u8]) -> bool {
        let mut line = line;
        if line.len() > self.bytes_max {
            self.fail_too_large();
            return false;
        }
        if self.at == At::Start {
            line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        }
        if line.is_empty() {
            if self.has_data {
                return true;
            }
            self.name.clear();
            return false;
        }
        let (field, value) = match memchr::memchr(b':', line) {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &line[line.len()..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => self.add_data(value),
            b"event" => {
                self.name.clear();
                self.name.extend_from_slice(value);
            }
            // Comments have an empty field name; `id`, `retry` and unknown fields mean nothing here.
            _ => {}
        }
        false
    }

    fn add_data(&mut self, value: &[u8]) {
        if self.data.len() + value.len() + 1 > self.bytes_max {
            self.fail_too_large();
            return;
        }
        if self.has_data {
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(value);
        self.has_data = true;
    }

    fn hand_out(&mut self) -> Result<SseEvent<'_>, SseError> {
        self.is_spent = true;
        let (Ok(name), Ok(data)) = (std::str::from_utf8(&self.name), std::str::from_utf8(&self.data)) else {
            self.failed = Some(SseError::NotUtf8);
            return Err(SseError::NotUtf8);
        };
        Ok(SseEvent { name, data })
    }

    fn clear_spent(&mut self) {
        if std::mem::take(&mut self.is_spent) {
            self.name.clear();
            self.data.clear();
            self.has_data = false;
        }
    }

    fn fail_too_large(&mut self) {
        self.failed = Some(SseError::TooLarge { bytes_max: self.bytes_max });
        self.line = Vec::new();
    }
}
