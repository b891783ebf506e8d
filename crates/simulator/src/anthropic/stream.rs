//! Writes a message as a stream of named events.

use bytes::Bytes;
use serde_json::{Value, json};

use super::response::{SIGNATURE, THINKING, WireUsage, stop_reason};
use crate::answer::{Events, Identity, Reply};

pub(crate) fn write(reply: &Reply, identity: &Identity, deltas: &[&str]) -> Events {
    let usage = reply.usage.map(WireUsage::from).unwrap_or_default();
    let mut opening = vec![event(&json!({
        "type": "message_start",
        "message": {
            "id": identity.id,
            "type": "message",
            "role": "assistant",
            "model": identity.model,
            "content": [],
            "stop_reason": null,
            "stop_sequence": null,
            "usage": usage.at_start(),
        },
    }))];
    let mut block = 0;
    if reply.thinking {
        opening.push(start(block, &json!({"type": "thinking", "thinking": "", "signature": ""})));
        opening.push(event(&json!({"type": "ping"})));
        opening.push(delta(block, &json!({"type": "thinking_delta", "thinking": THINKING})));
        opening.push(delta(block, &json!({"type": "signature_delta", "signature": SIGNATURE})));
        opening.push(stop(block));
        block += 1;
    }
    // An empty reply has no block at all.
    let mut closing = Vec::new();
    if !deltas.is_empty() {
        opening.push(start(block, &json!({"type": "text", "text": ""})));
        closing.push(stop(block));
    }
    if !reply.thinking {
        opening.push(event(&json!({"type": "ping"})));
    }
    let deltas =
        deltas.iter().map(|text| delta(block, &json!({"type": "text_delta", "text": text}))).collect();
    closing.push(event(&json!({
        "type": "message_delta",
        "delta": {"stop_reason": stop_reason(reply), "stop_sequence": reply.stop_sequence},
        "usage": usage,
    })));
    closing.push(event(&json!({"type": "message_stop"})));
    Events { opening, deltas, closing }
}

fn start(index: usize, block: &Value) -> Bytes {
    event(&json!({"type": "content_block_start", "index": index, "content_block": block}))
}

fn delta(index: usize, delta: &Value) -> Bytes {
    event(&json!({"type": "content_block_delta", "index": index, "delta": delta}))
}

fn stop(index: usize) -> Bytes {
    event(&json!({"type": "content_block_stop", "index": index}))
}

/// The event is named after the type of its data.
pub(crate) fn event(data: &Value) -> Bytes {
    let name = data["type"].as_str().unwrap_or_default();
    format!("event: {name}\ndata: {data}\n\n").into()
}
