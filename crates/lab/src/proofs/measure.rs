//! Percentiles of durations, and how much memory this process holds.

use std::time::Duration;

/// The value below which `per_mille` of `times` lie, by the nearest rank; zero where there are none.
pub(super) fn quantile(times: &[Duration], per_mille: usize) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * per_mille).div_ceil(1_000).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

/// In milliseconds, for a table.
pub(super) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// The resident memory of this process in KiB; `None` where the system does not tell.
pub(super) fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_occurred() {
        let times: Vec<Duration> = (1..=1_000).rev().map(Duration::from_millis).collect();
        assert_eq!(quantile(&times, 990), Duration::from_millis(990));
        assert_eq!(quantile(&times, 1_000), Duration::from_millis(1_000));
        assert_eq!(quantile(&[], 500), Duration::ZERO);
    }
}
