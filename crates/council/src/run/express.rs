//! Express: one call, of the first proposer's seat.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use async_orchestrator_core::{
    AnswerSource, Audit, DecisionRecord, FinishReason, ModeChoice, Proposal, QuorumState, Role, RoleOutcome,
    SeatId, Stage, Status, StopReason, Tally, TallyRule,
};
use async_orchestrator_prompts::ReplyKind;

use super::{Run, finish::Finished};
use crate::{
    CouncilError,
    books::{Prepared, Wait, completion_of},
    checks::OutputSchema,
    proposal::{commit, read_proposal, short_key},
    reply::Unreadable,
    said::closed_answer,
};

impl Run<'_> {
    /// One call answers; what a program can check of it is checked.
    pub(crate) async fn express(mut self) -> Result<DecisionRecord, CouncilError> {
        let setting = &self.setting;
        setting.enter(Stage::Answer);
        let nobody = CouncilError::NoAnswer { failures: Vec::new() };
        let Some(seat) = setting.panel.of(Role::Proposer).next() else { return Err(nobody) };
        let prompt = setting.render(seat, Stage::Answer, &setting.input())?;
        let reader = Reader { kind: prompt.reply, schema: setting.schema, refused: Mutex::default() };
        let batch = vec![Prepared::write(setting.panel, seat.id, Stage::Answer, prompt)];
        let read = |_: SeatId, outcome: &RoleOutcome| reader.read(outcome);
        let gathered = self
            .books
            .gather(setting.line, setting.panel, batch, setting.deadline, read, |_, _| Wait::More)
            .await?;
        let Some(answered) = gathered.into_iter().next() else { return Err(nobody) };
        let (text, finish) = match (answered.result, reader.into_refused()) {
            (Ok(answer), _) | (Err(_), Some(answer)) => answer,
            (Err(failure), None) => return Err(CouncilError::NoAnswer { failures: vec![failure] }),
        };
        let (proposal, sure) = self.sure_of(seat.id, &text)?;
        let key = proposal.as_ref().and_then(|said| short_key(self.setting.decision.answer_kind, said));
        let needed = self.setting.stop_at();
        if let (Some(proposal), Some(sure)) = (proposal, sure)
            && sure < needed
            && self.may_go_deeper()
        {
            let why =
                format!("the answer is right with a probability of {sure:.2}, {needed:.2} are asked for");
            self.escalate(String::from("express"), String::from("council"), why);
            return Box::pin(self.council(vec![(seat.id, proposal)])).await;
        }
        let checked = self.setting.checked(&text, Some(finish)).await?;
        let finished = Finished {
            validation: checked.alone(u32::from(answered.repaired)),
            ..Finished::verbatim(text, AnswerSource::Express)
        };
        self.close_express(finished, key, sure)
    }

    /// The answer as a proposal, if it is a closed one that can be read, and how probable it is that it is right, where that is known.
    fn sure_of(&self, seat: SeatId, text: &str) -> Result<(Option<Proposal>, Option<f64>), CouncilError> {
        let kind = self.setting.decision.answer_kind;
        let Some(proposal) = closed_answer(kind, text) else { return Ok((None, None)) };
        let alone = commit(kind, vec![(seat, proposal.clone())])?;
        Ok((Some(proposal), self.sureness(&alone)))
    }

    /// Whether the run may become a council: triage chose Express, not the caller, whoever reads along can take text back, and there is somebody
    /// else to ask.
    fn may_go_deeper(&self) -> bool {
        self.setting.request.mode == ModeChoice::Auto
            && self.setting.request.broken.is_restart()
            && self.setting.knows_when_to_stop()
            && self.setting.panel.of(Role::Proposer).count() > 1
    }
}

type Answer = (String, FinishReason);

/// Reads the one reply. A text that does not satisfy the caller's schema is sent back once; if that does not help either it is still an
/// answer, and the failed check says what it lacks.
struct Reader<'a> {
    kind: ReplyKind,
    schema: Option<&'a OutputSchema>,
    refused: Mutex<Option<Answer>>,
}

impl Reader<'_> {
    fn read(&self, outcome: &RoleOutcome) -> Result<Answer, Unreadable> {
        let completion = completion_of(outcome).ok_or_else(|| Unreadable(String::from("no text")))?;
        let text = completion.text.trim();
        if text.is_empty() {
            return Err(Unreadable(String::from("the answer is empty")));
        }
        if self.kind == ReplyKind::BriefAnswer {
            // A very small model fills in a form; its reader wants the sentence.
            return Ok((read_proposal(self.kind, outcome)?.answer, completion.finish));
        }
        let Some(schema) = self.schema else { return Ok((text.to_owned(), completion.finish)) };
        match schema.document(text) {
            Ok(document) => Ok((document.to_string(), completion.finish)),
            Err(problem) => {
                let refused = (text.to_owned(), completion.finish);
                *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(refused);
                Err(Unreadable(problem))
            }
        }
    }

    fn into_refused(self) -> Option<Answer> {
        self.refused.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The election of an Express run: there was none.
pub(super) fn no_election() -> Tally {
    Tally {
        rule: TallyRule::Single,
        rho: None,
        scores: BTreeMap::new(),
        winner: None,
        margin: 0.0,
        posterior: BTreeMap::new(),
        pairwise: Vec::new(),
        audit: Audit::default(),
        rule_agreement: true,
        n_eff: 1.0,
        quorum: QuorumState { proposals: 0, ballots: 0, families: 1, met: true },
    }
}

pub(super) const STATUS: Status = Status::Full;
pub(super) const STOP: StopReason = StopReason::ExpressConfident;
