//! Hashes of content: BLAKE3 over canonical JSON, written `blake3:<64 hex digits>`.

use serde::Serialize;
use serde_json::Value;

use crate::{ChatRole, Message, ReplyFormat, canonical};

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
    canonical::write(value).map_err(NotCanonical)
}

/// `value` as canonical JSON; see [`canonical_json`]. Nothing of it is copied but into the text.
pub fn canonical_text(value: &Value) -> String {
    let mut text = String::with_capacity(1_024);
    write(value, &mut text);
    text
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

/// The hash of a prompt: that of the canonical JSON of `{"format": .., "messages": [..]}`, written without building it.
///
/// # Errors
/// As for [`canonical_json`].
pub fn prompt_hash(messages: &[Message], format: &ReplyFormat) -> Result<String, NotCanonical> {
    let length = messages.iter().map(|message| message.content.len() + 64).sum::<usize>();
    // One text hashed at once: many blocks side by side are faster than one after the other.
    let mut text = String::with_capacity(length + length / 16 + 1_024);
    text.push_str(r#"{"format":"#);
    match format {
        ReplyFormat::JsonSchema { name, schema } => {
            text.push_str(r#"{"json_schema":{"name":"#);
            canonical::write_text(name, &mut text);
            text.push_str(r#","schema":"#);
            text.push_str(schema.canonical());
            text.push_str("}}");
        }
        ReplyFormat::Text | ReplyFormat::Sections(_) => {
            text.push_str(&canonical_json(format)?);
        }
    }
    text.push_str(r#","messages":["#);
    for (index, message) in messages.iter().enumerate() {
        text.push_str(if index == 0 { r#"{"content":"# } else { r#",{"content":"# });
        canonical::write_text(&message.content, &mut text);
        text.push_str(match message.role {
            ChatRole::System => r#","role":"system"}"#,
            ChatRole::User => r#","role":"user"}"#,
            ChatRole::Assistant => r#","role":"assistant"}"#,
        });
    }
    text.push_str("]}");
    Ok(content_hash(text.as_bytes()))
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            text.push('{');
            for (index, (key, item)) in entries.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                canonical::write_text(key, text);
                text.push(':');
                write(item, text);
            }
            text.push('}');
        }
        Value::String(string) => canonical::write_text(string, text),
        Value::Null | Value::Bool(_) | Value::Number(_) => text.push_str(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{ReplySchema, Section};

    #[test]
    fn a_prompts_hash_is_that_of_its_canonical_json() {
        let schema = json!({"type": "object", "b": [1, {"z": 1, "a": "\u{7}\n\"ü"}], "a": 2.5});
        let formats = [
            ReplyFormat::Text,
            ReplyFormat::Sections(vec![Section { heading: "Über".into(), tokens_max: 7 }]),
            ReplyFormat::JsonSchema { name: "a\"b".into(), schema: ReplySchema::new(schema) },
        ];
        let message = |text: &str| {
            vec![Message::system(text), Message::user("\u{1}\t<&>\u{2028}"), Message::assistant("")]
        };
        for format in formats {
            for messages in [Vec::new(), vec![Message::user("one")], message("a \"quoted\" \\ text\n")] {
                let whole = canonical_hash(&json!({"messages": messages, "format": format})).unwrap();
                assert_eq!(prompt_hash(&messages, &format).unwrap(), whole);
            }
        }
    }

    #[test]
    fn the_order_of_keys_does_not_change_the_hash() {
        let one = json!({"b": [{"y": 1, "x": 2.5}], "a": null});
        let two = json!({"a": null, "b": [{"x": 2.5, "y": 1}]});
        assert_eq!(canonical_json(&one).unwrap(), r#"{"a":null,"b":[{"x":2.5,"y":1}]}"#);
        assert_eq!(canonical_hash(&one).unwrap(), canonical_hash(&two).unwrap());
        assert_ne!(canonical_hash(&one).unwrap(), canonical_hash(&json!({"a": 0})).unwrap());
    }
}
