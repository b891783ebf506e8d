//! The council: its panel, its settings, and the door through which a question enters.

use std::{sync::Arc, time::Duration};

use async_orchestrator_core::{
    BudgetLedger, Ceilings, Clock, Deadline, DecisionRecord, EventKind, EventSink, HistoryStore, Journal,
    JournalBody, Mode, RunId, RunSummary, SealedEntry, TallyRule, TriageDecision, TriageRequest,
};
use async_orchestrator_prompts::CollaborativePromptLibrary;
use async_orchestrator_tally::Trust;
use futures_util::FutureExt;

use crate::{
    Checker, CouncilError, Depth, Fork, InvalidRequest, Panel, Quorum, Resumption,
    books::Books,
    check_request,
    checks::OutputSchema,
    fan_out::Line,
    log::{RunLog, Unrecorded},
    past::{Beginning, Past, Rest},
    replay::{JournalClock, retrace},
    run::{Run, Setting},
    setup::Setup,
    trusted::Trusted,
};

/// What a run is given from outside, so that it can be repeated to the letter.
#[derive(Clone, Debug)]
pub struct RunInputs {
    /// The run's name.
    pub run: RunId,
    /// The seed of every order that the run draws.
    pub seed: u64,
    /// Where events go; it knows when the run began.
    pub events: EventSink,
}

/// What there was before a run.
enum Before {
    Nothing,
    Past(Arc<Past>, Beginning),
    Fork(Fork),
}

/// A council that can be asked again and again; it holds no state of any run.
#[derive(Clone)]
pub struct Council {
    panel: Panel,
    prompts: CollaborativePromptLibrary,
    clock: Arc<dyn Clock>,
    pub(crate) quorum: Quorum,
    pub(crate) trust: Option<Trusted>,
    pub(crate) depth: Depth,
    pub(crate) stop_at: Option<f64>,
    pub(crate) rule: Option<TallyRule>,
    pub(crate) ask_again: bool,
    pub(crate) checkers: Vec<Arc<dyn Checker>>,
    journal: Option<Arc<dyn Journal>>,
    history: Option<Arc<dyn HistoryStore>>,
    unrecorded: Unrecorded,
    pub(crate) time_limit: Option<Duration>,
    setup: Setup,
}

impl Council {
    /// A council of `panel` with the default quorum and nothing durable.
    pub fn new(panel: Panel, prompts: CollaborativePromptLibrary, clock: Arc<dyn Clock>) -> Self {
        Self {
            panel,
            prompts,
            clock,
            quorum: Quorum::default(),
            trust: None,
            depth: Depth::default(),
            stop_at: None,
            rule: None,
            ask_again: true,
            checkers: Vec::new(),
            journal: None,
            history: None,
            unrecorded: Unrecorded::default(),
            time_limit: None,
            setup: Setup::default(),
        }
    }

    /// Sets the quorum.
    #[must_use]
    pub fn quorum(mut self, quorum: Quorum) -> Self {
        self.quorum = quorum;
        self.setup = Setup::default();
        self
    }

    /// Lets votes for a closed answer count by what `trust` knows of the models that gave them, under the names `provider:model`; without it
    /// every seat has one vote.
    ///
    /// [`Trust::weights`] says which rule is then in force: joint weights where weights were fitted and at least one of the proposers' models is
    /// known, else discounted log-odds where two of them were counted often enough, else plurality as without a table. The reviews of critics
    /// that were measured count by their likelihood ratios. The class of a question is triage's `task_class`. Who really answered counts, not
    /// who was seated first.
    ///
    /// The record states the probability of being right where the table [is calibrated](Trust::is_calibrated) and the joint weights decided (or all
    /// proposers that the joint weights cover said the same), under its [`calibration_id`](crate::calibration_id).
    ///
    /// Open questions are decided by the critics' grades in any case.
    #[must_use]
    pub fn trust(mut self, trust: Arc<Trust>) -> Self {
        self.trust = Some(Trusted::new(trust));
        self.setup = Setup::default();
        self
    }

    /// Says how many proposers are asked; [`Depth::Adaptive`] unless it is said.
    #[must_use]
    pub fn depth(mut self, depth: Depth) -> Self {
        self.depth = depth;
        self.setup = Setup::default();
        self
    }

    /// Says how probable it must be that an answer is right before nobody else is asked, 0 to 1; unset, it follows from the price of being
    /// wrong ([`stop_at`](crate::stop_at)).
    #[must_use]
    pub fn stop_at(mut self, probability: f64) -> Self {
        self.stop_at = Some(probability);
        self.setup = Setup::default();
        self
    }

    /// Decides every election by this rule: plurality, approval, Borda, Schulze, Condorcet (Black's method) or the clipped z-mean. Unset, closed answers are
    /// decided by plurality or by what is known of the voters, open ones by the clipped z-mean. Any other rule is passed over.
    #[must_use]
    pub fn rule(mut self, rule: TallyRule) -> Self {
        self.rule = Some(rule).filter(TallyRule::is_selectable);
        self.setup = Setup::default();
        self
    }

    /// Says whether a seat whose reply cannot be read is asked once more, with what was wrong; it is unless this is said.
    #[must_use]
    pub fn ask_again(mut self, ask_again: bool) -> Self {
        self.ask_again = ask_again;
        self.setup = Setup::default();
        self
    }

    /// Adds an executable check of results.
    #[must_use]
    pub fn checker(mut self, checker: Arc<dyn Checker>) -> Self {
        self.checkers.push(checker);
        self.setup = Setup::default();
        self
    }

    /// Makes every run durable in `journal` as it happens.
    #[must_use]
    pub fn journal(mut self, journal: Arc<dyn Journal>) -> Self {
        self.journal = Some(journal);
        self
    }

    /// Keeps the record of every finished run in `history`.
    #[must_use]
    pub fn history(mut self, history: Arc<dyn HistoryStore>) -> Self {
        self.history = Some(history);
        self
    }

    /// Says what a run does that cannot be written to its journal; it goes on unless this is said.
    #[must_use]
    pub fn unrecorded(mut self, unrecorded: Unrecorded) -> Self {
        self.unrecorded = unrecorded;
        self
    }

    /// Limits the time of each run whose request sets no limit of its own.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self.setup = Setup::default();
        self
    }

    /// Who sits in this council.
    pub fn panel(&self) -> &Panel {
        &self.panel
    }

    /// The prompts in use.
    pub fn prompts(&self) -> &CollaborativePromptLibrary {
        &self.prompts
    }

    /// What triage would decide about `request`; nothing is called.
    ///
    /// # Errors
    /// If the request cannot be asked: it is empty or too long, its output schema is none, its domain is unknown.
    pub fn triage(&self, request: &TriageRequest) -> Result<TriageDecision, CouncilError> {
        check_request(request)?;
        request.output_schema.as_ref().map(OutputSchema::try_new).transpose()?;
        self.check_domain(request)?;
        Ok(async_orchestrator_triage::decide(request))
    }

    /// Answers `request` and gives the record of how.
    ///
    /// # Errors
    /// Only when nobody could answer, when the request cannot be asked, when it is strict and the quorum was not reached, or when the run
    /// could not be recorded and [`Unrecorded::Ends`] was chosen. A missing role is no error: the record names it.
    pub async fn run(
        &self,
        request: &TriageRequest,
        inputs: RunInputs,
    ) -> Result<DecisionRecord, CouncilError> {
        let events = inputs.events.clone();
        told(&events, Box::pin(self.deliberate(request, inputs, &self.clock, Before::Nothing)).await)
    }

    /// Goes on with a run whose process ended in the middle: `entries` are its journal so far. What they hold is not asked again; a call that
    /// was under way, or answered but not yet journaled, is. Given the same replies in the same order the decision is the same, to its hash, as
    /// without the interruption.
    ///
    /// `events` begins where the journal ends: its start must lie [`Resumption::elapsed`] in the past, so that the run has as much time left as
    /// it had then.
    ///
    /// # Errors
    /// As for [`Council::run`]; [`CouncilError::Past`] if `entries` are no journal of this run, [`CouncilError::Diverged`] if this council does
    /// not come to the same entries: another version, other prompts, another panel ([`RunSetup::differences`](async_orchestrator_core::RunSetup::differences) says which).
    pub async fn resume(
        &self,
        resumption: Resumption,
        events: EventSink,
    ) -> Result<DecisionRecord, CouncilError> {
        let Resumption { run, past, beginning } = resumption;
        let inputs = RunInputs { run, seed: beginning.seed, events: events.clone() };
        let past = Arc::new(past);
        let request = beginning.request.clone();
        let work = self.deliberate(&request, inputs, &self.clock, Before::Past(Arc::clone(&past), beginning));
        told(&events, retrace(past, Box::pin(work)).await)
    }

    /// Decides a finished run again from `entries`, its journal, offline: nobody is asked and nothing is kept. The record is the same but for
    /// its cost and its times; its decision hash is the same, or this council is another one.
    ///
    /// ```
    /// # use async_orchestrator_council::Council;
    /// # use async_orchestrator_core::{RunId, SealedEntry};
    /// # fn example(council: &Council, entries: Vec<SealedEntry>) -> Result<(), Box<dyn std::error::Error>> {
    /// let again = council.replay(&RunId::new("019a"), entries)?;
    /// println!("{}", again.log.decision_hash);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As for [`Council::resume`].
    pub fn replay(&self, run: &RunId, entries: Vec<SealedEntry>) -> Result<DecisionRecord, CouncilError> {
        let (past, beginning) = Past::read(run.as_str(), entries, Rest::Cancelled)?;
        let past = Arc::new(past);
        let started = self.clock.now();
        let clock = JournalClock { started, wall_ms: beginning.wall_ms, past: Arc::clone(&past) };
        let clock: Arc<dyn Clock> = Arc::new(clock);
        let events = EventSink::silent(run.clone(), started);
        let inputs = RunInputs { run: run.clone(), seed: beginning.seed, events };
        let offline;
        let council = if self.journal.is_none() && self.history.is_none() {
            self
        } else {
            offline = Self { journal: None, history: None, ..self.clone() };
            &offline
        };
        let request = beginning.request.clone();
        let work = council.deliberate(&request, inputs, &clock, Before::Past(Arc::clone(&past), beginning));
        match retrace(Arc::clone(&past), Box::pin(work)).now_or_never() {
            Some(outcome) => outcome,
            None => Err(past.astray()),
        }
    }

    /// Asks what an earlier run was asked, as a new run: calls that would be the same, to their prompts, are not made again. What this council does
    /// otherwise (another rule, another model in a seat) and all that follows from it is new. `inputs` must have the seed of `fork`.
    ///
    /// # Errors
    /// As for [`Council::run`].
    pub async fn fork(&self, fork: Fork, inputs: RunInputs) -> Result<DecisionRecord, CouncilError> {
        let (events, request) = (inputs.events.clone(), fork.request().clone());
        told(&events, Box::pin(self.deliberate(&request, inputs, &self.clock, Before::Fork(fork))).await)
    }

    async fn deliberate(
        &self,
        request: &TriageRequest,
        inputs: RunInputs,
        clock: &Arc<dyn Clock>,
        before: Before,
    ) -> Result<DecisionRecord, CouncilError> {
        let RunInputs { run, seed, events } = inputs;
        let started = events.started();
        let (past, beginning, fork) = match before {
            Before::Nothing => (None, None, None),
            Before::Past(past, beginning) => (Some(past), Some(beginning), None),
            Before::Fork(fork) => (None, None, Some(fork)),
        };
        // First of all: whoever took a run over is told that it was let go, whatever fails from here on.
        let journal = self.journal.clone();
        let log =
            RunLog::open(run.clone(), journal, self.unrecorded, Arc::clone(clock), events.clone(), past);
        // What was decided then holds: a later version may triage otherwise.
        let decision = match beginning.as_ref().and_then(|beginning| beginning.decision.clone()) {
            Some(decision) => decision,
            None => self.triage(request)?,
        };
        let schema = request.output_schema.as_ref().map(OutputSchema::try_new).transpose()?;
        let limit = request.time_limit.or(self.time_limit);
        let ledger = BudgetLedger::new(Ceilings { cost: request.budget, tokens: request.budget_tokens });
        let line = Line::new(Arc::clone(clock), events.clone(), ledger, request, log, fork);
        let setting = Setting {
            panel: &self.panel,
            prompts: &self.prompts,
            quorum: self.quorum,
            trust: self.trust.as_ref(),
            depth: self.depth,
            stop_at: self.stop_at,
            rule: self.rule,
            checkers: &self.checkers,
            request,
            decision: &decision,
            schema: schema.as_ref(),
            line: &line,
            deadline: limit.map_or(Deadline::NEVER, |limit| Deadline::after(started, limit)),
            seed,
        };
        let outcome = self.decide(setting, run, beginning).await;
        match outcome {
            Ok(record) => self.kept(request, &line, record).await,
            Err(error) => {
                line.log.fail(&error).await;
                Err(error)
            }
        }
    }

    async fn decide(
        &self,
        setting: Setting<'_>,
        run: RunId,
        beginning: Option<Beginning>,
    ) -> Result<DecisionRecord, CouncilError> {
        let Setting { line, request, decision, seed, .. } = setting;
        line.events.emit(None, || EventKind::RunStarted {
            seats: self.panel.planned(),
            trace: line.events.trace().cloned(),
        });
        if let Some(past) = line.log.past() {
            line.events.emit(None, || EventKind::Resumed { calls: past.calls() });
        }
        let (wall_ms, setup) = if let Some(beginning) = beginning {
            (beginning.wall_ms, beginning.setup)
        } else {
            let (hash, setup) = self.setup.of(self)?;
            line.log.keep_setup(hash, setup);
            (since_1970(&*line.clock), hash.clone())
        };
        line.log.enter(JournalBody::Opened { request: request.clone(), wall_ms, seed, setup })?;
        line.events.emit(None, || EventKind::Triaged { decision: decision.clone() });
        line.log.enter(JournalBody::Triaged { decision: decision.clone() })?;
        let mut books = Books::open();
        books.ask_again = self.ask_again;
        books.began_ms = wall_ms;
        let mode = decision.mode;
        let run = Run::new(setting, books, run);
        match mode {
            Mode::Express => Box::pin(run.express()).await,
            Mode::Council => Box::pin(run.council(Vec::new())).await,
        }
    }

    /// Keeps `record`. The answer is there: whatever becomes of the disk, it is given.
    async fn kept(
        &self,
        request: &TriageRequest,
        line: &Line,
        mut record: DecisionRecord,
    ) -> Result<DecisionRecord, CouncilError> {
        // What is known by now is kept too.
        record.log.unrecorded = line.log.broken();
        let history = async {
            match &self.history {
                Some(history) => history.keep(request, &record).await,
                None => Ok(()),
            }
        };
        // Both are handed over before either is waited for: where they are one file, one sync serves them.
        let (settled, kept) = futures_util::future::join(line.log.settle(), history).await;
        settled?;
        match kept {
            Err(error) if self.unrecorded == Unrecorded::Ends => return Err(CouncilError::Journal(error)),
            Err(error) => line.log.broke(&error),
            Ok(()) => {}
        }
        record.log.unrecorded = line.log.broken();
        Ok(record)
    }

    fn check_domain(&self, request: &TriageRequest) -> Result<(), CouncilError> {
        let Some(domain) = &request.domain else { return Ok(()) };
        let known = self.prompts.domains();
        if known.contains(domain) {
            return Ok(());
        }
        let names: Vec<&str> = known.iter().map(async_orchestrator_core::Domain::as_str).collect();
        Err(InvalidRequest::Domain(format!(
            "unknown domain `{domain}`: one of {} is expected",
            names.join(", ")
        ))
        .into())
    }
}

impl std::fmt::Debug for Council {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Council")
            .field("panel", &self.panel)
            .field("quorum", &self.quorum)
            .finish_non_exhaustive()
    }
}

fn since_1970(clock: &dyn Clock) -> u64 {
    let since_1970 = clock.wall().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

/// Tells how a run ended.
fn told(
    events: &EventSink,
    outcome: Result<DecisionRecord, CouncilError>,
) -> Result<DecisionRecord, CouncilError> {
    events.emit(None, || match &outcome {
        Ok(record) => EventKind::Completed { summary: Box::new(RunSummary::of(record)) },
        Err(error) => EventKind::Failed { why: error.to_string() },
    });
    outcome
}
