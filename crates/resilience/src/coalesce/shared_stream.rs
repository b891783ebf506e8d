//! One stream with several readers: each sees all events from the first one on.
//!
//! The events are kept while the call is under way, so that a late reader can catch up; their size is bounded by the transport's limits
//! for one reply. A slow reader holds up nobody.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Wake, Waker},
};

use async_orchestrator_core::{CompletionStream, ErrorKind, ProviderError, Sleep, StreamEvent};
use futures_core::Stream;
use futures_util::future::{BoxFuture, poll_fn};

use super::{map::Ticket, second_hand, too_late};
use crate::registry::lock;

/// The call.
pub(super) struct SharedStream {
    state: Mutex<State>,
    readers: Arc<Readers>,
}

struct State {
    source: Source,
    events: Vec<StreamEvent>,
    /// Why it ended without its terminal event.
    failed: Option<ProviderError>,
    ticket: Option<Ticket>,
}

enum Source {
    Opening(BoxFuture<'static, Result<CompletionStream, ProviderError>>),
    Open(CompletionStream),
    Ended,
}

/// Wakes every reader that waits: any of them may drive the call on.
#[derive(Default)]
struct Readers(Mutex<Vec<(u64, Waker)>>);

impl Wake for Readers {
    fn wake(self: Arc<Self>) {
        let waiting = std::mem::take(&mut *lock(&self.0));
        for (_, waker) in waiting {
            waker.wake();
        }
    }
}

impl SharedStream {
    pub(super) fn new(
        opening: BoxFuture<'static, Result<CompletionStream, ProviderError>>,
        ticket: Ticket,
    ) -> Self {
        let state = State {
            source: Source::Opening(opening),
            events: Vec::new(),
            failed: None,
            ticket: Some(ticket),
        };
        Self { state: Mutex::new(state), readers: Arc::default() }
    }

    /// Waits for the opening.
    fn poll_opened(&self, reader: u64, context: &mut Context<'_>) -> Poll<Result<(), ProviderError>> {
        let mut state = lock(&self.state);
        if matches!(state.source, Source::Opening(_)) {
            self.drive(&mut state, reader, context);
        }
        match (&state.source, &state.failed) {
            (Source::Opening(_), _) => Poll::Pending,
            // A failure before any event is the opening's; a later one is told where it stands in the stream.
            (Source::Ended, Some(error)) if state.events.is_empty() => Poll::Ready(Err(error.clone())),
            (Source::Open(_) | Source::Ended, _) => Poll::Ready(Ok(())),
        }
    }

    /// The event at `at`; `None` after the last one.
    fn poll_event(
        &self,
        at: usize,
        reader: u64,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<StreamEvent, ProviderError>>> {
        let mut state = lock(&self.state);
        if at >= state.events.len() && !matches!(state.source, Source::Ended) {
            self.drive(&mut state, reader, context);
        }
        if let Some(event) = state.events.get(at) {
            return Poll::Ready(Some(Ok(event.clone())));
        }
        match (&state.source, &state.failed) {
            (Source::Ended, Some(error)) if at == state.events.len() => Poll::Ready(Some(Err(error.clone()))),
            (Source::Ended, _) => Poll::Ready(None),
            (Source::Opening(_) | Source::Open(_), _) => Poll::Pending,
        }
    }

    /// Polls the call once. Its waker is that of all readers, so it goes on even if this one leaves.
    fn drive(&self, state: &mut State, reader: u64, context: &mut Context<'_>) {
        // Listed before the poll: what happens during it must find this reader.
        self.list(reader, context.waker());
        let waker = Waker::from(Arc::clone(&self.readers));
        let mut all = Context::from_waker(&waker);
        let moved = match &mut state.source {
            Source::Opening(opening) => match opening.as_mut().poll(&mut all) {
                Poll::Pending => false,
                Poll::Ready(Ok(stream)) => {
                    state.source = Source::Open(stream);
                    true
                }
                Poll::Ready(Err(error)) => {
                    state.end(Some(error));
                    true
                }
            },
            Source::Open(stream) => match stream.as_mut().poll_next(&mut all) {
                Poll::Pending => false,
                Poll::Ready(Some(Ok(event))) => {
                    let last = matches!(event, StreamEvent::Finished(_));
                    state.events.push(event);
                    if last {
                        state.end(None);
                    }
                    true
                }
                Poll::Ready(Some(Err(error))) => {
                    state.end(Some(error));
                    true
                }
                Poll::Ready(None) => {
                    state.end(Some(ErrorKind::Truncated.into()));
                    true
                }
            },
            Source::Ended => false,
        };
        if moved {
            Arc::clone(&self.readers).wake();
        }
    }

    fn list(&self, reader: u64, waker: &Waker) {
        let mut waiting = lock(&self.readers.0);
        match waiting.iter_mut().find(|(listed, _)| *listed == reader) {
            Some((_, listed)) => listed.clone_from(waker),
            None => waiting.push((reader, waker.clone())),
        }
    }

    /// A reader left. If it was the one that was woken, another must take over.
    fn left(&self, reader: u64) {
        lock(&self.readers.0).retain(|(listed, _)| *listed != reader);
        Arc::clone(&self.readers).wake();
    }
}

impl State {
    /// The source goes first: its connection is closed before anyone hears of the end. Then a new caller begins a new call.
    fn end(&mut self, failed: Option<ProviderError>) {
        self.source = Source::Ended;
        self.failed = failed;
        self.ticket = None;
    }
}

/// One reader.
pub(super) struct Follower {
    call: Arc<SharedStream>,
    number: u64,
    part: Part,
    at: usize,
    deadline: Option<Sleep>,
    ended: bool,
}

/// Who pays.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    First,
    Other,
}

impl Follower {
    /// The reader who began the call.
    pub(super) fn first(call: Arc<SharedStream>) -> Self {
        Self::new(call, Part::First)
    }

    /// A reader who joined it.
    pub(super) fn other(call: Arc<SharedStream>) -> Self {
        Self::new(call, Part::Other)
    }

    fn new(call: Arc<SharedStream>, part: Part) -> Self {
        static NUMBERS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let number = NUMBERS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Self { call, number, part, at: 0, deadline: None, ended: false }
    }

    /// Waits until the call was opened, or failed to.
    pub(super) fn opened(&self) -> impl Future<Output = Result<(), ProviderError>> + use<> {
        let (call, number) = (Arc::clone(&self.call), self.number);
        poll_fn(move |context| call.poll_opened(number, context))
    }

    /// The stream of this reader, which ends when `deadline` does.
    pub(super) fn ending(mut self, deadline: Option<Sleep>) -> Self {
        self.deadline = deadline;
        self
    }
}

impl Stream for Follower {
    type Item = Result<StreamEvent, ProviderError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        let polled = this.call.poll_event(this.at, this.number, context);
        match polled {
            Poll::Ready(Some(Ok(event))) => {
                this.at += 1;
                Poll::Ready(Some(Ok(match (event, this.part) {
                    (StreamEvent::Finished(completion), part) => {
                        this.ended = true;
                        let completion =
                            if part == Part::First { *completion } else { second_hand(*completion) };
                        StreamEvent::Finished(Box::new(completion))
                    }
                    (event, _) => event,
                })))
            }
            Poll::Ready(other) => {
                this.ended = true;
                Poll::Ready(other)
            }
            Poll::Pending => match this.deadline.as_mut().map(|deadline| deadline.as_mut().poll(context)) {
                Some(Poll::Ready(())) => {
                    this.ended = true;
                    Poll::Ready(Some(Err(too_late())))
                }
                Some(Poll::Pending) | None => Poll::Pending,
            },
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.call.left(self.number);
    }
}
