//! Tests of free text and sections.

use super::*;
use crate::{
    cancel::Cancel,
    engine::{Engine, Form, WriteRequest, Written},
    fixture,
};

fn request(form: Form) -> WriteRequest {
    WriteRequest {
        messages: vec![("user", "Write something.".to_owned())],
        form,
        tokens_max: None,
        temperature: Some(1.0),
        seed: 1,
        stop: Vec::new(),
    }
}

fn headings(limits: &[usize]) -> Form {
    let heading = |(at, &tokens_max): (usize, &usize)| Heading { text: format!("Part {at}"), tokens_max };
    Form::Sections(limits.iter().enumerate().map(heading).collect())
}

/// Writes and checks that the pieces add up to the text.
fn write(request: &WriteRequest) -> Written {
    let (engine, team) = fixture::engine();
    let mut pieces = String::new();
    let mut sink = |piece: String| {
        assert!(!piece.is_empty());
        pieces.push_str(&piece);
        Ok(())
    };
    let written = engine.write(&mut engine.session(&team), request, &Cancel::default(), &mut sink).unwrap();
    assert_eq!(pieces, written.text);
    written
}

#[test]
fn a_seed_decides_a_text_and_another_seed_another_one() {
    let first = write(&request(Form::Text));
    assert_eq!(first, write(&request(Form::Text)));
    assert_ne!(first.text, write(&WriteRequest { seed: 2, ..request(Form::Text) }).text);
    assert!(!first.text.is_empty());
    let greedy = WriteRequest { temperature: None, ..request(Form::Text) };
    assert_eq!(write(&greedy).text, write(&WriteRequest { seed: 2, ..greedy }).text);
}

#[test]
fn the_limit_of_tokens_ends_a_text() {
    for limit in [1, 5, 40] {
        let written =
            write(&WriteRequest { tokens_max: Some(limit), temperature: None, ..request(Form::Text) });
        assert!(written.reply_tokens <= limit);
        assert_eq!(written.reply_tokens == limit, written.ending == Ending::Length, "{written:?}");
    }
}

#[test]
fn a_stop_text_ends_a_text_and_is_not_shown() {
    let whole = write(&request(Form::Text)).text;
    let (at, stop) =
        whole.char_indices().nth(whole.chars().count() / 2).map(|(at, c)| (at, c.to_string())).unwrap();
    let written = write(&WriteRequest { stop: vec![stop.clone()], ..request(Form::Text) });
    assert_eq!(written.ending, Ending::StopText);
    assert_eq!(written.text, whole[..whole.find(&stop).unwrap()]);
    assert!(written.text.len() <= at);
}

#[test]
fn every_section_stands_under_its_heading_within_its_limit() {
    let limits = [8, 20, 12];
    let written = write(&request(headings(&limits)));
    let parts: Vec<&str> = written.text.split("\n\n").collect();
    assert_eq!(parts.len(), 3, "{}", written.text);
    for (at, (part, limit)) in parts.iter().zip(limits).enumerate() {
        let heading = format!("{}. Part {at}:", at + 1);
        let body = part.strip_prefix(&heading).unwrap();
        assert!(!body.contains('\n') && !body.is_empty());
        // The longest token of the tiny vocabulary has four bytes; a cut section ends with a sign of three.
        assert!(body.len() <= limit * 4 + 3, "{body}");
    }
    assert_eq!(written.ending, Ending::Done);
}

#[test]
fn a_section_has_six_tokens_even_where_the_model_wants_to_end() {
    for seed in 0..20 {
        let one = Form::Sections(vec![Heading { text: String::new(), tokens_max: 0 }]);
        let written = write(&WriteRequest { seed, ..request(one) });
        assert_eq!(written.reply_tokens, SECTION_TOKENS_MIN, "{written:?}");
    }
}

#[test]
fn the_limit_of_the_reply_leaves_sections_out() {
    let written = write(&WriteRequest { tokens_max: Some(60), ..request(headings(&[30, 30, 30])) });
    assert_eq!(written.ending, Ending::Length);
    assert!(written.reply_tokens <= 60 && written.text.starts_with("1. Part 0:"), "{written:?}");
}

#[test]
fn a_cancelled_reply_gets_not_one_piece_more() {
    let (engine, team) = fixture::engine();
    let cancel = Cancel::default();
    let mut pieces = 0;
    let mut sink = |_| {
        pieces += 1;
        if pieces == 3 {
            cancel.set();
        }
        Ok(())
    };
    let outcome = engine.write(&mut engine.session(&team), &request(Form::Text), &cancel, &mut sink);
    assert_eq!((outcome, pieces), (Err(EngineError::Cancelled), 3));
}

#[test]
fn a_request_without_messages_is_refused() {
    let (engine, team) = fixture::engine();
    let empty = WriteRequest { messages: Vec::new(), ..request(Form::Text) };
    let outcome =
        Engine::write(&engine, &mut engine.session(&team), &empty, &Cancel::default(), &mut |_| Ok(()));
    assert!(matches!(outcome, Err(EngineError::Invalid { .. })));
}
