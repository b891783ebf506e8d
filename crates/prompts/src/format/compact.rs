//! The form of the reply for very small models: texts section by section, and JSON so narrow that a grammar leaves nothing to
//! go wrong.
//!
//! Such a model loops in free strings and in open numbers, so every string has a pattern and every number is one of a few.

use async_orchestrator_core::{AnswerKind, ReplyFormat, Section, Stage};
use serde_json::{Value, json};

use super::{CALLER_SCHEMA, Form, named};
use crate::{
    PromptInput, ReplyKind,
    pack::{DomainPack, Skeleton},
};

/// One short sentence without its full stop: four to ten words.
const SENTENCE: &str = "^[A-Z][a-z]{1,14}( [a-z]{1,14}){3,9}$";
/// A decimal number of usual size.
const NUMBER: &str = "^-?[0-9]{1,12}(\\.[0-9]{1,6})?$";
/// The letters of a question whose options cannot be found in it.
const LETTERS: &str = "ABCDEFGHIJ";

// Limits in tokens that cover the longest document of a form even if every byte of it is a token, twice over, because a grammar reckons
// its longest instance generously: a document that is cut is no document. They cost nothing where the model writes less.

/// The longest [`SENTENCE`].
const SENTENCE_TOKENS: u32 = 320;
/// The longest `answer_key` and the object around it and a sentence.
const FRAME_TOKENS: u32 = 320;
/// One review.
const REVIEW_TOKENS: u32 = 176;
/// Tokens of a section's number and heading.
const HEADING_TOKENS: u32 = 12;
/// Tokens for a document under a schema that is not ours.
const CALLER_TOKENS: u32 = 512;

/// The form of the reply to `stage`; `packs` are the domain's and the general one.
pub(super) fn form(stage: Stage, packs: (&DomainPack, &DomainPack), input: &PromptInput<'_>) -> Form {
    match stage {
        Stage::Answer | Stage::Propose | Stage::Synthesize => answer(packs, Skeleton::Answer, input),
        Stage::Implement | Stage::Repair => answer(packs, Skeleton::Plan, input),
        Stage::Review => Form {
            format: named("ballot", ballot(input)),
            reply: ReplyKind::Ballot,
            max_output_tokens: FRAME_TOKENS + REVIEW_TOKENS * saturating(input.proposals.len()),
        },
        Stage::Validate => Form {
            format: named("validation", validation()),
            reply: ReplyKind::Validation,
            max_output_tokens: FRAME_TOKENS + SENTENCE_TOKENS,
        },
        Stage::Observe => Form {
            format: named("observation", object(&[("note", sentence())])),
            reply: ReplyKind::Observation,
            max_output_tokens: FRAME_TOKENS + SENTENCE_TOKENS,
        },
    }
}

fn answer(packs: (&DomainPack, &DomainPack), skeleton: Skeleton, input: &PromptInput<'_>) -> Form {
    if let Some(schema) = input.output_schema {
        let format = named(CALLER_SCHEMA, schema.clone());
        return Form { format, reply: ReplyKind::CallerSchema, max_output_tokens: CALLER_TOKENS };
    }
    let brief = |key: Value| Form {
        format: named("brief_answer", object(&[("answer_key", key), ("reason", sentence())])),
        reply: ReplyKind::BriefAnswer,
        max_output_tokens: FRAME_TOKENS + SENTENCE_TOKENS,
    };
    match input.answer_kind {
        AnswerKind::Choice => brief(json!({"type": "string", "enum": offered_letters(input)})),
        AnswerKind::Number => brief(json!({"type": "string", "pattern": NUMBER})),
        AnswerKind::Boolean => brief(json!({"type": "string", "enum": ["yes", "no"]})),
        AnswerKind::Literal => brief(sentence()),
        AnswerKind::Json | AnswerKind::Text => sections(packs.0.sections(packs.1, skeleton)),
    }
}

fn sections(sections: Vec<Section>) -> Form {
    let max_output_tokens = sections.iter().map(|section| section.tokens_max + HEADING_TOKENS).sum();
    Form { format: ReplyFormat::Sections(sections), reply: ReplyKind::Text, max_output_tokens }
}

/// The options that the question offers: `A)`, `A.`, `A:` or `(A)` at the start of a word, from A on without a gap.
fn offered_letters(input: &PromptInput<'_>) -> Vec<String> {
    let texts = [Some(input.question), input.context];
    let offers = |letter: char| {
        texts.iter().flatten().flat_map(|text| text.split_whitespace()).any(|word| {
            let word = word.strip_prefix('(').unwrap_or(word);
            word.strip_prefix(letter).is_some_and(|rest| rest.starts_with([')', '.', ':']))
        })
    };
    let found: Vec<char> = LETTERS.chars().take_while(|letter| offers(*letter)).collect();
    let letters = if found.len() < 2 { LETTERS.chars().collect() } else { found };
    letters.into_iter().map(String::from).collect()
}

/// A ballot that is valid under the published schema too: no defects, because a quote must be to the letter.
fn ballot(input: &PromptInput<'_>) -> Value {
    let labels: Vec<&str> = input.proposals.iter().map(|proposal| proposal.label).collect();
    let grade = json!({"type": "integer", "minimum": 0, "maximum": 10});
    let share = json!({"enum": [0.1, 0.3, 0.5, 0.7, 0.9]});
    let criteria = ["correctness", "completeness", "feasibility", "safety", "clarity"];
    let scores = object(&criteria.map(|criterion| (criterion, grade.clone())));
    let review = |label: &&str| {
        object(&[
            ("label", json!({"const": label})),
            ("defects", json!({"type": "array", "maxItems": 0})),
            ("scores", scores.clone()),
            ("approve", json!({"type": "boolean"})),
            ("p_correct", share.clone()),
            ("predicted_support", share.clone()),
        ])
    };
    let reviews: Vec<Value> = labels.iter().map(review).collect();
    object(&[
        (
            "reviews",
            json!({"type": "array", "prefixItems": reviews, "minItems": labels.len(), "maxItems": labels.len()}),
        ),
        ("best", json!({"enum": labels})),
        ("abstain", json!({"const": false})),
        ("abstain_reason", json!({"const": null})),
    ])
}

fn validation() -> Value {
    object(&[
        ("reasons", json!({"type": "array", "items": sentence(), "minItems": 1, "maxItems": 1})),
        ("overruled", json!({"type": "array", "maxItems": 0})),
        ("verdict", json!({"enum": ["pass", "fail", "unclear"]})),
    ])
}

fn sentence() -> Value {
    json!({"type": "string", "pattern": SENTENCE})
}

fn object(properties: &[(&str, Value)]) -> Value {
    let names: Vec<&str> = properties.iter().map(|(name, _)| *name).collect();
    let map: serde_json::Map<String, Value> =
        properties.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({"type": "object", "additionalProperties": false, "required": names, "properties": map})
}

fn saturating(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX / REVIEW_TOKENS)
}
