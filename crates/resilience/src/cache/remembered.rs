//! A stream that passes through and leaves its answer in the cache; where it breaks, an old answer may take its place.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
};

use async_orchestrator_core::{
    CallContext, Completion, CompletionRequest, CompletionStream, ErrorKind, ProviderError, StreamEvent,
};
use futures_core::Stream;
use futures_util::future::BoxFuture;

use super::Cached;

type Item = Result<StreamEvent, ProviderError>;

pub(super) struct Remembered {
    /// `None` once it has ended.
    inner: Option<CompletionStream>,
    own: Cached,
    request: CompletionRequest,
    context: CallContext,
    seen: Seen,
    /// The look-up of an old answer, once the stream has broken.
    looking: Option<BoxFuture<'static, Result<Completion, ProviderError>>>,
    /// What comes in place of the broken rest: three events at most.
    instead: VecDeque<Item>,
}

/// Whether the reader has text that an old answer would contradict.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Nothing,
    Text,
}

impl Remembered {
    pub(super) fn new(
        inner: CompletionStream,
        own: Cached,
        request: CompletionRequest,
        context: CallContext,
    ) -> Self {
        Self {
            inner: Some(inner),
            own,
            request,
            context,
            seen: Seen::Nothing,
            looking: None,
            instead: VecDeque::new(),
        }
    }

    fn note(&mut self, event: &StreamEvent) {
        match event {
            StreamEvent::Delta(_) => self.seen = Seen::Text,
            StreamEvent::Restarted { .. } => self.seen = Seen::Nothing,
            StreamEvent::Finished(completion) => {
                self.inner = None;
                self.own.cache.put(&self.request, &self.context, completion);
            }
            // An event that is new to us changes no text.
            _ => {}
        }
    }

    fn broke(&mut self, error: ProviderError) {
        // The broken stream goes first: its connection must not stay open behind an answer.
        self.inner = None;
        // Who cannot take text back has no use for another answer.
        if self.seen == Seen::Text && !self.context.broken.is_restart() {
            self.instead.push_back(Err(error));
            return;
        }
        let (own, request, context) = (self.own.clone(), self.request.clone(), self.context.clone());
        self.looking = Some(Box::pin(async move { own.stale(error, &request, &context).await }));
    }

    fn found(&mut self, found: Result<Completion, ProviderError>) {
        match found {
            Err(error) => self.instead.push_back(Err(error)),
            Ok(completion) => {
                if self.seen == Seen::Text {
                    let target = completion.answered_by.clone();
                    self.instead.push_back(Ok(StreamEvent::Restarted { target }));
                }
                self.instead.push_back(Ok(StreamEvent::Delta(completion.text.clone())));
                self.instead.push_back(Ok(StreamEvent::Finished(Box::new(completion))));
            }
        }
    }
}

impl Stream for Remembered {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Item>> {
        let this = &mut *self;
        if let Some(inner) = &mut this.inner {
            match ready!(inner.as_mut().poll_next(context)) {
                Some(Ok(event)) => {
                    this.note(&event);
                    return Poll::Ready(Some(Ok(event)));
                }
                Some(Err(error)) => this.broke(error),
                None => this.broke(ErrorKind::Truncated.into()),
            }
        }
        if let Some(looking) = &mut this.looking {
            let found = ready!(looking.as_mut().poll(context));
            this.looking = None;
            this.found(found);
        }
        Poll::Ready(this.instead.pop_front())
    }
}
