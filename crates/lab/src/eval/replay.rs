//! Recorded texts of real models, served verbatim over both wire formats, with the whole orchestrator in between.
//!
//! The council runs its propose and tally stages alone ([`Stages::VOTE`]): each recorded text is the reply to the one proposal call of its model, and
//! the answer has to be read out of the text itself. Then the decision is compared, question by question, with the election over the recorded answers.

mod compare;
mod material;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use anyhow::{Context, Result};
use async_orchestrator::{
    AsyncOrchestrator, ConfigFile, Depth, Environment, Explicit, Layers, ModeChoice, Role, Stages,
    TriageRequest,
};
use async_orchestrator_simulator::{Persona, ScriptedReply, Simulator, SimulatorHandle};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use super::{rules::Rule, sample::Estimate};
use compare::Compared;
pub use compare::{Difference, Reading};
use material::{Case, Material};

/// The seed of ties.
const SEED: u64 = 7;

/// What is replayed.
#[derive(Clone, Debug)]
pub struct Options {
    /// The directory with `NAME_questions.jsonl`, `NAME_answers.jsonl` and `NAME_votes.jsonl`.
    pub data: PathBuf,
    /// Their name.
    pub set: String,
    /// Whose texts; the first model takes the first proposer's seat.
    pub members: Vec<String>,
    /// How many questions, drawn by their names.
    pub questions: usize,
    /// The rule: joint weights, learned from the questions that are not replayed, or plurality.
    pub rule: Rule,
    /// How many councils run at the same time.
    pub at_once: usize,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The set.
    pub set: String,
    /// Each member with the wire format that it was served in.
    pub members: Vec<(String, &'static str)>,
    /// The rule.
    pub rule: Rule,
    /// How many questions were replayed.
    pub questions: usize,
    /// How many were decided as the election over the recorded answers decides them.
    pub same: usize,
    /// How many of those whose texts were all read as they were recorded.
    pub read_alike: Alike,
    /// The others.
    pub differences: Vec<Difference>,
    /// How often the replayed council is right, in percent.
    pub accuracy: Estimate,
    /// How often the election over the recorded answers is.
    pub recorded: Estimate,
    /// The difference, with the paired interval.
    pub gain: Estimate,
    /// How the texts were read, by member.
    pub readings: BTreeMap<String, Reading>,
    /// The calls that went over the wire. Those beyond one a text are retries of empty replies, and hedges where this machine was slow.
    pub calls: u64,
    /// How often a seat was asked once more because its reply could not be read.
    pub repairs: usize,
    /// What could not be used, in words.
    pub dropped: Vec<String>,
}

/// Questions whose texts were all read as they were recorded.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Alike {
    /// How many.
    pub questions: usize,
    /// Those that were decided the same.
    pub same: usize,
}

/// Replays.
///
/// # Errors
/// If data are missing or damaged, a member has no texts, or the simulator or the orchestrator cannot be started.
pub async fn run(options: &Options) -> Result<Report> {
    let material = Material::read(options)?;
    let simulator = serve(options, &material).await?;
    let orchestrator = orchestrator(options, &material, &simulator)?;
    let at_once = options.at_once.max(1);
    let compared: Vec<Compared> =
        stream::iter(material.cases.iter().map(|case| ask(&orchestrator, &material, case)))
            .buffered(at_once)
            .try_collect()
            .await?;
    let calls = options.members.iter().map(|model| simulator.stats().calls_of(model)).sum::<u64>();
    Ok(compare::report(options, &material, &compared, calls))
}

/// The wire format in which the texts of `model` are served: Anthropic's own over messages, all others over chat completions.
fn format_of(model: &str) -> (&'static str, &'static str) {
    if model.starts_with("claude") { ("anthropic", "messages") } else { ("openai", "chat completions") }
}

/// What the orchestrator calls the model.
fn member_of(model: &str) -> String {
    format!("{}:{model}", format_of(model).0)
}

async fn serve(options: &Options, material: &Material) -> Result<SimulatorHandle> {
    let mut simulator = Simulator::builder().refuse_other_models().requests_recorded_max(0);
    for (at, model) in options.members.iter().enumerate() {
        let replies = material
            .cases
            .iter()
            .map(|case| ScriptedReply::new(case.texts[at].clone()).when_user_contains(case.question.clone()));
        simulator = simulator.model(model, replies.fold(Persona::new(), Persona::reply));
    }
    simulator.start().await.context("the simulator cannot be started")
}

fn orchestrator(
    options: &Options,
    material: &Material,
    simulator: &SimulatorHandle,
) -> Result<AsyncOrchestrator> {
    let base = simulator.base_url();
    let environment: Environment = [
        ("OPENAI_API_KEY".to_owned(), "replay".to_owned()),
        ("OPENAI_BASE_URL".to_owned(), format!("{base}/v1")),
        ("ANTHROPIC_API_KEY".to_owned(), "replay".to_owned()),
        ("ANTHROPIC_BASE_URL".to_owned(), base),
    ]
    .into_iter()
    .collect();
    let seats = options.members.iter().map(|model| vec![member_of(model)]).collect();
    // One sample of each was recorded: nobody has anything else to say.
    let explicit =
        Explicit::new().seats(Role::Proposer, seats, "replay").set("council.ask_again", "false", "replay");
    let settings = Layers::new(environment).file(ConfigFile::None).explicit(explicit).load()?;
    let mut builder =
        AsyncOrchestrator::builder().settings(settings).quorum(1, 1).seed(SEED).depth(Depth::Full);
    if let Some(trust) = &material.trust {
        builder = builder.trust(Arc::clone(trust));
    }
    Ok(builder.build()?)
}

async fn ask(orchestrator: &AsyncOrchestrator, material: &Material, case: &Case) -> Result<Compared> {
    let request = TriageRequest::new(case.question.clone())
        .mode(ModeChoice::Council)
        .stages(Stages::VOTE)
        .answer_kind(case.kind);
    match orchestrator.process_request(request).await {
        Ok(result) => Ok(Compared::of(material, case, Some(result.record()))),
        // Nobody's text could be read.
        Err(async_orchestrator::Error::Council(async_orchestrator::CouncilError::NoAnswer { .. })) => {
            Ok(Compared::of(material, case, None))
        }
        Err(error) => Err(error.into()),
    }
}
