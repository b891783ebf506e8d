//! A JSON Schema that many calls ask for: parsed, written out and put in canonical form once, then shared.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::canonical_text;

/// The schema of a reply, JSON Schema 2020-12. Cheap to clone; two are equal if their documents are.
///
/// ```
/// use async_orchestrator_core::ReplySchema;
/// let schema = ReplySchema::new(serde_json::json!({"type": "object"}));
/// assert_eq!(schema.text(), r#"{"type":"object"}"#);
/// assert!(schema.is_same(&schema.clone()));
/// ```
#[derive(Clone)]
pub struct ReplySchema(Arc<Parts>);

struct Parts {
    value: Value,
    text: String,
    canonical: OnceLock<String>,
}

impl ReplySchema {
    /// The schema `value`.
    pub fn new(value: Value) -> Self {
        let text = value.to_string();
        Self(Arc::new(Parts { value, text, canonical: OnceLock::new() }))
    }

    /// The document.
    pub fn value(&self) -> &Value {
        &self.0.value
    }

    /// The document as JSON, its keys in the order in which they were given.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The document as canonical JSON; see [`canonical_text`].
    pub fn canonical(&self) -> &str {
        self.0.canonical.get_or_init(|| canonical_text(&self.0.value))
    }

    /// Whether both are one and the same in memory: what was worked out for one holds for the other. Different documents never are; equal
    /// ones may not be.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl From<Value> for ReplySchema {
    fn from(value: Value) -> Self {
        Self::new(value)
    }
}

impl PartialEq for ReplySchema {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other) || self.value() == other.value()
    }
}

impl fmt::Debug for ReplySchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReplySchema").field(&self.text()).finish()
    }
}

impl Serialize for ReplySchema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ReplySchema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::new)
    }
}
