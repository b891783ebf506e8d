//! Settings from files, and what wrong ones are told.

use std::path::Path;

use serde_json::json;

use super::client::{Client, OPENAI, body, text_of};
use crate::{Fault, FaultRule, Persona, Question, Simulator, SimulatorBuilder, SimulatorError, run};

const TOML: &str = r#"
seed = 7
other_models = "refuse"
replay = "answers.jsonl"
schema_rules = "any"

[models.careful]
accuracy = 0.9
latency = { first_token = { uniform_ms = [1, 2] }, tokens_per_second = 100000 }
refuses = ["temperature"]

[[models.careful.replies]]
user_contains = "France"
text = "Paris."

[[models.careful.faults]]
fault = { status = { code = 429, headers = { retry-after = "2" } } }
first_calls = 1

[[faults]]
fault = { stall_mid_body = { after_events = 3 } }
on_calls = [99]

[[questions]]
question = "What is 6 times 7?"
answer = "42"
"#;

#[tokio::test]
async fn a_file_says_all_that_the_builder_says() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("simulator.toml");
    std::fs::write(&path, TOML).unwrap();
    std::fs::write(
        directory.path().join("answers.jsonl"),
        r#"{"model":"recorded","key":"x","text":"as recorded"}"#,
    )
    .unwrap();
    let simulator = SimulatorBuilder::from_file(&path).unwrap().start().await.unwrap();
    let mut client = Client::connect(&simulator).await;
    let ask = |text: &str, model: &str| body(OPENAI, text, &json!({"model": model}));
    let busy = client.post(OPENAI, &ask("France", "careful")).await.unwrap();
    assert_eq!((busy.status.as_u16(), busy.header("retry-after")), (429, "2"));
    busy.text().await;
    assert_eq!(text_of(&client.ask(OPENAI, &ask("capital of France", "careful")).await), "Paris.");
    assert_eq!(text_of(&client.ask(OPENAI, &ask("x", "recorded")).await), "as recorded");
    assert_eq!(client.post(OPENAI, &ask("x", "other")).await.unwrap().status.as_u16(), 404);
}

#[tokio::test]
async fn json_says_the_same() {
    let text = r#"{"other": {"replies": [{"text": "hi", "finish": "length"}], "usage": "absent"}, "keys": ["sk-secret"]}"#;
    let simulator = SimulatorBuilder::from_json(text, Path::new(".")).unwrap().start().await.unwrap();
    let mut client = Client::connect(&simulator).await;
    let reply = client.ask(OPENAI, &body(OPENAI, "x", &json!({}))).await;
    assert_eq!((text_of(&reply), &reply["choices"][0]["finish_reason"]), ("hi", &json!("length")));
    assert!(reply.get("usage").is_none());
}

#[test]
fn wrong_files_are_told_where_and_why() {
    for (text, says) in [
        ("sed = 7", "unknown field `sed`"),
        ("[models.a]\nacuracy = 1", "line 2"),
        ("[[faults]]\nfault = \"explode\"", "unknown variant `explode`"),
        ("[[faults]]\nfault = \"without_done\"\nevery = 2\nprobability = 0.5", "not several"),
    ] {
        let error = SimulatorBuilder::from_toml(text, Path::new(".")).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    let missing = SimulatorBuilder::from_file(Path::new("missing/simulator.toml")).unwrap_err();
    assert!(matches!(missing, SimulatorError::Read { .. }), "{missing}");
}

#[tokio::test]
async fn every_wrong_setting_is_listed() {
    let builder = Simulator::builder()
        .model("a", Persona::new().accuracy(1.5).tokens_per_delta(0))
        .fault(FaultRule::always(Fault::status(99)).every(0))
        .question(Question::new(" ", "42"));
    let Err(SimulatorError::Invalid { problems }) = builder.start().await else { panic!("it started") };
    let all = problems.join("\n");
    for part in [
        "model \"a\": accuracy",
        "tokens_per_delta",
        "99 is no final HTTP status",
        "0th call",
        "the answer \"42\" is empty",
    ] {
        assert!(all.contains(part), "{part} in\n{all}");
    }
    let simulator = Simulator::builder().start().await.unwrap();
    assert!(simulator.set_persona("m", Persona::new().accuracy(-1.0)).is_err());
    let taken = Simulator::builder().listen(simulator.address()).start().await.unwrap_err();
    assert!(matches!(taken, SimulatorError::Bind { .. }), "{taken}");
}

#[tokio::test]
async fn a_run_ends_with_its_shutdown_and_tells_what_it_saw() {
    let (told, address) = tokio::sync::oneshot::channel();
    let shutdown = async {
        let address = address.await.unwrap();
        tokio::net::TcpStream::connect(address).await.unwrap();
    };
    run(Simulator::builder(), |handle| told.send(handle.address()).unwrap(), shutdown).await.unwrap();
}
