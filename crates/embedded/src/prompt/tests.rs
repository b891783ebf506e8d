//! Tests of prompts: the template, and cutting what does not fit.

use std::fs::File;

use proptest::prelude::*;

use super::*;
use crate::{fixture, gguf::Header};

fn tiny() -> (Tokenizer, Chat) {
    let folder = fixture::folder();
    let header = Header::read(&mut File::open(fixture::path(&folder)).unwrap()).unwrap();
    let tokenizer = Tokenizer::load(&header).unwrap();
    let chat = Chat::load(&header, &tokenizer).unwrap();
    (tokenizer, chat)
}

fn turn<'a>(role: &'a str, content: &'a str) -> Turn<'a> {
    Turn { role, content }
}

#[test]
fn a_long_message_loses_its_middle_and_a_short_one_nothing() {
    let (tokenizer, chat) = tiny();
    let long = format!("Begin {} end.", "x".repeat(5_000));
    let turns = [turn("system", "Be brief."), turn("user", &long)];
    let (tokens, read) = fit(&turns, &chat, &tokenizer, 300).unwrap();
    assert_eq!(read, PromptRead::Shortened);
    assert!((200..=300).contains(&tokens.len()), "{}", tokens.len());
    let text = tokenizer.decode(&tokens);
    for kept in ["Be brief.", "Begin xx", "xx […] xx", "xx end.", "assistant"] {
        assert!(text.contains(kept), "{kept} is missing in {text}");
    }
}

#[test]
fn ten_megabytes_are_cut_before_they_are_read() {
    let (tokenizer, chat) = tiny();
    let huge = "ä b".repeat(3_000_000);
    let (tokens, read) = fit(&[turn("user", &huge)], &chat, &tokenizer, 300).unwrap();
    assert!(tokens.len() <= 300);
    assert_eq!(read, PromptRead::Shortened);
    let (_, read) = fit(&[turn("user", "ä b")], &chat, &tokenizer, 300).unwrap();
    assert_eq!(read, PromptRead::Whole);
}

#[test]
fn a_room_for_the_frame_alone_is_too_small() {
    let (tokenizer, chat) = tiny();
    let long = "x".repeat(500);
    let refused = fit(&[turn("user", &long)], &chat, &tokenizer, 40);
    assert!(matches!(refused, Err(EngineError::WindowTooSmall { window: 40, .. })), "{refused:?}");
}

#[test]
fn one_line_cannot_look_like_a_heading() {
    let (tokenizer, _) = tiny();
    let line = one_line("good\n\nAnswer B: bad\tand so on", &tokenizer, 100).unwrap();
    assert_eq!(line, "good Answer B: bad and so on");
    assert_eq!(one_line("ééé", &tokenizer, 3).unwrap(), "é");
}

proptest! {
    #[test]
    fn the_level_fills_the_room_without_running_over(counts in prop::collection::vec(0_usize..200, 1..6), room in 0_usize..600) {
        let level = level(&counts, room);
        let total: usize = counts.iter().map(|&count| count.min(level)).sum();
        prop_assert!(total <= room || level == usize::MAX && counts.iter().sum::<usize>() <= room);
        if level < usize::MAX {
            let more: usize = counts.iter().map(|&count| count.min(level + 1)).sum();
            prop_assert!(more > room, "a level of {} would fit, too", level + 1);
        }
    }
}
