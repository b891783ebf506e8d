//! Reads and checks a request for a chat completion.

use serde_json::Value;

use crate::{
    ask::{Ask, Fields, Output, StreamOptions, WireError},
    schema::rules::{self, SchemaRules},
    tokens,
};

/// Every parameter that the API documents; another one is refused there.
const KNOWN: [&str; 38] = [
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "modalities",
    "model",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
    "web_search_options",
    "moderation",
    "prompt_cache_options",
    "cache_control",
];
const ROLES: [&str; 6] = ["developer", "system", "user", "assistant", "tool", "function"];
const EFFORTS: [&str; 7] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];

pub(crate) fn read(body: &Value, rules: SchemaRules) -> Result<Ask, WireError> {
    let Some(map) = body.as_object() else {
        return Err(WireError::invalid(
            "",
            "We could not parse the JSON body of your request: expected an object.",
        ));
    };
    let fields = Fields(map);
    if let Err(name) = fields.check_known(&KNOWN) {
        let error = WireError::invalid(&name, format!("Unrecognized request argument supplied: {name}"));
        return Err(error.code("unknown_parameter"));
    }
    let mut ask = Ask { parameters: map.keys().cloned().collect(), ..Ask::default() };
    fields.string("model")?.ok_or_else(|| missing("model"))?.clone_into(&mut ask.model);
    messages(&fields, &mut ask)?;
    fields.check_number("temperature", 0.0, 2.0)?;
    fields.check_number("top_p", 0.0, 1.0)?;
    fields.check_number("frequency_penalty", -2.0, 2.0)?;
    fields.check_number("presence_penalty", -2.0, 2.0)?;
    if let Some(effort) = fields.string("reasoning_effort")?
        && !EFFORTS.contains(&effort)
    {
        return Err(WireError::invalid(
            "reasoning_effort",
            format!("Invalid value: '{effort}'. Supported values are: {EFFORTS:?}."),
        ));
    }
    if fields.count("n")?.is_some_and(|n| n != 1) {
        return Err(WireError::invalid("n", "The simulator answers with one choice: 'n' must be 1."));
    }
    tools(&fields)?;
    ask.output_tokens_max = match (fields.count("max_completion_tokens")?, fields.count("max_tokens")?) {
        (Some(_), Some(_)) => {
            return Err(WireError::invalid(
                "max_tokens",
                "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
            ));
        }
        (new, old) => new.or(old),
    };
    ask.stop = stop(&fields)?;
    ask.seed = fields.get("seed").and_then(Value::as_i64).map(i64::cast_unsigned);
    ask.output = output(&fields, rules)?;
    ask.stream = stream(&fields)?;
    Ok(ask)
}

fn missing(name: &str) -> WireError {
    WireError::invalid(name, format!("Missing required parameter: '{name}'."))
        .code("missing_required_parameter")
}

fn messages(fields: &Fields<'_>, ask: &mut Ask) -> Result<(), WireError> {
    let messages = fields.list("messages")?.ok_or_else(|| missing("messages"))?;
    if messages.is_empty() {
        return Err(WireError::invalid(
            "messages",
            "Invalid 'messages': empty array. Expected an array with minimum length 1.",
        ));
    }
    for (index, message) in messages.iter().enumerate() {
        let at = format!("messages[{index}]");
        let role = message["role"].as_str().filter(|role| ROLES.contains(role));
        let Some(role) = role else {
            return Err(WireError::invalid(
                &format!("{at}.role"),
                format!("Invalid value for '{at}.role'. Supported values are: {ROLES:?}."),
            ));
        };
        let text = content(&message["content"], &at, role)?;
        // Four tokens of framing a message, as the vendor's own counting guide has it.
        ask.input_tokens += tokens::count(&text) + 4;
        match role {
            "system" | "developer" => {
                ask.system.push_str(&text);
                ask.system.push('\n');
            }
            "user" => ask.user = text,
            _ => {}
        }
    }
    Ok(())
}

fn content(content: &Value, at: &str, role: &str) -> Result<String, WireError> {
    let fail = |why: &str| {
        Err(WireError::invalid(&format!("{at}.content"), format!("Invalid '{at}.content': {why}")))
    };
    match content {
        Value::String(text) => Ok(text.clone()),
        Value::Array(parts) => {
            let mut text = String::new();
            for part in parts {
                match (part["type"].as_str(), part["text"].as_str()) {
                    (Some("text"), Some(part)) => text.push_str(part),
                    (Some("text"), None) => return fail("a text part needs 'text'."),
                    // Images and files are accepted and not looked at.
                    (Some(_), _) => {}
                    (None, _) => return fail("every part needs a 'type'."),
                }
            }
            Ok(text)
        }
        Value::Null if role == "assistant" => Ok(String::new()),
        _ => fail("expected a string or an array of parts."),
    }
}

fn tools(fields: &Fields<'_>) -> Result<(), WireError> {
    let has_tools = fields.list("tools")?.is_some_and(|tools| !tools.is_empty());
    match fields.get("tool_choice") {
        None => Ok(()),
        Some(_) if !has_tools => Err(WireError::invalid(
            "tool_choice",
            "'tool_choice' is only allowed when 'tools' are specified.",
        )),
        Some(Value::String(choice)) if choice == "auto" || choice == "none" => Ok(()),
        Some(_) => {
            Err(WireError::invalid("tool_choice", "The simulator never calls a tool: use 'auto' or 'none'."))
        }
    }
}

fn stop(fields: &Fields<'_>) -> Result<Vec<String>, WireError> {
    let bad =
        || WireError::invalid("stop", "Invalid 'stop': expected a string or an array of at most 4 strings.");
    match fields.get("stop") {
        None => Ok(vec![]),
        Some(Value::String(one)) => Ok(vec![one.clone()]),
        Some(Value::Array(several)) if several.len() <= 4 => {
            several.iter().map(|one| one.as_str().map(str::to_owned).ok_or_else(bad)).collect()
        }
        Some(_) => Err(bad()),
    }
}

fn output(fields: &Fields<'_>, rules: SchemaRules) -> Result<Output, WireError> {
    let Some(format) = fields.object("response_format")? else { return Ok(Output::Text) };
    match format.string("type")? {
        Some("text") => Ok(Output::Text),
        Some("json_object") => Ok(Output::JsonObject),
        Some("json_schema") => {
            let at = "response_format.json_schema";
            let described = format.object("json_schema")?.ok_or_else(|| missing(at))?;
            let name = described.string("name")?.ok_or_else(|| missing(&format!("{at}.name")))?;
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
                return Err(WireError::invalid(
                    &format!("{at}.name"),
                    format!(
                        "Invalid '{at}.name': expected 1 to 64 characters that match '^[a-zA-Z0-9_-]+$'."
                    ),
                ));
            }
            let schema =
                described.get("schema").cloned().unwrap_or_else(|| serde_json::json!({"type": "object"}));
            let strict = described.flag("strict")?.unwrap_or(false);
            if strict && rules == SchemaRules::Vendor {
                rules::openai_strict(&schema).map_err(|why| {
                    let message = format!("Invalid schema for response_format '{name}': {why}");
                    WireError::invalid("response_format", message).code("invalid_json_schema")
                })?;
            }
            Ok(Output::Schema(schema))
        }
        _ => Err(WireError::invalid(
            "response_format.type",
            "Invalid 'response_format.type': supported values are 'text', 'json_object' and 'json_schema'.",
        )),
    }
}

fn stream(fields: &Fields<'_>) -> Result<Option<StreamOptions>, WireError> {
    let streamed = fields.flag("stream")?.unwrap_or(false);
    let Some(options) = fields.object("stream_options")? else {
        return Ok(streamed.then_some(StreamOptions { include_usage: false, obfuscated: true }));
    };
    if !streamed {
        return Err(WireError::invalid(
            "stream_options",
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
        ));
    }
    Ok(Some(StreamOptions {
        include_usage: options.flag("include_usage")?.unwrap_or(false),
        obfuscated: options.flag("include_obfuscation")?.unwrap_or(true),
    }))
}
