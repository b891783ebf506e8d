//! Writes a chat completion as a stream: role, deltas, finish reason, usage where asked for, `[DONE]`.

use bytes::Bytes;
use serde::Serialize;

use super::response::{FINGERPRINT, WireUsage, finish_reason};
use crate::{
    answer::{Events, Identity, Reply},
    ask::StreamOptions,
    dice::Dice,
};

pub(crate) const DONE: &[u8] = b"data: [DONE]\n\n";

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    service_tier: &'static str,
    system_fingerprint: &'static str,
    choices: &'a [Choice<'a>],
    // With `include_usage`, null in every chunk but the last; else not there at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Nullable<WireUsage>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    obfuscation: Option<String>,
}

/// A field that is there, with or without a value.
#[derive(Serialize)]
#[serde(untagged)]
enum Nullable<T> {
    Null,
    Is(T),
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    delta: Delta<'a>,
    logprobs: Option<()>,
    finish_reason: Option<&'static str>,
}

#[derive(Default, Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    // Null where it is there at all: these models refuse nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<()>,
}

pub(crate) fn write(
    reply: &Reply,
    identity: &Identity,
    options: StreamOptions,
    deltas: &[&str],
    dice: &Dice,
) -> Events {
    let mut dice = dice.of("obfuscation");
    let mut chunk = |choices: &[Choice<'_>], usage: Option<WireUsage>| {
        let obfuscation = (options.obfuscated && !choices.is_empty()).then(|| {
            let length = 2 + dice.below(10);
            dice.token(length)
        });
        event(&Chunk {
            id: &identity.id,
            object: "chat.completion.chunk",
            created: identity.created,
            model: &identity.model,
            service_tier: "default",
            system_fingerprint: FINGERPRINT,
            choices,
            usage: options.include_usage.then_some(usage.map_or(Nullable::Null, Nullable::Is)),
            obfuscation,
        })
    };
    let choice = |delta, finish_reason| [Choice { index: 0, delta, logprobs: None, finish_reason }];
    let role = Delta { role: Some("assistant"), content: Some(""), refusal: Some(()) };
    let opening = vec![chunk(&choice(role, None), None)];
    let text = |text| Delta { content: Some(text), ..Delta::default() };
    let deltas = deltas.iter().map(|piece| chunk(&choice(text(piece), None), None)).collect();
    let mut closing = vec![chunk(&choice(Delta::default(), Some(finish_reason(reply.finish))), None)];
    if options.include_usage
        && let Some(usage) = reply.usage
    {
        closing.push(chunk(&[], Some(usage.into())));
    }
    closing.push(Bytes::from_static(DONE));
    Events { opening, deltas, closing }
}

fn event(chunk: &Chunk<'_>) -> Bytes {
    let mut bytes = b"data: ".to_vec();
    // Writing plain structs to memory cannot fail.
    let _ = serde_json::to_writer(&mut bytes, chunk);
    bytes.extend_from_slice(b"\n\n");
    bytes.into()
}
