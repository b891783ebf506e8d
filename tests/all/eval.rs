//! Evaluation through the command: recorded texts replayed over the wire, questions put to live models, and a council that stops at the vote.

use std::{fmt::Write as _, time::Duration};

use async_orchestrator_simulator::{Persona, Question, Simulator, SimulatorHandle};
use serde_json::{Value, json};

use crate::support::{Shell, assert_valid_record, both_vendors, simulator};

const MODELS: [&str; 3] = ["gpt-small", "claude-small", "gemini-small"];

/// Answers of three models to sums: the first is right unless 7 divides the number, the others unless 3 and unless 2 do. Texts are of four forms.
fn recorded(shell: &Shell, count: usize) {
    std::fs::create_dir_all(shell.home.path().join("data")).unwrap_or_default();
    let (mut questions, mut answers, mut votes) = (String::new(), String::new(), String::new());
    for n in 1..=count {
        let right = n + 100;
        let given = [7, 3, 2].map(|divisor| if n % divisor == 0 { right + divisor } else { right });
        let question =
            format!("A shop has {n} apples and buys 100 more. How many apples has shop number {n} then?");
        let text = |at: usize, answer: usize| match (n + at) % 4 {
            0 => format!("{{\"reasoning\": \"it is {n} + 100\", \"answer\": \"{answer}\"}}"),
            1 => format!(
                "```json\n{{\n  \"reasoning\": \"one\ntwo \\(x\\)\",\n  \"answer\": \"{answer}\"\n}}\n```"
            ),
            2 => format!("Let us see.\n\nThe answer is **{answer}**."),
            _ => format!("So \\boxed{{{answer}}}."),
        };
        let texts: serde_json::Map<String, Value> = MODELS
            .iter()
            .enumerate()
            .map(|(at, model)| ((*model).to_owned(), json!(text(at, given[at]))))
            .collect();
        let given: serde_json::Map<String, Value> = MODELS
            .iter()
            .zip(given)
            .map(|(model, answer)| ((*model).to_owned(), json!(answer.to_string())))
            .collect();
        let mut line = json!({"task": "sums", "qid": n.to_string()});
        let _ =
            writeln!(questions, "{}", json!({"task": "sums", "qid": n.to_string(), "question": question}));
        let _ = writeln!(
            votes,
            "{}",
            json!({"task": "sums", "qid": n.to_string(), "answer": right.to_string(), "votes": given})
        );
        if let Some(line) = line.as_object_mut() {
            line.extend(texts);
        }
        let _ = writeln!(answers, "{line}");
    }
    shell.write("data/sums_questions.jsonl", &questions);
    shell.write("data/sums_answers.jsonl", &answers);
    shell.write("data/sums_votes.jsonl", &votes);
}

fn replay(shell: &Shell, rest: &[&str]) -> Value {
    let members = MODELS.join(",");
    let mut arguments =
        vec!["eval", "replay", "--data", "data", "--set", "sums", "--members", &members, "--json"];
    arguments.extend(rest);
    shell.run(&arguments).json()
}

#[test]
fn recorded_texts_are_decided_over_the_wire_as_the_vote_over_their_answers() {
    let shell = Shell::new(Vec::new());
    recorded(&shell, 120);
    for rule in ["joint_weights", "plurality"] {
        let report = replay(&shell, &["--questions", "40", "--rule", rule]);
        assert_eq!((&report["questions"], &report["same"]), (&json!(40), &json!(40)), "{report:#}");
        assert_eq!(report["repairs"], 0);
        // One call a text, and hedges where this machine was slow: at most a twentieth.
        assert!((120..=126).contains(&report["calls"].as_u64().unwrap_or_default()), "{report:#}");
        assert_eq!(report["read_alike"], json!({"questions": 40, "same": 40}));
        assert_eq!(report["accuracy"], report["recorded"]);
    }
}

#[test]
fn texts_that_cannot_be_read_are_counted_and_shown() {
    let shell = Shell::new(Vec::new());
    recorded(&shell, 30);
    let path = shell.home.path().join("data/sums_answers.jsonl");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let first = text.lines().next().unwrap_or_default();
    let mut line: Value = serde_json::from_str(first).unwrap_or_default();
    line["claude-small"] = json!("{\"reasoning\": \"it goes on and on");
    line["gemini-small"] = json!("It depends.");
    let damaged = text.replacen(first, &format!("{line}\nno JSON"), 1);
    assert!(std::fs::write(&path, damaged).is_ok());
    let report = replay(&shell, &["--questions", "30", "--rule", "plurality"]);
    assert_eq!(report["readings"]["claude-small"]["unread"], json!(1), "{report:#}");
    assert_eq!(report["readings"]["gemini-small"]["unread"], json!(1));
    assert_eq!(report["readings"]["gpt-small"]["alike"], json!(30));
    assert_eq!((&report["calls"], &report["repairs"]), (&json!(90), &json!(0)), "nobody was asked once more");
    assert!(
        report["dropped"].to_string().contains("1 dropped: answers that are no JSON object"),
        "{report:#}"
    );
}

#[test]
fn what_cannot_be_replayed_is_said() {
    let shell = Shell::new(Vec::new());
    shell.run(&["eval", "replay"]).failed(2, "ORCHESTRATOR_EVAL_DATA");
    shell.run(&["eval", "replay", "--data", "nowhere"]).failed(1, "nowhere");
    recorded(&shell, 5);
    let with = |rest: &[&str]| shell.run(&[&["eval", "replay", "--data", "data"], rest].concat());
    with(&[]).failed(1, "zeroeval_votes");
    with(&["--set", "sums"]).failed(1, "no votes of one of");
}

#[expect(clippy::expect_used, reason = "a test that cannot be set up must stop")]
async fn uneven() -> SimulatorHandle {
    let ask = |n: u32| {
        Question::new(format!("{n} boxes of 7 apples"), (7 * n).to_string()).with_wrong([(8 * n).to_string()])
    };
    let simulator = (1..=6).fold(Simulator::builder().seed(7), |simulator, n| simulator.question(ask(n)));
    let wrong = Persona::new().accuracy(0.0).agree_when_wrong(1.0);
    simulator
        .model("good", Persona::new().accuracy(1.0))
        .model("bad", wrong)
        .start()
        .await
        .expect("a simulator")
}

fn questions(shell: &Shell) -> String {
    let mut text = String::new();
    for n in 1..=6 {
        let question = format!("A shop sells {n} boxes of 7 apples. How many apples are that?");
        let _ = writeln!(text, "{}", json!({"question": question, "answer": (7 * n).to_string()}));
    }
    shell.write("questions.jsonl", &format!("{text}not a question\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn live_models_are_compared_alone_sampled_and_in_council() {
    let simulator = uneven().await;
    let shell = Shell::new(both_vendors(&simulator));
    let file = questions(&shell);
    shell.write(
        "config.toml",
        "[roles.proposer]\nseat = [{ models = [\"openai:good\"] }, { models = [\"openai:bad\"] }, { models = [\"openai:good\"] }]\n\
         [roles.critic]\nmodels = [\"openai:good\"]\n",
    );
    let report = shell.run(&["--config", "config.toml", "eval", "live", &file, "--json"]).json();
    assert_eq!(report["best_single"], json!("openai:good"), "{report:#}");
    let names: Vec<&str> = report["contestants"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| one["name"].as_str())
        .collect();
    assert_eq!(names.len(), 4);
    assert_eq!((names[0], names[1], names[3]), ("alone openai:good", "alone openai:bad", "council"));
    assert!(names[2].ends_with("samples of openai:good"), "{names:?}");
    let accuracy = |at: usize| report["contestants"][at]["accuracy"]["mean"].as_f64();
    assert_eq!([accuracy(0), accuracy(1), accuracy(2)], [Some(100.0), Some(0.0), Some(100.0)]);
    assert_eq!(accuracy(3), Some(100.0), "two good proposers outvote the bad one");
    assert_eq!(report["contestants"][0]["calls"]["mean"], json!(1.0));
    assert_eq!(report["dropped"], json!(["1 lines dropped: no JSON object with a question and an answer"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_live_would_cost_is_said_before_anything_is_called() {
    let simulator = simulator(Duration::ZERO).await;
    let shell = Shell::new(both_vendors(&simulator));
    let file = questions(&shell);
    let plan = shell.run(&["eval", "live", &file, "--dry-run", "--limit", "2", "--json"]).json();
    assert_eq!(plan["questions"], json!(2));
    assert!(plan["calls"].as_u64() > Some(10) && plan["cost"].is_u64(), "{plan:#}");
    assert_eq!(simulator.stats().calls_started, 0, "nothing was called");
    shell.run(&["eval", "live", "nowhere.jsonl"]).failed(1, "nowhere.jsonl");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_council_can_stop_at_the_vote() {
    let simulator = simulator(Duration::ZERO).await;
    let shell = Shell::new(both_vendors(&simulator));
    let ask = |rest: &[&str]| {
        let mut arguments = vec!["ask", "--mode", "council", "--json", "How many legs do 12 spiders have?"];
        arguments.extend(rest);
        shell.run(&arguments)
    };
    let record = ask(&["--stages", "propose,tally"]).json();
    assert_valid_record(&record);
    assert_eq!((&record["stages"], &record["cost"]["calls"]), (&json!(["propose", "tally"]), &json!(2)));
    assert_eq!(record["answer"]["source"], json!("winner_verbatim"));
    let plan = ask(&["--stages", "propose,tally,validate", "--dry-run"]).json();
    assert_eq!(plan["calls"].as_array().map(Vec::len), Some(3));
    ask(&["--stages", "review"]).failed(2, "always proposes and tallies");
    ask(&["--stages", "propose,tally,vote"]).failed(2, "unknown stage `vote`");
    shell.write(
        "stages.toml",
        "[council]\nstages = [\"propose\", \"tally\"]\ndepth = \"full\"\nstop_at = 0.95\n",
    );
    let record = shell
        .run(&[
            "--config",
            "stages.toml",
            "ask",
            "--mode",
            "council",
            "--json",
            "How many legs do 12 spiders have?",
        ])
        .json();
    assert_eq!(record["cost"]["calls"], json!(2));
    let forms = ask(&["--stages", "propose,tally", "--answer", "literal"]).json();
    assert_eq!(forms["triage"]["answer_kind"], json!("literal"));
    ask(&["--answer", "poem"]).failed(2, "unknown form of an answer `poem`");
}
