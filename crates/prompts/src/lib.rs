//! Versioned, checked role prompts and reply schemas of Async Orchestrator.
//!
//! [`CollaborativePromptLibrary`] turns a stage and its material into a prompt: a system and a user message, the form of the
//! reply, and a hash for the decision record. Its texts are files (`templates/v1`), compiled in; a user lays own files over them.
//!
//! Three promises, each with its tests:
//!
//! - **Other people's text is data.** Questions, proposals and drafts enter a prompt only between tags that they cannot forge
//!   (see [`fenced_blocks`]), and never as a template.
//! - **A broken override is refused when the library is built,** with file, line, placeholder and what is allowed; every problem
//!   at once.
//! - **The same input gives the same prompt,** and another template another hash.
//!
//! A template has conditions, loops and placeholders in Jinja's syntax, and nothing else of Jinja. This crate reads no file and
//! calls no model: text in, text out.

mod catalog;
mod check;
mod engine;
mod error;
mod fence;
mod format;
mod input;
mod library;
mod material;
mod pack;
mod replies;
mod schemas;
mod stand_in;
mod suggest;
#[cfg(test)]
mod tests;

pub use catalog::{TEMPLATE_VERSION, TemplateInfo, TemplateSource};
pub use error::{PromptError, PromptLibraryError, TemplateProblem};
pub use fence::{FencedBlock, fenced_blocks};
pub use input::{LabelledProposal, PromptInput, RenderedPrompt, ReplyKind};
pub use library::CollaborativePromptLibrary;
pub use replies::{BriefAnswer, ObservationReply, OverruledDefect, SynthesisReply, ValidationReply};
pub use schemas::{PublishedSchema, schemas};
