//! How well an order of questions says where a stronger model is worth its price.
//!
//! The average performance gap recovered (APGR) of Ong and others, "RouteLLM: learning to route LLMs with preference data", 2024: with the share
//! of questions that go to the stronger model, those with the highest scores first, from 0 to 1, the mean part of the gap between the two
//! models' accuracies that is won. A random order has 0.5.

use super::sample::{Estimate, SplitMix};

/// How often an interval's sample is drawn again.
const DRAWS: usize = 2_000;

/// A gap below is none.
const GAP_MIN: f64 = 1e-9;

/// The questions in the order of their scores, with what the stronger model adds on each.
#[derive(Clone, Debug)]
pub struct Order {
    /// The uplifts, highest score first.
    uplifts: Vec<f64>,
    /// Where each group of equal scores ends.
    ends: Vec<usize>,
}

impl Order {
    /// Of scores and uplifts (the stronger model's rightness less the weaker one's), question by question.
    pub fn new(scores: &[f64], uplifts: &[f64]) -> Self {
        let mut places: Vec<usize> = (0..scores.len().min(uplifts.len())).collect();
        places.sort_by(|one, two| scores[*two].total_cmp(&scores[*one]).then(one.cmp(two)));
        let mut ends = Vec::new();
        for (at, place) in places.iter().enumerate() {
            let next = places.get(at + 1).map(|next| scores[*next]);
            if next.is_none_or(|next| next.total_cmp(&scores[*place]).is_ne()) {
                ends.push(at + 1);
            }
        }
        Self { uplifts: places.iter().map(|place| uplifts[*place]).collect(), ends }
    }

    /// The APGR; equal scores count as in any order, on average. `None` where the models do not differ.
    pub fn apgr(&self) -> Option<f64> {
        self.weighed(&vec![1; self.uplifts.len()])
    }

    /// The same for a sample in which question number n of the order stands `times[n]` times.
    fn weighed(&self, times: &[u32]) -> Option<f64> {
        let (mut area, mut won, mut count) = (0.0, 0.0, 0.0);
        let mut start = 0;
        for end in &self.ends {
            let group = start..*end;
            let size: u32 = times[group.clone()].iter().sum();
            let sum: f64 = group.map(|at| self.uplifts[at] * f64::from(times[at])).sum();
            area += (won + sum / 2.0) * f64::from(size);
            won += sum;
            count += f64::from(size);
            start = *end;
        }
        (won.abs() > GAP_MIN && count > 0.0).then(|| area / count / won)
    }

    /// The APGR with its 95 % bootstrap interval, from 2,000 samples drawn with a fixed seed. Without a gap all three are 0.
    pub fn estimate(&self) -> Estimate {
        let count = self.uplifts.len();
        let Some(mean) = self.apgr() else { return Estimate::default() };
        let mut random = SplitMix(0x0a96_7249_u64 ^ count as u64);
        let mut times = vec![0; count];
        let mut found = Vec::with_capacity(DRAWS);
        for _ in 0..DRAWS {
            times.fill(0);
            for _ in 0..count {
                times[random.below(count)] += 1;
            }
            found.extend(self.weighed(&times));
        }
        found.sort_by(f64::total_cmp);
        let at = |thousandths: usize| {
            found.get(found.len().saturating_sub(1) * thousandths / 1_000).copied().unwrap_or(mean)
        };
        Estimate { mean, low: at(25), high: at(975) }
    }

    /// The part of the gap that is won when so many percent of the questions go to the stronger model.
    pub fn recovered(&self, percent: usize) -> Option<f64> {
        let gap: f64 = self.uplifts.iter().sum();
        let first = self.uplifts.len() * percent.min(100) / 100;
        (gap.abs() > GAP_MIN).then(|| self.uplifts[..first].iter().sum::<f64>() / gap)
    }
}

#[cfg(test)]
mod tests {
    use super::Order;

    fn apgr(scores: &[f64], uplifts: &[f64]) -> f64 {
        Order::new(scores, uplifts).apgr().unwrap()
    }

    #[test]
    fn the_best_order_wins_most_and_equal_scores_win_half() {
        let uplifts = [1.0, 0.0, 0.0, 1.0];
        assert!((apgr(&[4.0, 1.0, 2.0, 3.0], &uplifts) - 0.75).abs() < 1e-12);
        assert!((apgr(&[1.0, 3.0, 4.0, 2.0], &uplifts) - 0.25).abs() < 1e-12);
        assert!((apgr(&[1.0; 4], &uplifts) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn losses_count_against_gains() {
        assert!((apgr(&[2.0, 1.0, 0.0], &[1.0, 1.0, -1.0]) - (0.5 + 1.5 + 1.5) / 3.0).abs() < 1e-12);
        assert_eq!(Order::new(&[1.0, 2.0], &[1.0, -1.0]).apgr(), None);
        assert_eq!(Order::new(&[], &[]).apgr(), None);
    }

    #[test]
    fn the_interval_holds_the_figure_and_is_the_same_each_time() {
        let scores: Vec<f64> = (0..300).map(|at| f64::from(at * 7 % 300)).collect();
        let uplifts: Vec<f64> = scores
            .iter()
            .enumerate()
            .map(|(at, score)| f64::from(u8::from(at % 3 == 0 || *score > 200.0)))
            .collect();
        let order = Order::new(&scores, &uplifts);
        let found = order.estimate();
        assert!(
            found.low < found.mean && found.mean < found.high && found.high - found.low < 0.2,
            "{found:?}"
        );
        assert_eq!(found, order.estimate());
        assert!(order.recovered(30).unwrap() > 0.4 && order.recovered(100) == Some(1.0));
    }
}
