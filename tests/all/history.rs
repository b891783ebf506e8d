//! What the command keeps of its runs, and what can be done with it: lists, stories, replays, proofs, figures; and what becomes of it when the
//! file cannot be used.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use async_orchestrator::{
    AsyncOrchestrator, ConfigFile, Environment, EventKind, Layers, MemoryStore, ModeChoice, TriageRequest,
    Unended,
};

use crate::support::{DESIGN, Ran, Shell, assert_valid_record, both_vendors, simulator};

fn file(shell: &Shell) -> PathBuf {
    shell.home.path().join(".local/share/async-orchestrator/history.db")
}

fn council(shell: &Shell) -> Ran {
    let ran = shell.run(&["ask", "--mode", "council", DESIGN]);
    ran.succeeded();
    ran
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_can_be_listed_told_replayed_and_proved() {
    let simulator = simulator(Duration::ZERO).await;
    let shell = Shell::new(both_vendors(&simulator));
    council(&shell);
    shell.run(&["ask", "--mode", "express", "Which day follows Monday?"]).succeeded();
    let asked = simulator.stats().calls_started;
    let runs = shell.run(&["history", "list", "--json"]).json();
    let runs = runs["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    assert_eq!((runs[1]["mode"].as_str(), runs[1]["question"].as_str()), (Some("council"), Some(DESIGN)));
    let run = runs[1]["run"].as_str().unwrap();
    let record = shell.run(&["show", run, "--json"]).json();
    assert_valid_record(&record);
    assert_eq!(record["log"]["decision_hash"], runs[1]["decision_hash"]);

    let story = shell.run(&["show", run, "--why"]);
    story.succeeded();
    for part in
        ["Who proposed", "Who objected", "How the vote fell", "What it cost", "How sure it is", "proposer-1"]
    {
        assert!(story.stdout.contains(part), "{part} is missing: {}", story.stdout);
    }
    let found = shell.run(&["history", "search", "scalable", "micro*"]);
    assert!(found.stdout.contains(run) && found.stdout.lines().count() == 1, "{found:?}");

    let again = shell.run(&["replay", run]);
    again.succeeded();
    assert!(again.stdout.contains(record["log"]["decision_hash"].as_str().unwrap()), "{again:?}");
    assert_eq!(shell.run(&["replay", "--all", "--json"]).json()["same"], 2);
    let other = shell.run(&["replay", run, "--rule", "borda"]);
    other.succeeded();
    assert!(other.stdout.contains("by borda"), "{other:?}");
    shell.run(&["replay", run, "--rule", "monarchy"]).failed(2, "monarchy");
    assert_eq!(simulator.stats().calls_started, asked, "nobody was asked");

    let proved = shell.run(&["verify"]);
    proved.succeeded();
    assert!(proved.stdout.contains("everything is as it was written"), "{proved:?}");
    let bundle = shell.home.path().join("bundle.jsonl").to_string_lossy().into_owned();
    shell.run(&["history", "export", &bundle]).succeeded();
    shell.run(&["verify", "--file", &bundle]).succeeded();
    let text = fs::read_to_string(&bundle).unwrap();
    fs::write(&bundle, text.replacen("microservice", "macroservice", 1)).unwrap();
    let changed = shell.run(&["verify", "--file", &bundle]);
    assert_eq!(changed.code, Some(1), "{changed:?}");
    assert!(changed.stdout.contains("altered"), "{changed:?}");

    let stats = shell.run(&["stats", "--json"]).json();
    assert_eq!(stats["total"]["runs"], 2);
    let metrics = shell.run(&["metrics"]);
    let status = record["status"].as_str().unwrap();
    let line = format!(r#"orchestrator_history_runs_total{{mode="council",status="{status}"}} 1"#);
    assert!(metrics.stdout.contains(&line), "{line} is missing: {metrics:?}");
    let bytes = fs::read(file(&shell)).unwrap();
    assert!(!String::from_utf8_lossy(&bytes).contains("test-key"), "no key is in the file");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_council_is_held_again_with_another_model_in_one_role_and_pays_for_that_alone() {
    let simulator = simulator(Duration::ZERO).await;
    let shell = Shell::new(both_vendors(&simulator));
    council(&shell);
    simulator.reset();
    let forked = shell.run(&["replay", "last", "--role", "validator=openai:another-model", "--json"]);
    let record = forked.json();
    assert_valid_record(&record);
    assert!(record["parent"]["run_id"].is_string());
    assert_eq!(simulator.stats().calls_started, 1, "{:?}", simulator.stats());
    assert_eq!(simulator.stats().calls_of("another-model"), 1);
    assert_eq!(shell.run(&["history", "list", "--json"]).json()["runs"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_goes_on_from_an_earlier_decision() {
    let simulator = simulator(Duration::ZERO).await;
    let shell = Shell::new(both_vendors(&simulator));
    council(&shell);
    simulator.reset();
    shell.run(&["ask", "--continue", "--mode", "express", "And what does it cost?"]).succeeded();
    let sent = String::from_utf8_lossy(&simulator.requests()[0].body).into_owned();
    assert!(sent.contains("And what does it cost?") && sent.contains("microservice architecture"), "{sent}");
    shell.run(&["ask", "--continue=0000", "What else?"]).failed(2, "no run `0000`");
    shell.run(&["ask", "--no-history", "--mode", "express", "Something private?"]).succeeded();
    let listed = shell.run(&["history", "list"]);
    assert!(!listed.stdout.contains("private") && listed.stdout.lines().count() == 2, "{listed:?}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_run_is_watched_finished_by_the_next_ask_and_paid_once() {
    let simulator = simulator(Duration::from_millis(150)).await;
    let shell = Shell::new(both_vendors(&simulator));
    let mut child = shell.command(&["ask", "--mode", "council", DESIGN]).spawn().unwrap();
    let journaled = || {
        let runs = shell.run(&["history", "list", "--json"]);
        let document: serde_json::Value = serde_json::from_str(&runs.stdout).unwrap_or_default();
        (
            document["runs"][0]["calls"].as_u64().unwrap_or(0),
            document["runs"][0]["run"].as_str().map(str::to_owned),
        )
    };
    let run = loop {
        if let (2.., Some(run)) = journaled() {
            break run;
        }
    };
    child.kill().unwrap();
    child.wait().unwrap();
    let listed = shell.run(&["resume", "--list"]);
    assert!(listed.stdout.contains(&run) && listed.stdout.contains("interrupted"), "{listed:?}");
    let listed = shell.run(&["history", "list"]);
    assert!(listed.stdout.contains("interrupted"), "{listed:?}");
    let watched = shell.run(&["watch", &run]);
    assert!(watched.code == Some(1) && watched.stderr.contains("not being run"), "{watched:?}");
    // Ctrl-C while it is being finished beside another question gives up neither the answer nor the run.
    let mut child = shell
        .command(&["ask", "-q", "--mode", "express", "Which day follows Sunday?"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(stderr.any(|line| line.contains("is being finished")), "it costs money, so it is always said");
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    assert_eq!(child.wait().unwrap().code(), Some(0), "the question was answered");
    assert!(stderr.any(|line| line.contains("stays interrupted")));
    let listed = shell.run(&["resume", "--list"]);
    assert!(listed.stdout.contains(&run) && listed.stdout.contains("interrupted"), "{listed:?}");
    let before = simulator.stats().calls_started;
    let next = shell.run(&["ask", "--mode", "express", "Which day follows Monday?"]);
    next.succeeded();
    assert!(next.stderr.contains(&format!("run {run} is finished")), "{next:?}");
    let after = simulator.stats().calls_started - before;
    assert!(after < 8, "the finished calls were not made again: {after}");
    let watched = shell.run(&["watch", &run]);
    watched.succeeded();
    assert!(watched.stdout.contains("decided: blake3:"), "{watched:?}");
    assert!(watched.stderr.contains("--why") && watched.stderr.contains("dissenting"), "{watched:?}");
    shell.run(&["replay", &run]).succeeded();
    shell.run(&["resume", &run]).failed(2, "has ended");
    shell.run(&["verify"]).succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_used_costs_no_answer() {
    let simulator = simulator(Duration::ZERO).await;
    let shell = Shell::new(both_vendors(&simulator));
    let ask = |more: &[&str]| {
        shell.run(&[&["ask", "--mode", "express", "Which day follows Monday?"], more].concat())
    };
    let path = file(&shell);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, b"this is no database but long enough to be taken for the beginning of one, at least a hundred bytes of it are here").unwrap();
    let damaged = ask(&[]);
    damaged.succeeded();
    assert!(damaged.stderr.contains("is damaged") && damaged.stderr.contains("not recorded"), "{damaged:?}");
    shell.run(&["history", "list"]).failed(1, "is damaged");
    shell.run(&["verify"]).failed(1, "move it away");
    fs::remove_file(&path).unwrap();
    ask(&[]).succeeded();
    assert_eq!(shell.run(&["history", "list"]).stdout.lines().count(), 1);
    // A directory stands where the file should.
    let mut environment = both_vendors(&simulator);
    environment.push(("ORCHESTRATOR_HISTORY_PATH".into(), shell.home.path().to_string_lossy().into_owned()));
    let blocked = Shell { home: tempfile::tempdir().unwrap(), environment: environment.clone() };
    let said = blocked.run(&["ask", "--mode", "express", "Which day follows Monday?"]);
    said.succeeded();
    assert!(
        said.stderr.contains("cannot be used as the history") && said.stderr.contains("history.path"),
        "{said:?}"
    );
    environment.push(("ORCHESTRATOR_HISTORY_REQUIRED".into(), "true".into()));
    let strict = Shell { home: tempfile::tempdir().unwrap(), environment };
    strict
        .run(&["ask", "--mode", "express", "Which day follows Monday?"])
        .failed(1, "cannot be used as the history");
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_are_kept_as_far_as_the_settings_say() {
    let simulator = simulator(Duration::ZERO).await;
    for (content, shown) in [("hash", "blake3:"), ("off", "")] {
        let mut environment = both_vendors(&simulator);
        environment.push(("ORCHESTRATOR_HISTORY_CONTENT".into(), content.into()));
        let shell = Shell::new(environment);
        council(&shell);
        let row = &shell.run(&["history", "list", "--json"]).json()["runs"][0];
        assert!(row["question"].as_str().unwrap().starts_with(shown), "{row}");
        shell.run(&["show"]).failed(1, "history.content");
        assert!(shell.run(&["show", "--json"]).stdout.contains("decision_hash"));
        shell.run(&["replay"]).failed(1, "not kept");
        shell.run(&["replay", "--all"]).failed(1, "nothing to decide again");
        shell.run(&["verify"]).succeeded();
        assert_eq!(shell.run(&["stats", "--json"]).json()["total"]["runs"], 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_found_or_read_is_said() {
    let simulator = simulator(Duration::ZERO).await;
    let shell = Shell::new(both_vendors(&simulator));
    shell.run(&["show"]).failed(2, "no run is kept yet");
    shell.run(&["show", "nobody"]).failed(2, "there is no run `nobody`");
    shell.run(&["watch"]).failed(2, "nothing is running");
    shell.run(&["history", "list", "--since", "soon"]).failed(2, "no time");
    shell.run(&["history", "search", "?!"]).failed(2, "no word");
    shell.run(&["history", "list", "--status", "complete"]).failed(2, "express_fallback");
    shell.run(&["verify", "--expect", "0000"]).failed(2, "no hash");
    shell.run(&["verify", "--file", "/no/such/file"]).failed(2, "/no/such/file");
    let text = shell.write("text", "no bundle");
    shell.run(&["verify", "--file", &text]).failed(2, "no exported history");
    assert!(shell.run(&["resume"]).stderr.contains("no run was interrupted"));
    let mut environment = both_vendors(&simulator);
    environment.push(("ORCHESTRATOR_HISTORY_ENABLED".into(), "false".into()));
    let off = Shell::new(environment);
    council(&off);
    off.run(&["history", "list"]).failed(3, "history.enabled");
    assert!(!file(&off).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_taken_over_and_never_begun_is_given_back() {
    let simulator = simulator(Duration::from_secs(20)).await;
    let store = Arc::new(MemoryStore::default());
    let settings = Layers::new(Environment::from_iter(both_vendors(&simulator))).file(ConfigFile::None);
    let orchestrator = AsyncOrchestrator::builder()
        .settings(settings.load().unwrap())
        .journal(Arc::<MemoryStore>::clone(&store))
        .history(Arc::<MemoryStore>::clone(&store))
        .build()
        .unwrap();
    let mut run = orchestrator.stream_request(TriageRequest::new(DESIGN).mode(ModeChoice::Council));
    while let Some(event) = run.next().await {
        if matches!(event.kind, EventKind::AttemptStarted { .. }) {
            break;
        }
    }
    drop(run);
    let left = || async { orchestrator.unfinished().await.unwrap().pop().unwrap() };
    let run = left().await.run;
    for _ in 0..2 {
        assert_eq!(left().await.state, Unended::Left);
        drop(orchestrator.resume(&run).await.unwrap());
    }
    assert_eq!(left().await.state, Unended::Left, "nobody in this process goes on with it");
}
