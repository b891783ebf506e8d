//! Tests of the forward pass: prompts at once and token by token.

use super::*;
use crate::{EngineError, cancel::Cancel, fixture};

fn session(threads: usize) -> Session {
    let folder = fixture::folder();
    let path = fixture::path(&folder);
    let header = Header::read(&mut File::open(&path).unwrap()).unwrap();
    let team = fixture::team(threads);
    let model = team.install(|| Model::load(&path, &header, 512)).unwrap();
    Session::new(Arc::new(model), team)
}

fn tokens(count: u32) -> Vec<u32> {
    (0..count).map(|at| (at * 37 + 5) % 270).collect()
}

fn feed(session: &mut Session, tokens: &[u32]) -> Vec<f32> {
    session.feed(tokens, &Cancel::default()).unwrap()
}

/// The largest difference of two tables of logits, as a share of their spread.
fn distance(one: &[f32], two: &[f32]) -> f32 {
    let spread = one.iter().copied().fold(f32::MIN, f32::max) - one.iter().copied().fold(f32::MAX, f32::min);
    one.iter().zip(two).map(|(one, two)| (one - two).abs()).fold(0.0, f32::max) / spread
}

#[test]
fn the_logits_are_those_of_the_model_written_down_plainly() {
    let folder = fixture::folder();
    let tokens = tokens(20);
    #[expect(clippy::cast_possible_truncation, reason = "compared as what the fast one returns")]
    let expected: Vec<f32> = reference::logits(&fixture::path(&folder), &tokens, 4, 2)
        .into_iter()
        .map(|logit| logit as f32)
        .collect();
    let found = feed(&mut session(1), &tokens);
    // What is left is the rounding of weights to 8 bits.
    assert!(distance(&expected, &found) < 0.02, "{}", distance(&expected, &found));
}

#[test]
fn a_prompt_in_one_pass_is_the_same_as_token_by_token() {
    // More than one pass takes.
    let tokens = tokens(150);
    let whole = feed(&mut session(1), &tokens);
    let mut stepwise = session(1);
    let mut last = Vec::new();
    for token in &tokens {
        last = feed(&mut stepwise, &[*token]);
    }
    assert_eq!(whole, last);
    let other = feed(&mut session(1), &tokens[1..]);
    assert!(distance(&whole, &other) > 0.05, "the first token matters: {}", distance(&whole, &other));
}

#[test]
fn the_number_of_threads_does_not_show() {
    let tokens = tokens(40);
    let (mut one, mut three) = (session(1), session(3));
    assert_eq!(feed(&mut one, &tokens), feed(&mut three, &tokens));
    assert_eq!(feed(&mut one, &[7]), feed(&mut three, &[7]));
}

#[test]
fn going_back_forgets() {
    let (mut straight, mut detour) = (session(1), session(1));
    let expected = feed(&mut straight, &[5, 6, 7]);
    feed(&mut detour, &[5, 6]);
    feed(&mut detour, &[100, 101]);
    detour.rewind(2);
    assert_eq!(expected, feed(&mut detour, &[7]));
}

#[test]
fn scores_are_the_logarithms_of_the_probabilities() {
    let tokens = tokens(30);
    let scores = session(1).score(&tokens, &Cancel::default()).unwrap();
    assert_eq!(scores.len(), 29);
    let mut stepwise = session(1);
    for (at, score) in scores.iter().enumerate() {
        let logits = feed(&mut stepwise, &tokens[at..=at]);
        let peak = f64::from(logits.iter().copied().fold(f32::MIN, f32::max));
        let sum: f64 = logits.iter().map(|&logit| (f64::from(logit) - peak).exp()).sum();
        let expected = f64::from(logits[tokens[at + 1] as usize]) - peak - sum.ln();
        assert!((score - expected).abs() < 1e-4, "{at}: {score} against {expected}");
    }
}

#[test]
fn what_does_not_fit_is_an_error() {
    let mut session = session(1);
    let long = tokens(513);
    assert_eq!(
        session.feed(&long, &Cancel::default()),
        Err(EngineError::WindowTooSmall { needed: 513, window: 512 })
    );
    assert!(session.feed(&long[..512], &Cancel::default()).is_ok());
    assert_eq!(session.room(), 0);
    assert!(session.feed(&[1], &Cancel::default()).is_err());
    session.rewind(0);
    assert!(matches!(session.feed(&[273], &Cancel::default()), Err(EngineError::Fault { .. })));
}

#[test]
fn a_cancelled_pass_does_not_begin_another_layer() {
    let cancel = Cancel::default();
    cancel.set();
    let mut session = session(1);
    assert_eq!(session.feed(&[1, 2], &cancel), Err(EngineError::Cancelled));
    assert_eq!(session.room(), 512, "nothing was appended");
}

#[test]
fn parameters_are_counted_once() {
    let folder = fixture::folder();
    let path = fixture::path(&folder);
    let header = Header::read(&mut File::open(&path).unwrap()).unwrap();
    let model = Model::load(&path, &header, 512).unwrap();
    let layer = 64 * 64 * 2 + 32 * 64 * 2 + 3 * 96 * 64 + 2 * 64;
    assert_eq!(model.parameters(), 273 * 64 + 2 * layer + 64);
}
