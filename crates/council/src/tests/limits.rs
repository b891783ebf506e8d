//! Time and money run out in mid-run: the best so far is the answer, and what is missing is said.

use std::time::Duration;

use async_orchestrator_core::{
    AnswerSource, Cause, ErrorKind, EventKind, MicroUsd, Status, StopReason, StoreError, TriageRequest,
    test_util::{MockHistoryStore, MockJournal, Script},
};
use expect_test::expect;
use futures_util::FutureExt;

use super::{
    table::{TOOK, Table},
    timeline::{check, check_ending},
};
use crate::{CouncilError, Unrecorded};

#[test]
fn a_deadline_after_the_vote_gives_the_winner_to_the_letter() {
    let table = Table::new()
        .asked(|request| request.time_limit(Duration::from_secs(30)))
        .on("synthesizer-1", Script::Stall);
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
               200 critic-1 cast b1 for p1
               200 critic-2 cast b2 for p1
               200 decided for p1 by clipped_z_mean, 1 dissents
               200 == synthesize
               200 synthesizer-1 asked to synthesize
               200 observer-1 asked to observe
               300 observer-1 answered in 100 ms
             30000 synthesizer-1 attempt at vendorn:model-of-synthesizer-1 failed: timeout
             30000 synthesizer-1 came to nothing: timeout
             30000 == implement
             30000 implementer-1 asked to implement
             30000 implementer-1 came to nothing: timeout
             30000 == validate
             30000 validator-1 asked to validate
             30000 validator-1 came to nothing: timeout
             30000 validated: unclear
             30000 completed degraded
            status degraded, deadline
            answer (winner_verbatim) Plan alpha: split by alpha, then measure.
            verdict unclear, 0 repairs
            absent synthesizer-1: timeout
            absent implementer-1: timeout
            absent validator-1: timeout
            6 calls, 0 saved, micro-dollars Some(7127)
        "#]],
    );
    let record = table.record();
    assert_eq!(record.answer.text, record.proposals[0].proposal.answer);
    assert_eq!(
        (record.answer.source, record.stop_reason),
        (AnswerSource::WinnerVerbatim, StopReason::Deadline)
    );
}

#[test]
fn a_slow_stage_leaves_time_for_those_after_it() {
    let table = Table::of(3, 2)
        .asked(|request| request.time_limit(Duration::from_secs(100)))
        .on("proposer-3", Script::Stall)
        .on("critic-2", Script::Stall);
    let record = table.record();
    assert_eq!((record.status, record.answer.source), (Status::Degraded, AnswerSource::Implementation));
    assert!(
        record.timing.per_stage["propose"] <= 60_000.0 && record.timing.per_stage["review"] <= 20_000.0,
        "{:?}",
        record.timing.per_stage
    );
    assert!(record.absences.iter().all(|absence| absence.cause == Cause::Timeout));
    assert_eq!(record.stop_reason, StopReason::MaxDepth, "the deadline itself was not reached");
}

#[test]
fn a_deadline_before_any_proposal_is_an_error_that_says_so() {
    let table = Table::new()
        .asked(|request| request.time_limit(Duration::from_secs(10)))
        .on("proposer", Script::Stall);
    check_ending(
        &table,
        &expect![[r#"
            error: nobody answered: proposer-1 (timeout): vendorn:model-of-proposer-1: time ran out before the deadline; allow more time; proposer-2 (timeout): vendors:model-of-proposer-2: time ran out before the deadline; allow more time
        "#]],
    );
}

#[test]
fn a_role_that_the_rest_of_the_budget_does_not_cover_is_left_out() {
    // Two proposals reserve about 17,000 together; after the synthesis about 7,000 are spent, and a plan may cost 12,500.
    let table = Table::new().asked(|request| request.budget(MicroUsd(18_500)));
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
               200 critic-1 cast b1 for p1
               200 critic-2 cast b2 for p1
               200 decided for p1 by clipped_z_mean, 1 dissents
               200 == synthesize
               200 synthesizer-1 asked to synthesize
               200 observer-1 asked to observe
               300 synthesizer-1 answered in 100 ms
               300 == implement
               300 implementer-1 asked to implement
               300 implementer-1 came to nothing: budget
               300 == validate
               300 validator-1 asked to validate
               300 observer-1 answered in 100 ms
               400 validator-1 answered in 100 ms
               400 validated: pass
               400 completed partial
            status partial, budget
            answer (synthesis) Synthesis of the plans.
            verdict pass, 0 repairs
            absent implementer-1: budget
            7 calls, 0 saved, micro-dollars Some(7988)
        "#]],
    );
    let record = table.record();
    assert_eq!(record.cost.ceiling_micro_usd, Some(18_500));
    assert!(record.cost.micro_usd.unwrap() <= 18_500);
}

#[test]
fn a_budget_that_pays_for_nothing_is_an_error_that_says_so() {
    let table = Table::new().asked(|request| request.budget(MicroUsd(10)));
    let error = table.run().unwrap_err();
    assert!(error.failures().iter().all(|failure| failure.cause == Cause::Budget), "{error}");
    assert!(error.to_string().contains("raise the budget"), "{error}");
}

#[test]
fn failed_and_dropped_calls_cost_what_they_had_used() {
    let plain = Table::new().record().cost;
    let midway = Script::FailMidway { text: "twelve bytes".repeat(100), kind: ErrorKind::Truncated };
    let broken = Table::new().on("critic-1", midway).record().cost;
    let ballot =
        Table::new().record().cost.micro_usd.unwrap() - Table::of(2, 1).record().cost.micro_usd.unwrap();
    assert!(broken.micro_usd.unwrap() > plain.micro_usd.unwrap() - ballot, "the broken call was not free");
    assert_eq!(broken.calls, plain.calls);
}

#[test]
fn an_unknown_price_is_unknown_never_nothing() {
    let cost = Table::new().unpriced().record().cost;
    assert_eq!((cost.micro_usd, cost.price_as_of), (None, None));
    let cost = Table::new().record().cost;
    assert_eq!(cost.price_as_of.as_deref(), Some("2026-11"));
}

#[test]
fn dropping_the_run_drops_every_call() {
    // After so many steps of the clock: in the proposals, in the reviews, in the synthesis with the Observer beside it.
    for (steps, running) in [(0, 3), (1, 2), (2, 2), (3, 1), (4, 1)] {
        let seated = Table::of(3, 2).seat();
        let mut run = seated.start();
        assert!(poll_once(&mut run));
        for _ in 0..steps {
            seated.clock.advance(TOOK);
            assert!(poll_once(&mut run));
        }
        assert_eq!(seated.running(), running, "after {steps} steps");
        drop(run);
        assert_eq!(seated.running(), 0, "after {steps} steps");
    }
}

/// Whether the run is still pending after everything that can happen now.
fn poll_once<T>(mut run: &mut (impl Future<Output = T> + Unpin)) -> bool {
    (0..20).all(|_| (&mut run).now_or_never().is_none())
}

#[test]
fn events_are_numbered_without_gaps_and_begin_and_end_as_they_should() {
    for table in [Table::new(), Table::new().fails("proposer", ErrorKind::Unavailable), Table::of(5, 8)] {
        let seated = table.seat();
        let ended_well = seated.run().is_ok();
        let events = seated.events();
        assert!(events.iter().enumerate().all(|(at, event)| event.sequence == at as u64));
        assert!(events.windows(2).all(|pair| pair[0].at_ms <= pair[1].at_ms));
        assert!(matches!(events[0].kind, EventKind::RunStarted { .. }));
        let last = &events.last().unwrap().kind;
        assert!(if ended_well {
            matches!(last, EventKind::Completed { .. })
        } else {
            matches!(last, EventKind::Failed { .. })
        });
    }
}

#[test]
fn a_run_that_cannot_be_recorded_answers_all_the_same_unless_it_is_told_not_to() {
    let full = || Err(StoreError::new("the disk is full", None));
    let seated = |unrecorded: Unrecorded, appends: std::ops::Range<usize>| {
        let mut journal = MockJournal::new();
        journal.expect_keep_setup().returning(|_, _| Ok(()));
        journal.expect_leave().return_const(());
        journal
            .expect_append()
            .times(appends)
            .returning(move |_, entry| if entry.entry().index < 2 { Ok(()) } else { full() });
        let mut seated = Table::new().seat();
        let council = seated.council.clone().journal(std::sync::Arc::new(journal));
        seated.council = council.unrecorded(unrecorded);
        seated
    };
    let strict = seated(Unrecorded::Ends, 3..6);
    assert!(matches!(strict.run(), Err(CouncilError::Journal(_))));
    assert_eq!(strict.calls(), 2, "only the proposals had gone out");

    let usual = seated(Unrecorded::GoesOn, 3..6);
    let record = usual.run().unwrap();
    assert_eq!(record.log.unrecorded.as_deref(), Some("the disk is full"));
    let told = usual.events().iter().filter(|event| matches!(event.kind, EventKind::NotKept { .. })).count();
    assert_eq!(told, 1, "it is said once");
    assert_eq!(record.log.decision_hash, Table::new().record().log.decision_hash);

    for (unrecorded, answers) in [(Unrecorded::GoesOn, true), (Unrecorded::Ends, false)] {
        let mut history = MockHistoryStore::new();
        history.expect_keep().times(1).returning(move |_, _| full());
        let mut seated = Table::new().seat();
        let council = seated.council.clone().history(std::sync::Arc::new(history));
        seated.council = council.unrecorded(unrecorded);
        assert_eq!(seated.run().is_ok(), answers);
    }
}

#[test]
fn a_councils_own_limit_holds_where_the_request_sets_none() {
    let run = |request: fn(TriageRequest) -> TriageRequest| {
        let mut seated = Table::new().asked(request).on("synthesizer-1", Script::Stall).seat();
        seated.council = seated.council.clone().time_limit(Duration::from_secs(40));
        seated.run().unwrap().timing.total_ms
    };
    assert!((run(|request| request) - 40_000.0).abs() < 1.0);
    assert!((run(|request| request.time_limit(Duration::from_secs(20))) - 20_000.0).abs() < 1.0);
}
