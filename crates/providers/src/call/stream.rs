//! A streamed reply: bytes to events to pieces of text, and an end that is only good if the protocol's terminal event came.

use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use async_orchestrator_core::{Clock, CompletionStream, ErrorKind, ProviderError, Sleep, StreamEvent};
use futures_core::Stream;

use super::{Reply, exchange::Failures, reply::with_header_id};
use crate::{
    Transport,
    sse::{SseEvent, SseParser},
    transport::ReplyBody,
    vendor_error::VendorError,
};

/// How long a finished reply is waited for to report its usage.
const USAGE_WAIT: Duration = Duration::from_secs(2);
/// How long a complete stream is waited for to close, so that its connection can be used again.
const CLOSE_WAIT: Duration = Duration::from_millis(20);

/// Reads one protocol's events.
pub(crate) trait Decode: Send + Unpin {
    /// Takes one event; `emit` gets every new piece of text.
    fn event(
        &mut self,
        event: SseEvent<'_>,
        emit: &mut dyn FnMut(&str) -> Result<(), StreamFault>,
    ) -> Result<Flow, StreamFault>;

    /// The whole reply. Asked for only once the flow was [`Flow::Answered`] or [`Flow::Over`]; `None` if no reason to stop came.
    fn take_reply(&mut self) -> Option<Reply>;
}

/// Where a stream stands after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// The reply goes on.
    Open,
    /// The reply is complete; its usage may still come.
    Answered,
    /// Nothing follows.
    Over,
}

/// Why a stream failed.
#[derive(Debug)]
pub(crate) enum StreamFault {
    /// The vendor said so.
    Vendor(Box<VendorError>),
    /// The events break the protocol. The text is ours and quotes nothing.
    Protocol(&'static str),
}

/// The events of one streamed reply. Dropping it closes the connection.
pub(crate) struct EventStream<D> {
    /// Gone once nothing more is read, so that the connection is free or closed before the caller is done with the events.
    body: Option<ReplyBody>,
    parser: SseParser,
    decoder: D,
    failures: Failures,
    clock: Arc<dyn Clock>,
    input_bytes: usize,
    text_bytes_left: usize,
    /// What was read and not yet handed out, in order; an error is the last.
    ready: VecDeque<Result<StreamEvent, ProviderError>>,
    state: State,
}

enum State {
    Open,
    /// The reply is complete and only closing or usage is waited for.
    Answered(Flow, Sleep),
    /// What is in the queue is the last.
    Ended,
}

impl<D: Decode + 'static> EventStream<D> {
    pub(super) fn new(
        transport: &Transport,
        body: ReplyBody,
        decoder: D,
        failures: Failures,
        input_bytes: usize,
    ) -> Self {
        Self {
            body: Some(body),
            parser: SseParser::new(transport.event_bytes_max()),
            decoder,
            failures,
            clock: Arc::clone(transport.clock()),
            input_bytes,
            text_bytes_left: transport.body_bytes_max(),
            ready: VecDeque::new(),
            state: State::Open,
        }
    }

    /// The stream, once its first event is there; a failure before is the call's.
    pub(super) async fn begun(mut self) -> Result<CompletionStream, ProviderError> {
        if let Some(first) = poll_fn(|context| self.poll_event(context)).await {
            self.ready.push_front(Ok(first?));
        }
        Ok(Box::pin(self))
    }

    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<StreamEvent, ProviderError>>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Poll::Ready(Some(event));
            }
            if matches!(self.state, State::Ended) {
                return Poll::Ready(None);
            }
            if let Err(error) = ready!(self.poll_more(context)) {
                // Behind the pieces of text that came before it.
                self.ready.push_back(Err(error));
                self.end();
            }
        }
    }

    /// Reads the next piece of the body into the queue.
    fn poll_more(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ProviderError>> {
        let chunk = match self.body.as_mut().map(|body| body.poll_chunk(context)) {
            None => Poll::Ready(None),
            Some(polled) => polled,
        };
        let chunk = match chunk {
            Poll::Ready(chunk) => chunk,
            Poll::Pending => {
                let State::Answered(_, patience) = &mut self.state else { return Poll::Pending };
                ready!(patience.as_mut().poll(context));
                return Poll::Ready(self.finish());
            }
        };
        Poll::Ready(match chunk {
            Some(Ok(bytes)) => self.take(&bytes),
            // The reply is complete: how the connection ends after it does not matter.
            Some(Err(_)) | None if matches!(self.state, State::Answered(..)) => self.finish(),
            Some(Err(error)) => Err(self.failures.own(error)),
            None => Err(self.cut()),
        })
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), ProviderError> {
        let mut input = bytes;
        loop {
            let (ready, left) = (&mut self.ready, &mut self.text_bytes_left);
            let event = match self.parser.next_event(&mut input) {
                None => return Ok(()),
                Some(Ok(event)) => event,
                Some(Err(error)) => {
                    let error = ProviderError::new(ErrorKind::Malformed).with_detail(error.to_string());
                    return Err(self.failures.own(error));
                }
            };
            let mut emit = |text: &str| {
                *left = left
                    .checked_sub(text.len())
                    .ok_or(StreamFault::Protocol("the streamed reply is too large"))?;
                if !text.is_empty() {
                    ready.push_back(Ok(StreamEvent::Delta(text.to_owned())));
                }
                Ok(())
            };
            match self.decoder.event(event, &mut emit) {
                Ok(flow) => self.note(flow),
                Err(StreamFault::Vendor(error)) => return Err(self.failures.vendor(&error)),
                Err(StreamFault::Protocol(detail)) => {
                    let error = ProviderError::new(ErrorKind::Malformed).with_detail(detail);
                    return Err(self.failures.own(error));
                }
            }
        }
    }

    /// Notes where the stream stands; it never goes back.
    fn note(&mut self, flow: Flow) {
        let wait = match (flow, &self.state) {
            (Flow::Over, State::Open | State::Answered(Flow::Answered, _)) => CLOSE_WAIT,
            (Flow::Answered, State::Open) => USAGE_WAIT,
            _ => return,
        };
        self.state = State::Answered(flow, self.clock.sleep(wait));
    }

    fn finish(&mut self) -> Result<(), ProviderError> {
        self.end();
        let Some(reply) = self.decoder.take_reply() else { return Err(self.cut()) };
        let completion = reply
            .into_completion(self.failures.target(), self.input_bytes)
            .map_err(|error| self.failures.own(error))?;
        let completion = with_header_id(completion, self.failures.request_id().as_deref());
        self.ready.push_back(Ok(StreamEvent::Finished(Box::new(completion))));
        Ok(())
    }

    fn end(&mut self) {
        self.state = State::Ended;
        self.body = None;
    }

    fn cut(&self) -> ProviderError {
        let detail = if self.parser.is_within_event() {
            "the stream ended within an event"
        } else {
            "the stream ended without its final event"
        };
        self.failures.own(ProviderError::new(ErrorKind::Truncated).with_detail(detail))
    }
}

impl<D: Decode + 'static> Stream for EventStream<D> {
    type Item = Result<StreamEvent, ProviderError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_event(context)
    }
}

impl<D> fmt::Debug for EventStream<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither the pieces of text nor the prompt belong into a log.
        f.debug_struct("EventStream").field("body", &self.body).finish_non_exhaustive()
    }
}
