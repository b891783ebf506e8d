//! The same model written down plainly, from candle's own reading of the file, to check the fast one against.
//!
//! Numbers are `f64`, nothing is rounded to blocks, nothing is remembered between tokens.

use std::{collections::HashMap, fs::File, path::Path};

use candle_core::{Device, quantized::gguf_file::Content};

const EPSILON: f64 = 1e-5;
const BASE: f64 = 10_000.0;

/// A matrix by rows; a vector is one row.
type Rows = Vec<Vec<f64>>;

/// The logits after `tokens`.
pub(super) fn logits(path: &Path, tokens: &[u32], heads: usize, key_heads: usize) -> Vec<f64> {
    let mut file = File::open(path).unwrap();
    let content = Content::read(&mut file).unwrap();
    let tensors: HashMap<String, Rows> = content
        .tensor_infos
        .keys()
        .map(|name| {
            let tensor =
                content.tensor(&mut file, name, &Device::Cpu).unwrap().dequantize(&Device::Cpu).unwrap();
            let width = *tensor.dims().last().unwrap();
            let numbers: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
            (
                name.clone(),
                numbers.chunks(width).map(|row| row.iter().map(|&x| f64::from(x)).collect()).collect(),
            )
        })
        .collect();
    let embedding = &tensors["token_embd.weight"];
    let mut states: Rows = tokens.iter().map(|&token| embedding[token as usize].clone()).collect();
    for layer in 0.. {
        let weight = |part: &str| tensors.get(&format!("blk.{layer}.{part}.weight"));
        let Some(norm) = weight("attn_norm") else { break };
        let inputs: Rows = states.iter().map(|state| normalised(state, &norm[0])).collect();
        let project =
            |part: &str| -> Rows { inputs.iter().map(|input| times(weight(part).unwrap(), input)).collect() };
        let (mut queries, mut keys, values) = (project("attn_q"), project("attn_k"), project("attn_v"));
        let head_width = queries[0].len() / heads;
        for rows in [&mut queries, &mut keys] {
            rows.iter_mut().enumerate().for_each(|(at, row)| rotate(row, at, head_width));
        }
        for at in 0..states.len() {
            let mut mixed = Vec::new();
            for head in 0..heads {
                let own = head * head_width..(head + 1) * head_width;
                let shared_head = head / (heads / key_heads);
                let shared = shared_head * head_width..(shared_head + 1) * head_width;
                let likeness: Vec<f64> = (0..=at)
                    .map(|other| product(&queries[at][own.clone()], &keys[other][shared.clone()]))
                    .map(|product| (product / (head_width as f64).sqrt()).exp())
                    .collect();
                let total: f64 = likeness.iter().sum();
                mixed.extend(shared.map(|column| {
                    (0..=at).map(|other| likeness[other] / total * values[other][column]).sum::<f64>()
                }));
            }
            add(&mut states[at], &times(weight("attn_output").unwrap(), &mixed));
            let input = normalised(&states[at], &weight("ffn_norm").unwrap()[0]);
            let (gate, up) =
                (times(weight("ffn_gate").unwrap(), &input), times(weight("ffn_up").unwrap(), &input));
            let inner: Vec<f64> =
                gate.iter().zip(&up).map(|(gate, up)| gate / (1.0 + (-gate).exp()) * up).collect();
            add(&mut states[at], &times(weight("ffn_down").unwrap(), &inner));
        }
    }
    times(embedding, &normalised(states.last().unwrap(), &tensors["output_norm.weight"][0]))
}

fn normalised(row: &[f64], weight: &[f64]) -> Vec<f64> {
    let scale = (product(row, row) / row.len() as f64 + EPSILON).sqrt().recip();
    row.iter().zip(weight).map(|(x, weight)| x * scale * weight).collect()
}

/// Neighbouring numbers are a point that turns, the first ones fastest (arXiv 2104.09864, section 3.4.2).
fn rotate(row: &mut [f64], at: usize, head_width: usize) {
    for (index, pair) in row.chunks_mut(2).enumerate() {
        let exponent = 2.0 * (index % (head_width / 2)) as f64 / head_width as f64;
        let (sine, cosine) = (at as f64 / BASE.powf(exponent)).sin_cos();
        (pair[0], pair[1]) = (pair[0] * cosine - pair[1] * sine, pair[0] * sine + pair[1] * cosine);
    }
}

fn times(matrix: &Rows, vector: &[f64]) -> Vec<f64> {
    matrix.iter().map(|row| product(row, vector)).collect()
}

fn product(one: &[f64], two: &[f64]) -> f64 {
    one.iter().zip(two).map(|(a, b)| a * b).sum()
}

fn add(sum: &mut [f64], other: &[f64]) {
    sum.iter_mut().zip(other).for_each(|(sum, other)| *sum += other);
}
