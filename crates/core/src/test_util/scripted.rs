//! A provider that plays a script: waits, answers, fails, stalls, streams in pieces, and notices being dropped.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};

use crate::{
    CallContext, Capabilities, Clock, Completion, CompletionRequest, CompletionStream, ErrorKind,
    FinishReason, LlmProvider, PromptRead, ProviderError, Served, StreamEvent, Usage, UsageSource,
    estimated_tokens,
};

/// What one call does.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Script {
    /// Waits, then answers with the text, streamed in pieces of a few words.
    Answer {
        /// The wait before the first piece.
        after: Duration,
        /// The text.
        text: String,
    },
    /// Waits, then fails.
    Fail {
        /// The wait.
        after: Duration,
        /// The kind of the failure.
        kind: ErrorKind,
    },
    /// Streams the text, then fails; a call that is not streamed only fails.
    FailMidway {
        /// What is streamed before.
        text: String,
        /// The kind of the failure.
        kind: ErrorKind,
    },
    /// Never answers.
    Stall,
    /// Streams the text, then never says another word.
    StallMidway {
        /// What is streamed before.
        text: String,
    },
}

impl Script {
    /// Answers at once.
    pub fn answer(text: impl Into<String>) -> Self {
        Self::Answer { after: Duration::ZERO, text: text.into() }
    }

    /// Fails at once.
    pub fn fail(kind: ErrorKind) -> Self {
        Self::Fail { after: Duration::ZERO, kind }
    }
}

type Reply = dyn Fn(&CompletionRequest, &CallContext) -> Script + Send + Sync;

/// Plays a script, one entry a call, or asks a function what to play.
pub struct ScriptedProvider {
    capabilities: Capabilities,
    clock: Arc<dyn Clock>,
    script: Mutex<VecDeque<Script>>,
    reply: Option<Box<Reply>>,
    requests: Mutex<Vec<CompletionRequest>>,
    running: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
}

impl ScriptedProvider {
    /// Plays `script` in order; a call after its end stalls.
    pub fn new(
        capabilities: Capabilities,
        clock: Arc<dyn Clock>,
        script: impl IntoIterator<Item = Script>,
    ) -> Self {
        Self {
            capabilities,
            clock,
            script: Mutex::new(script.into_iter().collect()),
            reply: None,
            requests: Mutex::default(),
            running: Arc::default(),
            dropped: Arc::default(),
        }
    }

    /// Asks `reply` what each call does.
    pub fn answering(
        capabilities: Capabilities,
        clock: Arc<dyn Clock>,
        reply: impl Fn(&CompletionRequest, &CallContext) -> Script + Send + Sync + 'static,
    ) -> Self {
        Self { reply: Some(Box::new(reply)), ..Self::new(capabilities, clock, []) }
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<CompletionRequest> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many calls are running now.
    pub fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    /// How many calls were dropped before their end.
    pub fn dropped(&self) -> usize {
        self.dropped.load(Ordering::SeqCst)
    }

    fn next(&self, request: &CompletionRequest, context: &CallContext) -> Script {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        match &self.reply {
            Some(reply) => reply(request, context),
            None => self
                .script
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop_front()
                .unwrap_or(Script::Stall),
        }
    }

    fn completion(&self, request: &CompletionRequest, text: &str) -> Completion {
        Completion {
            text: text.to_owned(),
            finish: FinishReason::Stop,
            usage: Usage {
                input_tokens: estimated_tokens(request.input_bytes()),
                output_tokens: estimated_tokens(text.len()),
                ..Usage::default()
            },
            usage_source: UsageSource::Reported,
            answered_by: self.capabilities.target.clone(),
            prompt_read: PromptRead::Whole,
            served: Served::Live,
            request_id: None,
            trail: Vec::new(),
        }
    }

    fn guard(&self) -> Running {
        self.running.fetch_add(1, Ordering::SeqCst);
        Running { live: Arc::clone(&self.running), dropped: Arc::clone(&self.dropped), done: false }
    }

    fn error(&self, kind: ErrorKind) -> ProviderError {
        ProviderError::new(kind).with_target(self.capabilities.target.clone())
    }
}

impl fmt::Debug for ScriptedProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedProvider").field("target", &self.capabilities.target).finish_non_exhaustive()
    }
}

#[async_trait]
impl LlmProvider for ScriptedProvider {
    async fn complete(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<Completion, ProviderError> {
        let script = self.next(request, context);
        let mut running = self.guard();
        let outcome = match script {
            Script::Answer { after, text } => {
                self.clock.sleep(after).await;
                Ok(self.completion(request, &text))
            }
            Script::Fail { after, kind } => {
                self.clock.sleep(after).await;
                Err(self.error(kind))
            }
            Script::FailMidway { kind, .. } => Err(self.error(kind)),
            Script::Stall | Script::StallMidway { .. } => std::future::pending().await,
        };
        running.done = true;
        outcome
    }

    async fn stream(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<CompletionStream, ProviderError> {
        let script = self.next(request, context);
        let mut running = self.guard();
        let (text, end) = match script {
            Script::Answer { after, text } => {
                self.clock.sleep(after).await;
                let end = self.completion(request, &text);
                (text, Some(Ok(StreamEvent::Finished(Box::new(end)))))
            }
            Script::Fail { after, kind } => {
                self.clock.sleep(after).await;
                running.done = true;
                return Err(self.error(kind));
            }
            Script::FailMidway { text, kind } => (text, Some(Err(self.error(kind)))),
            Script::Stall => std::future::pending().await,
            Script::StallMidway { text } => (text, None),
        };
        let pieces: Vec<String> = text.split_inclusive(' ').map(str::to_owned).collect();
        let deltas = stream::iter(pieces).map(|piece| Ok(StreamEvent::Delta(piece)));
        let last = stream::once(async move {
            let mut guard = running;
            let Some(end) = end else { return std::future::pending().await };
            guard.done = true;
            end
        });
        Ok(Box::pin(deltas.chain(last)))
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }
}

struct Running {
    live: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
    done: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.live.fetch_sub(1, Ordering::SeqCst);
        if !self.done {
            self.dropped.fetch_add(1, Ordering::SeqCst);
        }
    }
}
