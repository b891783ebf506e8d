//! Opens what was kept of runs, finds one by what a person writes, and reads times as people give them.

use std::{error::Error, sync::Arc, time::UNIX_EPOCH};

use async_orchestrator::{
    Clock, Filter, Found, History, OpenError, RunRow, RunState, Settings, StoreError, TokioClock,
    open_history,
};

use crate::{
    exit::{Exit, Failure},
    output,
};

/// An error with its causes, as one sentence.
pub(crate) fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// The history of `settings`, for a run that is to be kept: `None` where none is wanted; the error is a sentence.
pub(crate) fn open(settings: &Settings) -> Result<Option<Arc<History>>, String> {
    open_history(settings).map_err(|error| match &error {
        OpenError::Unusable { .. } => {
            format!(
                "{}: see to the rights of the directory, or name another place as history.path",
                told(&error)
            )
        }
        // The others say what to do.
        _ => told(&error),
    })
}

/// The history of `settings`, for a command that has nothing to do without one.
pub(crate) fn need(settings: &Settings) -> Result<Arc<History>, Failure> {
    match open(settings) {
        Ok(Some(history)) => Ok(history),
        Ok(None) => Err(Failure::new(Exit::Config, "nothing is kept of runs: history.enabled is false")),
        Err(why) => Err(Failure::new(Exit::Failed, why)),
    }
}

/// A failure of the history.
pub(crate) fn failed(error: &StoreError) -> Failure {
    Failure::new(Exit::Failed, told(error))
}

/// The run that `text` names.
pub(crate) async fn find(history: &History, text: &str) -> Result<RunRow, Failure> {
    let found = history.find(text).await.map_err(|error| failed(&error))?;
    let newest = if text == "last" { newest(history).await? } else { None };
    match found {
        Found::One(row) => {
            if let Some(newest) = newest.filter(|newest| is_unended(newest) && newest.run != row.run) {
                let (newest, before) = (newest.run, &row.run);
                output::note(&format!(
                    "note: the newest run, {newest}, has not ended; this is {before}, before it"
                ));
            }
            Ok(*row)
        }
        Found::Several(runs) => {
            let runs: Vec<&str> = runs.iter().map(async_orchestrator::RunId::as_str).collect();
            let why = format!("several runs begin with `{text}`: {}", runs.join(", "));
            Err(Failure::new(Exit::Usage, why))
        }
        Found::None if newest.as_ref().is_some_and(is_unended) => Err(Failure::new(
            Exit::Usage,
            "no run has ended yet: `orchestrator resume --list` shows how they stand",
        )),
        Found::None if text == "last" => {
            Err(Failure::new(Exit::Usage, "no run is kept yet: `orchestrator ask` makes the first"))
        }
        Found::None => {
            let why = format!("there is no run `{text}`: `orchestrator history list` shows what is kept");
            Err(Failure::new(Exit::Usage, why))
        }
    }
}

async fn newest(history: &History) -> Result<Option<RunRow>, Failure> {
    let filter = Filter { limit: 1, ..Filter::default() };
    Ok(history.list(filter).await.map_err(|error| failed(&error))?.pop())
}

fn is_unended(row: &RunRow) -> bool {
    matches!(row.state, RunState::Open | RunState::Left)
}

/// Now, in milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since_1970 = TokioClock.wall().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

/// A time as people give it: a date, or how long ago.
pub(crate) fn time(text: &str, flag: &str) -> Result<u64, Failure> {
    let text = text.trim();
    let expected = || {
        let why = format!("{flag}: `{text}` is no time: give a date (2026-11-25) or an age (7d, 12h, 30m)");
        Failure::new(Exit::Usage, why)
    };
    if let Ok(date) = text.parse::<jiff::civil::Date>() {
        let midnight = date.to_datetime(jiff::civil::Time::midnight());
        let timestamp = jiff::tz::Offset::UTC.to_timestamp(midnight).map_err(|_| expected())?;
        return u64::try_from(timestamp.as_millisecond()).map_err(|_| expected());
    }
    let unit = text.chars().last().ok_or_else(expected)?;
    let unit_ms = match unit {
        'd' => 86_400_000,
        'h' => 3_600_000,
        'm' => 60_000,
        's' => 1_000,
        _ => return Err(expected()),
    };
    let count: u64 = text[..text.len() - 1].trim().parse().map_err(|_| expected())?;
    Ok(now_ms().saturating_sub(count.saturating_mul(unit_ms)))
}

/// A time for people, UTC as the `Z` says: `2026-11-25 10:48Z`.
pub(crate) fn moment(ms: u64) -> String {
    let timestamp = i64::try_from(ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    timestamp.map_or_else(|| String::from("?"), |timestamp| timestamp.strftime("%Y-%m-%d %H:%MZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates_or_ages() {
        assert_eq!(time("1970-01-02", "--since").unwrap(), 86_400_000);
        assert_eq!(moment(time("2026-11-25", "--since").unwrap()), "2026-11-25 00:00Z");
        let ago = now_ms() - time("2h", "--since").unwrap();
        assert!((7_200_000..7_260_000).contains(&ago));
        for wrong in ["", "yesterday", "2026-13-01", "-3d", "d", "3 weeks", "ü"] {
            assert!(time(wrong, "--since").is_err(), "{wrong}");
        }
    }
}
