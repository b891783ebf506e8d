//! What a prompt is made from, and what comes out of it. Data only.

use std::sync::Arc;

use async_orchestrator_core::{AnswerKind, Claim, Defect, Message, PromptRead, ReplyFormat};
use serde_json::Value;

/// Everything that a prompt may be made from; each stage reads its own part of it and ignores the rest.
///
/// All texts are data of other people: they enter a prompt inside a fence and are never read as a template.
///
/// ```
/// use async_orchestrator_prompts::PromptInput;
/// let input = PromptInput { question: "Why is the sky blue?", ..PromptInput::default() };
/// assert!(input.context.is_none());
/// ```
#[derive(Clone, Debug)]
pub struct PromptInput<'a> {
    /// The question. Every stage needs it.
    pub question: &'a str,
    /// Material that belongs to the question.
    pub context: Option<&'a str>,
    /// What form the answer has.
    pub answer_kind: AnswerKind,
    /// The JSON Schema that the caller asked the answer to satisfy.
    pub output_schema: Option<&'a Value>,
    /// Review: all proposals, in the critic's own order and with its own labels. Synthesize: those that did not win.
    pub proposals: Vec<LabelledProposal<'a>>,
    /// Synthesize: the text of the winning proposal.
    pub winner: Option<&'a str>,
    /// Synthesize: claims of the other proposals that at least half of the critics approved.
    pub approved_points: Vec<&'a str>,
    /// Synthesize and Validate: what critics found wrong.
    pub defects: Vec<&'a Defect>,
    /// Implement: the decision. Validate and Repair: the result that is checked or mended.
    pub draft: Option<&'a str>,
    /// Repair: what failed, one sentence each.
    pub failures: Vec<String>,
    /// Observe: facts about the run, one sentence each.
    pub facts: Vec<String>,
}

impl Default for PromptInput<'_> {
    fn default() -> Self {
        Self {
            question: "",
            context: None,
            answer_kind: AnswerKind::Text,
            output_schema: None,
            proposals: Vec::new(),
            winner: None,
            approved_points: Vec::new(),
            defects: Vec::new(),
            draft: None,
            failures: Vec::new(),
            facts: Vec::new(),
        }
    }
}

/// A proposal under the label by which one reader knows it.
#[derive(Clone, Copy, Debug)]
pub struct LabelledProposal<'a> {
    /// `A` to `H`; no two proposals of a prompt share one.
    pub label: &'a str,
    /// The proposal's answer.
    pub answer: &'a str,
    /// What it rests on.
    pub claims: &'a [Claim],
}

/// A prompt that is ready to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct RenderedPrompt {
    /// The conversation: one system message, one user message.
    pub messages: Arc<[Message]>,
    /// The form that the reply must have.
    pub format: ReplyFormat,
    /// How the reply is to be read.
    pub reply: ReplyKind,
    /// The most tokens of the visible reply. Where a vendor counts a model's hidden reasoning as output, the caller adds room
    /// for it: a reasoning model that gets this number alone may be cut before it has written anything.
    pub max_output_tokens: u32,
    /// Whether the question and its context stand in it whole: a compact prompt has room for their beginnings only.
    pub prompt_read: PromptRead,
    /// The hash of the canonical JSON of `{"format": .., "messages": ..}`; it goes into the decision record.
    pub hash: String,
    /// The mark of this prompt's fences; [`fenced_blocks`](crate::fenced_blocks) reads them back with it.
    pub mark: String,
}

/// How the reply to a prompt is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReplyKind {
    /// Plain text: the reply is the answer. Also for texts that were written section by section.
    Text,
    /// A JSON document under the caller's own schema: the reply is the answer.
    CallerSchema,
    /// [`Proposal`](async_orchestrator_core::Proposal).
    Proposal,
    /// [`Ballot`](async_orchestrator_core::Ballot), with the labels that were shown.
    Ballot,
    /// [`SynthesisReply`](crate::SynthesisReply).
    Synthesis,
    /// [`ValidationReply`](crate::ValidationReply).
    Validation,
    /// [`ObservationReply`](crate::ObservationReply).
    Observation,
    /// [`BriefAnswer`](crate::BriefAnswer): what a very small model returns for a closed question.
    BriefAnswer,
}
