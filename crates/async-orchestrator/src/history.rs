//! The history of an orchestrator's runs: finding its file, going on with runs that were interrupted, deciding finished ones again.

use std::{path::PathBuf, sync::Arc};

use async_orchestrator_core::{
    Clock, DecisionRecord, EventSink, Journal, Observer, Role, RoleDefinition, RunId, RunSetup, SealedEntry,
    StoreError, Takeover, Unfinished,
};
use async_orchestrator_council::{Council, CouncilError, Depth, Fork, InvalidPast, Resumption, RunInputs};
use async_orchestrator_prompts::CollaborativePromptLibrary;
use async_orchestrator_resilience::TokioClock;
use async_orchestrator_store::{History, HistoryOptions, OpenError};
use futures_util::FutureExt;

use crate::{
    AsyncOrchestrator, AsyncOrchestratorBuilder, ConfigFile, Environment, Error, Layers, Settings,
    orchestrator::{EventQueue, Inner, RunStream, fresh_id},
};

impl Settings {
    /// The file of the journal and the history, where one is kept.
    pub fn history_file(&self) -> Option<PathBuf> {
        let usual = || self.directories.data.join("history.db");
        self.history.enabled.then(|| self.history.path.clone().unwrap_or_else(usual))
    }
}

/// Opens the history that `settings` name, for [`journal`](AsyncOrchestratorBuilder::journal) and [`history`](AsyncOrchestratorBuilder::history);
/// `None` where none is wanted. The command does so on its own; a library's user decides. It blocks for a moment.
///
/// # Errors
/// If the file cannot be used.
pub fn open_history(settings: &Settings) -> Result<Option<Arc<History>>, OpenError> {
    let kept = &settings.history;
    let options = HistoryOptions { sync: kept.sync, content: kept.content, mib_max: kept.mib_max };
    settings.history_file().map(|path| History::open(&path, options).map(Arc::new)).transpose()
}

/// Why a run is not gone on with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// Nothing was given to read it from.
    #[error("this orchestrator has no journal: give it one with `journal`")]
    NoJournal,
    /// Nobody knows it.
    #[error("there is no run {0}")]
    Unknown(RunId),
    /// Somebody else runs it.
    #[error("run {0} is being run by another process, or by another task of this one")]
    Running(RunId),
    /// It ended.
    #[error("run {0} has ended: there is nothing to go on with")]
    Ended(RunId),
    /// Its texts are not kept.
    #[error(
        "run {0} was begun without keeping its content (`history.content = \"off\"`), so it cannot be gone on with"
    )]
    NotKept(RunId),
    /// This orchestrator is not made as the run's was, so it would decide otherwise.
    #[error(
        "run {run} was begun under other settings and would be decided otherwise now: {}",
        .differences.join("; ")
    )]
    Changed {
        /// The run.
        run: RunId,
        /// What differs, a sentence each.
        differences: Vec<String>,
    },
    /// Its journal is no journal.
    #[error("the journal of run {run} cannot be used")]
    Broken {
        /// The run.
        run: RunId,
        /// Why.
        #[source]
        source: InvalidPast,
    },
    /// The journal cannot be read.
    #[error("the journal cannot be read")]
    Store(#[from] StoreError),
}

impl AsyncOrchestrator {
    /// The runs in the journal that have not ended, oldest first; none without a journal.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub async fn unfinished(&self) -> Result<Vec<Unfinished>, StoreError> {
        match &self.inner().journal {
            Some(journal) => journal.unfinished().await,
            None => Ok(Vec::new()),
        }
    }

    /// Goes on with a run whose process ended in the middle, or whose caller went away. What its journal holds is not asked again; a call that was
    /// under way, or answered but not yet journaled, is. Given the same replies in the same order the decision is the same, to its hash.
    ///
    /// The orchestrator must be made as the run's was; [`AsyncOrchestratorBuilder::made_as`] makes it so.
    ///
    /// # Errors
    /// With the reason why it cannot be gone on with. A run whose journal is broken, or not kept, counts as left from then on.
    pub async fn resume(&self, run: &RunId) -> Result<RunStream, Error> {
        let inner = self.inner();
        let journal = inner.journal.clone().ok_or(ResumeError::NoJournal)?;
        let entries = journal.entries(run).await.map_err(ResumeError::Store)?;
        if let Some(setup) = setup_hash(&entries) {
            let setup = journal.setup(setup).await.map_err(ResumeError::Store)?;
            let differences = setup.map(|then| then.differences(&inner.council.setup())).unwrap_or_default();
            if !differences.is_empty() {
                return Err(ResumeError::Changed { run: run.clone(), differences }.into());
            }
        }
        let entries = match journal.claim(run).await.map_err(ResumeError::Store)? {
            Takeover::Taken(entries) => entries,
            Takeover::Running => return Err(ResumeError::Running(run.clone()).into()),
            Takeover::Ended => return Err(ResumeError::Ended(run.clone()).into()),
            Takeover::Unknown => return Err(ResumeError::Unknown(run.clone()).into()),
        };
        let taken = Taken(Some((journal, run.clone())));
        if entries.is_empty() {
            return Err(ResumeError::NotKept(run.clone()).into());
        }
        let resumption = Resumption::read(run.clone(), entries)
            .map_err(|source| ResumeError::Broken { run: run.clone(), source })?;
        Ok(resumed(inner, resumption, taken))
    }
}

/// A run that was taken over; dropped before the council has it, it is given back.
struct Taken(Option<(Arc<dyn Journal>, RunId)>);

impl Taken {
    /// From its first step on the council gives the run back.
    fn begun(mut self) {
        self.0 = None;
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some((journal, run)) = self.0.take() {
            journal.leave(&run);
        }
    }
}

impl AsyncOrchestrator {
    /// Asks what the finished `run` was asked, as a new run: calls that would be the same, by `entries` (its journal), are not made again. Those of the
    /// roles in `changed`, and whatever follows from what they say, are.
    ///
    /// # Errors
    /// If `entries` are no journal of `run`.
    pub fn fork(&self, run: &RunId, entries: &[SealedEntry], changed: &[Role]) -> Result<RunStream, Error> {
        let inner = self.inner();
        let fork = Fork::of(run, entries, changed)
            .map_err(|source| ResumeError::Broken { run: run.clone(), source })?;
        let (id, _) = fresh_id(None);
        let id = RunId::new(id);
        let events: Arc<EventQueue> = Arc::default();
        let mut observers = inner.observers.clone();
        observers.push(Arc::clone(&events) as Arc<dyn Observer>);
        let sink = EventSink::new(id.clone(), inner.clock.now(), Arc::clone(&inner.clock), observers);
        let inputs = RunInputs { run: id.clone(), seed: fork.seed(), events: sink };
        let work = Box::pin(async move { inner.council.fork(fork, inputs).await });
        Ok(RunStream::new(id, Some(events), work))
    }
}

/// Sets a resumed run going.
fn resumed(inner: Arc<Inner>, resumption: Resumption, taken: Taken) -> RunStream {
    let run = resumption.run().clone();
    let now = inner.clock.now();
    // The time that passed before the interruption counts, the time of the interruption does not.
    let started = now.checked_sub(resumption.elapsed()).unwrap_or(now);
    let events: Arc<EventQueue> = Arc::default();
    let mut observers = inner.observers.clone();
    observers.push(Arc::clone(&events) as Arc<dyn Observer>);
    let sink = EventSink::new(run.clone(), started, Arc::clone(&inner.clock), observers);
    let work = Box::pin(async move {
        taken.begun();
        inner.council.resume(resumption, sink).await
    });
    RunStream::new(run, Some(events), work)
}

fn setup_hash(entries: &[SealedEntry]) -> Option<&str> {
    match entries.first()?.body() {
        async_orchestrator_core::JournalBody::Opened { setup, .. } => Some(setup),
        _ => None,
    }
}

impl AsyncOrchestratorBuilder {
    /// Makes the orchestrator as the one of an earlier run was, as `setup` tells: its seats and models, quorum, depth, rule and table of trust.
    /// Keys, addresses, prompts and limits of calls stay those of the settings; whether they matter is said by
    /// [`AsyncOrchestrator::resume`].
    ///
    /// # Errors
    /// If the settings cannot be read, or the table of trust in `setup` is none.
    pub fn made_as(mut self, setup: &RunSetup) -> Result<Self, Error> {
        let mut settings = match self.settings.take() {
            Some(settings) => settings,
            None => Layers::new(Environment::empty()).file(ConfigFile::None).load()?,
        };
        settings.council.stop_at = setup.stop_at;
        settings.council.rule = setup.rule;
        settings.council.ask_again = setup.ask_again;
        for role in Role::ALL {
            let before = self.roles.get(&role).cloned().unwrap_or_else(|| settings.role_definition(role));
            let seats: Vec<_> = setup.seats.iter().filter(|seat| seat.seat.role == role).collect();
            let mut definition = RoleDefinition::new(role);
            if let Some(timeout) = before.timeout_set() {
                definition = definition.timeout(timeout);
            }
            if let Some(temperature) = seats.iter().find_map(|seat| seat.temperature) {
                definition = definition.temperature(temperature);
            }
            if seats.is_empty() {
                definition = definition.seats(0);
            }
            for seat in seats {
                definition = definition.seat(seat.models.iter().map(|model| model.target.to_string()));
            }
            self = self.role(definition);
        }
        self.depth = Some(if setup.adaptive { Depth::Adaptive } else { Depth::Full });
        self.quorum = Some((setup.quorum_proposals, setup.quorum_ballots));
        self.trust = match &setup.trust {
            Some(trust) => {
                let trust = serde_json::from_value(trust.clone());
                Some(Arc::new(
                    trust.map_err(|error| crate::BuildError::one(format!("the table of trust: {error}")))?,
                ))
            }
            None => None,
        };
        Ok(self.settings(settings))
    }
}

/// Why a run is not decided again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// Its setup describes no council.
    #[error("the run's setup describes no council: {0}")]
    Setup(String),
    /// It does not come to the same end.
    #[error(transparent)]
    Council(#[from] CouncilError),
}

/// Decides finished runs again from their recorded calls, offline: nobody is asked.
///
/// One serves any number of runs that were made alike.
#[derive(Clone, Debug)]
pub struct Replayer(Council);

impl Replayer {
    /// A replayer for runs made as `setup` tells; `prompts` are those that it names, or the runs do not come out the same.
    ///
    /// # Errors
    /// If `setup` describes no council.
    pub fn new(setup: &RunSetup, prompts: CollaborativePromptLibrary) -> Result<Self, ReplayError> {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock);
        Council::of_setup(setup, prompts, clock).map(Self).map_err(ReplayError::Setup)
    }

    /// Decides `run` again. The record's [`decision hash`](async_orchestrator_core::LogRecord) is that of the run, or this is an error.
    ///
    /// # Errors
    /// If the journal is none, or the run does not go the way that it tells.
    pub fn replay(&self, run: &RunId, entries: Vec<SealedEntry>) -> Result<DecisionRecord, ReplayError> {
        Ok(self.0.replay(run, entries)?)
    }

    /// Decides `run` again as this replayer's setup says, which may be another rule than the run's. A call that nobody made then, because another
    /// proposal had won, fails.
    ///
    /// # Errors
    /// If the journal is none, or nobody could have answered.
    pub fn revote(&self, run: &RunId, entries: &[SealedEntry]) -> Result<DecisionRecord, ReplayError> {
        let fork = Fork::of(run, entries, &[]).map_err(CouncilError::Past)?;
        let clock = TokioClock;
        let events = EventSink::silent(run.clone(), clock.now());
        let inputs = RunInputs { run: run.clone(), seed: fork.seed(), events };
        // Nothing of it waits: what is not recorded fails at once.
        match self.0.fork(fork, inputs).now_or_never() {
            Some(outcome) => Ok(outcome?),
            None => Err(ReplayError::Setup(String::from("the run waits for something that is not recorded"))),
        }
    }
}
