//! The published JSON Schemas: the files in `docs/schemas`, compiled in.

use std::sync::OnceLock;

use async_orchestrator_core::ReplySchema;
use serde_json::Value;

/// One published schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishedSchema {
    /// Its name, as `orchestrator schema NAME` takes it.
    pub name: &'static str,
    /// Its `$id`.
    pub id: &'static str,
    /// Its text: JSON Schema 2020-12.
    pub text: &'static str,
}

/// Every published schema, in the order in which a run meets them; the decision record last.
///
/// The decision schema refers to `urn:ao:proposal:1` and `urn:ao:ballot:1`: a validator needs those beside it.
pub fn schemas() -> &'static [PublishedSchema] {
    &SCHEMAS
}

macro_rules! published {
    ($name:literal) => {
        PublishedSchema {
            name: $name,
            id: concat!("urn:ao:", $name, ":1"),
            text: include_str!(concat!("../../../docs/schemas/", $name, ".schema.json")),
        }
    };
}

static SCHEMAS: [PublishedSchema; 6] = [
    published!("proposal"),
    published!("ballot"),
    published!("synthesis"),
    published!("validation"),
    published!("observation"),
    published!("decision"),
];

/// A published schema as it is sent: without the keywords that only a registry of schemas needs. Parsed once; an empty one for a name that is
/// none, which the tests exclude.
pub(crate) fn sent(name: &str) -> ReplySchema {
    static SENT: OnceLock<Vec<(&'static str, ReplySchema)>> = OnceLock::new();
    let all = SENT.get_or_init(|| SCHEMAS.iter().map(|schema| (schema.name, bare(schema.text))).collect());
    let known = all.iter().find(|(known, _)| *known == name);
    known.map_or_else(|| ReplySchema::new(Value::Null), |(_, schema)| schema.clone())
}

fn bare(text: &str) -> ReplySchema {
    let mut schema: Value = serde_json::from_str(text).unwrap_or_default();
    if let Some(object) = schema.as_object_mut() {
        for keyword in ["$schema", "$id", "title", "description"] {
            object.shift_remove(keyword);
        }
    }
    ReplySchema::new(schema)
}
