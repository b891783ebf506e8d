//! What the command learns of models, and what it makes of their votes.

use std::{fmt::Write as _, time::Duration};

use async_orchestrator_simulator::{Persona, Question, Simulator, SimulatorHandle};
use serde_json::Value;

use crate::support::{Ran, Shell, assert_valid_record, both_vendors, simulator};

const QUESTION: &str = "A shop sells 6 boxes of 7 apples. How many apples are that?";
const MAP: &str = "strong=openai:good,weak=openai:bad,weaker=anthropic:worse";

/// One model that knows the answer, and two that fall for the same wrong one.
#[expect(clippy::expect_used, reason = "a test that cannot be set up must stop")]
async fn good_and_bad() -> SimulatorHandle {
    let wrong = || Persona::new().accuracy(0.0).agree_when_wrong(1.0);
    let question = Question::new("6 boxes of 7 apples", "42").with_wrong(["48"]);
    let simulator = Simulator::builder().seed(7).question(question);
    simulator.model("bad", wrong()).model("worse", wrong()).start().await.expect("a simulator")
}

/// Answers of three models: `strong` is right nine times in ten, the others three times in ten and always together.
fn answers(count: usize) -> String {
    let mut text = String::from("question_id,category,answer,strong,weak,weaker\n");
    for n in 0..count {
        let (right, other) = if n % 20 < 10 { ("A", "B") } else { ("B", "A") };
        let strong = if n % 10 == 7 { other } else { right };
        let weak = if n % 10 < 3 { right } else { other };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "q{n},letters,{right},{strong},{weak},{weak}");
    }
    text
}

#[expect(clippy::expect_used, reason = "a test that cannot be set up must stop")]
fn learned(shell: &Shell, count: usize) -> Ran {
    std::fs::create_dir_all(shell.home.path().join("answers")).expect("a directory");
    shell.write("answers/letters_votes.csv", &answers(count));
    shell.run(&["trust", "learn", "answers", "--map", MAP, "--json"])
}

fn ask(shell: &Shell, proposers: [&str; 3]) -> Value {
    let seats = proposers.map(|model| format!("proposer={model}"));
    let mut arguments = vec!["ask", "--mode", "council", "--depth", "full", "--json", "--seed", "1"];
    arguments.extend(seats.iter().flat_map(|seat| ["--role", seat]));
    // Critics that fall for the wrong answer too: plurality counts their first places.
    arguments.extend(["--role", "critic=openai:bad", "--role", "critic=anthropic:worse"]);
    let record = shell.run(&[&arguments[..], &[QUESTION]].concat()).json();
    assert_valid_record(&record);
    assert_eq!(record["triage"]["answer_type"], "closed");
    record
}

const KNOWN: [&str; 3] = ["openai:good", "openai:bad", "anthropic:worse"];

#[tokio::test(flavor = "multi_thread")]
async fn learned_trust_decides_a_closed_question_and_feedback_moves_it() {
    let simulator = good_and_bad().await;
    let shell = Shell::new(both_vendors(&simulator));
    let plain = ask(&shell, KNOWN);
    assert_eq!(
        (&plain["tally"]["rule"], &plain["answer"]["answer_key"]),
        (&"plurality".into(), &"48".into())
    );
    assert!(shell.run(&["trust", "show"]).stdout.contains("No model is known yet"));

    let document = learned(&shell, 320).json();
    assert_eq!((&document["questions"], &document["calibrated"]), (&320.into(), &true.into()));
    let before = shell.run(&["trust", "show", "--json"]).json();
    assert_eq!(before["members"][2]["member"], "openai:good");
    assert_eq!(
        (&before["members"][2]["answered"], &before["members"][2]["right"]),
        (&320.0.into(), &288.0.into())
    );
    assert_eq!(before["calibration_id"], document["calibration_id"]);

    let trusted = ask(&shell, KNOWN);
    assert_eq!(
        (&trusted["tally"]["rule"], &trusted["answer"]["answer_key"]),
        (&"joint_weights".into(), &"42".into())
    );
    let confidence = &trusted["confidence"];
    assert_eq!(
        (&confidence["calibrated"], &confidence["basis"]),
        (&true.into(), &"calibrated_posterior".into())
    );
    assert_eq!(confidence["calibration_id"], document["calibration_id"]);
    assert!((0.5..1.0).contains(&confidence["p_correct"].as_f64().unwrap()), "{confidence}");

    let path = shell.write("record.json", &trusted.to_string());
    let counted = shell.run(&["feedback", "right", &path, "--json"]).json();
    let verdicts: Vec<&Value> =
        counted["judged"].as_array().unwrap().iter().map(|one| &one["right"]).collect();
    assert_eq!(verdicts, [true, false, false]);
    assert!(!counted["reviewed"].as_array().unwrap().is_empty(), "whoever reviewed: {counted}");
    shell.run(&["feedback", "right", &path]).failed(2, "--again");
    let after = shell.run(&["trust", "show", "--json"]).json();
    assert_eq!(after["counted_runs"], 1);
    let good =
        after["members"].as_array().unwrap().iter().find(|one| one["member"] == "openai:good").unwrap();
    let right = good["right"].as_f64().unwrap();
    assert!((288.0..289.0).contains(&right) && right > 288.8, "one more, the old ones decayed: {right}");
    assert_ne!(after["calibration_id"], before["calibration_id"], "another table has another name");
    shell.run(&["feedback", "right", &path, "--again"]).succeeded();
    let shown = shell.run(&["trust", "show"]);
    shown.succeeded();
    assert!(shown.stdout.contains("openai:good") && shown.stdout.contains("as critic approved"), "{shown:?}");
    // What feedback told is not lost by learning anew.
    learned(&shell, 320).failed(2, "--replace");
    shell.run(&["trust", "learn", "answers", "--map", MAP, "--replace"]).succeeded();
    assert_eq!(shell.run(&["trust", "show", "--json"]).json(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn models_that_the_table_does_not_know_have_one_vote_each() {
    let simulator = good_and_bad().await;
    let shell = Shell::new(both_vendors(&simulator));
    learned(&shell, 320).succeeded();
    let record = ask(&shell, ["openai:new", "anthropic:newer", "openai:newest"]);
    assert_eq!(record["confidence"]["p_correct"], Value::Null);
    assert_eq!(record["tally"]["rule"], "single", "they all know the answer");
    shell.run(&["trust", "forget", "openai:good"]).succeeded();
    let one_known = ask(&shell, KNOWN);
    assert_eq!(one_known["tally"]["rule"], "joint_weights", "two of three are known");
    for member in ["openai:bad", "anthropic:worse"] {
        shell.run(&["trust", "forget", member]).succeeded();
    }
    assert_eq!(ask(&shell, KNOWN)["tally"]["rule"], "plurality");
    shell.run(&["trust", "forget", "openai:bad"]).failed(2, "is not known");

    let mut environment = both_vendors(&simulator);
    environment.push(("ORCHESTRATOR_TRUST_USE".to_owned(), "false".to_owned()));
    let shell = Shell { home: shell.home, environment };
    learned(&shell, 320).succeeded();
    assert_eq!(ask(&shell, KNOWN)["tally"]["rule"], "plurality", "trust.use is false");
    assert!(shell.run(&["trust", "show"]).stdout.contains("trust.use is false"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_table_is_named_and_never_passed_over() {
    let simulator = simulator(Duration::ZERO).await;
    let mut environment = both_vendors(&simulator);
    environment.push(("ORCHESTRATOR_TRUST_FILE".to_owned(), "mine/trust.json".to_owned()));
    let shell = Shell::new(environment);
    learned(&shell, 20).succeeded();
    let path = shell.home.path().join("mine/trust.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let cut = &text[..text.len() / 2];
    for (wrong, said) in [(cut, "damaged"), (r#"{"schema": "ao/trust/7", "members": {}}"#, "ao/trust/7")] {
        std::fs::write(&path, wrong).unwrap();
        for command in [&["ask", "--mode", "express", "2 + 2?"][..], &["trust", "show"], &["config", "check"]]
        {
            let ran = shell.run(command);
            ran.failed(3, said);
            assert!(ran.stderr.contains("mine/trust.json") && ran.stderr.contains("move it away"), "{ran:?}");
        }
        shell.run(&["trust", "learn", "answers"]).failed(3, said);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), wrong, "it stays as it is");
    }
    assert_eq!(simulator.stats().calls_started, 0);
    shell.run(&["trust", "forget"]).succeeded();
    assert!(!path.exists());
    learned(&shell, 20).succeeded();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "the same answers give the same table");
}

#[test]
fn a_table_can_be_carried_elsewhere() {
    let shell = Shell::new(Vec::new());
    shell.run(&["trust", "export", "-"]).failed(2, "there is no table yet");
    learned(&shell, 40).succeeded();
    let shown = shell.run(&["trust", "show", "--json"]).json();
    shell.run(&["trust", "export", "table.json"]).succeeded();
    assert!(!shell.home.path().join("table.json.lock").exists(), "nothing else is left there");
    let printed = shell.run(&["trust", "export", "-"]).json();
    let file = std::fs::read_to_string(shell.home.path().join("table.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&file).unwrap(), printed);
    shell.run(&["trust", "forget"]).succeeded();
    shell.run(&["trust", "import", "table.json"]).succeeded();
    let mut imported = shell.run(&["trust", "show", "--json"]).json();
    assert_eq!(imported["origins"][0]["table_hash"], printed["origins"][0]["table_hash"]);
    assert!(imported["origins"][0]["imported_ms"].as_u64().is_some(), "{imported}");
    let told = shell.run(&["trust", "show"]);
    assert!(told.stdout.contains("learned at a place of which nothing is known, imported 20"), "{told:?}");
    imported["origins"] = shown["origins"].clone();
    assert_eq!(imported, shown);
    shell.write("changed.json", &file.replacen("\"answered\": ", "\"answered\": 1", 1));
    shell.run(&["trust", "import", "changed.json", "--replace"]).failed(2, "changed after it was exported");
    let shown = shell.run(&["trust", "show", "--json"]).json();
    shell.write("other.json", "{\"a\": 1}");
    shell.run(&["trust", "import", "other.json"]).failed(2, "other.json: is no table of trust");
    shell.run(&["trust", "import", "missing.json"]).failed(2, "no such file");
    assert_eq!(shell.run(&["trust", "show", "--json"]).json(), shown);
}

#[test]
fn what_cannot_be_learned_is_said_and_changes_nothing() {
    let shell = Shell::new(Vec::new());
    shell.write(
        "x_votes.jsonl",
        "{\"qid\": \"1\", \"task\": \"t\", \"answer\": \"7\", \"votes\": {\"m\": \"7\", \"n\": null}}\n",
    );
    shell.write("plain.csv", "a,b\n");
    shell.write("bad_votes.csv", "a,b\n1,2\n");
    for (arguments, said) in [
        (&["plain.csv"][..], "NAME_votes.csv"),
        (&["bad_votes.csv"], "question_id,category,answer"),
        (&["missing_votes.csv"], "missing_votes.csv"),
        (&["x_votes.jsonl", "--members", "mm"], "no file knows a model `mm`"),
        (&["x_votes.jsonl", "--members", "n"], "none of these models answered"),
        (&["x_votes.jsonl", "--map", "m=openai"], "PROVIDER:MODEL"),
        (&["x_votes.jsonl", "--map", "m=a:b,n=a:b"], "two models of x"),
    ] {
        shell.run(&[&["trust", "learn"][..], arguments].concat()).failed(2, said);
    }
    let shown = shell.run(&["trust", "show", "--json"]).json();
    assert_eq!((&shown["present"], &shown["members"]), (&false.into(), &Value::Array(Vec::new())));
    let unnamed = shell.run(&["trust", "learn", "x_votes.jsonl"]);
    unnamed.succeeded();
    assert!(unnamed.stderr.contains("--map m=openai:MODEL"), "{unnamed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn feedback_reads_a_record_wherever_it_is_and_refuses_what_is_none() {
    let simulator = good_and_bad().await;
    let shell = Shell::new(both_vendors(&simulator));
    let record = ask(&shell, KNOWN).to_string();
    let counted = shell
        .run_with(&["feedback", "wrong", "-", "--answer", "42 apples", "--json"], record.as_bytes())
        .json();
    let verdicts: Vec<&Value> =
        counted["judged"].as_array().unwrap().iter().map(|one| &one["right"]).collect();
    assert_eq!(
        (verdicts, &counted["winner_right"]),
        (vec![&true.into(), &false.into(), &false.into()], &false.into())
    );
    let line = format!("{{\"event\": \"result\", \"record\": {record}}}");
    shell.run_with(&["feedback", "wrong", "-"], line.as_bytes()).failed(2, "counted already");
    for (arguments, said) in [
        (&["right", "-", "--answer", "42", "--again"][..], "its answer is not the one"),
        (&["wrong", "-", "--answer", "48", "--again"], "its answer is just the one"),
        (&["wrong", "-", "--answer", "nobody can say", "--again"], "cannot be read"),
    ] {
        shell.run_with(&[&["feedback"][..], arguments].concat(), record.as_bytes()).failed(2, said);
    }
    let express = shell.run(&["ask", "--mode", "express", "--json", "2 + 2?"]).stdout;
    let counted = shell.run_with(&["feedback", "right", "-", "--json"], express.as_bytes()).json();
    assert_eq!(counted["judged"].as_array().map(Vec::len), Some(1), "{counted:#}");
    shell
        .run_with(&["feedback", "checked", "-", "--again"], express.as_bytes())
        .failed(2, "no executable check");
    for text in ["", "[]", "{\"schema\": \"ao/decision/1\"}", "no JSON"] {
        shell.run_with(&["feedback", "right", "-"], text.as_bytes()).failed(2, "no decision record");
    }
    shell.run(&["feedback", "right", "missing.json"]).failed(2, "missing.json");
    assert_eq!(shell.run(&["trust", "show", "--json"]).json()["counted_runs"], 2);
}
