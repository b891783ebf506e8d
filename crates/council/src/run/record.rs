//! Closes a run: who sat where, what is missing, what it cost, and the hash over all of it.

use std::collections::{BTreeMap, BTreeSet};

use async_orchestrator_core::{
    Answer, BallotRecord, Cause, Confidence, ConfidenceBasis, DECISION_SCHEMA, DecisionRecord, Dissent,
    JournalBody, LogRecord, ModelRef, ParentRecord, ProposalRecord, Role, SeatId, SeatRecord, Status,
    StopReason, Tally, Versions, canonical_hash,
};

use super::{Elected, Run, express, finish::Finished, lasting::decision_hash};
use crate::{
    CouncilError, Seat,
    books::raise,
    trusted::{calibrated, uncalibrated},
    vote::{Scene, alarms},
};

/// What a record is made of, besides the books.
struct Parts {
    depth: u32,
    status: Status,
    stop_reason: StopReason,
    winner: Option<String>,
    answer_key: Option<String>,
    proposals: Vec<ProposalRecord>,
    ballots: Vec<BallotRecord>,
    tally: Tally,
    dissent: Vec<Dissent>,
    confidence: Confidence,
    finished: Finished,
}

impl Run<'_> {
    pub(super) fn close_express(
        self,
        finished: Finished,
        answer_key: Option<String>,
        sure: Option<f64>,
    ) -> Result<DecisionRecord, CouncilError> {
        let mut tally = express::no_election();
        tally.audit.alarms.extend(self.books.shortened_prompts());
        for alarm in &tally.audit.alarms {
            raise(self.setting.line, alarm);
        }
        let parts = Parts {
            depth: 0,
            status: express::STATUS,
            stop_reason: express::STOP,
            winner: None,
            answer_key,
            proposals: Vec::new(),
            ballots: Vec::new(),
            tally,
            dissent: Vec::new(),
            confidence: match sure {
                Some(_) => calibrated(self.setting.trust, sure),
                None => uncalibrated(ConfidenceBasis::PriorOnly),
            },
            finished,
        };
        self.write(parts)
    }

    pub(super) fn close(
        self,
        proposals: Vec<ProposalRecord>,
        ballots: Vec<BallotRecord>,
        elected: Elected,
        finished: Finished,
    ) -> Result<DecisionRecord, CouncilError> {
        let models = self.models();
        let mut tally = elected.tally.clone();
        let field = self.field(&proposals);
        let scene = Scene { field: &field, tally: &elected.tally, ballots: &ballots, models: &models };
        tally.audit.alarms.extend(alarms(&scene));
        tally.audit.alarms.extend(self.books.shortened_prompts());
        tally.audit.observer_note.clone_from(&finished.observer_note);
        for alarm in &tally.audit.alarms {
            raise(self.setting.line, alarm);
        }
        let mut dissent = elected.dissent.clone();
        for report in dissent.iter_mut().filter(|report| report.veto) {
            report.defects_upheld.retain(|quote| !finished.overruled.contains(quote));
            report.veto = !report.defects_upheld.is_empty();
        }
        let parts = Parts {
            depth: u32::try_from(self.setting.panel.of(Role::Proposer).count() - self.spared.len())
                .unwrap_or(u32::MAX),
            status: self.status(&tally),
            stop_reason: self.stop_reason(&elected),
            winner: Some(elected.winner.id.clone()),
            answer_key: self.setting.key_of(&elected.winner),
            tally,
            dissent,
            confidence: elected.confidence,
            finished,
            proposals,
            ballots,
        };
        self.write(parts)
    }

    fn status(&self, tally: &Tally) -> Status {
        let lacks = |roles: &[Role]| roles.iter().any(|role| self.books.lacks(*role));
        if !tally.quorum.met {
            Status::ExpressFallback
        } else if lacks(&[Role::Proposer, Role::Critic, Role::Synthesizer]) {
            Status::Degraded
        } else if lacks(&[Role::Implementer, Role::Validator, Role::Observer]) {
            Status::Partial
        } else {
            Status::Full
        }
    }

    fn stop_reason(&self, elected: &Elected) -> StopReason {
        let blocked = |cause: Cause| self.books.absences.iter().any(|absence| absence.cause == cause);
        if let Some(reason) = self.stopped.filter(|_| elected.tally.quorum.met) {
            return reason;
        }
        match elected.stop_reason(self.books.saved_calls) {
            StopReason::MaxDepth if blocked(Cause::Budget) => StopReason::Budget,
            StopReason::MaxDepth if self.setting.deadline.is_past(self.setting.line.now()) => {
                StopReason::Deadline
            }
            reason => reason,
        }
    }

    /// Per seat: the model that spoke (or would have), and its family.
    fn models(&self) -> BTreeMap<String, (String, String)> {
        let entry = |seat: &Seat| {
            let (target, family) = self.seated(seat);
            (seat.id.to_string(), (target.to_string(), family))
        };
        self.setting.panel.seats().iter().map(entry).collect()
    }

    /// The family of the model that spoke for `seat`, or would have.
    pub(super) fn family(&self, seat: SeatId) -> Option<String> {
        self.setting.panel.seat(seat).map(|seat| self.seated(seat).1)
    }

    pub(super) fn seated(&self, seat: &Seat) -> (ModelRef, String) {
        let first = seat.provider.capabilities();
        let target = self.books.answered_by.get(&seat.id).unwrap_or(&first.target).clone();
        let family = self.setting.panel.facts(&target).map_or(&first.family, |facts| &facts.family);
        (target, family.clone())
    }

    fn seats(&self, depth: u32) -> Vec<SeatRecord> {
        let stages = self.setting.request.stages;
        let seated = |seat: &Seat| stages.ask(seat.id.role) && !self.spared.contains(&seat.id);
        let asked =
            |seat: &&Seat| (depth > 0 && seated(seat)) || self.books.answered_by.contains_key(&seat.id);
        let record = |seat: &Seat| {
            let (target, family) = self.seated(seat);
            let first = &seat.provider.capabilities().target;
            SeatRecord {
                seat: seat.id,
                role: seat.id.role,
                provider: target.provider().to_owned(),
                model: target.model().to_owned(),
                family,
                substituted_for: (target != *first).then(|| first.to_string()),
            }
        };
        self.setting.panel.seats().iter().filter(asked).map(record).collect()
    }

    /// What must be said beside the answer: the notices of the models that spoke.
    fn notices(&self) -> Vec<String> {
        let spoke = self.books.speakers().filter_map(|model| self.setting.panel.facts(model));
        let notices =
            spoke.filter_map(|facts| facts.notice.clone()).chain(self.books.stale_notices().cloned());
        notices.collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn write(self, parts: Parts) -> Result<DecisionRecord, CouncilError> {
        let setting = &self.setting;
        let mut record = DecisionRecord {
            schema: DECISION_SCHEMA.to_owned(),
            run_id: self.id.clone(),
            parent: setting.line.fork.as_ref().map(|fork| ParentRecord { run_id: fork.parent().clone() }),
            request_hash: canonical_hash(setting.request).map_err(CouncilError::Record)?,
            mode: self.mode,
            triage: setting.decision.clone(),
            depth: parts.depth,
            status: parts.status,
            status_detail: self.books.details.clone(),
            stop_reason: parts.stop_reason,
            answer: Answer {
                text: self.setting.document_only(parts.finished.text),
                answer_key: parts.answer_key,
                source: parts.finished.source,
                winner: parts.winner,
                notices: self.notices(),
            },
            confidence: parts.confidence,
            seats: self.seats(parts.depth),
            stages: setting.request.stages,
            absences: self.books.absences.clone(),
            proposals: parts.proposals,
            ballots: parts.ballots,
            tally: parts.tally,
            dissent: parts.dissent,
            escalations: self.escalations.clone(),
            synthesis: parts.finished.synthesis,
            validation: parts.finished.validation,
            attempts: self.books.attempts.clone(),
            cost: self.books.cost(setting.line, setting.panel, setting.request.budget),
            timing: self
                .books
                .timing(setting.line.now().saturating_duration_since(setting.line.events.started())),
            versions: Versions {
                engine: env!("CARGO_PKG_VERSION").to_owned(),
                prompts: self.books.prompts.clone(),
                tally: async_orchestrator_tally::VERSION.to_owned(),
                seed: setting.seed,
            },
            log: LogRecord::default(),
        };
        // In the order begun; what began together stands by name, so that the order of arrival leaves no trace.
        record
            .attempts
            .sort_by(|one, two| (one.started_ms, &one.call, one.n).cmp(&(two.started_ms, &two.call, two.n)));
        let decision_hash = decision_hash(&record)?;
        let log = &setting.line.log;
        log.enter(JournalBody::Closed { decision_hash: decision_hash.clone() })?;
        record.log = log.close(decision_hash);
        Ok(record)
    }
}
