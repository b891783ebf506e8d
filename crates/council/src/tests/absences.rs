//! A role that fails is an absence with a cause; the run goes on as far as it can and says what is missing.

use async_orchestrator_core::{AnswerSource, Cause, ErrorKind, Role, Status, StopReason, test_util::Script};
use expect_test::expect;

use super::{
    replies::plan,
    table::Table,
    timeline::{check, check_ending},
};

/// The status and the source of the answer when every call of `seat` fails.
#[track_caller]
fn without(seat: &str) -> (Status, AnswerSource, Vec<String>) {
    let record = Table::new().fails(seat, ErrorKind::Unavailable).record();
    assert!(!record.answer.text.is_empty());
    assert_eq!(record.status_detail.len(), record.absences.len());
    let absences = record.absences.iter().map(|absence| {
        assert_eq!(absence.cause, Cause::Unavailable);
        assert!(absence.why.contains("name a fallback model"), "{}", absence.why);
        absence.seat.to_string()
    });
    (record.status, record.answer.source, absences.collect())
}

#[test]
fn one_role_failing_never_ends_a_run() {
    use AnswerSource::{Implementation, Synthesis, WinnerVerbatim};
    for (seat, status, source) in [
        ("proposer-2", Status::ExpressFallback, WinnerVerbatim),
        ("critic-2", Status::Degraded, Implementation),
        ("synthesizer-1", Status::Degraded, Implementation),
        ("implementer-1", Status::Partial, Synthesis),
        ("validator-1", Status::Partial, Implementation),
        ("observer-1", Status::Partial, Implementation),
    ] {
        assert_eq!(without(seat), (status, source, vec![seat.to_owned()]), "{seat}");
    }
}

#[test]
fn three_proposers_bear_the_loss_of_one() {
    let record = Table::of(3, 2).fails("proposer-2", ErrorKind::Unauthorized).record();
    assert_eq!((record.status, record.absences[0].cause), (Status::Degraded, Cause::Auth));
    assert_eq!(record.proposals.len(), 2);
}

#[test]
fn below_the_quorum_of_proposals_nothing_more_is_bought() {
    check(
        &Table::new().fails("proposer-1", ErrorKind::Unavailable),
        &expect![[r#"
             0 run of 8 seats
             0 triaged Council
             0 == propose
             0 proposer-1 asked to propose
             0 proposer-2 asked to propose
           100 proposer-1 attempt at vendorn:model-of-proposer-1 failed: unavailable
           100 proposer-1 came to nothing: unavailable
           100 proposer-2 answered in 100 ms
           100 proposer-2 committed p1
           100 decided for p1 by single, 0 dissents
           100 alarm weak_independence
           100 alarm degraded_quorum
           100 completed express_fallback
        status express_fallback, quorum_lost
        answer (winner_verbatim) Plan beta: split by beta, then measure.
        verdict not_run, 0 repairs
        absent proposer-1: unavailable
        2 calls, 0 saved, micro-dollars Some(1101)
    "#]],
    );
    let seated = Table::new().fails("proposer-1", ErrorKind::Unavailable).seat();
    seated.run().unwrap();
    assert_eq!(seated.calls(), 2);
}

#[test]
fn without_a_ballot_the_best_proposal_comes_back_and_nothing_more_is_bought() {
    let table = Table::new().fails("critic", ErrorKind::ContentFiltered);
    check_ending(
        &table,
        &expect![[r#"
            status express_fallback, quorum_lost
            answer (winner_verbatim) Plan alpha: split by alpha, then measure.
            verdict not_run, 0 repairs
            absent critic-1: refusal
            absent critic-2: refusal
            4 calls, 0 saved, micro-dollars Some(5430)
        "#]],
    );
    let seated = table.seat();
    let record = seated.run().unwrap();
    assert_eq!((record.stop_reason, seated.calls()), (StopReason::QuorumLost, 4));
    assert!(record.tally.audit.alarms.iter().any(|alarm| alarm.alarm == "degraded_quorum"));
}

#[test]
fn a_quorum_without_ballots_needs_none() {
    let record = Table::new().quorum(1, 0).fails("critic", ErrorKind::Unavailable).record();
    assert_eq!((record.status, record.answer.source), (Status::Degraded, AnswerSource::Implementation));
}

#[test]
fn a_strict_run_below_its_quorum_is_an_error_that_counts_and_names() {
    let strict = |table: Table| table.asked(async_orchestrator_core::TriageRequest::strict);
    check_ending(
        &strict(Table::new().fails("proposer-1", ErrorKind::Unavailable)),
        &expect![[r#"
        error: the quorum was not reached (1 valid proposals, 0 valid ballots) and the run is strict: proposer-1 (unavailable): vendorn:model-of-proposer-1: the server cannot be reached or failed; check the address and the network, or name a fallback model
    "#]],
    );
    check_ending(
        &strict(Table::new().fails("critic", ErrorKind::QuotaExhausted)),
        &expect![[r#"
        error: the quorum was not reached (2 valid proposals, 0 valid ballots) and the run is strict: critic-1 (quota): vendorn:model-of-critic-1: the account's quota is used up; check the account's credit and spending limit; critic-2 (quota): vendors:model-of-critic-2: the account's quota is used up; check the account's credit and spending limit
    "#]],
    );
    assert_eq!(
        strict(Table::new().fails("critic-1", ErrorKind::Unavailable)).record().status,
        Status::Degraded
    );
}

#[test]
fn without_any_proposal_the_error_names_every_seat_and_why() {
    let table = Table::of(4, 2)
        .fails("proposer-1", ErrorKind::Unauthorized)
        .fails("proposer-2", ErrorKind::QuotaExhausted)
        .says("proposer-3", "{ I am no JSON.")
        .says("proposer-4", serde_json::json!({"answer": "I cannot say.", "answer_key": null, "claims": [], "confidence": 0.1, "abstain": true}).to_string());
    check(
        &table,
        &expect![[r#"
                 0 run of 10 seats
                 0 triaged Council
                 0 == propose
                 0 proposer-1 asked to propose
                 0 proposer-2 asked to propose
                 0 proposer-3 asked to propose
                 0 proposer-4 asked to propose
               100 proposer-1 attempt at vendorn:model-of-proposer-1 failed: auth
               100 proposer-1 came to nothing: auth
               100 proposer-2 attempt at vendors:model-of-proposer-2 failed: quota
               100 proposer-2 came to nothing: quota
               100 proposer-3 answered in 100 ms
               100 proposer-4 answered in 100 ms
               100 proposer-3 asked to propose
               200 proposer-3 answered in 100 ms
               200 proposer-3 came to nothing: malformed
               200 failed
            error: nobody answered: proposer-1 (auth): vendorn:model-of-proposer-1: the key was not accepted; check the provider's key; proposer-2 (quota): vendors:model-of-proposer-2: the account's quota is used up; check the account's credit and spending limit; proposer-3 (malformed): the reply holds no JSON document; proposer-4 (abstained): it declined to answer
        "#]],
    );
}

#[test]
fn a_proposer_that_abstains_is_kept_in_the_record_and_out_of_the_election() {
    let mut declined = plan("beta");
    declined["abstain"] = true.into();
    let record = Table::of(3, 2).says("proposer-2", declined.to_string()).record();
    assert_eq!((record.status, record.absences[0].cause), (Status::Degraded, Cause::Abstained));
    assert!(record.proposals[1].abstained);
    assert_eq!(record.tally.scores.keys().collect::<Vec<_>>(), ["p1", "p3"]);
    assert!(record.ballots.iter().all(|ballot| ballot.order.len() == 2));
}

#[test]
fn a_reply_that_is_no_json_is_asked_for_once_more_and_then_its_seat_is_absent() {
    let table = Table::new().says("critic-1/review", "A is better.");
    check(
        &table,
        &expect![[r#"
                 0 run of 8 seats
                 0 triaged Council
                 0 == propose
                 0 proposer-1 asked to propose
                 0 proposer-2 asked to propose
               100 proposer-1 answered in 100 ms
               100 proposer-2 answered in 100 ms
               100 proposer-1 committed p1
               100 proposer-2 committed p2
               100 == review
               100 critic-1 asked to review
               100 critic-2 asked to review
               200 critic-1 answered in 100 ms
               200 critic-2 answered in 100 ms
               200 critic-1 asked to review
               300 critic-1 answered in 100 ms
               300 critic-1 cast b1 for p1
               300 critic-2 cast b2 for p1
               300 decided for p1 by clipped_z_mean, 1 dissents
               300 == synthesize
               300 synthesizer-1 asked to synthesize
               300 observer-1 asked to observe
               400 synthesizer-1 answered in 100 ms
               400 == implement
               400 implementer-1 asked to implement
               400 observer-1 answered in 100 ms
               500 implementer-1 answered in 100 ms
               500 == validate
               500 validator-1 asked to validate
               600 validator-1 answered in 100 ms
               600 validated: pass
               600 completed full
            status full, max_depth
            answer (implementation) Worked out in steps.
            verdict pass, 0 repairs
            9 calls, 0 saved, micro-dollars Some(10168)
        "#]],
    );

    let table = Table::new().says("critic-1", "A is better.");
    check_ending(
        &table,
        &expect![[r#"
        status degraded, max_depth
        answer (implementation) Worked out in steps.
        verdict pass, 0 repairs
        absent critic-1: malformed
        9 calls, 0 saved, micro-dollars Some(9978)
    "#]],
    );
    let seated = table.seat();
    seated.run().unwrap();
    let requests = seated.requests("critic-1");
    let [first, second] = requests.as_slice() else { panic!("two calls, not {}", requests.len()) };
    assert_eq!(second.messages[..2], first.messages[..]);
    assert_eq!(second.messages[2].content, "A is better.");
    assert!(second.messages[3].content.contains("holds no JSON document"), "{:?}", second.messages[3]);
}

#[test]
fn a_seat_that_came_to_nothing_after_a_good_call_tells_its_observers() {
    let seated = Table::new().says("critic-1", "A is better.").seat();
    seated.run().unwrap();
    let told = seated
        .events()
        .iter()
        .filter(|event| {
            event.seat.is_some_and(|seat| seat.to_string() == "critic-1")
                && matches!(
                    &event.kind,
                    async_orchestrator_core::EventKind::RoleFailed { cause: Cause::Malformed, .. }
                )
        })
        .count();
    assert_eq!(told, 1);
}

#[test]
fn roles_without_a_seat_are_no_absences() {
    let bare = Table::new()
        .without(Role::Synthesizer)
        .without(Role::Implementer)
        .without(Role::Validator)
        .without(Role::Observer);
    check_ending(
        &bare,
        &expect![[r#"
        status full, max_depth
        answer (winner_verbatim) Plan alpha: split by alpha, then measure.
        verdict not_run, 0 repairs
        4 calls, 0 saved, micro-dollars Some(5822)
    "#]],
    );
}

#[test]
fn the_observer_is_never_waited_for() {
    let slow = Script::Answer { after: super::table::TOOK * 20, text: "{\"note\": \"late\"}".into() };
    let table = Table::new().on("observer-1", slow);
    check_ending(
        &table,
        &expect![[r#"
            status partial, max_depth
            answer (implementation) Worked out in steps.
            verdict pass, 0 repairs
            absent observer-1: cancelled
            8 calls, 0 saved, micro-dollars Some(8489)
        "#]],
    );
    let record = table.record();
    assert_eq!(record.absences[0].cause, Cause::Cancelled);
    assert_eq!(record.tally.audit.observer_note, None);
    assert_eq!(record.timing.total_ms.to_bits(), Table::new().record().timing.total_ms.to_bits());
    // The dropped call went out and is counted.
    assert_eq!(record.cost.calls, Table::new().record().cost.calls);
}

#[test]
fn the_observers_note_is_in_the_record() {
    assert_eq!(Table::new().record().tally.audit.observer_note.as_deref(), Some("Nothing stands out."));
    let record = Table::new().says("observer-1", "{\"note\": \"  \"}").record();
    assert_eq!((record.status, record.absences[0].cause), (Status::Partial, Cause::Malformed));
}

/// Some servers take no schema and answer in prose, whatever is asked of them.
#[test]
fn prose_that_stays_prose_is_a_proposal_without_claims() {
    let record = Table::new().says("proposer-1", "Use one database. It is enough.").record();
    let proposal = &record.proposals[0].proposal;
    assert_eq!((proposal.answer.as_str(), proposal.claims.len()), ("Use one database. It is enough.", 0));
    assert!(record.absences.is_empty() && record.tally.quorum.met);
    assert_eq!(
        record.versions.prompts.keys().filter(|call| call.starts_with("proposer-1")).count(),
        2,
        "asked twice"
    );
}
