//! Rewrites a JSON schema into the subset that a vendor enforces.
//!
//! What a vendor cannot enforce is left out and said in the description instead, so that the model still reads it; the caller checks the
//! whole schema afterwards. The subsets are data ([`Subset`]). Optional properties become required: the vendors' subsets know no others, and a
//! reply that fills them all is still valid by the whole schema.

use serde_json::{Map, Value, json};

mod rewritten;
#[cfg(test)]
mod tests;

pub(crate) use rewritten::{Rewritten, written};

/// What a vendor's structured output understands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subset {
    /// The constraints that it enforces.
    pub(crate) constraints: &'static [&'static str],
    /// The largest `minItems` that it enforces, where `constraints` names that.
    pub(crate) min_items_max: u64,
    /// The values of `format` that it knows.
    pub(crate) formats: &'static [&'static str],
    /// How it takes more than one type for a value.
    pub(crate) unions: Unions,
    /// Whether a definition may refer to itself.
    pub(crate) recursion: Recursion,
    /// How deep objects and arrays may lie in each other.
    pub(crate) depth_max: usize,
}

/// How a vendor takes more than one type for a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unions {
    /// `"type": ["string", "null"]`, and every value needs a type.
    TypeList,
    /// `"anyOf": [{"type": "string"}, {"type": "null"}]`
    AnyOf,
}

/// Whether a definition may refer to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recursion {
    Allowed,
    Refused,
}

/// The schema says something that no rewriting can bring into the subset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inexpressible;

/// Constraints on single values and lists, in the order in which a description names them.
const CONSTRAINTS: &[&str] = &[
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minItems",
    "maxItems",
    "uniqueItems",
];

/// `schema` without what only names or describes it to tools: for servers that enforce schemas by rules of their own.
pub(crate) fn without_identity(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Value::Object(map) = &mut schema {
        for key in ["$schema", "$id", "$comment"] {
            map.shift_remove(key);
        }
    }
    schema
}

/// Whether `schema` describes an object: the vendors take nothing else at the root.
pub(crate) fn is_object(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("object")
}

impl Subset {
    /// `schema` within this subset.
    pub(crate) fn rewrite(&self, schema: &Value) -> Result<Value, Inexpressible> {
        if !is_object(schema) {
            return Err(Inexpressible);
        }
        let mut rewritten = self.node(schema, 0)?;
        let mut definitions = Map::new();
        for group in ["$defs", "definitions"] {
            for (name, definition) in schema.get(group).and_then(Value::as_object).into_iter().flatten() {
                definitions.insert(name.clone(), Value::Object(self.node(definition, 1)?));
            }
        }
        if self.recursion == Recursion::Refused && is_recursive(&definitions) {
            return Err(Inexpressible);
        }
        if !definitions.is_empty() {
            rewritten.insert("$defs".to_owned(), Value::Object(definitions));
        }
        Ok(Value::Object(rewritten))
    }

    fn node(&self, node: &Value, depth: usize) -> Result<Map<String, Value>, Inexpressible> {
        let node = node.as_object().ok_or(Inexpressible)?;
        if depth > self.depth_max {
            return Err(Inexpressible);
        }
        if let Some(reference) = node.get("$ref") {
            return reference_to(reference);
        }
        if let Some(Value::Array(parts)) = node.get("allOf") {
            // One part is how some tools attach a description to a reference.
            return match parts.as_slice() {
                [only] => self.node(only, depth),
                _ => Err(Inexpressible),
            };
        }
        if let Some(Value::Array(choices)) = node.get("anyOf").or_else(|| node.get("oneOf")) {
            if depth == 0 {
                return Err(Inexpressible);
            }
            return self.any_of(node, choices.iter(), depth);
        }
        if let Some(values) = values_of(node) {
            return self.values(node, &values);
        }
        self.typed(node, depth)
    }

    fn any_of<'v>(
        &self,
        node: &Map<String, Value>,
        choices: impl Iterator<Item = &'v Value>,
        depth: usize,
    ) -> Result<Map<String, Value>, Inexpressible> {
        let mut rewritten = Vec::new();
        for choice in choices {
            let choice = Value::Object(self.node(choice, depth)?);
            if !rewritten.contains(&choice) {
                rewritten.push(choice);
            }
        }
        let rewritten = Map::from_iter([("anyOf".to_owned(), Value::Array(rewritten))]);
        Ok(described(node, rewritten, |_| true))
    }

    fn values(
        &self,
        node: &Map<String, Value>,
        values: &[Value],
    ) -> Result<Map<String, Value>, Inexpressible> {
        let mut types: Vec<&str> = Vec::new();
        for value in values {
            let name = scalar_type(value).ok_or(Inexpressible)?;
            if !types.contains(&name) {
                types.push(name);
            }
        }
        let mut rewritten = Map::new();
        if self.unions == Unions::TypeList {
            let types = if let [only] = types.as_slice() { json!(only) } else { json!(types) };
            rewritten.insert("type".to_owned(), types);
        }
        rewritten.insert("enum".to_owned(), Value::Array(values.to_vec()));
        Ok(described(node, rewritten, |_| false))
    }

    /// A node with a type and the keywords that go with it.
    fn typed(&self, node: &Map<String, Value>, depth: usize) -> Result<Map<String, Value>, Inexpressible> {
        let types = types_of(node).ok_or(Inexpressible)?;
        if types.len() > 1 && self.unions == Unions::AnyOf {
            let each: Vec<Value> = types
                .iter()
                .map(|name| {
                    let mut one = node.clone();
                    one.shift_remove("description");
                    one.insert("type".to_owned(), json!(name));
                    Value::Object(one)
                })
                .collect();
            // Each choice says its own constraints; only the description is about all of them.
            let described = node.get("description").map(|text| ("description".to_owned(), text.clone()));
            return self.any_of(&Map::from_iter(described), each.iter(), depth);
        }
        let mut rewritten = Map::new();
        let written = if let [only] = types.as_slice() { json!(only) } else { json!(types) };
        rewritten.insert("type".to_owned(), written);
        if types.contains(&"object") {
            self.object(node, &mut rewritten, depth)?;
        }
        if types.contains(&"array") {
            rewritten.insert("items".to_owned(), Value::Object(self.items(node, depth)?));
        }
        for (key, value) in node {
            if self.enforces(key, value) && applies(key, &types) {
                rewritten.insert(key.clone(), value.clone());
            }
        }
        Ok(described(node, rewritten, |key| applies(key, &types)))
    }

    fn object(
        &self,
        node: &Map<String, Value>,
        rewritten: &mut Map<String, Value>,
        depth: usize,
    ) -> Result<(), Inexpressible> {
        let properties = node.get("properties").and_then(Value::as_object).ok_or(Inexpressible)?;
        let is_map = node.contains_key("patternProperties")
            || node.get("additionalProperties").is_some_and(Value::is_object);
        if is_map {
            return Err(Inexpressible);
        }
        let mut narrowed = Map::new();
        for (name, property) in properties {
            narrowed.insert(name.clone(), Value::Object(self.node(property, depth + 1)?));
        }
        let names: Vec<&String> = properties.keys().collect();
        rewritten.insert("required".to_owned(), json!(names));
        rewritten.insert("properties".to_owned(), Value::Object(narrowed));
        rewritten.insert("additionalProperties".to_owned(), Value::Bool(false));
        Ok(())
    }

    /// The schema of a list's items. A tuple becomes a list of any of its places: the caller's check knows the order.
    fn items(&self, node: &Map<String, Value>, depth: usize) -> Result<Map<String, Value>, Inexpressible> {
        let places = node.get("prefixItems").and_then(Value::as_array);
        match (node.get("items"), places) {
            (Some(items @ Value::Object(_)), None) => self.node(items, depth + 1),
            (items, Some(places)) => {
                let rest = items.filter(|items| items.is_object());
                self.any_of(&Map::new(), places.iter().chain(rest), depth + 1)
            }
            _ => Err(Inexpressible),
        }
    }

    fn enforces(&self, key: &str, value: &Value) -> bool {
        self.constraints.contains(&key)
            && match key {
                "format" => value.as_str().is_some_and(|format| self.formats.contains(&format)),
                "minItems" => value.as_u64().is_some_and(|count| count <= self.min_items_max),
                "pattern" => value.as_str().is_some_and(is_plain_pattern),
                _ => true,
            }
    }
}

/// Adds the node's description, and to it every constraint that `matters` and that the vendor does not enforce.
fn described(
    node: &Map<String, Value>,
    mut rewritten: Map<String, Value>,
    matters: impl Fn(&str) -> bool,
) -> Map<String, Value> {
    let dropped: Vec<String> = CONSTRAINTS
        .iter()
        .filter(|key| matters(key) && !rewritten.contains_key(**key))
        .filter_map(|key| Some(format!("{key}: {}", plain(node.get(*key)?))))
        .collect();
    let own = node.get("description").and_then(Value::as_str).unwrap_or_default();
    let description = match (own.is_empty(), dropped.is_empty()) {
        (true, true) => return rewritten,
        (false, true) => own.to_owned(),
        (true, false) => dropped.join(", "),
        (false, false) => format!("{own} ({})", dropped.join(", ")),
    };
    rewritten.insert("description".to_owned(), Value::String(description));
    rewritten
}

fn reference_to(reference: &Value) -> Result<Map<String, Value>, Inexpressible> {
    let name = reference
        .as_str()
        .and_then(|path| path.strip_prefix("#/$defs/").or_else(|| path.strip_prefix("#/definitions/")))
        .filter(|name| !name.contains('/'))
        .ok_or(Inexpressible)?;
    Ok(Map::from_iter([("$ref".to_owned(), Value::String(format!("#/$defs/{name}")))]))
}

/// The values that a node allows, where it lists them.
fn values_of(node: &Map<String, Value>) -> Option<Vec<Value>> {
    match (node.get("const"), node.get("enum")) {
        (Some(value), _) => Some(vec![value.clone()]),
        (None, Some(Value::Array(values))) => Some(values.clone()),
        (None, _) => None,
    }
}

fn scalar_type(value: &Value) -> Option<&'static str> {
    match value {
        Value::Null => Some("null"),
        Value::Bool(_) => Some("boolean"),
        Value::Number(number) if number.is_f64() => Some("number"),
        Value::Number(_) => Some("integer"),
        Value::String(_) => Some("string"),
        Value::Array(_) | Value::Object(_) => None,
    }
}

fn types_of(node: &Map<String, Value>) -> Option<Vec<&str>> {
    match node.get("type") {
        Some(Value::String(name)) => Some(vec![name]),
        Some(Value::Array(names)) => names.iter().map(Value::as_str).collect(),
        _ if node.contains_key("properties") => Some(vec!["object"]),
        _ if node.contains_key("items") || node.contains_key("prefixItems") => Some(vec!["array"]),
        _ => None,
    }
}

/// Whether a constraint says anything about values of these types.
fn applies(key: &str, types: &[&str]) -> bool {
    match key {
        "minLength" | "maxLength" | "pattern" | "format" => types.contains(&"string"),
        "minItems" | "maxItems" | "uniqueItems" => types.contains(&"array"),
        _ => types.contains(&"number") || types.contains(&"integer"),
    }
}

/// Whether an engine without look-around and back-references understands the pattern.
fn is_plain_pattern(pattern: &str) -> bool {
    let after_escape = pattern.split('\\').skip(1);
    !pattern.contains("(?")
        && after_escape
            .into_iter()
            .all(|rest| !rest.starts_with(|c: char| c.is_ascii_digit() || "bBkpP".contains(c)))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Whether some definition leads back to itself.
fn is_recursive(definitions: &Map<String, Value>) -> bool {
    fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
        match value {
            Value::Object(map) => {
                if let Some(name) =
                    map.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix("#/$defs/"))
                {
                    found.push(name);
                }
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    definitions.keys().any(|start| {
        let (mut open, mut seen) = (vec![start.as_str()], Vec::new());
        while let Some(name) = open.pop() {
            let mut next = Vec::new();
            if let Some(definition) = definitions.get(name) {
                references(definition, &mut next);
            }
            if next.contains(&start.as_str()) {
                return true;
            }
            next.retain(|name| !seen.contains(name));
            seen.extend(&next);
            open.extend(next);
        }
        false
    })
}
