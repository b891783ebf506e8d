//! `status`: what earlier runs left behind for the next one: who is left out and until when, what is spent, what is kept.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_orchestrator::{
    Ailment, HealthNote, HealthSubject, MicroUsd, Overview, Period, PeriodBudget, Settings, SharedState as _,
};
use serde_json::{Value, json};

use super::{columns::columns, weights::megabytes, words::count};
use crate::{
    args::{Global, StatusArgs},
    exit::{Exit, Failure},
    output,
    settings::load,
    state,
};

pub(crate) async fn run(global: &Global, status: &StatusArgs) -> Result<(), Failure> {
    let settings = load(global)?.settings;
    let Some(path) = settings.state_file() else {
        return Err(Failure::new(Exit::Config, "state.enabled is false: nothing outlives a run"));
    };
    let state = state::open(&settings).map_err(|why| Failure::new(Exit::Failed, why))?;
    let Some(state) = state else { return Ok(()) };
    let failed = |error: &dyn std::error::Error| Failure::new(Exit::Failed, error.to_string());
    if status.forget {
        state.forget_health();
        state.flush().await.map_err(|error| failed(&error))?;
        if state.lost() > 0 {
            return Err(Failure::new(Exit::Failed, "the file is held by another process; try again"));
        }
    }
    let now = Now::read();
    let overview = state.overview(now.ms()).await.map_err(|error| failed(&error))?;
    if status.json {
        return output::json(&document(&path.display().to_string(), &settings, &overview, now));
    }
    output::line(&format!("State of earlier runs, in {}:", path.display()))?;
    let lines = [left_out(&overview, now), budgets(&settings, &overview, now), answers(&settings, &overview)];
    lines.concat().iter().try_for_each(|line| output::line(line))
}

/// This moment.
#[derive(Clone, Copy)]
struct Now(SystemTime);

impl Now {
    #[expect(clippy::disallowed_methods, reason = "the one look at the clock of this command")]
    fn read() -> Self {
        Self(SystemTime::now())
    }

    fn ms(self) -> u64 {
        let since = self.0.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

fn left_out(overview: &Overview, now: Now) -> Vec<String> {
    if overview.health.is_empty() {
        return vec![String::from("no model and no key is left out")];
    }
    let row = |note: &HealthNote| {
        let left = Duration::from_millis(note.until_ms.saturating_sub(now.ms()));
        [subject(&note.subject), why(note.ailment), format!("for {} more", short(left))]
    };
    let rows: Vec<[String; 3]> = overview.health.iter().map(row).collect();
    let mut lines = vec![String::from("left out (`orchestrator status --forget` lets them in again):")];
    lines.extend(columns(&rows));
    lines
}

fn subject(subject: &HealthSubject) -> String {
    match subject {
        HealthSubject::Key { provider, account } => format!("a key of {provider} ({account})"),
        HealthSubject::Target { model, account } => format!("{model} ({account})"),
    }
}

fn why(ailment: Ailment) -> String {
    match ailment {
        Ailment::KeyRefused => String::from("the key was refused"),
        Ailment::NoQuota => String::from("the account has no credit left"),
        Ailment::AskedToWait => String::from("the vendor asked to wait"),
        Ailment::Failing { trips: 1 } => String::from("it failed too often"),
        Ailment::Failing { trips } => format!("it failed too often, {trips} times in a row"),
        // A reason of a later version.
        _ => String::from("it is not to be asked"),
    }
}

/// `42 s`, `9 min`, `3 h`.
fn short(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7_199 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3_600),
    }
}

fn budgets(settings: &Settings, overview: &Overview, now: Now) -> Vec<String> {
    let limits = settings.budget.limits();
    if limits.is_empty() {
        return vec![String::from("no budget of a day or a month is set")];
    }
    let row = |limit: &PeriodBudget| {
        let spent =
            format!("{} of {}", amount(limit, spent(limit, overview, now)), amount(limit, limit.ceiling));
        [format!("budget.{}", limit.name), spent, format!("anew in {}", short(limit.period.left(now.0)))]
    };
    let mut lines = vec![String::from("budgets (UTC):")];
    lines.extend(columns(&limits.iter().map(row).collect::<Vec<_>>()));
    lines
}

fn spent(limit: &PeriodBudget, overview: &Overview, now: Now) -> u64 {
    let purse = limit.purse(now.0);
    overview.purses.iter().find(|note| note.purse == purse).map_or(0, |note| note.spent)
}

fn amount(limit: &PeriodBudget, amount: u64) -> String {
    if limit.counts_money() { MicroUsd(amount).to_string() } else { format!("{amount} tokens") }
}

fn answers(settings: &Settings, overview: &Overview) -> Vec<String> {
    let kept = usize::try_from(overview.answers).unwrap_or(usize::MAX);
    match (settings.resilience.cache, kept) {
        (Some(true), _) => {
            vec![format!("{} kept, {}", count(kept, "answer"), megabytes(overview.answer_bytes))]
        }
        (_, 0) => vec![String::from("answers are not kept (`resilience.cache = true` keeps them)")],
        (_, _) => vec![format!(
            "{} of earlier runs, {}; unused while resilience.cache is off",
            count(kept, "answer"),
            megabytes(overview.answer_bytes)
        )],
    }
}

fn document(path: &str, settings: &Settings, overview: &Overview, now: Now) -> Value {
    let budget = |limit: &PeriodBudget| {
        json!({
            "name": limit.name,
            "period": match limit.period { Period::Day => "day", Period::Month => "month" },
            "unit": if limit.counts_money() { "micro_usd" } else { "tokens" },
            "spent": spent(limit, overview, now),
            "ceiling": limit.ceiling,
            "ends_in_seconds": limit.period.left(now.0).as_secs(),
        })
    };
    json!({
        "path": path,
        "left_out": overview.health,
        "budgets": settings.budget.limits().iter().map(budget).collect::<Vec<_>>(),
        "answers": { "count": overview.answers, "bytes": overview.answer_bytes },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        for (seconds, text) in
            [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7_199, "119 min"), (7_200, "2 h")]
        {
            assert_eq!(short(Duration::from_secs(seconds)), text);
        }
    }
}
