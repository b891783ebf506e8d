//! A minimiser of smooth convex functions: L-BFGS (Nocedal, "Updating quasi-Newton matrices with limited storage", Mathematics of Computation 35, 1980)
//! with a backtracking search. The same input gives the same bits: nothing is drawn, nothing runs in parallel.

use std::collections::VecDeque;

/// How many of the last steps the curvature is estimated from.
const MEMORY: usize = 10;

/// A step must gain at least this share of what the slope promises (Armijo).
const GAIN_MIN: f64 = 1e-4;

/// How often one step is halved before it is given up.
const HALVINGS_MAX: usize = 40;

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The most steps.
    pub(crate) steps: usize,
    /// No entry of the gradient is larger at the end.
    pub(crate) gradient: f64,
}

/// Minimises `function` from `at` on. It gets a place and a gradient to fill in, and returns its value.
pub(crate) fn minimise(
    mut at: Vec<f64>,
    limits: Limits,
    mut function: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> Vec<f64> {
    let mut gradient = vec![0.0; at.len()];
    let mut value = function(&at, &mut gradient);
    let mut memory: VecDeque<Pair> = VecDeque::with_capacity(MEMORY);
    for _ in 0..limits.steps {
        if gradient.iter().all(|slope| slope.abs() <= limits.gradient) {
            break;
        }
        let mut direction = descent(&memory, &gradient);
        let mut slope = dot(&direction, &gradient);
        if slope >= 0.0 {
            // Rounding has spoilt the estimate: begin again from the gradient.
            memory.clear();
            direction = gradient.iter().map(|slope| -slope).collect();
            slope = dot(&direction, &gradient);
        }
        let Some(next) = search(&at, value, &direction, slope, memory.is_empty(), &mut function) else {
            break;
        };
        let step: Vec<f64> = next.at.iter().zip(&at).map(|(new, old)| new - old).collect();
        let change: Vec<f64> = next.gradient.iter().zip(&gradient).map(|(new, old)| new - old).collect();
        let curvature = dot(&step, &change);
        if curvature > 1e-12 * dot(&change, &change) {
            if memory.len() == MEMORY {
                memory.pop_front();
            }
            memory.push_back(Pair { step, change, curvature });
        }
        Place { at, value, gradient } = next;
    }
    at
}

struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    curvature: f64,
}

struct Place {
    at: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
}

/// The direction of the next step: the gradient times the estimated inverse curvature, by the two loops.
fn descent(memory: &VecDeque<Pair>, gradient: &[f64]) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|slope| -slope).collect();
    let mut shares = Vec::with_capacity(memory.len());
    for pair in memory.iter().rev() {
        let share = dot(&pair.step, &direction) / pair.curvature;
        add(&mut direction, -share, &pair.change);
        shares.push(share);
    }
    if let Some(last) = memory.back() {
        let scale = last.curvature / dot(&last.change, &last.change);
        for entry in &mut direction {
            *entry *= scale;
        }
    }
    for (pair, share) in memory.iter().zip(shares.into_iter().rev()) {
        let correction = share - dot(&pair.change, &direction) / pair.curvature;
        add(&mut direction, correction, &pair.step);
    }
    direction
}

/// The first of the halved steps that gains enough; `None` if none does.
fn search(
    at: &[f64],
    value: f64,
    direction: &[f64],
    slope: f64,
    is_first: bool,
    function: &mut impl FnMut(&[f64], &mut [f64]) -> f64,
) -> Option<Place> {
    // Without an estimate of the curvature the gradient says where, not how far.
    let mut length = if is_first { 1.0 / dot(direction, direction).sqrt().max(1.0) } else { 1.0 };
    for _ in 0..HALVINGS_MAX {
        let next: Vec<f64> =
            at.iter().zip(direction).map(|(place, step)| length.mul_add(*step, *place)).collect();
        let mut gradient = vec![0.0; at.len()];
        let found = function(&next, &mut gradient);
        if found <= (GAIN_MIN * length).mul_add(slope, value) {
            return Some(Place { at: next, value: found, gradient });
        }
        length /= 2.0;
    }
    None
}

fn dot(one: &[f64], two: &[f64]) -> f64 {
    one.iter().zip(two).map(|(one, two)| one * two).sum()
}

fn add(target: &mut [f64], times: f64, what: &[f64]) {
    for (target, what) in target.iter_mut().zip(what) {
        *target = times.mul_add(*what, *target);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bottom_of_a_narrow_valley_is_found() {
        // Rosenbrock's function, the usual trial; its bottom is at (1, 1).
        let bottom = minimise(vec![-1.2, 1.0], Limits { steps: 200, gradient: 1e-9 }, |at, slope| {
            let (x, y) = (at[0], at[1]);
            slope[0] = (-400.0 * x).mul_add(x.mul_add(-x, y), -2.0 * (1.0 - x));
            slope[1] = 200.0 * x.mul_add(-x, y);
            100.0_f64.mul_add(x.mul_add(-x, y).powi(2), (1.0 - x).powi(2))
        });
        assert!((bottom[0] - 1.0).abs() < 1e-6 && (bottom[1] - 1.0).abs() < 1e-6, "{bottom:?}");
    }

    #[test]
    fn what_cannot_be_improved_stays() {
        let stays = minimise(vec![3.0], Limits { steps: 5, gradient: 0.0 }, |_, slope| {
            slope[0] = f64::NAN;
            f64::NAN
        });
        assert_eq!(stays.len(), 1);
        assert!((stays[0] - 3.0).abs() < 1e-12);
    }
}
