//! The rewriting, against the schemas that a council sends and the corners of JSON Schema.

use expect_test::expect;
use serde_json::json;

use super::*;

const STRICT: Subset = Subset {
    constraints: &["pattern", "minimum", "maximum", "minItems", "maxItems", "format"],
    min_items_max: u64::MAX,
    formats: &["date"],
    unions: Unions::TypeList,
    recursion: Recursion::Allowed,
    depth_max: 4,
};
const NARROW: Subset = Subset {
    constraints: &["minItems"],
    min_items_max: 1,
    formats: &[],
    unions: Unions::AnyOf,
    recursion: Recursion::Refused,
    depth_max: 4,
};

/// Rewrites a schema with the one property `x`.
fn property(subset: &Subset, x: &Value) -> Result<String, Inexpressible> {
    let whole = subset.rewrite(&json!({"type": "object", "properties": {"x": x}}))?;
    Ok(whole["properties"]["x"].to_string())
}

#[track_caller]
fn check(x: &Value, strict: &str, narrow: &str) {
    assert_eq!(property(&STRICT, x).unwrap(), strict, "strict");
    assert_eq!(property(&NARROW, x).unwrap(), narrow, "narrow");
}

#[test]
fn what_a_vendor_cannot_enforce_is_said_in_words() {
    check(
        &json!({"type": "string", "pattern": "^[A-H]$", "maxLength": 5, "description": "a label"}),
        r#"{"type":"string","pattern":"^[A-H]$","description":"a label (maxLength: 5)"}"#,
        r#"{"type":"string","description":"a label (maxLength: 5, pattern: ^[A-H]$)"}"#,
    );
    check(
        &json!({"type": "integer", "minimum": 0, "maximum": 10}),
        r#"{"type":"integer","minimum":0,"maximum":10}"#,
        r#"{"type":"integer","description":"minimum: 0, maximum: 10"}"#,
    );
    check(
        &json!({"type": "string", "pattern": "(?=a)a", "format": "uri"}),
        r#"{"type":"string","description":"pattern: (?=a)a, format: uri"}"#,
        r#"{"type":"string","description":"pattern: (?=a)a, format: uri"}"#,
    );
    check(
        &json!({"type": "array", "items": {"type": "string"}, "minItems": 2, "uniqueItems": true}),
        r#"{"type":"array","items":{"type":"string"},"minItems":2,"description":"uniqueItems: true"}"#,
        r#"{"type":"array","items":{"type":"string"},"description":"minItems: 2, uniqueItems: true"}"#,
    );
}

#[test]
fn unions_and_values_take_the_vendors_form() {
    check(
        &json!({"type": ["string", "null"], "maxLength": 3, "maximum": 1, "description": "why"}),
        r#"{"type":["string","null"],"description":"why (maxLength: 3)"}"#,
        r#"{"anyOf":[{"type":"string","description":"maxLength: 3"},{"type":"null"}],"description":"why"}"#,
    );
    check(
        &json!({"enum": [null, "a", "b"]}),
        r#"{"type":["null","string"],"enum":[null,"a","b"]}"#,
        r#"{"enum":[null,"a","b"]}"#,
    );
    check(&json!({"const": 3}), r#"{"type":"integer","enum":[3]}"#, r#"{"enum":[3]}"#);
    check(
        &json!({"oneOf": [{"type": "string"}, {"type": "null"}, {"type": "string"}]}),
        r#"{"anyOf":[{"type":"string"},{"type":"null"}]}"#,
        r#"{"anyOf":[{"type":"string"},{"type":"null"}]}"#,
    );
    check(
        &json!({"type": "array", "prefixItems": [{"const": "a"}, {"const": "b"}], "items": false}),
        r#"{"type":"array","items":{"anyOf":[{"type":"string","enum":["a"]},{"type":"string","enum":["b"]}]}}"#,
        r#"{"type":"array","items":{"anyOf":[{"enum":["a"]},{"enum":["b"]}]}}"#,
    );
}

#[test]
fn objects_are_closed_and_ask_for_every_property() {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:x", "title": "T", "type": "object",
        "required": ["a"],
        "properties": {"a": {"$ref": "#/definitions/score"}, "b": {"allOf": [{"type": "boolean"}]}},
        "definitions": {"score": {"type": "number", "default": 1}},
    });
    expect![[
        r##"{"type":"object","required":["a","b"],"properties":{"a":{"$ref":"#/$defs/score"},"b":{"type":"boolean"}},"additionalProperties":false,"$defs":{"score":{"type":"number"}}}"##
    ]]
    .assert_eq(&STRICT.rewrite(&schema).unwrap().to_string());
    assert_eq!(
        without_identity(&schema).as_object().unwrap().keys().next().unwrap(),
        "title",
        "the rest of the schema stays"
    );
}

#[test]
fn what_no_rewriting_can_express_is_refused() {
    let nested = (0..6).fold(json!({"type": "string"}), |inner, _| json!({"type": "array", "items": inner}));
    for x in [
        json!({}),
        json!(true),
        json!({"type": "object"}),
        json!({"type": "object", "properties": {}, "additionalProperties": {"type": "string"}}),
        json!({"type": "object", "properties": {}, "patternProperties": {"^x": {}}}),
        json!({"type": "array"}),
        json!({"enum": [{"a": 1}]}),
        json!({"allOf": [{"type": "string"}, {"minLength": 1}]}),
        json!({"$ref": "https://schemas.test/x"}),
        json!({"$ref": "#/properties/x"}),
        nested,
    ] {
        assert_eq!(property(&STRICT, &x), Err(Inexpressible), "{x}");
        assert_eq!(property(&NARROW, &x), Err(Inexpressible), "{x}");
    }
    for root in [json!({"type": "array", "items": {"type": "string"}}), json!({"anyOf": []}), json!(true)] {
        assert_eq!(STRICT.rewrite(&root), Err(Inexpressible), "{root}");
    }
}

#[test]
fn recursion_is_for_vendors_that_have_it() {
    let tree = json!({
        "type": "object", "properties": {"root": {"$ref": "#/$defs/node"}},
        "$defs": {
            "node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/link"}}},
            "link": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
        },
    });
    assert!(STRICT.rewrite(&tree).is_ok());
    assert_eq!(NARROW.rewrite(&tree), Err(Inexpressible));
}

#[test]
fn escapes_that_engines_differ_in_are_no_plain_pattern() {
    for plain in ["^c[0-9]{1,2}$", r"^\d+\.\w$", "[A-H]"] {
        assert!(is_plain_pattern(plain), "{plain}");
    }
    for other in [r"\bword\b", r"(a)\1", "(?i)a", r"\p{L}", "(?<n>a)"] {
        assert!(!is_plain_pattern(other), "{other}");
    }
}
