//! A model of closed questions, trained on recorded answers: how likely is it that a stronger model is right where a weaker one is not?
//!
//! # Method
//! What is learned is the uplift of a question: how right the strong model was less how right the weak one was, so -1, 0 or 1. Whether the
//! weak model is wrong would be another question, with a worse answer: where both are wrong, more deliberation is wasted.
//!
//! The score is the sum of
//! - a linear part over 75 numbers (length, numbers, negations, repeated words, how alike the options are, ...) and over which words stand in
//!   the stem and in the options (hashed into 32,768 buckets each, weighed by rarity, each section of the same length). Both are fitted
//!   together by ridge regression, each set centred by itself. The numbers' weights are drawn, heavily, to a small prior on eleven of them that
//!   tell how much a question holds, and not to 0: that is what lets the model be of use on sets that it has not seen;
//! - half of 200 boosted stumps over the same 75 numbers, which add up to one table of steps for each.
//!
//! A logistic curve (Platt) through the scores of questions that the model had not seen makes the score a probability.
//!
//! # Data
//! The answers of Mixtral-8x7B (weak) and GPT-4 (gpt-4-1106-preview, strong) to 7,013 questions of MMLU and 666 of GSM8K that RouteLLM
//! recorded (lm-sys/RouteLLM, Apache-2.0, commit 0b64fdaf; the development half, contaminated questions left out). The questions are not part of
//! this crate. The weights are made by
//!
//! ```text
//! orchestrator eval triage --train crates/triage/weights/triage-1.bin
//! ```
//!
//! and the same data give the same bytes on the same platform.
//!
//! # How good it is
//! The average performance gap recovered (APGR; a random order has 0.5, [RouteLLM](https://arxiv.org/abs/2406.18665)) on questions that were not
//! seen, five folds or another set, with the 95 % bootstrap interval:
//!
//! | trained on | scored on | APGR | length alone |
//! |---|---|---|---|
//! | MMLU | MMLU | 0.679 (0.652 to 0.710) | 0.582 |
//! | GSM8K | GSM8K | 0.663 (0.601 to 0.742) | 0.623 |
//! | both, as the weights built in | MMLU | 0.677 (0.648 to 0.706) | |
//! | both | GSM8K | 0.635 (0.572 to 0.709) | |
//! | GSM8K | MMLU | 0.608 (0.583 to 0.632) | |
//! | MMLU | GSM8K | 0.626 (0.567 to 0.694) | |
//! | both | MT-Bench, 34 questions | 0.662 (0.356 to 0.856) | 0.458 |
//!
//! P(Express is enough) has a Brier score of 0.1477 (0.1527 for the mean told of each) and an expected calibration error of 0.006. A quarter of
//! MMLU's questions, those with the highest scores, win 47 % of the gap, two fifths 65 %; of GSM8K's 40 % and 55 %.
//!
//! It takes 11 to 14 microseconds for a question of 1 kB, about 100 for a paste of 100 kB (release build, x86-64). The weights take 133 kB.
//!
//! # Limits
//! - It knows closed questions in English. Of open tasks (designs, proofs, texts) it knows nothing and finds them easy; nobody should ask it.
//! - It learned from one pair of models. For another pair the order can be another: on MMLU-Pro, with Gemini 1.5 Flash against a council of five,
//!   it is no better than chance (0.456 in the trials that led to it). There the answers of one to three cheap probes tell more than any text.
//! - It tells questions of one kind apart, not kinds: school problems in words get low probabilities, whatever their set's mean is.
//! - In the lowest tenth by P(gain) Express fails to be enough more often than is told (17 % against 11 %).
//! - Uplift between two models stands in for the uplift of a council over one call, which the data do not hold.

mod cause;
mod features;
mod model;
mod names;
mod ridge;
mod stumps;
mod tally;
mod tokens;
mod train;
mod weights;
mod words;

pub use cause::Cause;
pub use model::{Model, Prediction};
pub use train::{Corpus, Example, Shape, TrainError, platt, train};
pub use weights::WeightsError;

#[cfg(test)]
mod tests;
