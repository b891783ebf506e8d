//! The command as its users meet it: output, exit codes, Ctrl-C, closed pipes.

use std::{
    io::{BufRead, BufReader, Read},
    time::Duration,
};

use crate::support::{DESIGN, Shell, assert_valid_record, both_vendors, plan_schema, simulator};

#[tokio::test(flavor = "multi_thread")]
async fn ask_prints_the_answer_on_stdout_and_everything_else_on_stderr() {
    let simulator = simulator(Duration::ZERO).await;
    let shell = Shell::new(both_vendors(&simulator));
    let ran = shell.run(&["ask", DESIGN]);
    ran.succeeded();
    assert!(!ran.stdout.trim().is_empty() && !ran.stdout.contains("proposer-1"), "{ran:?}");
    for said in ["proposer-1 propose", "decided:", "validation:", "cost $", "uncalibrated"] {
        assert!(ran.stderr.contains(said), "{said}: {ran:?}");
    }
    let quiet = shell.run(&["ask", "--quiet", DESIGN]);
    assert_eq!((quiet.code, quiet.stderr.as_str()), (Some(0), ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn json_is_the_record_and_jsonl_ends_with_it() {
    let simulator = simulator(Duration::ZERO).await;
    let shell = Shell::new(both_vendors(&simulator));
    assert_valid_record(&shell.run(&["ask", "--json", DESIGN]).json());
    let lines = shell.run(&["ask", "--jsonl", DESIGN]);
    lines.succeeded();
    let events: Vec<serde_json::Value> =
        lines.stdout.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    assert_eq!(events.first().unwrap()["event"], "run_started");
    assert_eq!(events.last().unwrap()["event"], "result");
    assert_valid_record(&events.last().unwrap()["record"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn flags_reach_the_run() {
    let simulator = simulator(Duration::ZERO).await;
    let shell = Shell::new(both_vendors(&simulator));
    let schema = shell.write("plan.schema.json", &plan_schema().to_string());
    let ran = shell.run(&[
        "ask",
        "--mode",
        "council",
        "--domain",
        "business",
        "--seed",
        "3",
        "--schema",
        &schema,
        "--json",
        "--role",
        "proposer=openai:one,anthropic:two",
        "--role",
        "proposer=anthropic:two",
        "--role",
        "critic=openai:with:colons",
        DESIGN,
    ]);
    let record = ran.json();
    assert_eq!(record["triage"]["domain"], "business");
    assert_eq!(record["versions"]["seed"], 3);
    let seats: Vec<String> = record["seats"]
        .as_array()
        .unwrap()
        .iter()
        .map(|seat| format!("{} {}:{}", seat["seat"], seat["provider"], seat["model"]).replace('"', ""))
        .collect();
    for seat in ["proposer-1 openai:one", "proposer-2 anthropic:two", "critic-1 openai:with:colons"] {
        assert!(seats.iter().any(|known| known == seat), "{seat}: {seats:?}");
    }
    let shown = shell.run(&["ask", "--show", "proposals,ballots,dissent", DESIGN]);
    shown.succeeded();
    for part in ["## Proposals", "## Ballots", "## Dissent", "p1 (shown as"] {
        assert!(shown.stdout.contains(part), "{part}: {shown:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_calls_nothing() {
    let simulator = simulator(Duration::ZERO).await;
    let shell = Shell::new(both_vendors(&simulator));
    let ran = shell.run(&["ask", "--dry-run", DESIGN]);
    ran.succeeded();
    assert!(ran.stdout.contains("estimated cost $") && ran.stdout.contains("critic-2"), "{ran:?}");
    let plan = shell.run(&["ask", "--dry-run", "--json", DESIGN]).json();
    assert!(plan["calls"].as_array().unwrap().len() >= 8);
    assert_eq!(simulator.stats().calls_started, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_question_comes_from_arguments_stdin_and_files() {
    let simulator = simulator(Duration::ZERO).await;
    let shell = Shell::new(both_vendors(&simulator));
    let file = shell.write("notes.txt", "the material of the file");
    for (arguments, stdin) in [
        (vec!["ask", "--mode", "express", "-"], "Asked on stdin?"),
        (vec!["ask", "--mode", "express"], "Asked on stdin?"),
        (vec!["ask", "--mode", "express", "Asked", "in", "words?", "-f", &file], "and piped"),
    ] {
        shell.run_with(&arguments, stdin.as_bytes()).succeeded();
    }
    let bodies: Vec<String> = simulator.requests().iter().map(|request| request.json().to_string()).collect();
    assert!(bodies[0].contains("Asked on stdin?") && bodies[1].contains("Asked on stdin?"));
    for part in ["Asked in words?", "the material of the file", "and piped"] {
        assert!(bodies[2].contains(part), "{part}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_stdout_ends_quietly() {
    let simulator = simulator(Duration::ZERO).await;
    let shell = Shell::new(both_vendors(&simulator));
    for arguments in [
        ["ask", "--jsonl", DESIGN].as_slice(),
        &["schema", "decision"],
        &["models", "list", "--all"],
        &["man"],
        &["--help"],
    ] {
        let mut child = shell.command(arguments).spawn().unwrap();
        drop(child.stdout.take());
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        let status = child.wait().unwrap();
        assert!(
            status.success() && !stderr.contains("panicked") && !stderr.contains("error"),
            "{arguments:?}: {status} {stderr}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_with_130_and_leaves_nothing_running() {
    let simulator = simulator(Duration::from_secs(600)).await;
    let shell = Shell::new(both_vendors(&simulator));
    let mut child = shell.command(&["ask", DESIGN]).spawn().unwrap();
    simulator
        .wait_for(Duration::from_secs(20), |stats| stats.calls_in_flight >= 2)
        .await
        .expect("calls arrive");
    let interrupted =
        std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    let closed = simulator
        .wait_for(Duration::from_secs(5), |stats| stats.connections_open == 0 && stats.calls_in_flight == 0);
    closed.await.expect("every connection is closed");
}

#[test]
fn the_simulator_runs_as_a_command_and_answers_the_command() {
    let shell = Shell::new(Vec::new());
    let mut server = shell.command(&["simulate", "--port", "0"]).spawn().unwrap();
    let mut lines = BufReader::new(server.stderr.take().unwrap()).lines();
    let mut environment = Vec::new();
    while environment.len() < 4 {
        let line = lines.next().expect("a line").expect("text");
        let words = line.split_whitespace().filter_map(|word| word.split_once('='));
        environment.extend(words.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())));
    }
    let client = Shell::new(environment);
    let ran = client.run(&["ask", "--json", DESIGN]);
    let stopped =
        std::process::Command::new("kill").args(["-INT", &server.id().to_string()]).status().unwrap();
    assert!(stopped.success());
    let status = server.wait().unwrap();
    assert_valid_record(&ran.json());
    assert_eq!(status.code(), Some(0));
}
