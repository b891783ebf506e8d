//! Nothing of the prompt or the key gets through; what helps does.

use super::*;

const KEY: &str = "sk-proj-AbCdEf123456GhIjKl";
const PROMPT: &str = "Tell me about the \"Zeppelin\"\nprogramme of Friedrichshafen";

fn redactor() -> Redactor {
    let body = serde_json::json!({"model": "gpt-4o-mini-2024-07-18", "messages": [{"role": "user", "content": PROMPT}]});
    Redactor::new(body.to_string().into(), &Secrets::new(&[KEY.to_owned().into()]))
}

#[test]
fn a_helpful_message_is_shown() {
    for message in [
        "The model `gpt-4o-mini-2024-07-18` does not exist",
        "This model's maximum context length is 128000 tokens",
        "Unsupported value: 'temperature' does not support 0.7",
    ] {
        assert_eq!(redactor().message(message), message);
    }
    let error = VendorError {
        class: Some("invalid_request_error".to_owned()),
        code: Some("unsupported_value".to_owned()),
        message: Some("Unsupported".to_owned()),
        ..VendorError::default()
    };
    assert_eq!(
        redactor().describe(&error).unwrap(),
        "type invalid_request_error, code unsupported_value: Unsupported"
    );
}

#[test]
fn a_quotation_of_the_prompt_is_left_out() {
    for message in [
        PROMPT.to_owned(),
        format!("bad input: {PROMPT:?}"),
        "cannot read 'the \\\"zeppelin\\\"\\nPROGRAMME'".to_owned(),
        "xxZeppelinprogrammexx".to_owned(),
    ] {
        let shown = redactor().message(&message);
        assert!(shown.contains("left out"), "{message}: {shown}");
    }
    assert_eq!(redactor().name("zeppelin-programme"), None);
    assert_eq!(redactor().name("two words"), None);
    assert_eq!(redactor().name("req_0123").as_deref(), Some("req_0123"));
}

#[test]
fn a_key_is_never_shown_not_even_in_part() {
    for message in [
        format!("Incorrect API key provided: {KEY}."),
        format!("key {} is wrong", &KEY[8..16]),
        KEY.to_uppercase(),
        "You sent sk-pr**************IjKl to us".to_owned(),
        "Bearer-abcdef0 refused".to_owned(),
        "token 0123456789abcdef0123456789abcdef is not known".to_owned(),
    ] {
        let shown = redactor().message(&message).to_lowercase();
        for part in ["abcdef", "123456", "ghijkl", "ijkl", "0123456789"] {
            assert!(!shown.contains(part), "{message}: {shown}");
        }
    }
}

#[test]
fn a_good_calls_id_may_be_anything_but_a_piece_of_the_key() {
    for id in ["req_0123", "zeppelin-programme", "chatcmpl-9xyzAbCd"] {
        assert_eq!(redactor().id(id).as_deref(), Some(id));
    }
    for id in [&KEY[8..], &KEY[8..14], "req-AbC-dEf1", "two words", ""] {
        assert_eq!(redactor().id(id), None, "{id}");
    }
    // A placeholder for a server that asks for no key says nothing; a short key is looked for whole.
    let with = |key: &str| Redactor::new(Bytes::new(), &Secrets::new(&[key.to_owned().into()]));
    assert!(with("abc").id("abc").is_some());
    assert!(with("abcd").id("req-abcd-1").is_none() && with("abcd").id("req-abc-1").is_some());
}

#[test]
fn a_long_message_is_cut() {
    let shown = redactor().message(&"word ".repeat(500));
    assert_eq!(shown.chars().count(), SHOWN_MAX);
}
