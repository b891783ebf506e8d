//! A model for tests: a tiny file with random weights and a sound vocabulary, written in a millisecond.

use std::{fs::File, io, path::Path};

use candle_core::{
    Device, Tensor,
    quantized::{GgmlDType, QTensor, gguf_file},
};
use gguf_file::Value;

use crate::tokenizer::letter;

const WIDTH: usize = 64;
const INNER: usize = 96;
const HEADS: usize = 4;
const KEY_HEADS: usize = 2;
const LAYERS: usize = 2;
const WINDOW: u32 = 1_024;
const CONTROL: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
/// Enough merges that JSON and English are no single bytes, and that forced text has a canonical form.
const MERGES: [&str; 14] = [
    "t h", "th e", "Ġ the", "i n", "e r", "a n", "Ġ A", "Ġ B", "\" :", "\" ,", "t r", "tr u", "tru e", "Ċ Ċ",
];
const TEMPLATE: &str = "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + \
                        '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/// Writes a GGUF file of the Llama family to `path`: two layers, 273 tokens (all bytes, ChatML's control tokens, a few merges), a
/// window of 1,024, weights in three different forms. The same `seed` gives the same file. What it writes is noise.
///
/// # Errors
/// If the file cannot be written.
///
/// ```no_run
/// async_orchestrator_embedded::test_util::write_tiny_model("tiny.gguf".as_ref(), 1)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn write_tiny_model(path: &Path, seed: u64) -> io::Result<()> {
    write(path, seed).map_err(io::Error::other)
}

fn write(path: &Path, seed: u64) -> candle_core::Result<()> {
    let metadata = metadata();
    let mut random = Random(seed);
    let head_width = WIDTH / HEADS;
    let vocabulary = CONTROL.len() + 256 + MERGES.len();
    let mut tensors = vec![
        ("token_embd.weight".to_owned(), random.matrix(vocabulary, WIDTH, GgmlDType::Q8_0)?),
        ("output_norm.weight".to_owned(), random.ones(WIDTH)?),
    ];
    for layer in 0..LAYERS {
        let name = |part: &str| format!("blk.{layer}.{part}.weight");
        let matrices = [
            ("attn_q", WIDTH, WIDTH, GgmlDType::Q4_1),
            ("attn_k", KEY_HEADS * head_width, WIDTH, GgmlDType::Q4_1),
            ("attn_v", KEY_HEADS * head_width, WIDTH, GgmlDType::F16),
            ("attn_output", WIDTH, WIDTH, GgmlDType::Q8_0),
            ("ffn_gate", INNER, WIDTH, GgmlDType::F32),
            ("ffn_up", INNER, WIDTH, GgmlDType::Q4_1),
            ("ffn_down", WIDTH, INNER, GgmlDType::Q8_0),
        ];
        for (part, rows, columns, dtype) in matrices {
            tensors.push((name(part), random.matrix(rows, columns, dtype)?));
        }
        tensors.push((name("attn_norm"), random.ones(WIDTH)?));
        tensors.push((name("ffn_norm"), random.ones(WIDTH)?));
    }
    let metadata: Vec<(&str, &Value)> = metadata.iter().map(|(key, value)| (*key, value)).collect();
    let tensors: Vec<(&str, &QTensor)> =
        tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    gguf_file::write(&mut File::create(path)?, &metadata, &tensors)
}

fn metadata() -> Vec<(&'static str, Value)> {
    let text = |text: &str| Value::String(text.to_owned());
    let number = |number: usize| Value::U32(u32::try_from(number).unwrap_or(u32::MAX));
    let mut tokens: Vec<Value> = CONTROL.iter().map(|token| text(token)).collect();
    tokens.extend((0..=255).map(|byte| Value::String(letter(byte).to_string())));
    tokens.extend(MERGES.iter().map(|merge| text(&merge.replace(' ', ""))));
    let types = (0..tokens.len()).map(|id| Value::I32(if id < CONTROL.len() { 3 } else { 1 })).collect();
    vec![
        ("general.architecture", text("llama")),
        ("general.name", text("Tiny1 random")),
        ("llama.block_count", number(LAYERS)),
        ("llama.context_length", Value::U32(WINDOW)),
        ("llama.embedding_length", number(WIDTH)),
        ("llama.feed_forward_length", number(INNER)),
        ("llama.attention.head_count", number(HEADS)),
        ("llama.attention.head_count_kv", number(KEY_HEADS)),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
        ("llama.rope.freq_base", Value::F32(10_000.0)),
        ("llama.rope.dimension_count", number(WIDTH / HEADS)),
        ("tokenizer.ggml.model", text("gpt2")),
        ("tokenizer.ggml.pre", text("smollm")),
        ("tokenizer.ggml.tokens", Value::Array(tokens)),
        ("tokenizer.ggml.token_type", Value::Array(types)),
        ("tokenizer.ggml.merges", Value::Array(MERGES.iter().map(|merge| text(merge)).collect())),
        ("tokenizer.ggml.bos_token_id", Value::U32(1)),
        ("tokenizer.ggml.eos_token_id", Value::U32(2)),
        ("tokenizer.chat_template", text(TEMPLATE)),
    ]
}

/// Random weights of a size at which the layers change the states, but drown nothing.
struct Random(u64);

impl Random {
    fn matrix(&mut self, rows: usize, columns: usize, dtype: GgmlDType) -> candle_core::Result<QTensor> {
        let spread = 2.0 / (columns as f32).sqrt();
        let numbers: Vec<f32> = (0..rows * columns).map(|_| self.number() * spread).collect();
        QTensor::quantize(&Tensor::from_vec(numbers, (rows, columns), &Device::Cpu)?, dtype)
    }

    fn ones(&mut self, length: usize) -> candle_core::Result<QTensor> {
        let numbers: Vec<f32> = (0..length).map(|_| 1.0 + self.number() / 4.0).collect();
        QTensor::quantize(&Tensor::from_vec(numbers, length, &Device::Cpu)?, GgmlDType::F32)
    }

    /// From -1 to 1 (a linear congruential generator by Knuth, MMIX).
    fn number(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / 8_388_608.0 - 1.0
    }
}
