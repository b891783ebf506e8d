//! Every instance is judged by an independent validator.

use proptest::prelude::*;
use serde_json::json;

use super::*;

#[track_caller]
fn check(schema: &Value) {
    let validator = jsonschema::validator_for(schema).unwrap();
    for seed in 0..40 {
        let instance = instance(schema, None, &Dice::new(seed)).unwrap();
        let errors: Vec<_> = validator.iter_errors(&instance).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{instance}\n{errors:?}\n{schema}");
    }
}

#[test]
fn instances_are_valid() {
    check(
        &json!({"type": "object", "required": ["a", "b", "c"], "additionalProperties": false, "properties": {
            "a": {"type": "string", "minLength": 10, "maxLength": 12},
            "b": {"type": ["string", "null"], "pattern": "^[A-H]$"},
            "c": {"enum": [null, "x", 3]},
            "d": {"const": {"deep": [1]}},
        }}),
    );
    check(
        &json!({"type": "array", "minItems": 3, "maxItems": 5, "uniqueItems": true, "items": {"type": "integer", "minimum": 0, "maximum": 6}}),
    );
    check(
        &json!({"type": "array", "prefixItems": [{"const": "A"}, {"const": "B"}], "items": false, "minItems": 2}),
    );
    check(&json!({"type": "object", "required": ["n", "m", "k", "e"], "properties": {
        "n": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.001},
        "m": {"type": "integer", "multipleOf": 5, "minimum": 7, "maximum": 13},
        "k": {"type": "number", "minimum": -3, "maximum": -2},
        "e": {"type": "integer", "exclusiveMinimum": 4, "exclusiveMaximum": 6},
    }}));
    check(
        &json!({"anyOf": [{"type": "null"}, {"type": "object", "required": ["x"], "properties": {"x": {"type": "boolean"}}}]}),
    );
    check(&json!({"allOf": [
        {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}},
        {"required": ["b"], "properties": {"b": {"$ref": "#/$defs/s"}}},
    ], "$defs": {"s": {"type": "integer", "minimum": 1, "maximum": 3}}}));
    for format in
        ["date", "time", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "uri", "uuid"]
    {
        check(&json!({"type": "string", "format": format}));
    }
}

#[test]
fn the_published_schemas_are_met() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schemas/");
    for name in ["proposal", "ballot", "synthesis", "validation", "observation"] {
        let text = std::fs::read_to_string(format!("{root}{name}.schema.json")).unwrap();
        check(&serde_json::from_str(&text).unwrap());
    }
}

#[test]
fn recursive_schemas_end() {
    check(&json!({"$ref": "#/$defs/node", "$defs": {"node": {
        "type": "object", "required": ["name", "next", "children"], "additionalProperties": false, "properties": {
            "name": {"type": "string"},
            "next": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/node"}]},
            "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
        },
    }}}));
    let endless = json!({"type": "object", "required": ["again"], "properties": {"again": {"$ref": "#"}}});
    assert!(instance(&endless, None, &Dice::new(1)).unwrap_err().why.contains("without an end"));
}

#[test]
fn what_cannot_be_honoured_is_refused_with_its_place() {
    #[track_caller]
    fn refused(schema: &Value, at: &str, why: &str) {
        let error = instance(schema, None, &Dice::new(1)).unwrap_err();
        assert!(error.at == at && error.why.contains(why), "{error:?}");
    }
    let inside = |schema: Value| json!({"type": "object", "required": ["x"], "properties": {"x": schema}});
    refused(&inside(json!({"not": {"type": "string"}})), "/x", "not");
    refused(&inside(json!({"type": "string", "pattern": "(?=a)"})), "/x", "look-around");
    refused(&inside(json!({"$ref": "#/$defs/missing"})), "/x", "leads nowhere");
    refused(&inside(json!({"type": "integer", "minimum": 3, "maximum": 2})), "/x", "between its bounds");
    refused(&json!(false), "the root", "nothing can be valid");
}

#[test]
fn a_suggestion_is_kept_where_it_fits_and_bent_where_not() {
    let schema = json!({"type": "object", "required": ["keep", "clip", "clamp", "kind", "list"], "additionalProperties": false, "properties": {
        "keep": {"type": "string"}, "clip": {"type": "string", "maxLength": 5}, "clamp": {"type": "integer", "maximum": 10},
        "kind": {"enum": ["a", "b"]}, "list": {"type": "array", "maxItems": 1, "items": {"type": "string"}},
        "optional": {"type": "string"},
    }});
    let wanted = json!({"keep": "as it is", "clip": "too long", "clamp": 70, "kind": "b", "list": ["x", "y"], "unknown": 1});
    let got = instance(&schema, Some(&wanted), &Dice::new(1)).unwrap();
    assert_eq!(got, json!({"keep": "as it is", "clip": "too l", "clamp": 10, "kind": "b", "list": ["x"]}));
}

#[test]
fn the_seed_decides() {
    let schema = json!({"type": "object", "required": ["n", "t"], "properties": {"n": {"type": "integer"}, "t": {"type": "string"}}});
    let of = |seed| instance(&schema, None, &Dice::new(seed)).unwrap();
    assert_eq!(of(3), of(3));
    assert!((0..9).any(|seed| of(seed) != of(9)));
}

#[test]
fn vendors_refuse_what_they_document() {
    let closed = |properties: Value, required: Value| json!({"type": "object", "additionalProperties": false, "properties": properties, "required": required});
    assert_eq!(rules::openai_strict(&closed(json!({"a": {"type": "string"}}), json!(["a"]))), Ok(()));
    let missing = rules::openai_strict(&closed(json!({"a": {"type": "string"}}), json!([]))).unwrap_err();
    assert!(missing.ends_with("Missing 'a'."), "{missing}");
    let open = closed(json!({"a": {"type": "object", "properties": {}, "required": []}}), json!(["a"]));
    assert!(rules::openai_strict(&open).unwrap_err().contains("('properties', 'a')"));
    // A property may be called like a keyword.
    assert_eq!(
        rules::anthropic(&closed(json!({"minimum": {"type": "integer"}}), json!(["minimum"]))),
        Ok(())
    );
    let bounded = closed(json!({"a": {"type": "integer", "minimum": 0}}), json!(["a"]));
    assert!(rules::anthropic(&bounded).unwrap_err().contains("'minimum' is not supported"));
    assert_eq!(rules::openai_strict(&bounded), Ok(()));
}

/// Schemas of the kinds that structured output uses.
fn schemas() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        (0_u8..5, 5_u8..40)
            .prop_map(|(min, max)| json!({"type": "string", "minLength": min, "maxLength": max})),
        (-50_i64..50, 0_i64..20)
            .prop_map(|(low, width)| json!({"type": "integer", "minimum": low, "maximum": low + width})),
        (-5.0_f64..5.0, 0.0_f64..2.0)
            .prop_map(|(low, width)| json!({"type": "number", "minimum": low, "maximum": low + width})),
        Just(json!({"type": ["boolean", "null"]})),
        Just(json!({"enum": ["one", "two", null]})),
        Just(json!({"type": "string", "pattern": "^[a-z]{2,4}(-[0-9]+)?$"})),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::btree_map("[a-d]", inner.clone(), 0..4).prop_map(|properties| {
                let required: Vec<_> = properties.keys().cloned().collect();
                json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
            }),
            (inner.clone(), 0_u8..3, 0_u8..3)
                .prop_map(|(items, min, more)| json!({"type": "array", "items": items, "minItems": min, "maxItems": min + more})),
            prop::collection::vec(inner, 1..3).prop_map(|branches| json!({"anyOf": branches})),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn any_schema_of_these_kinds_gets_a_valid_instance(schema in schemas(), seed in any::<u64>()) {
        let instance = instance(&schema, None, &Dice::new(seed)).unwrap();
        prop_assert!(jsonschema::is_valid(&schema, &instance), "{}\n{}", schema, instance);
    }

    #[test]
    fn any_suggestion_ends_in_a_valid_instance(schema in schemas(), other in schemas(), seed in any::<u64>()) {
        let suggestion = instance(&other, None, &Dice::new(seed)).unwrap();
        let instance = instance(&schema, Some(&suggestion), &Dice::new(seed)).unwrap();
        prop_assert!(jsonschema::is_valid(&schema, &instance), "{}\n{}\n{}", schema, suggestion, instance);
    }
}
