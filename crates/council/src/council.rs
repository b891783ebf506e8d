//! The council: its panel, its settings, and the door through which a question enters.

use std::{sync::Arc, time::Duration};

use async_orchestrator_core::{
    BudgetLedger, Ceilings, Clock, Deadline, DecisionRecord, EventKind, EventSink, HistoryStore, Journal,
    JournalBody, Mode, RunId, TallyRule, TriageDecision, TriageRequest,
};
use async_orchestrator_prompts::CollaborativePromptLibrary;
use async_orchestrator_tally::Trust;

use crate::{
    Checker, CouncilError, Depth, InvalidRequest, Panel, Quorum,
    books::Books,
    check_request,
    checks::OutputSchema,
    fan_out::Line,
    log::RunLog,
    run::{Run, Setting},
    trusted::Trusted,
};

/// The rules that need nothing but votes and grades.
const SELECTABLE: [TallyRule; 6] = [
    TallyRule::Plurality,
    TallyRule::Approval,
    TallyRule::Borda,
    TallyRule::Schulze,
    TallyRule::Condorcet,
    TallyRule::ClippedZMean,
];

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

/// A council that can be asked again and again; it holds no state of any run.
#[derive(Clone)]
pub struct Council {
    panel: Panel,
    prompts: CollaborativePromptLibrary,
    clock: Arc<dyn Clock>,
    quorum: Quorum,
    trust: Option<Trusted>,
    depth: Depth,
    stop_at: Option<f64>,
    rule: Option<TallyRule>,
    ask_again: bool,
    checkers: Vec<Arc<dyn Checker>>,
    journal: Option<Arc<dyn Journal>>,
    history: Option<Arc<dyn HistoryStore>>,
    time_limit: Option<Duration>,
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
            time_limit: None,
        }
    }

    /// Sets the quorum.
    #[must_use]
    pub fn quorum(mut self, quorum: Quorum) -> Self {
        self.quorum = quorum;
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
        self
    }

    /// Says how many proposers are asked; [`Depth::Adaptive`] unless it is said.
    #[must_use]
    pub fn depth(mut self, depth: Depth) -> Self {
        self.depth = depth;
        self
    }

    /// Says how probable it must be that an answer is right before nobody else is asked, 0 to 1; unset, it follows from the price of being
    /// wrong ([`stop_at`](crate::stop_at)).
    #[must_use]
    pub fn stop_at(mut self, probability: f64) -> Self {
        self.stop_at = Some(probability);
        self
    }

    /// Decides every election by this rule: plurality, approval, Borda, Schulze, Condorcet (Black's method) or the clipped z-mean. Unset, closed answers are
    /// decided by plurality or by what is known of the voters, open ones by the clipped z-mean. Any other rule is passed over.
    #[must_use]
    pub fn rule(mut self, rule: TallyRule) -> Self {
        self.rule = Some(rule).filter(|rule| SELECTABLE.contains(rule));
        self
    }

    /// Says whether a seat whose reply cannot be read is asked once more, with what was wrong; it is unless this is said.
    #[must_use]
    pub fn ask_again(mut self, ask_again: bool) -> Self {
        self.ask_again = ask_again;
        self
    }

    /// Adds an executable check of results.
    #[must_use]
    pub fn checker(mut self, checker: Arc<dyn Checker>) -> Self {
        self.checkers.push(checker);
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

    /// Limits the time of each run whose request sets no limit of its own.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
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
    /// could not be recorded. A missing role is no error: the record names it.
    pub async fn run(
        &self,
        request: &TriageRequest,
        inputs: RunInputs,
    ) -> Result<DecisionRecord, CouncilError> {
        let events = inputs.events.clone();
        let outcome = self.deliberate(request, inputs).await;
        match &outcome {
            Ok(record) => events.emit(None, EventKind::Completed { status: record.status }),
            Err(error) => events.emit(None, EventKind::Failed { why: error.to_string() }),
        }
        outcome
    }

    async fn deliberate(
        &self,
        request: &TriageRequest,
        inputs: RunInputs,
    ) -> Result<DecisionRecord, CouncilError> {
        let RunInputs { run, seed, events } = inputs;
        let started = events.started();
        let decision = self.triage(request)?;
        let schema = request.output_schema.as_ref().map(OutputSchema::try_new).transpose()?;
        let limit = request.time_limit.or(self.time_limit);
        let ledger = BudgetLedger::new(Ceilings { cost: request.budget, tokens: request.budget_tokens });
        let line = Line::new(Arc::clone(&self.clock), events.clone(), ledger, request);
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
        events.emit(None, EventKind::RunStarted { seats: self.panel.planned() });
        let mut books = Books::open(RunLog::open(run.clone(), self.journal.clone()));
        books.ask_again = self.ask_again;
        books.log.append(opened(request, seed, &*self.clock)).await?;
        events.emit(None, EventKind::Triaged { decision: decision.clone() });
        books.log.append(JournalBody::Triaged { decision: decision.clone() }).await?;
        let run = Run::new(setting, books, run);
        let record = match decision.mode {
            Mode::Express => Box::pin(run.express()).await?,
            Mode::Council => Box::pin(run.council(Vec::new())).await?,
        };
        if let Some(history) = &self.history {
            history.keep(&record).await.map_err(CouncilError::Journal)?;
        }
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

fn opened(request: &TriageRequest, seed: u64, clock: &dyn Clock) -> JournalBody {
    let since_1970 = clock.wall().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default();
    JournalBody::Opened {
        request: request.clone(),
        wall_ms: u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX),
        seed,
    }
}
