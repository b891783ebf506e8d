//! `eval`: how often the orchestrator decides rightly, on recorded answers. No vendor is called.

mod adaptive;
mod live;
mod replay;
mod triage;
mod votes;

use std::path::PathBuf;

use async_orchestrator_lab::eval::sample::Estimate;

use crate::{
    args::{Eval, Global},
    exit::{Exit, Failure},
    settings::environment,
};

/// The environment variable that names the directory with recorded answers.
const DATA: &str = "ORCHESTRATOR_EVAL_DATA";

pub(crate) async fn run(global: &Global, eval: Eval) -> Result<(), Failure> {
    match eval {
        Eval::Votes(arguments) => votes::run(global, arguments),
        Eval::Adaptive(arguments) => adaptive::run(global, arguments),
        Eval::Triage(arguments) => triage::run(global, arguments),
        Eval::Replay(arguments) => replay::run(global, arguments).await,
        Eval::Live(arguments) => live::run(global, arguments).await,
    }
}

/// The directory that was named, else the environment's.
fn directory(global: &Global, named: Option<PathBuf>) -> Result<PathBuf, Failure> {
    if let Some(named) = named {
        return Ok(named);
    }
    environment(global)?.value(DATA).map(PathBuf::from).ok_or_else(|| {
        Failure::new(Exit::Usage, format!("no directory with recorded answers: name one, or set {DATA}"))
    })
}

fn failed(error: &anyhow::Error) -> Failure {
    Failure::new(Exit::Failed, format!("{error:#}"))
}

/// `75.8 (74.7-76.9)`.
fn interval(estimate: Estimate) -> String {
    format!("{:.1} ({:.1}-{:.1})", estimate.mean, estimate.low, estimate.high)
}

/// `+2.0 (+1.2 to +2.7)`.
fn signed(estimate: Estimate) -> String {
    format!("{:+.1} ({:+.1} to {:+.1})", estimate.mean, estimate.low, estimate.high)
}
