//! Narrows a JSON schema to documents of bounded length.
//!
//! Every document of the narrowed schema is one of the given schema; none is longer than the returned number of tokens. A small
//! model left alone writes numbers without end and strings in circles. So numbers become short lists or ranges of whole numbers,
//! free strings a few words, lists short; of an object only the required members are left, or all where none is required.
//! References are replaced by what they refer to. Keywords that cannot be kept while writing are refused by name.

use serde_json::{Map, Value, json};

use super::{numbers, strings};
use crate::EngineError;

/// Deeper nesting is refused; so is a schema that refers to itself.
const DEPTH_MAX: usize = 32;
/// The nodes of a schema after its references were replaced.
const NODES_MAX: usize = 4_096;
/// Keywords that say nothing about a document.
const ANNOTATIONS: [&str; 15] = [
    "$schema",
    "$id",
    "$defs",
    "definitions",
    "$comment",
    "$anchor",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "contentMediaType",
    "contentEncoding",
];
const OBJECT: [&str; 6] =
    ["properties", "required", "additionalProperties", "patternProperties", "minProperties", "maxProperties"];
const ARRAY: [&str; 5] = ["items", "prefixItems", "minItems", "maxItems", "uniqueItems"];
const STRING: [&str; 4] = ["minLength", "maxLength", "pattern", "format"];
const NUMBER: [&str; 5] = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];
const TYPES: [&str; 7] = ["object", "array", "string", "integer", "number", "boolean", "null"];

/// How long the parts of a document may be where the schema does not say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The most letters of a string without a pattern.
    pub(super) string_max: usize,
    /// The most entries of a list, unless more are required.
    pub(super) items_max: usize,
}

impl Limits {
    /// From generous to tight; the first that fits the limit of tokens is taken.
    pub(super) const STEPS: [Self; 8] = [
        Self { string_max: 320, items_max: 8 },
        Self { string_max: 240, items_max: 4 },
        Self { string_max: 240, items_max: 2 },
        Self { string_max: 200, items_max: 1 },
        Self { string_max: 120, items_max: 1 },
        Self { string_max: 64, items_max: 1 },
        Self { string_max: 24, items_max: 1 },
        Self { string_max: 24, items_max: 0 },
    ];
}

/// A schema and the most tokens that a document of it takes.
#[derive(Debug)]
pub(super) struct Narrowed {
    pub(super) schema: Value,
    pub(super) tokens_max: usize,
}

/// The tokens of a text that the grammar forces.
type Count<'a> = &'a dyn Fn(&str) -> usize;

/// Narrows `schema` to `limits`.
pub(super) fn narrow(schema: &Value, limits: Limits, count: Count<'_>) -> Result<Narrowed, EngineError> {
    let mut narrowing = Narrowing { root: schema, limits, count, nodes: 0 };
    let mut narrowed = narrowing.node(schema, 0)?;
    if let Value::Object(members) = &mut narrowed.schema {
        members.insert("x-guidance".to_owned(), json!({"whitespace_flexible": false}));
    }
    Ok(narrowed)
}

struct Narrowing<'a> {
    root: &'a Value,
    limits: Limits,
    count: Count<'a>,
    nodes: usize,
}

impl Narrowing<'_> {
    fn node(&mut self, schema: &Value, depth: usize) -> Result<Narrowed, EngineError> {
        self.nodes += 1;
        if depth > DEPTH_MAX || self.nodes > NODES_MAX {
            return Err(EngineError::schema("it is nested too deeply, or refers to itself"));
        }
        let members = match schema {
            Value::Bool(true) => return Ok(self.any()),
            Value::Bool(false) => return Err(EngineError::schema("a part of it allows nothing")),
            Value::Object(members) => members,
            _ => return Err(EngineError::schema("a part of it is neither an object nor true or false")),
        };
        let mut members: Map<String, Value> =
            members.iter().filter(|(key, _)| !ANNOTATIONS.contains(&key.as_str())).map(owned).collect();
        if let Some(reference) = members.remove("$ref") {
            let target = self.resolve(&reference)?;
            return self.node(&merged(target, members)?, depth + 1);
        }
        if let Some(all) = members.remove("allOf") {
            let parts = all.as_array().cloned().unwrap_or_default();
            let whole = parts.into_iter().try_fold(Value::Object(members), |whole, part| {
                let Value::Object(part) = part else {
                    return Err(EngineError::schema("`allOf` of no objects"));
                };
                merged(whole, part)
            })?;
            return self.node(&whole, depth + 1);
        }
        if let Some(value) = members.get("const") {
            return Ok(self.forced(value));
        }
        if let Some(values) = members.get("enum") {
            return listed(values);
        }
        for keyword in ["anyOf", "oneOf"] {
            if let Some(options) = members.remove(keyword) {
                return self.options(keyword, &options, &members, depth);
            }
        }
        self.typed(&members, depth)
    }

    fn typed(&mut self, members: &Map<String, Value>, depth: usize) -> Result<Narrowed, EngineError> {
        let kind = match members.get("type") {
            Some(Value::String(kind)) => kind.as_str(),
            Some(Value::Array(kinds)) => {
                let options = kinds.iter().map(|kind| {
                    let mut option = members.clone();
                    let belongs = keywords(kind.as_str().unwrap_or_default());
                    option.retain(|key, _| belongs.contains(&key.as_str()));
                    option.insert("type".to_owned(), kind.clone());
                    Value::Object(option)
                });
                let options = Value::Array(options.collect());
                return self.options("anyOf", &options, &Map::new(), depth);
            }
            Some(_) => return Err(EngineError::schema("a `type` is neither a text nor a list")),
            None => match implied(members) {
                Some(kind) => kind,
                None if members.is_empty() => return Ok(self.any()),
                None => return Err(refused(members, &[])),
            },
        };
        // A keyword of another type says nothing here; one that no type knows would be broken silently.
        let known: Vec<&str> =
            TYPES.iter().flat_map(|kind| keywords(kind)).copied().chain(["type"]).collect();
        if members.keys().any(|key| !known.contains(&key.as_str())) {
            return Err(refused(members, &known));
        }
        match kind {
            "object" => self.object(members, depth),
            "array" => self.array(members, depth),
            "string" => strings::narrow(members, self.limits.string_max),
            "integer" | "number" => numbers::narrow(members, kind),
            "boolean" => Ok(Narrowed { schema: json!({"type": "boolean"}), tokens_max: "false".len() }),
            "null" => Ok(Narrowed { schema: json!({"type": "null"}), tokens_max: "null".len() }),
            other => Err(EngineError::schema(format!("the type `{}` is unknown", shortened(other)))),
        }
    }

    fn object(&mut self, members: &Map<String, Value>, depth: usize) -> Result<Narrowed, EngineError> {
        let empty = Map::new();
        let properties = members.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        let required: Vec<&str> = members
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let additional = members.get("additionalProperties").unwrap_or(&Value::Bool(true));
        let mut names: Vec<&str> = properties
            .keys()
            .map(String::as_str)
            .filter(|name| required.is_empty() || required.contains(name))
            .collect();
        names.extend(required.iter().filter(|name| !properties.contains_key(**name)));
        let least = members.get("minProperties").and_then(Value::as_u64).unwrap_or(0);
        let most = members.get("maxProperties").and_then(Value::as_u64).unwrap_or(u64::MAX);
        if !(least..=most).contains(&(names.len() as u64)) {
            return Err(EngineError::schema("an object needs another number of members than it requires"));
        }
        let mut narrowed = Map::new();
        let mut tokens_max = 2;
        for name in &names {
            let part = self.node(properties.get(*name).unwrap_or(additional), depth + 1)?;
            tokens_max += (self.count)(&format!("{}:", json!(name))) + part.tokens_max + 1;
            narrowed.insert((*name).to_owned(), part.schema);
        }
        let schema = json!({"type": "object", "properties": narrowed, "required": names, "additionalProperties": false});
        Ok(Narrowed { schema, tokens_max })
    }

    fn array(&mut self, members: &Map<String, Value>, depth: usize) -> Result<Narrowed, EngineError> {
        let prefix = members.get("prefixItems").and_then(Value::as_array).cloned().unwrap_or_default();
        let number = |key: &str| {
            members.get(key).and_then(Value::as_u64).map(|n| usize::try_from(n).unwrap_or(usize::MAX))
        };
        let least = number("minItems").unwrap_or(0);
        let mut most =
            number("maxItems").unwrap_or(usize::MAX).min(self.limits.items_max.max(least).max(prefix.len()));
        if members.get("uniqueItems").and_then(Value::as_bool) == Some(true) {
            // Equal entries cannot be ruled out while writing, so there is at most one.
            most = most.min(1.max(least));
            if most > 1 {
                return Err(EngineError::schema("`uniqueItems` with several entries"));
            }
        }
        let items = members.get("items").unwrap_or(&Value::Bool(true));
        if items == &Value::Bool(false) {
            most = most.min(prefix.len());
        }
        if most < least || most > NODES_MAX {
            return Err(EngineError::schema("a list needs more entries than it may have"));
        }
        let mut tokens_max = 2;
        let mut first = Vec::new();
        for item in prefix.iter().take(most) {
            let part = self.node(item, depth + 1)?;
            tokens_max += part.tokens_max + 1;
            first.push(part.schema);
        }
        let mut schema = json!({"type": "array", "minItems": least, "maxItems": most});
        if most > first.len() {
            let part = self.node(items, depth + 1)?;
            tokens_max = (most - first.len()).saturating_mul(part.tokens_max + 1).saturating_add(tokens_max);
            schema["items"] = part.schema;
        } else {
            schema["items"] = Value::Bool(false);
        }
        if !first.is_empty() {
            schema["prefixItems"] = Value::Array(first);
        }
        Ok(Narrowed { schema, tokens_max })
    }

    /// The alternatives that can be narrowed; a schema is refused only if none can.
    fn options(
        &mut self,
        keyword: &str,
        options: &Value,
        common: &Map<String, Value>,
        depth: usize,
    ) -> Result<Narrowed, EngineError> {
        let mut narrowed = Vec::new();
        let mut tokens_max = 0;
        let mut reason = EngineError::schema(format!("`{keyword}` is no list of schemas"));
        for option in options.as_array().into_iter().flatten() {
            match merged(option.clone(), common.clone()).and_then(|option| self.node(&option, depth + 1)) {
                Ok(part) => {
                    tokens_max = tokens_max.max(part.tokens_max);
                    narrowed.push(part.schema);
                }
                Err(error) => reason = error,
            }
        }
        match narrowed.len() {
            0 => Err(reason),
            1 => Ok(Narrowed { schema: narrowed.remove(0), tokens_max }),
            _ => Ok(Narrowed { schema: json!({ keyword: narrowed }), tokens_max }),
        }
    }

    fn any(&self) -> Narrowed {
        strings::words(0, self.limits.string_max)
    }

    fn forced(&self, value: &Value) -> Narrowed {
        Narrowed { schema: json!({"const": value}), tokens_max: (self.count)(&value.to_string()) }
    }

    fn resolve(&self, reference: &Value) -> Result<Value, EngineError> {
        let pointer = reference.as_str().and_then(|reference| reference.strip_prefix('#'));
        let target = pointer.and_then(|pointer| self.root.pointer(pointer));
        target.cloned().ok_or_else(|| EngineError::schema("a `$ref` leads out of it, or nowhere"))
    }
}

/// A value out of a list; the model chooses, so every byte may be a token of its own.
fn listed(values: &Value) -> Result<Narrowed, EngineError> {
    let longest = values.as_array().into_iter().flatten().map(|value| value.to_string().len()).max();
    let tokens_max = longest.ok_or_else(|| EngineError::schema("an `enum` is empty or no list"))?;
    Ok(Narrowed { schema: json!({"enum": values}), tokens_max })
}

/// Both schemas at once, where they do not say two things about one keyword.
fn merged(schema: Value, others: Map<String, Value>) -> Result<Value, EngineError> {
    let Value::Object(mut members) = schema else {
        return if others.is_empty() {
            Ok(schema)
        } else {
            Err(EngineError::schema("a reference with keywords beside it"))
        };
    };
    for (key, value) in others {
        if ANNOTATIONS.contains(&key.as_str()) {
            continue;
        }
        match (members.get_mut(&key), value) {
            (None, value) => {
                members.insert(key, value);
            }
            (Some(present), value) if *present == value => {}
            (Some(Value::Object(present)), Value::Object(more)) if key == "properties" => {
                for (name, property) in more {
                    if present.get(&name).is_some_and(|present| *present != property) {
                        return Err(EngineError::schema(format!(
                            "the member `{}` is described twice",
                            shortened(&name)
                        )));
                    }
                    present.insert(name, property);
                }
            }
            (Some(Value::Array(present)), Value::Array(more)) if key == "required" => present.extend(more),
            _ => return Err(EngineError::schema(format!("`{}` is said twice", shortened(&key)))),
        }
    }
    Ok(Value::Object(members))
}

fn owned((key, value): (&String, &Value)) -> (String, Value) {
    (key.clone(), value.clone())
}

fn keywords(kind: &str) -> &'static [&'static str] {
    match kind {
        "object" => &OBJECT,
        "array" => &ARRAY,
        "string" => &STRING,
        "integer" | "number" => &NUMBER,
        _ => &[],
    }
}

/// The type whose keywords are there.
fn implied(members: &Map<String, Value>) -> Option<&'static str> {
    let found = ["object", "array", "string", "number"].into_iter();
    found.into_iter().find(|kind| keywords(kind).iter().any(|keyword| members.contains_key(*keyword)))
}

fn refused(members: &Map<String, Value>, known: &[&str]) -> EngineError {
    let keyword = members.keys().find(|key| !known.contains(&key.as_str())).map_or("", String::as_str);
    EngineError::schema(format!("the keyword `{}` is not supported", shortened(keyword)))
}

fn shortened(name: &str) -> String {
    name.chars().take(40).collect()
}
