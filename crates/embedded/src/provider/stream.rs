//! A reply of the workers as a stream of the core.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use async_orchestrator_core::{ProviderError, StreamEvent};
use futures_core::Stream;

use super::Runtime;
use crate::{
    EngineError,
    worker::{Piece, Writing},
};

/// Pieces as they are written. Dropping it stops the writing.
pub(super) struct ReplyStream {
    // Dropped before the runtime: a worker that waits for a reader must see that it left, or nobody could end it.
    writing: Option<Writing>,
    first: Option<Piece>,
    runtime: Arc<Runtime>,
}

impl ReplyStream {
    pub(super) fn new(writing: Writing, runtime: Arc<Runtime>) -> Self {
        Self { writing: Some(writing), first: None, runtime }
    }

    /// The stream with `piece`, which was taken out of it, before all others.
    pub(super) fn after(mut self, piece: Piece) -> Self {
        self.first = Some(piece);
        self
    }

    /// The next piece; an end without [`Piece::Finished`] is an error.
    pub(super) fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Piece, ProviderError>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        let Some(writing) = &mut self.writing else { return Poll::Ready(None) };
        let piece = ready!(writing.poll_next(context)).unwrap_or(Err(EngineError::Closed));
        Poll::Ready(Some(piece.map_err(|error| {
            self.writing = None;
            self.runtime.failure(error)
        })))
    }
}

impl Stream for ReplyStream {
    type Item = Result<StreamEvent, ProviderError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(match ready!(self.poll_piece(context)) {
            None => None,
            Some(Ok(Piece::Text(text))) => Some(Ok(StreamEvent::Delta(text))),
            Some(Ok(Piece::Finished(written))) => {
                self.writing = None;
                Some(Ok(StreamEvent::Finished(Box::new(self.runtime.completion(written)))))
            }
            Some(Err(error)) => Some(Err(error)),
        })
    }
}
