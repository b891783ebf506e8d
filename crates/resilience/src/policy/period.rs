//! When a day and a month begin, in UTC: what a budget is filled anew by. Pure.

use std::time::{Duration, SystemTime};

const DAY_SECONDS: u64 = 86_400;

/// A period of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// From midnight to midnight, UTC.
    Day,
    /// From the first of a month to the next, UTC.
    Month,
}

impl Period {
    /// When the period of `wall` began and when the next one begins, in seconds since 1970.
    ///
    /// ```
    /// use async_orchestrator_resilience::policy::Period;
    /// use std::time::{Duration, SystemTime};
    /// // 2024-02-29T12:00:00Z
    /// let leap = SystemTime::UNIX_EPOCH + Duration::from_secs(1_709_208_000);
    /// assert_eq!(Period::Month.around(leap), (1_706_745_600, 1_709_251_200));
    /// ```
    pub fn around(self, wall: SystemTime) -> (u64, u64) {
        let seconds = wall.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let day = seconds / DAY_SECONDS;
        match self {
            Self::Day => (day * DAY_SECONDS, (day + 1) * DAY_SECONDS),
            Self::Month => {
                let (day_of_month, days) = month_of(day);
                let first = day - day_of_month;
                (first * DAY_SECONDS, (first + days) * DAY_SECONDS)
            }
        }
    }

    /// How long it is until the next one begins.
    pub fn left(self, wall: SystemTime) -> Duration {
        let end = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(self.around(wall).1));
        end.and_then(|end| end.duration_since(wall).ok()).unwrap_or_default()
    }
}

/// The place of a day in its month, from 0, and the month's length.
///
/// Source of the arithmetic: Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
fn month_of(day: u64) -> (u64, u64) {
    let shifted = day + 719_468;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months are counted from March, so that the day of the leap is a year's last.
    let month = (5 * of_year + 2) / 153;
    let first = (153 * month + 2) / 5;
    let days = if month == 11 {
        // The year of a February began in March of the year before.
        let year = year_of_era + shifted / 146_097 * 400 + 1;
        if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) {
            29
        } else {
            28
        }
    } else {
        (153 * (month + 1) + 2) / 5 - first
    };
    (of_year - first, days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_follow_each_other_without_a_gap_for_four_centuries() {
        let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let mut begin = 0;
        for year in 1970..2370_u64 {
            for (index, length) in lengths.iter().enumerate() {
                let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
                let days = if index == 1 && leap { 29 } else { *length };
                let end = begin + days * DAY_SECONDS;
                for seconds in [begin, begin + 12_345, end - 1] {
                    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
                    assert_eq!(Period::Month.around(wall), (begin, end), "month {} of {year}", index + 1);
                }
                begin = end;
            }
        }
    }
}
