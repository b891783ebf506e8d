//! From a record and what became known of it to counts: who was right, and whose review was worth something.

use std::collections::{BTreeMap, BTreeSet};

use async_orchestrator_core::{
    AnswerSource, AnswerType, CheckKind, DECISION_SCHEMA, DecisionRecord, Mode, Proposal, ProposalRecord,
    RunId, SeatId,
};
use async_orchestrator_council::{CHECK_LATE, OWN_CHECKS, review_of};
use async_orchestrator_tally::{Labelled, Trust, canonical_key};
use serde::Serialize;

/// What each new outcome leaves of all earlier counts: `0.5^(1/2000)`, so that an outcome weighs half as much after two thousand later ones.
/// Vendors change what a name stands for; two thousand outcomes are also about what a share needs to be known to one point (0.5 / sqrt(2000)).
pub const FEEDBACK_DECAY: f64 = 0.999_653_486_459_409_3;

/// The longest name of a run that is remembered, in bytes.
const RUN_ID_BYTES_MAX: usize = 200;

/// The most proposals, and the most ballots, of a record that is counted; a council has far fewer.
const VOTES_MAX: usize = 64;

/// What no proposal answers.
const NOBODY: &str = "\u{0}";

/// What became known of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The decision was right.
    Right,
    /// The decision was wrong; what would have been right is not said.
    Wrong,
    /// This is the right answer, in whatever spelling [`canonical_key`] reads for the question's kind.
    Answer(String),
}

impl Outcome {
    /// What the executable checks of `record` say of its decision; `None` where they say nothing.
    ///
    /// Right if a [`Checker`](crate::Checker) of the caller's own passed and no check failed: that a text is complete and its sums are right makes no answer
    /// right. Wrong if a check failed that is not about the text having been cut, where the proposal itself was checked (Express, the winner to the
    /// letter) or its closed answer was kept. A check that the deadline ended says nothing.
    pub fn of_checks(record: &DecisionRecord) -> Option<Self> {
        let checks = record.validation.checks.iter();
        let ended = checks.filter(|check| check.kind == CheckKind::Executable && check.detail != CHECK_LATE);
        let (mut passed, mut failed) = (false, false);
        for check in ended {
            let own = OWN_CHECKS.contains(&check.name.as_str());
            passed |= check.ok && !own;
            failed |= !check.ok && check.name != OWN_CHECKS[0];
        }
        let itself = matches!(record.answer.source, AnswerSource::Express | AnswerSource::WinnerVerbatim);
        let blames = itself || record.triage.answer_type == AnswerType::Closed;
        match (passed, failed) {
            (_, true) => blames.then_some(Self::Wrong),
            (true, false) => Some(Self::Right),
            (false, false) => None,
        }
    }
}

/// What was counted of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Learned {
    /// The run.
    pub run_id: RunId,
    /// The class of the question.
    pub class: String,
    /// Whether the decision was right, as far as that follows.
    pub winner_right: Option<bool>,
    /// Who proposed, and whether that was right.
    pub judged: Vec<Judged>,
    /// Whose reviews were counted.
    pub reviewed: Vec<Reviewed>,
}

/// One proposer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// The seat.
    pub seat: SeatId,
    /// The model that answered.
    pub member: String,
    /// Whether it was right; `None` is not known, and not counted.
    pub right: Option<bool>,
}

/// One critic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reviewed {
    /// The seat.
    pub seat: SeatId,
    /// The model that reviewed.
    pub member: String,
    /// Reviews of right answers.
    pub of_right: u32,
    /// Approvals among them.
    pub hits: u32,
    /// Reviews of wrong answers.
    pub of_wrong: u32,
    /// Approvals among them.
    pub false_alarms: u32,
}

/// Why nothing was counted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutcomeError {
    /// The document is no record, or one of another version.
    #[error("this is no decision record of version {DECISION_SCHEMA}: its schema is `{0}`")]
    Schema(String),
    /// The run's name is no name.
    #[error("the record's run_id is empty or has more than {RUN_ID_BYTES_MAX} bytes")]
    RunId,
    /// No council has so many seats.
    #[error("the record has more than {VOTES_MAX} proposals or ballots: it is no council's")]
    TooLarge,
    /// Nobody answered.
    #[error("nobody voted in this run: no proposal stood, so nothing can be counted")]
    NoVote,
    /// The right answer cannot be read as an answer of the question's kind.
    #[error("`{0}` cannot be read as an answer to this question; write it as short as the models do")]
    Unreadable(String),
    /// Nothing follows for anybody.
    #[error("nothing follows from that for any proposal: nothing was counted")]
    NothingKnown,
    /// The run was counted before.
    #[error("run {0} was counted already")]
    Counted(RunId),
}

/// Counts in `trust` what became known of the run in `record`, after letting all earlier counts [decay](FEEDBACK_DECAY). Fitted weights stay as they
/// are.
///
/// - [`Right`](Outcome::Right): who proposed the winning answer was right. On a closed question who proposed another one was wrong.
/// - [`Wrong`](Outcome::Wrong): who proposed the winning answer was wrong. Of the others nothing is known.
/// - [`Answer`](Outcome::Answer): who proposed it was right. On a closed question every other answer was wrong.
///
/// On an open question an answer that differs may be right too: only what is said above is counted. A proposal whose answer could not be read is
/// not counted on a closed question either, unless it won. Of an Express run the one answer is counted. A model that gave the same answer in several seats counts once. A critic's
/// approval of a right answer is a hit, of a wrong one a false alarm.
///
/// # Errors
/// An [`OutcomeError`] if nothing can be counted. Then nothing has changed.
///
/// ```no_run
/// use async_orchestrator::{AsyncOrchestrator, TriageRequest, trust::{Outcome, Trust, learn_from}};
///
/// # async fn demo(orchestrator: AsyncOrchestrator, mut trust: Trust) -> Result<(), Box<dyn std::error::Error>> {
/// let result = orchestrator.process_request(TriageRequest::new("Which day follows Monday?")).await?;
/// learn_from(&mut trust, result.record(), &Outcome::Answer("Tuesday".to_owned()))?;
/// # Ok(())
/// # }
/// ```
pub fn learn_from(
    trust: &mut Trust,
    record: &DecisionRecord,
    outcome: &Outcome,
) -> Result<Learned, OutcomeError> {
    if record.mode == Mode::Express {
        return learn_from_express(trust, record, outcome);
    }
    let run = Run::of(record, outcome)?;
    let (judged, reviewed) = (run.judged(), run.reviewed());
    if judged.iter().all(|one| one.right.is_none()) && reviewed.is_empty() {
        return Err(OutcomeError::NothingKnown);
    }
    trust.decay(FEEDBACK_DECAY);
    let votes: BTreeSet<(&str, &str)> = run.votes().collect();
    trust.count(&Labelled {
        class: &record.triage.task_class,
        votes: votes.into_iter().collect(),
        truth: &run.truth,
    });
    for critic in &reviewed {
        let Reviewed { member, of_right, hits, of_wrong, false_alarms, .. } = critic;
        (0..*of_right).for_each(|n| trust.count_review(member, true, n < *hits));
        (0..*of_wrong).for_each(|n| trust.count_review(member, false, n < *false_alarms));
    }
    let winner_right = record.tally.winner.as_ref().and_then(|winner| run.of_cluster(winner)?.right);
    Ok(Learned {
        run_id: record.run_id.clone(),
        class: record.triage.task_class.clone(),
        winner_right,
        judged,
        reviewed,
    })
}

/// Counts the one answer of an Express run.
fn learn_from_express(
    trust: &mut Trust,
    record: &DecisionRecord,
    outcome: &Outcome,
) -> Result<Learned, OutcomeError> {
    check(record)?;
    let seat = record.seats.first().ok_or(OutcomeError::NoVote)?;
    let kind = record.triage.answer_kind;
    let right = match outcome {
        Outcome::Right => true,
        Outcome::Wrong => false,
        Outcome::Answer(text) => {
            let truth =
                canonical_key(kind, &said(text)).ok_or_else(|| OutcomeError::Unreadable(text.clone()))?;
            let given =
                record.answer.answer_key.clone().or_else(|| canonical_key(kind, &said(&record.answer.text)));
            let is_right = given.ok_or(OutcomeError::NothingKnown)? == truth;
            // Of open answers another one may be right as well.
            if !is_right && record.triage.answer_type == AnswerType::Open {
                return Err(OutcomeError::NothingKnown);
            }
            is_right
        }
    };
    let member = format!("{}:{}", seat.provider, seat.model);
    let class = record.triage.task_class.clone();
    trust.decay(FEEDBACK_DECAY);
    let truth = if right { "given" } else { NOBODY };
    trust.count(&Labelled { class: &class, votes: vec![(&member, "given")], truth });
    Ok(Learned {
        run_id: record.run_id.clone(),
        class,
        winner_right: Some(right),
        judged: vec![Judged { seat: seat.seat, member, right: Some(right) }],
        reviewed: Vec::new(),
    })
}

/// Whether it is a record of ours, of the size that records have.
fn check(record: &DecisionRecord) -> Result<(), OutcomeError> {
    if record.schema != DECISION_SCHEMA {
        return Err(OutcomeError::Schema(record.schema.chars().take(60).collect()));
    }
    if !(1..=RUN_ID_BYTES_MAX).contains(&record.run_id.as_str().len()) {
        return Err(OutcomeError::RunId);
    }
    if record.proposals.len().max(record.ballots.len()) > VOTES_MAX {
        return Err(OutcomeError::TooLarge);
    }
    Ok(())
}

/// The proposals that stood, judged.
struct Run<'a> {
    record: &'a DecisionRecord,
    members: BTreeMap<SeatId, String>,
    stood: Vec<Stood<'a>>,
    /// The right answer as the proposals spell it.
    truth: String,
}

struct Stood<'a> {
    proposal: &'a ProposalRecord,
    /// The answer: its key, else the name of its group, marked so that it is nobody's key.
    answer: String,
    right: Option<bool>,
}

impl<'a> Run<'a> {
    fn of(record: &'a DecisionRecord, outcome: &Outcome) -> Result<Self, OutcomeError> {
        check(record)?;
        let kind = record.triage.answer_kind;
        let winner = record.tally.winner.as_deref().ok_or(OutcomeError::NoVote)?;
        let standing = || record.proposals.iter().filter(|proposal| !proposal.abstained);
        let key = |proposal: &ProposalRecord| canonical_key(kind, &proposal.proposal);
        let won = standing().find(|proposal| proposal.cluster == winner).ok_or(OutcomeError::NoVote)?;
        let answer = |proposal: &ProposalRecord| {
            key(proposal).unwrap_or_else(|| format!("{NOBODY}{}", proposal.cluster))
        };
        let truth = match outcome {
            Outcome::Right => answer(won),
            Outcome::Wrong => NOBODY.to_owned(),
            Outcome::Answer(text) => {
                canonical_key(kind, &said(text)).ok_or_else(|| OutcomeError::Unreadable(text.clone()))?
            }
        };
        // Only of two answers that can both be read is it certain that they differ.
        let excludes = record.triage.answer_type == AnswerType::Closed && !truth.starts_with(NOBODY);
        let right = |proposal: &ProposalRecord| match outcome {
            Outcome::Wrong => (proposal.cluster == winner).then_some(false),
            Outcome::Right if proposal.cluster == winner => Some(true),
            _ => match key(proposal) {
                Some(key) if key == truth => Some(true),
                Some(_) if excludes => Some(false),
                _ => None,
            },
        };
        let stood =
            standing().map(|proposal| Stood { proposal, answer: answer(proposal), right: right(proposal) });
        let members =
            record.seats.iter().map(|seat| (seat.seat, format!("{}:{}", seat.provider, seat.model)));
        Ok(Self { record, members: members.collect(), stood: stood.collect(), truth })
    }

    fn member(&self, seat: SeatId) -> Option<&str> {
        self.members.get(&seat).map(String::as_str)
    }

    fn judged(&self) -> Vec<Judged> {
        let judged = |stood: &Stood<'_>| {
            let seat = stood.proposal.seat;
            Some(Judged { seat, member: self.member(seat)?.to_owned(), right: stood.right })
        };
        self.stood.iter().filter_map(judged).collect()
    }

    /// Who answered what, of those whose answer is known to be right or wrong.
    fn votes(&self) -> impl Iterator<Item = (&str, &str)> {
        let known = self.stood.iter().filter(|stood| stood.right.is_some());
        known.filter_map(|stood| Some((self.member(stood.proposal.seat)?, stood.answer.as_str())))
    }

    fn of_cluster(&self, cluster: &str) -> Option<&Stood<'a>> {
        self.stood.iter().find(|stood| stood.proposal.cluster == cluster)
    }

    /// Each critic's reviews of answers that are known to be right or wrong; an answer that several proposed is reviewed once, as in the election.
    fn reviewed(&self) -> Vec<Reviewed> {
        let clusters: BTreeSet<&str> =
            self.stood.iter().map(|stood| stood.proposal.cluster.as_str()).collect();
        let mut all = Vec::new();
        for ballot in &self.record.ballots {
            let Some(member) = self.member(ballot.seat) else { continue };
            let (seat, member) = (ballot.seat, member.to_owned());
            let mut one = Reviewed { seat, member, of_right: 0, hits: 0, of_wrong: 0, false_alarms: 0 };
            for cluster in &clusters {
                let equal = self.stood.iter().filter(|stood| stood.proposal.cluster == *cluster);
                let approvals: Vec<bool> = equal
                    .filter_map(|stood| review_of(ballot, &stood.proposal.id).map(|review| review.approve))
                    .collect();
                let Some(right) = self.of_cluster(cluster).and_then(|stood| stood.right) else { continue };
                if approvals.is_empty() {
                    continue;
                }
                let approved = u32::from(approvals.contains(&true));
                let (whole, part) = if right {
                    (&mut one.of_right, &mut one.hits)
                } else {
                    (&mut one.of_wrong, &mut one.false_alarms)
                };
                *whole += 1;
                *part += approved;
            }
            if one.of_right + one.of_wrong > 0 {
                all.push(one);
            }
        }
        all
    }
}

/// `text` as if somebody had proposed it, where its key cannot be read as what stands in it.
fn said(text: &str) -> Proposal {
    Proposal { answer: text.to_owned(), ..Proposal::short(text) }
}

#[cfg(test)]
mod tests;
