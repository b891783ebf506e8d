//! One sequence of tokens under way: its keys and values, and a pass of new tokens through the model.
//!
//! Memory for keys and values is set aside once for the whole window (the system hands it out as it is first written to).
//! Going back is free, so a common prefix is computed once.

use std::sync::Arc;

use rayon::{ThreadPool, prelude::*};

use super::{Layer, Model};
use crate::{EngineError, cancel::Cancel, kernel, matrix::Inputs};

/// The most tokens of one pass: with the default model their inputs stay in the second-level cache.
const PASS_TOKENS_MAX: usize = 128;
/// The products below which attention is not split over threads.
const SPLIT_PRODUCTS_MIN: usize = 1 << 16;

/// One sequence of tokens and what the model remembers of it.
pub(crate) struct Session {
    model: Arc<Model>,
    /// Computes every pass. Sessions share it: a thread without a pass of its own takes parts of another's.
    team: Arc<ThreadPool>,
    layers: Vec<Memory>,
    length: usize,
}

/// The keys and values of a layer: per head of keys, per position.
struct Memory {
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl Session {
    pub(crate) fn new(model: Arc<Model>, team: Arc<ThreadPool>) -> Self {
        let config = model.config();
        let size = config.key_heads * config.window * config.head_width;
        let layers =
            (0..config.layers).map(|_| Memory { keys: vec![0.0; size], values: vec![0.0; size] }).collect();
        Self { model, team, layers, length: 0 }
    }

    /// The tokens that still fit.
    pub(crate) fn room(&self) -> usize {
        self.model.config().window - self.length
    }

    /// Forgets all tokens from the position `length` on.
    pub(crate) fn rewind(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// Appends `tokens`, at least one, and returns the logits of what may follow. After an error the session stands anywhere
    /// between the old length and the new one; [`Session::rewind`] makes it whole.
    pub(crate) fn feed(&mut self, tokens: &[u32], cancel: &Cancel) -> Result<Vec<f32>, EngineError> {
        self.check(tokens)?;
        let (model, team) = (Arc::clone(&self.model), Arc::clone(&self.team));
        team.install(|| {
            let width = model.config.width;
            let mut last = vec![0.0; width];
            for part in tokens.chunks(PASS_TOKENS_MAX) {
                let states = self.pass(part, cancel)?;
                last.copy_from_slice(&states[states.len() - width..]);
            }
            let mut logits = vec![0.0; model.config.vocabulary];
            model.output.multiply(&Inputs::round(&last, width), &mut logits);
            Ok(logits)
        })
    }

    /// Appends `tokens` without asking what follows.
    pub(crate) fn extend(&mut self, tokens: &[u32], cancel: &Cancel) -> Result<(), EngineError> {
        if tokens.is_empty() {
            return Ok(());
        }
        self.check(tokens)?;
        let team = Arc::clone(&self.team);
        team.install(|| tokens.chunks(PASS_TOKENS_MAX).try_for_each(|part| self.pass(part, cancel).map(drop)))
    }

    /// Appends all of `tokens` but the last one, and returns for each but the first the natural logarithm of its probability
    /// after those before it.
    pub(crate) fn score(&mut self, tokens: &[u32], cancel: &Cancel) -> Result<Vec<f64>, EngineError> {
        self.check(tokens)?;
        let (model, team) = (Arc::clone(&self.model), Arc::clone(&self.team));
        team.install(|| {
            let mut scores = Vec::with_capacity(tokens.len());
            let before = &tokens[..tokens.len() - 1];
            for (part, targets) in before.chunks(PASS_TOKENS_MAX).zip(tokens[1..].chunks(PASS_TOKENS_MAX)) {
                let states = self.pass(part, cancel)?;
                cancel.check()?;
                scores.extend(model.log_probabilities(&states, targets));
            }
            Ok(scores)
        })
    }

    fn check(&self, tokens: &[u32]) -> Result<(), EngineError> {
        if tokens.is_empty() || tokens.iter().any(|&token| token as usize >= self.model.config.vocabulary) {
            return Err(EngineError::fault("no tokens, or tokens out of the vocabulary"));
        }
        if tokens.len() > self.room() {
            let (needed, window) = (self.length + tokens.len(), self.model.config.window);
            return Err(EngineError::WindowTooSmall { needed, window });
        }
        Ok(())
    }

    /// Runs `tokens` through all layers; the normalised states, one row a token.
    fn pass(&mut self, tokens: &[u32], cancel: &Cancel) -> Result<Vec<f32>, EngineError> {
        let model = Arc::clone(&self.model);
        let config = &model.config;
        let mut states = vec![0.0; tokens.len() * config.width];
        for (&token, state) in tokens.iter().zip(states.chunks_exact_mut(config.width)) {
            model.embedding.copy_row(token as usize, state);
        }
        for (layer, memory) in model.layers.iter().zip(&mut self.layers) {
            cancel.check()?;
            let change = attend(&model, layer, memory, self.length, &states);
            kernel::add(&mut states, &change);
            let change = forward(&model, layer, &states);
            kernel::add(&mut states, &change);
        }
        self.length += tokens.len();
        let mut normalised = vec![0.0; states.len()];
        kernel::rms_norm(&states, &model.norm, config.norm_epsilon, &mut normalised);
        Ok(normalised)
    }
}

impl Model {
    /// The logarithm of the probability of `targets[i]` after the state `i`, without the whole table of logits in memory.
    fn log_probabilities(&self, states: &[f32], targets: &[u32]) -> Vec<f64> {
        let count = targets.len();
        let mut largest = vec![f32::NEG_INFINITY; count];
        let mut sums = vec![0.0_f64; count];
        let mut wanted = vec![0.0_f32; count];
        self.output.multiply_by_tiles(&Inputs::round(states, self.config.width), |first, part| {
            for (at, logits) in part.chunks_exact(part.len() / count).enumerate() {
                let peak = logits.iter().copied().fold(largest[at], f32::max);
                let rescaled = sums[at] * f64::from(largest[at] - peak).exp();
                sums[at] =
                    rescaled + f64::from(logits.iter().map(|logit| kernel::exp(logit - peak)).sum::<f32>());
                largest[at] = peak;
                if let Some(logit) = (targets[at] as usize).checked_sub(first).and_then(|at| logits.get(at)) {
                    wanted[at] = *logit;
                }
            }
        });
        let terms = wanted.iter().zip(&largest).zip(&sums);
        terms.map(|((wanted, largest), sum)| f64::from(wanted - largest) - sum.ln()).collect()
    }
}

/// The attention of a layer over all positions so far; what it adds to the states.
fn attend(model: &Model, layer: &Layer, memory: &mut Memory, start: usize, states: &[f32]) -> Vec<f32> {
    let config = &model.config;
    let count = states.len() / config.width;
    let mut normalised = vec![0.0; states.len()];
    kernel::rms_norm(states, &layer.attention_norm, config.norm_epsilon, &mut normalised);
    let inputs = Inputs::round(&normalised, config.width);
    let (query_width, key_width) = (config.heads * config.head_width, config.key_heads * config.head_width);
    let mut queries = vec![0.0; count * query_width];
    let mut keys = vec![0.0; count * key_width];
    let mut values = vec![0.0; count * key_width];
    layer.query.multiply(&inputs, &mut queries);
    layer.key.multiply(&inputs, &mut keys);
    layer.value.multiply(&inputs, &mut values);
    for at in 0..count {
        model.rotation.apply(&mut queries[at * query_width..(at + 1) * query_width], start + at);
        let row = at * key_width..(at + 1) * key_width;
        model.rotation.apply(&mut keys[row.clone()], start + at);
        for head in 0..config.key_heads {
            let from = row.start + head * config.head_width..row.start + (head + 1) * config.head_width;
            let to = (head * config.window + start + at) * config.head_width;
            memory.keys[to..to + config.head_width].copy_from_slice(&keys[from.clone()]);
            memory.values[to..to + config.head_width].copy_from_slice(&values[from]);
        }
    }

    // One task is the query heads of one token that share a head of keys.
    let task_width = query_width / config.key_heads;
    let tasks_min = (SPLIT_PRODUCTS_MIN / ((start + count) * task_width)).max(1);
    let mut mixed = vec![0.0; count * query_width];
    let memory = &*memory;
    mixed.par_chunks_mut(task_width).with_min_len(tasks_min).enumerate().for_each(|(task, out)| {
        let (at, head) = (task / config.key_heads, task % config.key_heads);
        let from = head * config.window * config.head_width;
        let length = (start + at + 1) * config.head_width;
        kernel::attend(kernel::Attention {
            queries: &queries[task * task_width..(task + 1) * task_width],
            keys: &memory.keys[from..from + length],
            values: &memory.values[from..from + length],
            head_width: config.head_width,
            out,
        });
    });
    let mut change = vec![0.0; states.len()];
    layer.attention_output.multiply(&Inputs::round(&mixed, query_width), &mut change);
    change
}

/// The feed-forward part of a layer; what it adds to the states.
fn forward(model: &Model, layer: &Layer, states: &[f32]) -> Vec<f32> {
    let config = &model.config;
    let count = states.len() / config.width;
    let mut normalised = vec![0.0; states.len()];
    kernel::rms_norm(states, &layer.forward_norm, config.norm_epsilon, &mut normalised);
    let inputs = Inputs::round(&normalised, config.width);
    let mut gate = vec![0.0; count * config.inner];
    let mut up = vec![0.0; count * config.inner];
    layer.gate.multiply(&inputs, &mut gate);
    layer.up.multiply(&inputs, &mut up);
    kernel::silu_product(&mut gate, &up);
    let mut change = vec![0.0; states.len()];
    layer.down.multiply(&Inputs::round(&gate, config.inner), &mut change);
    change
}
