//! An orchestrator that is told to do things differently while runs are under way.

use std::time::Duration;

use async_orchestrator::{
    AsyncOrchestrator, ConfigFile, Environment, EventKind, Layers, ModeChoice, Role, RoleDefinition,
    TriageRequest,
};
use async_orchestrator_simulator::{Latency, Persona, Simulator};

use crate::support::{both_vendors, orchestrator, seated};

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_cuts_no_stream_and_holds_from_the_next_run_on() {
    let slow = Persona::new().latency(Latency::fixed(Duration::from_millis(300))).tokens_per_delta(2);
    let simulator = Simulator::builder().seed(7).model("old", slow).model("new", Persona::new());
    let simulator = simulator.start().await.unwrap();
    let environment = both_vendors(&simulator);
    let before = orchestrator(environment.clone(), vec![seated(Role::Proposer, &["openai:old"])]);
    let request = TriageRequest::new("Which day follows Monday?").mode(ModeChoice::Express);
    let mut run = before.stream_request(request.clone());
    while let Some(event) = run.next().await {
        if matches!(event.kind, EventKind::AttemptStarted { .. }) {
            break;
        }
    }

    let builder = |roles: Vec<RoleDefinition>| {
        let environment = Environment::from_iter(environment.clone());
        let settings = Layers::new(environment).file(ConfigFile::None).load().unwrap();
        AsyncOrchestrator::builder().settings(settings).roles(roles).seed(7)
    };
    let wrong = before.reload(builder(vec![seated(Role::Proposer, &["mars:rover"])])).unwrap_err();
    assert!(wrong.to_string().contains("mars"), "{wrong}");
    let clone = before.clone();
    before.reload(builder(vec![seated(Role::Proposer, &["anthropic:new"])])).unwrap();

    let old = run.outcome().await.unwrap();
    assert_eq!(old.record().seats[0].model, "old");
    assert!(!old.aggregated.text.is_empty());
    let new = clone.process_request(request).await.unwrap();
    assert_eq!(new.record().seats[0].model, "new", "clones are told, too");
    assert_eq!(simulator.stats().calls_of("old"), 1);
}
