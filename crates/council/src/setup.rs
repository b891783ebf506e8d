//! A council as plain data, and a council again from such data: one that can decide anew from recorded calls and ask nobody.

use std::sync::{Arc, OnceLock};

use async_orchestrator_core::{
    AttemptLimits, CallContext, Capabilities, Clock, Completion, CompletionRequest, CompletionStream,
    ErrorKind, LikelihoodJudge, LikelihoodTask, LikelihoodVerdict, LlmProvider, ModelSetup, ProviderError,
    RunSetup, SeatSetup, canonical_hash, content_hash,
};
use async_orchestrator_prompts::CollaborativePromptLibrary;
use async_orchestrator_tally::{self as tally, Trust};
use async_trait::async_trait;

use crate::{Checker, Council, CouncilError, Depth, Panel, Quorum, Seat};

/// A setup with its hash, made when it is first asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup(OnceLock<(String, Arc<RunSetup>)>);

impl Setup {
    pub(crate) fn of(&self, council: &Council) -> Result<&(String, Arc<RunSetup>), CouncilError> {
        if self.0.get().is_none() {
            let setup = council.setup();
            let hash = canonical_hash(&setup).map_err(CouncilError::Record)?;
            // Whoever was faster made the same.
            let _ = self.0.set((hash, Arc::new(setup)));
        }
        self.0.get().ok_or(CouncilError::NoAnswer { failures: Vec::new() })
    }
}

impl Council {
    /// What this council is made of, as plain data: without keys, addresses and limits of single attempts.
    pub fn setup(&self) -> RunSetup {
        let seats = self.panel().seats().iter().map(|seat| SeatSetup {
            seat: seat.id,
            models: seat.models.iter().map(ModelSetup::from).collect(),
            temperature: seat.temperature,
        });
        RunSetup {
            engine: env!("CARGO_PKG_VERSION").to_owned(),
            tally: tally::VERSION.to_owned(),
            prompts: library_hash(self.prompts()),
            seats: seats.collect(),
            quorum_proposals: self.quorum.proposals(),
            quorum_ballots: self.quorum.ballots(),
            adaptive: self.depth == Depth::Adaptive,
            stop_at: self.stop_at,
            rule: self.rule,
            ask_again: self.ask_again,
            time_limit: self.time_limit,
            checkers: self.checkers.iter().map(|checker| checker.name().to_owned()).collect(),
            trust: self.trust.as_ref().and_then(|trust| serde_json::to_value(trust.table()).ok()),
        }
    }

    /// A council of `setup` that can decide from recorded calls ([`Council::replay`]) and asks nobody: every other call of it fails.
    ///
    /// # Errors
    /// With a sentence, if `setup` describes no council.
    pub fn of_setup(
        setup: &RunSetup,
        prompts: CollaborativePromptLibrary,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, String> {
        let seat = |seat: &SeatSetup| {
            let first = seat.models.first().ok_or_else(|| format!("seat {} has no model", seat.seat))?;
            Ok(Seat {
                id: seat.seat,
                provider: Arc::new(Recorded::new(first)),
                models: seat.models.iter().map(recorded).collect(),
                limits: AttemptLimits::REMOTE_DEFAULT,
                temperature: seat.temperature,
            })
        };
        let seats = setup.seats.iter().map(seat).collect::<Result<Vec<_>, String>>()?;
        let panel = Panel::try_new(seats).map_err(|error| error.to_string())?;
        let quorum = Quorum::try_new(setup.quorum_proposals, setup.quorum_ballots);
        let mut council = Self::new(panel, prompts, clock)
            .quorum(quorum.map_err(|error| error.to_string())?)
            .depth(if setup.adaptive { Depth::Adaptive } else { Depth::Full })
            .ask_again(setup.ask_again);
        if let Some(rule) = setup.rule {
            council = council.rule(rule);
        }
        if let Some(stop_at) = setup.stop_at {
            council = council.stop_at(stop_at);
        }
        if let Some(limit) = setup.time_limit {
            council = council.time_limit(limit);
        }
        if let Some(trust) = &setup.trust {
            let trust: Trust = serde_json::from_value(trust.clone()).map_err(|error| error.to_string())?;
            council = council.trust(Arc::new(trust));
        }
        Ok(setup
            .checkers
            .iter()
            .fold(council, |council, name| council.checker(Arc::new(Named(name.clone())))))
    }
}

/// The hash over every template of `library`.
fn library_hash(library: &CollaborativePromptLibrary) -> String {
    let templates = library.templates();
    let mut lines: Vec<String> =
        templates.iter().map(|template| format!("{} {}\n", template.name, template.hash)).collect();
    lines.sort();
    content_hash(lines.concat().as_bytes())
}

/// A model that is not there: what it said is recorded, and more it does not say.
#[derive(Debug)]
struct Recorded(Capabilities);

fn recorded(model: &ModelSetup) -> Capabilities {
    let likelihood = model.judges.then(|| Arc::new(RecordedJudge) as Arc<dyn LikelihoodJudge>);
    Capabilities { likelihood, ..model.capabilities() }
}

impl Recorded {
    fn new(model: &ModelSetup) -> Self {
        Self(recorded(model))
    }
}

fn not_recorded() -> ProviderError {
    ProviderError::new(ErrorKind::Unavailable)
        .with_detail("this call is not recorded, and a replay asks nobody")
}

#[async_trait]
impl LlmProvider for Recorded {
    async fn complete(&self, _: &CompletionRequest, _: &CallContext) -> Result<Completion, ProviderError> {
        Err(not_recorded())
    }

    async fn stream(
        &self,
        _: &CompletionRequest,
        _: &CallContext,
    ) -> Result<CompletionStream, ProviderError> {
        Err(not_recorded())
    }

    fn capabilities(&self) -> &Capabilities {
        &self.0
    }
}

struct RecordedJudge;

#[async_trait]
impl LikelihoodJudge for RecordedJudge {
    async fn judge(&self, _: &LikelihoodTask, _: &CallContext) -> Result<LikelihoodVerdict, ProviderError> {
        Err(not_recorded())
    }
}

/// A check whose words are recorded.
struct Named(String);

#[async_trait]
impl Checker for Named {
    fn name(&self) -> &str {
        &self.0
    }

    async fn check(&self, _: &str, _: &str) -> Result<(), String> {
        Err(String::from("what this check said is not recorded"))
    }
}
