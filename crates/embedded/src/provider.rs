//! The embedded model as a provider: requests of the core in, streams of the core out.
//!
//! Time limits are the attempt guard's affair; here, dropping a future or a stream stops the work within one layer of the model.

mod stream;

use std::{fmt, future::poll_fn, path::Path, sync::Arc};

use async_orchestrator_core::{
    CallContext, Capabilities, ChatRole, Completion, CompletionRequest, CompletionStream, ErrorKind,
    FinishReason, Guard, LikelihoodJudge, LikelihoodTask, LikelihoodVerdict, LlmProvider, ModelRef, Price,
    PromptStyle, ProviderError, ReplyFormat, Served, StructuredOutput, Usage, UsageSource,
};
use async_trait::async_trait;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::{
    EmbeddedOptions, EngineError, LoadError,
    engine::{Engine, Form, WriteRequest, Written},
    text::Heading,
    worker::{Piece, Workers},
    writer::Ending,
};
use stream::ReplyStream;

/// Below it, a model is there to show that everything works, and says so.
const DEMONSTRATION_PARAMETERS: usize = 1_000_000_000;
/// Below it, a model gets short prompts and fills in sections.
const COMPACT_PARAMETERS: usize = 2_000_000_000;
/// The date under which "costs nothing" stands.
const PRICE_DATE: &str = "2026-11";

/// A model that runs in this process.
///
/// Cheap to clone; the threads and the weights go with the last clone and the last reply under way.
#[derive(Clone)]
pub struct EmbeddedProvider {
    runtime: Arc<Runtime>,
    capabilities: Capabilities,
}

/// The threads and what they work with.
struct Runtime {
    workers: Workers,
    target: ModelRef,
}

/// The same model as a judge by likelihood.
struct Judge(Arc<Runtime>);

impl EmbeddedProvider {
    /// Loads the GGUF file at `path` and starts the threads. Blocks for as long as reading takes: a third of a second for the
    /// default model.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, or holds a model that is not supported, or if threads cannot be started.
    ///
    /// ```no_run
    /// use async_orchestrator_core::LlmProvider;
    /// use async_orchestrator_embedded::{EmbeddedOptions, EmbeddedProvider};
    /// let target = "embedded:smollm2-135m-instruct".parse()?;
    /// let provider = EmbeddedProvider::load("model.gguf".as_ref(), target, &EmbeddedOptions::new())?;
    /// assert!(provider.capabilities().notice.is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load(path: &Path, target: ModelRef, options: &EmbeddedOptions) -> Result<Self, LoadError> {
        let team = Arc::new(team(options)?);
        let engine = Arc::new(Engine::load(path, &team, options.window, options.prompt_tokens)?);
        let workers = Workers::start(&engine, &team, options.jobs.get(), options.queue)?;
        let runtime = Arc::new(Runtime { workers, target: target.clone() });
        let window = u32::try_from(engine.window()).unwrap_or(u32::MAX);
        let capabilities = Capabilities {
            family: family(engine.name()),
            context_window: Some(window),
            output_tokens_max: Some(window / 2),
            price: Some(Price::free(PRICE_DATE)),
            structured_output: StructuredOutput::JsonSchema,
            prompt_style: if engine.parameters() < COMPACT_PARAMETERS {
                PromptStyle::Compact
            } else {
                PromptStyle::Full
            },
            takes_temperature: true,
            notice: Some(notice(engine.parameters())),
            likelihood: Some(Arc::new(Judge(Arc::clone(&runtime)))),
            ..Capabilities::unknown(target)
        };
        Ok(Self { runtime, capabilities })
    }

    fn start(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<ReplyStream, ProviderError> {
        let writing = self.runtime.workers.write(write_request(request, context));
        let writing = writing.map_err(|error| self.runtime.failure(error))?;
        Ok(ReplyStream::new(writing, Arc::clone(&self.runtime)))
    }
}

#[async_trait]
impl LlmProvider for EmbeddedProvider {
    async fn complete(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<Completion, ProviderError> {
        let mut reply = self.start(request, context)?;
        loop {
            match poll_fn(|task| reply.poll_piece(task)).await {
                Some(Ok(Piece::Text(_))) => {}
                Some(Ok(Piece::Finished(written))) => return Ok(self.runtime.completion(written)),
                Some(Err(error)) => return Err(error),
                None => return Err(self.runtime.failure(EngineError::Closed)),
            }
        }
    }

    async fn stream(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<CompletionStream, ProviderError> {
        let mut reply = self.start(request, context)?;
        // What fails before the first piece of text is the call's error, not the stream's.
        match poll_fn(|task| reply.poll_piece(task)).await {
            Some(Ok(piece)) => Ok(Box::pin(reply.after(piece))),
            Some(Err(error)) => Err(error),
            None => Err(self.runtime.failure(EngineError::Closed)),
        }
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }
}

#[async_trait]
impl LikelihoodJudge for Judge {
    async fn judge(
        &self,
        task: &LikelihoodTask,
        _: &CallContext,
    ) -> Result<LikelihoodVerdict, ProviderError> {
        let runtime = &self.0;
        let judging = runtime.workers.judge(task.question.clone(), task.candidates.clone());
        let judging = judging.map_err(|error| runtime.failure(error))?;
        let judged = judging.verdict().await.map_err(|error| runtime.failure(error))?;
        Ok(LikelihoodVerdict {
            preference: judged.preference,
            fit: judged.fit,
            usage: Usage { input_tokens: judged.tokens as u64, ..Usage::default() },
            answered_by: runtime.target.clone(),
            trail: Vec::new(),
        })
    }
}

impl Runtime {
    fn completion(&self, written: Written) -> Completion {
        let usage = Usage {
            input_tokens: written.prompt_tokens as u64,
            output_tokens: written.reply_tokens as u64,
            ..Usage::default()
        };
        Completion {
            text: written.text,
            finish: match written.ending {
                Ending::Done => FinishReason::Stop,
                Ending::Length => FinishReason::Length,
                Ending::StopText => FinishReason::StopSequence,
            },
            usage,
            usage_source: UsageSource::Reported,
            answered_by: self.target.clone(),
            prompt_read: written.prompt_read,
            served: Served::Live,
            request_id: None,
            trail: Vec::new(),
        }
    }

    fn failure(&self, error: EngineError) -> ProviderError {
        let kind = match error {
            EngineError::Cancelled => ErrorKind::Cancelled,
            EngineError::Busy { .. } => ErrorKind::Refused { by: Guard::Queue, until: None },
            EngineError::Closed | EngineError::Fault { .. } => ErrorKind::Unavailable,
            EngineError::Invalid { .. } | EngineError::Schema { .. } | EngineError::BudgetTooSmall { .. } => {
                ErrorKind::Invalid
            }
            EngineError::WindowTooSmall { .. } => ErrorKind::ContextTooLong,
        };
        ProviderError::new(kind)
            .with_detail(error.to_string())
            .with_target(self.target.clone())
            .with_source(error)
    }
}

impl fmt::Debug for EmbeddedProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedProvider").field("capabilities", &self.capabilities).finish_non_exhaustive()
    }
}

/// The threads that compute. None of them is the process's own pool, whose size others decide.
fn team(options: &EmbeddedOptions) -> Result<ThreadPool, LoadError> {
    let builder = ThreadPoolBuilder::new()
        .num_threads(options.threads.get())
        .thread_name(|number| format!("embedded-math-{}", number + 1));
    builder.build().map_err(|error| LoadError::Threads { source: std::io::Error::other(error) })
}

fn write_request(request: &CompletionRequest, context: &CallContext) -> WriteRequest {
    let role = |role| match role {
        ChatRole::System => "system",
        ChatRole::User => "user",
        ChatRole::Assistant => "assistant",
    };
    WriteRequest {
        messages: request
            .messages
            .iter()
            .map(|message| (role(message.role), message.content.clone()))
            .collect(),
        form: match &request.format {
            ReplyFormat::Text => Form::Text,
            ReplyFormat::Sections(sections) => Form::Sections(
                sections
                    .iter()
                    .map(|section| Heading {
                        text: section.heading.clone(),
                        tokens_max: section.tokens_max as usize,
                    })
                    .collect(),
            ),
            ReplyFormat::JsonSchema { schema, .. } => Form::Json(schema.value().clone()),
        },
        tokens_max: request.max_output_tokens.map(|tokens| tokens as usize),
        temperature: request.temperature,
        seed: request.seed.unwrap_or_else(|| seed_of(&context.call)),
        stop: request.stop.clone(),
    }
}

/// A seed of its own for every call of a run, the same one whenever the run is repeated (FNV-1a, RFC 9923).
fn seed_of(call: &str) -> u64 {
    call.bytes()
        .fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

/// The first word of the model's name without its version: `smollm` of "Smollm2 135M 8k".
fn family(name: Option<&str>) -> String {
    let first = name.unwrap_or_default().split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let family = first.trim_end_matches(|c: char| c.is_ascii_digit()).to_lowercase();
    if family.is_empty() { "llama".to_owned() } else { family }
}

/// What is said beside every answer.
fn notice(parameters: usize) -> String {
    let size = if parameters >= 999_500_000 {
        let tenths = (parameters + 50_000_000) / 100_000_000;
        if tenths.is_multiple_of(10) {
            format!("{}B", tenths / 10)
        } else {
            format!("{}.{}B", tenths / 10, tenths % 10)
        }
    } else {
        format!("{}M", ((parameters + 500_000) / 1_000_000).max(1))
    };
    let quality = if parameters < DEMONSTRATION_PARAMETERS { ", demonstration quality" } else { "" };
    format!("embedded {size} model{quality}")
}

#[cfg(test)]
mod tests;
