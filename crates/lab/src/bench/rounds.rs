//! Paired rounds: every contestant runs once a round, in an order that turns, so that what the machine does meanwhile hits all alike.

use std::time::Instant;

use anyhow::Result;
use async_orchestrator_core::Clock;
use async_orchestrator_resilience::TokioClock;
use futures_util::future::LocalBoxFuture;

use super::process::{Helper, cpu_ns};

/// One way to do the same work.
pub(super) struct Contestant<'a> {
    pub(super) name: &'static str,
    /// Does the work so many times.
    batch: Box<dyn Fn(usize) -> LocalBoxFuture<'a, Result<()>> + 'a>,
    /// A process whose time is part of the price.
    beside: Option<&'a Helper>,
}

impl<'a> Contestant<'a> {
    pub(super) fn new(
        name: &'static str,
        batch: impl Fn(usize) -> LocalBoxFuture<'a, Result<()>> + 'a,
    ) -> Self {
        Self { name, batch: Box::new(batch), beside: None }
    }

    pub(super) fn with(self, helper: &'a Helper) -> Self {
        Self { beside: Some(helper), ..self }
    }

    fn spent(&self) -> Result<u64> {
        Ok(cpu_ns("self")? + self.beside.map_or(Ok(0), Helper::cpu_ns)?)
    }
}

/// The price of one piece of work, in nanoseconds, of each contestant and round.
#[derive(Debug)]
pub(super) struct Prices(Vec<(&'static str, Vec<f64>)>);

/// Lets each contestant do its work `calls` times a round, and before it a quarter of that for nothing.
pub(super) async fn cpu(contestants: &[Contestant<'_>], rounds: usize, calls: usize) -> Result<Prices> {
    let mut prices = Prices(contestants.iter().map(|one| (one.name, Vec::new())).collect());
    for contestant in contestants {
        (contestant.batch)(calls.div_ceil(4)).await?;
    }
    for round in 0..rounds {
        for place in 0..contestants.len() {
            let index = (place + round) % contestants.len();
            let contestant = &contestants[index];
            let before = contestant.spent()?;
            (contestant.batch)(calls).await?;
            let spent = contestant.spent()?.saturating_sub(before);
            prices.0[index].1.push(spent as f64 / calls as f64);
        }
    }
    Ok(prices)
}

impl Prices {
    pub(super) fn of(&self, name: &str) -> &[f64] {
        self.0.iter().find(|(known, _)| *known == name).map_or(&[], |(_, prices)| prices)
    }

    /// The median price, in microseconds.
    pub(super) fn us(&self, name: &str) -> f64 {
        median(self.of(name).to_vec()) / 1_000.0
    }

    /// The median of the rounds' ratios.
    pub(super) fn ratio(&self, name: &str, base: &str) -> f64 {
        median(ratios(self.of(name), self.of(base)))
    }

    /// The smallest and the largest of the rounds' ratios.
    pub(super) fn spread(&self, name: &str, base: &str) -> String {
        spread(&ratios(self.of(name), self.of(base)))
    }
}

pub(super) fn spread(ratios: &[f64]) -> String {
    let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let most = ratios.iter().copied().fold(0.0, f64::max);
    format!("rounds {least:.2} to {most:.2}")
}

pub(super) fn ratios(these: &[f64], base: &[f64]) -> Vec<f64> {
    these.iter().zip(base).map(|(this, base)| this / base.max(1.0)).collect()
}

/// Milliseconds since `started`.
pub(super) fn ms_since(started: Instant) -> f64 {
    TokioClock.now().saturating_duration_since(started).as_secs_f64() * 1_000.0
}

/// The middle of `values`; 0 if there is none.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.get(middle) {
        Some(upper) if values.len().is_multiple_of(2) => (upper + values[middle - 1]) / 2.0,
        Some(only) => *only,
        None => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_the_ratios_counts_and_not_the_ratio_of_the_middles() {
        let prices = Prices(vec![("ours", vec![20.0, 60.0, 30.0]), ("raw", vec![10.0, 20.0, 30.0])]);
        assert!((prices.ratio("ours", "raw") - 2.0).abs() < 1e-9);
        assert_eq!(prices.spread("ours", "raw"), "rounds 1.00 to 3.00");
        assert!((median(vec![1.0, 2.0, 4.0, 3.0]) - 2.5).abs() < 1e-9);
    }
}
