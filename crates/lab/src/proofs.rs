//! Proofs under load: each sets up a world, lets it run, and compares what it measured with a bar.
//!
//! Speed and counts are judged here, behaviour case by case in [`crate::chaos`]. Where a proof needs hours it runs in simulated time; where
//! sockets matter it runs on loopback with the real clock, and wants a machine with little else to do.

mod ballots;
mod cancellation;
mod coalescing;
mod dice;
mod hedging;
mod hours;
mod killing;
mod measure;
mod outage;
mod report;
mod sim;
mod storm;
mod upstream;
mod vendor;

use futures_util::future::LocalBoxFuture;

pub use report::{Figure, Judged, ProofReport, Verdict};

/// What a proof measured, or why it could not.
type Measured = Result<report::Findings, String>;

/// One proof.
struct Proof {
    name: &'static str,
    run: fn(u64) -> LocalBoxFuture<'static, Measured>,
}

const ALL: &[Proof] = &[
    Proof { name: "outage", run: |seed| Box::pin(outage::run(seed)) },
    Proof { name: "hedging", run: |seed| Box::pin(async move { hedging::run(seed) }) },
    Proof { name: "storm", run: |seed| Box::pin(storm::run(seed)) },
    Proof { name: "coalescing", run: |seed| Box::pin(coalescing::run(seed)) },
    Proof { name: "cancellation", run: |seed| Box::pin(cancellation::run(seed)) },
    Proof { name: "ballots", run: |seed| Box::pin(async move { Ok(ballots::run(seed)) }) },
    Proof { name: "killing", run: |seed| Box::pin(killing::run(seed)) },
    Proof { name: "hours", run: |seed| Box::pin(async move { hours::run(seed) }) },
];

/// The names of all proofs, in their order.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|proof| proof.name)
}

/// Runs the proof called `only`, or all of them, and hands each figure to `on_figure` when its proof has ended.
pub async fn run(only: Option<&str>, seed: u64, mut on_figure: impl FnMut(&Judged)) -> ProofReport {
    let mut report = ProofReport { seed, ..ProofReport::default() };
    for proof in ALL.iter().filter(|proof| only.is_none_or(|name| name == proof.name)) {
        let findings = (proof.run)(seed).await.unwrap_or_else(report::Findings::broken);
        for figure in findings.figures {
            let judged = Judged { proof: proof.name.to_owned(), figure };
            on_figure(&judged);
            report.figures.push(judged);
        }
        report.log.push_str(&findings.log);
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_proof_is_chosen_by_its_name() {
        let report = run(Some("hedging"), 7, |_| {}).await;
        assert!(report.figures.iter().all(|judged| judged.proof == "hedging"));
        assert_eq!(report.failed(), 0, "{report:?}");
        assert!(run(Some("no such proof"), 7, |_| {}).await.figures.is_empty());
    }
}
