//! What bad input gets: a message that says what to do, the documented exit code, nothing half-written, no panic.

use std::time::Duration;

use async_orchestrator_simulator::{Persona, ScriptedReply, Simulator};

use crate::support::{DESIGN, Shell, both_vendors, simulator};

/// A shell whose only vendor is at an address where nobody listens.
fn unreachable() -> Shell {
    let pairs = [("OPENAI_API_KEY", "test-key"), ("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")];
    Shell::new(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec())
}

#[test]
fn questions_that_cannot_be_asked() {
    let shell = unreachable();
    shell.run(&["ask", ""]).failed(2, "the question is empty");
    shell.run(&["ask", "-"]).failed(2, "stdin is empty");
    shell.run(&["ask"]).failed(2, "the question is empty");
    shell.run_with(&["ask", "-"], &b"x".repeat(10 << 20)).failed(2, "at most");
    shell.run_with(&["ask", "-"], &b"x".repeat(20 << 20)).failed(2, "more than");
    shell.run_with(&["ask", "-"], b"\xff\xfe\x00").failed(2, "utf-8");
    shell.run(&["ask", "-f", "nowhere.txt"]).failed(2, "nowhere.txt");
}

#[test]
fn names_that_nobody_knows() {
    let shell = unreachable();
    shell.run(&["ask", "--role", "boss=openai:x", "why?"]).failed(2, "unknown role `boss`");
    shell.run(&["ask", "--role", "critic=x", "why?"]).failed(2, "provider:model");
    shell.run(&["ask", "--role", "critic=mars:rover", "why?"]).failed(2, "mars");
    shell.run(&["ask", "--domain", "astrology", "why?"]).failed(2, "general");
    shell.run(&["ask", "--mode", "committee", "why?"]).failed(2, "possible values");
    shell.run(&["schema", "desicion"]).failed(2, "decision");
    shell.run(&["prompts", "show", "nothing"]).failed(2, "nothing");
    shell.run(&["frobnicate"]).failed(2, "unrecognized");
}

#[test]
fn values_that_make_no_sense() {
    let shell = unreachable();
    shell.run(&["ask", "--timeout", "0", "why?"]).failed(2, "above zero");
    shell.run(&["ask", "--budget", "lots", "why?"]).failed(2, "--budget");
    let schema = shell.write("no.schema.json", r#"{"type": "strin"}"#);
    shell.run(&["ask", "--schema", &schema, "why?"]).failed(2, "no JSON Schema");
    let garbage = shell.write("garbage.json", "{{{");
    shell.run(&["ask", "--schema", &garbage, "why?"]).failed(2, "no JSON");
}

#[test]
fn configurations_that_cannot_be_used() {
    let shell = unreachable();
    let file = shell.write("broken.toml", "[roles.critic]\ntimout_seconds = 5\nseats = 99\n");
    let ran = shell.run(&["config", "check", "--config", &file]);
    ran.failed(3, "timeout_seconds");
    assert!(
        ran.stderr.contains(":2:") && ran.stderr.contains("seats"),
        "every problem with its line: {ran:?}"
    );
    let file = shell.write("syntax.toml", "[roles\n");
    shell.run(&["ask", "--config", &file, "why?"]).failed(3, "syntax.toml");
    shell.run(&["ask", "--config", "nowhere.toml", "why?"]).failed(3, "nowhere.toml");
    std::fs::create_dir(shell.home.path().join("prompts")).unwrap();
    shell.write("prompts/propose.user.j2", "{{ question }}\n{{ qestion }}\n");
    let file = shell.write("prompts.toml", "[prompts]\ndirectory = \"prompts\"\n");
    let ran = shell.run(&["ask", "--config", &file, "why?"]);
    ran.failed(3, "qestion");
    assert!(ran.stderr.contains("propose.user.j2:2"), "{ran:?}");
}

#[test]
fn an_unreachable_host_is_one_and_says_so() {
    unreachable().run(&["ask", DESIGN]).failed(1, "cannot be reached");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_four() {
    let strict =
        Simulator::builder().key("the-right-key").other_models(Persona::new()).start().await.unwrap();
    let ran = Shell::new(both_vendors(&strict)).run(&["ask", DESIGN]);
    ran.failed(4, "key was not accepted");
    assert!(!ran.stderr.contains("test-key-"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn time_that_ran_out_is_seven_and_money_six() {
    let slow = simulator(Duration::from_secs(600)).await;
    let shell = Shell::new(both_vendors(&slow));
    shell.run(&["ask", "--timeout", "300ms", DESIGN]).failed(7, "time ran out");
    shell.run(&["ask", "--budget", "0.000001", DESIGN]).failed(6, "budget");
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_that_are_no_json_become_absences_or_one_clear_error() {
    let talker = Persona::new().reply(ScriptedReply::new("I would rather talk about the weather."));
    let simulator = Simulator::builder().other_models(talker).start().await.unwrap();
    let ran = Shell::new(both_vendors(&simulator)).run(&["ask", DESIGN]);
    // Prose is a proposal, as from servers that take no schema; as a ballot it is nothing.
    ran.succeeded();
    assert!(ran.stdout.contains("quorum") && ran.stdout.contains("critic-1 absent (malformed)"), "{ran:?}");
    let broken = Persona::new().reply(ScriptedReply::new("{\"answer\": "));
    let simulator = Simulator::builder().other_models(broken).start().await.unwrap();
    Shell::new(both_vendors(&simulator)).run(&["ask", DESIGN]).failed(1, "proposer-1 (malformed)");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_the_schema_is_no_success() {
    let talker = Persona::new().reply(ScriptedReply::new("Sure! Here is no json at all"));
    let simulator = Simulator::builder().other_models(talker).start().await.unwrap();
    let shell = Shell::new(both_vendors(&simulator));
    let schema = shell.write("plan.schema.json", &crate::support::plan_schema().to_string());
    let ran = shell.run(&["ask", "--mode", "express", "--schema", &schema, DESIGN]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("does not satisfy the schema"), "{ran:?}");
}

#[test]
fn without_a_home_the_working_directory_configures_nothing() {
    let shell = Shell::new(Vec::new());
    let folder = shell.home.path().join(".config/async-orchestrator");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.toml"), "nonsense = 1\n").unwrap();
    let ran = shell.command(&["config", "show"]).env_remove("HOME").output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
}

#[test]
fn without_any_model_the_ways_out_are_named() {
    let shell = Shell::new(Vec::new());
    let ran = shell.run(&["ask", DESIGN]);
    ran.failed(1, "OPENAI_API_KEY");
    let weights = shell.write("broken.gguf", "GGUF but not really");
    shell.run(&["ask", "--model-file", &weights, DESIGN]).failed(3, "broken.gguf");
}
