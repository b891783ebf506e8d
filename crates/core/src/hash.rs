//! Hashes of content: BLAKE3 over canonical JSON, written `blake3:<64 hex digits>`.

use serde::Serialize;
use serde_json::Value;

/// Why a value has no canonical form.
#[derive(Debug, thiserror::Error)]
#[error("the value cannot be written as JSON")]
pub struct NotCanonical(#[source] serde_json::Error);

/// `value` as canonical JSON: keys sorted by their bytes, no white space, numbers as serde_json writes them.
///
/// This follows RFC 8785 but for the spelling of floats with exponents, which stays serde_json's; both sides of a comparison must come from here.
///
/// # Errors
/// If `value` does not serialise (a map with keys that are no strings).
pub fn canonical_json(value: &impl Serialize) -> Result<String, NotCanonical> {
    let mut value = serde_json::to_value(value).map_err(NotCanonical)?;
    sort_keys(&mut value);
    Ok(value.to_string())
}

/// The hash of `bytes`.
pub fn content_hash(bytes: &[u8]) -> String {
    format!("blake3:{}", blake3::hash(bytes).to_hex())
}

/// The hash of `value`'s canonical JSON.
///
/// # Errors
/// As for [`canonical_json`].
pub fn canonical_hash(value: &impl Serialize) -> Result<String, NotCanonical> {
    Ok(content_hash(canonical_json(value)?.as_bytes()))
}

fn sort_keys(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(sort_keys),
        Value::Object(map) => {
            map.values_mut().for_each(sort_keys);
            map.sort_keys();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_keys_does_not_change_the_hash() {
        let one = json!({"b": [{"y": 1, "x": 2.5}], "a": null});
        let two = json!({"a": null, "b": [{"x": 2.5, "y": 1}]});
        assert_eq!(canonical_json(&one).unwrap(), r#"{"a":null,"b":[{"x":2.5,"y":1}]}"#);
        assert_eq!(canonical_hash(&one).unwrap(), canonical_hash(&two).unwrap());
        assert_ne!(canonical_hash(&one).unwrap(), canonical_hash(&json!({"a": 0})).unwrap());
    }
}
