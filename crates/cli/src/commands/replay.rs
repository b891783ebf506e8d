//! `replay`: decides finished runs again from their recorded calls, offline; or by another rule; or with other models in some seats, whose calls
//! are made anew.

use std::{collections::HashMap, sync::Arc};

use async_orchestrator::{
    DecisionRecord, Filter, History, Journal, JournalBody, Replayer, RunId, RunRow, RunSetup, RunState,
    SealedEntry, Settings, TallyRule,
};
use serde_json::json;
use tokio::task::JoinSet;

use super::words::count;
use crate::{
    args::{Global, Replay},
    exit::{Exit, Failure},
    kept, output,
    settings::load,
    view::report,
};

pub(crate) async fn run(global: &Global, replay: &Replay) -> Result<(), Failure> {
    let settings = load(global)?.settings;
    let store = kept::need(&settings)?;
    if replay.all {
        return all(&settings, &store, replay.json).await;
    }
    let row = kept::find(&store, &replay.run).await?;
    let (entries, setup) = recorded(&store, &row.run).await?;
    if !replay.role.is_empty() {
        return Box::pin(super::fork::run(global, &store, &row, entries, replay)).await;
    }
    let prompts = settings.prompt_library()?;
    let Some(rule) = &replay.rule else {
        let again =
            replayer(&setup, &prompts)?.replay(&row.run, entries).map_err(|error| differs(&row, &error))?;
        return same(&row, &again, replay.json);
    };
    let rule = rule_of(rule)?;
    let setup = RunSetup { rule: Some(rule), ..setup };
    let again =
        replayer(&setup, &prompts)?.revote(&row.run, &entries).map_err(|error| differs(&row, &error))?;
    let before = store.kept(&row.run).await.map_err(|error| kept::failed(&error))?;
    other(before.as_ref().map(|kept| &kept.record), &again, replay.json)
}

pub(super) fn rule_of(word: &str) -> Result<TallyRule, Failure> {
    serde_json::from_value(json!(word.replace('-', "_")))
        .ok()
        .filter(|rule: &TallyRule| rule.is_selectable())
        .ok_or_else(|| {
            let known = TallyRule::SELECTABLE.map(TallyRule::name).join(", ");
            Failure::new(Exit::Usage, format!("--rule: `{word}` is no rule: one of {known} is expected"))
        })
}

/// The journal of a run and the setup that it began with.
pub(super) async fn recorded(store: &History, run: &RunId) -> Result<(Vec<SealedEntry>, RunSetup), Failure> {
    let missing = |what: &str| Failure::new(Exit::Failed, format!("the {what} of run {run} is not kept"));
    let entries = store.entries(run).await.map_err(|error| kept::failed(&error))?;
    let Some(JournalBody::Opened { setup, .. }) = entries.first().map(SealedEntry::body) else {
        return Err(missing("journal"));
    };
    let setup = store.setup(setup).await.map_err(|error| kept::failed(&error))?;
    Ok((entries, setup.ok_or_else(|| missing("setup"))?))
}

fn replayer(
    setup: &RunSetup,
    prompts: &async_orchestrator::CollaborativePromptLibrary,
) -> Result<Replayer, Failure> {
    Replayer::new(setup, prompts.clone()).map_err(|error| Failure::new(Exit::Failed, error.to_string()))
}

fn differs(row: &RunRow, error: &async_orchestrator::ReplayError) -> Failure {
    Failure::new(Exit::Failed, format!("run {}: {}", row.run, kept::told(error)))
}

fn same(row: &RunRow, again: &DecisionRecord, json: bool) -> Result<(), Failure> {
    if json {
        output::json(again)?;
    }
    if row.decision_hash.as_ref() != Some(&again.log.decision_hash) {
        let before = row.decision_hash.as_deref().unwrap_or("none");
        let why =
            format!("run {} decides otherwise now: {} instead of {before}", row.run, again.log.decision_hash);
        return Err(Failure::new(Exit::Failed, why));
    }
    if !json {
        output::line(&format!("run {} decides the same again: {}", row.run, again.log.decision_hash))?;
    }
    Ok(())
}

/// What another rule, or other models, make of a run.
pub(super) fn other(
    before: Option<&DecisionRecord>,
    again: &DecisionRecord,
    json: bool,
) -> Result<(), Failure> {
    if json {
        return output::json(again);
    }
    let winner = |record: &DecisionRecord| {
        let key = record.answer.answer_key.as_deref().map(|key| format!(" ({key})")).unwrap_or_default();
        let rule = record.tally.rule.name();
        format!(
            "{}{key} by {rule}, margin {:.2}",
            record.answer.winner.as_deref().unwrap_or("none"),
            record.tally.margin
        )
    };
    if let Some(before) = before {
        output::line(&format!("before: {}", winner(before)))?;
    }
    output::line(&format!("now:    {}", winner(again)))?;
    let unchanged = before.is_some_and(|before| before.answer == again.answer);
    output::line(if unchanged { "the answer is the same" } else { "the answer is another one:" })?;
    if !unchanged {
        output::answer(&again.answer.text)?;
    }
    let result = async_orchestrator::Orchestrated::from(again.clone());
    output::note(&report::summary(&result));
    Ok(())
}

/// So many runs are decided by one thread before it is given the next ones: threads are woken seldom.
const AT_ONCE: usize = 8;

/// A run that is to be decided again.
struct Recorded {
    row: RunRow,
    entries: Vec<SealedEntry>,
    replayer: Replayer,
}

impl Recorded {
    /// The run, and how it differs if it does.
    fn decide(self) -> (RunId, Option<String>) {
        let Self { row, entries, replayer } = self;
        let differs = match replayer.replay(&row.run, entries) {
            Ok(again) if Some(&again.log.decision_hash) == row.decision_hash.as_ref() => None,
            Ok(again) => Some(format!("decides otherwise: {}", again.log.decision_hash)),
            Err(error) => Some(kept::told(&error)),
        };
        (row.run, differs)
    }
}

/// Decides runs on as many threads as there are processors.
struct Deciding {
    tasks: JoinSet<Vec<(RunId, Option<String>)>>,
    threads: usize,
    waiting: Vec<Recorded>,
    decided: Vec<(RunId, Option<String>)>,
}

impl Deciding {
    fn begin() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self { tasks: JoinSet::new(), threads, waiting: Vec::new(), decided: Vec::new() }
    }

    async fn add(&mut self, recorded: Recorded) -> Result<(), Failure> {
        self.waiting.push(recorded);
        if self.waiting.len() >= AT_ONCE { self.start().await } else { Ok(()) }
    }

    async fn start(&mut self) -> Result<(), Failure> {
        if self.tasks.len() >= self.threads {
            self.join().await?;
        }
        let runs = std::mem::take(&mut self.waiting);
        self.tasks.spawn_blocking(move || runs.into_iter().map(Recorded::decide).collect());
        Ok(())
    }

    async fn join(&mut self) -> Result<bool, Failure> {
        let Some(decided) = self.tasks.join_next().await else { return Ok(false) };
        self.decided.extend(decided.map_err(|error| Failure::new(Exit::Failed, error.to_string()))?);
        Ok(true)
    }

    async fn end(mut self) -> Result<Vec<(RunId, Option<String>)>, Failure> {
        self.start().await?;
        while self.join().await? {}
        Ok(self.decided)
    }
}

async fn all(settings: &Settings, store: &Arc<History>, json: bool) -> Result<(), Failure> {
    let prompts = settings.prompt_library()?;
    let rows = store.list(Filter { status: Some(String::from("done")), ..Filter::default() }).await;
    let rows = rows.map_err(|error| kept::failed(&error))?;
    let mut replayers: HashMap<String, Replayer> = HashMap::new();
    let (mut not_kept, mut other) = (0_u64, Vec::new());
    let mut deciding = Deciding::begin();
    for row in rows.into_iter().filter(|row| row.state == RunState::Done) {
        let entries = store.entries(&row.run).await.map_err(|error| kept::failed(&error))?;
        let Some(JournalBody::Opened { setup: hash, .. }) = entries.first().map(SealedEntry::body) else {
            not_kept += 1;
            continue;
        };
        let replayer = if let Some(known) = replayers.get(hash) {
            known.clone()
        } else {
            let setup = recorded(store, &row.run).await;
            match setup.and_then(|(_, setup)| replayer(&setup, &prompts)) {
                Ok(made) => replayers.entry(hash.clone()).or_insert(made).clone(),
                Err(failure) => {
                    other.push((row.run, failure.message().to_owned()));
                    continue;
                }
            }
        };
        deciding.add(Recorded { row, entries, replayer }).await?;
    }
    let decided = deciding.end().await?;
    let alike = decided.iter().filter(|(_, differs)| differs.is_none()).count();
    other.extend(decided.into_iter().filter_map(|(run, differs)| Some((run, differs?))));
    other.sort();
    let is_empty = alike == 0 && other.is_empty() && not_kept > 0;
    if json {
        let other: Vec<_> = other.iter().map(|(run, why)| json!({ "run": run, "why": why })).collect();
        output::json(&json!({ "same": alike, "not_kept": not_kept, "other": other }))?;
    } else if !is_empty {
        for (run, why) in &other {
            output::line(&format!("  run {run}: {why}"))?;
        }
        output::line(&format!(
            "{} decide the same again, {} do not, of {not_kept} the journal is not kept",
            count(alike, "run"),
            other.len()
        ))?;
    }
    match other.len() {
        0 if is_empty => {
            Err(Failure::new(Exit::Failed, "no run has a journal any more: there is nothing to decide again"))
        }
        0 => Ok(()),
        count => Err(Failure::new(Exit::Failed, format!("{count} runs do not decide the same again"))),
    }
}
