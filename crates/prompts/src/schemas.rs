//! The published JSON Schemas: the files in `docs/schemas`, compiled in.

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

/// A published schema as a value; `null` for a name that is none, which the tests exclude.
pub(crate) fn parsed(name: &str) -> serde_json::Value {
    SCHEMAS
        .iter()
        .find(|schema| schema.name == name)
        .and_then(|schema| serde_json::from_str(schema.text).ok())
        .unwrap_or_default()
}
