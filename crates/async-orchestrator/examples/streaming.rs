//! The same run as a stream of events. Dropping the stream cancels everything below it; here that happens after a limit of text.
//!
//! `cargo run --release -p async-orchestrator --features embedded --example streaming -- "Your question"`

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::collections::BTreeMap;

use async_orchestrator::{AsyncOrchestrator, Error, EventKind, TriageRequest};

/// A runaway run is cut off here, in bytes of streamed text.
const TEXT_BYTES_MAX: usize = 200_000;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let question =
        std::env::args().nth(1).unwrap_or_else(|| String::from("Name three uses of a bloom filter."));
    let orchestrator = AsyncOrchestrator::builder().providers_from_env()?.build()?;
    let mut run = orchestrator.stream_request(TriageRequest::new(question));
    let mut written: BTreeMap<String, usize> = BTreeMap::new();
    while let Some(event) = run.next().await {
        let seat = event.seat.map(|seat| seat.to_string()).unwrap_or_default();
        match event.kind {
            EventKind::RoleStarted { target, .. } => println!("{seat} starts with {target}"),
            EventKind::Delta { text } => {
                *written.entry(seat).or_default() += text.len();
                if written.values().sum::<usize>() > TEXT_BYTES_MAX {
                    println!("too much text: cancelled");
                    return Ok(()); // drops `run`, and with it every call that is under way
                }
            }
            EventKind::BallotCast { best, .. } => println!("{seat} votes for {}", best.unwrap_or_default()),
            EventKind::Decided { winner, .. } => println!("decided: {}", winner.unwrap_or_default()),
            EventKind::RoleFailed { why, .. } => println!("{seat} failed: {why}"),
            _ => {}
        }
    }
    let result = run.outcome().await?;
    println!("\n{}", result.aggregated);
    Ok(())
}
