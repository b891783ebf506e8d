//! Reply forms: valid schemas, narrow where they must be, and in step with the types that read them.

use async_orchestrator_core::{
    AnswerKind, Ballot, Defect, PromptStyle, Proposal, ReplyFormat, Severity, Stage, Verdict,
};
use serde_json::{Value, json};

use super::{Case, STAGES, STYLES, render};
use crate::{
    BriefAnswer, ObservationReply, PromptInput, RenderedPrompt, ReplyKind, SynthesisReply, ValidationReply,
    schemas,
};

fn schema_of(prompt: &RenderedPrompt) -> &Value {
    let ReplyFormat::JsonSchema { schema, .. } = &prompt.format else {
        panic!("a JSON schema: {:?}", prompt.format)
    };
    schema.value()
}

#[track_caller]
fn accepts(schema: &Value, reply: &Value) -> bool {
    jsonschema::draft202012::new(schema).expect("a valid schema").is_valid(reply)
}

fn published(name: &str) -> Value {
    let schema = schemas().iter().find(|schema| schema.name == name).unwrap();
    serde_json::from_str(schema.text).unwrap()
}

fn review(label: &str) -> Value {
    json!({
        "label": label,
        "defects": [{"severity": "major", "claim_id": null, "quote": "x", "why": "y", "fix": null}],
        "scores": {"correctness": 7, "completeness": 6, "feasibility": 8, "safety": 9, "clarity": 10},
        "approve": true, "p_correct": 0.5, "predicted_support": 0.5,
    })
}

fn ballot(labels: &[&str], best: &Value) -> Value {
    let reviews: Vec<Value> = labels.iter().map(|label| review(label)).collect();
    json!({"reviews": reviews, "best": best, "abstain": false, "abstain_reason": null})
}

#[test]
fn every_published_schema_is_a_valid_schema_with_its_own_id() {
    for schema in schemas() {
        let value: Value = serde_json::from_str(schema.text).unwrap();
        assert!(jsonschema::draft202012::meta::is_valid(&value), "{}", schema.name);
        assert_eq!(value["$id"], schema.id);
    }
}

#[test]
fn the_decision_schema_finds_the_schemas_that_it_refers_to() {
    let resources = ["proposal", "ballot"].map(|name| (format!("urn:ao:{name}:1"), published(name)));
    let mut registry = jsonschema::Registry::new();
    for (id, value) in resources {
        registry = registry.add(id, value).unwrap();
    }
    let registry = registry.prepare().unwrap();
    jsonschema::options().with_registry(&registry).build(&published("decision")).unwrap();
}

#[test]
fn every_reply_form_is_a_valid_schema_and_has_a_name_that_vendors_take() {
    let case = Case::plain();
    for kind in AnswerKind::ALL {
        let input = PromptInput { output_schema: None, answer_kind: kind, ..case.input() };
        for (stage, style) in STAGES.into_iter().flat_map(|stage| STYLES.map(|style| (stage, style))) {
            let prompt = render(stage, style, &input);
            if let ReplyFormat::JsonSchema { name, schema } = &prompt.format {
                assert!(jsonschema::draft202012::meta::is_valid(schema.value()));
                assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && name.len() <= 64);
                assert!(schema.value().get("$id").is_none() && schema.value().get("$schema").is_none());
            }
            assert!(prompt.max_output_tokens >= 80, "{stage:?}");
        }
    }
}

#[test]
fn replies_that_the_schemas_accept_are_replies_that_the_types_read() {
    let case = Case::plain();
    let input = case.input();
    let form = |stage| schema_of(&render(stage, PromptStyle::Full, &input)).clone();

    let proposal = json!({"answer": "a", "answer_key": null, "confidence": 0.7, "abstain": false,
        "claims": [{"id": "c1", "text": "t", "evidence": null}]});
    assert!(accepts(&form(Stage::Propose), &proposal) && accepts(&published("proposal"), &proposal));
    serde_json::from_value::<Proposal>(proposal).unwrap();

    let cast = ballot(&["A", "B"], &json!("B"));
    assert!(accepts(&form(Stage::Review), &cast) && accepts(&published("ballot"), &cast));
    serde_json::from_value::<Ballot>(cast).unwrap();

    let synthesis = json!({"answer": "a", "adopted": ["p"], "rejected": [{"claim": "c", "why": "w"}]});
    assert!(accepts(&form(Stage::Synthesize), &synthesis));
    serde_json::from_value::<SynthesisReply>(synthesis).unwrap();

    let validation = json!({"verdict": "pass", "reasons": [], "overruled": [{"quote": "q", "why": "w"}]});
    assert!(accepts(&form(Stage::Validate), &validation));
    let reply: ValidationReply = serde_json::from_value(validation).unwrap();
    assert_eq!(reply.verdict, Verdict::Pass);

    assert!(accepts(&form(Stage::Observe), &json!({"note": "n"})));
    serde_json::from_value::<ObservationReply>(json!({"note": "n"})).unwrap();
}

#[test]
fn a_ballot_names_exactly_the_labels_that_were_shown() {
    let case = Case::plain();
    let schema = schema_of(&render(Stage::Review, PromptStyle::Full, &case.input())).clone();
    assert!(accepts(&schema, &ballot(&["B", "A"], &Value::Null)));
    assert!(!accepts(&schema, &ballot(&["A", "C"], &json!("A"))), "a label that was not shown");
    assert!(!accepts(&schema, &ballot(&["A"], &json!("A"))), "a label without review");
    assert!(!accepts(&schema, &ballot(&["A", "B", "A"], &json!("A"))), "a review too many");
    assert!(!accepts(&schema, &ballot(&["A", "B"], &json!("C"))), "a best that was not shown");
}

#[test]
fn a_compact_ballot_is_a_ballot_by_the_published_schema_too() {
    let case = Case::plain();
    let compact = schema_of(&render(Stage::Review, PromptStyle::Compact, &case.input())).clone();
    let mut cast = ballot(&["A", "B"], &json!("A"));
    for review in cast["reviews"].as_array_mut().unwrap() {
        review["defects"] = json!([]);
    }
    assert!(accepts(&compact, &cast) && accepts(&published("ballot"), &cast));
    serde_json::from_value::<Ballot>(cast).unwrap();
    assert!(!accepts(&compact, &ballot(&["B", "A"], &json!("A"))), "the labels stand in their order");
}

#[test]
fn a_compact_text_has_the_sections_of_its_domain() {
    let input = PromptInput { draft: Some("d"), question: "Design it.", ..PromptInput::default() };
    let sections = |stage| {
        let domain = async_orchestrator_core::Domain::SOFTWARE_ARCHITECTURE;
        let prompt = super::library().render(stage, PromptStyle::Compact, &domain, &input).unwrap();
        assert_eq!(prompt.reply, ReplyKind::Text);
        let ReplyFormat::Sections(sections) = prompt.format else { panic!("sections") };
        let total: u32 = sections.iter().map(|section| section.tokens_max).sum();
        assert!((80..=130).contains(&total) && prompt.max_output_tokens > total, "{total} tokens");
        sections.into_iter().map(|section| section.heading).collect::<Vec<_>>()
    };
    assert_eq!(sections(Stage::Propose), ["Components", "Data flow", "Scaling", "Risks"]);
    assert_eq!(sections(Stage::Implement), ["Build first", "Then add", "Measure"]);
}

#[test]
fn the_token_limit_of_a_compact_document_covers_its_longest_instance() {
    let case = Case::plain();
    let sentence = format!("A{}{}", "a".repeat(14), format!(" {}", "a".repeat(14)).repeat(9));
    let check = |stage, kind, longest: Value| {
        let input = PromptInput { output_schema: None, answer_kind: kind, ..case.input() };
        let prompt = render(stage, PromptStyle::Compact, &input);
        assert!(accepts(schema_of(&prompt), &longest), "{longest}");
        assert!(longest.to_string().len() <= prompt.max_output_tokens as usize, "{stage:?}");
    };
    let number = "-123456789012.123456";
    check(Stage::Propose, AnswerKind::Number, json!({"answer_key": number, "reason": sentence}));
    check(Stage::Observe, AnswerKind::Text, json!({"note": sentence}));
    let validation = json!({"reasons": [sentence], "overruled": [], "verdict": "unclear"});
    check(Stage::Validate, AnswerKind::Text, validation);
    let mut cast = ballot(&["A", "B"], &json!("A"));
    for review in cast["reviews"].as_array_mut().unwrap() {
        review["defects"] = json!([]);
        review["approve"] = json!(false);
        for score in review["scores"].as_object_mut().unwrap().values_mut() {
            *score = json!(10);
        }
    }
    check(Stage::Review, AnswerKind::Text, cast);
}

#[test]
fn a_compact_closed_answer_is_held_to_its_kind() {
    let check = |kind, question, good: &[&str], bad: &[&str]| {
        let input = PromptInput { question, answer_kind: kind, ..PromptInput::default() };
        let prompt = render(Stage::Propose, PromptStyle::Compact, &input);
        assert_eq!(prompt.reply, ReplyKind::BriefAnswer);
        let reply = |key: &str| json!({"answer_key": key, "reason": "Because it follows from this"});
        for key in good {
            assert!(accepts(schema_of(&prompt), &reply(key)), "{key}");
            let proposal = serde_json::from_value::<BriefAnswer>(reply(key)).unwrap().into_proposal();
            assert!(accepts(&published("proposal"), &serde_json::to_value(proposal).unwrap()));
        }
        for key in bad {
            assert!(!accepts(schema_of(&prompt), &reply(key)), "{key}");
        }
    };
    check(AnswerKind::Choice, "Which? A) x B) y C) z", &["A", "C"], &["D", "a", ""]);
    check(AnswerKind::Choice, "Which? (A) x\n(B) y", &["A", "B"], &["C"]);
    check(AnswerKind::Choice, "Which letter?", &["A", "J"], &["K"]);
    check(AnswerKind::Number, "How many?", &["12", "-3.5"], &["twelve", "1e9", "12 km"]);
    check(AnswerKind::Boolean, "Is it?", &["yes", "no"], &["maybe", "Yes"]);
}

#[test]
fn the_callers_schema_is_the_form_of_the_final_answer() {
    let case = Case::plain();
    for stage in [Stage::Answer, Stage::Implement, Stage::Repair] {
        for style in STYLES {
            let prompt = render(stage, style, &case.input());
            assert_eq!((schema_of(&prompt), prompt.reply), (&case.schema, ReplyKind::CallerSchema));
        }
    }
}

#[test]
fn a_validator_overrules_a_defect_only_by_its_quote_and_with_a_reason() {
    let reply: ValidationReply = serde_json::from_value(json!({
        "verdict": "pass",
        "overruled": [{"quote": "two  words", "why": "mended"}, {"quote": "other", "why": " "}],
    }))
    .unwrap();
    let defect = |quote: &str| Defect {
        severity: Severity::Critical,
        claim_id: None,
        quote: quote.to_owned(),
        why: String::new(),
        fix: None,
    };
    assert_eq!(reply.overrules(&defect("two\nwords")), Some("mended"));
    assert_eq!(reply.overrules(&defect("other")), None);
    assert_eq!(reply.overrules(&defect("two words more")), None);
    assert!(serde_json::from_value::<ValidationReply>(json!({"verdict": "not_run"})).is_err());
}
