//! One stream with several readers: each sees the whole text.
//!
//! The events of the attempt that is under way are kept, so that a late reader can catch up; the transport's limits for one reply bound
//! them, because a new beginning clears them. A slow reader holds up nobody.

mod readers;

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use async_orchestrator_core::{CompletionStream, ErrorKind, ProviderError, Sleep, StreamEvent};
use futures_core::Stream;
use futures_util::future::{BoxFuture, poll_fn};

use self::readers::{Readers, Turn};
use super::{map::Ticket, second_hand, too_late};
use crate::registry::lock;

/// The call.
pub(super) struct SharedStream {
    state: Mutex<State>,
    readers: Arc<Readers>,
    joined: AtomicU64,
}

struct State {
    source: Source,
    /// How often the call began anew.
    restarts: u64,
    /// What came since; a new beginning is the first of them.
    events: Vec<StreamEvent>,
    ticket: Option<Ticket>,
}

enum Source {
    Opening(BoxFuture<'static, Result<CompletionStream, ProviderError>>),
    Open(CompletionStream),
    /// It is out for a poll. Who finds this finds a source whose poll panicked, and must not poll it again.
    Out,
    Ended,
    Failed(ProviderError),
}

/// How far a reader is.
#[derive(Clone, Copy, Debug, Default)]
struct Position {
    restarts: u64,
    next: usize,
}

/// Whether a poll changed something that other readers wait for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Moved {
    On,
    Not,
}

impl SharedStream {
    pub(super) fn new(
        opening: BoxFuture<'static, Result<CompletionStream, ProviderError>>,
        ticket: Ticket,
    ) -> Self {
        let source = Source::Opening(opening);
        let state = State { source, restarts: 0, events: Vec::new(), ticket: Some(ticket) };
        Self { state: Mutex::new(state), readers: Arc::default(), joined: AtomicU64::new(0) }
    }

    /// Waits for the opening.
    fn poll_opened(&self, reader: u64, context: &mut Context<'_>) -> Poll<Result<(), ProviderError>> {
        self.poll(reader, context, |state| match &state.source {
            Source::Opening(_) => Poll::Pending,
            // A failure before any event is the opening's; a later one is told where it stands in the stream.
            Source::Failed(error) if state.events.is_empty() => Poll::Ready(Err(error.clone())),
            Source::Out if state.events.is_empty() => Poll::Ready(Err(ErrorKind::Truncated.into())),
            Source::Open(_) | Source::Out | Source::Ended | Source::Failed(_) => Poll::Ready(Ok(())),
        })
    }

    /// The event at `position`, which moves on; `None` after the last one.
    fn poll_event(
        &self,
        position: &mut Position,
        reader: u64,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<StreamEvent, ProviderError>>> {
        self.poll(reader, context, |state| {
            state.keep_up(position);
            if let Some(event) = state.events.get(position.next) {
                position.next += 1;
                return Poll::Ready(Some(Ok(event.clone())));
            }
            match &state.source {
                Source::Opening(_) | Source::Open(_) => Poll::Pending,
                Source::Ended => Poll::Ready(None),
                Source::Failed(error) => Poll::Ready(Some(Err(error.clone()))),
                Source::Out => Poll::Ready(Some(Err(ErrorKind::Truncated.into()))),
            }
        })
    }

    /// What `look` finds, if need be after one poll of the source.
    fn poll<T>(
        &self,
        reader: u64,
        context: &mut Context<'_>,
        mut look: impl FnMut(&State) -> Poll<T>,
    ) -> Poll<T> {
        let mut state = lock(&self.state);
        let mut found = look(&state);
        if found.is_ready() {
            return found;
        }
        // Listed before the poll: what happens during it must find this reader.
        let (turn, replaced) = self.readers.list(reader, context.waker());
        let moved = match turn {
            Turn::Drive => state.drive(&mut Context::from_waker(&Waker::from(Arc::clone(&self.readers)))),
            Turn::Wait => Moved::Not,
        };
        if moved == Moved::On {
            found = look(&state);
        }
        drop(state);
        // Wakers are woken and dropped with no lock held: either may run code that comes back here.
        if moved == Moved::On {
            // Who got an event does not wait for it any more.
            let leave_out = found.is_ready().then_some(reader);
            self.readers.wake_all_but(leave_out);
        }
        drop(replaced);
        found
    }

    /// Where a newcomer begins: a text that is void already it never sees.
    fn newest(&self) -> Position {
        let restarts = lock(&self.state).restarts;
        Position { restarts, next: usize::from(restarts > 0) }
    }
}

impl State {
    /// Polls the source once, with the waker of all readers: it goes on even if the one who polls leaves.
    fn drive(&mut self, all: &mut Context<'_>) -> Moved {
        match std::mem::replace(&mut self.source, Source::Out) {
            Source::Opening(mut opening) => match opening.as_mut().poll(all) {
                Poll::Pending => {
                    self.source = Source::Opening(opening);
                    return Moved::Not;
                }
                Poll::Ready(Ok(stream)) => self.source = Source::Open(stream),
                Poll::Ready(Err(error)) => self.end(Source::Failed(error)),
            },
            Source::Open(mut stream) => match stream.as_mut().poll_next(all) {
                Poll::Pending => {
                    self.source = Source::Open(stream);
                    return Moved::Not;
                }
                Poll::Ready(Some(Ok(event))) => {
                    let last = matches!(event, StreamEvent::Finished(_));
                    self.keep(event);
                    if last {
                        self.close(stream, Source::Ended);
                    } else {
                        self.source = Source::Open(stream);
                    }
                }
                Poll::Ready(Some(Err(error))) => self.close(stream, Source::Failed(error)),
                Poll::Ready(None) => self.close(stream, Source::Failed(ErrorKind::Truncated.into())),
            },
            over @ (Source::Out | Source::Ended | Source::Failed(_)) => {
                self.source = over;
                return Moved::Not;
            }
        }
        Moved::On
    }

    fn keep(&mut self, event: StreamEvent) {
        if let StreamEvent::Restarted { .. } = event {
            self.restarts += 1;
            self.events.clear();
        }
        self.events.push(event);
    }

    /// The connection is closed before anyone hears of the end.
    fn close(&mut self, stream: CompletionStream, source: Source) {
        drop(stream);
        self.end(source);
    }

    /// From now on the entry is out of the map, and a new caller begins a new call.
    fn end(&mut self, source: Source) {
        self.source = source;
        self.ticket = None;
    }

    /// Takes a slow reader to the new beginning: what it had not read before is void.
    fn keep_up(&self, position: &mut Position) {
        if position.restarts != self.restarts {
            *position = Position { restarts: self.restarts, next: 0 };
        }
    }
}

/// One reader.
pub(super) struct Follower {
    call: Arc<SharedStream>,
    number: u64,
    part: Part,
    position: Position,
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
        Self::new(call, Part::First, Position::default())
    }

    /// A reader who joined it.
    pub(super) fn other(call: Arc<SharedStream>) -> Self {
        let position = call.newest();
        Self::new(call, Part::Other, position)
    }

    fn new(call: Arc<SharedStream>, part: Part, position: Position) -> Self {
        let number = call.joined.fetch_add(1, Ordering::Relaxed);
        Self { call, number, part, position, deadline: None, ended: false }
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

    fn told(&self, event: StreamEvent) -> StreamEvent {
        match (event, self.part) {
            (StreamEvent::Finished(completion), Part::Other) => {
                StreamEvent::Finished(Box::new(second_hand(*completion)))
            }
            (event, _) => event,
        }
    }
}

impl Stream for Follower {
    type Item = Result<StreamEvent, ProviderError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        let item = match this.call.poll_event(&mut this.position, this.number, context) {
            Poll::Ready(item) => item,
            Poll::Pending => match this.deadline.as_mut().map(|deadline| deadline.as_mut().poll(context)) {
                Some(Poll::Ready(())) => Some(Err(too_late())),
                Some(Poll::Pending) | None => return Poll::Pending,
            },
        };
        this.ended = match &item {
            None | Some(Err(_) | Ok(StreamEvent::Finished(_))) => true,
            Some(Ok(_)) => false,
        };
        Poll::Ready(item.map(|item| item.map(|event| this.told(event))))
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.call.readers.forget(self.number);
    }
}
