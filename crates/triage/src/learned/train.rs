//! Trains a model: pure and deterministic, the same examples in the same order give the same bytes.

use super::{
    features::{BUCKET_BITS, Features},
    model::{BUCKETS, Calibration, Gram, Model, blank, section_factor, single},
    names::{COUNT, place_of},
    ridge::Design,
    stumps,
};

/// How strongly dense weights are drawn to their prior, for each row. So heavy that each feature counts nearly by itself: that transfers best to other sets.
const DENSE_PENALTY: f64 = 3.0;

/// How strongly words' weights are drawn to 0.
const WORD_PENALTY: f64 = 10.0;

/// The constants of the sets are all but free.
const SET_PENALTY: f64 = 1e-3;

/// The prior: uplift for each standard deviation of features that tell how much a question holds. It keeps a model trained on one kind of question
/// of use on another.
const PRIOR: f64 = 0.02;
const PRIOR_FEATURES: [&str; 11] = [
    "a_words",
    "a_rep",
    "a_maxrep",
    "a_comma",
    "a_neg",
    "a_cond",
    "a_cmp",
    "he",
    "caps_names",
    "quote",
    "ops",
];

/// What the tables of steps count beside the linear part.
const BLEND: f64 = 0.5;

/// A feature that varies less is taken as constant.
const DEVIATION_MIN: f64 = 1e-6;

/// A word counts from so many questions on.
const QUESTIONS_MIN: usize = 2;

/// Newton's method for two parameters is done long before.
const NEWTON_STEPS: usize = 50;

/// From this uplift on it is a gain: the stronger model was right and the weaker one was not.
const GAIN_FROM: f64 = 0.5;

/// Memory has a limit.
const EXAMPLES_MAX: usize = 1_000_000;
const SETS_MAX: usize = 256;

/// A question whose answers are known.
#[derive(Clone, Copy, Debug)]
pub struct Example<'a> {
    /// The question with its options, as it was put to the models.
    pub text: &'a str,
    /// How right the stronger model was less how right the weaker one was, each 0 to 1: so -1 to 1.
    pub uplift: f64,
    /// The number of the set it comes from. Each set is centred by itself: models are told questions apart, not sets.
    pub set: usize,
    /// The fold it belongs to, from 0 on: what scores mean is learned from questions that the model had not seen.
    pub fold: usize,
}

/// Which parts are trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Features and words, each with one weight.
    Linear,
    /// And the tables of steps.
    Full,
}

/// Why nothing could be trained.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// Too few examples.
    #[error("{found} examples are too few to train on: at least {needed} are needed")]
    TooFew {
        /// How many there are.
        found: usize,
        /// How many it takes.
        needed: usize,
    },
    /// Too many examples, sets or folds.
    #[error("too many {what}: at most {most} are taken")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are taken.
        most: usize,
    },
    /// An uplift that is not between -1 and 1.
    #[error("the uplift of example {index} is not between -1 and 1")]
    Uplift {
        /// Which example, from 0.
        index: usize,
    },
    /// All examples lie in one fold.
    #[error(
        "the examples lie in one fold: two are needed, for what scores mean is learned from questions that were not seen"
    )]
    OneFold,
}

/// Fewer examples than these are refused: splits need 60 rows a side.
const EXAMPLES_MIN: usize = 120;

struct Row {
    features: Features,
    uplift: f64,
    set: usize,
    fold: usize,
}

/// Examples whose texts have been read.
pub struct Corpus {
    rows: Vec<Row>,
    sets: usize,
    folds: usize,
}

impl std::fmt::Debug for Corpus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { rows, sets, folds } = self;
        write!(f, "Corpus({} examples of {sets} sets in {folds} folds)", rows.len())
    }
}

/// Trains on the examples, and learns from their folds what scores mean.
///
/// # Errors
/// If there are too few examples or too many, an uplift is out of range, or all lie in one fold.
pub fn train(examples: &[Example<'_>]) -> Result<Model, TrainError> {
    Corpus::new(examples)?.train()
}

impl Corpus {
    /// Reads the examples' texts.
    ///
    /// # Errors
    /// If there are too few examples or too many, or an uplift is out of range.
    pub fn new(examples: &[Example<'_>]) -> Result<Self, TrainError> {
        let found = examples.len();
        if found < EXAMPLES_MIN {
            return Err(TrainError::TooFew { found, needed: EXAMPLES_MIN });
        }
        let most = |of: fn(&Example<'_>) -> usize| {
            examples.iter().map(of).max().map_or(0, |most| most.saturating_add(1))
        };
        let (sets, folds) = (most(|example| example.set), most(|example| example.fold));
        for (what, is, most) in
            [("examples", found, EXAMPLES_MAX), ("sets", sets, SETS_MAX), ("folds", folds, SETS_MAX)]
        {
            if is > most {
                return Err(TrainError::TooMany { what, most });
            }
        }
        if let Some(index) = examples.iter().position(|example| !(-1.0..=1.0).contains(&example.uplift)) {
            return Err(TrainError::Uplift { index });
        }
        let row = |example: &Example<'_>| Row {
            features: Features::of(example.text),
            uplift: example.uplift,
            set: example.set,
            fold: example.fold,
        };
        Ok(Self { rows: examples.iter().map(row).collect(), sets, folds })
    }

    /// Trains on all examples; what scores mean is learned from [`out_of_fold`](Self::out_of_fold).
    ///
    /// # Errors
    /// If there are too few examples outside some fold, or all lie in one.
    pub fn train(&self) -> Result<Model, TrainError> {
        let scores = self.out_of_fold(Shape::Full)?;
        let gains: Vec<bool> = self.rows.iter().map(|row| row.uplift >= GAIN_FROM).collect();
        let mut model = self.fit(Shape::Full, |_| true)?;
        model.calibration = calibration(&scores, &gains);
        Ok(model)
    }

    /// The score of each example by a model that was trained without its fold.
    ///
    /// # Errors
    /// If there are too few examples outside some fold, or all lie in one.
    pub fn out_of_fold(&self, shape: Shape) -> Result<Vec<f64>, TrainError> {
        if self.folds < 2 {
            return Err(TrainError::OneFold);
        }
        let mut scores = vec![0.0; self.rows.len()];
        for fold in 0..self.folds {
            let model = self.fit(shape, |index| self.rows[index].fold != fold)?;
            for (score, row) in scores.iter_mut().zip(&self.rows).filter(|(_, row)| row.fold == fold) {
                *score = model.score_of(&row.features);
            }
        }
        Ok(scores)
    }

    /// Trains on the examples that `keep` takes by their place. The model only ranks: its probabilities mean nothing.
    ///
    /// # Errors
    /// If it takes too few.
    pub fn fit(&self, shape: Shape, keep: impl Fn(usize) -> bool) -> Result<Model, TrainError> {
        let kept = self.rows.iter().enumerate().filter(|(index, _)| keep(*index)).map(|(_, row)| row);
        let rows: Vec<&Row> = kept.collect();
        if rows.len() < EXAMPLES_MIN {
            return Err(TrainError::TooFew { found: rows.len(), needed: EXAMPLES_MIN });
        }
        let target = self.centred(&rows);
        let mut model = blank();
        standardise(&mut model, &rows);
        linear(&mut model, &rows, &target, self.sets);
        if shape == Shape::Full {
            let columns: Vec<Vec<f64>> =
                (0..COUNT).map(|at| rows.iter().map(|row| row.features.dense[at]).collect()).collect();
            for (dense, steps) in model.dense.iter_mut().zip(stumps::fit(&columns, &target)) {
                dense.edges = steps.edges.into_iter().map(single).collect();
                dense.steps = steps.values.into_iter().map(|value| single(BLEND * value)).collect();
            }
        }
        Ok(model)
    }

    /// What a model scores example number `index` with.
    pub fn score(&self, model: &Model, index: usize) -> f64 {
        model.score_of(&self.rows[index].features)
    }

    /// The uplifts, each less its set's mean.
    fn centred(&self, rows: &[&Row]) -> Vec<f64> {
        let mut sets = vec![(0.0, 0.0); self.sets];
        for row in rows {
            sets[row.set].0 += row.uplift;
            sets[row.set].1 += 1.0;
        }
        rows.iter().map(|row| row.uplift - sets[row.set].0 / sets[row.set].1).collect()
    }
}

fn standardise(model: &mut Model, rows: &[&Row]) {
    let count = rows.len() as f64;
    for (at, dense) in model.dense.iter_mut().enumerate() {
        let values = || rows.iter().map(|row| row.features.dense[at]);
        let mean = values().sum::<f64>() / count;
        let deviation = (values().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
        dense.mean = single(mean);
        dense.precision = if deviation < DEVIATION_MIN { 0.0 } else { single(1.0 / deviation) };
    }
}

/// The buckets of a row, those of the options behind those of the stem.
fn sections(row: &Row) -> [(usize, &[u16]); 2] {
    [(0, &row.features.stem), (1 << BUCKET_BITS, &row.features.options)]
}

/// How rare each bucket is, in 255ths of the rarest: the square root of the logarithm of its inverse frequency.
fn rarities(rows: &[&Row]) -> Vec<u8> {
    let mut questions = vec![0_usize; BUCKETS];
    for row in rows {
        for (offset, buckets) in sections(row) {
            for bucket in buckets {
                questions[offset + usize::from(*bucket)] += 1;
            }
        }
    }
    let rarity = |questions: usize| {
        if questions < QUESTIONS_MIN {
            return 0.0;
        }
        ((rows.len() + 1) as f64 / (questions + 1) as f64).ln().sqrt()
    };
    let rarest = questions.iter().map(|questions| rarity(*questions)).fold(0.0, f64::max).max(1e-9);
    let byte = |questions: &usize| match *questions {
        questions if questions < QUESTIONS_MIN => 0,
        questions => whole(rarity(questions) / rarest * 255.0).clamp(1, 255),
    };
    questions.iter().map(|questions| u8::try_from(byte(questions)).unwrap_or(0)).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "a small number is rounded to the nearest whole one")]
fn whole(value: f64) -> i32 {
    value.round() as i32
}

fn design(model: &Model, rows: &[&Row], sets: usize, column_of: &[Option<u32>], columns: usize) -> Design {
    let mut design = Design {
        dense_columns: COUNT,
        dense: Vec::with_capacity(rows.len() * COUNT),
        word_columns: columns,
        starts: vec![0],
        words: Vec::new(),
        sets,
        set: rows.iter().map(|row| row.set).collect(),
    };
    for row in rows {
        design
            .dense
            .extend(model.dense.iter().zip(&row.features.dense).map(|(dense, value)| dense.standard(*value)));
        for (offset, buckets) in sections(row) {
            let places = || buckets.iter().map(|bucket| offset + usize::from(*bucket));
            let rarity = |place: usize| f64::from(model.grams[place].rarity);
            let square: f64 =
                places().map(|place| if rarity(place) > 0.0 { rarity(place) } else { 255.0 }.powi(2)).sum();
            let factor = section_factor(square);
            let words = places().filter_map(|place| Some((column_of[place]?, factor * rarity(place))));
            design.words.extend(words);
        }
        design.starts.push(design.words.len());
    }
    design
}

/// Fits the weights of features and words together.
fn linear(model: &mut Model, rows: &[&Row], target: &[f64], sets: usize) {
    for (gram, rarity) in model.grams.iter_mut().zip(rarities(rows)) {
        gram.rarity = rarity;
    }
    let mut columns = 0_u32;
    let column = |gram: &Gram| {
        (gram.rarity > 0).then(|| {
            columns += 1;
            columns - 1
        })
    };
    let column_of: Vec<Option<u32>> = model.grams.iter().map(column).collect();
    let design = design(model, rows, sets, &column_of, columns as usize);
    let mut prior = vec![0.0; COUNT + columns as usize + sets];
    for place in PRIOR_FEATURES.iter().filter_map(|name| place_of(name)) {
        prior[place] = PRIOR;
    }
    let rest: Vec<f64> =
        design.times(&prior).iter().zip(target).map(|(prior, target)| target - prior).collect();
    let mut penalties = vec![DENSE_PENALTY * rows.len() as f64; COUNT];
    penalties.resize(COUNT + columns as usize, WORD_PENALTY);
    penalties.resize(prior.len(), SET_PENALTY);
    let weights: Vec<f64> =
        design.solve(&rest, &penalties).iter().zip(&prior).map(|(change, prior)| prior + change).collect();
    for (dense, weight) in model.dense.iter_mut().zip(&weights) {
        dense.weight = single(*weight);
    }
    let words = &weights[COUNT..COUNT + columns as usize];
    let unit = words.iter().fold(0.0_f64, |most, weight| most.max(weight.abs())) / 127.0;
    if unit > 0.0 {
        model.gram_scale = single(unit);
        for (gram, column) in model.grams.iter_mut().zip(&column_of) {
            let weight = column.map_or(0.0, |column| words[column as usize]);
            gram.weight = i8::try_from(whole(weight / unit)).unwrap_or(0);
        }
        let sum: f64 = design.words.iter().map(|(column, value)| words[*column as usize] * value).sum();
        model.gram_mean = single(sum / rows.len() as f64);
    }
}

/// What scores mean: a logistic curve through them (Platt, "Probabilistic outputs for support vector machines", 1999) by Newton's method.
pub fn platt(scores: &[f64], gains: &[bool]) -> (f64, f64) {
    let (mut intercept, mut slope) = (0.0, 0.0);
    for _ in 0..NEWTON_STEPS {
        let (mut g0, mut g1, mut h00, mut h01, mut h11) = (0.0, 0.0, 1e-9, 0.0, 1e-9);
        for (score, gain) in scores.iter().zip(gains) {
            let p = 1.0 / (1.0 + (-(intercept + slope * score)).exp());
            let (error, variance) = (p - f64::from(u8::from(*gain)), p * (1.0 - p));
            g0 += error;
            g1 += error * score;
            h00 += variance;
            h01 += variance * score;
            h11 += variance * score * score;
        }
        let determinant: f64 = h00 * h11 - h01 * h01;
        if determinant.abs() < 1e-12 {
            break;
        }
        intercept -= (h11 * g0 - h01 * g1) / determinant;
        slope -= (h00 * g1 - h01 * g0) / determinant;
    }
    // Data that a line parts in two have no finite curve.
    (intercept.clamp(-50.0, 50.0), slope.clamp(-1e3, 1e3))
}

fn calibration(scores: &[f64], gains: &[bool]) -> Calibration {
    let (intercept, slope) = platt(scores, gains);
    let mut chances: Vec<f64> =
        scores.iter().map(|score| 1.0 / (1.0 + (-(intercept + slope * score)).exp())).collect();
    chances.sort_by(f64::total_cmp);
    let reached_by = |percent: usize| {
        let above = chances.len() * percent / 100;
        chances.get(chances.len().saturating_sub(above.max(1))).copied().unwrap_or(0.5)
    };
    let mean = gains.iter().filter(|gain| **gain).count() as f64 / gains.len().max(1) as f64;
    Calibration {
        intercept: single(intercept),
        slope: single(slope),
        top_quarter: single(reached_by(25)),
        top_two_fifths: single(reached_by(40)),
        mean: single(mean),
    }
}
