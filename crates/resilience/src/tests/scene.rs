//! A stack over paced providers, played on a clock that a loop moves, with everything that can be seen written down as a timeline.

use std::{
    fmt::Write as _,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use async_orchestrator_core::{
    Attempt, AttemptLimits, AttemptOutcome, BudgetLedger, CallContext, Ceilings, Clock, Completion,
    CompletionRequest, Deadline, Event, EventKind, EventSink, LlmProvider, Message, MicroUsd, Observer,
    OnBroken, ProviderError, RunId, SharedState, StreamEvent, test_util::ManualClock,
};
use expect_test::Expect;
use futures_util::StreamExt;

use super::paced::Paced;
use crate::{ResilienceConfig, Stack, Target, TargetLimits};

/// Polls `work` to its end; whenever it can do nothing more, time passes to the next sleeper.
#[track_caller]
pub(super) fn play<T>(clock: &ManualClock, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&woken));
    loop {
        if woken.0.swap(false, Ordering::SeqCst) {
            if let Poll::Ready(value) = work.as_mut().poll(&mut Context::from_waker(&waker)) {
                return value;
            }
        } else {
            assert!(clock.advance_to_next(), "nobody sleeps and nothing moves");
        }
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

pub(super) struct Scene {
    pub(super) clock: ManualClock,
    pub(super) ledger: Arc<BudgetLedger>,
    targets: Vec<Arc<Paced>>,
    beside: Vec<usize>,
    whole: bool,
    broken: OnBroken,
    fixed: Option<AttemptLimits>,
    limits: AttemptLimits,
    deadline: Deadline,
    config: ResilienceConfig,
    stack: std::cell::OnceCell<Stack>,
    state: Option<Arc<dyn SharedState>>,
    traffic: TargetLimits,
    log: Arc<Log>,
}

struct Log {
    clock: ManualClock,
    start: std::time::Instant,
    lines: Mutex<String>,
}

impl Log {
    fn line(&self, text: &str) {
        let at = (self.clock.now() - self.start).as_secs_f64();
        writeln!(self.lines.lock().unwrap(), "{at:05.1} {text}").unwrap();
    }
}

impl Observer for Log {
    fn observe(&self, event: &Event) {
        match &event.kind {
            EventKind::AttemptStarted { target, attempt } => {
                self.line(&format!("attempt {attempt} at {target}"));
            }
            EventKind::AttemptFailed { target, attempt, cause, .. } => {
                self.line(&format!("attempt {attempt} at {target} failed: {cause}"));
            }
            // That it answered is the outcome's line to tell.
            EventKind::AttemptFinished { .. } => {}
            EventKind::AttemptRefused { target, why, .. } => self.line(&format!("{target} left out: {why}")),
            EventKind::AttemptWaits { target, wait_ms } => {
                self.line(&format!("asks {target} again in {wait_ms} ms"));
            }
            EventKind::AttemptHedged { target, after_ms } => {
                self.line(&format!("asks {target} too after {after_ms} ms"));
            }
            other => self.line(&format!("{other:?}")),
        }
    }
}

impl Scene {
    /// The first target with its score, asked under the default limits (120 s, 60 s, 30 s).
    pub(super) fn new(name: &str, score: &str) -> Self {
        Self::on(ManualClock::new(), name, score)
    }

    /// Another process at the same time, with the same state.
    pub(super) fn sharing(
        clock: &ManualClock,
        state: &Arc<dyn SharedState>,
        name: &str,
        score: &str,
    ) -> Self {
        Self { state: Some(Arc::clone(state)), ..Self::on(clock.clone(), name, score) }
    }

    fn on(clock: ManualClock, name: &str, score: &str) -> Self {
        let log = Log { clock: clock.clone(), start: clock.now(), lines: Mutex::default() };
        let scene = Self {
            ledger: Arc::new(BudgetLedger::unlimited()),
            targets: Vec::new(),
            beside: Vec::new(),
            whole: false,
            broken: OnBroken::Restart,
            fixed: None,
            limits: AttemptLimits::REMOTE_DEFAULT,
            deadline: Deadline::NEVER,
            config: ResilienceConfig::bare(),
            stack: std::cell::OnceCell::new(),
            state: None,
            traffic: TargetLimits::default(),
            log: Arc::new(log),
            clock,
        };
        scene.or(name, score)
    }

    /// A fallback.
    pub(super) fn or(mut self, name: &str, score: &str) -> Self {
        self.targets.push(Arc::new(Paced::new(name, &self.clock, score)));
        self
    }

    /// A target that stands in for the one before it.
    pub(super) fn beside(mut self, name: &str, score: &str) -> Self {
        self.beside.push(self.targets.len());
        self.or(name, score)
    }

    /// What was seen so far is of no interest.
    pub(super) fn forget_log(&self) {
        self.log.lines.lock().unwrap().clear();
    }

    pub(super) fn limits(mut self, total: u64, first_token: u64, idle: u64) -> Self {
        self.limits = limits(total, first_token, idle);
        self
    }

    /// The targets are of this machine: these limits hold, not the caller's.
    pub(super) fn local(mut self, total: u64, first_token: u64, idle: u64) -> Self {
        self.fixed = Some(limits(total, first_token, idle));
        self
    }

    /// The reader cannot take text back.
    pub(super) fn never_take_back(mut self) -> Self {
        self.broken = OnBroken::Continue;
        self
    }

    /// What the target of this place was asked last, call by call.
    pub(super) fn last_messages(&self, place: usize) -> Vec<String> {
        self.targets[place].last_messages()
    }

    pub(super) fn whole(mut self) -> Self {
        self.whole = true;
        self
    }

    pub(super) fn deadline(mut self, seconds: u64) -> Self {
        self.deadline = Deadline::after(self.clock.now(), Duration::from_secs(seconds));
        self
    }

    /// Other settings than the plain ones, under which each target is asked once.
    pub(super) fn config(mut self, change: impl FnOnce(&mut ResilienceConfig)) -> Self {
        self.config = ResilienceConfig::default();
        change(&mut self.config);
        self
    }

    /// What each target may be asked.
    pub(super) fn traffic(mut self, traffic: TargetLimits) -> Self {
        self.traffic = traffic;
        self
    }

    pub(super) fn budget(mut self, micros: u64) -> Self {
        self.ledger = Arc::new(BudgetLedger::new(Ceilings { cost: Some(MicroUsd(micros)), tokens: None }));
        self
    }

    pub(super) fn provider(&self) -> Arc<dyn LlmProvider> {
        let target = |(index, paced): (usize, &Arc<Paced>)| {
            let provider: Arc<dyn LlmProvider> = Arc::<Paced>::clone(paced);
            let target = match self.fixed {
                Some(limits) => Target::local(provider, limits),
                None => Target::remote(provider),
            };
            let target = target.traffic(self.traffic);
            let target = if self.beside.contains(&index) { target.beside_previous() } else { target };
            if self.whole { target.whole() } else { target }
        };
        self.stack().provider(self.targets.iter().enumerate().map(target).collect()).unwrap()
    }

    /// The stack of all providers of this scene: they share what they learn.
    pub(super) fn stack(&self) -> &Stack {
        self.stack.get_or_init(|| {
            let (clock, config) = (Arc::new(self.clock.clone()), self.config.clone());
            match &self.state {
                None => Stack::try_new(clock, config, 7).unwrap(),
                // Every process has a seed of its own.
                Some(state) => {
                    static PROCESSES: AtomicU64 = AtomicU64::new(0);
                    let seed = PROCESSES.fetch_add(1, Ordering::SeqCst);
                    Stack::sharing(clock, config, seed, Arc::clone(state), "here").unwrap()
                }
            }
        })
    }

    pub(super) fn context(&self) -> CallContext {
        let observers: Vec<Arc<dyn Observer>> = vec![Arc::<Log>::clone(&self.log)];
        CallContext {
            deadline: self.deadline,
            limits: self.limits,
            ledger: Arc::clone(&self.ledger),
            broken: self.broken,
            events: EventSink::new(
                RunId::new("run"),
                self.log.start,
                Arc::new(self.clock.clone()),
                observers,
            ),
            ..CallContext::detached(self.log.start)
        }
    }

    /// What a caller who streams sees, event by event.
    #[track_caller]
    pub(super) fn streams(&self, expected: &Expect) {
        play(&self.clock, async {
            let provider = self.provider();
            let mut stream = match provider.stream(&request(), &self.context()).await {
                Ok(stream) => stream,
                Err(error) => return self.failed(&error),
            };
            while let Some(event) = stream.next().await {
                match event {
                    Ok(StreamEvent::Delta(text)) => self.log.line(&format!("`{text}`")),
                    Ok(StreamEvent::Restarted { target }) => self.log.line(&format!("restarted at {target}")),
                    Ok(StreamEvent::Finished(completion)) => self.finished(&completion),
                    Ok(other) => self.log.line(&format!("{other:?}")),
                    Err(error) => self.failed(&error),
                }
            }
        });
        self.compare(expected);
    }

    /// What a caller who waits for the whole sees.
    #[track_caller]
    pub(super) fn completes(&self, expected: &Expect) {
        match play(&self.clock, self.provider().complete(&request(), &self.context())) {
            Ok(completion) => self.finished(&completion),
            Err(error) => self.failed(&error),
        }
        self.compare(expected);
    }

    /// The calls that each target saw.
    pub(super) fn calls(&self) -> Vec<Vec<&'static str>> {
        self.targets.iter().map(|target| target.calls()).collect()
    }

    /// How many calls are running at the targets.
    pub(super) fn running(&self) -> usize {
        self.targets.iter().map(|target| target.running()).sum()
    }

    #[track_caller]
    fn compare(&self, expected: &Expect) {
        assert_eq!(self.running(), 0, "a call is still running");
        expected.assert_eq(&self.log.lines.lock().unwrap());
    }

    fn finished(&self, completion: &Completion) {
        self.log.line(&format!("finished `{}` by {}", completion.text, completion.answered_by));
        self.trail(&completion.trail);
    }

    fn failed(&self, error: &ProviderError) {
        self.log.line(&format!("error {:?}: {error}", error.kind()));
        self.trail(error.trail());
    }

    fn trail(&self, trail: &[Attempt]) {
        for Attempt { target, n, started_ms, ended_ms, outcome, .. } in trail {
            let outcome = match outcome {
                AttemptOutcome::Ok(_) => "ok".to_owned(),
                AttemptOutcome::Failed(cause) => cause.to_string(),
            };
            let ended = ended_ms.unwrap();
            self.log.line(&format!("  trail {n} {target} {started_ms}..{ended} ms {outcome}"));
        }
    }
}

pub(super) fn request() -> CompletionRequest {
    // 28 bytes and 8 for the envelope: nine tokens by estimate.
    CompletionRequest {
        max_output_tokens: Some(100),
        ..CompletionRequest::new(vec![Message::user("What is the answer, please? ")])
    }
}

fn limits(total: u64, first_token: u64, idle: u64) -> AttemptLimits {
    let [total, first_token, idle] = [total, first_token, idle].map(Duration::from_secs);
    AttemptLimits { total, first_token, idle }
}
