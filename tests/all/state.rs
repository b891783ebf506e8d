//! What one run of the command leaves behind for the next: who is left out, what is spent, which answers are kept.

use std::time::Duration;

use async_orchestrator_simulator::{Fault, FaultRule, Persona, Simulator, SimulatorHandle};

use crate::support::{Shell, both_vendors, simulator};

/// Two models: one whose key is not accepted, and one that answers.
#[expect(clippy::expect_used, reason = "a test that cannot be set up must stop")]
async fn dead_and_alive() -> SimulatorHandle {
    let refused = Persona::new().fault(FaultRule::always(Fault::status(401)));
    let simulator = Simulator::builder().seed(7).model("dead", refused).model("alive", Persona::new());
    simulator.start().await.expect("a simulator")
}

const SEAT: &str = "proposer=openai:dead,anthropic:alive";

fn ask(shell: &Shell) -> crate::support::Ran {
    shell.run(&["ask", "--mode", "express", "--role", SEAT, "Which day follows Monday?"])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_ask_skips_a_vendor_that_the_first_found_dead() {
    let simulator = dead_and_alive().await;
    let shell = Shell::new(both_vendors(&simulator));
    ask(&shell).succeeded();
    assert_eq!(simulator.stats().calls_of("dead"), 1);
    let second = ask(&shell);
    second.succeeded();
    assert!(second.stderr.contains("openai:dead is left out"), "{second:?}");
    assert_eq!(simulator.stats().calls_of("dead"), 1, "it was not asked again");
    assert_eq!(simulator.stats().calls_of("alive"), 2);

    let status = shell.run(&["status"]);
    status.succeeded();
    assert!(status.stdout.contains("the key was refused"), "{status:?}");
    let document = shell.run(&["status", "--json"]).json();
    assert_eq!(document["left_out"][0]["provider"], "openai");
    assert_eq!(document["left_out"][0]["ailment"], "key_refused");

    // Another key is another account: nothing is known against it.
    let mut environment = both_vendors(&simulator);
    environment[0].1 = "another-key".to_owned();
    let other = Shell { home: shell.home, environment };
    ask(&other).succeeded();
    assert_eq!(simulator.stats().calls_of("dead"), 2);

    let shell = Shell { home: other.home, environment: both_vendors(&simulator) };
    let forgotten = shell.run(&["status", "--forget"]);
    assert!(forgotten.stdout.contains("no model and no key is left out"), "{forgotten:?}");
    ask(&shell).succeeded();
    assert_eq!(simulator.stats().calls_of("dead"), 3);
    let file = std::fs::read(shell.home.path().join(".local/state/async-orchestrator/state.db")).unwrap();
    assert!(!String::from_utf8_lossy(&file).contains("test-key"), "no key is in the file");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_an_earlier_run_is_the_last_resort_and_is_marked() {
    let simulator = simulator(Duration::ZERO).await;
    let mut environment = both_vendors(&simulator);
    let settings = [("CACHE", "true"), ("CACHE_FRESH_SECONDS", "0"), ("RETRY_ATTEMPTS_MAX", "1")];
    environment
        .extend(settings.map(|(name, value)| (format!("ORCHESTRATOR_RESILIENCE_{name}"), value.into())));
    let shell = Shell::new(environment);
    let question = ["ask", "--mode", "express", "--seed", "1", "Which day follows Monday?"];
    let live = shell.run(&question);
    live.succeeded();
    drop(simulator);
    let stale = shell.run(&question);
    stale.succeeded();
    assert!(stale.stdout.contains(live.stdout.trim()), "{stale:?}");
    assert!(stale.stdout.contains("stale"), "it says that it is old: {stale:?}");
    let status = shell.run(&["status"]);
    assert!(status.stdout.contains("1 answer kept"), "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_of_tokens_a_day_holds_over_several_runs() {
    let simulator = simulator(Duration::ZERO).await;
    let mut environment = both_vendors(&simulator);
    environment.push(("ORCHESTRATOR_BUDGET_TOKENS_PER_DAY".to_owned(), "10000".to_owned()));
    let shell = Shell::new(environment);
    let question =
        ["ask", "--mode", "express", "--role", "proposer=openai:plain", "Which day follows Monday?"];
    let mut answered = 0;
    let refused = loop {
        let ran = shell.run(&question);
        if ran.code != Some(0) {
            break ran;
        }
        answered += 1;
        assert!(answered < 40, "the budget never ends");
    };
    assert!(answered >= 1);
    refused.failed(6, "budget.tokens_per_day");
    let spent = shell.run(&["status", "--json"]).json()["budgets"][0]["spent"].as_u64().unwrap();
    assert!(spent > 0 && spent <= 10_000, "{spent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_cannot_be_used_costs_a_note_and_no_answer() {
    let simulator = simulator(Duration::ZERO).await;
    let shell = Shell::new(both_vendors(&simulator));
    let directory = shell.home.path().join(".local/state");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("async-orchestrator"), "a file where a directory belongs").unwrap();
    let ran = shell.run(&["ask", "--mode", "express", "Which day follows Monday?"]);
    ran.succeeded();
    assert!(ran.stderr.contains("cannot be used as the shared state"), "{ran:?}");
    shell.run(&["status"]).failed(1, "cannot be used as the shared state");
    std::fs::remove_file(directory.join("async-orchestrator")).unwrap();
    std::fs::create_dir(directory.join("async-orchestrator")).unwrap();
    std::fs::write(directory.join("async-orchestrator/state.db"), "this was a database once".repeat(100))
        .unwrap();
    let status = shell.run(&["status"]);
    status.succeeded();
    assert!(status.stderr.contains("was damaged; it lies at"), "{status:?}");
}
