//! What ends a run from outside, or takes its ground away: `kill -9`, a full disk, a clock that is set back.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use async_orchestrator::{
    AsyncOrchestrator, ConfigFile, Environment, Explicit, Filter, History, HistoryOptions, Journal,
    JournalBody, Layers, ModeChoice, Role, RoleDefinition, RunId, RunState, TriageRequest, Unrecorded,
    VerifyScope,
};
use async_orchestrator_core::{Clock, Sleep};
use async_orchestrator_resilience::TokioClock;
use async_orchestrator_simulator::{Fault, FaultRule, Latency, Persona, Simulator, SimulatorHandle};

use super::super::{
    Combo, Format,
    judge::{Finding, Judge},
};
use crate::child::{self, BROKEN, Directory, model_of};

/// So many calls are journaled when the process is killed: the proposals, and a ballot.
const JOURNALED_BEFORE: u64 = 4;
const CALL_TAKES: Duration = Duration::from_millis(60);

pub(super) async fn what_ends_a_run(combo: Combo) -> Finding {
    let mut judge = Judge::default();
    for outcome in
        [killed(combo, &mut judge).await, full(combo, &mut judge).await, set_back(combo, &mut judge).await]
    {
        if let Err(why) = outcome {
            return Finding::failed(why);
        }
    }
    judge.finding()
}

fn vendor(combo: Combo) -> &'static str {
    match combo.format {
        Format::OpenAi => "openai",
        Format::Anthropic => "anthropic",
    }
}

fn streaming(combo: Combo) -> &'static str {
    if combo.is_streamed() { "true" } else { "false" }
}

async fn server(combo: Combo) -> Result<SimulatorHandle, String> {
    let dead = Persona::new().fault(FaultRule::always(Fault::status(500)));
    let quick = Persona::new().latency(Latency::fixed(CALL_TAKES));
    let simulator = Simulator::builder().seed(combo.seed).model(BROKEN, dead).other_models(quick);
    simulator.start().await.map_err(|error| error.to_string())
}

/// A process is killed in the middle of a council; another one goes on.
async fn killed(combo: Combo, judge: &mut Judge) -> Result<(), String> {
    let directory = Directory::make(&format!("row29-{}", combo.to_string().replace(' ', "-")))?;
    let (path, server) = (directory.history(), server(combo).await?);
    let world = format!("{}{}", vendor(combo), if combo.has_backup() { "+" } else { "" });
    let name = format!("ORCHESTRATOR_PROVIDERS_{}_STREAMING", vendor(combo).to_uppercase());
    let extra = [(name.as_str(), streaming(combo))];
    let history = open(&path, None)?;
    let question = "Which records does an archive of the city keep?";
    let mut child = child::start(["ask", question, &world], &server.base_url(), &path, &extra)?;
    let run = loop {
        let rows = history.list(Filter::default()).await.map_err(|error| error.to_string())?;
        if let Some(row) = rows.first().filter(|row| row.calls >= JOURNALED_BEFORE) {
            break row.run.clone();
        }
        TokioClock.sleep(Duration::from_millis(3)).await;
    };
    child.process.kill().await.map_err(|error| error.to_string())?;
    let held = entries(&history, &run).await?;
    let sent_before = server.requests().len();
    child::start(["resume", run.as_str(), &world], &server.base_url(), &path, &extra)?.ended().await?;
    let asked_again: Vec<String> = server
        .requests()
        .iter()
        .skip(sent_before)
        .map(|request| model_of(&request.body))
        .filter(|model| held.contains(model))
        .collect();
    // A seat may have another call to make in a later stage; the proposers and critics that are journaled have none.
    let paid_twice =
        asked_again.iter().filter(|model| model.starts_with("proposer") || model.starts_with("critic"));
    judge.must(paid_twice.count() == 0, format!("a journaled call was sent again: {asked_again:?}"));
    let rows = history.list(Filter::default()).await.map_err(|error| error.to_string())?;
    judge.must(rows.iter().all(|row| row.state == RunState::Done), "the run has not ended with an answer");
    whole(&history, judge).await?;
    judge.upstream_text(format!(
        "killed with {} calls journaled, {} sent in all",
        held.len(),
        server.requests().len()
    ));
    Ok(())
}

/// The file may not grow: the answer comes and says that it is not recorded; where it must be recorded, there is one error.
async fn full(combo: Combo, judge: &mut Judge) -> Result<(), String> {
    let directory = Directory::make(&format!("full-{}", combo.to_string().replace(' ', "-")))?;
    let (path, server) = (directory.history(), server(combo).await?);
    let history = open(&path, Some(1))?;
    // Something is kept before the disk is full, and must be there afterwards.
    ask(&history, &server, combo, Arc::new(TokioClock), Unrecorded::GoesOn, "A first question?").await?;
    let filler = "A question with much material. ".repeat(16_000);
    let outcome = ask(&history, &server, combo, Arc::new(TokioClock), Unrecorded::GoesOn, &filler).await?;
    judge.must(
        outcome.as_ref().is_some_and(|why| why.contains("full")),
        format!("the answer does not say that it is not recorded: {outcome:?}"),
    );
    let strict = ask(&history, &server, combo, Arc::new(TokioClock), Unrecorded::Ends, &filler).await;
    judge.must(
        strict.as_ref().is_err_and(|why| why.contains("full")),
        format!("a run that must be recorded does not say why it ends: {strict:?}"),
    );
    drop(history);
    let history = open(&path, Some(1))?;
    whole(&history, judge).await?;
    let rows = history.list(Filter::default()).await.map_err(|error| error.to_string())?;
    let kept = rows.iter().any(|row| row.state == RunState::Done && row.question == "A first question?");
    judge.must(kept, "what was committed before is gone");
    Ok(())
}

/// The time of day jumps back by an hour in the middle.
async fn set_back(combo: Combo, judge: &mut Judge) -> Result<(), String> {
    let directory = Directory::make(&format!("back-{}", combo.to_string().replace(' ', "-")))?;
    let (path, server) = (directory.history(), server(combo).await?);
    let history = open(&path, None)?;
    let clock = Arc::new(SetBack::default());
    let outcome =
        ask(&history, &server, combo, clock, Unrecorded::GoesOn, "When was the clock set back?").await?;
    judge.must(outcome.is_none(), "the run is not recorded");
    let rows = history.list(Filter::default()).await.map_err(|error| error.to_string())?;
    let sane = rows
        .iter()
        .all(|row| row.ended_ms.is_some_and(|ended| ended >= row.began_ms && ended - row.began_ms < 60_000));
    judge.must(sane, format!("the times of the run are not those of a run: {rows:?}"));
    whole(&history, judge).await
}

fn open(path: &Path, mib_max: Option<u32>) -> Result<Arc<History>, String> {
    let options = HistoryOptions { mib_max, ..HistoryOptions::default() };
    History::open(path, options).map(Arc::new).map_err(|error| error.to_string())
}

/// Asks in this process; gives why the run is not recorded, where it is not.
async fn ask(
    history: &Arc<History>,
    server: &SimulatorHandle,
    combo: Combo,
    clock: Arc<dyn Clock>,
    unrecorded: Unrecorded,
    question: &str,
) -> Result<Option<String>, String> {
    let base = server.base_url();
    let environment = Environment::from_iter([
        ("OPENAI_API_KEY".to_owned(), "lab".to_owned()),
        ("OPENAI_BASE_URL".to_owned(), format!("{base}/v1")),
        ("ANTHROPIC_API_KEY".to_owned(), "lab".to_owned()),
        ("ANTHROPIC_BASE_URL".to_owned(), base),
    ]);
    let vendor = vendor(combo);
    let explicit =
        Explicit::new().set(&format!("providers.{vendor}.streaming"), streaming(combo), "the matrix");
    let settings = Layers::new(environment).file(ConfigFile::None).explicit(explicit).load();
    let first = combo.has_backup().then(|| format!("{vendor}:{BROKEN}"));
    let roles = Role::ALL.map(|role| {
        let models = first.clone().into_iter().chain([format!("{vendor}:{}", role.name())]);
        RoleDefinition::new(role).seat(models.clone()).seats(role.seats_default().max(1))
    });
    let orchestrator = AsyncOrchestrator::builder()
        .settings(settings.map_err(|error| error.to_string())?)
        .roles(roles)
        .clock(clock)
        .unrecorded(unrecorded)
        .journal(Arc::<History>::clone(history))
        .history(Arc::<History>::clone(history))
        .build()
        .map_err(|error| error.to_string())?;
    let request = TriageRequest::new(question).mode(ModeChoice::Council);
    match Box::pin(orchestrator.process_request(request)).await {
        Ok(result) => Ok(result.record().log.unrecorded.clone()),
        Err(error) => {
            let cause =
                std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            Err(format!("{error}{cause}"))
        }
    }
}

/// The seats whose calls a run's journal holds.
async fn entries(history: &History, run: &RunId) -> Result<BTreeSet<String>, String> {
    let entries = history.entries(run).await.map_err(|error| error.to_string())?;
    Ok(entries
        .iter()
        .filter_map(|entry| match entry.body() {
            JournalBody::Arrived { call, .. } => call.split('/').next().map(str::to_owned),
            _ => None,
        })
        .collect())
}

async fn whole(history: &History, judge: &mut Judge) -> Result<(), String> {
    let found = history.verify(VerifyScope::default()).await.map_err(|error| error.to_string())?;
    judge.must(found.flaws.is_empty(), format!("the history has flaws: {:?}", found.flaws));
    Ok(())
}

/// A clock whose time of day is set back by an hour after the first look at it.
#[derive(Debug, Default)]
struct SetBack(AtomicBool);

impl Clock for SetBack {
    fn now(&self) -> Instant {
        TokioClock.now()
    }

    fn wall(&self) -> SystemTime {
        let back = if self.0.swap(true, Ordering::Relaxed) { 3_600 } else { 0 };
        TokioClock.wall().checked_sub(Duration::from_secs(back)).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        TokioClock.sleep(duration)
    }
}
