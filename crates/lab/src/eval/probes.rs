//! When is the council right where Express is not? Told by the text alone, and by cheap probes that answer the same question.
//!
//! On MMLU-Pro: Express is one middling model that has answered, the council five models, the probes three small models, asked in this order. What counts is the
//! text, who agrees with whom, how probable Express's answer is by the votes so far (the product's own joint weights), and how long the replies were. Everything is fitted without the questions that are scored, the text's score of
//! the fitted questions by folds within them.

use std::{collections::BTreeMap, io::BufRead, path::Path};

use anyhow::{Context, Result, bail};
use async_orchestrator_tally::{Trust, Vote};
use async_orchestrator_triage::learned::{Corpus, Example, Shape};
use serde::{Deserialize, Serialize};

use super::{
    apgr::Order,
    data::{AnswerSet, Question, find, read_sets},
    pools::{Pool, pools},
    probes_model::{Ridge, Seen},
    routing::stem,
    rules::Rule,
    sample::{Estimate, fold_of},
    votes::Fitted,
};

const SET: &str = "mmlu_pro";
const EXPRESS: &str = "gemini-1.5-flash-002";
const COUNCIL: &str = "best-5";
const PROBES: [&str; 3] =
    ["Mixtral-8x7B-Instruct-v0.1", "Meta-Llama-3.1-8B-Instruct", "Phi-3-mini-4k-instruct"];

/// The folds within the fitted questions.
const INNER_FOLDS: usize = 5;

/// The length of a usual reply, in characters.
const CHARS_USUAL: f64 = 600.0;

/// A score of a text counts at most this many standard deviations.
const DEVIATIONS_MAX: f64 = 3.0;

/// A vote's weight in the council by log-odds: as among ten options.
const OPTIONS: usize = 10;

/// How the council's votes are weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Council {
    /// The product's weights, fitted together ([`Rule::JointWeights`]).
    JointWeights,
    /// The log-odds of each member and category, without a discount for correlated errors.
    LogOdds,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct ProbesReport {
    /// How the council's votes are weighed.
    pub rule: Council,
    /// How many questions were scored.
    pub questions: usize,
    /// How often Express is right, in percent.
    pub express: f64,
    /// How often the council is, in percent.
    pub council: f64,
    /// The APGR after 0, 1, 2 and 3 probes.
    pub apgr: Vec<Estimate>,
    /// What could not be read, in words.
    pub dropped: Vec<String>,
}

#[derive(Deserialize)]
struct Asked {
    question_id: u64,
    question: String,
    options: Vec<String>,
}

/// A question with its text.
struct Case<'a> {
    question: &'a Question,
    lengths: Option<&'a BTreeMap<String, f64>>,
    text: String,
    stem: String,
    options: usize,
}

/// The answers of one directory.
struct Recorded {
    set: AnswerSet,
    asked: BTreeMap<String, Asked>,
    /// The characters of a reply, by question and model; empty where they were not recorded.
    lengths: BTreeMap<String, BTreeMap<String, f64>>,
    dropped: Vec<String>,
}

impl Recorded {
    fn read(directory: &Path) -> Result<Self> {
        let Some(set) = read_sets(directory)?.into_iter().find(|set| set.name == SET) else {
            bail!("{} holds no {SET}_votes.csv", directory.display());
        };
        let (mut asked, mut damaged) = (BTreeMap::new(), 0);
        let file = format!("{SET}_questions.jsonl");
        for line in find(directory, &file)?.split(b'\n') {
            let line = line.with_context(|| format!("{file} ends before its end"))?;
            match serde_json::from_slice::<Asked>(&line) {
                Ok(question) => {
                    asked.insert(question.question_id.to_string(), question);
                }
                Err(_) if line.trim_ascii().is_empty() => {}
                Err(_) => damaged += 1,
            }
        }
        let mut dropped = set.dropped.clone();
        if damaged > 0 {
            dropped.push(format!(
                "{damaged} lines dropped: no JSON object with question_id, question and options"
            ));
        }
        let unknown = set.questions.iter().filter(|question| !asked.contains_key(&question.id)).count();
        if unknown > 0 {
            dropped.push(format!("{unknown} questions dropped: answers without a text"));
        }
        if unknown == set.questions.len() {
            bail!("{file} of {} has no question that was answered", directory.display());
        }
        Ok(Self { lengths: lengths(directory)?, set, asked, dropped })
    }

    fn cases(&self) -> Vec<Case<'_>> {
        let case = |question| {
            let asked = self.asked.get(&Question::clone(question).id)?;
            let mut text = asked.question.clone();
            for (letter, option) in ('A'..).zip(&asked.options) {
                text.extend(["\n", letter.encode_utf8(&mut [0; 4]), ". ", option]);
            }
            text.push_str("\nAnswer:");
            let lengths = self.lengths.get(&question.id);
            Some(Case { question, text, stem: stem(&asked.question), options: asked.options.len(), lengths })
        };
        self.set.questions.iter().filter_map(case).collect()
    }
}

/// Who answers, in one set.
struct Seats<'a> {
    set: &'a AnswerSet,
    rule: Council,
    pool: Pool,
    express: usize,
    probes: Vec<usize>,
}

impl<'a> Seats<'a> {
    fn of(set: &'a AnswerSet, rule: Council) -> Result<Self> {
        let pool = pools(set, &[COUNCIL.to_owned()])?.into_iter().next();
        let place = |name: &str| set.model(name).with_context(|| format!("{SET} has no answers of {name}"));
        Ok(Self {
            set,
            rule,
            pool: pool.with_context(|| format!("{SET} lacks members of the pool {COUNCIL}"))?,
            express: place(EXPRESS)?,
            probes: PROBES.iter().map(|name| place(name)).collect::<Result<_>>()?,
        })
    }

    /// What the members are worth, from questions whose answers are known.
    fn fitted(&self, questions: &[&Question]) -> Fitted {
        Fitted::of(self.set, &self.pool, questions, Rule::JointWeights)
    }

    /// Whether the council's answer is right.
    fn is_right(&self, fitted: &Fitted, question: &Question) -> bool {
        if self.rule == Council::JointWeights {
            return fitted.outcome(self.set, &self.pool, question).is_right;
        }
        let mut weights = vec![0.0; question.answers.len()];
        for member in &self.pool.members {
            if let Some(answer) = question.votes[*member] {
                let name = &self.set.models[*member];
                weights[usize::from(answer)] +=
                    fitted.trust.log_odds_among(name, &question.category, OPTIONS);
            }
        }
        // Of equal ones the first: that of the best member.
        let winner = (0..weights.len()).rev().max_by(|one, two| weights[*one].total_cmp(&weights[*two]));
        winner.is_some_and(|winner| question.truth.is_some_and(|truth| usize::from(truth) == winner))
    }

    /// What Express and the probes are worth together.
    fn crew(&self, questions: &[&Question], asked: usize) -> Trust {
        let members = [self.express].into_iter().chain(self.probes[..asked].iter().copied()).collect();
        Fitted::of(self.set, &Pool { name: String::new(), members }, questions, Rule::JointWeights).trust
    }

    /// How probable Express's answer is by the votes of the crew, the best other one, and none of them.
    fn odds(&self, case: &Case<'_>, crew: &Trust, asked: usize) -> [f64; 3] {
        let members = [self.express].into_iter().chain(self.probes[..asked].iter().copied());
        let votes: Vec<(&str, u16)> = members
            .filter_map(|member| Some((self.set.models[member].as_str(), case.question.votes[member]?)))
            .collect();
        let ids: Vec<String> = votes.iter().map(|(_, answer)| answer.to_string()).collect();
        let cast: Vec<Vote<'_>> = votes
            .iter()
            .zip(&ids)
            .map(|((member, answer), id)| Vote {
                seat: member,
                member,
                candidate: id,
                answer: &case.question.answers[usize::from(*answer)],
            })
            .collect();
        let Some(weights) = crew.joint_weights(&case.question.category, &cast) else { return [0.0; 3] };
        let score = |answer: u16| -> f64 {
            let id = answer.to_string();
            let own = cast.iter().filter(|vote| vote.candidate == id);
            own.filter_map(|vote| weights.supporters.get(vote.seat)).sum::<f64>()
                + weights.candidates.get(&id).copied().unwrap_or_default()
        };
        let mut answers: Vec<u16> = votes.iter().map(|(_, answer)| *answer).collect();
        answers.sort_unstable();
        answers.dedup();
        let none = weights.none.unwrap_or_default().exp();
        let all: f64 = answers.iter().map(|answer| score(*answer).exp()).sum::<f64>() + none;
        let express = case.question.votes[self.express];
        let own = express.map_or(0.0, |answer| score(answer).exp() / all);
        let other = answers
            .iter()
            .filter(|answer| Some(**answer) != express)
            .map(|answer| score(*answer).exp() / all);
        [own, other.fold(0.0, f64::max), none / all]
    }

    fn seen(&self, case: &Case<'_>, text: f64, categories: &[&str], asked: usize, crew: &Trust) -> Seen {
        let express = case.question.votes[self.express];
        let letter = express.and_then(|answer| case.question.answers[usize::from(answer)].bytes().next());
        Seen {
            category: categories.iter().position(|known| *known == case.question.category),
            categories: categories.len(),
            options: case.options,
            express,
            letter: letter.map(|letter| usize::from(letter.to_ascii_uppercase().saturating_sub(b'A'))),
            probes: self.probes[..asked].iter().map(|probe| case.question.votes[*probe]).collect(),
            lengths: [self.express]
                .iter()
                .chain(&self.probes[..asked])
                .map(|member| length(case, &self.set.models[*member]))
                .collect(),
            text,
            odds: self.odds(case, crew, asked),
        }
    }
}

/// How long a reply was, as the logarithm of its characters; the usual length where it is not known.
fn length(case: &Case<'_>, model: &str) -> f64 {
    let chars = case.lengths.and_then(|lengths| lengths.get(model)).copied().unwrap_or(CHARS_USUAL);
    (chars.max(1.0) / CHARS_USUAL).ln()
}

/// The lengths of replies: `mmlu_pro_lengths.csv`, where it is there.
fn lengths(directory: &Path) -> Result<BTreeMap<String, BTreeMap<String, f64>>> {
    let Ok(reader) = find(directory, &format!("{SET}_lengths.csv")) else { return Ok(BTreeMap::new()) };
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(reader);
    let header = reader.headers().context("the header of the lengths cannot be read")?.clone();
    let mut lengths = BTreeMap::new();
    for line in reader.records() {
        let line = line.context("the lengths end before their end")?;
        let known = header
            .iter()
            .zip(&line)
            .skip(1)
            .filter_map(|(model, chars)| Some((model.to_owned(), chars.parse().ok()?)));
        lengths.insert(line.get(0).unwrap_or_default().to_owned(), known.collect());
    }
    Ok(lengths)
}

/// What one scored question came to.
#[derive(Clone, Copy, Default)]
struct Scored {
    express: bool,
    council: bool,
    /// After 0 to 3 probes.
    scores: [f64; PROBES.len() + 1],
}

/// Evaluates probes: each question scored by what was fitted without its fold, or, with `score`, those of that directory by what was fitted on all of `data`.
///
/// # Errors
/// If answers or questions are missing or damaged as a whole, or members of the council or probes are.
pub fn run(data: &Path, score: Option<&Path>, folds: usize, rule: Council) -> Result<ProbesReport> {
    let known = Recorded::read(data)?;
    let seats = Seats::of(&known.set, rule)?;
    let cases = known.cases();
    let mut dropped = known.dropped.clone();
    let scored = if let Some(directory) = score {
        let other = Recorded::read(directory)?;
        let there = Seats::of(&other.set, rule)?;
        dropped.extend(other.dropped.clone());
        let fitted: Vec<&Case<'_>> = cases.iter().collect();
        let asked = other.cases();
        evaluate(&seats, &fitted, &there, &asked.iter().collect::<Vec<_>>())?
    } else {
        let fold: Vec<usize> = cases.iter().map(|case| fold_of(&case.stem, folds)).collect();
        let mut scored = vec![Scored::default(); cases.len()];
        for number in 0..folds {
            let (inside, outside): (Vec<usize>, Vec<usize>) =
                (0..cases.len()).partition(|place| fold[*place] == number);
            let of = |places: &[usize]| places.iter().map(|place| &cases[*place]).collect::<Vec<_>>();
            let found = evaluate(&seats, &of(&outside), &seats, &of(&inside))?;
            for (place, found) in inside.into_iter().zip(found) {
                scored[place] = found;
            }
        }
        scored
    };
    Ok(report(rule, &scored, dropped))
}

fn report(rule: Council, scored: &[Scored], dropped: Vec<String>) -> ProbesReport {
    let value = |is_right: bool| f64::from(u8::from(is_right));
    let uplifts: Vec<f64> =
        scored.iter().map(|scored| value(scored.council) - value(scored.express)).collect();
    let percent = |of: fn(&Scored) -> bool| {
        100.0 * scored.iter().filter(|scored| of(scored)).count() as f64 / scored.len().max(1) as f64
    };
    let apgr = |asked: usize| {
        let scores: Vec<f64> = scored.iter().map(|scored| scored.scores[asked]).collect();
        Order::new(&scores, &uplifts).estimate()
    };
    ProbesReport {
        rule,
        questions: scored.len(),
        express: percent(|scored| scored.express),
        council: percent(|scored| scored.council),
        apgr: (0..=PROBES.len()).map(apgr).collect(),
        dropped,
    }
}

/// Scores `asked` by what is fitted on `fitted`.
fn evaluate(
    seats: &Seats<'_>,
    fitted: &[&Case<'_>],
    there: &Seats<'_>,
    asked: &[&Case<'_>],
) -> Result<Vec<Scored>> {
    let questions: Vec<&Question> = fitted.iter().map(|case| case.question).collect();
    let council = seats.fitted(&questions);
    let inner: Vec<usize> =
        fitted.iter().map(|case| fold_of(&format!("inner {}", case.stem), INNER_FOLDS)).collect();
    let uplifts = uplifts_of(seats, fitted, &inner);
    let (own, others) = texts(fitted, &inner, &uplifts, asked)?;
    let mut categories: Vec<&str> = fitted.iter().map(|case| case.question.category.as_str()).collect();
    categories.sort_unstable();
    categories.dedup();
    let mut scored: Vec<Scored> = asked
        .iter()
        .map(|case| Scored {
            express: case.question.is_right(there.express),
            council: there.is_right(&council, case.question),
            scores: [0.0; PROBES.len() + 1],
        })
        .collect();
    for probes in 0..=PROBES.len() {
        let crew = seats.crew(&questions, probes);
        let row = |seats: &Seats<'_>, case: &Case<'_>, text: f64| {
            seats.seen(case, text, &categories, probes, &crew).numbers()
        };
        let rows: Vec<Vec<f64>> =
            fitted.iter().zip(&own).map(|(case, text)| row(seats, case, *text)).collect();
        let model = Ridge::fit(&rows, &uplifts);
        for ((scored, case), text) in scored.iter_mut().zip(asked).zip(&others) {
            scored.scores[probes] = model.predict(&row(there, case, *text));
        }
    }
    Ok(scored)
}

/// What the council adds to Express on the fitted questions, each decided by weights fitted without its inner fold: weights that had seen it would be too good.
fn uplifts_of(seats: &Seats<'_>, fitted: &[&Case<'_>], inner: &[usize]) -> Vec<f64> {
    let value = |is_right: bool| f64::from(u8::from(is_right));
    let mut uplifts = vec![0.0; fitted.len()];
    for number in 0..INNER_FOLDS {
        let outside = fitted.iter().zip(inner).filter(|(_, fold)| **fold != number);
        let questions: Vec<&Question> = outside.map(|(case, _)| case.question).collect();
        let council = seats.fitted(&questions);
        for ((uplift, case), _) in
            uplifts.iter_mut().zip(fitted).zip(inner).filter(|(_, fold)| **fold == number)
        {
            let is_right = seats.is_right(&council, case.question);
            *uplift = value(is_right) - value(case.question.is_right(seats.express));
        }
    }
    uplifts
}

/// What the texts say, in standard deviations: of the fitted questions by folds within them, of the others by a model of all fitted ones.
fn texts(
    fitted: &[&Case<'_>],
    inner: &[usize],
    uplifts: &[f64],
    asked: &[&Case<'_>],
) -> Result<(Vec<f64>, Vec<f64>)> {
    let examples: Vec<Example<'_>> = fitted
        .iter()
        .zip(uplifts)
        .zip(inner)
        .map(|((case, uplift), fold)| Example { text: &case.text, uplift: *uplift, set: 0, fold: *fold })
        .collect();
    let corpus = Corpus::new(&examples)?;
    let own = corpus.out_of_fold(Shape::Linear)?;
    let model = corpus.fit(Shape::Linear, |_| true)?;
    let mean = own.iter().sum::<f64>() / own.len().max(1) as f64;
    let spread = (own.iter().map(|score| (score - mean).powi(2)).sum::<f64>() / own.len().max(1) as f64)
        .sqrt()
        .max(1e-9);
    let standard = |score: f64| (score / spread).clamp(-DEVIATIONS_MAX, DEVIATIONS_MAX);
    let others = asked.iter().map(|case| standard(model.predict(&case.text).score)).collect();
    Ok((own.into_iter().map(standard).collect(), others))
}
