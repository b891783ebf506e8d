//! Whether triage's learned model sends the right questions to more deliberation, measured on recorded answers of a weak and a strong model.
//!
//! The files are RouteLLM's records of MMLU and GSM8K, on which the product's weights are trained, those of MT-Bench, on which nothing ever is,
//! and MMLU-Pro with the answers of many models for the [`probes`](mod@super::probes). Every figure is of questions that the model had not seen.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use async_orchestrator_triage::learned::{Corpus, Example, Model, Shape, platt};
use serde::Serialize;

use super::{
    apgr::Order,
    calibration::Quality,
    probes::{self, Council, ProbesReport},
    routing::{RoutingSet, read},
    sample::Estimate,
    votes::Outcome,
};

/// The folds of the product's own weights.
const TRAINING_FOLDS: usize = 5;

/// The shares of questions at which the won part of the gap is told, in percent: those at which triage chooses the Council.
const SHARES: [usize; 2] = [25, 40];

/// What is evaluated.
#[derive(Clone, Debug)]
pub struct Options {
    /// The directory that is fitted on.
    pub data: PathBuf,
    /// Another directory with the same files, which is scored; without it `data` itself, each question by what was fitted without its fold.
    pub score: Option<PathBuf>,
    /// The number of folds.
    pub folds: usize,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The orders that are learned from texts.
    pub texts: Vec<TextReport>,
    /// What probes add, for each rule of the council.
    pub probes: Vec<ProbesReport>,
    /// What the model's probabilities are worth.
    pub calibration: CalibrationReport,
    /// What has to be reached on the development half, and what was.
    pub bars: Vec<Bar>,
    /// What was left out or could not be read, by file.
    pub dropped: Vec<String>,
}

/// One order of one set's questions.
#[derive(Clone, Debug, Serialize)]
pub struct TextReport {
    /// What it was learned from: `mmlu`, `gsm8k`, `pooled` (both, as the product's weights) or `length` (nothing: longer questions first).
    pub learned_from: String,
    /// The set that is scored.
    pub scored: String,
    /// Its questions.
    pub questions: usize,
    /// The APGR.
    pub apgr: Estimate,
    /// The part of the gap that is won with a quarter and with two fifths of the questions at the strong model.
    pub recovered: [f64; SHARES.len()],
}

/// Whether "Express is enough" comes as often as the product's recipe says, over both sets.
#[derive(Clone, Debug, Serialize)]
pub struct CalibrationReport {
    /// Brier's score and the calibration error of P(Express is enough).
    pub quality: Quality,
    /// The Brier score of the mean, told of every question.
    pub brier_of_mean: f64,
    /// Tenths of the questions, ordered by what is told: what is told on average, and how often it came.
    pub tenths: Vec<[f64; 2]>,
}

/// What has to be reached.
#[derive(Clone, Debug, Serialize)]
pub struct Bar {
    /// Of what.
    pub what: &'static str,
    /// At least this.
    pub at_least: f64,
    /// What was reached.
    pub is: f64,
    /// Whether that is enough.
    pub is_met: bool,
}

/// What training came to.
#[derive(Clone, Debug, Serialize)]
pub struct TrainingReport {
    /// How many questions of each set it saw.
    pub questions: Vec<(String, usize)>,
    /// The size of the file in bytes.
    pub bytes: usize,
    /// Its BLAKE3 hash.
    pub hash: String,
    /// The share of questions with a gain, and the probabilities that a quarter and two fifths of the questions reach.
    pub mean_gain: f64,
    /// See there.
    pub top_quarter: f64,
    /// See there.
    pub top_two_fifths: f64,
    /// What was left out or could not be read, by file.
    pub dropped: Vec<String>,
}

/// The sets of one directory.
struct Sets {
    /// In the order of their numbers in examples.
    trained: [RoutingSet; 2],
    mtbench: RoutingSet,
}

impl Sets {
    fn read(directory: &Path) -> Result<Self> {
        Ok(Self {
            trained: [read(directory, "mmlu")?, read(directory, "gsm8k")?],
            mtbench: read(directory, "mtbench")?,
        })
    }

    fn examples(&self, folds: usize) -> Vec<Example<'_>> {
        self.trained.iter().enumerate().flat_map(|(number, set)| set.examples(number, folds)).collect()
    }

    fn drops(&self) -> Vec<String> {
        drops(self.trained.iter().chain([&self.mtbench]))
    }
}

fn drops<'a>(sets: impl IntoIterator<Item = &'a RoutingSet>) -> Vec<String> {
    sets.into_iter()
        .flat_map(|set| set.dropped.iter().map(|words| format!("routellm_{}: {words}", set.name)))
        .collect()
}

/// Trains the product's weights on the directory `data` and writes them to `out`; the same data give the same bytes.
///
/// # Errors
/// If data are missing, damaged or too few, or `out` cannot be written.
pub fn train_and_write(data: &Path, out: &Path) -> Result<TrainingReport> {
    let sets = [read(data, "mmlu")?, read(data, "gsm8k")?];
    let examples: Vec<Example<'_>> =
        sets.iter().enumerate().flat_map(|(number, set)| set.examples(number, TRAINING_FOLDS)).collect();
    let model = async_orchestrator_triage::learned::train(&examples)?;
    let bytes = model.to_bytes();
    std::fs::write(out, &bytes).with_context(|| format!("cannot write {}", out.display()))?;
    Ok(TrainingReport {
        questions: sets.iter().map(|set| (set.name.clone(), set.questions.len())).collect(),
        bytes: bytes.len(),
        hash: blake3::hash(&bytes).to_hex().to_string(),
        mean_gain: model.mean_gain(),
        top_quarter: model.top_quarter(),
        top_two_fifths: model.top_two_fifths(),
        dropped: drops(&sets),
    })
}

/// Evaluates.
///
/// # Errors
/// If data are missing, damaged or too few.
pub fn run(options: &Options) -> Result<Report> {
    if options.folds < 2 {
        bail!("at least 2 folds are needed: a model must not have seen what it is scored on");
    }
    let known = Sets::read(&options.data)?;
    let other = options.score.as_deref().map(Sets::read).transpose()?;
    let scored = other.as_ref().unwrap_or(&known);
    let corpora = [
        Corpus::new(&known.trained[0].examples(0, options.folds))?,
        Corpus::new(&known.trained[1].examples(0, options.folds))?,
    ];
    let pooled = Corpus::new(&known.examples(options.folds))?;
    let mut texts = Vec::new();
    for (number, set) in scored.trained.iter().enumerate() {
        let scores = match &other {
            None => corpora[number].out_of_fold(Shape::Full)?,
            Some(_) => scores(&corpora[number].fit(Shape::Full, |_| true)?, set),
        };
        texts.push(text_report(&known.trained[number].name, set, &scores));
        let another = 1 - number;
        let transferred = scores_of_all(&corpora[another], set)?;
        texts.push(text_report(&known.trained[another].name, set, &transferred));
        texts.push(text_report("length", set, &lengths(set)));
    }
    let (chances, pooled_scores) = chances(&pooled, &known, other.as_ref(), options.folds)?;
    let mut rest = pooled_scores.as_slice();
    for set in &scored.trained {
        let (own, others) = rest.split_at(set.questions.len());
        texts.push(text_report("pooled", set, own));
        rest = others;
    }
    texts.push(text_report("pooled", &scored.mtbench, &scores_of_all(&pooled, &scored.mtbench)?));
    texts.push(text_report("length", &scored.mtbench, &lengths(&scored.mtbench)));
    let of_rule = |rule| probes::run(&options.data, options.score.as_deref(), options.folds, rule);
    let probes = vec![of_rule(Council::JointWeights)?, of_rule(Council::LogOdds)?];
    let mut dropped = known.drops();
    dropped.extend(other.iter().flat_map(Sets::drops));
    Ok(Report {
        bars: bars(&texts, &probes),
        texts,
        probes,
        calibration: calibration(&chances, scored),
        dropped,
    })
}

fn scores(model: &Model, set: &RoutingSet) -> Vec<f64> {
    set.questions.iter().map(|question| model.predict(&question.prompt).score).collect()
}

fn scores_of_all(corpus: &Corpus, set: &RoutingSet) -> Result<Vec<f64>> {
    Ok(scores(&corpus.fit(Shape::Full, |_| true)?, set))
}

fn lengths(set: &RoutingSet) -> Vec<f64> {
    set.questions.iter().map(|question| question.prompt.chars().count() as f64).collect()
}

fn text_report(learned_from: &str, set: &RoutingSet, scores: &[f64]) -> TextReport {
    let order = Order::new(scores, &set.uplifts());
    TextReport {
        learned_from: learned_from.to_owned(),
        scored: set.name.clone(),
        questions: set.questions.len(),
        apgr: order.estimate(),
        recovered: SHARES.map(|percent| order.recovered(percent).unwrap_or(0.0)),
    }
}

/// P(gain) and score of each question of both sets, by what had not seen it.
fn chances(
    pooled: &Corpus,
    known: &Sets,
    other: Option<&Sets>,
    folds: usize,
) -> Result<(Vec<f64>, Vec<f64>)> {
    if let Some(other) = other {
        let model = pooled.train()?;
        let found = other.trained.iter().flat_map(|set| &set.questions);
        return Ok(found
            .map(|question| model.predict(&question.prompt))
            .map(|found| (found.p_gain, found.score))
            .unzip());
    }
    let scores = pooled.out_of_fold(Shape::Full)?;
    let examples = known.examples(folds);
    let mut chances = vec![0.0; scores.len()];
    for fold in 0..folds {
        let outside = || scores.iter().zip(&examples).filter(|(_, example)| example.fold != fold);
        let seen: Vec<f64> = outside().map(|(score, _)| *score).collect();
        let gains: Vec<bool> = outside().map(|(_, example)| example.uplift > 0.5).collect();
        let (intercept, slope) = platt(&seen, &gains);
        for ((chance, score), _) in
            chances.iter_mut().zip(&scores).zip(&examples).filter(|(_, example)| example.fold == fold)
        {
            *chance = 1.0 / (1.0 + (-(intercept + slope * score)).exp());
        }
    }
    Ok((chances, scores))
}

fn calibration(chances: &[f64], scored: &Sets) -> CalibrationReport {
    let gains = scored.trained.iter().flat_map(RoutingSet::uplifts).map(|uplift| uplift > 0.5);
    let mut outcomes: Vec<Outcome> = chances
        .iter()
        .zip(gains)
        .map(|(chance, gain)| Outcome { is_right: !gain, sure: 1.0 - chance })
        .collect();
    let quality = Quality::of(&outcomes);
    outcomes.sort_by(|one, two| one.sure.total_cmp(&two.sure));
    let count = outcomes.len();
    let hit = |outcome: &Outcome| f64::from(u8::from(outcome.is_right));
    let tenth = |number: usize| {
        let part = &outcomes[count * number / 10..count * (number + 1) / 10];
        let mean = |of: &dyn Fn(&Outcome) -> f64| part.iter().map(of).sum::<f64>() / part.len().max(1) as f64;
        [mean(&|outcome| outcome.sure), mean(&hit)]
    };
    let mean = outcomes.iter().map(hit).sum::<f64>() / count.max(1) as f64;
    CalibrationReport { quality, brier_of_mean: mean * (1.0 - mean), tenths: (0..10).map(tenth).collect() }
}

fn bars(texts: &[TextReport], probes: &[ProbesReport]) -> Vec<Bar> {
    let text = |from: &str, scored: &str| {
        let found = texts.iter().find(|text| text.learned_from == from && text.scored == scored);
        found.map_or(0.0, |text| text.apgr.mean)
    };
    let bar = |what, at_least, is| Bar { what, at_least, is, is_met: is >= at_least };
    let mut bars = vec![
        bar("MMLU", 0.67, text("mmlu", "mmlu")),
        bar("GSM8K", 0.62, text("gsm8k", "gsm8k")),
        bar("MMLU, learned from GSM8K", 0.60, text("gsm8k", "mmlu")),
        bar("GSM8K, learned from MMLU", 0.58, text("mmlu", "gsm8k")),
    ];
    for report in probes {
        let after = |asked: usize| report.apgr.get(asked).map_or(0.0, |apgr| apgr.mean);
        let [one, three] = match report.rule {
            Council::JointWeights => {
                ["one probe, council by joint weights", "three probes, council by joint weights"]
            }
            Council::LogOdds => ["one probe, council by log-odds", "three probes, council by log-odds"],
        };
        bars.extend([bar(one, 0.65, after(1)), bar(three, 0.72, after(3))]);
    }
    bars
}

#[cfg(test)]
mod tests;
