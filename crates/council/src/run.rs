//! One run, as the algorithm reads: propose, review, tally, synthesize, implement, validate, with the Observer beside it.

mod express;
mod finish;
mod lasting;
mod propose;
mod record;
mod review;
mod sure;
mod validate;
mod watch;

use std::{collections::BTreeSet, sync::Arc};

use async_orchestrator_core::{
    AnswerSource, AnswerType, BallotRecord, Cause, Confidence, Deadline, DecisionRecord, Escalation,
    EventKind, FinishReason, JournalBody, Mode, ProposalRecord, Role, RunId, SeatId, Stage, StopReason,
    Tally, TallyRule, TriageDecision, TriageRequest,
};
use async_orchestrator_prompts::{CollaborativePromptLibrary, PromptInput, RenderedPrompt};
use async_orchestrator_tally::{self as tally, Vote};

use finish::Finished;

use crate::{
    Checker, CouncilError, Depth, Panel, Quorum, Seat, SeatFailure,
    books::Books,
    checks::{Checked, OutputSchema, Subject},
    fan_out::Line,
    proposal::{short_key, standing},
    trusted::{Members, Trusted, confidence},
    vote::{Field, quorum_state},
};

/// What a run is given and never changes.
pub(crate) struct Setting<'a> {
    pub(crate) panel: &'a Panel,
    pub(crate) prompts: &'a CollaborativePromptLibrary,
    pub(crate) quorum: Quorum,
    pub(crate) trust: Option<&'a Trusted>,
    pub(crate) depth: Depth,
    pub(crate) stop_at: Option<f64>,
    pub(crate) rule: Option<TallyRule>,
    pub(crate) checkers: &'a [Arc<dyn Checker>],
    pub(crate) request: &'a TriageRequest,
    pub(crate) decision: &'a TriageDecision,
    pub(crate) schema: Option<&'a OutputSchema>,
    pub(crate) line: &'a Line,
    pub(crate) deadline: Deadline,
    pub(crate) seed: u64,
}

/// A run under way.
pub(crate) struct Run<'a> {
    pub(crate) setting: Setting<'a>,
    pub(crate) books: Books,
    pub(crate) id: RunId,
    /// How the question is answered in the end.
    mode: Mode,
    /// Why the run went deeper than it began.
    escalations: Vec<Escalation>,
    /// Why not all proposers were asked.
    stopped: Option<StopReason>,
    /// The proposers who were not.
    spared: BTreeSet<SeatId>,
}

/// How much of the time that is left a stage may use: a slow stage must not eat the time of those after it.
const PROPOSE_SHARE: f64 = 0.6;
const REVIEW_SHARE: f64 = 0.5;

impl Setting<'_> {
    fn input(&self) -> PromptInput<'_> {
        PromptInput {
            question: &self.request.query,
            context: self.request.context.as_deref(),
            answer_kind: self.decision.answer_kind,
            output_schema: self.request.output_schema.as_ref(),
            ..PromptInput::default()
        }
    }

    fn render(
        &self,
        seat: &Seat,
        stage: Stage,
        input: &PromptInput<'_>,
    ) -> Result<RenderedPrompt, CouncilError> {
        let (style, domain) = (seat.provider.capabilities().prompt_style, &self.decision.domain);
        // Whoever decides a finished run again sends nothing.
        let is_replay = self.line.log.past().is_some_and(|past| past.is_finished());
        Ok(if is_replay {
            self.prompts.outline(stage, style, domain, input)?
        } else {
            self.prompts.render(stage, style, domain, input)?
        })
    }

    /// The end of a stage that gets `share` of what is left now.
    fn until(&self, share: f64) -> Deadline {
        self.deadline.share(self.line.now(), share)
    }

    fn enter(&self, stage: Stage) {
        self.line.events.emit(None, || EventKind::StageEntered { stage });
    }

    /// What programs can say of `answer`.
    async fn checked(&self, answer: &str, finish: Option<FinishReason>) -> Result<Checked, CouncilError> {
        let Self { schema, checkers, line, .. } = *self;
        let subject = Subject { question: &self.request.query, answer, finish, schema, checkers };
        let mut checked = subject.check();
        if checkers.is_empty() {
            return Ok(checked);
        }
        // What a user's check says may be another thing the next time: it is journaled like a model's words.
        let outcomes = match line.log.checked() {
            Some(outcomes) => outcomes,
            None => subject.asked(&*line.clock, self.deadline).await,
        };
        line.log.enter(JournalBody::Checked { outcomes: outcomes.clone() })?;
        line.log.settle().await?;
        for (checker, outcome) in checkers.iter().zip(outcomes) {
            checked.enter(checker.name(), outcome);
        }
        Ok(checked)
    }

    /// The canonical short answer of a proposal to a closed question; else what the proposal calls its key.
    fn key_of(&self, proposal: &ProposalRecord) -> Option<String> {
        short_key(self.decision.answer_kind, &proposal.proposal)
            .or_else(|| proposal.proposal.answer_key.clone())
    }

    /// Where a document was asked for, the document in `text` without a fence or talk around it.
    fn document_only(&self, text: String) -> String {
        let bare = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        let schema = self.schema.filter(|_| !bare);
        schema.and_then(|schema| schema.document(&text).ok()).map_or(text, |document| document.to_string())
    }
}

impl<'a> Run<'a> {
    pub(crate) fn new(setting: Setting<'a>, books: Books, id: RunId) -> Self {
        let mode = setting.decision.mode;
        Self { setting, books, id, mode, escalations: Vec::new(), stopped: None, spared: BTreeSet::new() }
    }

    /// The council, stage by stage; `already` are proposals that were paid for before.
    pub(crate) async fn council(mut self, already: propose::Given) -> Result<DecisionRecord, CouncilError> {
        self.mode = Mode::Council;
        let proposals = self.propose(already).await?;
        let enough = standing(&proposals).len() >= usize::from(self.setting.quorum.proposals());
        let ballots =
            if enough && self.reviews_are_needed() { self.review(&proposals).await? } else { Vec::new() };
        if self.stopped == Some(StopReason::PosteriorReached) {
            self.spare_improvement();
        }
        let election = self.elect(&proposals, &ballots)?;
        let finished = if election.tally.quorum.met {
            self.finish(&proposals, &ballots, &election).await?
        } else {
            // Below quorum the best proposal comes back as it is, and nothing more is bought: programs check it, no model does.
            let text = election.winner.proposal.answer.clone();
            let finish = self.books.finish_of(election.winner.seat);
            let validation = self.setting.checked(&text, finish).await?.alone(0);
            Finished { validation, ..Finished::verbatim(text, AnswerSource::WinnerVerbatim) }
        };
        self.close(proposals, ballots, election, finished)
    }

    /// Whether critics are asked: not where the answer is sure enough without them.
    fn reviews_are_needed(&self) -> bool {
        self.setting.request.stages.run(Stage::Review) && self.stopped != Some(StopReason::PosteriorReached)
    }

    /// Counts the calls that a sure answer makes superfluous: nobody reviews it, so there is nothing to adopt or to mend.
    fn spare_improvement(&mut self) {
        let Setting { request, panel, .. } = self.setting;
        let spared = [Role::Critic, Role::Synthesizer].into_iter().filter(|role| request.stages.ask(*role));
        self.books.saved_calls += spared.map(|role| panel.of(role).count() as u64).sum::<u64>();
    }

    /// The quorum, without ballots where nobody is asked for one.
    fn quorum(&self) -> Quorum {
        if self.reviews_are_needed() { self.setting.quorum } else { self.setting.quorum.without_ballots() }
    }

    /// Stage 4: the election; pure.
    fn elect(&self, proposals: &[ProposalRecord], ballots: &[BallotRecord]) -> Result<Elected, CouncilError> {
        let setting = &self.setting;
        let field = self.field(proposals);
        let nobody = || CouncilError::NoAnswer { failures: self.books.failures() };
        let election = field.election(ballots).map_err(|_| nobody())?;
        let mut result = tally::decide(&election);
        result.quorum = quorum_state(
            self.quorum(),
            field.proposals().len(),
            ballots.len(),
            self.families(field.proposals()),
        );
        if setting.request.strict && !result.quorum.met {
            return Err(CouncilError::Quorum {
                proposals: field.proposals().len(),
                ballots: ballots.len(),
                failures: self.books.failures(),
            });
        }
        let cluster = result.winner.clone().ok_or_else(nobody)?;
        let winner = field.winner(&cluster, ballots).ok_or_else(nobody)?;
        let dissent = crate::vote::dissents(&field, &election, &result, winner, ballots);
        setting.line.events.emit(None, || EventKind::Decided {
            winner: Some(winner.id.clone()),
            rule: result.rule.name().to_owned(),
            posterior: result.posterior.get(&cluster).copied().unwrap_or_default(),
            dissents: dissent.len(),
        });
        let confidence = confidence(setting.trust, &election);
        Ok(Elected { tally: result, winner: winner.clone(), dissent, confidence })
    }

    /// The answers as they are put to the vote: closed ones weighed by what is known of who gave them.
    fn field<'p>(&self, proposals: &'p [ProposalRecord]) -> Field<'p> {
        let Setting { decision, trust, seed, request, .. } = self.setting;
        // Without reviews the votes of those who gave equal answers are all there is.
        let answers =
            if request.stages.run(Stage::Review) { decision.answer_type } else { AnswerType::Closed };
        let field = Field::new(proposals, answers, seed).by(self.setting.rule);
        let Some(trust) = trust.filter(|_| answers == AnswerType::Closed) else { return field };
        let members = self.members();
        let seats: Vec<String> = field.proposals().iter().map(|proposal| proposal.seat.to_string()).collect();
        // Answers of one cluster have one key; an answer that cannot be read is its own.
        let keys: Vec<Option<String>> = field
            .proposals()
            .iter()
            .map(|proposal| tally::canonical_key(decision.answer_kind, &proposal.proposal))
            .collect();
        let votes =
            field.proposals().iter().zip(seats.iter().zip(&keys)).map(|(proposal, (seat, key))| Vote {
                seat,
                member: members.get(&proposal.seat).map_or("", String::as_str),
                candidate: &proposal.cluster,
                answer: key.as_deref().unwrap_or(&proposal.proposal.answer),
            });
        let weighing = trust.weights(&decision.task_class, &votes.collect::<Vec<_>>());
        let critics = members.into_iter().filter(|(seat, _)| seat.role == Role::Critic).collect();
        field.weighing(weighing).reviewing(trust.reviews(&critics))
    }

    /// The model that spoke for each seat, or would have.
    fn members(&self) -> Members {
        let seats = self.setting.panel.seats().iter();
        seats.map(|seat| (seat.id, self.seated(seat).0.to_string())).collect()
    }

    /// How many families of models proposed.
    fn families(&self, proposals: &[&ProposalRecord]) -> usize {
        proposals.iter().filter_map(|proposal| self.family(proposal.seat)).collect::<BTreeSet<_>>().len()
    }
}

/// What an election came to.
pub(crate) struct Elected {
    tally: Tally,
    winner: ProposalRecord,
    dissent: Vec<async_orchestrator_core::Dissent>,
    confidence: Confidence,
}

impl Elected {
    fn stop_reason(&self, saved_calls: u64) -> StopReason {
        match (self.tally.quorum.met, saved_calls) {
            (false, _) => StopReason::QuorumLost,
            (true, 0) => StopReason::MaxDepth,
            (true, _) => StopReason::Unassailable,
        }
    }
}

fn abstained(seat: SeatId) -> SeatFailure {
    SeatFailure { seat, cause: Cause::Abstained, why: String::from("it declined to answer") }
}
