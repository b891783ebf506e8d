//! Keeps what a policy allows of a record: everything, or the shape of it with every free text replaced by its hash, or by nothing.

use async_orchestrator_core::content_hash;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How much of what was said is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Everything: questions, answers, proposals, ballots and replies.
    #[default]
    Full,
    /// Hashes in place of texts: equal texts can be found, none can be read. A run that is under way is journaled in full, or it could not be
    /// resumed; its texts go when it ends.
    Hash,
    /// No text at any time, so no run can be resumed.
    Off,
}

/// Whether a text was replaced by a policy, or is none.
pub(super) fn is_redacted(text: &str) -> bool {
    text.is_empty() || text.starts_with("blake3:")
}

/// The fields whose strings are words of ours: names, identifiers, hashes, enumerated values. Every other string is somebody's text.
const OWN: &[&str] = &[
    "schema",
    "run_id",
    "request_hash",
    "mode",
    "domain",
    "task_class",
    "answer_type",
    "answer_kind",
    "risk",
    "status",
    "seat",
    "cause",
    "stop_reason",
    "source",
    "winner",
    "basis",
    "calibration_id",
    "role",
    "provider",
    "model",
    "family",
    "substituted_for",
    "id",
    "commit",
    "order",
    "flags",
    "judged_by",
    "severity",
    "claim_id",
    "label",
    "best",
    "rule",
    "condorcet",
    "schulze",
    "alarm",
    "verdict",
    "unclear_cause",
    "name",
    "kind",
    "do_no_harm",
    "call",
    "target",
    "outcome",
    "price_as_of",
    "engine",
    "prompts",
    "tally",
    "head",
    "decision_hash",
    "parent",
    "stages",
    "reuse",
    "broken",
    "bloc",
    "author",
    "abstain_reason",
    "per_stage",
];
/// The maps whose keys may be somebody's words: groups of equal answers are called by the answer.
const KEYED: &[&str] = &["scores", "posterior", "borda", "approval", "plurality", "surprisingly_popular"];
/// Fields that name a group of equal answers, or answers in a list.
const GROUPS: &[&str] = &["cluster", "condorcet", "schulze", "winner"];

/// `value`, a record or request, as `content` allows it.
pub(super) fn redact(value: Value, content: Content) -> Value {
    match content {
        Content::Full => value,
        Content::Hash | Content::Off => hidden(value, None, content),
    }
}

/// A text as `content` allows it.
pub(super) fn text(text: &str, content: Content) -> String {
    match content {
        Content::Full => text.to_owned(),
        Content::Hash => content_hash(text.as_bytes()),
        Content::Off => String::new(),
    }
}

fn hidden(value: Value, field: Option<&str>, content: Content) -> Value {
    match value {
        Value::String(string) => {
            let own = field.is_some_and(|field| OWN.contains(&field) && !GROUPS.contains(&field));
            // Names of proposals (`p1`) are ours wherever they stand.
            let proposal = string.strip_prefix('p').is_some_and(|rest| rest.parse::<u8>().is_ok());
            Value::String(if own || proposal { string } else { text(&string, content) })
        }
        Value::Array(items) => items.into_iter().map(|item| hidden(item, field, content)).collect(),
        Value::Object(map) => {
            let keyed = field.is_some_and(|field| KEYED.contains(&field));
            let entries = map.into_iter().enumerate().map(|(at, (key, value))| {
                // The names of calls and stages under `prompts` and `per_stage` are ours, and so are the values there.
                let inner = match field {
                    Some(field @ ("prompts" | "per_stage")) => field.to_owned(),
                    _ => key.clone(),
                };
                let value = hidden(value, Some(&inner), content);
                let key = match (keyed, content) {
                    (true, Content::Hash) => content_hash(key.as_bytes()),
                    (true, Content::Off) => format!("#{}", at + 1),
                    _ => key,
                };
                (key, value)
            });
            Value::Object(entries.collect::<Map<_, _>>())
        }
        other => other,
    }
}
