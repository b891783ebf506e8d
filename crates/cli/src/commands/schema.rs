//! `schema`: prints a published JSON Schema, alone or with those that it refers to.

use std::collections::{BTreeSet, VecDeque};

use async_orchestrator::{PublishedSchema, schemas};
use serde_json::{Map, Value};

use super::words::near;
use crate::{
    args::Schema,
    exit::{Exit, Failure},
    output,
};

pub(crate) fn run(schema: &Schema) -> Result<(), Failure> {
    if schema.list {
        return schemas().iter().try_for_each(|published| output::line(published.name));
    }
    let published = named(&schema.name)?;
    if !schema.bundle {
        return output::line(published.text.trim_end());
    }
    output::json(&bundle(published)?)
}

fn named(name: &str) -> Result<&'static PublishedSchema, Failure> {
    let found = schemas().iter().find(|schema| schema.name == name || schema.id == name);
    found.ok_or_else(|| {
        let known = schemas().iter().map(|schema| schema.name);
        let advice = match near(name, known.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("one of {} is expected", known.collect::<Vec<_>>().join(", ")),
        };
        Failure::new(Exit::Usage, format!("there is no schema `{name}`: {advice}"))
    })
}

/// The schema with everything that it refers to under `$defs`, each under its `$id`: a compound document as JSON Schema 2020-12, section
/// 9.3.1, describes it, so that a validator finds every reference without being told of other files.
fn bundle(schema: &PublishedSchema) -> Result<Value, Failure> {
    let mut document = parsed(schema)?;
    let mut known = BTreeSet::from([schema.id]);
    let mut open: VecDeque<String> = references(&document).into_iter().collect();
    let mut found = Map::new();
    while let Some(reference) = open.pop_front() {
        let id = reference.split('#').next().unwrap_or_default();
        let Some(referred) = schemas().iter().find(|schema| schema.id == id) else { continue };
        if known.insert(referred.id) {
            let value = parsed(referred)?;
            open.extend(references(&value));
            found.insert(referred.id.to_owned(), value);
        }
    }
    if let Some(root) = document.as_object_mut()
        && !found.is_empty()
    {
        match root.entry("$defs").or_insert_with(|| Value::Object(Map::new())) {
            Value::Object(definitions) => definitions.extend(found),
            other => *other = Value::Object(found),
        }
    }
    Ok(document)
}

fn parsed(schema: &PublishedSchema) -> Result<Value, Failure> {
    let unreadable =
        |error| Failure::new(Exit::Failed, format!("the schema {} of this build: {error}", schema.name));
    serde_json::from_str(schema.text).map_err(unreadable)
}

/// Every `$ref` below `value`, in order, that does not stay within its own document.
fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => {
            let own =
                members.get("$ref").and_then(Value::as_str).filter(|reference| !reference.starts_with('#'));
            own.map(str::to_owned).into_iter().chain(members.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_holds_every_schema_that_is_referred_to() {
        for schema in schemas() {
            let bundled = bundle(schema).unwrap();
            let definitions = bundled.get("$defs").cloned().unwrap_or_default();
            for reference in references(&bundled) {
                let id = reference.split('#').next().unwrap();
                let found = if id == schema.id { Some(&bundled) } else { definitions.get(id) };
                let found = found.unwrap_or_else(|| panic!("{} lacks {reference}", schema.name));
                assert_eq!(found["$id"], id);
            }
        }
        let decision = bundle(named("decision").unwrap()).unwrap();
        assert_eq!(decision["$defs"]["urn:ao:ballot:1"]["$id"], "urn:ao:ballot:1");
        // What the schema defines itself stays.
        let own: Value = serde_json::from_str(named("decision").unwrap().text).unwrap();
        for name in own["$defs"].as_object().into_iter().flat_map(Map::keys) {
            assert_eq!(decision["$defs"][name], own["$defs"][name]);
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        assert!(format!("{:?}", named("desicion").unwrap_err()).contains("did you mean `decision`?"));
        assert!(format!("{:?}", named("x").unwrap_err()).contains("one of proposal, ballot"));
        assert_eq!(named("urn:ao:decision:1").unwrap().name, "decision");
    }
}
