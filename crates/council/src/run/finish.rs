//! Stages 6 and 7: the winner is improved and made usable; what comes then is `super::validate`'s. The Observer looks on from beside.

use std::pin::pin;

use async_orchestrator_core::{
    AnswerSource, BallotRecord, Cause, Defect, DoNoHarm, EventKind, FinishReason, Proposal, ProposalRecord,
    Role, RoleOutcome, SeatId, Stage, StopReason, SynthesisRecord, ValidationRecord, Verdict,
};
use async_orchestrator_prompts::{LabelledProposal, PromptInput, ReplyKind, SynthesisReply};
use futures_util::{
    FutureExt,
    future::{Either, select},
};

use super::{Elected, Run, watch::Watching};
use crate::{
    CouncilError, SeatFailure,
    ballot::{critical_defects, label, review_of},
    books::{Prepared, Wait, completion_of, tell},
    proposal::{gives_the_answer_of, read_proposal, standing},
    reply,
    reply::Unreadable,
};

/// What the run comes to after the election.
pub(crate) struct Finished {
    pub(crate) text: String,
    pub(crate) source: AnswerSource,
    pub(crate) synthesis: SynthesisRecord,
    pub(crate) validation: ValidationRecord,
    pub(crate) observer_note: Option<String>,
    /// Quotes of critical defects that the Validator overruled with a reason.
    pub(crate) overruled: Vec<String>,
}

/// A text on its way to be the answer.
pub(super) struct Draft {
    pub(super) text: String,
    pub(super) source: AnswerSource,
    pub(super) finish: Option<FinishReason>,
}

impl Finished {
    /// The text as it is: nothing was made of it and no model checked it.
    pub(super) fn verbatim(text: String, source: AnswerSource) -> Self {
        Self {
            text,
            source,
            synthesis: no_synthesis(),
            validation: ValidationRecord {
                verdict: Verdict::NotRun,
                unclear_cause: None,
                checks: Vec::new(),
                repairs: 0,
            },
            observer_note: None,
            overruled: Vec::new(),
        }
    }
}

fn no_synthesis() -> SynthesisRecord {
    SynthesisRecord {
        done: false,
        seat: None,
        adopted: Vec::new(),
        rejected: Vec::new(),
        do_no_harm: DoNoHarm::NotRun,
    }
}

impl Run<'_> {
    pub(super) async fn finish(
        &mut self,
        proposals: &[ProposalRecord],
        ballots: &[BallotRecord],
        elected: &Elected,
    ) -> Result<Finished, CouncilError> {
        let watching = Watching::prepare(&self.setting, proposals, ballots, elected)?;
        // Both the path and the Observer lean on what arrived so far.
        self.setting.line.log.settle_arrivals().await?;
        let (line, panel, deadline) = (self.setting.line, self.setting.panel, self.setting.deadline);
        let (finished, noted) = {
            let watcher = pin!(watching.run(line, panel, deadline));
            let path = pin!(self.improve(proposals, ballots, elected));
            // The Observer is never on the path: when the path ends first, its call is dropped.
            match select(path, watcher).await {
                Either::Left((finished, watcher)) => (finished, watcher.now_or_never()),
                Either::Right((noted, path)) => (path.await, Some(noted)),
            }
        };
        let mut finished = finished?;
        finished.observer_note = self.note(noted)?;
        Ok(finished)
    }

    async fn improve(
        &mut self,
        proposals: &[ProposalRecord],
        ballots: &[BallotRecord],
        elected: &Elected,
    ) -> Result<Finished, CouncilError> {
        let (synthesis, draft) = self.synthesize(proposals, ballots, elected).await?;
        let draft = self.implement(draft, &elected.winner.proposal).await?;
        let critical: Vec<&Defect> =
            critical_defects(ballots, &elected.winner.id).map(|(_, defect)| defect).collect();
        let (draft, validation, overruled) = self.validate(draft, &critical).await?;
        self.setting.line.events.emit(None, || EventKind::Validated { verdict: validation.verdict });
        Ok(Finished {
            text: draft.text,
            source: draft.source,
            synthesis,
            validation,
            observer_note: None,
            overruled,
        })
    }

    /// Asks the one seat of `role`, if there is one. A failure is noted with its `effect`, and the run goes on without it.
    pub(super) async fn one<T>(
        &mut self,
        role: Role,
        stage: Stage,
        input: &PromptInput<'_>,
        effect: &str,
        read: impl Fn(ReplyKind, &RoleOutcome) -> Result<T, Unreadable>,
    ) -> Result<Asked<T>, CouncilError> {
        let setting = &self.setting;
        // A sure answer was not reviewed: there is nothing to adopt and nothing to mend.
        let is_sure = stage == Stage::Synthesize && self.stopped == Some(StopReason::PosteriorReached);
        if is_sure || !setting.request.stages.run(stage) {
            return Ok(Asked::NoSeat);
        }
        let Some(seat) = setting.panel.of(role).next() else { return Ok(Asked::NoSeat) };
        setting.enter(stage);
        let prompt = setting.render(seat, stage, input)?;
        let kind = prompt.reply;
        let batch = vec![Prepared::write(setting.panel, seat.id, stage, prompt)];
        let read = |_: SeatId, outcome: &RoleOutcome| read(kind, outcome);
        let gathered = self
            .books
            .gather(setting.line, setting.panel, batch, setting.deadline, read, |_, _| Wait::More)
            .await?;
        let Some(answer) = gathered.into_iter().next() else { return Ok(Asked::NoSeat) };
        match answer.result {
            Ok(value) => Ok(Asked::Said(answer.seat, value)),
            Err(failure) => {
                self.books.absent(&failure, effect);
                Ok(Asked::Failed(failure))
            }
        }
    }

    /// Stage 6: the winner with what the critics approved of the others. If that fails, the winner to the letter.
    async fn synthesize(
        &mut self,
        proposals: &[ProposalRecord],
        ballots: &[BallotRecord],
        elected: &Elected,
    ) -> Result<(SynthesisRecord, Draft), CouncilError> {
        let winner = &elected.winner;
        let others: Vec<&ProposalRecord> =
            standing(proposals).into_iter().filter(|proposal| proposal.id != winner.id).collect();
        let labels: Vec<String> = (0..others.len()).map(label).collect();
        let request = self.setting.request;
        let input = PromptInput {
            question: &request.query,
            context: request.context.as_deref(),
            answer_kind: self.setting.decision.answer_kind,
            output_schema: request.output_schema.as_ref(),
            winner: Some(&winner.proposal.answer),
            proposals: labels
                .iter()
                .zip(&others)
                .map(|(label, proposal)| LabelledProposal {
                    label,
                    answer: &proposal.proposal.answer,
                    claims: &proposal.proposal.claims,
                })
                .collect(),
            approved_points: approved_points(&others, ballots),
            defects: ballots
                .iter()
                .filter_map(|ballot| review_of(ballot, &winner.id))
                .flat_map(|review| &review.defects)
                .collect(),
            ..PromptInput::default()
        };
        let effect = "the winning proposal stands to the letter";
        let said = self.one(Role::Synthesizer, Stage::Synthesize, &input, effect, read_synthesis).await?;
        let verbatim = Draft {
            text: winner.proposal.answer.clone(),
            source: AnswerSource::WinnerVerbatim,
            finish: self.books.finish_of(winner.seat),
        };
        let Asked::Said(seat, (reply, finish)) = said else {
            let kept = if matches!(said, Asked::Failed(_)) { DoNoHarm::WinnerKept } else { DoNoHarm::NotRun };
            return Ok((SynthesisRecord { do_no_harm: kept, ..no_synthesis() }, verbatim));
        };
        let kind = self.setting.decision.answer_kind;
        let harmless =
            finish != FinishReason::Length && gives_the_answer_of(&winner.proposal, kind, &reply.answer);
        let record = SynthesisRecord {
            done: harmless,
            seat: Some(seat),
            // What was adopted into a text that went nowhere was not adopted.
            adopted: if harmless { reply.adopted } else { Vec::new() },
            rejected: reply.rejected,
            do_no_harm: if harmless { DoNoHarm::SynthesisPreferred } else { DoNoHarm::WinnerKept },
        };
        let improved = Draft { text: reply.answer, source: AnswerSource::Synthesis, finish: Some(finish) };
        Ok((record, if harmless { improved } else { verbatim }))
    }

    /// Stage 7: the decision as something to use. It may be worked out, not changed.
    async fn implement(&mut self, draft: Draft, winner: &Proposal) -> Result<Draft, CouncilError> {
        let request = self.setting.request;
        let input = PromptInput {
            question: &request.query,
            context: request.context.as_deref(),
            answer_kind: self.setting.decision.answer_kind,
            output_schema: request.output_schema.as_ref(),
            draft: Some(&draft.text),
            ..PromptInput::default()
        };
        let effect = "the decision stands as it was decided, not worked out";
        let said = self.one(Role::Implementer, Stage::Implement, &input, effect, read_text).await?;
        let Asked::Said(seat, (text, finish)) = said else { return Ok(draft) };
        if !gives_the_answer_of(winner, self.setting.decision.answer_kind, &text) {
            let why = String::from("its text gives another answer than the one that was elected");
            let failure = SeatFailure { seat, cause: Cause::Malformed, why };
            tell(self.setting.line, Stage::Implement, &failure);
            self.books.absent(&failure, effect);
            return Ok(draft);
        }
        Ok(Draft { text, source: AnswerSource::Implementation, finish: Some(finish) })
    }

    /// Enters what the Observer said, or that it did not get to the end.
    fn note(&mut self, noted: Option<super::watch::Noted>) -> Result<Option<String>, CouncilError> {
        let Self { setting, books, .. } = self;
        super::watch::enter(setting, books, noted)
    }
}

/// What became of asking a role that has at most one seat.
pub(super) enum Asked<T> {
    Said(SeatId, T),
    Failed(SeatFailure),
    NoSeat,
}

/// Claims of other proposals that at least half of the critics approved.
fn approved_points<'a>(others: &[&'a ProposalRecord], ballots: &[BallotRecord]) -> Vec<&'a str> {
    let approved = |proposal: &&&ProposalRecord| {
        let votes = ballots
            .iter()
            .filter(|ballot| review_of(ballot, &proposal.id).is_some_and(|review| review.approve));
        !ballots.is_empty() && votes.count() * 2 >= ballots.len()
    };
    others
        .iter()
        .filter(approved)
        .flat_map(|proposal| proposal.proposal.claims.iter().map(|claim| claim.text.as_str()))
        .collect()
}

fn read_synthesis(
    kind: ReplyKind,
    outcome: &RoleOutcome,
) -> Result<(SynthesisReply, FinishReason), Unreadable> {
    let completion = completion_of(outcome).ok_or_else(|| Unreadable(String::from("no text")))?;
    let reply = match kind {
        ReplyKind::Synthesis => reply::read::<SynthesisReply>(&completion.text)?,
        // A very small model writes the improved text and nothing about it.
        kind => SynthesisReply {
            answer: read_proposal(kind, outcome)?.answer,
            adopted: Vec::new(),
            rejected: Vec::new(),
        },
    };
    if reply.answer.trim().is_empty() {
        return Err(Unreadable(String::from("the answer is empty")));
    }
    Ok((reply, completion.finish))
}

pub(super) fn read_text(
    kind: ReplyKind,
    outcome: &RoleOutcome,
) -> Result<(String, FinishReason), Unreadable> {
    let completion = completion_of(outcome).ok_or_else(|| Unreadable(String::from("no text")))?;
    let text = match kind {
        ReplyKind::CallerSchema => reply::json_in(&completion.text)?.to_string(),
        ReplyKind::BriefAnswer => read_proposal(kind, outcome)?.answer,
        _ => completion.text.trim().to_owned(),
    };
    if text.is_empty() {
        return Err(Unreadable(String::from("the answer is empty")));
    }
    Ok((text, completion.finish))
}
