//! A run as text: its events with their times, and the record in short.

use async_orchestrator_core::{DecisionRecord, Event, EventKind};
use expect_test::{Expect, expect};

use super::table::Table;
use crate::CouncilError;

/// Runs the council and compares everything that can be seen of it with `expected`.
#[track_caller]
pub(super) fn check(table: &Table, expected: &Expect) {
    let seated = table.seat();
    let outcome = seated.run();
    let events: Vec<String> = seated.events().iter().filter_map(line).collect();
    expected.assert_eq(&format!("{}\n{}", events.join("\n"), ending(&outcome)));
}

/// The ending alone.
#[track_caller]
pub(super) fn check_ending(table: &Table, expected: &Expect) {
    expected.assert_eq(&ending(&table.run()));
}

fn line(event: &Event) -> Option<String> {
    let what = match &event.kind {
        EventKind::RunStarted { seats, .. } => format!("run of {} seats", seats.len()),
        EventKind::Triaged { decision } => format!("triaged {}", decision.mode),
        EventKind::StageEntered { stage } => format!("== {}", stage.name()),
        EventKind::RoleStarted { stage, .. } => format!("asked to {}", stage.name()),
        EventKind::AttemptFailed { target, cause, .. } => format!("attempt at {target} failed: {cause}"),
        EventKind::AttemptRefused { target, cause, .. } => format!("{target} left out: {cause}"),
        EventKind::AttemptWaits { target, wait_ms } => format!("asks {target} again in {wait_ms} ms"),
        EventKind::AttemptHedged { target, .. } => format!("asks {target} too"),
        EventKind::RoleRestarted { target } => format!("begun anew at {target}"),
        EventKind::RoleFinished { took_ms, .. } => format!("answered in {took_ms} ms"),
        EventKind::RoleFailed { cause, .. } => format!("came to nothing: {cause}"),
        EventKind::ProposalCommitted { proposal, .. } => format!("committed {proposal}"),
        EventKind::BallotCast { ballot, best } => {
            format!("cast {ballot} for {}", best.as_deref().unwrap_or("none"))
        }
        EventKind::Decided { winner, rule, dissents, .. } => {
            format!("decided for {} by {rule}, {dissents} dissents", winner.as_deref().unwrap_or("none"))
        }
        EventKind::Escalated { from, to, .. } => format!("deeper: {from} to {to}"),
        EventKind::Validated { verdict } => format!("validated: {}", verdict.name()),
        EventKind::Alarm { alarm, .. } => format!("alarm {alarm}"),
        EventKind::Completed { summary } => format!("completed {}", summary.status.name()),
        EventKind::Failed { .. } => String::from("failed"),
        EventKind::Delta { .. } | EventKind::AttemptStarted { .. } | EventKind::AttemptFinished { .. } => {
            return None;
        }
        other => panic!("{other:?}"),
    };
    let seat = event.seat.map(|seat| format!("{seat} ")).unwrap_or_default();
    Some(format!("{:>6} {seat}{what}", event.at_ms))
}

fn ending(outcome: &Result<DecisionRecord, CouncilError>) -> String {
    match outcome {
        Ok(record) => in_short(record),
        Err(error) => format!("error: {error}\n"),
    }
}

fn in_short(record: &DecisionRecord) -> String {
    let word = |value: &dyn erased::Word| value.word();
    let mut lines = vec![
        format!("status {}, {}", record.status.name(), word(&record.stop_reason)),
        format!("answer ({}) {}", word(&record.answer.source), record.answer.text),
        format!("verdict {}, {} repairs", record.validation.verdict.name(), record.validation.repairs),
    ];
    for check in record.validation.checks.iter().filter(|check| !check.ok) {
        lines.push(format!("check {} failed: {}", check.name, check.detail));
    }
    for absence in &record.absences {
        lines.push(format!("absent {}: {}", absence.seat, absence.cause));
    }
    let cost = &record.cost;
    lines.push(format!(
        "{} calls, {} saved, micro-dollars {:?}",
        cost.calls, cost.saved_calls, cost.micro_usd
    ));
    lines.join("\n") + "\n"
}

/// The words of enums in the record, as its JSON has them.
mod erased {
    pub(super) trait Word {
        fn word(&self) -> String;
    }

    impl<T: serde::Serialize> Word for T {
        fn word(&self) -> String {
            serde_json::to_value(self).unwrap().as_str().unwrap().to_owned()
        }
    }
}

#[test]
fn a_full_council() {
    check(
        &Table::new(),
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
               300 observer-1 answered in 100 ms
               400 implementer-1 answered in 100 ms
               400 == validate
               400 validator-1 asked to validate
               500 validator-1 answered in 100 ms
               500 validated: pass
               500 completed full
            status full, max_depth
            answer (implementation) Worked out in steps.
            verdict pass, 0 repairs
            8 calls, 0 saved, micro-dollars Some(8505)
        "#]],
    );
}

#[test]
fn a_council_of_one_model_says_that_independence_is_weak() {
    check_ending(
        &Table::new().one_model(),
        &expect![[r#"
        status full, max_depth
        answer (implementation) Worked out in steps.
        verdict pass, 0 repairs
        8 calls, 0 saved, micro-dollars Some(8505)
    "#]],
    );
    let alarms = Table::new().one_model().record().tally.audit.alarms;
    assert!(alarms.iter().any(|alarm| alarm.alarm == "weak_independence"), "{alarms:?}");
    let alarms = Table::new().record().tally.audit.alarms;
    assert!(alarms.iter().all(|alarm| alarm.alarm != "weak_independence"), "{alarms:?}");
}

#[test]
fn a_fallback_answers_for_its_seat_and_the_record_says_for_whom() {
    use async_orchestrator_core::ErrorKind;
    let table = Table::new()
        .backup("proposer-1")
        .fails("proposer-1/propose", ErrorKind::Overloaded { retry_after: None });
    check(
        &table,
        &expect![[r#"
                 0 run of 8 seats
                 0 triaged Council
                 0 == propose
                 0 proposer-1 asked to propose
                 0 proposer-2 asked to propose
               100 proposer-1 attempt at vendorn:model-of-proposer-1 failed: overloaded
               100 proposer-2 answered in 100 ms
               200 proposer-1 answered in 200 ms
               200 proposer-1 committed p1
               200 proposer-2 committed p2
               200 == review
               200 critic-1 asked to review
               200 critic-2 asked to review
               300 critic-1 answered in 100 ms
               300 critic-2 answered in 100 ms
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
            9 calls, 0 saved, micro-dollars Some(8505)
        "#]],
    );
    let record = table.record();
    let seat = &record.seats[0];
    assert_eq!((seat.provider.as_str(), seat.family.as_str()), ("vendorx", "east"));
    assert_eq!(seat.substituted_for.as_deref(), Some("vendorn:model-of-proposer-1"));
    // The family that proposed is the one that spoke.
    assert_eq!(record.tally.quorum.families, 2);
    let outcomes: Vec<String> = record
        .attempts
        .iter()
        .take(3)
        .map(|attempt| format!("{} {} {}", attempt.call, attempt.n, attempt.target))
        .collect();
    assert_eq!(
        outcomes,
        [
            "proposer-1/propose 1 vendorn:model-of-proposer-1",
            "proposer-2/propose 1 vendors:model-of-proposer-2",
            "proposer-1/propose 2 vendorx:model-of-proposer-1-backup",
        ]
    );
}
