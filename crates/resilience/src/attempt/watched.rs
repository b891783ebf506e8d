//! A stream under the limits of its attempt: first token, idle, total, and the caller's deadline.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use async_orchestrator_core::{
    AttemptLimits, Clock, CompletionStream, ErrorKind, Price, ProviderError, Sleep, StreamEvent, TimeoutPhase,
};
use futures_core::Stream;
use futures_util::StreamExt;

use super::{AttemptLog, Expiry};

/// Passes events through and fails when they come too late or end without a terminal event.
///
/// One timer serves the whole stream. An event only notes its time; the timer, when it fires, finds out whether the limit has moved and
/// is set anew, so that a token costs no timer of its own.
pub(super) struct Watched {
    inner: Option<CompletionStream>,
    clock: Arc<dyn Clock>,
    limits: AttemptLimits,
    first_text: Option<Instant>,
    last_text: Option<Instant>,
    price: Option<Price>,
    before_text: Expiry,
    timer: Sleep,
    log: AttemptLog,
    /// The first event, read ahead: a stream is handed out only once it has begun.
    ahead: Option<StreamEvent>,
}

impl Watched {
    pub(super) fn new(
        inner: CompletionStream,
        clock: Arc<dyn Clock>,
        limits: AttemptLimits,
        before_text: Expiry,
        log: AttemptLog,
        price: Option<Price>,
    ) -> Self {
        let timer = before_text.sleep(&*clock, clock.now());
        Self {
            inner: Some(inner),
            clock,
            limits,
            first_text: None,
            last_text: None,
            price,
            before_text,
            timer,
            log,
            ahead: None,
        }
    }

    /// Waits for the first event. What fails before it is a failed call, not a broken stream: nobody has seen anything yet, and whatever
    /// is above can ask again without a word.
    pub(super) async fn begun(mut self) -> Result<Self, ProviderError> {
        match self.next().await {
            Some(Ok(event)) => {
                self.ahead = Some(event);
                Ok(self)
            }
            Some(Err(error)) => Err(error),
            None => Err(ErrorKind::Truncated.into()),
        }
    }

    fn expiry(&self, now: Instant) -> Expiry {
        let Some(last) = self.last_text else { return self.before_text };
        Expiry::first(&self.log.context, now, last, self.limits.idle, TimeoutPhase::Idle)
            .earlier(self.end(now))
    }

    /// The end of the whole attempt.
    fn end(&self, now: Instant) -> Expiry {
        Expiry::first(&self.log.context, now, self.log.started, self.limits.total, TimeoutPhase::Total)
    }

    /// Ends the stream with `error`. The inner stream is dropped first: its connection is closed before anyone hears of the failure.
    fn fail(&mut self, error: ProviderError) -> Poll<Option<Result<StreamEvent, ProviderError>>> {
        self.inner = None;
        Poll::Ready(Some(Err(self.log.failed(error, self.clock.now()))))
    }

    fn note_text(&mut self, now: Instant) {
        // Only the first text must set the timer anew: the idle limit may end before the first-token timer would fire.
        // Later texts move the end away from the timer, never towards it.
        let first = self.last_text.replace(now).is_none();
        if first {
            self.first_text = Some(now);
            self.timer = self.expiry(now).sleep(&*self.clock, now);
        }
    }
}

impl Stream for Watched {
    type Item = Result<StreamEvent, ProviderError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if let Some(event) = this.ahead.take() {
            return Poll::Ready(Some(Ok(event)));
        }
        let Some(inner) = this.inner.as_mut() else { return Poll::Ready(None) };
        match inner.as_mut().poll_next(context) {
            Poll::Ready(Some(Ok(StreamEvent::Finished(mut completion)))) => {
                this.inner = None;
                let (now, price) = (this.clock.now(), this.price.as_ref());
                completion.trail.push(this.log.succeeded(now, completion.usage, price, this.first_text));
                return Poll::Ready(Some(Ok(StreamEvent::Finished(completion))));
            }
            Poll::Ready(Some(Ok(event))) => {
                let now = this.clock.now();
                // A stream that always has a next piece never lets the timer speak.
                let end = this.end(now);
                if end.is_past(now) {
                    return this.fail(end.error());
                }
                this.note_text(now);
                return Poll::Ready(Some(Ok(event)));
            }
            Poll::Ready(Some(Err(error))) => return this.fail(error),
            Poll::Ready(None) => return this.fail(ErrorKind::Truncated.into()),
            Poll::Pending => {}
        }
        loop {
            ready!(this.timer.as_mut().poll(context));
            let now = this.clock.now();
            let expiry = this.expiry(now);
            if expiry.at.is_none() || expiry.is_past(now) {
                return this.fail(expiry.error());
            }
            this.timer = expiry.sleep(&*this.clock, now);
        }
    }
}
