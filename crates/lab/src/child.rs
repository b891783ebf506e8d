//! The process that is killed: asks one question, or goes on with one run, as a user's program would, and says when it begins.
//!
//! A referee starts itself again with `--child`, so that it needs no other program.

use std::{
    io::{Write, stdout},
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
};

use async_orchestrator::{
    AsyncOrchestrator, AsyncOrchestratorBuilder, ConfigFile, Environment, History, Layers, ModeChoice, Role,
    RoleDefinition, RunId, TriageRequest, open_history,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

/// The first model of every seat in a world whose primary fails: it is nobody's, and the second one answers.
pub(crate) const BROKEN: &str = "broken";

/// Which models sit in the council of the child, as an argument of it: `both`, or `openai`, or `anthropic`; with a `+` behind it, every seat's
/// first model is [`BROKEN`]. The model of a seat is called like the seat: who asked what is told by the name.
fn seats(world: &str) -> [RoleDefinition; 6] {
    let (vendors, backup) = match world.strip_suffix('+') {
        Some(vendors) => (vendors, true),
        None => (world, false),
    };
    Role::ALL.map(|role| {
        let count = match role {
            Role::Proposer | Role::Critic => 3,
            _ => 1,
        };
        (1..=count).fold(RoleDefinition::new(role), |definition, number| {
            let vendor = match (vendors, number % 2) {
                ("both", 1) => "openai",
                ("both", _) => "anthropic",
                (vendor, _) => vendor,
            };
            let own = format!("{vendor}:{}-{number}", role.name());
            let first = backup.then(|| format!("{vendor}:{BROKEN}"));
            definition.seat(first.into_iter().chain([own]))
        })
    })
}

/// Runs `--child ask QUESTION WORLD` or `--child resume RUN WORLD`; the environment says where the server and the history are.
///
/// # Errors
/// With a sentence.
pub async fn child(mut arguments: impl Iterator<Item = String>) -> Result<(), String> {
    let mut next = || arguments.next().ok_or("an argument is missing");
    let (what, subject, world) = (next()?, next()?, next()?);
    let settings = Layers::new(Environment::from_process()).file(ConfigFile::None).load();
    let settings = settings.map_err(|error| error.to_string())?;
    let history = open_history(&settings).map_err(|error| error.to_string())?.ok_or("no history")?;
    let orchestrator =
        builder(&history, &world).settings(settings).build().map_err(|error| error.to_string())?;
    say("begins")?;
    let record = match what.as_str() {
        "ask" => {
            let request = TriageRequest::new(subject).mode(ModeChoice::Council);
            orchestrator.process_request(request).await
        }
        _ => match orchestrator.resume(&RunId::new(subject)).await {
            Ok(run) => run.outcome().await,
            Err(error) => Err(error),
        },
    };
    let record = record.map_err(|error| error.to_string())?;
    say(&record.record().log.decision_hash)
}

fn builder(history: &Arc<History>, world: &str) -> AsyncOrchestratorBuilder {
    AsyncOrchestrator::builder().roles(seats(world)).journal(Arc::<History>::clone(history)).history(Arc::<
        History,
    >::clone(
        history,
    ))
}

/// A child that was started.
pub(crate) struct Started {
    pub(crate) process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Started {
    /// Waits until it begins with its work, which is after the system has loaded it.
    pub(crate) async fn begun(&mut self) -> Result<(), String> {
        self.lines.next_line().await.map(drop).map_err(|error| error.to_string())
    }

    /// Waits for its end.
    pub(crate) async fn ended(mut self) -> Result<(), String> {
        let status = self.process.wait().await.map_err(|error| error.to_string())?;
        if status.success() { Ok(()) } else { Err(format!("the child failed: {status}")) }
    }
}

/// Starts a child that does `what` about `subject`, with its models at `address` and its runs in `history`; `extra` are further variables.
pub(crate) fn start(
    [what, subject, world]: [&str; 3],
    address: &str,
    history: &Path,
    extra: &[(&str, &str)],
) -> Result<Started, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut process = Command::new(own)
        .args(["--child", what, subject, world])
        .env_clear()
        .env("HOME", history.parent().unwrap_or(history))
        .env("ORCHESTRATOR_HISTORY_PATH", history)
        .env("OPENAI_BASE_URL", format!("{address}/v1"))
        .env("OPENAI_API_KEY", "not-a-real-key")
        .env("ANTHROPIC_BASE_URL", address)
        .env("ANTHROPIC_API_KEY", "not-a-real-key")
        .envs(extra.iter().copied())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| error.to_string())?;
    let out = process.stdout.take().ok_or("no output")?;
    Ok(Started { process, lines: BufReader::new(out).lines() })
}

/// The model of a request to the server.
pub(crate) fn model_of(body: &[u8]) -> String {
    let document: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    document["model"].as_str().unwrap_or_default().to_owned()
}

/// A directory that goes when its referee ends.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn make(name: &str) -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("async-orchestrator-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|error| error.to_string())?;
        Ok(Self(path))
    }

    pub(crate) fn history(&self) -> PathBuf {
        self.0.join("history.db")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn say(line: &str) -> Result<(), String> {
    let mut out = stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| error.to_string())
}
