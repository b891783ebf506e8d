//! How long a persona takes: distributions of a duration, and the times of one reply drawn from them.

use std::time::Duration;

use serde::Deserialize;

use crate::dice::Dice;

/// The longest wait that a distribution may produce; a log-normal tail is cut here.
pub const LATENCY_MAX: Duration = Duration::from_secs(3600);

/// A distribution of durations.
///
/// In a file: `{ fixed_ms = 100 }`, `{ uniform_ms = [80, 120] }` or `{ lognormal_ms = [400, 0.5] }` (median, sigma).
///
/// ```
/// use async_orchestrator_simulator::Distribution;
/// let distribution: Distribution = toml::from_str("uniform_ms = [80, 120]").unwrap();
/// assert_eq!(distribution, Distribution::uniform_ms(80.0, 120.0).unwrap());
/// assert!(Distribution::uniform_ms(120.0, 80.0).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "RawDistribution")]
pub struct Distribution(Shape);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    Fixed { ms: f64 },
    Uniform { low_ms: f64, high_ms: f64 },
    LogNormal { median_ms: f64, sigma: f64 },
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[expect(clippy::enum_variant_names, reason = "the names are those in a file, where the unit must stand")]
enum RawDistribution {
    FixedMs(f64),
    UniformMs(f64, f64),
    LognormalMs(f64, f64),
}

impl TryFrom<RawDistribution> for Distribution {
    type Error = InvalidDistribution;

    fn try_from(raw: RawDistribution) -> Result<Self, Self::Error> {
        match raw {
            RawDistribution::FixedMs(ms) => Self::fixed_ms(ms),
            RawDistribution::UniformMs(low, high) => Self::uniform_ms(low, high),
            RawDistribution::LognormalMs(median, sigma) => Self::lognormal_ms(median, sigma),
        }
    }
}

/// Why a distribution was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidDistribution(String);

impl Distribution {
    /// Always `duration`, at most [`LATENCY_MAX`].
    pub fn fixed(duration: Duration) -> Self {
        Self(Shape::Fixed { ms: duration.min(LATENCY_MAX).as_secs_f64() * 1e3 })
    }

    /// Always `ms` milliseconds.
    ///
    /// # Errors
    /// When `ms` is negative, not finite or more than an hour.
    pub fn fixed_ms(ms: f64) -> Result<Self, InvalidDistribution> {
        check_ms("a fixed latency", ms)?;
        Ok(Self(Shape::Fixed { ms }))
    }

    /// Evenly between `low` and `high` milliseconds.
    ///
    /// # Errors
    /// When a bound is negative, not finite or more than an hour, or `low > high`.
    pub fn uniform_ms(low: f64, high: f64) -> Result<Self, InvalidDistribution> {
        check_ms("the lower bound", low)?;
        check_ms("the upper bound", high)?;
        if low > high {
            return Err(InvalidDistribution(format!(
                "the lower bound {low} ms is above the upper bound {high} ms"
            )));
        }
        Ok(Self(Shape::Uniform { low_ms: low, high_ms: high }))
    }

    /// Log-normal with the given median in milliseconds; `sigma` is the standard deviation of the logarithm.
    /// Response times of hosted models are skewed like this: `sigma` 0.5 puts the 99th percentile at 3.2 medians.
    ///
    /// # Errors
    /// When the median is negative, not finite or more than an hour, or `sigma` is outside 0 to 3.
    pub fn lognormal_ms(median: f64, sigma: f64) -> Result<Self, InvalidDistribution> {
        check_ms("the median", median)?;
        if !(0.0..=3.0).contains(&sigma) {
            return Err(InvalidDistribution(format!("sigma must be between 0 and 3, not {sigma}")));
        }
        Ok(Self(Shape::LogNormal { median_ms: median, sigma }))
    }

    pub(crate) fn draw(self, dice: &mut Dice) -> Duration {
        let ms = match self.0 {
            Shape::Fixed { ms } => ms,
            Shape::Uniform { low_ms, high_ms } => dice.between(low_ms, high_ms),
            Shape::LogNormal { median_ms, sigma } => median_ms * (sigma * dice.normal()).exp(),
        };
        Duration::try_from_secs_f64(ms / 1e3).unwrap_or(LATENCY_MAX).min(LATENCY_MAX)
    }
}

fn check_ms(what: &str, ms: f64) -> Result<(), InvalidDistribution> {
    let max = LATENCY_MAX.as_secs_f64() * 1e3;
    if (0.0..=max).contains(&ms) {
        return Ok(());
    }
    Err(InvalidDistribution(format!("{what} must be between 0 and {max} ms, not {ms}")))
}

/// When a persona answers. Everything left out takes no time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Latency {
    /// From the request's headers to the first piece of text. A stream sends its headers and opening event before.
    pub first_token: Option<Distribution>,
    /// From the request's headers to the end of the reply; stretched to the first token where that comes later.
    pub total: Option<Distribution>,
    /// Speed of writing after the first token, where `total` is not given.
    pub tokens_per_second: Option<f64>,
}

impl Latency {
    /// Every call takes `duration` from its headers to its end; a stream's pieces are spread evenly over it.
    pub fn fixed(duration: Duration) -> Self {
        Self { total: Some(Distribution::fixed(duration)), ..Self::default() }
    }

    /// Draws the times of one reply of `deltas` pieces with `tokens` tokens in all.
    pub(crate) fn draw(&self, dice: &Dice, tokens: u64, deltas: usize) -> Pace {
        let total = self.total.map(|total| total.draw(&mut dice.of("total")));
        let first = self.first_token.map(|first| first.draw(&mut dice.of("first_token")));
        let writing = match self.tokens_per_second {
            Some(rate) if rate > 0.0 => {
                Duration::try_from_secs_f64(tokens as f64 / rate).unwrap_or(LATENCY_MAX)
            }
            _ => Duration::ZERO,
        };
        let evenly = |total: Duration| total / u32::try_from(deltas.max(1)).unwrap_or(u32::MAX);
        let first = first.unwrap_or_else(|| total.map_or(Duration::ZERO, evenly));
        Pace { first, total: total.unwrap_or(first + writing).max(first) }
    }
}

/// The times of one reply, counted from the request's headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    first: Duration,
    pub(crate) total: Duration,
}

impl Pace {
    /// When piece `index` of `count` is due: the first at the first token, the last at the end.
    pub(crate) fn due(self, index: usize, count: usize) -> Duration {
        let steps = u32::try_from(count.saturating_sub(1)).unwrap_or(u32::MAX);
        match u32::try_from(index) {
            Ok(index) if index < steps => self.first + self.total.saturating_sub(self.first) / steps * index,
            _ => self.total,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_total_alone_is_spread_over_the_pieces() {
        let pace = Latency::fixed(100 * MS).draw(&Dice::new(1), 40, 10);
        let due: Vec<_> = (0..10).map(|index| pace.due(index, 10).as_millis()).collect();
        assert_eq!(due, [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
        assert_eq!(pace.due(0, 1), 100 * MS);
    }

    #[test]
    fn a_rate_follows_the_first_token() {
        let latency = Latency {
            first_token: Some(Distribution::fixed(50 * MS)),
            tokens_per_second: Some(100.0),
            ..Latency::default()
        };
        let pace = latency.draw(&Dice::new(1), 20, 5);
        assert_eq!((pace.due(0, 5), pace.due(4, 5), pace.total), (50 * MS, 250 * MS, 250 * MS));
    }

    #[test]
    fn distributions_keep_their_bounds_and_their_median() {
        let mut dice = Dice::new(3);
        let uniform = Distribution::uniform_ms(80.0, 120.0).unwrap();
        assert!((0..1000).all(|_| (80 * MS..120 * MS).contains(&uniform.draw(&mut dice))));
        let skewed = Distribution::lognormal_ms(400.0, 0.5).unwrap();
        let mut drawn: Vec<_> = (0..2001).map(|_| skewed.draw(&mut dice)).collect();
        drawn.sort();
        assert!((370 * MS..430 * MS).contains(&drawn[1000]), "{:?}", drawn[1000]);
    }

    #[test]
    fn impossible_distributions_say_what_is_wrong() {
        for (text, says) in [
            ("fixed_ms = -1", "between 0 and"),
            ("uniform_ms = [2, 1]", "above the upper bound"),
            ("lognormal_ms = [100, 9]", "sigma must be between"),
        ] {
            let error = toml::from_str::<Distribution>(text).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
