//! Reads and checks a request for a message.

use serde_json::Value;

use super::VERSION_2026;
use crate::{
    ask::{Ask, Fields, Output, StreamOptions, WireError},
    schema::rules::{self, SchemaRules},
    tokens,
};

const KNOWN: [&str; 22] = [
    "model",
    "max_tokens",
    "messages",
    "system",
    "stop_sequences",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "output_format",
    "cache_control",
    "metadata",
    "service_tier",
    "stream",
    "temperature",
    "top_p",
    "top_k",
    "container",
    "context_management",
    "mcp_servers",
    "inference_geo",
    "speed",
];
const SAMPLING: [&str; 3] = ["temperature", "top_p", "top_k"];
/// The least budget of `thinking: enabled`.
const THINKING_TOKENS_MIN: u64 = 1024;

pub(crate) fn read(body: &Value, version: &str, rules: SchemaRules) -> Result<Ask, WireError> {
    let Some(map) = body.as_object() else {
        return Err(WireError::invalid("", "The request body is not valid JSON: expected an object"));
    };
    let fields = Fields(map);
    if let Err(name) = fields.check_known(&KNOWN) {
        return Err(WireError::invalid(&name, format!("{name}: Extra inputs are not permitted")));
    }
    if version == VERSION_2026
        && let Some(name) = SAMPLING.iter().find(|name| fields.get(name).is_some())
    {
        return Err(WireError::invalid(
            name,
            format!("{name}: sampling parameters are not supported in version {version}"),
        ));
    }
    let mut ask = Ask { parameters: map.keys().cloned().collect(), ..Ask::default() };
    fields.string("model")?.ok_or_else(|| missing("model"))?.clone_into(&mut ask.model);
    let max_tokens = fields.count("max_tokens")?.ok_or_else(|| missing("max_tokens"))?;
    ask.output_tokens_max = Some(max_tokens);
    fields.check_number("temperature", 0.0, 1.0)?;
    fields.check_number("top_p", 0.0, 1.0)?;
    ask.system = content(fields.get("system").unwrap_or(&Value::String(String::new())), "system")?;
    ask.input_tokens = tokens::count(&ask.system);
    messages(&fields, &mut ask)?;
    if let Some(choice) = fields.object("tool_choice")?
        && !matches!(choice.string("type")?, Some("auto" | "none"))
    {
        return Err(WireError::invalid(
            "tool_choice",
            "tool_choice: the simulator never calls a tool, use auto or none",
        ));
    }
    for stop in fields.list("stop_sequences")?.into_iter().flatten() {
        let bad = || {
            WireError::invalid(
                "stop_sequences",
                "stop_sequences: each must be a string with other than white space",
            )
        };
        ask.stop.push(stop.as_str().filter(|stop| !stop.trim().is_empty()).ok_or_else(bad)?.to_owned());
    }
    ask.thinking = thinking(&fields, max_tokens)?;
    ask.output = output(&fields, rules)?;
    ask.stream = fields.flag("stream")?.unwrap_or(false).then(StreamOptions::default);
    Ok(ask)
}

fn missing(name: &str) -> WireError {
    WireError::invalid(name, format!("{name}: Field required"))
}

fn messages(fields: &Fields<'_>, ask: &mut Ask) -> Result<(), WireError> {
    let messages = fields.list("messages")?.ok_or_else(|| missing("messages"))?;
    if messages.is_empty() {
        return Err(WireError::invalid("messages", "messages: at least one message is required"));
    }
    for (index, message) in messages.iter().enumerate() {
        let at = format!("messages.{index}.content");
        let text = content(&message["content"], &at)?;
        ask.input_tokens += tokens::count(&text) + 4;
        match message["role"].as_str() {
            Some("user") if text.is_empty() && !message["content"].is_array() => {
                return Err(WireError::invalid(
                    "messages",
                    format!("messages.{index}: user messages must have non-empty content"),
                ));
            }
            Some("user") => ask.user = text,
            Some("assistant") => {}
            _ => {
                let message = format!("messages.{index}.role: Input should be 'user' or 'assistant'");
                return Err(WireError::invalid("messages", message));
            }
        }
    }
    Ok(())
}

fn content(content: &Value, at: &str) -> Result<String, WireError> {
    let fail = |why: &str| Err(WireError::invalid(at, format!("{at}: {why}")));
    match content {
        Value::String(text) => Ok(text.clone()),
        Value::Array(blocks) => {
            let mut text = String::new();
            for block in blocks {
                match (block["type"].as_str(), block["text"].as_str()) {
                    (Some("text"), Some("")) => return fail("text content blocks must be non-empty"),
                    (Some("text"), Some(part)) => text.push_str(part),
                    (Some("text"), None) => return fail("text: Field required"),
                    // Images, documents and results of tools are accepted and not looked at.
                    (Some(_), _) => {}
                    (None, _) => return fail("type: Field required"),
                }
            }
            Ok(text)
        }
        _ => fail("Input should be a valid string or list"),
    }
}

fn thinking(fields: &Fields<'_>, max_tokens: u64) -> Result<bool, WireError> {
    let Some(thinking) = fields.object("thinking")? else { return Ok(false) };
    match thinking.string("type")? {
        Some("disabled") => Ok(false),
        Some("adaptive") => Ok(true),
        Some("enabled") => {
            let budget =
                thinking.count("budget_tokens")?.ok_or_else(|| missing("thinking.enabled.budget_tokens"))?;
            if budget < THINKING_TOKENS_MIN || budget >= max_tokens {
                let message = format!(
                    "thinking.enabled.budget_tokens: must be at least {THINKING_TOKENS_MIN} and less than max_tokens"
                );
                return Err(WireError::invalid("thinking", message));
            }
            Ok(true)
        }
        _ => Err(WireError::invalid(
            "thinking",
            "thinking.type: Input should be 'adaptive', 'enabled' or 'disabled'",
        )),
    }
}

fn output(fields: &Fields<'_>, rules: SchemaRules) -> Result<Output, WireError> {
    let configured = fields.object("output_config")?;
    let Some(format) = configured.map(|config| config.object("format")).transpose()?.flatten() else {
        return Ok(Output::Text);
    };
    if format.string("type")? != Some("json_schema") {
        return Err(WireError::invalid(
            "output_config",
            "output_config.format.type: Input should be 'json_schema'",
        ));
    }
    let schema = format.get("schema").ok_or_else(|| missing("output_config.format.schema"))?;
    if rules == SchemaRules::Vendor {
        rules::anthropic(schema).map_err(|why| {
            WireError::invalid("output_config", format!("output_config.format.schema: {why}"))
        })?;
    }
    Ok(Output::Schema(schema.clone()))
}
