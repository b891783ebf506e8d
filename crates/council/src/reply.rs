//! Reads what a model wrote: tolerantly in form (fenced or bare JSON, talk around it), strictly in content.

use serde::de::DeserializeOwned;
use serde_json::{Value, error::Category};

/// Why a reply could not be read; short, and without the reply's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable(pub(crate) String);

/// The first JSON object or array in `text`: bare, in a code fence, or amid talk.
pub(crate) fn json_in(text: &str) -> Result<Value, Unreadable> {
    find(text, Ok)
}

/// The first document in the reply that is a `T`; else what keeps the first document from being one.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, Unreadable> {
    find(text, |value| serde_json::from_value(value).map_err(|error| Unreadable(shape_of(&error))))
}

/// At how many opening brackets a document is looked for.
const CANDIDATES_MAX: usize = 256;
/// How many bytes all tries that fail may read together: each may read the whole rest.
const FAILED_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The first document in `text` that `accept` takes. Parts of a document that was refused or cut are no documents.
pub(crate) fn find<T>(
    text: &str,
    mut accept: impl FnMut(Value) -> Result<T, Unreadable>,
) -> Result<T, Unreadable> {
    let mut rest = text.trim().trim_start_matches('\u{feff}');
    if let Ok(value) = serde_json::from_str::<Value>(rest) {
        return accept(value);
    }
    let mut refused = None;
    let mut failed_bytes = 0;
    for _ in 0..CANDIDATES_MAX {
        let Some(start) = rest.find(['{', '[']) else { break };
        rest = &rest[start..];
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => {
                let length = values.byte_offset();
                if value.is_array() || value.as_object().is_some_and(|object| !object.is_empty()) {
                    match accept(value) {
                        Ok(accepted) => return Ok(accepted),
                        Err(problem) => refused = refused.or(Some(problem)),
                    }
                }
                rest = &rest[length..];
            }
            Some(Err(error)) if error.classify() == Category::Eof => {
                refused = refused.or_else(|| Some(Unreadable(String::from("its JSON document is cut"))));
                break;
            }
            Some(Err(_)) | None => {
                failed_bytes += rest.len();
                if failed_bytes > FAILED_BYTES_MAX {
                    break;
                }
                rest = &rest[1..];
            }
        }
    }
    Err(refused.unwrap_or_else(|| Unreadable(String::from("the reply holds no JSON document"))))
}

/// serde's message without what it quotes of the reply: those are a model's words. The names of fields that are missing are ours.
fn shape_of(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let kinds = [
        ("unknown field", "a field of the reply is none of those asked for"),
        ("unknown variant", "a word of the reply is none of those asked for"),
    ];
    if let Some((_, plain)) = kinds.iter().find(|(start, _)| message.starts_with(start)) {
        return String::from(*plain);
    }
    if message.starts_with("missing field") {
        return message.split(" at line").next().unwrap_or_default().chars().take(120).collect();
    }
    String::from("a field of the reply has the wrong type or range")
}

#[cfg(test)]
mod tests {
    use async_orchestrator_prompts::ValidationReply;
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_found_bare_fenced_and_amid_talk() {
        let document = json!({"verdict": "pass", "reasons": []});
        for text in [
            document.to_string(),
            format!("```json\n{document}\n```"),
            format!("Sure! Here {{it}} is:\n{document}\nHope it helps {{}}."),
            format!("\u{feff}  {document}  "),
        ] {
            assert_eq!(json_in(&text).unwrap(), document, "{text}");
        }
        for text in ["", "no", "{\"cut\": ", "{}{"] {
            assert!(json_in(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_asked_for_is_found_behind_what_is_not() {
        let text = "As in [1] and {\"note\": 3}, so:\n{\"verdict\": \"pass\"}";
        assert_eq!(read::<ValidationReply>(text).unwrap().verdict.name(), "pass");
    }

    #[test]
    fn a_part_of_a_cut_or_refused_document_is_no_document() {
        let cut = "{\"steps\": [{\"verdict\": \"pass\"}, {\"verdict\": \"pa";
        assert_eq!(json_in(cut), Err(Unreadable("its JSON document is cut".into())));
        let inner = "So: {\"wrapped\": {\"verdict\": \"pass\"}}";
        assert_eq!(read::<ValidationReply>(inner).unwrap_err().0, "missing field `verdict`");
    }

    #[test]
    fn a_problem_is_told_without_the_replys_own_words() {
        for reply in [
            json!({"verdict": "SECRET"}),
            json!({"verdict": "pass", "reasons": "SECRET"}),
            json!({"verdict": "pass", "overruled": [{"quote": "SECRET"}]}),
        ] {
            let problem = read::<ValidationReply>(&reply.to_string()).unwrap_err().0;
            assert!(!problem.contains("SECRET") && problem.len() < 80, "{problem}");
        }
    }

    /// Each bracket could start a document that runs to the end: without a bound this reads two tebibytes.
    #[test]
    fn a_long_reply_made_of_brackets_is_given_up_in_bounded_work() {
        let megabytes = 2 * 1024 * 1024;
        for text in ["[".repeat(megabytes), "[1,".repeat(megabytes / 3) + "x", "{".repeat(megabytes)] {
            assert!(json_in(&text).is_err());
        }
        let long = format!("{}\"{}\" x", "[".repeat(100), "a".repeat(megabytes));
        assert!(json_in(&long).is_err());
    }
}
