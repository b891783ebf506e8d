//! A transformer of the Llama family: its weights, shared by all sessions, and how they are read from a file.
//!
//! Knows no text and no sampling. A pass over tokens is in `session`.

mod config;
mod session;

use std::{fs::File, path::Path, sync::Arc};

use rayon::prelude::*;

use crate::{error::Flaw, gguf::Header, matrix::Matrix};
pub(crate) use config::Config;
pub(crate) use session::Session;

/// The numbers that are turned from the file's form into ours at a time.
const NUMBERS_AT_A_TIME: usize = 1 << 20;

/// The weights of a model.
#[derive(Debug)]
pub(crate) struct Model {
    config: Config,
    embedding: Arc<Matrix>,
    layers: Vec<Layer>,
    norm: Vec<f32>,
    /// The embedding again in most small models.
    output: Arc<Matrix>,
    rotation: Rotation,
}

#[derive(Debug)]
struct Layer {
    attention_norm: Vec<f32>,
    query: Matrix,
    key: Matrix,
    value: Matrix,
    attention_output: Matrix,
    forward_norm: Vec<f32>,
    gate: Matrix,
    up: Matrix,
    down: Matrix,
}

/// The cosines and sines of the rotary position embedding, one row a position.
#[derive(Debug)]
struct Rotation {
    cosines: Vec<f32>,
    sines: Vec<f32>,
    pairs: usize,
}

impl Model {
    /// Reads the weights that `header` describes, in 8-bit blocks, for at most `window_max` positions.
    pub(crate) fn load(path: &Path, header: &Header, window_max: usize) -> Result<Self, Flaw> {
        let config = Config::read(header, window_max)?;
        let (ends, layers) = rayon::join(
            || -> Result<_, Flaw> {
                let shape = [config.vocabulary, config.width];
                let embedding = Arc::new(matrix(path, header, "token_embd.weight", shape)?);
                let output = match header.tensor("output.weight") {
                    Some(_) => Arc::new(matrix(path, header, "output.weight", shape)?),
                    None => Arc::clone(&embedding),
                };
                Ok((embedding, output))
            },
            || -> Result<Vec<_>, Flaw> {
                let layers = (0..config.layers).into_par_iter();
                layers.map(|layer| Layer::load(path, header, &config, layer)).collect()
            },
        );
        let (embedding, output) = ends?;
        let norm = vector(path, header, "output_norm.weight", config.width)?;
        let rotation = Rotation::new(path, header, &config)?;
        Ok(Self { config, embedding, layers: layers?, norm, output, rotation })
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The parameters, those of an output matrix that is the embedding again counted once.
    pub(crate) fn parameters(&self) -> usize {
        let layers: usize = self.layers.iter().map(Layer::parameters).sum();
        let output = if Arc::ptr_eq(&self.embedding, &self.output) { 0 } else { self.output.len() };
        self.embedding.len() + output + layers + self.norm.len()
    }
}

impl Layer {
    fn load(path: &Path, header: &Header, config: &Config, layer: usize) -> Result<Self, Flaw> {
        let name = |part: &str| format!("blk.{layer}.{part}.weight");
        let matrix = |part: &str, shape| matrix(path, header, &name(part), shape);
        let vector = |part: &str| vector(path, header, &name(part), config.width);
        for part in ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"] {
            if header.tensor(&format!("blk.{layer}.{part}.bias")).is_some() {
                return Err(Flaw::unsupported("its layers have biases"));
            }
        }
        let (width, inner) = (config.width, config.inner);
        let (heads, key_heads) = (config.heads * config.head_width, config.key_heads * config.head_width);
        Ok(Self {
            attention_norm: vector("attn_norm")?,
            query: matrix("attn_q", [heads, width])?,
            key: matrix("attn_k", [key_heads, width])?,
            value: matrix("attn_v", [key_heads, width])?,
            attention_output: matrix("attn_output", [width, heads])?,
            forward_norm: vector("ffn_norm")?,
            gate: matrix("ffn_gate", [inner, width])?,
            up: matrix("ffn_up", [inner, width])?,
            down: matrix("ffn_down", [width, inner])?,
        })
    }

    fn parameters(&self) -> usize {
        let matrices =
            [&self.query, &self.key, &self.value, &self.attention_output, &self.gate, &self.up, &self.down];
        matrices.into_iter().map(Matrix::len).sum::<usize>()
            + self.attention_norm.len()
            + self.forward_norm.len()
    }
}

impl Rotation {
    fn new(path: &Path, header: &Header, config: &Config) -> Result<Self, Flaw> {
        let pairs = config.head_width / 2;
        // Llama 3.1 and later stretch the slow pairs by factors that stand in the file.
        let stretch = match header.tensor("rope_freqs.weight") {
            Some(_) => vector(path, header, "rope_freqs.weight", pairs)?,
            None => vec![1.0; pairs],
        };
        let frequencies: Vec<f64> = (0..pairs)
            .map(|pair| {
                let exponent = 2.0 * pair as f64 / config.head_width as f64;
                config.rotation_base.powf(-exponent) / (f64::from(stretch[pair]) * config.rotation_stretch)
            })
            .collect();
        let angles =
            (0..config.window).flat_map(|at| frequencies.iter().map(move |frequency| at as f64 * frequency));
        #[expect(clippy::cast_possible_truncation, reason = "cosines and sines need no more than f32")]
        let (cosines, sines) = angles.map(|angle| (angle.cos() as f32, angle.sin() as f32)).unzip();
        Ok(Self { cosines, sines, pairs })
    }

    /// Rotates the neighbouring pairs of every head in `row`, which stands at `position`.
    fn apply(&self, row: &mut [f32], position: usize) {
        let range = position * self.pairs..(position + 1) * self.pairs;
        let (cosines, sines) = (&self.cosines[range.clone()], &self.sines[range]);
        for head in row.chunks_exact_mut(2 * self.pairs) {
            for ((pair, cosine), sine) in head.as_chunks_mut::<2>().0.iter_mut().zip(cosines).zip(sines) {
                let [x, y] = *pair;
                *pair = [x * cosine - y * sine, x * sine + y * cosine];
            }
        }
    }
}

fn matrix(path: &Path, header: &Header, name: &str, [rows, columns]: [usize; 2]) -> Result<Matrix, Flaw> {
    let info = header.required(name)?;
    if info.shape != [rows, columns] {
        return Err(misshapen(name, &info.shape));
    }
    let mut file = File::open(path)?;
    let mut matrix = Matrix::with_capacity(rows, columns);
    let rows_at_a_time = (NUMBERS_AT_A_TIME / columns).max(1);
    for from in (0..rows).step_by(rows_at_a_time) {
        matrix.push(&info.rows(&mut file, from, rows_at_a_time.min(rows - from))?);
    }
    Ok(matrix)
}

fn vector(path: &Path, header: &Header, name: &str, length: usize) -> Result<Vec<f32>, Flaw> {
    let info = header.required(name)?;
    if info.shape != [length] {
        return Err(misshapen(name, &info.shape));
    }
    info.rows(&mut File::open(path)?, 0, 1)
}

fn misshapen(name: &str, shape: &[usize]) -> Flaw {
    Flaw::damaged(format!("the tensor `{name}` has the shape {shape:?}, which does not fit the metadata"))
}

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
