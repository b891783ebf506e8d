//! A finished run in a few numbers: what lists, metrics and the last event of a run say of it.

use serde::{Deserialize, Serialize};

use super::{BallotRecord, DecisionRecord, Status, StopReason, Verdict};
use crate::{AnswerType, MicroUsd, Mode, TallyRule};

/// A finished run in short.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// How complete the council was.
    pub status: Status,
    /// Express or Council.
    pub mode: Mode,
    /// Why it ended where it did.
    pub stop_reason: StopReason,
    /// What the validation said.
    pub verdict: Verdict,
    /// The rule of the election; `None` for Express.
    pub rule: Option<TallyRule>,
    /// The share of the votes that agree with the winner ([`DecisionRecord::agreement`]); `None` for Express.
    pub agreement: Option<f64>,
    /// The calibrated probability of being right, where there is one.
    pub p_correct: Option<f64>,
    /// How many minority reports there are.
    pub dissents: u64,
    /// Calls that went out, the failed ones included.
    pub calls: u64,
    /// Planned calls that were not needed.
    pub saved_calls: u64,
    /// Input tokens.
    pub tokens_in: u64,
    /// Output tokens.
    pub tokens_out: u64,
    /// The cost; `None` is unknown, never free.
    pub cost: Option<MicroUsd>,
    /// From start to end, milliseconds.
    pub total_ms: f64,
}

impl RunSummary {
    /// `record` in short.
    pub fn of(record: &DecisionRecord) -> Self {
        let council = record.mode == Mode::Council;
        Self {
            status: record.status,
            mode: record.mode,
            stop_reason: record.stop_reason,
            verdict: record.validation.verdict,
            rule: council.then_some(record.tally.rule),
            agreement: record.agreement(),
            p_correct: record.confidence.p_correct,
            dissents: record.dissent.len() as u64,
            calls: record.cost.calls,
            saved_calls: record.cost.saved_calls,
            tokens_in: record.cost.tokens_in,
            tokens_out: record.cost.tokens_out,
            cost: record.cost.money(),
            total_ms: record.timing.total_ms,
        }
    }
}

impl DecisionRecord {
    /// The group of equal answers that won, where there was an election.
    pub fn winning_cluster(&self) -> Option<&str> {
        let winner = self.answer.winner.as_deref()?;
        let proposal = self.proposals.iter().find(|proposal| proposal.id == winner)?;
        Some(&proposal.cluster)
    }

    /// The share of the votes that agree with the winner, 0 to 1; `None` without an election. For a closed question these are the proposals that say what the
    /// winner says; for an open one, where no two are alike, the ballots that like the winner best.
    pub fn agreement(&self) -> Option<f64> {
        let winner = self.answer.winner.as_deref()?;
        let share = |votes: &mut dyn Iterator<Item = bool>| {
            let (with, all) =
                votes.fold((0_u32, 0_u32), |(with, all), agrees| (with + u32::from(agrees), all + 1));
            (all > 0).then(|| f64::from(with) / f64::from(all))
        };
        if self.triage.answer_type == AnswerType::Open && !self.ballots.is_empty() {
            return share(&mut self.ballots.iter().map(|ballot| ballot.best_proposal() == Some(winner)));
        }
        let cluster = self.winning_cluster()?;
        let voting = self.proposals.iter().filter(|proposal| !proposal.abstained && !proposal.unread);
        share(&mut voting.map(|proposal| proposal.cluster == cluster))
    }
}

impl BallotRecord {
    /// The proposal that it likes best: the one it names, else the one with the best grades.
    fn best_proposal(&self) -> Option<&str> {
        let graded = || {
            let reviews = self.ballot.reviews.iter();
            let best = reviews.max_by(|one, two| one.scores.mean().total_cmp(&two.scores.mean()))?;
            Some(best.label.as_str())
        };
        let label = self.ballot.best.as_deref().or_else(graded)?;
        let at = label.bytes().next()?.checked_sub(b'A')?;
        self.order.get(usize::from(at)).map(String::as_str)
    }
}
