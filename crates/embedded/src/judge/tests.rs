//! Tests of judging by likelihood: symmetric, finite, cancellable.

use super::*;
use crate::fixture;

fn verdict(candidates: &[&str]) -> Result<Judged, EngineError> {
    let (engine, team) = fixture::engine();
    let candidates: Vec<String> = candidates.iter().map(|&candidate| candidate.to_owned()).collect();
    engine.judge(&mut engine.session(&team), "Which way?", &candidates, &Cancel::default())
}

#[test]
fn preferences_mirror_and_follow_the_candidates() {
    let (one, other) =
        (verdict(&["left", "right ahead", "up"]).unwrap(), verdict(&["up", "left", "right ahead"]).unwrap());
    let moved = [1, 2, 0];
    for i in 0..3 {
        assert_eq!(one.preference[i][i].to_bits() << 1, 0, "the diagonal is zero");
        assert!((one.fit[i] - other.fit[moved[i]]).abs() < 1e-9, "{:?} {:?}", one.fit, other.fit);
        for j in 0..3 {
            assert!((one.preference[i][j] + one.preference[j][i]).abs() < 1e-12);
            let difference = one.preference[i][j] - other.preference[moved[i]][moved[j]];
            assert!(difference.abs() < 1e-9, "{i} {j}: {difference}");
        }
    }
    assert!(
        one.preference[0][1].abs() > 1e-3,
        "the order of showing alone decides nothing: {:?}",
        one.preference
    );
}

#[test]
fn the_same_text_twice_is_preferred_to_itself_by_nothing() {
    let judged = verdict(&["same words", "same words"]).unwrap();
    assert!(judged.preference[0][1].abs() < 1e-9, "{:?}", judged.preference);
    assert!((judged.fit[0] - judged.fit[1]).abs() < 1e-9);
}

#[test]
fn one_candidate_an_empty_one_and_none() {
    let judged = verdict(&["alone"]).unwrap();
    assert_eq!((judged.preference.len(), judged.fit.len()), (1, 1));
    let judged = verdict(&["something", ""]).unwrap();
    assert!(judged.preference[0][1].is_finite());
    assert_eq!(judged.fit[1].to_bits(), 0.0_f64.to_bits());
    assert!(matches!(verdict(&[]), Err(EngineError::Invalid { .. })));
    assert!(matches!(verdict(&["x"; 9]), Err(EngineError::Invalid { .. })));
}

#[test]
fn long_candidates_are_cut_to_fit_the_window() {
    let long = "word ".repeat(20_000);
    let judged = verdict(&[&long, "short"]).unwrap();
    assert!(judged.tokens < 4 * fixture::WINDOW, "{}", judged.tokens);
}

#[test]
fn a_cancelled_judgement_stops() {
    let (engine, team) = fixture::engine();
    let cancel = Cancel::default();
    cancel.set();
    let outcome = engine.judge(&mut engine.session(&team), "q", &["a".to_owned(), "b".to_owned()], &cancel);
    assert_eq!(outcome, Err(EngineError::Cancelled));
}
