//! One target, and a second one beside it if the first is slow to begin.
//!
//! The one that begins to answer first wins; the other one is dropped, which cancels it. A hedge's clock starts when the attempt has left
//! the queues: a call that only waits here says nothing about its model.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use async_orchestrator_core::{
    Attempt, AttemptMark, AttemptOutcome, CallContext, Cause, Clock, CompletionRequest, EventKind,
    ProviderError, millis_between,
};
use futures_util::future::{BoxFuture, Either, select};

use super::{Ask, Choice, Search, Who};
use crate::{
    policy::{Candidate, HedgeDecision, HedgePolicy},
    registry::lock,
};

/// Who may take part.
pub(super) struct Race<'a> {
    pub(super) choices: &'a [Choice],
    pub(super) candidates: &'a [Candidate],
    pub(super) clock: &'a dyn Clock,
    pub(super) who: Who,
}

/// One call of the two.
struct Runner<'a, T> {
    index: usize,
    mark: &'a AttemptMark,
    call: BoxFuture<'a, Result<T, ProviderError>>,
}

impl Race<'_> {
    /// The first answer; `None` if there is none, and then every failure stands in `search`.
    pub(super) async fn run<A: Ask>(
        &self,
        first: usize,
        search: &mut Search,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Option<(usize, A::Reply)> {
        let choice = self.choices.get(first)?;
        let policy = choice.state.as_ref().and_then(|state| state.hedge(A::DELIVERY));
        let delay = policy.and_then(|policy| lock(policy).delay());
        // Whoever goes on from a beginning has no equal beside it.
        let delay = delay.filter(|_| self.who == Who::Any);
        let (Some(policy), Some(delay)) = (policy, delay) else {
            let answer = A::ask(&*choice.provider, request, context).await;
            return self.note(search, first, answer);
        };
        let mark = Arc::new(AttemptMark::default());
        let own = CallContext { mark: Some(Arc::clone(&mark)), ..context.clone() };
        let mut call = A::ask(&*choice.provider, request, &own);
        if let Some(answer) = self.until_slow(&mut call, &mark, delay).await {
            return self.note(search, first, answer);
        }
        let runner = Runner { index: first, mark: &mark, call };
        match self.second(first, search, policy, context, delay) {
            None => self.note(search, first, runner.call.await),
            Some(second) => self.both::<A>(runner, second, search, policy, (request, context)).await,
        }
    }

    /// Waits for the call until it has been silent for `delay` since its attempt began; `None` means that it is slow.
    async fn until_slow<T>(
        &self,
        call: &mut BoxFuture<'_, T>,
        mark: &AttemptMark,
        delay: Duration,
    ) -> Option<T> {
        let mut wait = delay;
        loop {
            match select(&mut *call, self.clock.sleep(wait)).await {
                Either::Left((answer, _)) => return Some(answer),
                Either::Right(((), _)) => {
                    // While it still stands in a queue nothing can be said; a retry begins anew.
                    let silent_until = mark.begun().and_then(|(_, begun)| begun.checked_add(delay));
                    let left = silent_until.map(|until| until.saturating_duration_since(self.clock.now()));
                    wait = left.unwrap_or(delay);
                    if wait.is_zero() {
                        return None;
                    }
                }
            }
        }
    }

    /// Who goes out beside the first one, if somebody may.
    fn second(
        &self,
        first: usize,
        search: &mut Search,
        policy: &Mutex<HedgePolicy>,
        context: &CallContext,
        delay: Duration,
    ) -> Option<usize> {
        let now = self.clock.now();
        search.beside(self.candidates, first)?;
        if context.deadline.is_past(now) || lock(policy).try_hedge() == HedgeDecision::Refused {
            return None;
        }
        let second = search.take_beside(self.candidates, first)?;
        let target = self.candidates.get(second)?.model.clone();
        let after_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        context.emit(|| EventKind::AttemptHedged { target, after_ms });
        Some(second)
    }

    async fn both<A: Ask>(
        &self,
        first: Runner<'_, A::Reply>,
        second: usize,
        search: &mut Search,
        policy: &Mutex<HedgePolicy>,
        (request, context): (&CompletionRequest, &CallContext),
    ) -> Option<(usize, A::Reply)> {
        let provider = &self.choices.get(second)?.provider;
        let mark = Arc::new(AttemptMark::default());
        let own = CallContext { mark: Some(Arc::clone(&mark)), ..context.clone() };
        let second = Runner { index: second, mark: &mark, call: A::ask(&**provider, request, &own) };
        let (index, answer, other) = match select(first.call, second.call).await {
            Either::Left((answer, call)) => (first.index, answer, Runner { call, ..second }),
            Either::Right((answer, call)) => {
                if answer.is_ok() {
                    self.lost(policy, first.mark);
                }
                (second.index, answer, Runner { call, ..first })
            }
        };
        match answer {
            Ok(reply) => {
                search.lost_to(self.cancelled(&other, context));
                // Dropping the loser cancels it, before its rival is read any further.
                drop(other);
                Some((index, reply))
            }
            Err(error) => {
                search.failed(self.candidates, index, error);
                self.note(search, other.index, other.call.await)
            }
        }
    }

    /// The slow one would have taken at least as long as it was waited for.
    fn lost(&self, policy: &Mutex<HedgePolicy>, mark: &AttemptMark) {
        let now = self.clock.now();
        if let Some((_, begun)) = mark.begun() {
            lock(policy).lost(now.saturating_duration_since(begun), now);
        }
    }

    /// The attempt of the one that lost, for the record; `None` if it never left the queues.
    fn cancelled<T>(&self, runner: &Runner<'_, T>, context: &CallContext) -> Option<Attempt> {
        let (n, begun): (u32, Instant) = runner.mark.begun()?;
        let start = context.events.started();
        Some(Attempt {
            call: context.call.to_string(),
            seat: context.seat,
            target: self.candidates.get(runner.index)?.model.clone(),
            n,
            started_ms: millis_between(start, begun),
            ended_ms: Some(millis_between(start, self.clock.now())),
            outcome: AttemptOutcome::Failed(Cause::Cancelled),
            why: String::from("another call that went out beside it was faster"),
        })
    }

    fn note<T>(
        &self,
        search: &mut Search,
        index: usize,
        answer: Result<T, ProviderError>,
    ) -> Option<(usize, T)> {
        match answer {
            Ok(reply) => Some((index, reply)),
            Err(error) => {
                search.failed(self.candidates, index, error);
                None
            }
        }
    }
}
