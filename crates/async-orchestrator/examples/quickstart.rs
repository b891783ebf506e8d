//! Six roles, the providers that the environment names (else the embedded model), one question.
//!
//! `cargo run --release -p async-orchestrator --features embedded --example quickstart`

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::time::Duration;

use async_orchestrator::{AsyncOrchestrator, Error, Role, RoleDefinition, TriageRequest};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let secs = Duration::from_secs;
    let orchestrator = AsyncOrchestrator::builder()
        .roles([
            RoleDefinition::new(Role::Proposer).timeout(secs(10)),
            RoleDefinition::new(Role::Critic).timeout(secs(8)),
            RoleDefinition::new(Role::Synthesizer).timeout(secs(12)),
            RoleDefinition::new(Role::Implementer).timeout(secs(15)),
            RoleDefinition::new(Role::Validator).timeout(secs(8)),
            RoleDefinition::new(Role::Observer).timeout(secs(5)),
        ])
        .providers_from_env()? // OPENAI_API_KEY, ANTHROPIC_API_KEY, *_BASE_URL; else the embedded model
        .build()?; // checks everything at once and lists every problem

    let question = "Design a scalable microservice architecture for customer analytics.";
    let result = orchestrator.process_request(TriageRequest::new(question)).await?;
    println!("Triage decision: {}\n", result.decision);
    println!("Aggregated answer:\n{}", result.aggregated);
    Ok(())
}
