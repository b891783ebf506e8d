//! Tests of documents under a grammar: they parse and keep to the schema.

use serde_json::json;

use super::*;
use crate::{
    cancel::Cancel,
    engine::{Engine, Form, WriteRequest, Written},
    fixture,
};

/// As a council sends it: labels fixed by place, grades, a defect with a quote, a nullable choice, shared definitions.
fn ballot() -> Value {
    let review = |label: &str| {
        json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["label", "scores", "approve", "p_correct", "defects"],
            "properties": {
                "label": {"const": label},
                "scores": {
                    "type": "object",
                    "required": ["correctness", "clarity"],
                    "properties": {"correctness": {"$ref": "#/$defs/s"}, "clarity": {"$ref": "#/$defs/s"}}
                },
                "approve": {"type": "boolean", "description": "whether it may be used"},
                "p_correct": {"type": "number", "minimum": 0, "maximum": 1},
                "defects": {
                    "type": "array",
                    "maxItems": 12,
                    "items": {
                        "type": "object",
                        "required": ["severity", "quote", "fix"],
                        "properties": {
                            "severity": {"enum": ["critical", "major", "minor"]},
                            "quote": {"type": "string", "maxLength": 400},
                            "fix": {"type": ["string", "null"], "maxLength": 600}
                        }
                    }
                }
            }
        })
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["reviews", "best", "abstain"],
        "properties": {
            "reviews": {"type": "array", "prefixItems": [review("A"), review("B")], "items": false, "minItems": 2, "maxItems": 2},
            "best": {"type": ["string", "null"], "pattern": "^[A-H]$"},
            "abstain": {"type": "boolean"}
        },
        "$defs": {"s": {"type": "integer", "minimum": 0, "maximum": 10}}
    })
}

fn request(schema: &Value, tokens_max: usize, seed: u64) -> WriteRequest {
    WriteRequest {
        messages: vec![("user", "Reply in JSON.".to_owned())],
        form: Form::Json(schema.clone()),
        tokens_max: Some(tokens_max),
        temperature: Some(2.0),
        seed,
        stop: Vec::new(),
    }
}

fn write(
    engine: &Engine,
    team: &Arc<rayon::ThreadPool>,
    request: &WriteRequest,
) -> Result<Written, EngineError> {
    engine.write(&mut engine.session(team), request, &Cancel::default(), &mut |_| Ok(()))
}

/// A model of pure noise writes documents of `schema`, and each is judged by an independent validator.
#[track_caller]
fn check(schema: &Value, tokens_max: usize) {
    let validator = jsonschema::validator_for(schema).unwrap();
    let (engine, team) = fixture::engine();
    for seed in 0..6 {
        let written = write(&engine, &team, &request(schema, tokens_max, seed)).unwrap();
        let document: Value =
            serde_json::from_str(&written.text).unwrap_or_else(|error| panic!("{error}: {}", written.text));
        assert!(validator.is_valid(&document), "{} does not keep to {schema}", written.text);
        assert!(written.reply_tokens <= tokens_max, "{} tokens: {}", written.reply_tokens, written.text);
        assert_eq!(written.ending, Ending::Done);
    }
}

#[track_caller]
fn refused(schema: &Value) -> String {
    let (engine, team) = fixture::engine();
    match write(&engine, &team, &request(schema, 400, 1)) {
        Err(error @ (EngineError::Schema { .. } | EngineError::BudgetTooSmall { .. })) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_ballot_is_always_complete() {
    check(&ballot(), 512);
}

#[test]
fn a_proposal_is_always_complete() {
    let claim = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["id", "text", "evidence"],
        "properties": {
            "id": {"type": "string", "pattern": "^c[0-9]{1,2}$"},
            "text": {"type": "string", "maxLength": 600},
            "evidence": {"type": ["string", "null"], "maxLength": 1200}
        }
    });
    let schema = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["answer_key", "answer", "claims", "confidence", "abstain"],
        "properties": {
            "answer_key": {"type": ["string", "null"], "maxLength": 256},
            "answer": {"type": "string"},
            "claims": {"type": "array", "maxItems": 32, "items": claim},
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
            "abstain": {"type": "boolean"}
        }
    });
    check(&schema, 512);
    check(&schema, 200);
}

#[test]
fn numbers_keep_to_their_bounds_and_end() {
    for number in [
        json!({"type": "number"}),
        json!({"type": "integer", "minimum": -5}),
        json!({"type": "integer", "exclusiveMaximum": 3}),
        json!({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}),
        json!({"type": "number", "minimum": 0.5, "maximum": 900.5}),
        json!({"type": "integer", "multipleOf": 5, "minimum": 11}),
        json!({"type": "number", "multipleOf": 0.25, "maximum": 4, "minimum": 3}),
        json!({"type": "integer", "minimum": 1_000_000, "maximum": 1_000_001}),
    ] {
        check(&json!({"type": "object", "properties": {"n": number}, "required": ["n"]}), 60);
    }
}

#[test]
fn strings_keep_to_their_lengths_and_end() {
    for string in [
        json!({"type": "string"}),
        json!({"type": "string", "maxLength": 3}),
        json!({"type": "string", "maxLength": 0}),
        json!({"type": "string", "minLength": 30, "maxLength": 60}),
        json!({"type": "string", "minLength": 12, "maxLength": 12}),
        json!({"minLength": 1}),
        json!({"type": "string", "pattern": "^[a-c]+$"}),
        json!({"type": "string", "format": "date"}),
        json!(true),
        json!({}),
    ] {
        check(&json!({"type": "object", "properties": {"s": string}, "required": ["s"]}), 360);
    }
}

#[test]
fn alternatives_lists_and_references_are_kept() {
    check(&json!({"anyOf": [{"type": "integer", "minimum": 7}, {"const": "none"}, {"if": true}]}), 40);
    check(&json!({"oneOf": [{"const": {"a": 1}}, {"const": [1, "x", null]}]}), 40);
    check(&json!({"type": "array", "items": {"enum": [1, "two", null]}, "minItems": 3}), 60);
    check(&json!({"type": "array", "items": {"type": "integer"}, "uniqueItems": true}), 60);
    check(
        &json!({"allOf": [{"properties": {"a": {"type": "null"}}}, {"required": ["a", "b"]}], "type": "object"}),
        60,
    );
    check(
        &json!({"$ref": "#/$defs/x", "$defs": {"x": {"type": "array", "items": {"$ref": "#/$defs/y"}, "minItems": 1}, "y": {"type": "boolean"}}}),
        80,
    );
    check(&json!({"type": "object", "properties": {"optional": {"type": "boolean"}}}), 60);
    check(
        &json!({"type": "object", "properties": {"a": {"type": "boolean"}, "b": {"$ref": "#"}}, "required": ["a"]}),
        60,
    );
}

#[test]
fn what_cannot_be_kept_is_refused_by_name() {
    assert!(refused(&json!({"type": "object", "if": {}})).contains("`if`"));
    assert!(refused(&json!({"not": {"type": "string"}})).contains("`not`"));
    assert!(refused(&json!({"type": "array", "contains": {}})).contains("`contains`"));
    assert!(refused(&json!({"type": "array", "uniqueItems": true, "minItems": 2})).contains("uniqueItems"));
    assert!(
        refused(&json!({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}))
            .contains("itself")
    );
    assert!(refused(&json!({"$ref": "https://example.com/schema"})).contains("`$ref`"));
    assert!(refused(&json!({"type": "integer", "minimum": 3, "maximum": 2})).contains("range"));
    assert!(refused(&json!({"type": "what"})).contains("what"));
    assert!(refused(&json!(false)).contains("nothing"));
    assert!(refused(&json!("text")).contains("neither"));
    assert!(refused(&json!({"type": "string", "pattern": "("})).contains("schema"));
}

#[test]
fn a_limit_below_the_shortest_document_says_what_is_needed() {
    let (engine, team) = fixture::engine();
    let outcome = write(&engine, &team, &request(&ballot(), 20, 1));
    let Err(EngineError::BudgetTooSmall { needed, budget: 20 }) = outcome else { panic!("{outcome:?}") };
    assert!(write(&engine, &team, &request(&ballot(), needed, 1)).is_ok());
}

#[test]
fn forced_text_is_not_sampled() {
    let (engine, team) = fixture::engine();
    let schema = json!({"const": {"the": "A thing that the schema forces from its beginning to its end"}});
    let mut session = engine.session(&team);
    let written =
        engine.write(&mut session, &request(&schema, 200, 1), &Cancel::default(), &mut |_| Ok(())).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&written.text).unwrap(), schema["const"]);
    assert_eq!(session.room(), fixture::WINDOW, "the model was not asked once");
}
