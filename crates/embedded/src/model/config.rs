//! The sizes of a model, read from its metadata and checked.

use crate::{
    error::Flaw,
    gguf::{Header, Value},
    kernel::BLOCK,
};

/// Far above every model that runs on a desktop; they keep products of sizes far from overflow.
const LAYERS_MAX: usize = 512;
const WIDTH_MAX: usize = 65_536;
const HEADS_MAX: usize = 1_024;
const VOCABULARY_MAX: usize = 1 << 20;
/// The base of the angles where the file names none (Llama 1 and 2).
const ROTATION_BASE_DEFAULT: f64 = 10_000.0;

/// The sizes of a model.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) layers: usize,
    /// The numbers that stand for a token.
    pub(crate) width: usize,
    /// The width inside of the feed-forward part.
    pub(crate) inner: usize,
    pub(crate) heads: usize,
    /// The heads of keys and values; several query heads share one.
    pub(crate) key_heads: usize,
    pub(crate) head_width: usize,
    pub(crate) vocabulary: usize,
    /// The most positions of a session.
    pub(crate) window: usize,
    pub(crate) norm_epsilon: f32,
    pub(crate) rotation_base: f64,
    pub(crate) rotation_stretch: f64,
}

impl Config {
    pub(super) fn read(header: &Header, window_max: usize) -> Result<Self, Flaw> {
        let architecture = header.text("general.architecture")?;
        if architecture != "llama" {
            let architecture: String = architecture.chars().take(32).collect();
            return Err(Flaw::unsupported(format!("its architecture is `{architecture}`")));
        }
        if header.get("llama.expert_count").and_then(Value::as_u64).is_some_and(|experts| experts > 0) {
            return Err(Flaw::unsupported("it is a mixture of experts"));
        }
        let width = header.count("llama.embedding_length", WIDTH_MAX)?;
        let heads = header.count("llama.attention.head_count", HEADS_MAX)?;
        let key_heads = match header.get("llama.attention.head_count_kv") {
            Some(_) => header.count("llama.attention.head_count_kv", heads)?,
            None => heads,
        };
        let head_width = match header.get("llama.attention.key_length") {
            Some(_) => header.count("llama.attention.key_length", WIDTH_MAX)?,
            None => width / heads,
        };
        let rotated = match header.get("llama.rope.dimension_count") {
            Some(_) => header.count("llama.rope.dimension_count", WIDTH_MAX)?,
            None => head_width,
        };
        let config = Self {
            layers: header.count("llama.block_count", LAYERS_MAX)?,
            width,
            inner: header.count("llama.feed_forward_length", 4 * WIDTH_MAX)?,
            heads,
            key_heads,
            head_width,
            vocabulary: vocabulary(header)?,
            window: header.count("llama.context_length", usize::MAX)?.min(window_max),
            norm_epsilon: norm_epsilon(header)?,
            rotation_base: rotation_base(header)?,
            rotation_stretch: rotation_stretch(header)?,
        };
        config.check(rotated)?;
        Ok(config)
    }

    fn check(&self, rotated: usize) -> Result<(), Flaw> {
        if self.head_width == 0
            || !self.head_width.is_multiple_of(2)
            || !self.heads.is_multiple_of(self.key_heads)
        {
            return Err(Flaw::damaged("the sizes of its attention heads do not fit together"));
        }
        if rotated != self.head_width {
            return Err(Flaw::unsupported("it rotates a part of each head only"));
        }
        let row_lengths = [self.width, self.inner, self.heads * self.head_width];
        if row_lengths.iter().any(|length| !length.is_multiple_of(BLOCK)) {
            return Err(Flaw::unsupported(format!(
                "its row lengths {row_lengths:?} are no multiples of {BLOCK}"
            )));
        }
        Ok(())
    }
}

fn vocabulary(header: &Header) -> Result<usize, Flaw> {
    let tokens = header.texts("tokenizer.ggml.tokens")?.len();
    if tokens == 0 || tokens > VOCABULARY_MAX {
        return Err(Flaw::damaged(format!("a vocabulary of {tokens} tokens")));
    }
    Ok(tokens)
}

fn norm_epsilon(header: &Header) -> Result<f32, Flaw> {
    let epsilon = header.get("llama.attention.layer_norm_rms_epsilon").and_then(Value::as_f64);
    #[expect(clippy::cast_possible_truncation, reason = "the file holds an f32")]
    match epsilon {
        Some(epsilon) if epsilon > 0.0 && epsilon < 1.0 => Ok(epsilon as f32),
        _ => Err(Flaw::damaged(
            "the metadata `llama.attention.layer_norm_rms_epsilon` is missing or out of range",
        )),
    }
}

fn rotation_base(header: &Header) -> Result<f64, Flaw> {
    match header.get("llama.rope.freq_base").map(Value::as_f64) {
        None => Ok(ROTATION_BASE_DEFAULT),
        Some(Some(base)) if base.is_finite() && base > 1.0 => Ok(base),
        Some(_) => Err(Flaw::damaged("the metadata `llama.rope.freq_base` is out of range")),
    }
}

/// Positions are divided by it: 1 except for models stretched linearly.
fn rotation_stretch(header: &Header) -> Result<f64, Flaw> {
    match header.get("llama.rope.scaling.type").and_then(Value::as_str) {
        None | Some("none") => Ok(1.0),
        Some("linear") => match header.get("llama.rope.scaling.factor").and_then(Value::as_f64) {
            Some(factor) if factor.is_finite() && factor >= 1.0 => Ok(factor),
            _ => Err(Flaw::damaged("the metadata `llama.rope.scaling.factor` is missing or out of range")),
        },
        Some(other) => {
            let other: String = other.chars().take(32).collect();
            Err(Flaw::unsupported(format!("its positions are scaled by `{other}`")))
        }
    }
}
