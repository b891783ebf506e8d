//! A provider in this process that gives the replies of an earlier council again, after a wait, and keeps what was asked.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_orchestrator_core::{
    CallContext, Capabilities, Clock, Completion, CompletionRequest, CompletionStream, LlmProvider,
    ProviderError, StreamEvent,
};
use async_orchestrator_resilience::TokioClock;
use async_trait::async_trait;
use futures_util::stream;

/// One call of a council.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// Its name within the run, such as `proposer-1/propose`.
    pub(super) call: String,
    pub(super) request: CompletionRequest,
}

/// Passes each call on once, by its name within a council; from then on it knows the reply.
#[derive(Debug)]
pub(super) struct Remembering {
    inner: Arc<dyn LlmProvider>,
    wait: Duration,
    replies: Mutex<HashMap<String, Completion>>,
    asked: Mutex<Vec<Asked>>,
}

impl Remembering {
    pub(super) fn new(inner: Arc<dyn LlmProvider>, wait: Duration) -> Self {
        Self { inner, wait, replies: Mutex::default(), asked: Mutex::default() }
    }

    /// The calls that were passed on, in the order begun.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn known(&self, call: &str) -> Option<Completion> {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner).get(call).cloned()
    }
}

#[async_trait]
impl LlmProvider for Remembering {
    async fn complete(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<Completion, ProviderError> {
        if let Some(reply) = self.known(&context.call) {
            if !self.wait.is_zero() {
                TokioClock.sleep(self.wait).await;
            }
            return Ok(reply);
        }
        let asked = Asked { call: context.call.to_string(), request: request.clone() };
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
        let mut reply = self.inner.complete(request, context).await?;
        reply.trail.clear();
        let mut replies = self.replies.lock().unwrap_or_else(PoisonError::into_inner);
        replies.insert(context.call.to_string(), reply.clone());
        Ok(reply)
    }

    async fn stream(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<CompletionStream, ProviderError> {
        let reply = self.complete(request, context).await?;
        let events = [StreamEvent::Delta(reply.text.clone()), StreamEvent::Finished(Box::new(reply))];
        Ok(Box::pin(stream::iter(events.map(Ok))))
    }

    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }
}
