//! A stream that holds its target's tokens, place and pass until it ends or is dropped.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use async_orchestrator_core::{CompletionStream, ErrorKind, ProviderError, StreamEvent};
use futures_core::Stream;

use super::held::HeldOut;

/// Passes events through and keeps the target's record at the end.
pub(super) struct AdmittedStream {
    inner: Option<CompletionStream>,
    held: Option<HeldOut>,
}

impl AdmittedStream {
    pub(super) fn new(inner: CompletionStream, held: HeldOut) -> Self {
        Self { inner: Some(inner), held: Some(held) }
    }
}

impl Stream for AdmittedStream {
    type Item = Result<StreamEvent, ProviderError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(inner) = this.inner.as_mut() else { return Poll::Ready(None) };
        let event = ready!(inner.as_mut().poll_next(context));
        Poll::Ready(match event {
            Some(Ok(StreamEvent::Finished(completion))) => {
                this.inner = None;
                if let Some(held) = this.held.take() {
                    held.succeeded(&completion.usage);
                }
                Some(Ok(StreamEvent::Finished(completion)))
            }
            Some(Ok(event)) => {
                if let (StreamEvent::Delta(text), Some(held)) = (&event, &mut this.held) {
                    held.streamed(text.len());
                }
                Some(Ok(event))
            }
            Some(Err(error)) => Some(Err(this.fail(error))),
            None => Some(Err(this.fail(ErrorKind::Truncated.into()))),
        })
    }
}

impl AdmittedStream {
    /// The connection is closed before the place is given back.
    fn fail(&mut self, error: ProviderError) -> ProviderError {
        self.inner = None;
        match self.held.take() {
            Some(held) => held.failed(error),
            None => error,
        }
    }
}
