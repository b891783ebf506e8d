//! What the engine adds to the time of its models: councils and single calls against the simulator at a fixed latency, in one process.
//!
//! `cargo run --release -p integration-tests --example overhead [RUNS] [LATENCY_MS]`; run by hand, on an idle machine.

#![expect(clippy::print_stdout, reason = "it prints its figures")]

use std::time::{Duration, Instant};

use async_orchestrator::{
    AsyncOrchestrator, ConfigFile, DecisionRecord, Environment, Layers, ModeChoice, Stage, Status,
    TriageRequest,
};
use async_orchestrator_simulator::{Latency, Persona, Simulator};

/// The stages that follow one another; the Observer runs beside them.
const PATH: [Stage; 5] =
    [Stage::Propose, Stage::Review, Stage::Synthesize, Stage::Implement, Stage::Validate];

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let number = |at: usize, default: u64| {
        std::env::args().nth(at).and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (runs, latency) = (number(1, 30), Duration::from_millis(number(2, 100)));
    let persona = Persona::new().latency(Latency::fixed(latency));
    let simulator = Simulator::builder().seed(7).other_models(persona).start().await?;
    let base = simulator.base_url();
    let environment = [
        ("OPENAI_API_KEY", "key".to_owned()),
        ("OPENAI_BASE_URL", format!("{base}/v1")),
        ("ANTHROPIC_API_KEY", "key".to_owned()),
        ("ANTHROPIC_BASE_URL", base.clone()),
    ];
    let settings = Layers::new(Environment::from_iter(environment)).file(ConfigFile::None).load()?;
    let orchestrator = AsyncOrchestrator::builder().settings(settings).build()?;

    let ms = |duration: Duration| duration.as_secs_f64() * 1_000.0;
    for (mode, calls, name) in
        [(ModeChoice::Council, PATH.len(), "council"), (ModeChoice::Express, 1, "express")]
    {
        let mut times = Vec::new();
        for _ in 0..runs {
            let (took, record) = once(&orchestrator, mode).await?;
            if record.status != Status::Full {
                return Err(format!("{name}: {:?}", record.status_detail).into());
            }
            times.push(took);
        }
        times.sort();
        let path = latency * u32::try_from(calls)?;
        let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
        println!(
            "{name}: {runs} runs, critical path {:.0} ms, p50 {:.2} ms (+{:.2}), p90 {:.2} ms (+{:.2})",
            ms(path),
            ms(at(50)),
            ms(at(50)) - ms(path),
            ms(at(90)),
            ms(at(90)) - ms(path),
        );
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a measurement reads the system's clock")]
async fn once(
    orchestrator: &AsyncOrchestrator,
    mode: ModeChoice,
) -> Result<(Duration, DecisionRecord), async_orchestrator::Error> {
    let request =
        TriageRequest::new("Design a scalable microservice architecture for customer analytics.").mode(mode);
    let started = Instant::now();
    let result = orchestrator.process_request(request).await?;
    Ok((started.elapsed(), result.into_record()))
}
