//! Stage 3: every critic reviews all proposals blind, each in an order and with labels of its own.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use async_orchestrator_core::{
    AnswerType, BallotRecord, EventKind, LikelihoodTask, ModelRef, PromptRead, PromptStyle, ProposalRecord,
    Role, RoleOutcome, RoleTask, SeatId, Stage, canonical_hash,
};
use async_orchestrator_prompts::{LabelledProposal, PromptInput};
use async_orchestrator_tally::{self as tally, ReviewWeight};

use super::{REVIEW_SHARE, Run, Setting};
use crate::{
    CouncilError, Seat, SeatFailure,
    ballot::{ReadBallot, best_of, enter, label, read_ballot},
    books::{Prepared, Turn, Wait},
    proposal::standing,
    reply::Unreadable,
    trusted::Members,
    vote::Field,
};

type Orders<'p> = BTreeMap<SeatId, Vec<&'p ProposalRecord>>;

impl Run<'_> {
    pub(super) async fn review(
        &mut self,
        proposals: &[ProposalRecord],
    ) -> Result<Vec<BallotRecord>, CouncilError> {
        let setting = &self.setting;
        setting.enter(Stage::Review);
        let shown = orders(setting, proposals);
        let mut batch = Vec::new();
        for seat in setting.panel.of(Role::Critic) {
            let order = shown.get(&seat.id).map(Vec::as_slice).unwrap_or_default();
            batch.push(prepare(setting, seat, order)?);
        }
        let seats = batch.len();
        // Who spoke for each critic's seat so far: a review counts by who wrote it.
        let spoke: Mutex<Members> = Mutex::default();
        let read = |seat: SeatId, outcome: &RoleOutcome| -> Result<ReadBallot, Unreadable> {
            if let Some(model) = answered_by(outcome) {
                spoke.lock().unwrap_or_else(PoisonError::into_inner).insert(seat, model.to_string());
            }
            read_ballot(shown.get(&seat).map(Vec::as_slice).unwrap_or_default(), outcome)
        };
        let field = self.field(proposals);
        let mut cast: Vec<BallotRecord> = Vec::new();
        let enough = |seat: SeatId, read: &ReadBallot| {
            let order = shown.get(&seat).map(Vec::as_slice).unwrap_or_default();
            let copy = ReadBallot { ballot: read.ballot.clone(), ..*read };
            cast.push(enter(String::new(), seat, order, copy, false, false));
            let spoke = spoke.lock().unwrap_or_else(PoisonError::into_inner);
            settled(setting, &field.reviewing(reviews(setting, &spoke, &cast)), &cast, seats)
        };
        let until = setting.until(REVIEW_SHARE);
        let gathered = self.books.gather(setting.line, setting.panel, batch, until, read, enough).await?;
        let mut ballots: Vec<BallotRecord> = Vec::new();
        for answer in gathered {
            match answer.result {
                Ok(read) if read.ballot.abstain => {
                    self.books.absent(&super::abstained(answer.seat), "one ballot less");
                }
                Ok(read) => {
                    let order = shown.get(&answer.seat).map(Vec::as_slice).unwrap_or_default();
                    let same_family = self.reads_its_family(answer.seat, order);
                    let id = format!("b{}", ballots.len() + 1);
                    let ballot = enter(id, answer.seat, order, read, answer.repaired, same_family);
                    self.setting.line.events.emit(Some(answer.seat), || EventKind::BallotCast {
                        ballot: ballot.id.clone(),
                        best: best_of(&ballot).map(str::to_owned),
                    });
                    ballots.push(ballot);
                }
                Err(failure) => self.note_missing_ballot(&failure),
            }
        }
        Ok(ballots)
    }

    /// Whether the critic is of the family of a proposal that it reads: the models count that spoke, not those that were to.
    fn reads_its_family(&self, critic: SeatId, order: &[&ProposalRecord]) -> bool {
        let own = self.family(critic);
        order.iter().any(|proposal| self.family(proposal.seat) == own)
    }

    fn note_missing_ballot(&mut self, failure: &SeatFailure) {
        let effect = match failure.cause {
            async_orchestrator_core::Cause::CancelledUnassailable => {
                "none: the winner could no longer change"
            }
            _ => "one ballot less",
        };
        self.books.absent(failure, effect);
    }
}

/// The proposals in each critic's order.
fn orders<'p>(setting: &Setting<'_>, proposals: &'p [ProposalRecord]) -> Orders<'p> {
    let standing = standing(proposals);
    let critics: Vec<SeatId> = setting.panel.of(Role::Critic).map(|seat| seat.id).collect();
    let orders = tally::orders(standing.len(), critics.len(), setting.seed);
    let shown = |order: Vec<usize>| order.into_iter().filter_map(|at| standing.get(at).copied()).collect();
    critics.into_iter().zip(orders).map(|(seat, order)| (seat, shown(order))).collect()
}

/// The call to one critic: by likelihood where a very small model can score text, else by a ballot that it writes.
fn prepare(setting: &Setting<'_>, seat: &Seat, order: &[&ProposalRecord]) -> Result<Prepared, CouncilError> {
    let capabilities = seat.provider.capabilities();
    if capabilities.likelihood.is_some() && capabilities.prompt_style == PromptStyle::Compact {
        let task = LikelihoodTask {
            question: setting.request.query.clone(),
            candidates: order.iter().map(|proposal| proposal.proposal.answer.clone()).collect(),
        };
        let prompt_hash = canonical_hash(&task).map_err(CouncilError::Record)?;
        return Ok(Prepared {
            seat: seat.id,
            stage: Stage::Review,
            task: RoleTask::Judge(task),
            prompt_hash,
            prompt_read: PromptRead::Whole,
            turn: Turn::First,
        });
    }
    let labels: Vec<String> = (0..order.len()).map(label).collect();
    let proposals = labels.iter().zip(order).map(|(label, proposal)| LabelledProposal {
        label,
        answer: &proposal.proposal.answer,
        claims: &proposal.proposal.claims,
    });
    let input = PromptInput { proposals: proposals.collect(), ..setting.input() };
    let prompt = setting.render(seat, Stage::Review, &input)?;
    Ok(Prepared::write(setting.panel, seat.id, Stage::Review, prompt))
}

fn answered_by(outcome: &RoleOutcome) -> Option<&ModelRef> {
    match outcome {
        RoleOutcome::Answered(completion) => Some(&completion.answered_by),
        RoleOutcome::Judged(verdict) => Some(&verdict.answered_by),
        RoleOutcome::Failed(_) => None,
    }
}

/// What the reviews of those who `cast` their ballots say; `spoke` are the models of the seats so far. Any model of a seat's list may still speak for
/// the other seats: each stands under a name of its own, which is nobody's ballot, so that no ballot can move the election further than is
/// reckoned with.
fn reviews(setting: &Setting<'_>, spoke: &Members, cast: &[BallotRecord]) -> BTreeMap<String, ReviewWeight> {
    let Some(trust) = setting.trust else { return BTreeMap::new() };
    let has_cast = |seat: SeatId| cast.iter().any(|ballot| ballot.seat == seat);
    let mut reviews = trust.reviews(spoke);
    for seat in setting.panel.of(Role::Critic).filter(|seat| !has_cast(seat.id)) {
        for model in &seat.models {
            let member = model.target.to_string();
            let weight = trust.review_weight(&member);
            reviews.extend(weight.map(|weight| (format!("{} by {member}", seat.id), weight)));
        }
    }
    reviews
}

/// Whether the ballots that are still out can change anything. Open answers are never settled early: one ballot can move every mean.
fn settled(setting: &Setting<'_>, field: &Field<'_>, cast: &[BallotRecord], seats: usize) -> Wait {
    let quorum = cast.len() >= usize::from(setting.quorum.ballots());
    let critical =
        cast.iter().flat_map(|ballot| &ballot.ballot.reviews).any(|review| !review.defects.is_empty());
    if setting.decision.answer_type == AnswerType::Open || !quorum || critical || cast.len() >= seats {
        return Wait::More;
    }
    match field.election(cast) {
        Ok(election) if tally::unassailable(&election, seats - cast.len()) => Wait::Enough,
        _ => Wait::More,
    }
}
