//! `simulate`: runs the model server of the `simulator` crate until it is told to stop, and says how to point clients at it.

use std::{
    error::Error as _,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    time::Duration,
};

use async_orchestrator_simulator::{Latency, Persona, Simulator, SimulatorBuilder, SimulatorError};

use super::stop::Stop;
use crate::{
    args::Simulate,
    exit::{Exit, Failure},
    output,
};

/// How long a call takes where no file says it: long enough to see a live view move.
const LATENCY: Duration = Duration::from_millis(100);

pub(crate) async fn run(simulate: Simulate) -> Result<(), Failure> {
    let settings = settings(simulate.personas.as_deref()).map_err(|error| failure(&error))?;
    let settings = settings.listen(SocketAddr::from((Ipv4Addr::LOCALHOST, simulate.port)));
    let no_signals = |error| Failure::new(Exit::Failed, format!("signals cannot be received: {error}"));
    let mut stop = Stop::new().map_err(no_signals)?;
    let stats = async_orchestrator_simulator::run(
        settings,
        |handle| output::note(&welcome(&handle.base_url())),
        stop.asked(),
    );
    let stats = stats.await.map_err(|error| failure(&error))?;
    output::json(&serde_json::to_value(stats).unwrap_or_default())
}

fn settings(personas: Option<&Path>) -> Result<SimulatorBuilder, SimulatorError> {
    match personas {
        Some(path) => SimulatorBuilder::from_file(path),
        None => Ok(Simulator::builder().other_models(Persona::new().latency(Latency::fixed(LATENCY)))),
    }
}

fn welcome(base_url: &str) -> String {
    format!(
        "The simulator listens on {base_url}; Ctrl-C ends it. In another shell, for either wire format or both:\n\
         export OPENAI_BASE_URL={base_url}/v1 OPENAI_API_KEY=simulated\n\
         export ANTHROPIC_BASE_URL={base_url} ANTHROPIC_API_KEY=simulated\n\
         What it has seen: {base_url}/_simulator/stats"
    )
}

fn failure(error: &SimulatorError) -> Failure {
    let exit = match error {
        SimulatorError::Invalid { .. } | SimulatorError::Read { .. } | SimulatorError::Parse { .. } => {
            Exit::Usage
        }
        _ => Exit::Failed,
    };
    let cause = error.source().map(|cause| format!(" ({cause})")).unwrap_or_default();
    Failure::new(exit, format!("{}{cause}", error.to_string().trim_end()))
}
