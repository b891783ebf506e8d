//! Express: one call, checked by programs.

use async_orchestrator_core::{
    AnswerSource, ErrorKind, Mode, ModeChoice, Status, StopReason, TriageRequest, Verdict,
};
use expect_test::expect;
use serde_json::json;

use super::{
    table::Table,
    timeline::{check, check_ending},
};

fn express() -> Table {
    Table::new().asked(|request| {
        TriageRequest { query: "What is the capital of France?".into(), ..request }.mode(ModeChoice::Express)
    })
}

fn with_schema() -> Table {
    let schema = json!({"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}, "additionalProperties": false});
    express().asked(|request| request.output_schema(schema))
}

#[test]
fn one_call_answers() {
    check(
        &express(),
        &expect![[r#"
             0 run of 8 seats
             0 triaged Express
             0 == answer
             0 proposer-1 asked to answer
           100 proposer-1 answered in 100 ms
           100 completed full
        status full, express_confident
        answer (express) Paris.
        verdict not_run, 0 repairs
        1 calls, 0 saved, micro-dollars Some(349)
    "#]],
    );
    let record = express().record();
    assert_eq!(
        (record.mode, record.status, record.stop_reason),
        (Mode::Express, Status::Full, StopReason::ExpressConfident)
    );
    assert_eq!(record.answer.source, AnswerSource::Express);
    assert_eq!(record.seats.len(), 1, "only who spoke sat there");
}

#[test]
fn a_call_that_fails_is_an_error_that_says_what_to_do() {
    check_ending(
        &express().fails("proposer-1", ErrorKind::Unauthorized),
        &expect![[r#"
        error: nobody answered: proposer-1 (auth): vendorn:model-of-proposer-1: the key was not accepted; check the provider's key
    "#]],
    );
}

#[test]
fn an_empty_answer_is_asked_for_once_more() {
    check(
        &express().says("proposer-1/answer", "  "),
        &expect![[r#"
                 0 run of 8 seats
                 0 triaged Express
                 0 == answer
                 0 proposer-1 asked to answer
               100 proposer-1 answered in 100 ms
               100 proposer-1 asked to answer
               200 proposer-1 answered in 100 ms
               200 completed full
            status full, express_confident
            answer (express) Paris.
            verdict not_run, 1 repairs
            2 calls, 0 saved, micro-dollars Some(726)
        "#]],
    );
    let seated = express().says("proposer-1/answer", "  ").seat();
    seated.run().unwrap();
    let repair = &seated.requests("proposer-1")[1];
    assert!(repair.messages[3].content.ends_with("with the whole text that was asked for."));
    check_ending(
        &express().says("proposer-1", "  "),
        &expect![[r#"
        error: nobody answered: proposer-1 (malformed): the answer is empty
    "#]],
    );
}

#[test]
fn a_wrong_sum_is_found_without_a_model() {
    check_ending(
        &express().says("proposer-1", "6 x 7 = 41, so 41."),
        &expect![[r#"
        status full, express_confident
        answer (express) 6 x 7 = 41, so 41.
        verdict fail, 0 repairs
        check arithmetic failed: does not hold: 6 x 7 = 41
        1 calls, 0 saved, micro-dollars Some(355)
    "#]],
    );
}

#[test]
fn a_schema_is_enforced_with_one_repair() {
    let record = with_schema().says("proposer-1", "Here: ```json\n{\"city\": \"Paris\"}\n```").record();
    assert_eq!((record.answer.text.as_str(), record.validation.repairs), ("{\"city\":\"Paris\"}", 0));

    let table = with_schema()
        .says("proposer-1/answer", "{\"town\": \"Paris\"}")
        .says("proposer-1/answer/repair", "{\"city\": \"Paris\"}");
    check(
        &table,
        &expect![[r#"
             0 run of 8 seats
             0 triaged Express
             0 == answer
             0 proposer-1 asked to answer
           100 proposer-1 answered in 100 ms
           100 proposer-1 asked to answer
           200 proposer-1 answered in 100 ms
           200 completed full
        status full, express_confident
        answer (express) {"city":"Paris"}
        verdict not_run, 1 repairs
        2 calls, 0 saved, micro-dollars Some(963)
    "#]],
    );
}

/// Somebody answered, if not in the form that was asked for: that is an answer with a failed check, not an error.
#[test]
fn a_schema_that_is_not_met_after_the_repair_fails_the_validation() {
    for (text, problem) in [("{\"town\": \"Paris\"}", "required"), ("Paris it is.", "no JSON document")] {
        let record = with_schema().says("proposer-1", text).record();
        assert_eq!((record.answer.text.as_str(), record.validation.verdict), (text, Verdict::Fail));
        assert_eq!(record.validation.repairs, 1, "it was asked for once more");
        let failed = record.validation.checks.iter().find(|check| !check.ok).unwrap();
        assert_eq!(failed.name, "output_schema");
        assert!(failed.detail.contains(problem), "{}", failed.detail);
    }
}
