//! Prints the bodies of the requests that the providers send, one JSON document a line, for a matrix of formats, models and protocol
//! variants. Nothing is sent. `tests/peers/check_requests.py` validates them against the vendors' own descriptions:
//!
//! ```text
//! cargo run -p async-orchestrator-providers --example print_requests [SCHEMA.json ...] > requests.jsonl
//! ```
//!
//! Every file named on the command line is a JSON schema that is sent as the form of a reply, beside the built-in ones.
#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use std::{
    error::Error,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use async_orchestrator_core::{
    Clock, CompletionRequest, Message, ReplyFormat, Section, Sleep, StructuredOutput,
};
use async_orchestrator_providers::{
    AnthropicConfig, AnthropicCredential, AnthropicProvider, AnthropicVersion, Catalogue, Delivery,
    OpenAiConfig, OpenAiDialect, OpenAiProvider, SecretString, Transport, TransportConfig, TrustRoots,
};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let mut config = TransportConfig::default();
    config.roots = TrustRoots::Bundled;
    let transport = Transport::new(config, Arc::new(NoTime))?;
    let catalogue = Catalogue::builtin();
    let requests = requests(std::env::args().skip(1))?;
    let print = |head: Value, name: &str, delivery: Delivery, body: Value| {
        let streamed = delivery == Delivery::Streamed;
        println!("{}", json!({"to": head, "request": name, "streamed": streamed, "body": body}));
    };
    for (head, provider) in openai(&transport, &catalogue)? {
        for (name, request) in &requests {
            for delivery in [Delivery::Whole, Delivery::Streamed] {
                print(head.clone(), name, delivery, provider.request_body(request, delivery));
            }
        }
    }
    for (head, provider) in anthropic(&transport, &catalogue)? {
        for (name, request) in &requests {
            for delivery in [Delivery::Whole, Delivery::Streamed] {
                print(head.clone(), name, delivery, provider.request_body(request, delivery));
            }
        }
    }
    Ok(())
}

fn key() -> SecretString {
    "key".to_owned().into()
}

fn openai(
    transport: &Transport,
    catalogue: &Catalogue,
) -> Result<Vec<(Value, OpenAiProvider)>, Box<dyn Error>> {
    let mut providers = Vec::new();
    for dialect in [OpenAiDialect::Official, OpenAiDialect::Compatible] {
        for structured in [None, Some(StructuredOutput::JsonObject), Some(StructuredOutput::PromptOnly)] {
            for model in ["gpt-4o", "gpt-6.1-sol", "o3-mini", "gpt-4", "local/model:q4"] {
                let mut config = OpenAiConfig::official(key());
                config.dialect = dialect;
                config.structured_output = structured;
                let head =
                    json!({"vendor": "openai", "variant": format!("{dialect:?} {structured:?} {model}")});
                providers.push((head, OpenAiProvider::new(transport.clone(), &config, model, catalogue)?));
            }
        }
    }
    Ok(providers)
}

fn anthropic(
    transport: &Transport,
    catalogue: &Catalogue,
) -> Result<Vec<(Value, AnthropicProvider)>, Box<dyn Error>> {
    let mut providers = Vec::new();
    for version in [AnthropicVersion::V2023_06_01, AnthropicVersion::V2026_10_21] {
        for model in ["claude-sonnet-5-5", "claude-haiku-4-5", "claude-3-haiku-20240307", "other-model"] {
            let mut config = AnthropicConfig::official(AnthropicCredential::ApiKey(key()));
            config.version = version;
            let head = json!({"vendor": "anthropic", "variant": model, "version": version.name()});
            providers.push((head, AnthropicProvider::new(transport.clone(), &config, model, catalogue)?));
        }
    }
    Ok(providers)
}

/// Every setting alone and all of them together, for every form of reply.
fn requests(
    schemas: impl Iterator<Item = String>,
) -> Result<Vec<(String, CompletionRequest)>, Box<dyn Error>> {
    let sections = vec![Section { heading: "1. Answer".to_owned(), tokens_max: 100 }];
    let mut formats = vec![
        ("text".to_owned(), ReplyFormat::Text),
        ("sections".to_owned(), ReplyFormat::Sections(sections)),
    ];
    for (name, schema) in corner_schemas() {
        formats.push((
            name.to_owned(),
            ReplyFormat::JsonSchema { name: name.to_owned(), schema: schema.into() },
        ));
    }
    for (number, path) in schemas.enumerate() {
        let schema: Value = serde_json::from_str(&std::fs::read_to_string(path)?)?;
        let name = format!("file-{number}");
        formats.push((name.clone(), ReplyFormat::JsonSchema { name, schema: schema.into() }));
    }
    let plain = CompletionRequest::new(vec![
        Message::system("Be brief."),
        Message::user("Name a river.\n\u{1F30A}"),
        Message::assistant("The Rhine."),
        Message::user("Another one."),
    ]);
    let mut requests = vec![
        ("user alone".to_owned(), CompletionRequest::new(vec![Message::user("Name a river.")])),
        ("system alone".to_owned(), CompletionRequest::new(vec![Message::system("Name a river.")])),
    ];
    for (form, format) in formats {
        let bare = CompletionRequest { format, ..plain.clone() };
        let full = CompletionRequest {
            max_output_tokens: Some(500),
            temperature: Some(1.7),
            stop: vec!["END".to_owned(), "STOP".to_owned()],
            seed: Some(u64::MAX),
            ..bare.clone()
        };
        requests.push((form.clone(), bare));
        requests.push((format!("{form}, every setting"), full));
    }
    Ok(requests)
}

/// Schemas that touch each rule of the rewriting, and some that no vendor can enforce.
fn corner_schemas() -> Vec<(&'static str, Value)> {
    let object = |x: Value| json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties": {"x": x}});
    vec![
        ("constraints", object(json!({"type": ["string", "null"], "pattern": "^[A-H]$", "maxLength": 9}))),
        ("values", object(json!({"enum": [null, "a", 1]}))),
        (
            "tuple",
            object(
                json!({"type": "array", "prefixItems": [{"const": "a"}, {"type": "number", "minimum": 0}]}),
            ),
        ),
        ("choice", object(json!({"oneOf": [{"type": "integer", "maximum": 3}, {"type": "null"}]}))),
        ("open_map", object(json!({"type": "object", "additionalProperties": {"type": "string"}}))),
        ("no_object", json!({"type": "array", "items": {"type": "string"}})),
    ]
}

/// The transport is built and never used: no time passes here.
#[derive(Debug)]
struct NoTime;

impl Clock for NoTime {
    #[expect(clippy::disallowed_methods, reason = "an `Instant` can only be had from the system")]
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn sleep(&self, _duration: Duration) -> Sleep {
        let never: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(std::future::pending());
        never
    }
}
