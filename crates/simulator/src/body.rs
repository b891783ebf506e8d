//! A response body that follows a script: bytes at their times, and the ways to go wrong.

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::{
    socket::ResetSwitch,
    stats::CallGuard,
    timer::{Timer, Wait, now},
};

/// One thing that a body does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Waits for a time; what came before is on its way meanwhile.
    At(Instant),
    Send(Bytes),
    /// Lets the connection write what it has before going on.
    Flush,
    /// Never goes on.
    Stall,
    /// Breaks the connection off.
    Break(Break),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Break {
    Close,
    Reset,
}

/// Tells hyper to drop the connection; nobody reads it.
#[derive(Debug)]
pub(crate) struct BrokenOff;

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fault broke the call off")
    }
}

impl std::error::Error for BrokenOff {}

/// The body of one reply.
#[derive(Debug)]
pub(crate) struct ReplyBody {
    steps: VecDeque<Step>,
    waiting: Option<Wait>,
    flushing: bool,
    /// Bytes to declare as the length, where the reply is not streamed.
    left: Option<u64>,
    /// None for the simulator's own endpoints, which are no calls.
    call: Option<CallGuard>,
    timer: Option<Arc<Timer>>,
    reset: ResetSwitch,
}

impl ReplyBody {
    /// A body known in whole; `call` is counted as finished when it is on its way.
    pub(crate) fn whole(bytes: Bytes, call: Option<CallGuard>) -> Self {
        let left = Some(bytes.len() as u64);
        let mut body = Self {
            steps: VecDeque::from([Step::Send(bytes)]),
            waiting: None,
            flushing: false,
            left,
            call,
            timer: None,
            reset: ResetSwitch::default(),
        };
        if left == Some(0) {
            body.steps.clear();
            body.settle();
        }
        body
    }

    /// A body that follows `steps`. With `length` it declares that many bytes, whatever it then sends.
    pub(crate) fn scripted(
        steps: VecDeque<Step>,
        length: Option<u64>,
        call: CallGuard,
        timer: Arc<Timer>,
        reset: ResetSwitch,
    ) -> Self {
        let mut body = Self {
            steps,
            waiting: None,
            flushing: false,
            left: length,
            call: Some(call),
            timer: Some(timer),
            reset,
        };
        if body.steps.is_empty() {
            body.settle();
        }
        body
    }

    pub(crate) fn count_status(&self, status: u16) {
        if let Some(call) = &self.call {
            call.count_status(status);
        }
    }

    fn settle(&mut self) {
        if let Some(call) = &mut self.call {
            call.finish();
        }
    }

    fn wait(&mut self, until: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if self.waiting.is_none() {
            match &self.timer {
                Some(timer) if until > now() => self.waiting = Some(timer.wait_until(until)),
                _ => return Poll::Ready(()),
            }
        }
        if let Some(waiting) = &mut self.waiting {
            ready!(Pin::new(waiting).poll(cx));
        }
        self.waiting = None;
        Poll::Ready(())
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        loop {
            match self.steps.front() {
                None => {
                    self.settle();
                    return Poll::Ready(None);
                }
                Some(&Step::At(until)) => ready!(self.wait(until, cx)),
                Some(Step::Flush) => {
                    // Pending once gives hyper the turn in which it writes its buffer out.
                    self.flushing = !self.flushing;
                    if self.flushing {
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                }
                Some(Step::Stall) => return Poll::Pending,
                Some(&Step::Break(how)) => {
                    if how == Break::Reset {
                        self.reset.arm();
                    }
                    if let Some(call) = &mut self.call {
                        call.break_off();
                    }
                    self.steps.clear();
                    return Poll::Ready(Some(Err(BrokenOff)));
                }
                Some(Step::Send(_)) => {}
            }
            if let Some(Step::Send(bytes)) = self.steps.pop_front() {
                if let Some(left) = &mut self.left {
                    *left = left.saturating_sub(bytes.len() as u64);
                }
                if self.steps.is_empty() {
                    self.settle();
                }
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
