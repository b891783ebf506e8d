//! Executable checks first, then one model, one bounded repair; nothing more.

use std::time::Duration;

use async_orchestrator_core::{
    AnswerSource, CheckKind, Clock, ErrorKind, Status, TriageRequest, UnclearCause, Verdict,
    test_util::{ManualClock, Script},
};
use async_trait::async_trait;
use expect_test::expect;
use serde_json::json;

use super::{
    table::{TOOK, Table},
    timeline::{check, check_ending},
};
use crate::Checker;

fn verdict(word: &str, reason: &str) -> String {
    json!({"reasons": [reason], "overruled": [], "verdict": word}).to_string()
}

#[test]
fn a_result_that_fails_is_repaired_once_and_looked_at_again() {
    let table = Table::new().says("validator-1/validate", verdict("fail", "a step is missing"));
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
               300 observer-1 answered in 100 ms
               400 implementer-1 answered in 100 ms
               400 == validate
               400 validator-1 asked to validate
               500 validator-1 answered in 100 ms
               500 == repair
               500 implementer-1 asked to repair
               600 implementer-1 answered in 100 ms
               600 == validate
               600 validator-1 asked to validate
               700 validator-1 answered in 100 ms
               700 validated: pass
               700 completed full
            status full, max_depth
            answer (implementation) Repaired.
            verdict pass, 1 repairs
            10 calls, 0 saved, micro-dollars Some(9764)
        "#]],
    );
    let seated = table.seat();
    seated.run().unwrap();
    let repair = super::replies::prompt(&seated.requests("implementer-1")[1]);
    assert!(repair.contains("a step is missing") && repair.contains("Worked out in steps."));
}

#[test]
fn a_result_that_fails_twice_is_given_out_as_failed() {
    check_ending(
        &Table::new().says("validator-1", verdict("fail", "a step is missing")),
        &expect![[r#"
        status full, max_depth
        answer (implementation) Repaired.
        verdict fail, 1 repairs
        check rubric failed: a step is missing
        10 calls, 0 saved, micro-dollars Some(9768)
    "#]],
    );
}

#[test]
fn a_repair_that_breaks_more_than_it_mends_is_no_repair() {
    let table = Table::new()
        .says("validator-1/validate", verdict("fail", "a step is missing"))
        .says("implementer-1/repair", "Now 1 + 1 = 3.");
    check_ending(
        &table,
        &expect![[r#"
            status full, max_depth
            answer (implementation) Worked out in steps.
            verdict fail, 1 repairs
            check rubric failed: a step is missing
            9 calls, 0 saved, micro-dollars Some(8946)
        "#]],
    );
}

#[test]
fn a_validator_that_is_away_or_unsure_leaves_the_verdict_unclear() {
    for (script, cause) in [
        (Script::Fail { after: TOOK, kind: ErrorKind::Unavailable }, UnclearCause::Infra),
        (Script::Stall, UnclearCause::Timeout),
        (super::replies::said(verdict("unclear", "who knows")), UnclearCause::LowConfidence),
    ] {
        let record = Table::new().on("validator-1", script).record();
        assert_eq!(
            (record.validation.verdict, record.validation.unclear_cause),
            (Verdict::Unclear, Some(cause))
        );
        assert_eq!(record.answer.source, AnswerSource::Implementation);
    }
}

#[test]
fn a_wrong_sum_fails_before_any_model_is_asked() {
    let table = Table::new()
        .says("implementer-1/implement", "6 x 7 = 41.")
        .says("implementer-1/repair", "6 x 7 = 42.");
    check_ending(
        &table,
        &expect![[r#"
        status full, max_depth
        answer (implementation) 6 x 7 = 42.
        verdict pass, 1 repairs
        9 calls, 0 saved, micro-dollars Some(8937)
    "#]],
    );
    let seated = table.seat();
    let record = seated.run().unwrap();
    assert_eq!(seated.requests("validator-1").len(), 1, "the wrong sum went to no model");
    let kinds: Vec<CheckKind> = record.validation.checks.iter().map(|check| check.kind).collect();
    assert_eq!(kinds, [CheckKind::Executable, CheckKind::Executable, CheckKind::Rubric]);
}

fn with_schema() -> Table {
    let schema = json!({"type": "object", "required": ["plan"]});
    let plan =
        |name: &str| super::replies::proposal(&format!("{{\"plan\": \"{name}\"}}"), None, name).to_string();
    Table::new()
        .asked(|request| request.output_schema(schema))
        .says("proposer-1", plan("alpha"))
        .says("proposer-2", plan("beta"))
        .says(
            "synthesizer-1",
            json!({"answer": "{\"plan\": \"alpha and beta\"}", "adopted": [], "rejected": []}).to_string(),
        )
        .says("implementer-1", "```json\n{\"plan\": \"worked out\"}\n```")
}

#[test]
fn the_answer_satisfies_the_schema_and_is_the_bare_document() {
    let record = with_schema().record();
    assert_eq!((record.answer.text.as_str(), record.status), ("{\"plan\":\"worked out\"}", Status::Full));
    assert!(record.validation.checks.iter().any(|check| check.name == "output_schema" && check.ok));
}

#[test]
fn a_document_that_violates_the_schema_is_repaired_once() {
    let table = with_schema()
        .says("implementer-1/implement", "{\"steps\": 3}")
        .says("implementer-1/repair", "{\"plan\": \"mended\"}");
    check_ending(
        &table,
        &expect![[r#"
        status full, max_depth
        answer (implementation) {"plan":"mended"}
        verdict pass, 1 repairs
        9 calls, 0 saved, micro-dollars Some(9149)
    "#]],
    );
    let table = with_schema().says("implementer-1", "{\"steps\": 3}");
    check_ending(
        &table,
        &expect![[r#"
        status full, max_depth
        answer (implementation) {"steps":3}
        verdict fail, 1 repairs
        check output_schema failed: "plan" is a required property (at the root)
        8 calls, 0 saved, micro-dollars Some(8272)
    "#]],
    );
}

#[test]
fn a_fallback_below_quorum_is_checked_by_programs_and_is_the_bare_document_too() {
    let fenced =
        super::replies::proposal("Here:\n```json\n{\"plan\": \"alone\"}\n```", None, "alone").to_string();
    let record =
        with_schema().says("proposer-1", fenced).fails("proposer-2", ErrorKind::Unavailable).record();
    assert_eq!(
        (record.status, record.answer.text.as_str()),
        (Status::ExpressFallback, "{\"plan\":\"alone\"}")
    );
    assert_eq!(record.validation.verdict, Verdict::NotRun);

    let wrong = super::replies::proposal("{\"steps\": 3}", None, "alone").to_string();
    let record = with_schema().says("proposer-1", wrong).fails("proposer-2", ErrorKind::Unavailable).record();
    assert_eq!((record.status, record.validation.verdict), (Status::ExpressFallback, Verdict::Fail));
}

#[test]
fn a_request_that_cannot_be_asked_costs_nothing() {
    let asked = |change: fn(TriageRequest) -> TriageRequest| {
        let seated = Table::new().asked(change).seat();
        let error = seated.run().unwrap_err();
        assert_eq!(seated.calls(), 0);
        error.to_string()
    };
    expect![[r#"
        the question is empty: say what you want to know
        the question has 10485760 bytes, at most 2097152 are read: shorten it or ask about a part
        the context has 2097153 bytes, at most 2097152 are read: shorten it or ask about a part
        the output schema is no JSON Schema: "strin" is not valid under any of the schemas listed in the 'anyOf' keyword (at /type)
        the output schema is no JSON Schema: a JSON Schema is an object, or true or false
        unknown domain `gardening`: one of general, software_architecture, research, mathematics, writing, business is expected"#]].assert_eq(
        &[
            asked(|request| TriageRequest { query: " \n".into(), ..request }),
            asked(|request| TriageRequest { query: "x".repeat(10 * 1024 * 1024), ..request }),
            asked(|request| request.context("x".repeat(2 * 1024 * 1024 + 1))),
            asked(|request| request.output_schema(json!({"type": "strin"}))),
            asked(|request| request.output_schema(json!(3))),
            asked(|request| request.domain("gardening".parse().unwrap())),
        ]
        .join("\n"),
    );
}

/// A caller's check that takes its time.
struct Compiler(ManualClock, Duration, Result<(), String>);

#[async_trait]
impl Checker for Compiler {
    fn name(&self) -> &'static str {
        "compiles"
    }

    async fn check(&self, question: &str, answer: &str) -> Result<(), String> {
        assert!(question.starts_with("Design") && !answer.is_empty());
        self.0.sleep(self.1).await;
        self.2.clone()
    }
}

fn compiled(
    took: Duration,
    outcome: Result<(), String>,
    limit: Option<Duration>,
) -> async_orchestrator_core::DecisionRecord {
    let table = Table::new().asked(|request| TriageRequest { time_limit: limit, ..request });
    let checker = Compiler(table.clock.clone(), took, outcome);
    table.checker(checker).record()
}

#[test]
fn a_callers_check_decides_like_our_own() {
    let record = compiled(TOOK, Ok(()), None);
    assert_eq!(record.validation.verdict, Verdict::Pass);
    assert!(record.validation.checks.iter().any(|check| check.name == "compiles" && check.ok));
    let record = compiled(TOOK, Err("line 3 does not parse".into()), None);
    assert_eq!((record.validation.verdict, record.validation.repairs), (Verdict::Fail, 1));
}

#[test]
fn a_callers_check_ends_at_the_deadline() {
    let record = compiled(Duration::from_secs(3_600), Ok(()), Some(Duration::from_secs(60)));
    assert_eq!(
        (record.validation.verdict, record.validation.unclear_cause),
        (Verdict::Unclear, Some(UnclearCause::Timeout))
    );
    assert_eq!((record.validation.repairs, record.timing.total_ms), (0, 60_000.0));
}
