//! Where the final answer stands in a longer text.

/// After the last of these comes the answer. Lower case.
const MARKERS: [&str; 18] = [
    "\\boxed{",
    "####",
    "answer is",
    "answer:",
    "answer**:",
    "answer =",
    "antwort ist",
    "antwort lautet",
    "antwort:",
    "réponse est",
    "réponse :",
    "réponse:",
    "respuesta es",
    "respuesta:",
    "ответ:",
    "答案是",
    "答案:",
    "答え:",
];

/// No closed answer is longer; a longer tail is cut here before it is read.
const ANSWER_BYTES_MAX: usize = 400;

/// The places to look at, in order: after the last marker, the whole text if it is short, the last line.
pub(super) fn places(text: &str) -> Vec<&str> {
    let mut places = Vec::new();
    if let Some(tail) = after_last_marker(text) {
        places.push(tail);
    }
    if text.len() <= ANSWER_BYTES_MAX {
        places.push(text);
    }
    if let Some(line) = text.lines().rev().map(str::trim).find(|line| !line.is_empty()) {
        places.push(head(line));
    }
    places
}

/// The rest of the line after the marker that begins last; for a box, what is in it.
fn after_last_marker(text: &str) -> Option<&str> {
    let (start, marker) = MARKERS
        .iter()
        .filter_map(|marker| Some((last_occurrence(text, marker)?, marker)))
        .max_by_key(|(start, marker)| (*start, marker.len()))?;
    let tail = &text[start + marker.len()..];
    if *marker == "\\boxed{" {
        return closed_by_brace(tail).map(head);
    }
    let tail = tail.trim_start_matches([' ', ':', '\u{ff1a}', '*', '\n', '\r', '\t']);
    tail.lines().next().map(|line| head(line.trim()))
}

/// `str::rfind` without regard to ASCII case; byte positions stay those of `text`.
fn last_occurrence(text: &str, marker: &str) -> Option<usize> {
    let (text, marker) = (text.as_bytes(), marker.as_bytes());
    text.windows(marker.len()).rposition(|window| window.eq_ignore_ascii_case(marker))
}

/// The text up to the brace that closes the one before it.
pub(super) fn closed_by_brace(text: &str) -> Option<&str> {
    let mut depth = 1_u32;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(&text[..at]);
        }
    }
    None
}

fn head(text: &str) -> &str {
    &text[..text.floor_char_boundary(ANSWER_BYTES_MAX)]
}
