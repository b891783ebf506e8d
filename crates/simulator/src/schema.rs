//! Writes an instance of a JSON schema, led by a suggestion where one fits.
//!
//! The suggestion carries the meaning (a proposal, a ballot), the schema has the last word: a suggested value that
//! the schema forbids is clipped or replaced, a property that it does not know is left out, a required one that the
//! suggestion lacks is invented. What cannot be honoured exactly (see [`Unsupported`]) is refused, never ignored.

pub(crate) mod pattern;
pub(crate) mod rules;
mod scalar;

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::dice::Dice;

/// Beyond this depth, optional properties and further array items are left out, so that recursive schemas end.
const DEPTH_ROOMY: usize = 12;
/// A schema that still requires more at this depth has no finite instance within reason.
const DEPTH_MAX: usize = 48;
/// Most items that a free array gets when the suggestion says nothing.
const ITEMS_FREE: usize = 2;
/// Tries to find one more different item for `uniqueItems`.
const UNIQUE_TRIES: u64 = 32;

/// Keywords whose meaning this writer does not implement.
const REFUSED: [&str; 14] = [
    "not",
    "if",
    "then",
    "else",
    "dependentRequired",
    "dependentSchemas",
    "patternProperties",
    "propertyNames",
    "contains",
    "unevaluatedProperties",
    "unevaluatedItems",
    "$dynamicRef",
    "contentMediaType",
    "contentEncoding",
];

/// Why no instance could be written, with the place in the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unsupported {
    pub(crate) at: String,
    pub(crate) why: String,
}

/// An instance of `schema`, as near to `suggestion` as it allows.
pub(crate) fn instance(
    schema: &Value,
    suggestion: Option<&Value>,
    dice: &Dice,
) -> Result<Value, Unsupported> {
    Writer { root: schema }.write(
        schema,
        suggestion,
        &Place { path: String::new(), depth: 0, dice: dice.clone() },
    )
}

struct Writer<'a> {
    root: &'a Value,
}

struct Place {
    path: String,
    depth: usize,
    dice: Dice,
}

impl Place {
    fn under(&self, name: &str) -> Self {
        Self { path: format!("{}/{name}", self.path), depth: self.depth + 1, dice: self.dice.of(name) }
    }

    fn refuse<T>(&self, why: impl Into<String>) -> Result<T, Unsupported> {
        let at = if self.path.is_empty() { "the root".to_owned() } else { self.path.clone() };
        Err(Unsupported { at, why: why.into() })
    }

    /// The name of the property that is being written.
    fn name(&self) -> &str {
        self.path.rsplit('/').find(|part| part.parse::<usize>().is_err()).unwrap_or_default()
    }
}

impl Writer<'_> {
    fn write(&self, schema: &Value, suggestion: Option<&Value>, place: &Place) -> Result<Value, Unsupported> {
        if place.depth > DEPTH_MAX {
            return place.refuse("its required parts nest without an end");
        }
        let keywords = match schema {
            Value::Bool(true) => {
                return Ok(suggestion.cloned().unwrap_or_else(|| Value::String("anything".into())));
            }
            Value::Object(_) => self.resolved(schema, place)?,
            _ => return place.refuse("nothing can be valid here"),
        };
        if let Some(name) = REFUSED.iter().find(|name| keywords.contains_key(**name)) {
            return place.refuse(format!("the keyword {name:?} is not supported"));
        }
        if let Some(value) = keywords.get("const") {
            return Ok(value.clone());
        }
        if let Some(Value::Array(options)) = keywords.get("enum") {
            return scalar::choice(options, &keywords, suggestion, place);
        }
        if let Some(Value::Array(branches)) = keywords.get("anyOf").or_else(|| keywords.get("oneOf")) {
            return self.branch(&keywords, branches, suggestion, place);
        }
        match kind(&keywords, suggestion, place)? {
            "object" => self.object(&keywords, suggestion, place),
            "array" => self.array(&keywords, suggestion, place),
            "string" => scalar::string(&keywords, suggestion, place),
            "integer" => scalar::integer(&keywords, suggestion, place),
            "number" => scalar::number(&keywords, suggestion, place),
            "boolean" => Ok(scalar::boolean(suggestion, place)),
            "null" => Ok(Value::Null),
            other => place.refuse(format!("unknown type {other:?}")),
        }
    }

    /// The schema with its reference followed and its `allOf` merged in.
    fn resolved<'s>(
        &'s self,
        schema: &'s Value,
        place: &Place,
    ) -> Result<Cow<'s, Map<String, Value>>, Unsupported> {
        let Value::Object(keywords) = schema else {
            return place.refuse("a schema here must be an object");
        };
        let mut keywords = Cow::Borrowed(keywords);
        for _ in 0..DEPTH_MAX {
            if let Some(Value::String(reference)) = keywords.get("$ref") {
                let Some(Value::Object(target)) = self.target(reference) else {
                    return place.refuse(format!("the reference {reference:?} leads nowhere in this schema"));
                };
                if keywords.len() == 1 {
                    keywords = Cow::Borrowed(target);
                } else {
                    let mut own = keywords.into_owned();
                    own.remove("$ref");
                    keywords = Cow::Owned(merged(target.clone(), own));
                }
            } else if let Some(Value::Array(parts)) = keywords.get("allOf") {
                let mut all = Map::new();
                for part in parts {
                    all = merged(all, self.resolved(part, place)?.into_owned());
                }
                let mut own = keywords.into_owned();
                own.remove("allOf");
                keywords = Cow::Owned(merged(all, own));
            } else {
                return Ok(keywords);
            }
        }
        place.refuse("its references go round in a circle")
    }

    fn target(&self, reference: &str) -> Option<&Value> {
        let pointer = reference.strip_prefix('#')?;
        self.root.pointer(pointer)
    }

    /// One branch of an `anyOf` or `oneOf`: the first that the suggestion fits, else the first that can be written.
    fn branch(
        &self,
        keywords: &Map<String, Value>,
        branches: &[Value],
        suggestion: Option<&Value>,
        place: &Place,
    ) -> Result<Value, Unsupported> {
        let mut common = keywords.clone();
        common.remove("anyOf");
        common.remove("oneOf");
        let mut written = None;
        let mut failure = None;
        for branch in branches {
            let whole = match branch {
                Value::Object(own) => Value::Object(merged(common.clone(), own.clone())),
                other => other.clone(),
            };
            match self.write(
                &whole,
                suggestion,
                &Place { path: place.path.clone(), depth: place.depth + 1, dice: place.dice.clone() },
            ) {
                Ok(value) if suggestion.is_none_or(|wanted| *wanted == value) => return Ok(value),
                Ok(value) => _ = written.get_or_insert(value),
                Err(error) => _ = failure.get_or_insert(error),
            }
        }
        match (written, failure) {
            (Some(value), _) => Ok(value),
            (None, Some(error)) => Err(error),
            (None, None) => place.refuse("it has no branch"),
        }
    }

    fn object(
        &self,
        keywords: &Map<String, Value>,
        suggestion: Option<&Value>,
        place: &Place,
    ) -> Result<Value, Unsupported> {
        let empty = Map::new();
        let properties = keywords.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        let required: Vec<&str> = strings(keywords.get("required"));
        let suggested = suggestion.and_then(Value::as_object);
        let mut object = Map::new();
        for (name, schema) in properties {
            let needed = required.contains(&name.as_str());
            let wanted = suggested.and_then(|suggested| suggested.get(name));
            // A recursive schema ends because its optional parts stop here.
            if !needed && (place.depth >= DEPTH_ROOMY || (suggested.is_some() && wanted.is_none())) {
                continue;
            }
            match self.write(schema, wanted, &place.under(name)) {
                Ok(value) => _ = object.insert(name.clone(), value),
                Err(error) if needed => return Err(error),
                Err(_) => {}
            }
        }
        let others = keywords.get("additionalProperties").unwrap_or(&Value::Bool(true));
        for name in required.into_iter().filter(|name| !properties.contains_key(*name)) {
            let wanted = suggested.and_then(|suggested| suggested.get(name));
            object.insert(name.to_owned(), self.write(others, wanted, &place.under(name))?);
        }
        if object.len() < limit(keywords, "minProperties").unwrap_or(0)
            || limit(keywords, "maxProperties").is_some_and(|max| object.len() > max)
        {
            return place.refuse("minProperties and maxProperties are met only by the properties it names");
        }
        Ok(Value::Object(object))
    }

    fn array(
        &self,
        keywords: &Map<String, Value>,
        suggestion: Option<&Value>,
        place: &Place,
    ) -> Result<Value, Unsupported> {
        let none = Vec::new();
        let places = keywords.get("prefixItems").and_then(Value::as_array).unwrap_or(&none);
        let items = keywords.get("items").unwrap_or(&Value::Bool(true));
        let suggested = suggestion.and_then(Value::as_array);
        let min = limit(keywords, "minItems").unwrap_or(0);
        let closed = if *items == Value::Bool(false) { places.len() } else { usize::MAX };
        let max = limit(keywords, "maxItems").unwrap_or(usize::MAX).min(closed);
        let free = if place.depth >= DEPTH_ROOMY { 0 } else { place.dice.clone().below(ITEMS_FREE) + 1 };
        let wanted = suggested.map_or_else(|| places.len().max(free), |list| list.len().max(places.len()));
        if min > max {
            return place.refuse(format!("minItems {min} is above the {max} items that are allowed"));
        }
        let unique = keywords.get("uniqueItems") == Some(&Value::Bool(true));
        let mut list: Vec<Value> = Vec::new();
        for index in 0..wanted.clamp(min, max) {
            let schema = places.get(index).unwrap_or(items);
            let item_suggestion = suggested.and_then(|list| list.get(index));
            let at = place.under(&index.to_string());
            let value = if unique {
                self.different(schema, item_suggestion, &at, &list)
            } else {
                self.write(schema, item_suggestion, &at).map(Some)
            };
            match value {
                Ok(Some(value)) => list.push(value),
                Ok(None) | Err(_) if index >= min.max(places.len()) => break,
                Ok(None) => return at.refuse("uniqueItems leaves no further different item"),
                Err(error) => return Err(error),
            }
        }
        Ok(Value::Array(list))
    }

    fn different(
        &self,
        schema: &Value,
        suggestion: Option<&Value>,
        at: &Place,
        others: &[Value],
    ) -> Result<Option<Value>, Unsupported> {
        for attempt in 0..UNIQUE_TRIES {
            let place = Place { path: at.path.clone(), depth: at.depth, dice: at.dice.at(attempt) };
            let value = self.write(schema, suggestion.filter(|_| attempt == 0), &place)?;
            if !others.contains(&value) {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }
}

/// Both schemas at once, as far as their keywords allow: properties and `required` are united, else the second wins.
fn merged(mut base: Map<String, Value>, over: Map<String, Value>) -> Map<String, Value> {
    for (keyword, value) in over {
        match (base.get_mut(&keyword), value) {
            (Some(Value::Object(old)), Value::Object(new)) if keyword == "properties" => old.extend(new),
            (Some(Value::Array(old)), Value::Array(new)) if keyword == "required" => {
                for name in new {
                    if !old.contains(&name) {
                        old.push(name);
                    }
                }
            }
            (_, value) => _ = base.insert(keyword, value),
        }
    }
    base
}

/// The type to write: the suggestion's, where the schema allows it, else the first that is not null.
fn kind<'k>(
    keywords: &'k Map<String, Value>,
    suggestion: Option<&Value>,
    place: &Place,
) -> Result<&'k str, Unsupported> {
    let allowed = match keywords.get("type") {
        Some(Value::String(only)) => vec![only.as_str()],
        Some(several @ Value::Array(_)) => strings(Some(several)),
        _ => return Ok(implied(keywords)),
    };
    let fits = |kind: &&str| suggestion.is_some_and(|value| is_kind(value, kind));
    let fallback = || {
        let shallow = place.depth < DEPTH_ROOMY || !allowed.contains(&"null");
        allowed.iter().find(|kind| (**kind == "null") != shallow).or(allowed.first()).copied()
    };
    match allowed.iter().copied().find(fits).or_else(fallback) {
        Some(kind) => Ok(kind),
        None => place.refuse("its list of types is empty"),
    }
}

/// The type that an untyped schema speaks of.
fn implied(keywords: &Map<String, Value>) -> &'static str {
    let has = |names: &[&str]| names.iter().any(|name| keywords.contains_key(*name));
    if has(&["properties", "required", "additionalProperties"]) {
        "object"
    } else if has(&["items", "prefixItems", "minItems", "maxItems"]) {
        "array"
    } else if has(&["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]) {
        "number"
    } else {
        "string"
    }
}

pub(crate) fn is_kind(value: &Value, kind: &str) -> bool {
    match value {
        Value::Null => kind == "null",
        Value::Bool(_) => kind == "boolean",
        Value::Number(number) => {
            kind == "number" || (kind == "integer" && number.as_f64().is_some_and(|n| n.fract() == 0.0))
        }
        Value::String(_) => kind == "string",
        Value::Array(_) => kind == "array",
        Value::Object(_) => kind == "object",
    }
}

fn strings(value: Option<&Value>) -> Vec<&str> {
    value
        .and_then(Value::as_array)
        .map(|list| list.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default()
}

fn limit(keywords: &Map<String, Value>, name: &str) -> Option<usize> {
    let number = keywords.get(name)?;
    number.as_u64().and_then(|limit| usize::try_from(limit).ok())
}

#[cfg(test)]
mod tests;
