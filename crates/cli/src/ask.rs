//! `orchestrator ask`: one question, its answer, and as much of how it came about as was asked for.

use std::{path::Path, sync::Arc};

use async_orchestrator::{
    AsyncOrchestrator, Event, FileState, History, MicroUsd, Orchestrated, OrchestrationInstrumentation, Pack,
    Plan, RunStream, Settings, SharedState as _, TriageRequest, trust::open_trust,
};
use serde_json::{Value, json};

use crate::{
    args::{Ask, Global},
    commands::{resume, stop::Stop},
    exit::{Exit, Failure},
    input, kept, output,
    settings::load_for,
    state, telemetry,
    view::{View, report},
};

/// What is printed as the run goes and at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    Record,
    Lines,
}

pub(crate) async fn run(global: &Global, ask: Ask) -> Result<(), Failure> {
    let mut stop = Stop::new()
        .map_err(|error| Failure::new(Exit::Failed, format!("signals cannot be received: {error}")))?;
    let answered = tokio::select! {
        biased;
        // Leaving this select drops the run, and with it every call that is under way.
        () = stop.asked() => Err(Failure::interrupted()),
        outcome = Box::pin(answer(global, &ask)) => outcome,
    }?;
    if let Some(Answered { settings, store, state }) = answered {
        resume::beside(&settings, &store, state.as_ref(), ask.quiet, stop.asked()).await;
        prune(&settings, &store).await;
    }
    Ok(())
}

/// What is left to do when the answer is out, where runs are kept.
struct Answered {
    settings: Settings,
    store: Arc<History>,
    state: Option<Arc<FileState>>,
}

async fn answer(global: &Global, ask: &Ask) -> Result<Option<Answered>, Failure> {
    let form = match (ask.json, ask.jsonl) {
        (true, _) => Form::Record,
        (false, true) => Form::Lines,
        (false, false) => Form::Text,
    };
    let loaded = load_for(global, ask)?;
    let mut request = request(ask).await?;
    let mut view = View::new(ask.quiet);
    let settings = loaded.settings.clone();
    let store = if ask.dry_run && ask.go_on.is_none() { None } else { history(&settings, ask)? };
    if let Some(earlier) = &ask.go_on {
        request.context = Some(going_on(store.as_deref(), earlier, request.context.take()).await?);
    }
    let state = if ask.dry_run { None } else { earlier(&loaded.settings)? };
    let trust = open_trust(&loaded.settings)?;
    request.trace = telemetry::trace(&loaded.environment);
    let watching = if ask.dry_run { None } else { telemetry::instrumentation(&loaded.environment)? };
    let mut builder = AsyncOrchestrator::builder().settings(loaded.settings).observer(view.observer());
    if let Some(watching) = &watching {
        builder = builder.observer(Arc::<OrchestrationInstrumentation>::clone(watching));
    }
    if let Some(trust) = trust {
        builder = builder.trust(trust);
    }
    if let Some(state) = &state {
        builder = builder.shared_state(Arc::<FileState>::clone(state));
    }
    if let Some(store) = &store {
        builder = builder.journal(Arc::<History>::clone(store)).history(Arc::<History>::clone(store));
    }
    let orchestrator = builder.build()?;
    let plan = orchestrator.plan(&request)?;
    if ask.dry_run {
        return dry_run(&plan, form).map(|()| None);
    }
    view.planned(&plan);
    prepare(&orchestrator, &mut view).await?;
    let run = orchestrator.stream_request(request);
    let asked = async {
        let result = match form {
            Form::Lines => lines(run).await,
            Form::Text | Form::Record => drain(run).await,
        };
        view.close();
        let result = result?;
        print(&result, ask, form)?;
        if !ask.quiet && form == Form::Text {
            output::note(&report::summary(&result));
        }
        Ok(())
    };
    let outcome = Box::pin(asked).await;
    telemetry::flush(watching).await;
    if let Some(state) = &state
        && state.flush().await.is_err()
    {
        output::note("note: what this run found of models and budgets could not be kept for the next one");
    }
    outcome.map(|()| store.map(|store| Answered { settings, store, state }))
}

/// What is asked, as the arguments, stdin and files say it.
async fn request(ask: &Ask) -> Result<TriageRequest, Failure> {
    // Reading stdin may wait for a person; it must not keep Ctrl-C from being heard.
    let (words, file) = (ask.question.clone(), ask.file.clone());
    let asked = tokio::task::spawn_blocking(move || input::read(&words, file.as_deref())).await;
    let asked = asked.map_err(|error| Failure::new(Exit::Failed, error.to_string()))??;
    let mut request = TriageRequest::new(asked.question);
    request.context = asked.context;
    request.answer_kind = ask.answer;
    match &ask.schema {
        Some(path) => Ok(request.output_schema(schema(path)?)),
        None => Ok(request),
    }
}

/// The history that this run is kept in. A run goes on without it, unless it must be recorded, or leans on an earlier one.
fn history(settings: &Settings, ask: &Ask) -> Result<Option<Arc<History>>, Failure> {
    if ask.no_history {
        return Ok(None);
    }
    match kept::open(settings) {
        Ok(history) => Ok(history),
        Err(why) if settings.history.required || ask.go_on.is_some() => Err(Failure::new(Exit::Failed, why)),
        Err(why) => {
            output::note(&format!("note: {why}; this run is not recorded and could not be resumed"));
            Ok(None)
        }
    }
}

/// The earlier question and decision, as material for the next question.
async fn going_on(
    store: Option<&History>,
    earlier: &str,
    context: Option<String>,
) -> Result<String, Failure> {
    let store = store.ok_or_else(|| {
        Failure::new(Exit::Config, "--continue needs the history, and history.enabled is false")
    })?;
    let row = kept::find(store, earlier).await?;
    let found = store.kept(&row.run).await.map_err(|error| kept::failed(&error))?;
    let before = found.ok_or_else(|| {
        Failure::new(
            Exit::Failed,
            format!("the content of run {} is not kept, so it cannot be continued", row.run),
        )
    })?;
    let mut text = String::new();
    if let Some(older) = &before.request.context {
        text.push_str(older);
        text.push_str("\n\n");
    }
    for part in [
        "The question before: ",
        &before.request.query,
        "\n\nThe decision on it: ",
        &before.record.answer.text,
    ] {
        text.push_str(part);
    }
    if let Some(own) = context {
        text.push_str("\n\n");
        text.push_str(&own);
    }
    Ok(text)
}

/// Lets contents go that are older than the settings allow. What fails now is tried at the next run.
async fn prune(settings: &Settings, store: &History) {
    if let Some(days) = settings.history.keep_days {
        let now = kept::now_ms();
        let _ = store.prune(now.saturating_sub(u64::from(days) * 86_400_000), now, Pack::Later).await;
    }
}

/// What earlier runs found. A run goes on without it, unless it has to keep to a budget of a day or a month.
fn earlier(settings: &Settings) -> Result<Option<Arc<FileState>>, Failure> {
    match state::open(settings) {
        Ok(state) => Ok(state),
        Err(why) if settings.budget.limits().is_empty() => {
            output::note(&format!("note: {why}; this run starts without what earlier ones found"));
            Ok(None)
        }
        Err(why) => {
            let why = format!("{why}; without it the budgets of [budget] cannot be kept");
            Err(Failure::new(Exit::Failed, why))
        }
    }
}

#[cfg(feature = "embedded")]
async fn prepare(orchestrator: &AsyncOrchestrator, view: &mut View) -> Result<(), Failure> {
    let progress = view.fetching();
    orchestrator.prepare(&|event| progress.show(event)).await?;
    progress.close();
    Ok(())
}

#[cfg(not(feature = "embedded"))]
#[expect(clippy::unused_async, reason = "the same call as with the feature")]
async fn prepare(_: &AsyncOrchestrator, _: &mut View) -> Result<(), Failure> {
    Ok(())
}

async fn drain(mut run: RunStream) -> Result<Orchestrated, Failure> {
    while run.next().await.is_some() {}
    Ok(run.outcome().await?)
}

async fn lines(mut run: RunStream) -> Result<Orchestrated, Failure> {
    while let Some(event) = run.next().await {
        output::line(&line_of(&event))?;
    }
    Ok(run.outcome().await?)
}

fn line_of(event: &Event) -> String {
    serde_json::to_string(event).unwrap_or_default()
}

fn print(result: &Orchestrated, ask: &Ask, form: Form) -> Result<(), Failure> {
    let document = |value: &Value| serde_json::to_string_pretty(value).unwrap_or_default();
    let record = || serde_json::to_value(result.record()).unwrap_or_default();
    match form {
        Form::Record => output::line(&document(&record())),
        Form::Lines => output::line(&json!({ "event": "result", "record": record() }).to_string()),
        Form::Text if ask.schema.is_some() => {
            // Whoever asks for JSON parses stdout: what must be said first goes to stderr.
            result.aggregated.heading.iter().for_each(|line| output::note(&format!("[{line}]")));
            output::line(&result.aggregated.text)?;
            kept_schema(result)
        }
        Form::Text => {
            output::answer(&result.aggregated.to_string())?;
            let parts = report::parts(result.record(), &ask.show);
            if parts.is_empty() { Ok(()) } else { output::answer(&parts) }
        }
    }
}

/// Whoever asks for JSON under a schema and gets something else must not take it for success.
fn kept_schema(result: &Orchestrated) -> Result<(), Failure> {
    let failed =
        result.record().validation.checks.iter().find(|check| check.name == "output_schema" && !check.ok);
    match failed {
        None => Ok(()),
        Some(_) => Err(Failure::new(Exit::Failed, "the answer does not satisfy the schema")),
    }
}

fn dry_run(plan: &Plan, form: Form) -> Result<(), Failure> {
    match form {
        Form::Text => output::line(&report::plan(plan)),
        Form::Record => output::line(&serde_json::to_string_pretty(plan).unwrap_or_default()),
        Form::Lines => output::line(&serde_json::to_string(plan).unwrap_or_default()),
    }
}

fn schema(path: &Path) -> Result<Value, Failure> {
    let text = input::text_of(path)?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::new(
            Exit::Usage,
            format!("{}: is no JSON ({error}); a JSON Schema is expected", path.display()),
        )
    })
}

/// Money for people, or that it is unknown.
pub(crate) fn money(amount: Option<MicroUsd>) -> String {
    amount.map_or_else(|| String::from("unknown"), |amount| amount.to_string())
}
