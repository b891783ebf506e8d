//! Where the search for an answer stands: who is left, what failed first and after it, which attempts were made.

use std::time::{Duration, Instant};

use async_orchestrator_core::{
    Attempt, CallContext, Clock, Completion, ErrorKind, EventKind, Guard, ProviderError, millis_between,
};

use crate::policy::{Candidate, Cursor};

/// How often a call waits for a target that only asks to wait.
const WAITS_MAX: u32 = 3;

/// Whether a target whose stream broke may be asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Restarts {
    /// Once, when nobody else is left.
    OnceMore,
    /// Nothing is asked twice.
    Never,
}

#[derive(Debug, Default)]
pub(super) struct Search {
    cursor: Cursor,
    first: Option<ProviderError>,
    /// What the fallbacks said, those included that were refused before an attempt was made.
    later: Vec<String>,
    trail: Vec<Attempt>,
    /// The last failure.
    last: Option<ErrorKind>,
    waits: u32,
    /// The earliest moment at which a target that only asked to wait may be asked, while nothing else has failed.
    earliest: Earliest,
    /// The target whose stream broke and that may be asked once more when nobody else is left.
    once_more: OnceMore,
}

#[derive(Clone, Copy, Debug, Default)]
enum Earliest {
    #[default]
    Unknown,
    At(Instant),
    /// Somebody failed for another reason: waiting for a limit is not the cure.
    Never,
}

#[derive(Clone, Copy, Debug, Default)]
enum OnceMore {
    #[default]
    Unused,
    Ready(usize),
    Used,
}

impl Search {
    /// The target to ask now.
    pub(super) fn next(&mut self, candidates: &[Candidate]) -> Option<usize> {
        self.cursor.next(candidates).or_else(|| {
            let OnceMore::Ready(index) = self.once_more else { return None };
            self.once_more = OnceMore::Used;
            Some(index)
        })
    }

    /// Whom to ask beside `asked`; nobody is taken yet.
    pub(super) fn beside(&self, candidates: &[Candidate], asked: usize) -> Option<usize> {
        { self.cursor }.next_beside(candidates, asked)
    }

    /// The same, and it counts as asked.
    pub(super) fn take_beside(&mut self, candidates: &[Candidate], asked: usize) -> Option<usize> {
        self.cursor.next_beside(candidates, asked)
    }

    /// Takes note of a failure.
    pub(super) fn failed(&mut self, candidates: &[Candidate], index: usize, mut error: ProviderError) {
        let kind = error.kind();
        self.trail.append(&mut error.take_trail());
        self.cursor.failed(candidates, index, kind);
        self.last = Some(kind);
        self.earliest = match (self.earliest, kind) {
            (Earliest::Never, _) => Earliest::Never,
            (earliest, ErrorKind::Refused { by: Guard::Limit, until: Some(until) }) => match earliest {
                Earliest::At(at) => Earliest::At(at.min(until)),
                Earliest::Unknown | Earliest::Never => Earliest::At(until),
            },
            // It rests, which says nothing against waiting for another one.
            (earliest, ErrorKind::Refused { by: Guard::Breaker, .. }) => earliest,
            _ => Earliest::Never,
        };
        // The first failure is the cause: what a fallback says may only be a consequence (a refused prefill, a smaller window).
        match self.first {
            Some(_) => self.later.push(error.to_string()),
            None => self.first = Some(error),
        }
    }

    /// Takes note of a stream that broke under way. Where nobody else is left, its own target is asked once more: it could answer.
    pub(super) fn broke(
        &mut self,
        candidates: &[Candidate],
        index: usize,
        error: ProviderError,
        restarts: Restarts,
    ) {
        let may_help = match error.kind() {
            ErrorKind::Truncated
            | ErrorKind::Malformed
            | ErrorKind::Unavailable
            | ErrorKind::Overloaded { .. } => true,
            // One that was too slow is not asked to be slow again.
            _ => false,
        };
        if matches!(self.once_more, OnceMore::Unused) && may_help && restarts == Restarts::OnceMore {
            self.once_more = OnceMore::Ready(index);
        }
        self.failed(candidates, index, error);
    }

    /// Notes an attempt that was cancelled because another one was faster.
    pub(super) fn lost_to(&mut self, attempt: Option<Attempt>) {
        self.trail.extend(attempt);
    }

    /// Nobody is left. Where all that stands in the way is somebody's wish to wait, and the time is there, it waits and begins anew;
    /// otherwise this is the end.
    pub(super) async fn wait_or_give_up(
        &mut self,
        context: &CallContext,
        clock: &dyn Clock,
        wait_max: Duration,
    ) -> Result<(), ProviderError> {
        let now = clock.now();
        let Some(kind) = self.last else { return Err(self.give_up(ErrorKind::Unavailable)) };
        let Earliest::At(until) = self.earliest else { return Err(self.give_up(kind)) };
        let wait = until.saturating_duration_since(now);
        if self.waits >= WAITS_MAX || wait > wait_max || context.deadline.is_past(until) {
            return Err(self.give_up(kind));
        }
        self.waits += 1;
        if let Some(target) = self.first.as_ref().and_then(ProviderError::target) {
            let wait_ms = millis_between(now, until);
            context.emit(|| EventKind::AttemptWaits { target: target.clone(), wait_ms });
        }
        clock.sleep(wait).await;
        (self.cursor, self.earliest, self.first) = (Cursor::default(), Earliest::Unknown, None);
        self.later.clear();
        Ok(())
    }

    /// The search ends here: what failed first, with everything that was tried.
    pub(super) fn end(&mut self) -> ProviderError {
        self.give_up(self.last.unwrap_or(ErrorKind::Truncated))
    }

    fn give_up(&mut self, last: ErrorKind) -> ProviderError {
        let error = self.first.take().unwrap_or_else(|| ProviderError::new(last));
        let trail = in_order(std::mem::take(&mut self.trail));
        if self.later.is_empty() {
            return error.with_trail(trail);
        }
        let own = error.detail().map(|detail| format!("{detail}; ")).unwrap_or_default();
        error
            .with_detail(format!("{own}its fallbacks failed too: {}", self.later.join("; ")))
            .with_trail(trail)
    }

    /// Puts what was tried before in front of the trail of the call that answered.
    pub(super) fn finish(&mut self, completion: &mut Completion) {
        if !self.trail.is_empty() {
            let last = std::mem::take(&mut completion.trail);
            completion.trail = std::mem::take(&mut self.trail);
            completion.trail.extend(last);
            completion.trail = in_order(std::mem::take(&mut completion.trail));
        }
    }
}

/// Attempts that went out beside each other end in any order; the record has them in the order begun.
fn in_order(mut trail: Vec<Attempt>) -> Vec<Attempt> {
    trail.sort_by_key(|attempt| attempt.started_ms);
    trail
}
