//! A council that stops at the vote, and closed answers that are read out of replies of any form.

use async_orchestrator_core::{
    AnswerKind, AnswerSource, Cause, Role, Stages, Status, StopReason, TallyRule, Verdict,
};

use super::{election::sum, record::violations, table::Table};

fn vote(table: Table) -> Table {
    table.asked(|request| request.stages(Stages::VOTE))
}

#[test]
fn a_council_limited_to_the_vote_asks_its_proposers_alone() {
    let seated = vote(sum(&["41", "42", "42"], 2)).seat();
    let record = seated.run().unwrap();
    assert_eq!(seated.calls(), 3);
    assert_eq!(record.answer.answer_key.as_deref(), Some("42"));
    assert_eq!(record.answer.source, AnswerSource::WinnerVerbatim);
    assert_eq!((record.status, record.stop_reason), (Status::Full, StopReason::MaxDepth));
    assert_eq!(record.tally.rule, TallyRule::Plurality);
    assert!(record.tally.quorum.met, "nobody was asked for a ballot");
    assert!(record.seats.iter().all(|seat| seat.role == Role::Proposer) && record.absences.is_empty());
    assert_eq!((record.stages, record.validation.verdict), (Stages::VOTE, Verdict::NotRun));
    assert_eq!(violations(&record), Vec::<String>::new());
}

#[test]
fn a_stage_that_is_left_out_is_not_run_and_the_others_are() {
    let stages: Stages = "propose,tally,validate".parse().unwrap();
    let seated = sum(&["42", "42"], 1).asked(|request| request.stages(stages)).seat();
    let record = seated.run().unwrap();
    assert_eq!(seated.calls(), 3, "two proposers and the validator");
    assert_eq!((record.validation.verdict, record.status), (Verdict::Pass, Status::Full));
}

#[test]
fn open_answers_without_critics_are_counted_by_their_keys() {
    let says = |key: &str| super::replies::proposal("A text.", Some(key), "it is so").to_string();
    let table = Table::of(3, 2)
        .says("proposer-1", says("Oslo"))
        .says("proposer-2", says("Bergen"))
        .says("proposer-3", says("bergen."));
    let record = vote(table).record();
    assert_eq!((record.tally.rule, record.tally.winner.as_deref()), (TallyRule::Plurality, Some("p2")));
}

#[test]
fn an_answer_in_another_form_is_read_without_a_second_call() {
    let seated = vote(sum(&["41", "41", "41"], 1))
        .says("proposer-1", "{\"reasoning\": \"6 times\n7\", \"answer\": \"42\"}")
        .says("proposer-2", "Six boxes of seven.\n\nThe answer is **42**.")
        .seat();
    let record = seated.run().unwrap();
    assert_eq!((seated.calls(), record.answer.answer_key.as_deref()), (3, Some("42")));
    assert_eq!(record.proposals[0].proposal.answer, "{\"reasoning\": \"6 times\n7\", \"answer\": \"42\"}");
}

#[test]
fn an_answer_that_nobody_can_read_has_no_vote_and_is_counted() {
    let table = vote(sum(&["42", "41", "40"], 1))
        .says("proposer-2", "It depends on the shop.")
        .says("proposer-3", "{\"reasoning\": \"the answer is 41");
    let record = table.record();
    assert_eq!(record.answer.answer_key.as_deref(), Some("42"));
    assert!(record.proposals[1].unread && record.proposals.len() == 2);
    let absent: Vec<(String, Cause)> =
        record.absences.iter().map(|absence| (absence.seat.to_string(), absence.cause)).collect();
    let malformed = |seat: &str| (seat.to_owned(), Cause::Malformed);
    assert_eq!(absent, [malformed("proposer-3"), malformed("proposer-2")]);
    // One that can be read is below the quorum of two, and the record says so.
    assert_eq!(record.status, Status::ExpressFallback);
    assert_eq!(violations(&record), Vec::<String>::new());
}

#[test]
fn whoever_must_not_be_asked_again_is_not() {
    let table = vote(sum(&["42", "41", "40"], 1))
        .says("proposer-2", "It depends on the shop.")
        .says("proposer-3", "{\"reasoning\": \"the answer is 41");
    let seated = table.once().seat();
    let record = seated.run().unwrap();
    assert_eq!((seated.calls(), record.cost.calls), (3, 3));
    assert!(record.proposals[1].unread && record.proposals.len() == 2);
    assert_eq!(record.absences.len(), 2, "both are counted");
}

#[test]
fn where_nobody_can_be_read_all_stand() {
    let record = vote(sum(&["42", "41"], 1)).says("proposer", "It depends on the shop.").record();
    assert!(record.proposals.iter().all(|proposal| !proposal.unread));
    assert_eq!(record.status, Status::Full);
}

#[test]
fn the_form_of_the_answer_can_be_said_by_the_caller() {
    let says = |text: &str| format!("{{\"answer\": \"{text}\"}}");
    let table = Table::of(3, 1)
        .asked(|request| request.answer_kind(AnswerKind::Literal))
        .says("proposer-1", says("['a', 'b']"))
        .says("proposer-2", says("['A', 'b']"))
        .says("proposer-3", says("['a','b']"));
    let record = vote(table).record();
    assert_eq!(record.triage.answer_kind, AnswerKind::Literal);
    assert_eq!(record.answer.answer_key.as_deref(), Some("['a','b']"));
    assert!(record.triage.reasons.iter().any(|reason| reason.contains("set by the caller")));
}
