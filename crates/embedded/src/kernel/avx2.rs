//! Products of blocks with AVX2: 16 products an instruction, four rows of weights at a time.

use pulp::{NullaryFnOnce, cast, x86::V3};

use super::{Blocks, Coarse, Fine};

/// The rows of weights that are multiplied with an input while it is in registers.
const ROWS: usize = 4;

/// As [`super::products`].
pub(super) fn products(simd: V3, weights: Blocks<'_, Coarse>, inputs: Blocks<'_, Fine>, out: &mut [f32]) {
    simd.vectorize(Products { simd, weights, inputs, out });
}

struct Products<'a> {
    simd: V3,
    weights: Blocks<'a, Coarse>,
    inputs: Blocks<'a, Fine>,
    out: &'a mut [f32],
}

impl NullaryFnOnce for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, weights, inputs, out } = self;
        let width = inputs.rows();
        let mut groups = out.chunks_exact_mut(ROWS * width);
        let mut row = 0;
        for group in &mut groups {
            let rows = std::array::from_fn(|at| weights.row(row + at));
            for input in 0..width {
                let sums: [f32; ROWS] = product(simd, rows, inputs.row(input));
                for (at, sum) in sums.into_iter().enumerate() {
                    group[at * width + input] = sum;
                }
            }
            row += ROWS;
        }
        for single in groups.into_remainder().chunks_exact_mut(width) {
            for (input, out) in single.iter_mut().enumerate() {
                [*out] = product(simd, [weights.row(row)], inputs.row(input));
            }
            row += 1;
        }
    }
}

/// The products of `N` rows of weights with one input. Each sum is computed in the same order whatever `N` is.
#[inline(always)]
fn product<const N: usize>(
    simd: V3,
    weights: [(&[f32], &[Coarse]); N],
    input: (&[f32], &[Fine]),
) -> [f32; N] {
    let (scales, quants) = input;
    let length = scales.len().min(quants.len());
    let weights = weights.map(|(scales, quants)| (&scales[..length], &quants[..length]));
    let mut sums = [simd.avx._mm256_setzero_ps(); N];
    for block in 0..length {
        let [first, second] = cast(quants[block]);
        for row in 0..N {
            let [low, high] = cast(weights[row].1[block]);
            let (low, high) = (simd.avx2._mm256_cvtepi8_epi16(low), simd.avx2._mm256_cvtepi8_epi16(high));
            // Four products of a byte and a word have 25 bits with their sign: exact, in the sum and as a float.
            let pairs = simd.avx2._mm256_add_epi32(
                simd.avx2._mm256_madd_epi16(low, first),
                simd.avx2._mm256_madd_epi16(high, second),
            );
            let scale = simd.avx._mm256_set1_ps(weights[row].0[block] * scales[block]);
            sums[row] = simd.fma._mm256_fmadd_ps(scale, simd.avx._mm256_cvtepi32_ps(pairs), sums[row]);
        }
    }
    sums.map(|sum| {
        let lanes: [f32; 8] = cast(sum);
        (lanes[0] + lanes[4]) + (lanes[1] + lanes[5]) + ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]))
    })
}
