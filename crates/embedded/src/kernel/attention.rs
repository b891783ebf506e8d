//! The attention of some heads of one token: which earlier positions matter, and the mean of their values.

use pulp::{Arch, Simd, WithSimd};

use super::{dot, exp};

/// The registers of sums for one strip of columns: enough to hide that each addition waits for the one before.
const STRIP: usize = 8;

/// Some query heads of one token against the keys and values of the positions up to it.
pub(crate) struct Attention<'a> {
    /// The heads, one after the other.
    pub(crate) queries: &'a [f32],
    /// The keys of the head that they share, one row a position.
    pub(crate) keys: &'a [f32],
    /// The values likewise.
    pub(crate) values: &'a [f32],
    pub(crate) head_width: usize,
    /// Where the means go; as long as the queries.
    pub(crate) out: &'a mut [f32],
}

/// Fills in `attention.out`.
pub(crate) fn attend(attention: Attention<'_>) {
    Arch::new().dispatch(attention);
}

impl WithSimd for Attention<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = self.head_width;
        let scale = (width as f32).sqrt().recip();
        let mut weights = vec![0.0; self.keys.len() / width];
        for (query, out) in self.queries.chunks_exact(width).zip(self.out.chunks_exact_mut(width)) {
            for (weight, key) in weights.iter_mut().zip(self.keys.chunks_exact(width)) {
                *weight = dot(simd, query, key) * scale;
            }
            softmax(simd, &mut weights);
            mix(simd, &weights, self.values, out);
        }
    }
}

#[inline(always)]
fn softmax<S: Simd>(simd: S, weights: &mut [f32]) {
    let peak = weights.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for weight in weights.iter_mut() {
        *weight = exp(*weight - peak);
    }
    let (parts, rest) = S::as_simd_f32s(weights);
    let sums = parts.iter().fold(simd.splat_f32s(0.0), |sums, part| simd.add_f32s(sums, *part));
    let share = (simd.reduce_sum_f32s(sums) + rest.iter().sum::<f32>()).recip();
    for weight in weights {
        *weight *= share;
    }
}

/// The sum of the rows of `values`, each times its weight.
#[inline(always)]
fn mix<S: Simd>(simd: S, weights: &[f32], values: &[f32], out: &mut [f32]) {
    let width = out.len();
    let (parts, rest) = S::as_mut_simd_f32s(out);
    let rest_from = width - rest.len();
    let mut column = 0;
    let mut strips = parts.chunks_exact_mut(STRIP);
    for strip in &mut strips {
        strip.copy_from_slice(&mixed::<S, STRIP>(simd, weights, values, width, column));
        column += STRIP;
    }
    for single in strips.into_remainder() {
        [*single] = mixed::<S, 1>(simd, weights, values, width, column);
        column += 1;
    }
    for (at, out) in rest.iter_mut().enumerate() {
        let products =
            weights.iter().zip(values.chunks_exact(width)).map(|(weight, row)| weight * row[rest_from + at]);
        *out = products.sum();
    }
}

/// `N` registers of columns of the sum, from the register `column` on.
#[inline(always)]
fn mixed<S: Simd, const N: usize>(
    simd: S,
    weights: &[f32],
    values: &[f32],
    width: usize,
    column: usize,
) -> [S::f32s; N] {
    let mut sums = [simd.splat_f32s(0.0); N];
    for (weight, row) in weights.iter().zip(values.chunks_exact(width)) {
        let weight = simd.splat_f32s(*weight);
        let row = &S::as_simd_f32s(row).0[column..column + N];
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum = simd.mul_add_e_f32s(weight, *value, *sum);
        }
    }
    sums
}
