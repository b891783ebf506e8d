//! What cheap probes say of a question, as numbers, and the least-squares model over them.

/// How strongly each weight is drawn to 0, in rows.
const PENALTY: f64 = 100.0;

/// Probabilities are spread less than the other numbers: so much more they may weigh under the same penalty.
const ODDS_SCALE: f64 = 3.0;

/// Letters from this one on are one.
const LETTERS: usize = 10;

/// What is known of a question before and after probes were asked.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The place of its category among those that were fitted; `None` for another.
    pub(crate) category: Option<usize>,
    pub(crate) categories: usize,
    /// How many options it has.
    pub(crate) options: usize,
    /// What Express answered.
    pub(crate) express: Option<u16>,
    /// The letter of that answer, from 0 on.
    pub(crate) letter: Option<usize>,
    /// What the probes answered, those that were asked.
    pub(crate) probes: Vec<Option<u16>>,
    /// How long the replies were, Express's first, as logarithms.
    pub(crate) lengths: Vec<f64>,
    /// By the votes: how probable Express's answer is, the best other one, none.
    pub(crate) odds: [f64; 3],
    /// What the text says, in standard deviations.
    pub(crate) text: f64,
}

impl Seen {
    /// The numbers that are fitted: the disagreement of each probe with Express, who gave no answer, the category, the number of options, the
    /// text, how long the replies were, how probable Express's answer is by all votes, and how these go together.
    pub(crate) fn numbers(&self) -> Vec<f64> {
        let asked = self.probes.len();
        let differs: Vec<f64> =
            self.probes.iter().map(|probe| flag(probe.is_some() && *probe != self.express)).collect();
        let mut numbers = differs.clone();
        numbers.extend(self.probes.iter().map(|probe| flag(probe.is_none())));
        numbers.push(flag(self.express.is_none()));
        self.push_category(&mut numbers, 1.0);
        numbers.extend([self.options as f64 / 10.0, flag(self.options == 10), self.text]);
        numbers.extend((0..LETTERS).map(|letter| flag(self.letter == Some(letter))));
        self.push_votes(&mut numbers);
        numbers.extend(self.lengths.iter().flat_map(|length| [*length, length * length]));
        if asked > 0 {
            let share = differs.iter().sum::<f64>() / asked as f64 - 0.5;
            self.push_category(&mut numbers, share);
            numbers.extend([self.text * share, (self.options as f64 - 8.0) / 4.0 * share]);
        }
        if asked > 1 {
            self.push_together(&mut numbers, &differs);
        }
        numbers
    }

    /// What the votes together and the length of Express's reply say, by themselves, by category and together.
    fn push_votes(&self, numbers: &mut Vec<f64>) {
        let [own, other, none] = self.odds;
        let length = self.lengths.first().copied().unwrap_or_default();
        let together = [own, other, none, own * own, other * other, own * other, other * none];
        numbers.extend(together.map(|value| ODDS_SCALE * value));
        self.push_category(numbers, length);
        self.push_category(numbers, 2.0 * (own - 0.5));
        self.push_category(numbers, 2.0 * other);
        numbers.push(length * (own - 0.5));
    }

    /// One number a category: `value` in the question's own.
    fn push_category(&self, numbers: &mut Vec<f64>, value: f64) {
        numbers.extend((0..self.categories).map(|at| if self.category == Some(at) { value } else { 0.0 }));
    }

    /// What several probes say together.
    fn push_together(&self, numbers: &mut Vec<f64>, differs: &[f64]) {
        let asked = self.probes.len();
        let given = || self.probes.iter().flatten();
        let agree = given().filter(|probe| Some(**probe) == self.express).count();
        let rivals = given().filter(|probe| Some(**probe) != self.express);
        let rival = rivals.map(|rival| given().filter(|probe| *probe == rival).count()).max().unwrap_or(0);
        for agreeing in 0..=asked {
            numbers
                .extend((0..=asked - agreeing).map(|together| flag(agree == agreeing && rival == together)));
        }
        for one in 0..asked {
            for two in 0..one {
                let same = self.probes[one].is_some()
                    && self.probes[one] == self.probes[two]
                    && self.probes[one] != self.express;
                numbers.extend([differs[one] * differs[two], flag(same)]);
            }
        }
        self.push_category(numbers, (rival as f64 - 1.0) * 0.5);
        for differs in differs {
            self.push_category(numbers, (differs - 0.5) * 0.7);
        }
    }
}

fn flag(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

/// A ridge regression (Hoerl and Kennard, 1970).
#[derive(Clone, Debug)]
pub(crate) struct Ridge {
    means: Vec<f64>,
    weights: Vec<f64>,
}

impl Ridge {
    /// Fits `target`, less its mean, with the rows, each less the mean of all.
    pub(crate) fn fit(rows: &[Vec<f64>], target: &[f64]) -> Self {
        let columns = rows.first().map_or(0, Vec::len);
        let count = rows.len().max(1) as f64;
        let mut means = vec![0.0; columns];
        for row in rows {
            for (mean, value) in means.iter_mut().zip(row) {
                *mean += value / count;
            }
        }
        let middle = target.iter().sum::<f64>() / count;
        let mut matrix = vec![vec![0.0; columns]; columns];
        let mut weights = vec![0.0; columns];
        for (row, target) in rows.iter().zip(target) {
            let row: Vec<f64> = row.iter().zip(&means).map(|(value, mean)| value - mean).collect();
            for (at, value) in row.iter().enumerate() {
                weights[at] += value * (target - middle);
                for (cell, other) in matrix[at].iter_mut().zip(&row[..=at]) {
                    *cell += value * other;
                }
            }
        }
        for (at, row) in matrix.iter_mut().enumerate() {
            row[at] += PENALTY;
        }
        solve(&mut matrix, &mut weights);
        Self { means, weights }
    }

    pub(crate) fn predict(&self, row: &[f64]) -> f64 {
        row.iter()
            .zip(&self.means)
            .zip(&self.weights)
            .map(|((value, mean), weight)| (value - mean) * weight)
            .sum()
    }
}

/// Solves a symmetric positive system of which the lower half is given (Cholesky); the solution takes the right side's place.
fn solve(matrix: &mut [Vec<f64>], side: &mut [f64]) {
    let size = side.len();
    for row in 0..size {
        let (above, rest) = matrix.split_at_mut(row);
        let own = &mut rest[0];
        for column in 0..row {
            let done: f64 =
                own[..column].iter().zip(&above[column][..column]).map(|(one, two)| one * two).sum();
            own[column] = (own[column] - done) / above[column][column];
        }
        let done: f64 = own[..row].iter().map(|value| value * value).sum();
        own[row] = (own[row] - done).sqrt();
        let done: f64 = own[..row].iter().zip(&*side).map(|(one, two)| one * two).sum();
        side[row] = (side[row] - done) / own[row];
    }
    for row in (0..size).rev() {
        let done: f64 = (row + 1..size).map(|below| matrix[below][row] * side[below]).sum();
        side[row] = (side[row] - done) / matrix[row][row];
    }
}

#[cfg(test)]
mod tests {
    use super::{PENALTY, Ridge, Seen};

    #[test]
    fn a_line_is_found_but_for_the_penalty() {
        let rows: Vec<Vec<f64>> = (0..1_000).map(|at| vec![f64::from(at % 10), f64::from(at % 7)]).collect();
        let target: Vec<f64> = rows.iter().map(|row| 3.0 + 0.5 * row[0] - 0.25 * row[1]).collect();
        let fitted = Ridge::fit(&rows, &target);
        let shrunk = |rows: f64| rows / (rows + PENALTY);
        assert!((fitted.weights[0] / (0.5 * shrunk(8_250.0)) - 1.0).abs() < 0.01, "{fitted:?}");
        assert!((fitted.weights[1] / (-0.25 * shrunk(4_000.0)) - 1.0).abs() < 0.02, "{fitted:?}");
        assert!(fitted.predict(&[9.0, 0.0]) > fitted.predict(&[0.0, 6.0]));
    }

    #[test]
    fn probes_that_agree_on_another_answer_are_seen() {
        let seen = |probes: &[Option<u16>]| {
            let probes = probes.to_vec();
            Seen {
                category: Some(1),
                categories: 2,
                options: 10,
                express: Some(0),
                letter: Some(2),
                lengths: vec![0.1; probes.len() + 1],
                odds: [0.5, 0.25, 0.25],
                probes,
                text: 0.5,
            }
            .numbers()
        };
        assert_eq!(seen(&[])[..6], [0.0, 0.0, 1.0, 1.0, 1.0, 0.5]);
        assert_eq!(seen(&[Some(0)]).len(), seen(&[None]).len());
        let (together, apart) = (seen(&[Some(1), Some(1)]), seen(&[Some(1), Some(2)]));
        assert_eq!(together.len(), apart.len());
        assert_ne!(together, apart);
        assert!(seen(&[None, None, Some(7)]).iter().all(|number| number.is_finite()));
    }
}
