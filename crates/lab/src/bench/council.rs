//! What a whole council costs beside the same calls of a bare client in the same graph.

use std::{sync::Arc, time::Duration};

use anyhow::{Result, ensure};
use async_orchestrator::{
    AsyncOrchestrator, AsyncOrchestratorBuilder, LlmProvider, ModeChoice, Status, TriageRequest,
};
use async_orchestrator_core::Clock;
use async_orchestrator_providers::Delivery;
use async_orchestrator_resilience::TokioClock;
use futures_util::future::try_join_all;
use serde_json::Value;

use super::{
    Figure, Sheet,
    process::Helper,
    raw::Raw,
    remembering::{Asked, Remembering},
    rounds::{Contestant, cpu, median, ms_since},
    upstream::COUNCIL,
    world,
};

const COUNCILS: usize = 40;
const RATIO_MAX: f64 = 1.8;
const QUESTION: &str = "Design a scalable microservice architecture for customer analytics.";

/// An orchestrator over `provider` with every setting at its default but a fixed order.
pub(super) fn orchestrator(provider: Arc<dyn LlmProvider>) -> AsyncOrchestratorBuilder {
    AsyncOrchestrator::builder().seed(7).provider(provider)
}

/// The council about project `number`; fails if a seat did.
pub(super) async fn deliberate(
    orchestrator: &AsyncOrchestrator,
    number: usize,
    limit: Option<Duration>,
) -> Result<()> {
    // Councils at the same time must differ, or the stack makes one call of theirs.
    let mut request =
        TriageRequest::new(format!("{QUESTION} (Project {number:08}.)")).mode(ModeChoice::Council);
    if let Some(limit) = limit {
        request = request.time_limit(limit);
    }
    let record = orchestrator.process_request(request).await?.into_record();
    ensure!(record.status == Status::Full, "the council was not complete: {:?}", record.status_detail);
    Ok(())
}

/// Runs the part.
pub(super) async fn run(rounds: usize, sheet: &mut Sheet<'_>) -> Result<()> {
    let upstream = Helper::start("upstream", &[])?;
    let provider = world::provider(&upstream.address, COUNCIL)?;
    let whole = orchestrator(provider.clone()).build()?;

    // The first council is the pattern of all: it is asked through a provider that keeps requests and replies.
    let remembering = Arc::new(Remembering::new(provider.clone(), Duration::ZERO));
    let inside = orchestrator(remembering.clone()).build()?;
    deliberate(&inside, 0, None).await?;
    let waves = waves(remembering.asked());
    let calls: usize = waves.iter().map(Vec::len).sum();
    let shape: Vec<String> = waves.iter().map(|wave| wave.len().to_string()).collect();
    let note = format!("in waves of {}", shape.join(", "));
    sheet.add(Figure::new("council.calls", calls as f64, "").note(note));

    let raw = Raw::new(&upstream.address)?;
    let body = |asked: &Asked| provider.request_body(&asked.request, Delivery::Streamed);
    let bodies: Vec<Vec<Value>> = waves.iter().map(|wave| wave.iter().map(body).collect()).collect();
    let (alone, stack): (Arc<dyn LlmProvider>, _) = (provider.clone(), world::stacked(provider.clone())?);
    let stack_inside = world::stacked(remembering.clone())?;
    let contestants = [
        Contestant::new("raw", |councils| Box::pin(bare(&raw, &bodies, councils))),
        Contestant::new("provider", |councils| Box::pin(graph(&*alone, &waves, councils))),
        Contestant::new("stack", |councils| Box::pin(graph(&*stack, &waves, councils))),
        Contestant::new("council", |councils| Box::pin(repeat(&whole, councils))),
        Contestant::new("council.inside", |councils| Box::pin(repeat(&inside, councils))),
        Contestant::new("stack.inside", |councils| Box::pin(graph(&*stack_inside, &waves, councils))),
    ];
    let prices = cpu(&contestants, rounds, COUNCILS).await?;
    for name in ["raw", "provider", "stack", "council"] {
        sheet.add(Figure::new(format!("council.cpu.{name}"), prices.us(name), "us"));
    }
    let inside = Figure::new("council.cpu.inside", prices.us("council.inside"), "us");
    sheet.add(inside.note("the same council over a provider in this process that answers at once"));
    let stack_inside = Figure::new("council.cpu.stack_inside", prices.us("stack.inside"), "us");
    sheet.add(stack_inside.note("its calls alone through the stack, over that provider"));
    let deliberation = prices.us("council.inside") - prices.us("stack.inside");
    let share = deliberation / prices.us("council") * 100.0;
    sheet.add(
        Figure::new("council.cpu.deliberation", deliberation, "us")
            .note(format!("prompts, tally, record, events: {share:.0} % of the whole")),
    );
    for name in ["provider", "stack"] {
        let ratio = Figure::new(format!("council.{name}.ratio"), prices.ratio(name, "raw"), "x");
        sheet.add(ratio.note(prices.spread(name, "raw")));
    }
    let ratio = Figure::new("council.ratio", prices.ratio("council", "raw"), "x").at_most(RATIO_MAX);
    sheet.add(ratio.note(prices.spread("council", "raw")));
    Ok(())
}

/// Holds so many councils one after the other, for a profiler.
pub(super) async fn repeat_alone(councils: &str) -> Result<()> {
    let upstream = Helper::start("upstream", &[])?;
    repeat(&orchestrator(world::provider(&upstream.address, COUNCIL)?).build()?, councils.parse()?).await
}

/// The calls of a council that go out together, in order. The Observer runs beside what comes next.
fn waves(asked: Vec<Asked>) -> Vec<Vec<Asked>> {
    let mut waves: Vec<(String, Vec<Asked>)> = Vec::new();
    for one in asked {
        let stage = one.call.split('/').next_back().unwrap_or_default().to_owned();
        match waves.last_mut() {
            Some((current, wave)) if *current == stage => wave.push(one),
            Some((current, wave)) if current == "observe" => {
                *current = stage;
                wave.push(one);
            }
            Some((_, wave)) if stage == "observe" => wave.push(one),
            _ => waves.push((stage, vec![one])),
        }
    }
    waves.into_iter().map(|(_, wave)| wave).collect()
}

async fn bare(raw: &Raw, waves: &[Vec<Value>], councils: usize) -> Result<()> {
    for _ in 0..councils {
        for wave in waves {
            try_join_all(wave.iter().map(|body| raw.stream(body, || ()))).await?;
        }
    }
    Ok(())
}

async fn graph(provider: &dyn LlmProvider, waves: &[Vec<Asked>], councils: usize) -> Result<()> {
    for _ in 0..councils {
        for wave in waves {
            let calls = wave.iter().map(|asked| world::stream_as(provider, &asked.request, &asked.call));
            try_join_all(calls).await?;
        }
    }
    Ok(())
}

/// The middle wall time of a council at each contestant, in milliseconds: all hold one a round, in an order that turns.
pub(super) async fn wall<const N: usize>(
    contestants: &[AsyncOrchestrator; N],
    rounds: usize,
) -> Result<[f64; N]> {
    let mut times: [Vec<f64>; N] = std::array::from_fn(|_| Vec::with_capacity(rounds));
    for round in 0..rounds {
        for place in 0..N {
            let index = (place + round) % N;
            let started = TokioClock.now();
            deliberate(&contestants[index], round * N + index, None).await?;
            times[index].push(ms_since(started));
        }
    }
    Ok(times.map(median))
}

/// Holds so many councils, one after the other.
pub(super) async fn repeat(orchestrator: &AsyncOrchestrator, councils: usize) -> Result<()> {
    for number in 0..councils {
        deliberate(orchestrator, number, None).await?;
    }
    Ok(())
}
