//! The record: valid under the published schema, and the same for the same answers.

use std::time::Duration;

use async_orchestrator_core::{
    Cause, DecisionRecord, ErrorKind, Guard, ModeChoice, Status, TimeoutPhase, TriageRequest, canonical_hash,
    test_util::Script,
};
use async_orchestrator_prompts::schemas;
use proptest::prelude::*;
use serde_json::Value;

use super::replies::{BallotForm, PLANS, plan};
use super::table::Table;

/// What the published schema has against `record`.
pub(super) fn violations(record: &DecisionRecord) -> Vec<String> {
    let text = |id: &str| schemas().iter().find(|schema| schema.id == id).unwrap().text;
    let value = |id: &str| serde_json::from_str::<Value>(text(id)).unwrap();
    let mut registry = jsonschema::Registry::new();
    for id in ["urn:ao:proposal:1", "urn:ao:ballot:1"] {
        registry = registry.add(id, value(id)).unwrap();
    }
    let registry = registry.prepare().unwrap();
    let validator =
        jsonschema::options().with_registry(&registry).build(&value("urn:ao:decision:1")).unwrap();
    let record = serde_json::to_value(record).unwrap();
    validator
        .iter_errors(&record)
        .map(|error| format!("{}: {}", error.instance_path(), error.masked()))
        .collect()
}

#[test]
fn every_kind_of_record_satisfies_the_published_schema() {
    let express = |request: TriageRequest| request.mode(ModeChoice::Express);
    for (what, table) in [
        ("full", Table::of(5, 8)),
        ("express", Table::new().asked(express)),
        ("fallback", Table::new().fails("critic", ErrorKind::Unavailable)),
        ("repaired", Table::new().says("critic-1/review", "no JSON")),
        (
            "vetoed",
            Table::new().ballot("critic-1", |form| form.defect("alpha", "critical", "split by alpha", "No.")),
        ),
        (
            "long",
            Table::new().ballot("critic-1", |form| {
                form.defect("alpha", "minor", "split by alpha", &"w".repeat(5_000));
            }),
        ),
        (
            "timed out",
            Table::new()
                .asked(|request| request.time_limit(Duration::from_secs(9)))
                .on("synthesizer-1", Script::Stall),
        ),
    ] {
        assert_eq!(violations(&table.record()), Vec::<String>::new(), "{what}");
    }
}

#[test]
fn every_cause_of_an_absence_is_in_the_published_schema() {
    for kind in [
        ErrorKind::Invalid,
        ErrorKind::Unauthorized,
        ErrorKind::QuotaExhausted,
        ErrorKind::RateLimited { retry_after: None },
        ErrorKind::Overloaded { retry_after: None },
        ErrorKind::Unavailable,
        ErrorKind::Timeout { phase: TimeoutPhase::Connect },
        ErrorKind::Truncated,
        ErrorKind::Malformed,
        ErrorKind::ContentFiltered,
        ErrorKind::ContextTooLong,
        ErrorKind::UnknownModel,
        ErrorKind::Cancelled,
        ErrorKind::Refused { by: Guard::Breaker, until: None },
        ErrorKind::Refused { by: Guard::Limit, until: None },
    ] {
        let record = Table::new().fails("critic-1", kind).record();
        assert_eq!((record.status, record.absences[0].cause), (Status::Degraded, kind.cause()));
        assert_eq!(violations(&record), Vec::<String>::new(), "{kind}");
    }
}

#[test]
fn a_full_record_holds_every_part() {
    let record = Table::new().record();
    assert_eq!(record.seats.len(), 8);
    assert_eq!(record.attempts.len(), 8);
    assert_eq!(record.versions.prompts.len(), 8);
    assert!(record.versions.prompts.values().all(|hash| hash.starts_with("blake3:")));
    assert_eq!(record.versions.seed, 7);
    assert_eq!((record.depth, record.absences.len(), record.status_detail.len()), (2, 0, 0));
    assert_eq!(record.confidence.p_correct, None, "nothing was calibrated");
    assert_eq!(record.answer.winner.as_deref(), Some("p1"));
    // Propose, review, synthesize, implement, validate: five calls of 100 ms one after the other.
    assert_eq!(
        (record.timing.total_ms, record.timing.critical_path_ms, record.timing.engine_us),
        (500.0, 500.0, 0.0)
    );
}

#[test]
fn a_second_look_has_a_name_and_a_prompt_of_its_own() {
    let fail = "{\"reasons\": [\"no\"], \"overruled\": [], \"verdict\": \"fail\"}";
    let record = Table::new().says("validator-1/validate", fail).record();
    let prompts = &record.versions.prompts;
    assert_ne!(prompts["validator-1/validate"], prompts["validator-1/validate/again"]);
}

#[test]
fn the_decision_hash_depends_on_what_was_said() {
    let hash = |table: Table| table.record().log.decision_hash;
    assert_eq!(hash(Table::new()), hash(Table::new()));
    assert_ne!(hash(Table::new()), hash(Table::new().says("implementer-1", "Something else.")));
    assert_ne!(hash(Table::new()), hash(Table::new().fails("observer-1", ErrorKind::Unavailable)));
    let mut seeded = Table::new();
    seeded.seed = 8;
    assert_ne!(hash(Table::new()), hash(seeded));
}

/// Whoever has the record alone can compute it: the document without what does not last.
#[test]
fn the_decision_hash_is_that_of_the_written_record_without_its_times() {
    let record = Table::new().backup("proposer-1").fails("proposer-1", ErrorKind::Unavailable).record();
    let mut written = serde_json::to_value(&record).unwrap();
    for gone in ["run_id", "timing", "cost", "log"] {
        assert!(written.as_object_mut().unwrap().remove(gone).is_some(), "{gone}");
    }
    let attempts = written["attempts"].as_array_mut().unwrap();
    for attempt in attempts.iter_mut() {
        attempt.as_object_mut().unwrap().retain(|key, _| !key.ends_with("_ms"));
    }
    attempts.sort_by_key(|attempt| (attempt["call"].to_string(), attempt["n"].as_u64()));
    assert_eq!(canonical_hash(&written).unwrap(), record.log.decision_hash);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Who answers first must not matter: the same answers give the same decision, whatever each of them takes.
    #[test]
    fn the_same_answers_give_the_same_decision_in_whatever_order_they_arrive(waits in prop::collection::vec(0u64..400, 8), seed in 0u64..1_000) {
        let decided = |waits: &[u64]| {
            // The first two proposers answer by their second model, whenever the first has failed.
            let mut table = Table::of(4, 4).backup("proposer-1").backup("proposer-2");
            table.seed = seed;
            for (at, wait) in waits.iter().enumerate() {
                let after = Duration::from_millis(*wait);
                let number = at % 4 + 1;
                if at < 2 {
                    let kind = ErrorKind::Unavailable;
                    table = table.on(&format!("proposer-{number}"), Script::Fail { after, kind });
                } else if at < 4 {
                    let text = if at == 2 { String::from("{ no JSON") } else { plan(PLANS[at]).to_string() };
                    table = table.on(&format!("proposer-{number}"), Script::Answer { after, text });
                } else {
                    table = table.answering(&format!("critic-{number}"), move |request| {
                        let mut form = BallotForm::of(request);
                        if number == 2 {
                            form.prefer("beta");
                        }
                        Script::Answer { after, text: form.value.to_string() }
                    });
                }
            }
            let record = table.record();
            assert_eq!(record.absences.iter().map(|absence| absence.cause).collect::<Vec<_>>(), [Cause::Malformed]);
            record.log.decision_hash
        };
        prop_assert_eq!(decided(&waits), decided(&[50; 8]));
    }
}
