//! A council table: one scripted model a seat, good replies by default, any call's reply replaced by name.

use std::{
    collections::BTreeMap,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use async_orchestrator_core::{
    AttemptLimits, CallContext, Capabilities, Clock, CompletionRequest, DecisionRecord, ErrorKind, Event,
    EventSink, Journal, LlmProvider, ModeChoice, Observer, Price, Role, RunId, RunSetup, SealedEntry, SeatId,
    StoreError, Takeover, TallyRule, TriageRequest, Unfinished,
    test_util::{ManualClock, Script, ScriptedProvider},
};
use async_orchestrator_prompts::CollaborativePromptLibrary;
use async_orchestrator_resilience::{ResilienceConfig, Stack, Target};
use async_orchestrator_tally::Trust;
use async_trait::async_trait;

use super::replies::{BallotForm, default_reply, said};
use crate::{Checker, Council, CouncilError, Depth, Panel, Quorum, Resumption, RunInputs, Seat};

/// How long a scripted call takes when nobody says otherwise.
pub(super) const TOOK: Duration = Duration::from_millis(100);

type Reply = Arc<dyn Fn(&CompletionRequest) -> Script + Send + Sync>;

/// A council under construction.
pub(super) struct Table {
    pub(super) clock: ManualClock,
    pub(super) request: TriageRequest,
    pub(super) seed: u64,
    seats: Vec<SeatId>,
    replies: BTreeMap<String, Reply>,
    backups: Vec<SeatId>,
    one_model: bool,
    price: Option<Price>,
    quorum: Quorum,
    trust: Option<Arc<Trust>>,
    depth: Depth,
    stop_at: Option<f64>,
    rule: Option<TallyRule>,
    ask_again: bool,
    checkers: Vec<Arc<dyn Checker>>,
}

/// A council that is ready to be asked, and everything that can be seen of it.
pub(super) struct Seated {
    pub(super) clock: ManualClock,
    pub(super) council: Council,
    pub(super) models: BTreeMap<String, Arc<ScriptedProvider>>,
    pub(super) seen: Arc<Seen>,
    request: TriageRequest,
    inputs: RunInputs,
}

/// What observers and the journal saw.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) events: Mutex<Vec<Event>>,
    pub(super) entries: Mutex<Vec<SealedEntry>>,
    pub(super) setups: Mutex<BTreeMap<String, RunSetup>>,
    pub(super) left: Mutex<Vec<RunId>>,
}

impl Observer for Seen {
    fn observe(&self, event: &Event) {
        self.events.lock().unwrap().push(event.clone());
    }
}

#[async_trait]
impl Journal for Seen {
    async fn append(&self, _: &RunId, entry: Arc<SealedEntry>) -> Result<(), StoreError> {
        self.entries.lock().unwrap().push(SealedEntry::clone(&entry));
        Ok(())
    }

    async fn keep_setup(&self, hash: &str, setup: &RunSetup) -> Result<(), StoreError> {
        self.setups.lock().unwrap().insert(hash.to_owned(), setup.clone());
        Ok(())
    }

    async fn setup(&self, hash: &str) -> Result<Option<RunSetup>, StoreError> {
        Ok(self.setups.lock().unwrap().get(hash).cloned())
    }

    async fn claim(&self, _: &RunId) -> Result<Takeover, StoreError> {
        Ok(Takeover::Taken(self.entries.lock().unwrap().clone()))
    }

    async fn entries(&self, _: &RunId) -> Result<Vec<SealedEntry>, StoreError> {
        Ok(self.entries.lock().unwrap().clone())
    }

    async fn unfinished(&self) -> Result<Vec<Unfinished>, StoreError> {
        Ok(Vec::new())
    }

    fn leave(&self, run: &RunId) {
        self.left.lock().unwrap().push(run.clone());
    }
}

impl Table {
    /// Two proposers, two critics, one of each other role, asked an open question.
    pub(super) fn new() -> Self {
        Self::of(2, 2)
    }

    pub(super) fn of(proposers: u8, critics: u8) -> Self {
        let seat = |role: Role| {
            let count = match role {
                Role::Proposer => proposers,
                Role::Critic => critics,
                other => other.seats_default(),
            };
            (1..=count).map(move |number| SeatId::new(role, number))
        };
        let query = "Design a scalable microservice architecture for customer analytics.";
        Self {
            clock: ManualClock::new(),
            request: TriageRequest::new(query).mode(ModeChoice::Council),
            seed: 7,
            seats: Role::ALL.into_iter().flat_map(seat).collect(),
            replies: BTreeMap::new(),
            backups: Vec::new(),
            one_model: false,
            price: Some(Price {
                input: 1_000_000,
                cached_input: None,
                cache_write: None,
                output: 2_000_000,
                as_of: "2026-11".into(),
            }),
            quorum: Quorum::default(),
            trust: None,
            depth: Depth::Full,
            stop_at: None,
            rule: None,
            ask_again: true,
            checkers: Vec::new(),
        }
    }

    pub(super) fn asked(mut self, change: impl FnOnce(TriageRequest) -> TriageRequest) -> Self {
        self.request = change(self.request);
        self
    }

    /// Leaves `role` without a seat.
    pub(super) fn without(mut self, role: Role) -> Self {
        self.seats.retain(|seat| seat.role != role);
        self
    }

    /// What the call named `name` (`critic-1/review`) or every call of a seat (`critic-1`) or role (`critic`) does.
    pub(super) fn on(self, name: &str, script: Script) -> Self {
        self.answering(name, move |_| script.clone())
    }

    pub(super) fn says(self, name: &str, text: impl Into<String>) -> Self {
        self.on(name, said(text))
    }

    pub(super) fn fails(self, name: &str, kind: ErrorKind) -> Self {
        self.on(name, Script::Fail { after: TOOK, kind })
    }

    pub(super) fn answering(
        mut self,
        name: &str,
        reply: impl Fn(&CompletionRequest) -> Script + Send + Sync + 'static,
    ) -> Self {
        self.replies.insert(name.to_owned(), Arc::new(reply));
        self
    }

    /// The ballot of `name`: `write` changes the default one, which grades the plans in alphabetical order, best first.
    pub(super) fn ballot(self, name: &str, write: impl Fn(&mut BallotForm) + Send + Sync + 'static) -> Self {
        self.answering(name, move |request| {
            let mut form = BallotForm::of(request);
            write(&mut form);
            said(form.value.to_string())
        })
    }

    /// A critic that prefers `plan` and approves of it alone.
    pub(super) fn prefers(self, name: &str, plan: &'static str) -> Self {
        self.ballot(name, move |form| form.prefer(plan))
    }

    /// A second model behind each of these seats. Its script is found under the seat's name and `/backup`.
    pub(super) fn backup(mut self, seat: &str) -> Self {
        self.backups.push(seat.parse().unwrap());
        self
    }

    /// One model in every seat.
    pub(super) fn one_model(mut self) -> Self {
        self.one_model = true;
        self
    }

    /// No model has a price.
    pub(super) fn unpriced(mut self) -> Self {
        self.price = None;
        self
    }

    pub(super) fn quorum(mut self, proposals: u8, ballots: u8) -> Self {
        self.quorum = Quorum::try_new(proposals, ballots).unwrap();
        self
    }

    pub(super) fn trust(mut self, trust: Trust) -> Self {
        self.trust = Some(Arc::new(trust));
        self
    }

    /// Unless it is said, all proposers are asked at once.
    pub(super) fn depth(mut self, depth: Depth) -> Self {
        self.depth = depth;
        self
    }

    pub(super) fn stop_at(mut self, probability: f64) -> Self {
        self.stop_at = Some(probability);
        self
    }

    pub(super) fn rule(mut self, rule: TallyRule) -> Self {
        self.rule = Some(rule);
        self
    }

    /// Nobody is asked again whose reply cannot be read.
    pub(super) fn once(mut self) -> Self {
        self.ask_again = false;
        self
    }

    pub(super) fn checker(mut self, checker: impl Checker + 'static) -> Self {
        self.checkers.push(Arc::new(checker));
        self
    }

    pub(super) fn seat(&self) -> Seated {
        let mut models = BTreeMap::new();
        let seats = self.seats.iter().map(|id| self.seated(*id, &mut models)).collect();
        let seen = Arc::new(Seen::default());
        let prompts = CollaborativePromptLibrary::built_in().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let mut council = Council::new(Panel::try_new(seats).unwrap(), prompts, Arc::clone(&clock))
            .quorum(self.quorum)
            .depth(self.depth)
            .ask_again(self.ask_again)
            .journal(Arc::<Seen>::clone(&seen));
        if let Some(rule) = self.rule {
            council = council.rule(rule);
        }
        if let Some(stop_at) = self.stop_at {
            council = council.stop_at(stop_at);
        }
        if let Some(trust) = &self.trust {
            council = council.trust(Arc::clone(trust));
        }
        for checker in &self.checkers {
            council = council.checker(Arc::clone(checker));
        }
        let run = RunId::new("run-1");
        let observers: Vec<Arc<dyn Observer>> = vec![Arc::<Seen>::clone(&seen)];
        let events = EventSink::new(run.clone(), self.clock.now(), clock, observers);
        Seated {
            clock: self.clock.clone(),
            council,
            models,
            seen,
            request: self.request.clone(),
            inputs: RunInputs { run, seed: self.seed, events },
        }
    }

    fn seated(&self, id: SeatId, models: &mut BTreeMap<String, Arc<ScriptedProvider>>) -> Seat {
        let mut names = vec![id.to_string()];
        if self.backups.contains(&id) {
            names.push(format!("{id}/backup"));
        }
        let stack: Vec<Arc<ScriptedProvider>> =
            names.iter().map(|name| Arc::new(self.model(id, name))).collect();
        models.extend(names.into_iter().zip(stack.iter().cloned()));
        let capabilities = stack.iter().map(|model| model.capabilities().clone()).collect();
        let targets = stack.into_iter().map(|model| Target::remote(model)).collect();
        let clock = Arc::new(self.clock.clone());
        let once = Stack::try_new(clock, ResilienceConfig::bare(), 7).unwrap();
        Seat {
            id,
            provider: once.provider(targets).unwrap(),
            models: capabilities,
            limits: AttemptLimits::REMOTE_DEFAULT,
            temperature: None,
        }
    }

    fn model(&self, id: SeatId, name: &str) -> ScriptedProvider {
        // Two vendors, spread over the seats of a role; the backup is of a third.
        let (vendor, family) = match (name.ends_with("/backup"), self.one_model, id.number % 2) {
            (true, ..) => ("vendorx", "east"),
            (false, true, _) | (false, false, 1) => ("vendorn", "north"),
            _ => ("vendors", "south"),
        };
        let model = if self.one_model {
            String::from("onlymodel")
        } else {
            format!("model-of-{}", name.replace('/', "-"))
        };
        let capabilities = Capabilities {
            family: family.into(),
            price: self.price.clone(),
            ..Capabilities::unknown(format!("{vendor}:{model}").parse().unwrap())
        };
        let replies = self.replies.clone();
        let backup = name.ends_with("/backup");
        let reply = move |request: &CompletionRequest, context: &CallContext| {
            let call = if backup { format!("{}/backup", context.seat) } else { context.call.to_string() };
            let role = context.seat.role.name();
            let seat = context.seat.to_string();
            let known = [call.as_str(), seat.as_str(), role].into_iter().find_map(|name| replies.get(name));
            match known {
                Some(reply) if !backup || replies.contains_key(&call) => reply(request),
                _ => default_reply(context, request),
            }
        };
        ScriptedProvider::answering(capabilities, Arc::new(self.clock.clone()), reply)
    }

    /// Runs the council to its end.
    #[track_caller]
    pub(super) fn run(&self) -> Result<DecisionRecord, CouncilError> {
        self.seat().run()
    }

    #[track_caller]
    pub(super) fn record(&self) -> DecisionRecord {
        self.run().unwrap()
    }
}

impl Seated {
    pub(super) fn start(
        &self,
    ) -> Pin<Box<dyn Future<Output = Result<DecisionRecord, CouncilError>> + Send + '_>> {
        Box::pin(self.council.run(&self.request, self.inputs.clone()))
    }

    #[track_caller]
    pub(super) fn run(&self) -> Result<DecisionRecord, CouncilError> {
        let outcome = play(&self.clock, self.start());
        assert_eq!(self.running(), 0, "a call is still running");
        outcome
    }

    /// Goes on with a run whose journal is `entries`, on fresh models.
    #[track_caller]
    pub(super) fn resume(&self, entries: &[SealedEntry]) -> Result<DecisionRecord, CouncilError> {
        // As it comes back from a disk.
        let entries = entries.iter().map(|entry| SealedEntry::read(entry.json().to_owned()).unwrap());
        let resumption = Resumption::read(self.inputs.run.clone(), entries.collect()).unwrap();
        self.clock.advance(resumption.elapsed());
        let outcome = play(&self.clock, self.council.resume(resumption, self.inputs.events.clone()));
        assert_eq!(self.running(), 0, "a call is still running");
        outcome
    }

    pub(super) fn running(&self) -> usize {
        self.models.values().map(|model| model.running()).sum()
    }

    /// How many calls went out.
    pub(super) fn calls(&self) -> usize {
        self.models.values().map(|model| model.requests().len()).sum()
    }

    pub(super) fn requests(&self, seat: &str) -> Vec<CompletionRequest> {
        self.models[seat].requests()
    }

    pub(super) fn events(&self) -> Vec<Event> {
        self.seen.events.lock().unwrap().clone()
    }

    pub(super) fn entries(&self) -> Vec<SealedEntry> {
        self.seen.entries.lock().unwrap().clone()
    }
}

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
