//! A run that is cut off after any entry of its journal goes on from there: what is journaled is not asked again, and the decision is the
//! same. A finished run decides the same again from its journal alone.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_orchestrator_core::{
    Cause, ErrorKind, EventKind, JournalBody, MicroUsd, RunId, SealedEntry, StopReason, test_util::Script,
};
use async_orchestrator_prompts::CollaborativePromptLibrary;
use async_orchestrator_tally::{Labelled, Trust};
use async_trait::async_trait;

use super::{
    election::sum,
    replies::said,
    table::{Seated, TOOK, Table},
};
use crate::{Checker, Council, CouncilError, Depth};

/// Every way of a run that the journal must be able to tell.
fn tables() -> Vec<(&'static str, Table)> {
    let late = |name: &str, table: Table| {
        table.on(name, Script::Answer { after: 5 * TOOK, text: String::from("A note.") })
    };
    vec![
        ("a usual council", Table::new()),
        (
            "an express run",
            Table::new().asked(|request| request.mode(async_orchestrator_core::ModeChoice::Express)),
        ),
        ("a reply that cannot be read", Table::new().says("proposer-1/propose", "{\"answer\": ")),
        ("a ballot that never can be read", Table::new().says("critic-1", "no ballot at all")),
        ("a proposer that is missing", Table::new().fails("proposer-2", ErrorKind::Unavailable)),
        ("no critic", Table::new().fails("critic", ErrorKind::Unavailable)),
        ("no synthesizer", Table::new().fails("synthesizer", ErrorKind::Unavailable)),
        ("a fallback", Table::new().backup("critic-1").fails("critic-1/review", ErrorKind::Unavailable)),
        ("an observer who is late", late("observer-1", Table::new())),
        ("an observer who is early", Table::new().on("observer-1/observe", quick())),
        ("a closed question that is settled early", sum(&["42", "42", "41"], 3)),
        ("an adaptive one", sum(&["41", "42", "42"], 2).trust(known()).depth(Depth::Adaptive).stop_at(0.97)),
        ("a budget that ends the asking", {
            let long = |key: &str| {
                super::replies::proposal(&"word ".repeat(3_000), Some(key), "reckoned").to_string()
            };
            let table = sum(&["42", "41", "42"], 2).trust(known()).depth(Depth::Adaptive).stop_at(0.99);
            let table = table.says("proposer-1", long("42")).says("proposer-2", long("41"));
            table.asked(|request| request.budget(MicroUsd(40_000)))
        }),
        ("a result that fails its check", Table::new().checker(Picky)),
        ("a time limit that cuts the end", {
            let limited = Table::new().asked(|request| request.time_limit(Duration::from_secs(30)));
            limited.on("implementer-1", Script::Stall)
        }),
    ]
}

fn quick() -> Script {
    Script::Answer { after: Duration::from_millis(1), text: String::from("{\"note\": \"All is well.\"}") }
}

fn known() -> Trust {
    let seats = ["vendorn:model-of-proposer-1", "vendors:model-of-proposer-2", "vendorn:model-of-proposer-3"];
    let labelled = |n: u64| {
        let vote = |rate: u64, turn: u64| if (n * turn) % 100 < rate { "42" } else { "41" };
        let votes = seats.into_iter().zip([vote(80, 37), vote(70, 61), vote(55, 83)]).collect();
        Labelled { class: "calculation", votes, truth: "42" }
    };
    Trust::learn(&(0..400).map(labelled).collect::<Vec<_>>())
}

/// A check that never says the same twice.
struct Picky;

static ASKED: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);

#[async_trait]
impl Checker for Picky {
    fn name(&self) -> &'static str {
        "picky"
    }

    async fn check(&self, _: &str, _: &str) -> Result<(), String> {
        let turn = ASKED.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Err(format!("problem number {turn}"))
    }
}

fn calls(entries: &[SealedEntry]) -> BTreeSet<String> {
    let call = |entry: &SealedEntry| match entry.body() {
        JournalBody::Arrived { call, .. } => Some(call.clone()),
        _ => None,
    };
    entries.iter().filter_map(call).collect()
}

/// The calls that really went out.
fn asked(seated: &Seated) -> BTreeSet<String> {
    let events = seated.events();
    let started = events.iter().filter(|event| matches!(event.kind, EventKind::RoleStarted { .. }));
    started.filter_map(|event| Some(event.call.as_ref()?.to_string())).collect()
}

#[test]
fn a_run_goes_on_after_any_entry_and_comes_to_the_same_decision() {
    for (what, table) in tables() {
        let seated = table.seat();
        let whole = seated.run().unwrap_or_else(|error| panic!("{what}: {error}"));
        let entries = seated.entries();
        for cut in 1..=entries.len() {
            let again = table.seat();
            let resumed =
                again.resume(&entries[..cut]).unwrap_or_else(|error| panic!("{what}, cut at {cut}: {error}"));
            let twice: Vec<String> = asked(&again).intersection(&calls(&entries[..cut])).cloned().collect();
            assert_eq!(twice, Vec::<String>::new(), "{what}, cut at {cut}: paid again");
            // A user's check that had not been journaled may say another thing now.
            let own_words = what == "a result that fails its check"
                && !entries[..cut].iter().any(|entry| matches!(entry.body(), JournalBody::Closed { .. }));
            if !own_words {
                assert_eq!(resumed.answer, whole.answer, "{what}, cut at {cut}");
                assert_eq!(resumed.log.decision_hash, whole.log.decision_hash, "{what}, cut at {cut}");
            }
            // What was written again begins where the journal ended.
            let written = again.entries();
            assert_eq!(
                written.first().map_or(cut, |entry| usize::try_from(entry.entry().index).unwrap()),
                cut
            );
        }
    }
}

#[test]
fn a_finished_run_decides_the_same_again_and_asks_nobody() {
    for (what, table) in tables() {
        let seated = table.seat();
        let whole = seated.run().unwrap();
        let run = RunId::new("run-1");
        // By the council itself, and by one that is made of nothing but its description.
        let setup = seated.seen.setups.lock().unwrap().values().next().unwrap().clone();
        let setup = serde_json::from_str(&serde_json::to_string(&setup).unwrap()).unwrap();
        let prompts = CollaborativePromptLibrary::built_in().unwrap();
        let described = Council::of_setup(&setup, prompts, Arc::new(seated.clock.clone())).unwrap();
        for council in [&seated.council, &described] {
            let asked = seated.calls();
            let again =
                council.replay(&run, seated.entries()).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(again.log.decision_hash, whole.log.decision_hash, "{what}");
            assert_eq!(again.log, whole.log, "{what}");
            assert_eq!(seated.calls(), asked, "{what}: somebody was asked");
        }
        assert_eq!(described.setup(), setup, "{what}: a description describes itself");
    }
}

#[test]
fn a_resumed_run_has_the_time_that_was_left() {
    let table = Table::new()
        .asked(|request| request.time_limit(Duration::from_secs(30)))
        .on("synthesizer-1", Script::Answer { after: 250 * TOOK, text: String::from("slow") })
        .on("implementer-1", Script::Stall);
    let seated = table.seat();
    let whole = seated.run().unwrap();
    assert_eq!(whole.stop_reason, StopReason::Deadline);
    let entries = seated.entries();
    let cut = entries.iter().position(|entry| entry.entry().at_ms > 20_000).unwrap() + 1;
    let again = table.seat();
    let resumed = again.resume(&entries[..cut]).unwrap();
    assert_eq!(resumed.stop_reason, StopReason::Deadline);
    assert!((resumed.timing.total_ms - 30_000.0).abs() < 1.0, "{}", resumed.timing.total_ms);
}

#[test]
fn a_resumed_run_spends_on_from_what_it_had_spent() {
    let table = Table::new().asked(|request| request.budget(MicroUsd(1_000_000)));
    let seated = table.seat();
    let whole = seated.run().unwrap();
    let entries = seated.entries();
    for cut in [4, entries.len() - 2] {
        let resumed = table.seat().resume(&entries[..cut]).unwrap();
        assert_eq!(resumed.cost, whole.cost, "cut at {cut}");
    }
}

#[test]
fn another_council_does_not_pretend_to_go_on() {
    let seated = Table::new().seat();
    seated.run().unwrap();
    let entries = seated.entries();
    let cut = entries.len() - 2;
    let gone_on = |table: Table| table.seat().resume(&entries[..cut]);
    // The critics' orders differ, so their labels mean other proposals: another winner, or other commits.
    let fewer = gone_on(Table::new().without(async_orchestrator_core::Role::Synthesizer));
    assert!(matches!(fewer, Err(CouncilError::Diverged { .. })), "{fewer:?}");
    let message = fewer.unwrap_err().to_string();
    assert!(message.contains("entry") && message.contains("synthesizer-1/synthesize"), "{message}");
    let mut shuffled = entries.clone();
    shuffled.swap(2, 3);
    let broken = crate::Resumption::read(RunId::new("run-1"), shuffled).unwrap_err();
    assert!(broken.to_string().contains("entry 2"), "{broken}");
    assert!(crate::Resumption::read(RunId::new("run-2"), entries).is_err(), "of another run");
    assert!(crate::Resumption::read(RunId::new("run-1"), Vec::new()).is_err());
}

#[test]
fn a_caller_who_goes_away_leaves_a_run_that_can_be_taken_up() {
    let table = Table::new().on("synthesizer-1", Script::Stall);
    let seated = table.seat();
    {
        let mut run = seated.start();
        for _ in 0..3 {
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(run.as_mut().poll(&mut context).is_pending());
            seated.clock.advance_to_next();
        }
    }
    assert_eq!(seated.seen.left.lock().unwrap().len(), 1, "the journal was told");
    let resumed = Table::new().seat().resume(&seated.entries()).unwrap();
    assert_eq!(resumed.log.decision_hash, Table::new().record().log.decision_hash);
    let failed = Table::new().fails("proposer", ErrorKind::Unavailable).seat();
    assert!(failed.run().is_err());
    assert!(matches!(failed.entries().last().unwrap().body(), JournalBody::Failed { .. }));
}

#[test]
fn what_was_recalled_is_told_as_such() {
    let seated = Table::new().seat();
    seated.run().unwrap();
    let entries = seated.entries();
    let again = Table::new().seat();
    again.resume(&entries[..5]).unwrap();
    let events = again.events();
    let recalled = events.iter().filter(|event| matches!(event.kind, EventKind::RoleRecalled { .. })).count();
    assert_eq!(recalled, calls(&entries[..5]).len());
    let resumed = events
        .iter()
        .any(|event| matches!(event.kind, EventKind::Resumed { calls } if calls == recalled as u64));
    assert!(resumed && recalled > 0);
    // The answers of an observer and of a critic who was cancelled are no part of it.
    let absent = Table::new().on("observer-1", said("")).record();
    assert!(absent.absences.iter().all(|absence| absence.cause != Cause::Cancelled));
}
