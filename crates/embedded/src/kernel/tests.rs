//! Tests of the products: against a plain reference.

use pulp::Scalar;

use super::*;

fn numbers(seed: u32, count: usize) -> Vec<f32> {
    let mut state = seed;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    })
    .take(count)
    .collect()
}

struct Owned<Q> {
    scales: Vec<f32>,
    quants: Vec<Q>,
    row_len: usize,
}

impl<Q> Owned<Q> {
    fn blocks(&self) -> Blocks<'_, Q> {
        Blocks { scales: &self.scales, quants: &self.quants, row_len: self.row_len }
    }
}

fn coarse(numbers: &[f32], columns: usize) -> Owned<Coarse> {
    let blocks = numbers.len() / BLOCK;
    let mut owned =
        Owned { scales: vec![0.0; blocks], quants: vec![[0; BLOCK]; blocks], row_len: columns / BLOCK };
    quantize(numbers, &mut owned.scales, &mut owned.quants);
    owned
}

fn fine(numbers: &[f32], columns: usize) -> Owned<Fine> {
    let blocks = numbers.len() / BLOCK;
    let mut owned =
        Owned { scales: vec![0.0; blocks], quants: vec![[0; BLOCK]; blocks], row_len: columns / BLOCK };
    quantize_finely(numbers, &mut owned.scales, &mut owned.quants);
    owned
}

/// The numbers that the blocks stand for.
fn restored(weights: &Owned<Coarse>) -> Vec<f32> {
    let mut numbers = vec![0.0; weights.scales.len() * BLOCK];
    dequantize(&weights.scales, &weights.quants, &mut numbers);
    numbers
}

#[test]
fn products_are_those_of_the_numbers_on_every_instruction_set() {
    for (rows, columns, inputs) in [(1, 32, 1), (4, 64, 2), (7, 96, 3), (9, 160, 5)] {
        let (weights, values) = (coarse(&numbers(1, rows * columns), columns), numbers(2, inputs * columns));
        let (exact, rounded) = (restored(&weights), fine(&values, columns));
        let (mut fast, mut portable) = (vec![f32::NAN; rows * inputs], vec![f32::NAN; rows * inputs]);
        products(weights.blocks(), rounded.blocks(), &mut fast);
        Products { weights: weights.blocks(), inputs: rounded.blocks(), out: &mut portable }.call();
        for row in 0..rows {
            for input in 0..inputs {
                let pairs = exact[row * columns..][..columns].iter().zip(&values[input * columns..]);
                let expected: f64 = pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                for found in [fast[row * inputs + input], portable[row * inputs + input]] {
                    assert!(
                        (f64::from(found) - expected).abs() < 5e-4,
                        "{rows} {columns} {inputs}: {found}, {expected}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_largest_products_do_not_overflow() {
    let (weights, inputs) = (coarse(&[-1.0; 64], 64), fine(&[1.0; 64], 64));
    let mut out = [0.0];
    products(weights.blocks(), inputs.blocks(), &mut out);
    assert!((out[0] + 64.0).abs() < 1e-3, "{}", out[0]);
}

#[test]
fn rounding_twice_changes_nothing() {
    let first = coarse(&numbers(5, 64), 64);
    let second = coarse(&restored(&first), 64);
    assert_eq!(first.quants, second.quants);
    let zero = coarse(&[0.0; 32], 32);
    assert_eq!((zero.scales[0].to_bits(), zero.quants[0]), (0, [0; BLOCK]));
}

#[test]
fn the_exponential_is_that_of_the_library() {
    for step in -8_700..8_800 {
        let x = step as f32 / 100.0;
        let (ours, exact) = (f64::from(exp(x)), f64::from(x).exp());
        assert!((ours - exact).abs() <= 5e-7 * exact, "e^{x}: {ours} against {exact}");
    }
    assert!(exp(-200.0) < 1e-37 && exp(f32::NEG_INFINITY) < 1e-37);
    assert_eq!(exp(0.0).to_bits(), 1.0_f32.to_bits());
}

#[test]
fn attention_is_the_mean_of_the_values_by_likeness() {
    for width in [40, 64] {
        let (positions, heads) = (11, 2);
        let (queries, keys, values) =
            (numbers(1, heads * width), numbers(2, positions * width), numbers(3, positions * width));
        let mut out = vec![0.0; heads * width];
        attend(Attention {
            queries: &queries,
            keys: &keys,
            values: &values,
            head_width: width,
            out: &mut out,
        });
        for head in 0..heads {
            let query = &queries[head * width..][..width];
            let likeness = |at: usize| {
                let product: f64 =
                    query.iter().zip(&keys[at * width..]).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                (product / (width as f64).sqrt()).exp()
            };
            let total: f64 = (0..positions).map(likeness).sum();
            for column in 0..width {
                let expected: f64 = (0..positions)
                    .map(|at| likeness(at) / total * f64::from(values[at * width + column]))
                    .sum();
                assert!((f64::from(out[head * width + column]) - expected).abs() < 1e-5);
            }
        }
    }
}

#[test]
fn rows_become_columns() {
    let rows = numbers(9, 35 * 18);
    let mut columns = vec![0.0; rows.len()];
    transpose(&rows, 18, &mut columns);
    for row in 0..35 {
        for column in 0..18 {
            assert_eq!(columns[column * 35 + row].to_bits(), rows[row * 18 + column].to_bits());
        }
    }
}

#[test]
fn a_normalised_row_has_a_root_mean_square_of_one() {
    let row = numbers(6, 40);
    let mut out = vec![0.0; 40];
    rms_norm(&row, &[1.0; 40], 1e-6, &mut out);
    assert!((dot(Scalar, &out, &out) / 40.0 - 1.0).abs() < 1e-3);
}
