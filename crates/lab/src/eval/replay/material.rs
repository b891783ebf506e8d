//! What is replayed: questions with their recorded texts and answers, and what is learned from the others.

use std::{collections::BTreeMap, io::BufRead, path::Path, sync::Arc};

use anyhow::{Context, Result, bail};
use async_orchestrator::{AnswerKind, TriageRequest, trust::Trust};
use async_orchestrator_core::Proposal;
use async_orchestrator_tally::{Labelled, canonical_key};
use serde::{Deserialize, de::DeserializeOwned};

use super::{Options, member_of};
use crate::eval::{
    data::{AnswerSet, Question, find, read_sets},
    rules::Rule,
};

/// A task's answers are of a form if nearly all that are known to be right can be read so.
const OF_A_FORM: f64 = 0.95;

#[derive(Deserialize)]
struct Asked {
    #[serde(alias = "category")]
    task: String,
    qid: String,
    question: String,
}

#[derive(Deserialize)]
struct Answered {
    #[serde(alias = "category")]
    task: String,
    qid: String,
    #[serde(flatten)]
    texts: BTreeMap<String, Option<String>>,
}

/// A question that is replayed.
pub(super) struct Case {
    pub(super) id: String,
    pub(super) question: String,
    pub(super) kind: AnswerKind,
    /// What triage calls it, by which trust is learned and used.
    pub(super) class: String,
    /// In the order of the members: the texts, and the answers that were recorded.
    pub(super) texts: Vec<String>,
    pub(super) votes: Vec<Option<String>>,
    pub(super) right: Option<String>,
}

/// Everything that a replay needs.
pub(super) struct Material {
    pub(super) members: Vec<String>,
    pub(super) cases: Vec<Case>,
    pub(super) trust: Option<Arc<Trust>>,
    pub(super) dropped: Vec<String>,
}

impl Material {
    pub(super) fn read(options: &Options) -> Result<Self> {
        if options.members.is_empty() {
            bail!("name the models whose texts are replayed");
        }
        let sets = read_sets(&options.data)?;
        let Some(set) = sets.into_iter().find(|set| set.name == options.set) else {
            bail!("{} holds no {}_votes", options.data.display(), options.set);
        };
        let mut dropped = set.dropped.clone();
        let (asked, damaged) = lines::<Asked>(&options.data, &format!("{}_questions.jsonl", set.name))?;
        note(&mut dropped, damaged, "questions that are no JSON object with task, qid and question");
        let (answered, damaged) = lines::<Answered>(&options.data, &format!("{}_answers.jsonl", set.name))?;
        note(&mut dropped, damaged, "answers that are no JSON object with task, qid and texts");
        let places: Option<Vec<usize>> = options.members.iter().map(|model| set.model(model)).collect();
        let Some(places) = places else {
            bail!("{} has no votes of one of: {}", set.name, options.members.join(", "))
        };
        for model in &options.members {
            if !answered.iter().any(|line| line.texts.contains_key(model)) {
                bail!("{}_answers.jsonl has no texts of {model}", set.name);
            }
        }
        let asked: BTreeMap<(String, String), String> =
            asked.into_iter().map(|line| ((line.task, line.qid), line.question)).collect();
        let mut texts: BTreeMap<(String, String), BTreeMap<String, Option<String>>> =
            answered.into_iter().map(|line| ((line.task, line.qid), line.texts)).collect();
        let kinds = kinds(&set);
        let mut cases: Vec<Case> = Vec::new();
        let mut missing = 0;
        for question in &set.questions {
            let key = (question.category.clone(), question.id.clone());
            let (Some(text), Some(mut given)) = (asked.get(&key), texts.remove(&key)) else {
                missing += 1;
                continue;
            };
            let kind = kinds.get(&question.category).copied().unwrap_or(AnswerKind::Literal);
            cases.push(case(options, &places, question, text, kind, |model| given.remove(model).flatten()));
        }
        note(&mut dropped, missing, "questions without a text or without recorded texts");
        // Drawn by name, so that the same questions come whatever the order of the files.
        cases.sort_by_key(|case| *blake3::hash(format!("replay {}", case.id).as_bytes()).as_bytes());
        let others = cases.split_off(options.questions.min(cases.len()));
        if cases.is_empty() {
            bail!("there is no question to replay: {}", dropped.join("; "));
        }
        let trust = (options.rule == Rule::JointWeights).then(|| Arc::new(learned(options, &others)));
        Ok(Self { members: options.members.clone(), cases, trust, dropped })
    }
}

fn case(
    options: &Options,
    places: &[usize],
    question: &Question,
    text: &str,
    kind: AnswerKind,
    mut given: impl FnMut(&str) -> Option<String>,
) -> Case {
    let answer = |at: u16| question.answers[usize::from(at)].clone();
    let request = TriageRequest::new(text).answer_kind(kind);
    Case {
        id: format!("{}/{}", question.category, question.id),
        question: text.to_owned(),
        kind,
        class: async_orchestrator_triage::decide(&request).task_class,
        texts: options.members.iter().map(|model| given(model).unwrap_or_default()).collect(),
        votes: places.iter().map(|at| question.votes[*at].map(answer)).collect(),
        right: question.truth.map(answer),
    }
}

/// What the questions that are not replayed teach of the members.
fn learned(options: &Options, others: &[Case]) -> Trust {
    let members: Vec<String> = options.members.iter().map(|model| member_of(model)).collect();
    let labelled = |case: &Case| -> (Vec<(usize, String)>, String, String) {
        let key = |answer: &String| key(case.kind, answer);
        let votes =
            case.votes.iter().enumerate().filter_map(|(at, vote)| Some((at, key(vote.as_ref()?)))).collect();
        (votes, case.class.clone(), case.right.as_ref().map_or_else(|| "\u{0}".to_owned(), key))
    };
    let known: Vec<_> = others.iter().map(labelled).collect();
    let labelled: Vec<Labelled<'_>> = known
        .iter()
        .map(|(votes, class, truth)| Labelled {
            class,
            votes: votes.iter().map(|(at, vote)| (members[*at].as_str(), vote.as_str())).collect(),
            truth,
        })
        .collect();
    Trust::learn(&labelled)
}

/// The canonical form of a recorded answer; an answer that has none stands for itself.
pub(super) fn key(kind: AnswerKind, answer: &str) -> String {
    if kind == AnswerKind::Literal && answer.trim().is_empty() {
        return String::from("''");
    }
    canonical_key(kind, &Proposal::short(answer)).unwrap_or_else(|| answer.to_owned())
}

/// The form of each task's answers, from those that are right: whoever asks knows it.
fn kinds(set: &AnswerSet) -> BTreeMap<String, AnswerKind> {
    let mut right: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for question in &set.questions {
        if let Some(truth) = question.truth {
            right.entry(&question.category).or_default().push(&question.answers[usize::from(truth)]);
        }
    }
    let form = |answers: &Vec<&str>| {
        let reads = |kind: AnswerKind| {
            let said = |answer: &&&str| canonical_key(kind, &Proposal::short(**answer)).is_some();
            answers.iter().filter(said).count() as f64 >= OF_A_FORM * answers.len() as f64
        };
        [AnswerKind::Choice, AnswerKind::Number, AnswerKind::Boolean]
            .into_iter()
            .find(|kind| reads(*kind))
            .unwrap_or(AnswerKind::Literal)
    };
    right.iter().map(|(task, answers)| ((*task).to_owned(), form(answers))).collect()
}

/// The lines of a file that can be read, and how many cannot.
pub(crate) fn lines<T: DeserializeOwned>(directory: &Path, file: &str) -> Result<(Vec<T>, usize)> {
    let (mut read, mut damaged) = (Vec::new(), 0);
    for line in find(directory, file)?.split(b'\n') {
        let line = line.with_context(|| format!("{file} ends before its end"))?;
        match serde_json::from_slice(&line) {
            Ok(line) => read.push(line),
            Err(_) if line.trim_ascii().is_empty() => {}
            Err(_) => damaged += 1,
        }
    }
    Ok((read, damaged))
}

fn note(dropped: &mut Vec<String>, count: usize, what: &str) {
    if count > 0 {
        dropped.push(format!("{count} dropped: {what}"));
    }
}
