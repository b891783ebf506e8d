//! The part that is not linear: gradient boosting with trees of one split, which add up to one table of steps for each feature.
//!
//! Friedman, "Greedy function approximation: a gradient boosting machine", 2001, for the squared loss. A tree may split on every third
//! feature only, by turns, so that features which say the same share the weight.

use super::weights::EDGES_MAX;

const TREES: usize = 200;
const RATE: f64 = 0.05;
const PENALTY: f64 = 50.0;

/// A side of a split has at least so many rows.
const SIDE_MIN: usize = 60;

/// Values of a feature fall into at most this many groups of about equal size.
const BINS: usize = EDGES_MAX + 1;

const TURNS: usize = 3;

/// Gains below are noise of the arithmetic.
const GAIN_MIN: f64 = 1e-9;

/// One feature's table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Steps {
    /// Ascending; a value that equals an edge lies below it.
    pub(crate) edges: Vec<f64>,
    /// Between the edges, so one more than these; the mean over the rows that were fitted is 0.
    pub(crate) values: Vec<f64>,
}

/// A feature's rows, put into bins.
struct Binned {
    edges: Vec<f64>,
    bins: Vec<u8>,
}

impl Binned {
    fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let mut edges: Vec<f64> =
            (1..BINS).filter_map(|bin| sorted.get(sorted.len() * bin / BINS).copied()).collect();
        edges.dedup();
        if edges.last() == sorted.last() {
            edges.pop();
        }
        let bin = |value: &f64| edges.partition_point(|edge| edge < value);
        let bins = values.iter().map(|value| u8::try_from(bin(value)).unwrap_or(u8::MAX)).collect();
        Self { edges, bins }
    }
}

struct Split {
    feature: usize,
    edge: usize,
    gain: f64,
    /// What the rows below the edge get, and those above.
    below: f64,
    above: f64,
}

/// Fits `target`, which is centred, with `columns`, one a feature.
pub(crate) fn fit(columns: &[Vec<f64>], target: &[f64]) -> Vec<Steps> {
    let binned: Vec<Binned> = columns.iter().map(|column| Binned::of(column)).collect();
    let mean = target.iter().sum::<f64>() / target.len().max(1) as f64;
    let mut rest: Vec<f64> = target.iter().map(|value| value - mean).collect();
    let mut tables: Vec<Vec<f64>> = binned.iter().map(|column| vec![0.0; column.edges.len() + 1]).collect();
    for tree in 0..TREES {
        let Some(split) = best(&binned, &rest, tree) else { continue };
        for (bin, value) in tables[split.feature].iter_mut().enumerate() {
            *value += if bin <= split.edge { split.below } else { split.above };
        }
        for (rest, bin) in rest.iter_mut().zip(&binned[split.feature].bins) {
            *rest -= if usize::from(*bin) <= split.edge { split.below } else { split.above };
        }
    }
    binned.iter().zip(tables).map(|(column, table)| centred(column, table)).collect()
}

fn centred(column: &Binned, mut values: Vec<f64>) -> Steps {
    let sum: f64 = column.bins.iter().map(|bin| values[usize::from(*bin)]).sum();
    let mean = sum / column.bins.len().max(1) as f64;
    for value in &mut values {
        *value -= mean;
    }
    // Where nothing changes there is no edge to keep.
    let mut steps = Steps { edges: Vec::new(), values: vec![values[0]] };
    for (edge, pair) in column.edges.iter().zip(values.windows(2)) {
        if pair[0].to_bits() != pair[1].to_bits() {
            steps.edges.push(*edge);
            steps.values.push(pair[1]);
        }
    }
    steps
}

/// The best split of tree number `tree`; of equal ones the first.
fn best(binned: &[Binned], rest: &[f64], tree: usize) -> Option<Split> {
    let rows = rest.len();
    let total: f64 = rest.iter().sum();
    let worth = |sum: f64, count: usize| sum * sum / (count as f64 + PENALTY);
    let mut found: Option<Split> = None;
    for (feature, column) in
        binned.iter().enumerate().filter(|(feature, _)| (feature + tree).is_multiple_of(TURNS))
    {
        let mut bins = [(0.0, 0_usize); BINS];
        for (rest, bin) in rest.iter().zip(&column.bins) {
            let bin = &mut bins[usize::from(*bin)];
            bin.0 += rest;
            bin.1 += 1;
        }
        let (mut sum, mut count) = (0.0, 0);
        for (edge, bin) in bins.iter().enumerate().take(column.edges.len()) {
            sum += bin.0;
            count += bin.1;
            if count < SIDE_MIN || rows - count < SIDE_MIN {
                continue;
            }
            let gain = worth(sum, count) + worth(total - sum, rows - count) - worth(total, rows);
            if gain > found.as_ref().map_or(GAIN_MIN, |split| split.gain) {
                let leaf = |sum: f64, count: usize| RATE * sum / (count as f64 + PENALTY);
                found = Some(Split {
                    feature,
                    edge,
                    gain,
                    below: leaf(sum, count),
                    above: leaf(total - sum, rows - count),
                });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::fit;

    #[test]
    fn a_step_in_the_data_becomes_a_step_in_the_table() {
        let column: Vec<f64> = (0..400).map(|row| f64::from(row % 40)).collect();
        let noise: Vec<f64> = (0..400).map(|row| f64::from(row / 40)).collect();
        let target: Vec<f64> = column.iter().map(|value| if *value <= 20.0 { -1.0 } else { 1.0 }).collect();
        let tables = fit(&[column, noise], &target);
        let steps = &tables[0];
        assert_eq!(steps.values.len(), steps.edges.len() + 1);
        assert!(steps.values[0] < -0.5 && *steps.values.last().unwrap() > 0.5, "{steps:?}");
        assert!(steps.edges.contains(&20.0), "{steps:?}");
        assert!(tables[1].values.iter().all(|value| value.abs() < 0.05), "{:?}", tables[1]);
    }

    #[test]
    fn constant_columns_and_few_rows_give_flat_tables() {
        for (rows, value) in [(0, 0.0), (3, 1.0), (500, 1.0)] {
            let tables = fit(&[vec![value; rows]], &vec![0.5; rows]);
            assert_eq!((tables[0].edges.len(), tables[0].values.len()), (0, 1), "{rows}");
        }
    }
}
