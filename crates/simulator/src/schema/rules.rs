//! Which schemas each vendor accepts for structured output; another one is a 400 there, and so it is here.
//!
//! OpenAI (strict mode): every object names all its properties as required and allows no others; `allOf`, `oneOf`,
//! `not`, `if` and the `dependent*` keywords are refused ("Structured outputs", supported schemas, 2026).
//! Anthropic: objects allow no other properties; bounds of numbers and of lengths, `maxItems`, `uniqueItems`, and
//! `minItems` beyond 1 are refused ("Structured outputs", JSON Schema limitations, 2026).

use serde::Deserialize;
use serde_json::{Map, Value};

/// Which schemas are accepted for structured output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SchemaRules {
    /// Those of the vendor whose format is spoken; others are a 400, as there.
    #[default]
    Vendor,
    /// All that the simulator can write an instance of, as compatible servers do.
    Any,
}

const OPENAI_REFUSED: [&str; 8] =
    ["allOf", "oneOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas"];
const ANTHROPIC_REFUSED: [&str; 15] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "patternProperties",
    "not",
    "if",
    "oneOf",
];

/// What OpenAI's strict mode would complain about first.
pub(crate) fn openai_strict(schema: &Value) -> Result<(), String> {
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        return Err("schema must be a JSON Schema of 'type: \"object\"'".into());
    }
    each(schema, &mut vec![], &mut |keywords, path| {
        let at = context(path);
        if let Some(name) = OPENAI_REFUSED.iter().find(|name| keywords.contains_key(**name)) {
            return Err(format!("In context={at}, '{name}' is not permitted."));
        }
        let Some(properties) = keywords.get("properties").and_then(Value::as_object) else {
            return closed(keywords, &at);
        };
        closed(keywords, &at)?;
        let required = keywords.get("required").and_then(Value::as_array);
        let listed =
            |name: &String| required.is_some_and(|list| list.iter().any(|item| item == name.as_str()));
        match properties.keys().find(|name| !listed(name)) {
            Some(name) => Err(format!(
                "In context={at}, 'required' is required to be supplied and to be an array including every key in properties. Missing '{name}'."
            )),
            None => Ok(()),
        }
    })
}

/// What Anthropic would complain about first.
pub(crate) fn anthropic(schema: &Value) -> Result<(), String> {
    each(schema, &mut vec![], &mut |keywords, path| {
        let kind = keywords
            .get("type")
            .map_or_else(|| "schema".to_owned(), |kind| kind.to_string().replace('"', "'"));
        if let Some(name) = ANTHROPIC_REFUSED.iter().find(|name| keywords.contains_key(**name)) {
            return Err(format!("For {kind} type, property '{name}' is not supported ({})", context(path)));
        }
        if keywords.get("minItems").and_then(Value::as_u64).is_some_and(|min| min > 1) {
            return Err(format!(
                "For 'array' type, 'minItems' values other than 0 or 1 are not supported ({})",
                context(path)
            ));
        }
        closed(keywords, &context(path))
    })
}

fn closed(keywords: &Map<String, Value>, at: &str) -> Result<(), String> {
    let object = match keywords.get("type") {
        Some(Value::String(kind)) => kind == "object",
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
        _ => keywords.contains_key("properties"),
    };
    if object && keywords.get("additionalProperties") != Some(&Value::Bool(false)) {
        return Err(format!(
            "In context={at}, 'additionalProperties' is required to be supplied and to be false."
        ));
    }
    Ok(())
}

fn context(path: &[String]) -> String {
    let quoted: Vec<String> = path.iter().map(|part| format!("'{part}'")).collect();
    format!("({})", quoted.join(", "))
}

/// Calls `check` with every schema inside `schema`, itself first. Names of properties are not taken for keywords.
fn each(
    schema: &Value,
    path: &mut Vec<String>,
    check: &mut impl FnMut(&Map<String, Value>, &[String]) -> Result<(), String>,
) -> Result<(), String> {
    let Value::Object(keywords) = schema else { return Ok(()) };
    check(keywords, path)?;
    for (keyword, value) in keywords {
        path.push(keyword.clone());
        match (keyword.as_str(), value) {
            ("properties" | "$defs" | "definitions", Value::Object(named)) => {
                for (name, inner) in named {
                    path.push(name.clone());
                    each(inner, path, check)?;
                    path.pop();
                }
            }
            ("anyOf" | "allOf" | "oneOf" | "prefixItems", Value::Array(list)) => {
                for (index, inner) in list.iter().enumerate() {
                    path.push(index.to_string());
                    each(inner, path, check)?;
                    path.pop();
                }
            }
            ("items" | "additionalProperties", inner) => each(inner, path, check)?,
            _ => {}
        }
        path.pop();
    }
    Ok(())
}
