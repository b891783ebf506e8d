//! Votes that count by what is known of the models: the rule, the winner, the stated probability, and who is waited for.

use async_orchestrator_core::{
    Cause, ConfidenceBasis, DecisionRecord, ErrorKind, StopReason, TallyRule, test_util::Script,
};
use async_orchestrator_tally::{Labelled, Trust};
use serde_json::json;

use super::{
    election::sum,
    record::violations,
    replies::{blocks, prompt, said},
    table::{TOOK, Table},
};

const GOOD: &str = "vendorn:model-of-proposer-1";
const BAD: [&str; 2] = ["vendors:model-of-proposer-2", "vendorn:model-of-proposer-3"];

/// `good` is right nine times in ten, the others three times in ten and always together.
fn labelled<'a>(count: usize, good: &'a str, bad: [&'a str; 2]) -> Vec<Labelled<'a>> {
    let question = |n: usize| {
        let (strong, weak) = (if n % 10 == 7 { "40" } else { "42" }, if n % 10 < 3 { "42" } else { "41" });
        let votes = vec![(good, strong), (bad[0], weak), (bad[1], weak)];
        Labelled { class: "calculation", votes, truth: "42" }
    };
    (0..count).map(question).collect()
}

fn fitted(count: usize) -> Trust {
    Trust::learn(&labelled(count, GOOD, BAD))
}

/// One good proposer against two bad ones.
fn split() -> Table {
    sum(&["42", "41", "41"], 1)
}

fn outcome(record: &DecisionRecord) -> (TallyRule, Option<&str>) {
    (record.tally.rule, record.answer.answer_key.as_deref())
}

#[test]
fn a_model_that_is_known_to_be_good_outvotes_two_that_are_known_to_be_bad() {
    let plain = split().record();
    assert_eq!(outcome(&plain), (TallyRule::Plurality, Some("41")));
    let trusted = split().trust(fitted(400)).record();
    assert_eq!(outcome(&trusted), (TallyRule::JointWeights, Some("42")));
    assert_eq!(violations(&trusted), Vec::<String>::new());
    assert!(!trusted.tally.rule_agreement, "plurality names another winner, and the record says so");
    assert_eq!(trusted.tally.rho, None);
    // The two that lost keep their minority report.
    assert_eq!(trusted.dissent[0].bloc, ["proposer-2", "proposer-3"]);
}

#[test]
fn a_probability_is_stated_only_where_it_is_calibrated() {
    let confidence = |count: usize| split().trust(fitted(count)).record().confidence;
    let calibrated = confidence(300);
    assert!(calibrated.calibrated && calibrated.basis == ConfidenceBasis::CalibratedPosterior);
    let p = calibrated.p_correct.unwrap();
    assert!((0.5..1.0).contains(&p), "{p}");
    let id = calibrated.calibration_id.unwrap();
    let (hash, labelled) = id.strip_prefix("trust:").unwrap().split_once('/').unwrap();
    assert!(hash.len() == 12 && hash.chars().all(|digit| digit.is_ascii_hexdigit()), "{id}");
    assert_eq!(labelled, "300");
    for few in [confidence(299), split().record().confidence] {
        assert_eq!((few.p_correct, few.calibrated, few.calibration_id), (None, false, None));
        assert_eq!(few.basis, ConfidenceBasis::RawPosterior);
    }
}

#[test]
fn one_answer_from_all_has_a_probability_too() {
    let record = sum(&["42", "42", "42"], 1).trust(fitted(400)).record();
    assert_eq!(record.tally.rule, TallyRule::Single);
    let all = record.confidence.p_correct.unwrap();
    assert!(all > split().trust(fitted(400)).record().confidence.p_correct.unwrap(), "{all}");
}

#[test]
fn counts_without_a_fit_weigh_by_discounted_log_odds_and_state_no_probability() {
    let mut trust = Trust::default();
    for question in &labelled(30, GOOD, BAD) {
        trust.count(question);
    }
    let record = split().trust(trust).record();
    assert_eq!(outcome(&record), (TallyRule::DiscountedLogOdds, Some("42")));
    assert!(record.tally.rho.is_some() && record.confidence.p_correct.is_none());
    assert_eq!(violations(&record), Vec::<String>::new());
}

#[test]
fn models_that_the_table_does_not_know_have_one_vote_each() {
    let strangers = Trust::learn(&labelled(400, "other:a", ["other:b", "other:c"]));
    let record = split().trust(strangers).record();
    assert_eq!(outcome(&record), (TallyRule::Plurality, Some("41")));
    assert_eq!(record.confidence.p_correct, None);
}

#[test]
fn open_questions_are_decided_as_without_a_table() {
    let decided = |table: Table| {
        let record = table.record();
        (record.tally.rule, record.answer.winner, record.confidence)
    };
    assert_eq!(decided(Table::new().trust(fitted(400))), decided(Table::new()));
}

#[test]
fn another_table_is_another_decision_hash() {
    let hash = |trust: Option<Trust>| {
        let table = split();
        trust.map_or_else(split, |trust| table.trust(trust)).record().log.decision_hash
    };
    assert_eq!(hash(Some(fitted(400))), hash(Some(fitted(400))));
    assert_ne!(hash(Some(fitted(400))), hash(None));
    let mut counted = fitted(400);
    counted.count(&labelled(1, GOOD, BAD)[0]);
    assert_ne!(hash(Some(counted)), hash(Some(fitted(400))));
}

#[test]
fn who_really_answered_counts_and_not_who_was_seated_first() {
    let backup = "vendorx:model-of-proposer-1-backup";
    let table = |good: &'static str| {
        split()
            .backup("proposer-1")
            .fails("proposer-1", ErrorKind::Unavailable)
            .says(
                "proposer-1/backup",
                json!({"answer": "Answer: 42", "answer_key": "42", "claims": [], "confidence": 0.5, "abstain": false})
                    .to_string(),
            )
            .trust(Trust::learn(&labelled(400, good, BAD)))
            .record()
    };
    let (known, stranger) = (table(backup), table(GOOD));
    assert_eq!(outcome(&known), (TallyRule::JointWeights, Some("42")));
    assert_eq!(known.seats[0].substituted_for.as_deref(), Some(GOOD));
    // To the table of the seated model the backup is a stranger, who weighs like the least trusted.
    let score = |record: &DecisionRecord| record.tally.scores["p1"];
    assert!(score(&known) > score(&stranger) + 1.0, "{} {}", score(&known), score(&stranger));
}

/// A critic that approves of the answer `key` alone.
fn approves(table: Table, seat: &str, key: &'static str) -> Table {
    table.answering(seat, move |request| {
        let prompt = prompt(request);
        let shown = blocks(&prompt);
        let reviews = shown.iter().filter_map(|block| {
            let label = block.name.strip_prefix("proposal ")?;
            let approve = block.text.contains(&format!("Answer: {key}"));
            let scores = json!({"correctness": 7, "completeness": 7, "feasibility": 7, "safety": 7, "clarity": 7});
            Some(json!({"label": label, "defects": [], "scores": scores, "approve": approve, "p_correct": 0.5, "predicted_support": 0.5}))
        });
        let reviews: Vec<serde_json::Value> = reviews.collect();
        said(json!({"reviews": reviews, "best": null, "abstain": false, "abstain_reason": null}).to_string())
    })
}

/// A critic that was seen to approve of right answers and of no wrong one.
fn measured(mut trust: Trust, critic: &str) -> Trust {
    for _ in 0..200 {
        trust.count_review(critic, true, true);
        trust.count_review(critic, false, false);
    }
    trust
}

#[test]
fn the_review_of_a_critic_that_was_measured_can_decide() {
    let table = |trust: Trust| approves(split(), "critic-1", "41").trust(trust).record();
    assert_eq!(table(fitted(400)).answer.answer_key.as_deref(), Some("42"), "nothing is known of the critic");
    let record = table(measured(fitted(400), "vendorn:model-of-critic-1"));
    assert_eq!(outcome(&record), (TallyRule::JointWeights, Some("41")));
    assert_eq!(violations(&record), Vec::<String>::new());
}

#[test]
fn a_measured_critic_is_waited_for_and_a_stranger_is_not() {
    let slow = Script::Stall;
    let table = |trust: Trust| {
        let table = sum(&["42", "41", "41"], 2).on("critic-2", slow.clone());
        approves(table, "critic-1", "42").asked(|request| request.time_limit(TOOK * 60)).trust(trust).record()
    };
    let stranger = table(fitted(400));
    assert_eq!(stranger.absences[0].cause, Cause::CancelledUnassailable);
    assert_eq!(stranger.stop_reason, StopReason::Unassailable);
    let known = table(measured(fitted(400), "vendors:model-of-critic-2"));
    assert_eq!(known.absences[0].cause, Cause::Timeout, "its review could have changed the winner");
}
