//! `chaos`: what would become of a council under your own configuration if a vendor failed. Every server is played by the simulator.

mod rehearsal;

use async_orchestrator::Settings;
use serde_json::{Value, json};

use super::{columns::columns, stop::Stop};
use crate::{
    args::{Chaos, Global},
    exit::{Exit, Failure},
    output, sanitize,
    settings::load,
};
use rehearsal::{Case, Outcome, Stage};

const QUESTION: &str = "Which database suits an append-only audit log of ten million entries a day?";

pub(crate) async fn run(global: &Global, chaos: &Chaos) -> Result<(), Failure> {
    let mut stop = Stop::new()
        .map_err(|error| Failure::new(Exit::Failed, format!("signals cannot be received: {error}")))?;
    tokio::select! {
        biased;
        () = stop.asked() => Err(Failure::interrupted()),
        outcome = Box::pin(rehearse(global, chaos)) => outcome,
    }
}

async fn rehearse(global: &Global, chaos: &Chaos) -> Result<(), Failure> {
    let settings = load(global)?.settings;
    let providers = chosen(&settings, chaos.provider.as_deref())?;
    let stage = Stage::open(settings).await?;
    let question = chaos.question.as_deref().unwrap_or(QUESTION);
    let cases = Case::all(&providers);
    let mut played: Vec<(Case, Outcome)> = Vec::with_capacity(cases.len());
    for case in cases {
        if !chaos.json {
            output::note(&format!("playing: {case}"));
        }
        let outcome = stage.play(&case, question).await?;
        played.push((case, outcome));
    }
    if chaos.json {
        output::json(&document(&played))?;
    } else {
        show(&played)?;
    }
    verdict(&played, chaos)
}

/// The providers to break, by name.
fn chosen(settings: &Settings, only: Option<&str>) -> Result<Vec<String>, Failure> {
    let known: Vec<String> = settings.providers.keys().cloned().collect();
    if known.is_empty() {
        return Err(Failure::new(
            Exit::Config,
            "no server is configured, so none can fail: set OPENAI_API_KEY or ANTHROPIC_API_KEY (any text will do here), or \
             write a configuration with `orchestrator config init`",
        ));
    }
    match only {
        None => Ok(known),
        Some(name) if known.iter().any(|provider| provider == name) => Ok(vec![name.to_owned()]),
        Some(name) => Err(Failure::new(
            Exit::Usage,
            format!("--provider: `{name}` is not configured; there is {}", known.join(", ")),
        )),
    }
}

fn show(played: &[(Case, Outcome)]) -> Result<(), Failure> {
    let row = |(case, outcome): &(Case, Outcome)| {
        let took = format!("{:.1} s", outcome.took.as_secs_f64());
        let calls = format!("{} calls, {} failed", outcome.attempts, outcome.failed);
        [case.to_string(), outcome.status.clone(), took, calls, sanitize::one_line(&outcome.detail)]
    };
    let rows: Vec<[String; 5]> = played.iter().map(row).collect();
    output::line(
        "Your council, had a server failed (every server was played; no vendor was called, nothing was spent):",
    )?;
    columns(&rows).iter().try_for_each(|line| output::line(line))
}

fn document(played: &[(Case, Outcome)]) -> Value {
    let case = |(case, outcome): &(Case, Outcome)| {
        json!({
            "provider": case.provider(),
            "fault": case.fault(),
            "answered": outcome.answered,
            "status": outcome.status,
            "took_ms": u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
            "attempts": outcome.attempts,
            "failed": outcome.failed,
            "detail": outcome.detail,
        })
    };
    json!({ "cases": played.iter().map(case).collect::<Vec<_>>() })
}

/// Under `--strict`, a single server's fault that leaves no answer is a failure. That all of them fail is no test of anybody.
fn verdict(played: &[(Case, Outcome)], chaos: &Chaos) -> Result<(), Failure> {
    let fatal: Vec<String> = played
        .iter()
        .filter(|(case, outcome)| !outcome.answered && !case.is_everybody())
        .map(|(case, _)| case.to_string())
        .collect();
    if chaos.strict && !fatal.is_empty() {
        return Err(Failure::new(Exit::Failed, format!("no answer with: {}", fatal.join("; "))));
    }
    Ok(())
}
