//! From a question's features to the uplift that is expected of a stronger model. Arithmetic only; what to do about it is decided elsewhere.

use std::sync::LazyLock;

use super::{
    cause::Cause,
    features::{BUCKET_BITS, Features},
    names::{COUNT, FEATURES},
    weights::{WeightsError, decode, encode},
};

/// A standardised feature counts at most this much.
pub(crate) const DEVIATIONS_MAX: f64 = 3.0;

/// The words of one section weigh at most the square root of this, whatever their number.
const SECTION_SHARE: f64 = 0.5;

/// The buckets of both sections: the stem's, then the options'.
pub(crate) const BUCKETS: usize = 2 << BUCKET_BITS;

/// The weights that are built in.
const BUILT_IN: &[u8] = include_bytes!("../../weights/triage-1.bin");

/// Predicts how likely it is that a stronger model answers a question rightly and a weaker one does not.
///
/// For closed questions in English only: of open tasks it knows nothing. See [the module](super) for what it was trained on and how far it can be trusted.
///
/// ```
/// use async_orchestrator_triage::learned::Model;
///
/// let model = Model::built_in().expect("the weights that are built in can be read");
/// let found = model.predict("Which of the following is a prime number?\nA. 21\nB. 27\nC. 29\nD. 33\nAnswer:");
/// assert!((0.0..=1.0).contains(&found.p_gain) && found.p_gain + found.p_enough() == 1.0);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// In the order of [`FEATURES`].
    pub(crate) dense: Vec<Dense>,
    pub(crate) grams: Vec<Gram>,
    /// What one unit of a bucket's weight is worth.
    pub(crate) gram_scale: f32,
    /// What the words contribute to a training question on average.
    pub(crate) gram_mean: f32,
    pub(crate) calibration: Calibration,
}

/// What one feature is worth.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dense {
    pub(crate) mean: f32,
    /// One over the standard deviation; 0 where the feature was the same in every training question.
    pub(crate) precision: f32,
    pub(crate) weight: f32,
    /// Ascending.
    pub(crate) edges: Vec<f32>,
    /// Between the edges, so one more than these.
    pub(crate) steps: Vec<f32>,
}

/// What one bucket is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gram {
    pub(crate) weight: i8,
    /// How rare it is, in 255ths of the rarest; 0 if it stood in at most one training question.
    pub(crate) rarity: u8,
}

/// What scores mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Calibration {
    /// P(gain) = 1 / (1 + exp(-(intercept + slope * score))).
    pub(crate) intercept: f32,
    pub(crate) slope: f32,
    /// The P(gain) that a quarter of the training questions reach, each judged by a model that had not seen it.
    pub(crate) top_quarter: f32,
    /// The same for two fifths.
    pub(crate) top_two_fifths: f32,
    /// The share of training questions with a gain.
    pub(crate) mean: f32,
}

impl Calibration {
    /// Of a model that only ranks.
    pub(crate) const NONE: Self =
        Self { intercept: 0.0, slope: 1.0, top_quarter: 0.5, top_two_fifths: 0.5, mean: 0.5 };
}

/// What the model found about one question.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// The expected uplift above the average of its set, without unit: only its order counts.
    pub score: f64,
    /// The probability that a stronger model is right where a weaker one is not, 0 to 1.
    pub p_gain: f64,
    causes: [f64; Cause::ALL.len()],
}

impl Prediction {
    /// The probability that Express is enough: that a stronger model would not be right where a weaker one is not.
    pub fn p_enough(&self) -> f64 {
        1.0 - self.p_gain
    }

    /// How much a group of features raises the score above that of an average training question; below 0 it lowers it.
    pub fn share_of(&self, cause: Cause) -> f64 {
        self.causes[cause.place()]
    }

    /// The groups that move the score most in the direction in which it lies from the average, the strongest first, at most `most`.
    pub fn strongest(&self, most: usize) -> Vec<Cause> {
        let sign = if self.causes.iter().sum::<f64>() < 0.0 { -1.0 } else { 1.0 };
        let mut causes: Vec<Cause> =
            Cause::ALL.into_iter().filter(|cause| self.share_of(*cause) * sign > 0.0).collect();
        causes.sort_by(|one, two| (self.share_of(*two) * sign).total_cmp(&(self.share_of(*one) * sign)));
        causes.truncate(most);
        causes
    }
}

impl Model {
    /// The model whose weights are built in; read once.
    ///
    /// # Errors
    /// If the build took in a damaged file: then build from an undamaged tree, or train the weights anew.
    pub fn built_in() -> Result<&'static Self, &'static WeightsError> {
        static MODEL: LazyLock<Result<Model, WeightsError>> = LazyLock::new(|| Model::from_bytes(BUILT_IN));
        MODEL.as_ref()
    }

    /// Reads weights.
    ///
    /// # Errors
    /// If the bytes are no weights, of another version or for other features, or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WeightsError> {
        decode(bytes)
    }

    /// The weights as a file: little-endian, with a checksum, the same bytes for the same model.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// What the model expects of the question. Reads at most its first 6 kB and last 2 kB.
    pub fn predict(&self, text: &str) -> Prediction {
        self.predict_of(&Features::of(text))
    }

    pub(crate) fn predict_of(&self, features: &Features) -> Prediction {
        let mut causes = [0.0; Cause::ALL.len()];
        for ((dense, value), (_, cause)) in self.dense.iter().zip(&features.dense).zip(&FEATURES) {
            causes[cause.place()] += dense.worth(*value);
        }
        let words = self.section(&features.stem, 0) + self.section(&features.options, BUCKETS / 2);
        let mean = f64::from(self.gram_mean);
        causes[Cause::Wording.place()] += words - mean;
        let score = causes.iter().sum::<f64>() + mean;
        Prediction { score, p_gain: self.p_gain(score), causes }
    }

    pub(crate) fn score_of(&self, features: &Features) -> f64 {
        self.predict_of(features).score
    }

    fn p_gain(&self, score: f64) -> f64 {
        let Calibration { intercept, slope, .. } = self.calibration;
        1.0 / (1.0 + (-(f64::from(intercept) + f64::from(slope) * score)).exp())
    }

    /// The P(gain) that a quarter of the training questions reach, each judged by a model that had not seen it.
    pub fn top_quarter(&self) -> f64 {
        f64::from(self.calibration.top_quarter)
    }

    /// The P(gain) that two fifths of the training questions reach.
    pub fn top_two_fifths(&self) -> f64 {
        f64::from(self.calibration.top_two_fifths)
    }

    /// The share of training questions that a stronger model answered rightly and a weaker one did not.
    pub fn mean_gain(&self) -> f64 {
        f64::from(self.calibration.mean)
    }

    /// What the words of a section contribute. A word that was never seen counts in the length, as the rarest.
    fn section(&self, buckets: &[u16], offset: usize) -> f64 {
        let (mut sum, mut square) = (0_i64, 0_u64);
        for bucket in buckets {
            let gram = self.grams.get(offset + usize::from(*bucket)).copied().unwrap_or_default();
            let rarity = if gram.rarity == 0 { u8::MAX } else { gram.rarity };
            sum += i64::from(gram.weight) * i64::from(gram.rarity);
            square += u64::from(rarity) * u64::from(rarity);
        }
        f64::from(self.gram_scale) * section_factor(square as f64) * sum as f64
    }
}

/// What each word of a section is multiplied with, from the sum of the squares of their rarities.
pub(crate) fn section_factor(square: f64) -> f64 {
    if square > 0.0 { (SECTION_SHARE / square).sqrt() } else { 0.0 }
}

impl Dense {
    /// The feature's value in standard deviations from the average, within limits.
    pub(crate) fn standard(&self, value: f64) -> f64 {
        ((value - f64::from(self.mean)) * f64::from(self.precision)).clamp(-DEVIATIONS_MAX, DEVIATIONS_MAX)
    }

    pub(crate) fn worth(&self, value: f64) -> f64 {
        let value_single = single(value);
        let step = self.edges.partition_point(|edge| *edge < value_single);
        f64::from(self.weight) * self.standard(value)
            + self.steps.get(step).map_or(0.0, |step| f64::from(*step))
    }
}

/// A number as the weights keep it.
#[expect(clippy::cast_possible_truncation, reason = "rounding to the nearest is what is wanted")]
pub(crate) fn single(value: f64) -> f32 {
    value as f32
}

/// An empty model of the right shape.
pub(crate) fn blank() -> Model {
    let dense = Dense { mean: 0.0, precision: 0.0, weight: 0.0, edges: Vec::new(), steps: vec![0.0] };
    Model {
        dense: vec![dense; COUNT],
        grams: vec![Gram::default(); BUCKETS],
        gram_scale: 0.0,
        gram_mean: 0.0,
        calibration: Calibration::NONE,
    }
}
