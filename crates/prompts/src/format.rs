//! The form of the reply to each prompt for models that understand full prompts, and how long it may be.

use std::sync::{Mutex, PoisonError};

use async_orchestrator_core::{PromptStyle, ReplyFormat, ReplySchema, Stage};
use serde_json::{Value, json};

use crate::{PromptInput, ReplyKind, pack::DomainPack, schemas};

mod compact;

/// The name under which a caller's own schema is sent.
const CALLER_SCHEMA: &str = "answer";

/// The form of a reply.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) format: ReplyFormat,
    pub(crate) reply: ReplyKind,
    pub(crate) max_output_tokens: u32,
}

/// The form of the reply to `stage`.
pub(crate) fn form(
    stage: Stage,
    style: PromptStyle,
    packs: (&DomainPack, &DomainPack),
    input: &PromptInput<'_>,
) -> Form {
    match style {
        PromptStyle::Full => full(stage, input),
        PromptStyle::Compact => compact::form(stage, packs, input),
    }
}

fn full(stage: Stage, input: &PromptInput<'_>) -> Form {
    let (format, reply) = match stage {
        Stage::Answer | Stage::Implement | Stage::Repair => text_or_callers(input),
        Stage::Propose => (published("proposal"), ReplyKind::Proposal),
        Stage::Review => (ballot(input), ReplyKind::Ballot),
        Stage::Synthesize => (published("synthesis"), ReplyKind::Synthesis),
        Stage::Validate => (published("validation"), ReplyKind::Validation),
        Stage::Observe => (published("observation"), ReplyKind::Observation),
    };
    Form { format, reply, max_output_tokens: output_tokens_max(stage) }
}

/// The most tokens of a visible reply, by experience with one dense page (about 700 tokens) as the usual length.
///
/// A ballot over five proposals with several defects each takes about 2,500. Where a vendor counts hidden reasoning as output,
/// the caller adds room for it.
const fn output_tokens_max(stage: Stage) -> u32 {
    match stage {
        Stage::Answer | Stage::Propose | Stage::Synthesize => 4096,
        Stage::Review => 3000,
        Stage::Implement | Stage::Repair => 6000,
        Stage::Validate => 1200,
        Stage::Observe => 400,
    }
}

fn text_or_callers(input: &PromptInput<'_>) -> (ReplyFormat, ReplyKind) {
    match input.output_schema {
        Some(schema) => (named(CALLER_SCHEMA, ReplySchema::new(schema.clone())), ReplyKind::CallerSchema),
        None => (ReplyFormat::Text, ReplyKind::Text),
    }
}

fn named(name: &str, schema: impl Into<ReplySchema>) -> ReplyFormat {
    ReplyFormat::JsonSchema { name: name.to_owned(), schema: schema.into() }
}

fn published(name: &str) -> ReplyFormat {
    named(name, schemas::sent(name))
}

/// The ballot's schema, narrowed to exactly the labels that are shown.
///
/// Every label is one value of an `enum`, and there are as many reviews as labels: keywords that the strict subsets of the
/// vendors know (`prefixItems` is none). That each label occurs once is left to the engine, which judges strictly anyway.
fn ballot(input: &PromptInput<'_>) -> ReplyFormat {
    /// The ballots that were narrowed lately; labels are few, so the same ones come again.
    static NARROWED: Mutex<Vec<(Vec<String>, ReplySchema)>> = Mutex::new(Vec::new());
    let labels: Vec<&str> = input.proposals.iter().map(|proposal| proposal.label).collect();
    let mut known = NARROWED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, schema)) = known.iter().find(|(other, _)| *other == labels) {
        return named("ballot", schema.clone());
    }
    let schema = ReplySchema::new(narrowed(&labels));
    if known.len() == NARROWED_MAX {
        known.remove(0);
    }
    known.push((labels.into_iter().map(str::to_owned).collect(), schema.clone()));
    named("ballot", schema)
}

/// So many lists of labels are remembered.
const NARROWED_MAX: usize = 32;

fn narrowed(labels: &[&str]) -> Value {
    let mut schema = schemas::sent("ballot").value().clone();
    let choices: Vec<Value> = labels.iter().map(|label| json!(label)).collect();
    let best: Vec<Value> = choices.iter().cloned().chain([Value::Null]).collect();
    let reviews = &mut schema["properties"]["reviews"];
    reviews["minItems"] = json!(labels.len());
    reviews["maxItems"] = json!(labels.len());
    reviews["items"]["properties"]["label"] = json!({"type": "string", "enum": choices});
    schema["properties"]["best"] = json!({"type": ["string", "null"], "enum": best});
    schema
}
