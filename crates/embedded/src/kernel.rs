//! The arithmetic of one thread: products of 8-bit blocks and the few vector operations between them.
//!
//! Candle's own products are not used. Its block product converts two half-precision scales per block in software, which costs
//! more than the product; its pool of threads spins and serves one caller at a time; its matrix product reads the list of
//! processors from the system at every call. Here, weights are kept as two arrays (a scale a block, 32 signed bytes a block), and
//! who calls decides about threads. Instruction sets are chosen at run time by pulp, so nothing is `unsafe`.

#![expect(
    clippy::inline_always,
    reason = "code that is not inlined into pulp's dispatch is compiled without the instruction set"
)]

mod attention;
#[cfg(target_arch = "x86_64")]
mod avx2;

use pulp::{Arch, NullaryFnOnce, Simd, WithSimd};

pub(crate) use attention::{Attention, attend};

/// The numbers in one block.
pub(crate) const BLOCK: usize = 32;

/// One block of weights.
pub(crate) type Coarse = [i8; BLOCK];
/// One block of inputs. With 8 bits, a small model's choice between two answers would drown in the rounding; 16 cost no more.
pub(crate) type Fine = [i16; BLOCK];

/// Rows of blocks: weights or inputs.
pub(crate) struct Blocks<'a, Q> {
    /// One scale a block.
    pub(crate) scales: &'a [f32],
    pub(crate) quants: &'a [Q],
    /// The blocks of one row.
    pub(crate) row_len: usize,
}

impl<Q> Clone for Blocks<'_, Q> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Q> Copy for Blocks<'_, Q> {}

impl<'a, Q> Blocks<'a, Q> {
    #[inline(always)]
    fn row(&self, row: usize) -> (&'a [f32], &'a [Q]) {
        let range = row * self.row_len..(row + 1) * self.row_len;
        (&self.scales[range.clone()], &self.quants[range])
    }

    pub(crate) fn rows(&self) -> usize {
        self.scales.len() / self.row_len
    }

    /// The rows before `at` and the others.
    pub(crate) fn split_at(&self, at: usize) -> (Self, Self) {
        let (scales, scales_after) = self.scales.split_at(at * self.row_len);
        let (quants, quants_after) = self.quants.split_at(at * self.row_len);
        let row_len = self.row_len;
        (Self { scales, quants, row_len }, Self { scales: scales_after, quants: quants_after, row_len })
    }
}

/// `out[w * inputs.rows() + i]` becomes the product of the row `w` of `weights` and the row `i` of `inputs`.
pub(crate) fn products(weights: Blocks<'_, Coarse>, inputs: Blocks<'_, Fine>, out: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = pulp::x86::V3::try_new() {
        return avx2::products(simd, weights, inputs, out);
    }
    Arch::new().dispatch(Products { weights, inputs, out });
}

/// Rounds weights to blocks, as GGML's `Q8_0` does: the largest magnitude of a block becomes 127.
pub(crate) fn quantize(numbers: &[f32], scales: &mut [f32], quants: &mut [Coarse]) {
    #[expect(clippy::cast_possible_truncation, reason = "a whole number in -127..=127")]
    let narrow = |number: f32| number as i8;
    Arch::new().dispatch(Quantize { numbers, largest: 127.0, narrow, scales, quants });
}

/// Rounds inputs to blocks: the largest magnitude of a block becomes 32,767.
pub(crate) fn quantize_finely(numbers: &[f32], scales: &mut [f32], quants: &mut [Fine]) {
    #[expect(clippy::cast_possible_truncation, reason = "a whole number in -32,767..=32,767")]
    let narrow = |number: f32| number as i16;
    Arch::new().dispatch(Quantize { numbers, largest: 32_767.0, narrow, scales, quants });
}

/// The numbers of `blocks` into `out`.
pub(crate) fn dequantize(scales: &[f32], quants: &[Coarse], out: &mut [f32]) {
    Arch::new().dispatch(Dequantize { scales, quants, out });
}

/// The inner product of two vectors of one length.
#[inline(always)]
fn dot<S: Simd>(simd: S, one: &[f32], two: &[f32]) -> f32 {
    let (parts, rest) = S::as_simd_f32s(one);
    let (other_parts, other_rest) = S::as_simd_f32s(two);
    let mut sums = [simd.splat_f32s(0.0); 4];
    let (fours, singles) = parts.as_chunks::<4>();
    let (other_fours, other_singles) = other_parts.as_chunks::<4>();
    for (four, other) in fours.iter().zip(other_fours) {
        for at in 0..4 {
            sums[at] = simd.mul_add_e_f32s(four[at], other[at], sums[at]);
        }
    }
    for (single, other) in singles.iter().zip(other_singles) {
        sums[0] = simd.mul_add_e_f32s(*single, *other, sums[0]);
    }
    let sum = simd.add_f32s(simd.add_f32s(sums[0], sums[1]), simd.add_f32s(sums[2], sums[3]));
    simd.reduce_sum_f32s(sum) + rest.iter().zip(other_rest).map(|(a, b)| a * b).sum::<f32>()
}

/// The exponential, to six digits, from -87 to 88; held at these ends. Unlike the library's it is inlined, so several are computed
/// at once.
///
/// `e^x = 2^n * e^r` with `|r| <= ln 2 / 2`, and a series for `e^r` (J.-M. Muller, Elementary Functions, 3rd ed., chapter 11).
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Added and subtracted again, it rounds to a whole number, which stands in the lowest bits in between.
    const ROUND: f32 = 12_582_912.0;
    // The high part of ln 2 has few digits, so that its multiples are exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * LN_2_HIGH - n * LN_2_LOW;
    let series = 1.0 / 720.0;
    let series = series * r + 1.0 / 120.0;
    let series = series * r + 1.0 / 24.0;
    let series = series * r + 1.0 / 6.0;
    let series = series * r + 0.5;
    let series = series * r + 1.0;
    let series = series * r + 1.0;
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(1.0_f32.to_bits()));
    series * power
}

/// Each row of `rows`, scaled to a root mean square of one and multiplied by `weight`, into `out`.
pub(crate) fn rms_norm(rows: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) {
    Arch::new().dispatch(RmsNorm { rows, weight, epsilon, out });
}

/// `gate = silu(gate) * up`, element by element.
pub(crate) fn silu_product(gate: &mut [f32], up: &[f32]) {
    Arch::new().dispatch(SiluProduct { gate, up });
}

/// Rows of `width` numbers become columns.
pub(crate) fn transpose(rows: &[f32], width: usize, out: &mut [f32]) {
    /// A square of this side is read and written while it is in the first-level cache.
    const SIDE: usize = 16;
    let count = rows.len() / width;
    for top in (0..count).step_by(SIDE) {
        for left in (0..width).step_by(SIDE) {
            for column in left..width.min(left + SIDE) {
                for row in top..count.min(top + SIDE) {
                    out[column * count + row] = rows[row * width + column];
                }
            }
        }
    }
}

/// `sum += other`, element by element.
pub(crate) fn add(sum: &mut [f32], other: &[f32]) {
    for (sum, other) in sum.iter_mut().zip(other) {
        *sum += other;
    }
}

struct Products<'a> {
    weights: Blocks<'a, Coarse>,
    inputs: Blocks<'a, Fine>,
    out: &'a mut [f32],
}

impl NullaryFnOnce for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let width = self.inputs.rows();
        for (row, out) in self.out.chunks_exact_mut(width).enumerate() {
            let (weight_scales, weight_quants) = self.weights.row(row);
            for (input, out) in out.iter_mut().enumerate() {
                let (scales, quants) = self.inputs.row(input);
                *out = 0.0;
                for block in 0..quants.len() {
                    let pairs = weight_quants[block].iter().zip(&quants[block]);
                    let sum: i32 = pairs.map(|(&a, &b)| i32::from(a) * i32::from(b)).sum();
                    *out += sum as f32 * (weight_scales[block] * scales[block]);
                }
            }
        }
    }
}

struct RmsNorm<'a> {
    rows: &'a [f32],
    weight: &'a [f32],
    epsilon: f32,
    out: &'a mut [f32],
}

impl WithSimd for RmsNorm<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = self.weight.len();
        for (row, out) in self.rows.chunks_exact(width).zip(self.out.chunks_exact_mut(width)) {
            let scale = (dot(simd, row, row) / width as f32 + self.epsilon).sqrt().recip();
            for ((out, value), weight) in out.iter_mut().zip(row).zip(self.weight) {
                *out = value * scale * weight;
            }
        }
    }
}

struct SiluProduct<'a> {
    gate: &'a mut [f32],
    up: &'a [f32],
}

impl NullaryFnOnce for SiluProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (gate, up) in self.gate.iter_mut().zip(self.up) {
            *gate = *gate / (1.0 + exp(-*gate)) * up;
        }
    }
}

struct Quantize<'a, T, F> {
    numbers: &'a [f32],
    largest: f32,
    narrow: F,
    scales: &'a mut [f32],
    quants: &'a mut [[T; BLOCK]],
}

impl<T, F: Fn(f32) -> T> NullaryFnOnce for Quantize<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let blocks = self.numbers.as_chunks::<BLOCK>().0;
        for ((numbers, scale), quants) in blocks.iter().zip(self.scales).zip(self.quants) {
            let magnitude = numbers.iter().fold(0.0_f32, |magnitude, number| magnitude.max(number.abs()));
            *scale = magnitude / self.largest;
            let inverse = if *scale > 0.0 { self.largest / magnitude } else { 0.0 };
            for (quant, number) in quants.iter_mut().zip(numbers) {
                *quant = (self.narrow)((number * inverse).round_ties_even());
            }
        }
    }
}

struct Dequantize<'a> {
    scales: &'a [f32],
    quants: &'a [Coarse],
    out: &'a mut [f32],
}

impl NullaryFnOnce for Dequantize<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let blocks = self.out.as_chunks_mut::<BLOCK>().0;
        for ((out, scale), quants) in blocks.iter_mut().zip(self.scales).zip(self.quants) {
            for (out, quant) in out.iter_mut().zip(quants) {
                *out = f32::from(*quant) * scale;
            }
        }
    }
}

#[cfg(test)]
mod tests;
