//! Sums that do not depend on the order of their terms, and the grid on which scores are compared.

/// The sum of `terms` from the smallest to the largest: floats do not add associatively, so the order is fixed here.
pub(crate) fn sum_in_order(terms: &mut [f64]) -> f64 {
    terms.sort_unstable_by(f64::total_cmp);
    terms.iter().fold(0.0, |sum, term| sum + term)
}

/// `value` on a grid of 1e-9. What differs by less is a tie, not a lead born of rounding (thirds of a vote, for example).
pub(crate) fn on_grid(value: f64) -> f64 {
    (value * 1e9).round() / 1e9 + 0.0
}
