//! Stage 1: proposers answer alone, all at once or wave by wave; the answers are fixed by their hashes before anyone reads them.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Mutex, PoisonError},
};

use async_orchestrator_core::{
    Cause, Deadline, Escalation, EventKind, JournalBody, Proposal, ProposalRecord, Role, RoleOutcome, SeatId,
    Stage, StopReason,
};
use async_orchestrator_prompts::ReplyKind;

use super::{PROPOSE_SHARE, Run, abstained};
use crate::{
    CouncilError, Seat, SeatFailure,
    books::{Prepared, Wait, text_of},
    depth::SPENDING_SHARE,
    proposal::{commit, prose, read_proposal, standing},
    said::{closed_answer, in_words},
};

/// What the proposers gave so far.
pub(super) type Given = Vec<(SeatId, Proposal)>;

impl Run<'_> {
    /// Asks the proposers, beside the one whose answer is there already.
    pub(super) async fn propose(&mut self, already: Given) -> Result<Vec<ProposalRecord>, CouncilError> {
        self.setting.enter(Stage::Propose);
        let until = self.setting.until(PROPOSE_SHARE);
        let mut given = already;
        let mut waves = self.waves(&given);
        while let Some(wave) = waves.pop_front() {
            self.ask(&wave, until, &mut given).await?;
            given.sort_by_key(|(seat, _)| *seat);
            let rest: Vec<SeatId> = waves.iter().flatten().copied().collect();
            if rest.is_empty() {
                break;
            }
            let (enough, why) = self.enough(&given, &rest)?;
            if let Some(reason) = enough {
                self.books.saved_calls += rest.len() as u64;
                self.spared.extend(rest);
                self.stopped = Some(reason);
                break;
            }
            let next = waves.front().map_or(0, Vec::len);
            self.escalate(proposers(self.asked()), proposers(self.asked() + next), why);
        }
        let mut records = commit(self.setting.decision.answer_kind, given)?;
        for record in records.iter().filter(|record| record.unread) {
            let why = String::from("its answer to a closed question cannot be read, so it has no vote");
            self.books
                .absent(&SeatFailure { seat: record.seat, cause: Cause::Malformed, why }, "one vote less");
        }
        if standing(&records).is_empty() {
            return Err(CouncilError::NoAnswer { failures: self.books.failures() });
        }
        self.reveal(&mut records)?;
        Ok(records)
    }

    /// Who is asked when. One wave holds everyone unless [`Depth::Adaptive`](crate::Depth::Adaptive) can stop between them.
    fn waves(&self, already: &Given) -> VecDeque<Vec<SeatId>> {
        let has_answered = |seat: &&Seat| already.iter().any(|(answered, _)| *answered == seat.id);
        let mut seats: Vec<&Seat> =
            self.setting.panel.of(Role::Proposer).filter(|seat| !has_answered(seat)).collect();
        let Some(first) = self.first_wave(seats.len() + already.len()) else {
            return [seats.iter().map(|seat| seat.id).collect()].into();
        };
        // Those who are right most often come first.
        let skill = |seat: &Seat| {
            let member = seat.provider.capabilities().target.to_string();
            self.setting.trust.and_then(|trust| trust.skill(&member, &self.setting.decision.task_class))
        };
        seats.sort_by(|one, two| {
            let (one, two) = (skill(one).unwrap_or(0.0), skill(two).unwrap_or(0.0));
            two.total_cmp(&one)
        });
        let first = first.saturating_sub(already.len()).max(1).min(seats.len());
        let (first, rest) = seats.split_at(first);
        let mut waves: VecDeque<Vec<SeatId>> = [first.iter().map(|seat| seat.id).collect()].into();
        waves.extend(rest.iter().map(|seat| vec![seat.id]));
        waves
    }

    async fn ask(&mut self, wave: &[SeatId], until: Deadline, given: &mut Given) -> Result<(), CouncilError> {
        let setting = &self.setting;
        let mut kinds: BTreeMap<SeatId, ReplyKind> = BTreeMap::new();
        let mut batch = Vec::new();
        for seat in wave.iter().filter_map(|seat| setting.panel.seat(*seat)) {
            let prompt = setting.render(seat, Stage::Propose, &setting.input())?;
            kinds.insert(seat.id, prompt.reply);
            batch.push(Prepared::write(setting.panel, seat.id, Stage::Propose, prompt));
        }
        // Some servers take no schema and answer in their own form. An answer that can be read is read at once; else the seat is asked once more,
        // and then an answer in prose is better than none.
        let asked_again: Mutex<BTreeSet<SeatId>> = Mutex::default();
        let kind = setting.decision.answer_kind;
        let last_resort = |text: &str| prose(text).or_else(|| in_words(kind, text));
        let read = |seat: SeatId, outcome: &RoleOutcome| {
            let read = read_proposal(kinds.get(&seat).copied().unwrap_or(ReplyKind::Text), outcome);
            let first = || asked_again.lock().unwrap_or_else(PoisonError::into_inner).insert(seat);
            read.or_else(|unreadable| {
                if let Some(said) = text_of(outcome).and_then(|text| closed_answer(kind, text)) {
                    return Ok(said);
                }
                if first() {
                    Err(unreadable)
                } else {
                    text_of(outcome).and_then(last_resort).ok_or(unreadable)
                }
            })
        };
        let gathered =
            self.books.gather(setting.line, setting.panel, batch, until, read, |_, _| Wait::More).await?;
        for answer in gathered {
            match answer.result {
                Ok(proposal) => {
                    if proposal.abstain {
                        self.books.absent(&abstained(answer.seat), "one proposal less");
                    }
                    given.push((answer.seat, proposal));
                }
                // The same where the second reply never came.
                Err(failure) => match answer.text.as_deref().and_then(last_resort) {
                    Some(proposal) if failure.cause == Cause::Malformed => {
                        given.push((answer.seat, proposal));
                    }
                    _ => self.books.absent(&failure, "one proposal less"),
                },
            }
        }
        Ok(())
    }

    /// Whether nobody else need be asked, and what speaks for it or against.
    fn enough(&self, given: &Given, rest: &[SeatId]) -> Result<(Option<StopReason>, String), CouncilError> {
        let proposals = commit(self.setting.decision.answer_kind, given.clone())?;
        let enough = standing(&proposals).len() >= usize::from(self.setting.quorum.proposals());
        if !enough {
            return Ok((None, String::from("fewer proposals than the quorum asks for")));
        }
        let needed = self.setting.stop_at();
        let sure = self.sureness(&proposals);
        if let Some(sure) = sure.filter(|sure| *sure >= needed) {
            return Ok((Some(StopReason::PosteriorReached), format!("{sure:.2} of {needed:.2}")));
        }
        if self.is_out_of_reach(&proposals, rest) {
            return Ok((
                Some(StopReason::Unassailable),
                String::from("no vote to come can change the winner"),
            ));
        }
        if self.spends_too_much(given.len()) {
            return Ok((
                Some(StopReason::Budget),
                String::from("what the run may spend is needed elsewhere"),
            ));
        }
        Ok((
            None,
            match sure {
                Some(sure) => {
                    format!("the answer is right with a probability of {sure:.2}, {needed:.2} are asked for")
                }
                None => String::from("votes to come can change the winner"),
            },
        ))
    }

    /// Whether one more call like those so far would take more than its share of a ceiling.
    fn spends_too_much(&self, calls: usize) -> bool {
        let (spent, ceilings) = (self.setting.line.ledger.settled(), self.setting.line.ledger.ceilings());
        let next = |spent: u64| spent as f64 * (calls as f64 + 1.0) / (calls as f64).max(1.0);
        let passes = |spent: u64, ceiling: Option<u64>| {
            ceiling.is_some_and(|ceiling| next(spent) > SPENDING_SHARE * ceiling as f64)
        };
        passes(spent.cost.0, ceilings.cost.map(|cost| cost.0)) || passes(spent.tokens, ceilings.tokens)
    }

    /// Notes that the run goes deeper than it began.
    pub(super) fn escalate(&mut self, from: String, to: String, why: String) {
        let event = || EventKind::Escalated { from: from.clone(), to: to.clone(), why: why.clone() };
        self.setting.line.events.emit(None, event);
        self.escalations.push(Escalation { from, to, why });
    }

    /// How many proposers were asked.
    fn asked(&self) -> usize {
        let seats = self.setting.panel.of(Role::Proposer);
        seats.filter(|seat| self.books.was_asked(seat.id)).count()
    }

    fn reveal(&mut self, records: &mut [ProposalRecord]) -> Result<(), CouncilError> {
        let commits = records.iter().map(|record| record.commit.clone()).collect();
        let entry = self.setting.line.log.enter(JournalBody::Revealed { commits })?;
        for record in records {
            record.revealed_after = entry;
            self.setting.line.events.emit(Some(record.seat), || EventKind::ProposalCommitted {
                proposal: record.id.clone(),
                commit: record.commit.clone(),
            });
        }
        Ok(())
    }
}

fn proposers(count: usize) -> String {
    format!("{count} proposer{}", if count == 1 { "" } else { "s" })
}
