//! How much memory a process takes that holds many councils at once.

use std::{
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::{Result, bail, ensure};
use async_orchestrator::{AsyncOrchestrator, ResilienceConfig};
use async_orchestrator_core::Clock;
use async_orchestrator_resilience::{TokioClock, policy::ConcurrencyConfig};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::{
    Figure, Sheet, council,
    process::{Helper, open_files_max, resident_kib},
    remembering::Remembering,
    upstream::{COUNCIL, SLOW, SLOW_TAKES},
    world,
};

const OVER_HTTP: &str = "http";
const IN_PROCESS: &str = "in-process";
const MIB_MAX_OVER_HTTP: f64 = 150.0;
const MIB_MAX_IN_PROCESS: f64 = 1_024.0;
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// So many start at once: more would meet a full queue of connections, which is the system's limit and not ours.
const START_AT_ONCE: usize = 50;
const TIME_LIMIT: Duration = Duration::from_secs(600);

/// What the process that held the councils saw.
#[derive(Debug, Serialize, Deserialize)]
struct Held {
    idle_kib: u64,
    peak_kib: u64,
    after_kib: u64,
    at_once: usize,
    complete: usize,
    failed: usize,
    first_failure: Option<String>,
    open_files_max: String,
}

/// Runs the part: each measurement in a fresh process, whose memory holds nothing else.
pub(super) fn run(sheet: &mut Sheet<'_>) -> Result<()> {
    for (what, councils, max) in
        [(OVER_HTTP, 1_000, MIB_MAX_OVER_HTTP), (IN_PROCESS, 10_000, MIB_MAX_IN_PROCESS)]
    {
        let output = Command::new(std::env::current_exe()?)
            .args(["memory", what, &councils.to_string()])
            .stderr(Stdio::inherit())
            .output()?;
        ensure!(output.status.success(), "the process that holds {councils} councils failed");
        let held: Held = serde_json::from_slice(&output.stdout)?;
        if let Some(failure) = held.first_failure {
            bail!("{} of {councils} councils failed: {failure}", held.failed);
        }
        let mib = |kib: u64| kib as f64 / 1_024.0;
        let more = held.peak_kib.saturating_sub(held.idle_kib);
        let name = |figure: &str| format!("memory.{what}.{councils}.{figure}");
        sheet.add(Figure::new(name("idle"), mib(held.idle_kib), "MiB"));
        sheet.add(Figure::new(name("more"), mib(more), "MiB").at_most(max).note(format!(
            "{} councils at once, {} complete, limit of open files {}",
            held.at_once, held.complete, held.open_files_max
        )));
        sheet.add(Figure::new(name("each"), more as f64 / held.at_once.max(1) as f64, "KiB"));
        sheet.add(Figure::new(name("after"), mib(held.after_kib), "MiB"));
    }
    Ok(())
}

/// Holds so many councils at once and prints what that took.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
pub(super) async fn child(what: &str, councils: &str) -> Result<()> {
    let upstream = Helper::start("upstream", &[])?;
    let councils = councils.parse()?;
    let held = match what {
        OVER_HTTP => {
            let provider = world::provider(&upstream.address, SLOW)?;
            hold(&council::orchestrator(provider).resilience(wide()).build()?, councils).await?
        }
        IN_PROCESS => {
            let provider = world::provider(&upstream.address, COUNCIL)?;
            // As long as it takes to start them all; the others' first answers come when the last one has asked.
            let remembering = Arc::new(Remembering::new(provider, 4 * SLOW_TAKES));
            hold(&council::orchestrator(remembering).resilience(wide()).build()?, councils).await?
        }
        _ => bail!("unknown: {what}"),
    };
    println!("{}", serde_json::to_string(&held)?);
    Ok(())
}

/// The default with room for all calls at once: 256 at one model are the most otherwise, and 1,024 may wait.
fn wide() -> ResilienceConfig {
    let mut config = ResilienceConfig::default();
    config.concurrency = ConcurrencyConfig::fixed(100_000);
    config.queue.waiting_max = 100_000;
    config
}

async fn hold(orchestrator: &AsyncOrchestrator, councils: usize) -> Result<Held> {
    council::deliberate(orchestrator, 0, Some(TIME_LIMIT)).await?;
    let idle_kib = resident_kib()?;
    let mut held = Held {
        idle_kib,
        peak_kib: idle_kib,
        after_kib: 0,
        at_once: 0,
        complete: 0,
        failed: 0,
        first_failure: None,
        open_files_max: open_files_max(),
    };
    let mut running = JoinSet::new();
    let mut started = 0;
    while started < councils || !running.is_empty() {
        for _ in 0..START_AT_ONCE.min(councils - started) {
            let orchestrator = orchestrator.clone();
            started += 1;
            running.spawn(async move { council::deliberate(&orchestrator, started, Some(TIME_LIMIT)).await });
        }
        TokioClock.sleep(LOOK_EVERY).await;
        held.at_once = held.at_once.max(running.len());
        held.peak_kib = held.peak_kib.max(resident_kib()?);
        while let Some(ended) = running.try_join_next() {
            match ended.map_err(anyhow::Error::from).flatten() {
                Ok(()) => held.complete += 1,
                Err(error) => {
                    held.failed += 1;
                    held.first_failure.get_or_insert(format!("{error:#}"));
                }
            }
        }
    }
    held.after_kib = resident_kib()?;
    Ok(held)
}
