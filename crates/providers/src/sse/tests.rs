//! Events equal the one-shot parse however the bytes are cut; a second, naive parser is the referee of what they are.

use proptest::prelude::*;

use super::*;

const BYTES_MAX: usize = 64;

type Events = (Vec<(String, String)>, Option<SseError>);

/// Parses `pieces` in order.
fn parse<'b>(pieces: impl IntoIterator<Item = &'b [u8]>) -> Events {
    let mut parser = SseParser::new(BYTES_MAX);
    let mut events = Vec::new();
    for mut piece in pieces {
        while let Some(event) = parser.next_event(&mut piece) {
            match event {
                Ok(event) => events.push((event.name.to_owned(), event.data.to_owned())),
                Err(error) => return (events, Some(error)),
            }
        }
        assert!(piece.is_empty(), "input was left unread");
    }
    (events, None)
}

/// The standard, read over the whole text at once. Only for texts within the limits and in UTF-8.
fn by_the_standard(bytes: &[u8]) -> Vec<(String, String)> {
    let text = std::str::from_utf8(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)).unwrap();
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let Some((lines, _unfinished)) = text.rsplit_once('\n') else { return Vec::new() };
    let (mut events, mut name, mut data) = (Vec::new(), String::new(), String::new());
    for line in lines.split('\n') {
        if line.is_empty() {
            if !data.is_empty() {
                data.pop();
                events.push((std::mem::take(&mut name), std::mem::take(&mut data)));
            }
            name.clear();
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                data += value;
                data.push('\n');
            }
            "event" => name = value.to_owned(),
            _ => {}
        }
    }
    events
}

#[track_caller]
fn check(text: &str, expected: &[(&str, &str)]) {
    let expected: Vec<_> = expected.iter().map(|(n, d)| ((*n).to_owned(), (*d).to_owned())).collect();
    assert_eq!(parse([text.as_bytes()]), (expected.clone(), None), "{text:?}");
    assert_eq!(by_the_standard(text.as_bytes()), expected, "the referee on {text:?}");
}

#[test]
fn lines_end_in_every_allowed_way() {
    check(
        "data: a\n\ndata: b\r\n\r\ndata: c\r\rdata: d\r\n\n",
        &[("", "a"), ("", "b"), ("", "c"), ("", "d")],
    );
}

#[test]
fn fields_are_read_as_the_standard_says() {
    check("\u{feff}data: a\n\n", &[("", "a")]);
    check("\ndata:a\n\n", &[("", "a")]);
    check("data:  two spaces\n\n", &[("", " two spaces")]);
    check("event: x\ndata: 1\ndata:\ndata: 2\n\n", &[("x", "1\n\n2")]);
    check("data\n\n", &[("", "")]);
    check(": ping\n\nid: 7\nretry: 10\nunknown\nevent: lost\n\ndata: kept\n\n", &[("", "kept")]);
    check("data: a: b\n\n", &[("", "a: b")]);
    check("data: cut", &[]);
    check("data: cut\n", &[]);
}

#[test]
fn the_middle_of_an_event_is_noticed() {
    let mut parser = SseParser::new(BYTES_MAX);
    for (piece, is_within) in
        [("data: a", true), ("\n", true), ("\n", false), (": x\n", false), ("event: y\n", true)]
    {
        let mut input = piece.as_bytes();
        while parser.next_event(&mut input).is_some() {}
        assert_eq!(parser.is_within_event(), is_within, "{piece:?}");
    }
}

#[test]
fn an_event_has_a_largest_size_and_nothing_follows_it() {
    let line = "x".repeat(BYTES_MAX);
    for text in [
        format!("data: {line}\n\ndata: after\n\n"),
        format!(": {line}"),
        format!("data: {half}\ndata: {half}\n\n", half = &line[..40]),
    ] {
        let error = Some(SseError::TooLarge { bytes_max: BYTES_MAX });
        assert_eq!(parse([b"data: 1\n\n".as_slice(), text.as_bytes()]).1, error, "{text}");
        assert_eq!(parse(text.as_bytes().chunks(1)), (vec![], error), "{text}");
    }
}

#[test]
fn invalid_text_is_an_error_and_split_characters_are_not() {
    assert_eq!(parse([b"data: a\xFF\n\n".as_slice()]), (vec![], Some(SseError::NotUtf8)));
    let event = "data: añ€😀\n\n".as_bytes();
    assert_eq!(parse(event.chunks(1)), (vec![(String::new(), "añ€😀".to_owned())], None));
}

/// Streams made of what is special in them, so that short texts reach every branch.
fn streams() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        "data",
        "event",
        ":",
        " ",
        "\n",
        "\r",
        "\r\n",
        "\n\n",
        "data: x\n\n",
        "é",
        "😀",
        "id: 1",
        "\u{feff}",
        "abc",
    ]);
    prop::collection::vec(pieces, 0..24).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn every_split_gives_what_the_whole_gives(stream in streams()) {
        let whole = parse([stream.as_slice()]);
        for at in 0..=stream.len() {
            prop_assert_eq!(&parse([&stream[..at], &stream[at..]]), &whole);
        }
        prop_assert_eq!(&parse(stream.chunks(1)), &whole);
        if whole.1.is_none() {
            prop_assert_eq!(whole.0, by_the_standard(&stream));
        }
    }

    #[test]
    fn any_bytes_in_any_pieces_give_the_same(bytes in prop::collection::vec(any::<u8>(), 0..200), cuts in prop::collection::vec(0usize..200, 0..6)) {
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        prop_assert_eq!(parse(pieces), parse([bytes.as_slice()]));
    }
}
