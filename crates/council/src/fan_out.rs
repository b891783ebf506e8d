//! The engine's only way to ask: a batch of serialisable calls goes out at once, outcomes come back with their calls in the order of arrival.
//!
//! Nothing is spawned: the batch owns its calls, and dropping it cancels them. A failure is an outcome like any other.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};

use async_orchestrator_core::{
    BudgetLedger, CallContext, Clock, Completion, CompletionRequest, Deadline, ErrorKind, EventKind,
    EventSink, JournalBody, LikelihoodTask, LikelihoodVerdict, OnBroken, ProviderError, Reuse, RoleCall,
    RoleFailure, RoleOutcome, RoleTask, Served, Stage, StreamEvent, TriageRequest, millis_between,
};
use futures_util::{
    StreamExt,
    future::BoxFuture,
    stream::{BoxStream, FuturesUnordered},
};

use crate::{CouncilError, Fork, Seat, log::RunLog};

/// What all calls of a run share.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) events: EventSink,
    pub(crate) ledger: Arc<BudgetLedger>,
    pub(crate) reuse: Reuse,
    pub(crate) broken: OnBroken,
    pub(crate) log: RunLog,
    /// The calls of an earlier run that need not be made again.
    pub(crate) fork: Option<Fork>,
    /// The counter of attempts of every call so far: a call that is dropped never hands in a trail, but it went out.
    attempts: Mutex<Vec<Arc<AtomicU32>>>,
}

/// One call of a batch, with the seat that it goes to.
pub(crate) struct Asked<'a> {
    pub(crate) seat: &'a Seat,
    pub(crate) call: RoleCall,
}

/// One outcome of a batch.
pub(crate) struct Arrival {
    pub(crate) call: RoleCall,
    pub(crate) outcome: Arc<RoleOutcome>,
    /// Whether its entry could be made: a run that goes another way than its journal tells ends here.
    pub(crate) entered: Result<(), CouncilError>,
}

impl Line {
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        events: EventSink,
        ledger: BudgetLedger,
        request: &TriageRequest,
        log: RunLog,
        fork: Option<Fork>,
    ) -> Self {
        let (reuse, broken) = (request.reuse, request.broken);
        Self { clock, events, ledger: Arc::new(ledger), reuse, broken, log, fork, attempts: Mutex::default() }
    }

    /// How many attempts went out, those of dropped calls included.
    pub(crate) fn attempts_made(&self) -> u64 {
        let attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.iter().map(|made| u64::from(made.load(Ordering::Relaxed))).sum()
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Sends every call of `batch` and hands out what comes back, first come first.
    pub(crate) fn fan_out<'a>(&'a self, batch: Vec<Asked<'a>>, deadline: Deadline) -> BoxStream<'a, Arrival> {
        let calls: FuturesUnordered<BoxFuture<'a, Arrival>> = batch
            .into_iter()
            .map(|asked| Box::pin(self.ask(asked, deadline)) as BoxFuture<'a, Arrival>)
            .collect();
        calls.boxed()
    }

    async fn ask(&self, asked: Asked<'_>, deadline: Deadline) -> Arrival {
        let Asked { seat, mut call } = asked;
        let recalled = match self.log.past() {
            Some(past) => past.recall(&call.call).await,
            None => None,
        };
        let forked = self.fork.as_ref().and_then(|fork| fork.outcome(&call.call, &call.prompt_hash));
        let outcome = match (recalled, forked) {
            (Some(recalled), _) => {
                self.ledger.spent_before(recalled.spent);
                call.prompt_hash.clone_from(&recalled.prompt_hash);
                self.recall(&call, recalled.outcome)
            }
            (None, Some(outcome)) => self.recall(&call, outcome),
            (None, None) => Arc::new(self.call(seat, &call, deadline).await),
        };
        let entry = JournalBody::Arrived {
            call: call.call.clone(),
            prompt_hash: call.prompt_hash.clone(),
            outcome: Arc::clone(&outcome),
            spent: self.ledger.settled(),
        };
        let entered = self.log.enter(entry).map(|_| ());
        Arrival { call, outcome, entered }
    }

    /// What the journal holds stands in for the call: it was paid before.
    fn recall(&self, call: &RoleCall, outcome: Arc<RoleOutcome>) -> Arc<RoleOutcome> {
        let made = u32::try_from(outcome.trail().len()).unwrap_or(u32::MAX);
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(AtomicU32::new(made)));
        let target = match &*outcome {
            RoleOutcome::Answered(completion) => Some(completion.answered_by.clone()),
            RoleOutcome::Judged(verdict) => Some(verdict.answered_by.clone()),
            RoleOutcome::Failed(_) => None,
        };
        self.events.emit(Some(call.seat), || EventKind::RoleRecalled { stage: call.stage, target });
        outcome
    }

    async fn call(&self, seat: &Seat, call: &RoleCall, deadline: Deadline) -> RoleOutcome {
        let started = self.now();
        let context = CallContext {
            seat: seat.id,
            call: Arc::from(call.call.as_str()),
            deadline,
            limits: seat.limits,
            ledger: Arc::clone(&self.ledger),
            events: self.events.clone(),
            attempts: Arc::default(),
            reuse: self.reuse,
            broken: if call.stage == Stage::Answer { self.broken } else { OnBroken::Restart },
            mark: None,
        };
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&context.attempts));
        context.emit(|| EventKind::RoleStarted {
            stage: call.stage,
            target: seat.provider.capabilities().target.clone(),
        });
        let outcome = match &call.task {
            RoleTask::Write(request) => write(seat, request, &context).await.map(RoleOutcome::Answered),
            RoleTask::Judge(task) => judge(seat, task, &context).await.map(RoleOutcome::Judged),
        };
        let took_ms = millis_between(started, self.now());
        let outcome = outcome.unwrap_or_else(|error| RoleOutcome::Failed(failure(error)));
        context.emit(|| finished(call, &outcome, took_ms));
        outcome
    }
}

async fn write(
    seat: &Seat,
    request: &CompletionRequest,
    context: &CallContext,
) -> Result<Completion, ProviderError> {
    let mut stream = seat.provider.stream(request, context).await?;
    while let Some(event) = stream.next().await {
        match event? {
            StreamEvent::Delta(text) => context.emit(|| EventKind::Delta { text }),
            StreamEvent::Restarted { target } => context.emit(|| EventKind::RoleRestarted { target }),
            StreamEvent::Finished(completion) => return Ok(*completion),
            _ => {}
        }
    }
    Err(ErrorKind::Truncated.into())
}

async fn judge(
    seat: &Seat,
    task: &LikelihoodTask,
    context: &CallContext,
) -> Result<LikelihoodVerdict, ProviderError> {
    match &seat.provider.capabilities().likelihood {
        Some(judge) => judge.judge(task, context).await,
        None => {
            Err(ProviderError::new(ErrorKind::Invalid).with_detail("this model cannot judge by likelihood"))
        }
    }
}

fn failure(mut error: ProviderError) -> RoleFailure {
    let trail = error.take_trail();
    RoleFailure { cause: error.kind().cause(), why: format!("{error}; {}", error.kind().advice()), trail }
}

fn finished(call: &RoleCall, outcome: &RoleOutcome, took_ms: u64) -> EventKind {
    let stage = call.stage;
    match outcome {
        RoleOutcome::Answered(completion) => EventKind::RoleFinished {
            stage,
            target: completion.answered_by.clone(),
            usage: completion.usage,
            served: completion.served,
            took_ms,
        },
        RoleOutcome::Judged(verdict) => EventKind::RoleFinished {
            stage,
            target: verdict.answered_by.clone(),
            usage: verdict.usage,
            served: Served::Live,
            took_ms,
        },
        RoleOutcome::Failed(failure) => {
            EventKind::RoleFailed { stage, cause: failure.cause, why: failure.why.clone() }
        }
    }
}
