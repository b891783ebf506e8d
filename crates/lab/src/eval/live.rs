//! Questions with known answers, put to configured models: each alone, the best of them several times over, and the council.
//!
//! The question file is JSON lines: `{"question": "..", "answer": ".."}`, and if you like `"id"`, `"options": ["..", ..]` (lettered from A on; the answer is
//! then a letter) and `"answer_kind"` (`choice`, `number`, `boolean`, `literal`, `text`).

mod ask;

use std::{
    collections::BTreeSet,
    io::BufRead,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use async_orchestrator::{AnswerKind, MicroUsd, Settings, trust::Trust};
use serde::{Deserialize, Serialize};

use super::{data::open, sample::Estimate};
use ask::{Contestant, Outcome};

/// Self-consistency takes at most so many samples: the seats of a council.
pub const SAMPLES_MAX: usize = 5;

/// What is evaluated.
#[derive(Clone, Debug)]
pub struct Options {
    /// The question file.
    pub questions: PathBuf,
    /// At most so many of its questions, from the first on.
    pub limit: Option<usize>,
    /// The models and the council.
    pub settings: Settings,
    /// What is known of the models.
    pub trust: Option<Arc<Trust>>,
    /// How many questions are asked at the same time.
    pub at_once: usize,
}

/// What it would take, before anything is called.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// How many questions would be asked.
    pub questions: usize,
    /// Who would answer alone.
    pub singles: Vec<String>,
    /// Calls in all, without repairs and fallbacks; self-consistency at its most.
    pub calls: usize,
    /// Their estimated cost; `None` if a price is unknown.
    pub cost: Option<MicroUsd>,
    /// What could not be read, in words.
    pub dropped: Vec<String>,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// How many questions were asked.
    pub questions: usize,
    /// The single model that was right most often; picked with hindsight, which favours it.
    pub best_single: String,
    /// Everyone.
    pub contestants: Vec<ContestantReport>,
    /// What could not be read, in words.
    pub dropped: Vec<String>,
}

/// One way of answering.
#[derive(Clone, Debug, Serialize)]
pub struct ContestantReport {
    /// `alone MODEL`, `N samples of MODEL` or `council`.
    pub name: String,
    /// How often it is right, in percent; no answer is not right.
    pub accuracy: Estimate,
    /// How much more often than the best single model, in percentage points, with the paired interval.
    pub gain: Estimate,
    /// Calls a question.
    pub calls: Estimate,
    /// Micro-dollars a question; `None` where a price is unknown.
    pub micro_usd: Option<Estimate>,
    /// Seconds a question.
    pub seconds: Estimate,
    /// Questions that ended in an error instead of an answer.
    pub failed: usize,
    /// The first of these errors, for people.
    pub first_error: Option<String>,
}

#[derive(Deserialize)]
struct Line {
    question: String,
    answer: String,
    #[serde(default)]
    options: Vec<String>,
    #[serde(default)]
    answer_kind: Option<AnswerKind>,
}

/// A question with its right answer.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    text: String,
    answer: String,
    kind: Option<AnswerKind>,
}

/// What it would take.
///
/// # Errors
/// If the questions cannot be read or the settings are no council.
pub fn plan(options: &Options) -> Result<Plan> {
    let (known, dropped) = read(&options.questions, options.limit)?;
    let singles = singles(options)?;
    let council = Contestant::council(options)?;
    let (mut calls, mut cost) = (0, Some(MicroUsd(0)));
    let mut add = |contestant: &Contestant, times: usize| -> Result<()> {
        for one in &known {
            let planned = contestant.plan(one)?;
            calls += planned.calls.len() * times;
            cost = cost.zip(planned.cost).map(|(sum, one)| MicroUsd(sum.0 + one.0 * times as u64));
        }
        Ok(())
    };
    add(&council, 1)?;
    for (at, model) in singles.iter().enumerate() {
        // The samples of the best one are not known yet: reckoned with the first model's.
        add(&Contestant::alone(options, model)?, if at == 0 { 1 + SAMPLES_MAX } else { 1 })?;
    }
    Ok(Plan { questions: known.len(), singles, calls, cost, dropped })
}

/// Evaluates; this calls models. `on_begin` hears who is asked next.
///
/// # Errors
/// If the questions cannot be read or the settings are no council. A question that ends in an error is counted.
pub async fn run(options: &Options, mut on_begin: impl FnMut(&str)) -> Result<Report> {
    let (known, dropped) = read(&options.questions, options.limit)?;
    let singles = singles(options)?;
    let mut all: Vec<(String, Vec<Outcome>)> = Vec::new();
    for model in &singles {
        let name = format!("alone {model}");
        on_begin(&name);
        let outcomes = Contestant::alone(options, model)?.run(&known, options.at_once).await;
        all.push((name, outcomes));
    }
    let right = |outcomes: &[Outcome]| outcomes.iter().filter(|outcome| outcome.is_right).count();
    let mut best = 0;
    for at in 1..all.len() {
        if right(&all[at].1) > right(&all[best].1) {
            best = at;
        }
    }
    on_begin("council");
    let council = Contestant::council(options)?.run(&known, options.at_once).await;
    let samples = samples(&all[best].1, &council);
    let name = format!("{samples} samples of {}", singles[best]);
    on_begin(&name);
    let sampled = Contestant::samples(options, &singles[best], samples)?.run(&known, options.at_once).await;
    let alone: Vec<bool> = all[best].1.iter().map(|outcome| outcome.is_right).collect();
    all.push((name, sampled));
    all.push((String::from("council"), council));
    Ok(Report {
        questions: known.len(),
        best_single: singles[best].clone(),
        contestants: all.into_iter().map(|(name, outcomes)| reported(name, &outcomes, &alone)).collect(),
        dropped,
    })
}

/// How many samples cost as much as the council: by money where all prices are known, else by calls; 2 to [`SAMPLES_MAX`].
fn samples(alone: &[Outcome], council: &[Outcome]) -> usize {
    let money = |outcomes: &[Outcome]| outcomes.iter().map(|outcome| outcome.micro_usd).sum::<Option<u64>>();
    let calls = |outcomes: &[Outcome]| outcomes.iter().map(|outcome| outcome.calls).sum::<u64>();
    let (one, all) = match (money(alone), money(council)) {
        (Some(one), Some(all)) if one > 0 => (one, all),
        _ => (calls(alone).max(1), calls(council)),
    };
    (2..SAMPLES_MAX).find(|samples| (2 * *samples as u64 + 1) * one > 2 * all).unwrap_or(SAMPLES_MAX)
}

/// The first models of the proposers' seats, each once.
fn singles(options: &Options) -> Result<Vec<String>> {
    let council = Contestant::council(options)?;
    let mut seen = BTreeSet::new();
    let singles: Vec<String> =
        council.proposers().into_iter().filter(|model| seen.insert(model.clone())).collect();
    if singles.is_empty() {
        bail!("no model proposes");
    }
    Ok(singles)
}

fn reported(name: String, outcomes: &[Outcome], alone: &[bool]) -> ContestantReport {
    let right: Vec<bool> = outcomes.iter().map(|outcome| outcome.is_right).collect();
    let of = |value: fn(&Outcome) -> f64| Estimate::of(&outcomes.iter().map(value).collect::<Vec<_>>());
    let money: Option<Vec<f64>> =
        outcomes.iter().map(|outcome| outcome.micro_usd.map(|money| money as f64)).collect();
    ContestantReport {
        name,
        accuracy: Estimate::percent(right.iter().copied()),
        gain: Estimate::gain(&right, alone),
        calls: of(|outcome| outcome.calls as f64),
        micro_usd: money.map(|money| Estimate::of(&money)),
        seconds: of(|outcome| outcome.seconds),
        failed: outcomes.iter().filter(|outcome| outcome.error.is_some()).count(),
        first_error: outcomes.iter().find_map(|outcome| outcome.error.clone()),
    }
}

fn read(path: &Path, limit: Option<usize>) -> Result<(Vec<Known>, Vec<String>)> {
    let (mut known, mut damaged) = (Vec::new(), 0);
    for line in open(path)?.split(b'\n') {
        let line = line.with_context(|| format!("{} ends before its end", path.display()))?;
        match serde_json::from_slice::<Line>(&line) {
            Ok(line) if !line.question.trim().is_empty() && !line.answer.trim().is_empty() => {
                known.push(line.into_known());
            }
            Err(_) if line.trim_ascii().is_empty() => {}
            Ok(_) | Err(_) => damaged += 1,
        }
    }
    let dropped = if damaged > 0 {
        vec![format!("{damaged} lines dropped: no JSON object with a question and an answer")]
    } else {
        Vec::new()
    };
    known.truncate(limit.unwrap_or(usize::MAX));
    if known.is_empty() {
        bail!("{} holds no question that can be read: {}", path.display(), dropped.join("; "));
    }
    Ok((known, dropped))
}

impl Line {
    fn into_known(self) -> Known {
        let mut text = self.question;
        for (letter, option) in ('A'..='Z').zip(&self.options) {
            text.extend(["\n", letter.encode_utf8(&mut [0; 4]), ") ", option]);
        }
        let kind = self.answer_kind.or_else(|| (self.options.len() > 1).then_some(AnswerKind::Choice));
        Known { text, answer: self.answer, kind }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(calls: u64, micro_usd: Option<u64>) -> Vec<Outcome> {
        vec![Outcome { calls, micro_usd, ..Outcome::default() }; 10]
    }

    #[test]
    fn samples_cost_as_much_as_the_council() {
        let money = |one, all| samples(&outcomes(1, Some(one)), &outcomes(8, Some(all)));
        assert_eq!([money(100, 310), money(100, 240), money(100, 2_000), money(100, 90)], [3, 2, 5, 2]);
        assert_eq!(samples(&outcomes(1, None), &outcomes(4, Some(9))), 4, "without prices by calls");
    }

    #[test]
    fn a_question_file_is_read_and_what_is_damaged_is_counted() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("questions.jsonl");
        let lines = "{\"question\": \"Which?\", \"options\": [\"x\", \"y\"], \"answer\": \"B\"}\nnonsense\n\n\
                     {\"question\": \"6 * 7?\", \"answer\": \"42\", \"answer_kind\": \"number\", \"note\": 1}\n{\"question\": \"\", \"answer\": \"1\"}\n";
        std::fs::write(&path, lines).unwrap();
        let (known, dropped) = read(&path, None).unwrap();
        assert_eq!(known.len(), 2);
        assert_eq!((known[0].text.as_str(), known[0].kind), ("Which?\nA) x\nB) y", Some(AnswerKind::Choice)));
        assert_eq!(known[1].kind, Some(AnswerKind::Number));
        assert!(dropped[0].starts_with("2 lines dropped"), "{dropped:?}");
        std::fs::write(&path, "nonsense").unwrap();
        assert!(read(&path, None).unwrap_err().to_string().contains("no question"));
        assert!(read(&directory.path().join("none"), None).is_err());
    }
}
