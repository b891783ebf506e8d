//! Two requests have one key exactly if they are equal.

use async_orchestrator_core::{Clock, Message, Role, SeatId, Section, test_util::ManualClock};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn context(seat: u8) -> CallContext {
    let now = ManualClock::new().now();
    CallContext { seat: SeatId::new(Role::Proposer, seat), ..CallContext::detached(now) }
}

/// Few letters and short lists: what differs only by where a text ends must be drawn often.
fn text() -> impl Strategy<Value = String> {
    "[ab\u{0}]{0,3}"
}

fn message() -> impl Strategy<Value = Message> {
    let role = prop_oneof![Just(ChatRole::System), Just(ChatRole::User), Just(ChatRole::Assistant)];
    (role, text()).prop_map(|(role, content)| Message { role, content })
}

fn schema() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({})),
        Just(json!(true)),
        Just(json!("true")),
        Just(json!({"a": 1})),
        Just(json!({"a": 1.0})),
        Just(json!({"a": {"b": []}})),
    ]
}

fn format() -> impl Strategy<Value = ReplyFormat> {
    let section = (text(), 0u32..2).prop_map(|(heading, tokens_max)| Section { heading, tokens_max });
    prop_oneof![
        Just(ReplyFormat::Text),
        prop::collection::vec(section, 0..3).prop_map(ReplyFormat::Sections),
        (text(), schema()).prop_map(|(name, schema)| ReplyFormat::JsonSchema { name, schema: schema.into() }),
    ]
}

fn a_request() -> impl Strategy<Value = CompletionRequest> {
    let temperature = prop::option::of(prop_oneof![Just(0.0f32), Just(0.7), Just(1.0)]);
    (
        prop::collection::vec(message(), 0..3),
        format(),
        prop::option::of(0u32..2),
        temperature,
        prop::collection::vec(text(), 0..3),
        prop::option::of(0u64..2),
    )
        .prop_map(|(messages, format, max_output_tokens, temperature, stop, seed)| CompletionRequest {
            messages: messages.into(),
            format,
            max_output_tokens,
            temperature,
            stop,
            seed,
        })
}

/// `to` with one field of `from`.
fn with_field(to: &CompletionRequest, from: &CompletionRequest, field: usize) -> CompletionRequest {
    let mut changed = to.clone();
    match field {
        0 => changed.messages.clone_from(&from.messages),
        1 => changed.format.clone_from(&from.format),
        2 => changed.max_output_tokens = from.max_output_tokens,
        3 => changed.temperature = from.temperature,
        4 => changed.stop.clone_from(&from.stop),
        _ => changed.seed = from.seed,
    }
    changed
}

proptest! {
    #[test]
    fn any_one_field_decides(one in a_request(), other in a_request(), field in 0usize..6) {
        let changed = with_field(&one, &other, field);
        let context = context(1);
        let keys = [&one, &changed].map(|request| CacheKey::new("a:one", request, &context));
        prop_assert_eq!(keys[0] == keys[1], one == changed);
    }

    #[test]
    fn scope_and_seat_decide_too(request in a_request(), scopes in (text(), text()), seats in (1u8..4, 1u8..4)) {
        let one = CacheKey::new(&scopes.0, &request, &context(seats.0));
        let two = CacheKey::new(&scopes.1, &request, &context(seats.1));
        prop_assert_eq!(one == two, scopes.0 == scopes.1 && seats.0 == seats.1);
    }
}

#[test]
fn where_a_text_ends_is_part_of_the_key() {
    let context = context(1);
    let of = |scope: &str, request: &CompletionRequest| CacheKey::new(scope, request, &context);
    let base = CompletionRequest::default();
    let stop =
        |texts: [&str; 2]| CompletionRequest { stop: texts.map(str::to_owned).to_vec(), ..base.clone() };
    let named = |name: &str, schema: Value| {
        let format = ReplyFormat::JsonSchema { name: name.to_owned(), schema: schema.into() };
        CompletionRequest { format, ..base.clone() }
    };
    let keys = [
        of("a:one", &stop(["ab", ""])),
        of("a:one", &stop(["a", "b"])),
        of("a:one", &stop(["", "ab"])),
        of("a:one", &named("x1", json!(1))),
        of("a:one", &named("x", json!(11))),
        of("a:one\u{1}\0\0\0\0\0\0\0", &base),
        of("a:one", &base),
    ];
    for (index, key) in keys.iter().enumerate() {
        assert!(!keys[..index].contains(key), "key {index} is not new");
    }
}

#[test]
fn role_name_and_deadline_of_a_seat_are_no_part_of_the_answer() {
    let request = CompletionRequest::new(vec![Message::user("6 x 7?")]);
    let plain = context(1);
    let mut other = CallContext { seat: SeatId::new(Role::Critic, 1), ..plain.clone() };
    other.call = "critic-1/judge".into();
    assert_eq!(CacheKey::new("a:one", &request, &plain), CacheKey::new("a:one", &request, &other));
}

#[test]
fn zero_and_minus_zero_are_not_the_same_to_a_hash() {
    let request = |temperature| CompletionRequest {
        temperature: Some(temperature),
        ..CompletionRequest::new(vec![Message::user("6 x 7?")])
    };
    let keys = [0.0, -0.0].map(|temperature| CacheKey::new("a:one", &request(temperature), &context(1)));
    assert_ne!(keys[0], keys[1], "one call too many is the harmless side to err on");
}
