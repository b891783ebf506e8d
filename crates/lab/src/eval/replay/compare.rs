//! The replayed decision beside the election over the recorded answers.

use std::collections::BTreeMap;

use async_orchestrator::DecisionRecord;
use async_orchestrator_tally::{Candidate, Election, RuleChoice, Vote, decide};
use serde::Serialize;

use super::{
    Alike, Options, Report, SEED, format_of,
    material::{Case, Material, key},
    member_of,
};
use crate::eval::sample::Estimate;

/// How the texts of one member were read.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Reading {
    /// Read as they were recorded; a text without an answer in both counts, too.
    pub alike: usize,
    /// Read, but to another answer than the recorded one.
    pub otherwise: usize,
    /// Not read, though an answer was recorded.
    pub unread: usize,
    /// Read, though no answer was recorded.
    pub only_here: usize,
    /// Without an answer in both.
    pub without_answer: usize,
}

/// A question that was decided otherwise.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// Its task and name.
    pub question: String,
    /// What the replayed council read of each member, and decided.
    pub read: Vec<Option<String>>,
    /// Its decision.
    pub decided: Option<String>,
    /// What was recorded of each member.
    pub recorded: Vec<Option<String>>,
    /// What the election over them decides.
    pub offline: Option<String>,
}

/// One question, both ways.
pub(super) struct Compared {
    question: String,
    read: Vec<Option<String>>,
    recorded: Vec<Option<String>>,
    decided: Option<String>,
    offline: Option<String>,
    is_right: bool,
    offline_is_right: bool,
    repairs: usize,
}

impl Compared {
    pub(super) fn of(material: &Material, case: &Case, record: Option<&DecisionRecord>) -> Self {
        let recorded: Vec<Option<String>> =
            case.votes.iter().map(|vote| vote.as_ref().map(|vote| key(case.kind, vote))).collect();
        let proposal = |at: usize| {
            let proposals = &record?.proposals;
            proposals.iter().find(|proposal| usize::from(proposal.seat.number) == at + 1)
        };
        let read = |at: usize| {
            let proposal = proposal(at).filter(|proposal| !proposal.unread && !proposal.abstained)?;
            async_orchestrator_tally::canonical_key(case.kind, &proposal.proposal)
        };
        // Ties are drawn by the names of the candidates: they must be the council's.
        let name =
            |at: usize| proposal(at).map_or_else(|| format!("absent {at}"), |proposal| proposal.id.clone());
        let names: Vec<String> = (0..recorded.len()).map(name).collect();
        let offline = offline(material, case, &recorded, &names);
        let decided = record.and_then(|record| record.answer.answer_key.clone());
        let right = case.right.as_ref().map(|right| key(case.kind, right));
        Self {
            question: case.id.clone(),
            read: (0..recorded.len()).map(read).collect(),
            repairs: record.map_or(0, repairs),
            is_right: decided.is_some() && decided == right,
            offline_is_right: offline.is_some() && offline == right,
            recorded,
            decided,
            offline,
        }
    }

    fn is_same(&self) -> bool {
        self.decided == self.offline
    }
}

/// How many attempts asked a seat once more.
fn repairs(record: &DecisionRecord) -> usize {
    record.attempts.iter().filter(|attempt| attempt.call.ends_with("/repair")).count()
}

/// What the election over the recorded answers comes to, by the same rule and with the same names.
fn offline(
    material: &Material,
    case: &Case,
    recorded: &[Option<String>],
    names: &[String],
) -> Option<String> {
    let seats: Vec<String> = (1..=recorded.len()).map(|number| format!("proposer-{number}")).collect();
    let members: Vec<String> = material.members.iter().map(|model| member_of(model)).collect();
    let mut candidates: Vec<(Candidate, &str)> = Vec::new();
    for ((vote, seat), name) in recorded.iter().zip(&seats).zip(names) {
        let Some(answer) = vote else { continue };
        match candidates.iter_mut().find(|(_, known)| known == answer) {
            Some((candidate, _)) => candidate.supporters.push(seat.clone()),
            None => candidates.push((Candidate { id: name.clone(), supporters: vec![seat.clone()] }, answer)),
        }
    }
    let candidate_of =
        |answer: &str| candidates.iter().find(|(_, known)| *known == answer).map(|(candidate, _)| candidate);
    let votes: Vec<Vote<'_>> = recorded
        .iter()
        .enumerate()
        .filter_map(|(at, vote)| {
            let answer = vote.as_deref()?;
            Some(Vote {
                seat: &seats[at],
                member: &members[at],
                candidate: &candidate_of(answer)?.id,
                answer,
            })
        })
        .collect();
    let weighing = material.trust.as_ref().and_then(|trust| trust.weights(&case.class, &votes));
    let all = candidates.iter().map(|(candidate, _)| candidate.clone()).collect();
    let election = Election::try_new(all, Vec::new(), RuleChoice::Closed, SEED).ok()?;
    let election = match weighing {
        Some((rule, weights)) => election.weighed(rule, &weights).ok()?,
        None => election,
    };
    let winner = decide(&election).winner?;
    candidates.iter().find(|(candidate, _)| candidate.id == winner).map(|(_, answer)| (*answer).to_owned())
}

pub(super) fn report(options: &Options, material: &Material, compared: &[Compared], calls: u64) -> Report {
    let mut readings: BTreeMap<String, Reading> = BTreeMap::new();
    let mut read_alike = Alike::default();
    for one in compared {
        for (at, model) in options.members.iter().enumerate() {
            let reading = readings.entry(model.clone()).or_default();
            match (&one.read[at], &one.recorded[at]) {
                (None, None) => {
                    reading.alike += 1;
                    reading.without_answer += 1;
                }
                (Some(read), Some(recorded)) if read == recorded => reading.alike += 1,
                (Some(_), Some(_)) => reading.otherwise += 1,
                (None, Some(_)) => reading.unread += 1,
                (Some(_), None) => reading.only_here += 1,
            }
        }
        if one.read == one.recorded {
            read_alike.questions += 1;
            read_alike.same += usize::from(one.is_same());
        }
    }
    let difference = |one: &Compared| Difference {
        question: one.question.clone(),
        read: one.read.clone(),
        decided: one.decided.clone(),
        recorded: one.recorded.clone(),
        offline: one.offline.clone(),
    };
    let (ours, theirs): (Vec<bool>, Vec<bool>) =
        compared.iter().map(|one| (one.is_right, one.offline_is_right)).unzip();
    Report {
        set: options.set.clone(),
        members: options.members.iter().map(|model| (model.clone(), format_of(model).1)).collect(),
        rule: options.rule,
        questions: compared.len(),
        same: compared.iter().filter(|one| one.is_same()).count(),
        read_alike,
        differences: compared.iter().filter(|one| !one.is_same()).map(difference).collect(),
        accuracy: Estimate::percent(ours.iter().copied()),
        recorded: Estimate::percent(theirs.iter().copied()),
        gain: Estimate::gain(&ours, &theirs),
        readings,
        calls,
        repairs: compared.iter().map(|one| one.repairs).sum(),
        dropped: material.dropped.clone(),
    }
}
