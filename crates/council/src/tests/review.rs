//! Ballots: read tolerantly, judged strictly.

use async_orchestrator_core::{
    BallotFlag, Cause, DecisionRecord, ErrorKind, JudgedBy, LikelihoodVerdict, RoleOutcome, Usage,
};
use serde_json::json;

use super::replies::BallotForm;
use super::table::Table;
use crate::ballot::{ReadBallot, read_ballot};

/// The record of a run in which the first critic fills in its ballot like this, at the first call and at the repair.
#[track_caller]
fn ballot(write: impl Fn(&mut BallotForm) + Send + Sync + 'static) -> DecisionRecord {
    Table::new().ballot("critic-1", write).record()
}

/// Whether such a ballot is refused, after a repair that gave the same again.
#[track_caller]
fn refused(write: impl Fn(&mut BallotForm) + Send + Sync + 'static, why: &str) {
    let record = ballot(write);
    let absence = record.absences.first().expect("an absence");
    assert_eq!((absence.seat.to_string().as_str(), absence.cause), ("critic-1", Cause::Malformed));
    assert!(absence.why.contains(why), "{}", absence.why);
    assert_eq!(record.ballots.len(), 1);
}

#[track_caller]
fn weighs(record: &DecisionRecord, ballot: usize, expected: f64) {
    let weight = record.ballots[ballot].weight;
    assert!((weight - expected).abs() < 1e-12, "{weight}");
}

#[test]
fn labels_must_be_exactly_those_shown() {
    let exactly = "exactly one review is expected for each of A, B";
    refused(|form| form.value["reviews"][0]["label"] = json!("C"), exactly);
    refused(|form| form.value["reviews"][0]["label"] = json!("a"), exactly);
    refused(|form| form.value["reviews"][0]["label"] = form.value["reviews"][1]["label"].clone(), exactly);
    refused(|form| drop(form.value["reviews"].as_array_mut().unwrap().pop()), exactly);
    refused(
        |form| {
            let twice = form.value["reviews"][0].clone();
            form.value["reviews"].as_array_mut().unwrap().push(twice);
        },
        exactly,
    );
}

#[test]
fn grades_are_whole_numbers_from_0_to_10() {
    for grade in [json!(11), json!(255)] {
        refused(move |form| form.value["reviews"][1]["scores"]["safety"] = grade.clone(), "0 to 10");
    }
    for grade in [json!(256), json!(-1), json!(7.5), json!("9"), json!(null)] {
        refused(
            move |form| form.value["reviews"][1]["scores"]["safety"] = grade.clone(),
            "wrong type or range",
        );
    }
}

#[test]
fn shares_outside_their_range_are_held_at_its_ends() {
    let record = ballot(|form| form.value["reviews"][0]["p_correct"] = json!(17.0));
    assert!(
        (record.ballots[0].ballot.reviews.iter().map(|review| review.p_correct).fold(0.0, f64::max) - 1.0)
            .abs()
            < 1e-12
    );
}

#[test]
fn a_best_that_nobody_knows_is_none() {
    let record = ballot(|form| form.value["best"] = json!("Q"));
    assert_eq!(record.ballots[0].ballot.best, None);
    weighs(&record, 0, 1.0);
}

#[test]
fn a_best_that_contradicts_the_grades_halves_the_weight() {
    let record = ballot(|form| form.value["best"] = json!(form.labels["beta"]));
    weighs(&record, 0, 0.5);
    assert!(record.ballots[0].flags.contains(&BallotFlag::Inconsistent));
    weighs(&record, 1, 1.0);
    assert!(!record.ballots[1].flags.contains(&BallotFlag::Inconsistent));
}

#[test]
fn equal_grades_contradict_no_best() {
    let record = ballot(|form| {
        form.grade("beta", 9);
        form.value["best"] = json!(form.labels["beta"]);
    });
    weighs(&record, 0, 1.0);
}

#[test]
fn invented_quotes_are_dropped_counted_and_told() {
    let record = ballot(|form| {
        form.defect("alpha", "critical", "words that nobody wrote", "invented");
        form.defect("alpha", "major", "   ", "empty");
        form.defect("alpha", "minor", "split  by\n alpha", "white space differs");
        form.defect("beta", "minor", "beta scales", "stands in a claim");
        form.defect("beta", "minor", "split by alpha", "stands in the other proposal");
    });
    let kept: Vec<&str> = record.ballots[0]
        .ballot
        .reviews
        .iter()
        .flat_map(|review| &review.defects)
        .map(|defect| defect.why.as_str())
        .collect();
    assert_eq!(kept.len(), 2);
    assert!(kept.contains(&"white space differs") && kept.contains(&"stands in a claim"));
    assert_eq!(record.ballots[0].defects_dropped, 3);
    assert!(
        record
            .tally
            .audit
            .alarms
            .iter()
            .any(|alarm| alarm.alarm == "quotes_not_found" && alarm.detail.starts_with("3 "))
    );
    assert!(record.dissent.iter().all(|dissent| !dissent.veto), "an invented defect blocks nothing");
}

#[test]
fn defects_beyond_the_limit_are_left_out_and_not_called_invented() {
    let record = ballot(|form| {
        for _ in 0..5_000 {
            form.defect("alpha", "minor", "split by alpha", "again");
        }
    });
    let defects: usize = record.ballots[0].ballot.reviews.iter().map(|review| review.defects.len()).sum();
    assert_eq!((defects, record.ballots[0].defects_dropped), (12, 0));
}

#[test]
fn a_critic_that_abstains_casts_no_ballot() {
    let record = ballot(|form| {
        form.value["abstain"] = json!(true);
        form.value["abstain_reason"] = json!("not_competent");
        form.value["reviews"] = json!([]);
    });
    assert_eq!(record.absences[0].cause, Cause::Abstained);
    assert_eq!(record.ballots.iter().map(|ballot| ballot.seat.to_string()).collect::<Vec<_>>(), ["critic-2"]);
}

#[test]
fn a_repaired_ballot_counts_and_says_so() {
    let record = Table::new().says("critic-1/review", "A, I think").record();
    assert_eq!(record.ballots.len(), 2);
    assert!(record.ballots[0].flags.contains(&BallotFlag::Repaired));
    let hashes = &record.versions.prompts;
    assert_ne!(hashes["critic-1/review"], hashes["critic-1/review/repair"], "another prompt, another hash");
}

#[test]
fn a_repair_that_fails_does_not_change_the_cause() {
    let record = Table::new()
        .says("critic-1/review", "A, I think")
        .fails("critic-1/review/repair", ErrorKind::Unavailable)
        .record();
    assert_eq!(record.absences[0].cause, Cause::Malformed);
}

#[test]
fn a_ballot_amid_talk_is_read() {
    let table = Table::new().answering("critic-1", |request| {
        let default = super::replies::BallotForm::of(request).value;
        super::replies::said(format!("As [1] says, {{hm}}:\n```json\n{default}\n```\nDone."))
    });
    assert_eq!((table.record().ballots.len(), table.record().absences.len()), (2, 0));
}

#[test]
fn a_critic_of_the_family_that_it_reads_is_flagged_by_who_spoke() {
    let record = Table::new().record();
    assert!(record.ballots.iter().all(|ballot| ballot.flags.contains(&BallotFlag::SameFamily)));
    // The backup is of another family than both proposers.
    let record = Table::new().backup("critic-1").fails("critic-1/review", ErrorKind::Unavailable).record();
    assert!(!record.ballots[0].flags.contains(&BallotFlag::SameFamily));
}

/// A judgement of the two proposals of a run, by likelihood.
fn judged(preference: Vec<Vec<f64>>, fit: Vec<f64>) -> Result<ReadBallot, String> {
    let record = Table::new().record();
    let shown: Vec<_> = record.proposals.iter().collect();
    let answered_by = "local:judge".parse().unwrap();
    let verdict =
        LikelihoodVerdict { preference, fit, usage: Usage::default(), answered_by, trail: Vec::new() };
    read_ballot(&shown, &RoleOutcome::Judged(verdict)).map_err(|unreadable| unreadable.0)
}

#[test]
fn likelihoods_become_a_ballot_of_the_same_form() {
    let read = judged(vec![vec![0.0, 2.0], vec![-2.0, 0.0]], vec![0.3, -0.3]).unwrap();
    assert_eq!(read.judged_by, JudgedBy::Likelihood);
    assert_eq!(read.ballot.best.as_deref(), Some("A"));
    let [first, second] = read.ballot.reviews.as_slice() else { panic!("two reviews") };
    // The logistic function of 2 is 0.88, of 4 x 0.3 it is 0.77; safety has no signal.
    let grades = |review: &async_orchestrator_core::Review| {
        let scores = review.scores;
        [scores.correctness, scores.completeness, scores.feasibility, scores.safety, scores.clarity]
    };
    assert_eq!((grades(first), grades(second)), ([8, 8, 9, 5, 8], [2, 2, 1, 5, 2]));
    assert_eq!((first.approve, second.approve), (true, false));
    // Where the two disagree, the fit is believed.
    let torn = judged(vec![vec![0.0, 1.0], vec![-1.0, 0.0]], vec![-0.3, 0.3]).unwrap();
    assert_eq!(torn.ballot.best.as_deref(), Some("B"));
}

#[test]
fn likelihoods_that_do_not_cover_every_proposal_are_no_ballot() {
    for (preference, fit) in [
        (vec![vec![0.0]], vec![0.0]),
        (vec![vec![0.0, 1.0], vec![0.0]], vec![0.0, 0.0]),
        (vec![vec![0.0, f64::NAN], vec![0.0, 0.0]], vec![0.0, 0.0]),
        (vec![vec![0.0, f64::MAX], vec![f64::MIN, 0.0]], vec![0.0, 0.0]),
        (vec![vec![0.0, 1.0], vec![-1.0, 0.0]], vec![0.0, f64::INFINITY]),
    ] {
        assert!(judged(preference.clone(), fit).unwrap_err().contains("every proposal"), "{preference:?}");
    }
}
