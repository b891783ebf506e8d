//! The linear part: a weighted ridge regression over dense features, words and one constant for each set, by conjugate gradients.
//!
//! Hestenes and Stiefel, "Methods of conjugate gradients for solving linear systems", 1952; preconditioned with the diagonal.

/// So many steps at most. On the data that the product is trained on the rest is then below what the weights' file can hold.
const STEPS_MAX: usize = 60;

/// The squared length of what is left, in the preconditioner's measure, at which it is enough.
const REST: f64 = 1e-10;

/// The rows that are fitted. The columns are the dense ones, then those of the words, then one for each set.
#[derive(Debug, Default)]
pub(crate) struct Design {
    pub(crate) dense_columns: usize,
    /// Row after row.
    pub(crate) dense: Vec<f64>,
    pub(crate) word_columns: usize,
    /// Where each row's words begin, and where the last one's end.
    pub(crate) starts: Vec<usize>,
    /// Column and value of each word.
    pub(crate) words: Vec<(u32, f64)>,
    pub(crate) sets: usize,
    /// Each row's set.
    pub(crate) set: Vec<usize>,
}

impl Design {
    pub(crate) fn rows(&self) -> usize {
        self.set.len()
    }

    fn columns(&self) -> usize {
        self.dense_columns + self.word_columns + self.sets
    }

    fn row(&self, row: usize) -> (&[f64], &[(u32, f64)], usize) {
        let dense = &self.dense[row * self.dense_columns..][..self.dense_columns];
        let words = &self.words[self.starts[row]..self.starts[row + 1]];
        (dense, words, self.dense_columns + self.word_columns + self.set[row])
    }

    /// The rows times a column vector.
    pub(crate) fn times(&self, weights: &[f64]) -> Vec<f64> {
        let value = |row: usize| {
            let (dense, words, set) = self.row(row);
            let of_dense: f64 = dense.iter().zip(weights).map(|(value, weight)| value * weight).sum();
            let of_words: f64 = words
                .iter()
                .map(|(column, value)| value * weights[self.dense_columns + *column as usize])
                .sum();
            of_dense + of_words + weights[set]
        };
        (0..self.rows()).map(value).collect()
    }

    /// The transposed rows, each entry put through `entry`, times a vector.
    fn transposed(&self, vector: &[f64], entry: impl Fn(f64) -> f64) -> Vec<f64> {
        let mut sums = vec![0.0; self.columns()];
        for (row, factor) in vector.iter().enumerate() {
            let (dense, words, set) = self.row(row);
            for (sum, value) in sums.iter_mut().zip(dense) {
                *sum += entry(*value) * factor;
            }
            for (column, value) in words {
                sums[self.dense_columns + *column as usize] += entry(*value) * factor;
            }
            sums[set] += entry(1.0) * factor;
        }
        sums
    }

    /// The weights `w` that minimise `|y - mean(y) - X w|^2 + sum(penalty * w^2)`.
    pub(crate) fn solve(&self, target: &[f64], penalties: &[f64]) -> Vec<f64> {
        let mean = target.iter().sum::<f64>() / target.len().max(1) as f64;
        let target: Vec<f64> = target.iter().map(|value| value - mean).collect();
        let mut rest = self.transposed(&target, |value| value);
        let squares = self.transposed(&vec![1.0; self.rows()], |value| value * value);
        let scale: Vec<f64> =
            squares.iter().zip(penalties).map(|(square, penalty)| 1.0 / (square + penalty)).collect();
        let mut weights = vec![0.0; self.columns()];
        let mut direction: Vec<f64> = rest.iter().zip(&scale).map(|(rest, scale)| rest * scale).collect();
        let mut size = dot(&rest, &direction);
        for _ in 0..STEPS_MAX {
            let mut image = self.transposed(&self.times(&direction), |value| value);
            for ((image, direction), penalty) in image.iter_mut().zip(&direction).zip(penalties) {
                *image += penalty * direction;
            }
            let curvature = dot(&direction, &image);
            if curvature <= 0.0 {
                break;
            }
            let step = size / curvature;
            for (((weight, rest), direction), image) in
                weights.iter_mut().zip(&mut rest).zip(&direction).zip(&image)
            {
                *weight += step * direction;
                *rest -= step * image;
            }
            let next: f64 = rest.iter().zip(&scale).map(|(rest, scale)| rest * rest * scale).sum();
            if next < REST {
                break;
            }
            for ((direction, rest), scale) in direction.iter_mut().zip(&rest).zip(&scale) {
                *direction = rest * scale + next / size * *direction;
            }
            size = next;
        }
        weights
    }
}

fn dot(one: &[f64], two: &[f64]) -> f64 {
    one.iter().zip(two).map(|(one, two)| one * two).sum()
}

#[cfg(test)]
mod tests {
    use super::Design;

    /// Two dense columns, one word, two sets: small enough to be checked by the condition that the gradient is zero.
    #[test]
    fn the_gradient_at_the_solution_is_zero() {
        let design = Design {
            dense_columns: 2,
            dense: vec![1.0, 2.0, -1.0, 0.5, 0.0, 1.5, 2.0, -2.0],
            word_columns: 1,
            starts: vec![0, 1, 1, 2, 2],
            words: vec![(0, 0.7), (0, 0.3)],
            sets: 2,
            set: vec![0, 0, 1, 1],
        };
        let target = [1.0, -1.0, 0.5, 0.0];
        let penalties = [0.5, 0.1, 0.2, 0.001, 0.001];
        let weights = design.solve(&target, &penalties);
        let mean = target.iter().sum::<f64>() / 4.0;
        let errors: Vec<f64> =
            design.times(&weights).iter().zip(&target).map(|(is, should)| is - (should - mean)).collect();
        let slope = design.transposed(&errors, |value| value);
        for ((slope, weight), penalty) in slope.iter().zip(&weights).zip(&penalties) {
            assert!((slope + penalty * weight).abs() < 1e-4, "{slope} {weight}");
        }
        assert!(weights[0].abs() > 1e-3);
    }
}
