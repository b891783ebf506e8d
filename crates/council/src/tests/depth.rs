//! How many are asked: another one only while the answer is not sure enough, and an Express answer that was paid for is the first proposal.

use async_orchestrator_core::{
    ConfidenceBasis, DecisionRecord, EventKind, MicroUsd, Mode, ModeChoice, Role, Stages, Status, StopReason,
};
use async_orchestrator_tally::{Labelled, Trust};

use super::{election::sum, record::violations, table::Table};
use crate::Depth;

const SEATS: [&str; 3] =
    ["vendorn:model-of-proposer-1", "vendors:model-of-proposer-2", "vendorn:model-of-proposer-3"];

/// Members who are right in so many of a hundred questions, each by itself; wrong answers fall on any of nine.
fn learned(rates: [u64; 3]) -> Trust {
    let mut state = 7_u64;
    let mut next = |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let question = |n: u64| {
        let key = |wrong: u64| (100 * n + wrong).to_string();
        let votes = rates.map(|rate| if next(100) < rate { key(0) } else { key(1 + next(9)) });
        (votes, key(0))
    };
    let known: Vec<_> = (0..800).map(question).collect();
    let labelled = known.iter().map(|(votes, truth)| Labelled {
        class: "calculation",
        votes: SEATS.into_iter().zip(votes.iter().map(String::as_str)).collect(),
        truth,
    });
    Trust::learn(&labelled.collect::<Vec<_>>())
}

/// The first is right in `good` of 20 questions, the others in 62 and 52 of a hundred.
fn known(good: u64) -> Trust {
    learned([5 * good, 62, 52])
}

fn adaptive(answers: &[&str], good: u64) -> Table {
    sum(answers, 2).trust(known(good)).depth(Depth::Adaptive)
}

fn asked(record: &DecisionRecord) -> usize {
    record.seats.iter().filter(|seat| seat.role == Role::Proposer).count()
}

#[test]
fn two_good_members_that_agree_are_enough() {
    let seated = adaptive(&["42", "42", "41"], 19).seat();
    let record = seated.run().unwrap();
    assert_eq!((asked(&record), record.depth), (2, 2));
    assert_eq!((record.status, record.stop_reason), (Status::Full, StopReason::PosteriorReached));
    assert!(record.confidence.p_correct.unwrap() >= 0.8 && record.escalations.is_empty());
    // No reviews, and nothing to adopt or to mend: what is left is to work it out and to check it.
    assert!(record.ballots.is_empty() && !record.synthesis.done && record.absences.is_empty());
    assert_eq!(record.cost.saved_calls, 1 + 2 + 1, "a proposer, two critics, the synthesizer");
    assert_eq!(seated.requests("proposer-3").len(), 0);
    assert_eq!(violations(&record), Vec::<String>::new());
}

#[test]
fn a_dispute_brings_in_another_seat_and_the_record_says_why() {
    let seated = adaptive(&["42", "41", "42"], 13).seat();
    let record = seated.run().unwrap();
    assert_eq!(asked(&record), 3);
    assert_ne!(record.stop_reason, StopReason::PosteriorReached);
    let escalation = &record.escalations[0];
    assert_eq!((escalation.from.as_str(), escalation.to.as_str()), ("2 proposers", "3 proposers"));
    assert!(escalation.why.contains("0.80 are asked for"), "{}", escalation.why);
    let told = seated.events().iter().any(|event| matches!(event.kind, EventKind::Escalated { .. }));
    assert!(told && !record.ballots.is_empty());
}

#[test]
fn the_best_members_are_asked_first() {
    let trust = learned([50, 95, 95]);
    let seated = sum(&["41", "42", "42"], 1).trust(trust).depth(Depth::Adaptive).seat();
    let record = seated.run().unwrap();
    assert_eq!(record.stop_reason, StopReason::PosteriorReached);
    assert_eq!(seated.requests("proposer-1").len(), 0);
}

#[test]
fn what_is_not_known_is_not_stopped_for() {
    // Without a table, with one that is not calibrated, for an open question, and where the caller wants all.
    let few = |count: usize| {
        let question = |_| Labelled {
            class: "calculation",
            votes: vec![(SEATS[0], "42"), (SEATS[1], "42")],
            truth: "42",
        };
        Trust::learn(&(0..count).map(question).collect::<Vec<_>>())
    };
    let all = [
        sum(&["42", "42", "42"], 2).depth(Depth::Adaptive),
        sum(&["42", "42", "42"], 2).trust(few(299)).depth(Depth::Adaptive),
        Table::of(3, 2).trust(known(19)).depth(Depth::Adaptive),
        adaptive(&["42", "42", "42"], 19).depth(Depth::Full),
    ];
    for table in all {
        let seated = table.seat();
        let record = seated.run().unwrap();
        assert_eq!((asked(&record), record.escalations.len()), (3, 0));
        // All at once: nobody waited for anybody.
        let started = |seat: &str| {
            let is_start = |event: &&async_orchestrator_core::Event| {
                event.seat.is_some_and(|asked| asked.to_string() == seat)
                    && matches!(event.kind, EventKind::RoleStarted { .. })
            };
            seated.events().iter().find(is_start).map(|event| event.at_ms)
        };
        assert_eq!(started("proposer-1"), started("proposer-3"));
    }
}

#[test]
fn risk_asks_for_more_and_the_caller_may_say_how_much() {
    let sure = adaptive(&["42", "42", "41"], 19).record().confidence.p_correct.unwrap();
    let stopped = |at: f64| adaptive(&["42", "42", "41"], 19).stop_at(at).record().stop_reason;
    assert_eq!(stopped(sure - 0.001), StopReason::PosteriorReached);
    assert_ne!(stopped(sure + 0.001), StopReason::PosteriorReached);
    let at = [
        async_orchestrator_core::Risk::Low,
        async_orchestrator_core::Risk::Medium,
        async_orchestrator_core::Risk::High,
    ]
    .map(crate::stop_at);
    assert!(at.is_sorted() && at[0] >= 0.5 && at[2] < 1.0);
}

#[test]
fn a_majority_that_nobody_can_catch_up_with_ends_a_bare_vote() {
    let vote = |answers: &[&str]| {
        let table = sum(answers, 2).asked(|request| request.stages(Stages::VOTE));
        table.depth(Depth::Adaptive).record()
    };
    let settled = vote(&["42", "42", "42", "41", "40"]);
    assert_eq!(
        (asked(&settled), settled.stop_reason, settled.cost.saved_calls),
        (3, StopReason::Unassailable, 2)
    );
    assert!(settled.absences.is_empty() && settled.status == Status::Full);
    let open = vote(&["42", "42", "41", "41", "41"]);
    assert_eq!((asked(&open), open.stop_reason), (5, StopReason::MaxDepth));
    assert_eq!(open.answer.answer_key.as_deref(), Some("41"), "the last votes did change the winner");
}

#[test]
fn proposals_leave_money_for_what_comes_after_them() {
    // Long answers: what a call settles is not far from what it reserves.
    let long =
        |key: &str| super::replies::proposal(&"word ".repeat(3_000), Some(key), "reckoned").to_string();
    let table = |budget: u64| {
        let table =
            adaptive(&["42", "41", "42"], 13).says("proposer-1", long("42")).says("proposer-2", long("41"));
        table.asked(|request| request.budget(MicroUsd(budget))).record()
    };
    let (rich, poor) = (table(1_000_000), table(40_000));
    assert_eq!((asked(&rich), asked(&poor)), (3, 2));
    assert_eq!((poor.stop_reason, poor.cost.saved_calls), (StopReason::Budget, 1));
}

fn express(good: u64) -> Table {
    adaptive(&["42", "41", "42"], good)
        .asked(|request| request.mode(ModeChoice::Auto))
        .says("proposer-1/answer", "Six times seven.\n\nAnswer: 42")
}

#[test]
fn an_express_answer_that_is_sure_enough_stands_with_its_probability() {
    let record = express(19).record();
    assert_eq!((record.mode, record.cost.calls), (Mode::Express, 1));
    assert_eq!(record.answer.answer_key.as_deref(), Some("42"));
    assert!(record.confidence.calibrated && record.confidence.basis == ConfidenceBasis::CalibratedPosterior);
    let p = record.confidence.p_correct.unwrap();
    assert!((0.9..1.0).contains(&p), "{p}");
}

#[test]
fn one_that_is_not_becomes_the_first_proposal_of_a_council() {
    let seated = express(13).seat();
    let record = seated.run().unwrap();
    assert_eq!((record.triage.mode, record.mode), (Mode::Express, Mode::Council));
    let steps: Vec<(&str, &str)> =
        record.escalations.iter().map(|step| (step.from.as_str(), step.to.as_str())).collect();
    assert_eq!(steps, [("express", "council"), ("2 proposers", "3 proposers")]);
    assert_eq!(seated.requests("proposer-1").len(), 1, "the answer was paid for once");
    assert_eq!(record.proposals[0].proposal.answer, "Six times seven.\n\nAnswer: 42");
    assert_eq!(record.answer.answer_key.as_deref(), Some("42"));
    assert_eq!(violations(&record), Vec::<String>::new());
}

#[test]
fn whoever_asks_for_express_gets_express() {
    let record = express(13).asked(|request| request.mode(ModeChoice::Express)).record();
    assert_eq!((record.mode, record.cost.calls, record.escalations.len()), (Mode::Express, 1, 0));
    assert!(record.confidence.p_correct.unwrap() < 0.8, "and hears how sure it is");
    let streamed = express(13).asked(async_orchestrator_core::TriageRequest::never_take_back).record();
    assert_eq!(
        (streamed.mode, streamed.escalations.len()),
        (Mode::Express, 0),
        "its text is never taken back"
    );
    let full = express(13).depth(Depth::Full).record();
    assert_eq!((full.mode, full.escalations.len()), (Mode::Express, 0));
}
