//! What personas say: scripts, knowledge, recorded answers, proposals and ballots.

use serde_json::{Value, json};

use super::client::{ANTHROPIC, Client, OPENAI, body, text_of};
use crate::{Latency, Persona, Question, SchemaRules, ScriptedReply, Simulator, SimulatorBuilder};

fn published(name: &str) -> Value {
    let path = format!("{}/../../docs/schemas/{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The fields that ask for an instance of `schema`.
fn structured(path: &str, schema: &Value) -> Value {
    if path == OPENAI {
        return json!({"response_format": {"type": "json_schema", "json_schema": {"name": "reply", "strict": true, "schema": schema}}});
    }
    json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}})
}

fn instance(reply: &Value, schema: &Value) -> Value {
    let instance = serde_json::from_str(text_of(reply)).unwrap();
    let errors: Vec<_> =
        jsonschema::validator_for(schema).unwrap().iter_errors(&instance).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{instance:#}\n{errors:?}");
    instance
}

const QUESTION: &str = "Design a scalable microservice architecture for customer analytics.";

#[tokio::test]
async fn scripts_answer_by_rule_and_in_order() {
    let persona = Persona::new()
        .reply(ScriptedReply::new("for the critic").when_system_contains("critic"))
        .reply(ScriptedReply::new("Paris").when_user_contains("France"))
        .reply(ScriptedReply::new("first").times(1))
        .reply(ScriptedReply::new("second").times(1));
    let simulator = Simulator::builder().model("m", persona).start().await.unwrap();
    let mut client = Client::connect(&simulator).await;
    let mut say = async |user: &str, system: &str| {
        let messages = json!([{"role": "system", "content": system}, {"role": "user", "content": user}]);
        text_of(&client.ask(OPENAI, &body(OPENAI, "", &json!({"messages": messages}))).await).to_owned()
    };
    assert_eq!(say("hello", "You are a critic.").await, "for the critic");
    assert_eq!(say("hello", "-").await, "first");
    assert_eq!(say("capital of France?", "-").await, "Paris");
    assert_eq!(say("hello", "-").await, "second");
    assert!(say(QUESTION, "-").await.contains("microservice"));
    simulator.reset();
    let mut client = Client::connect(&simulator).await;
    assert_eq!(text_of(&client.ask(OPENAI, &body(OPENAI, "hello", &json!({}))).await), "first");
}

#[tokio::test]
async fn accuracy_is_met_and_repeats_by_seed_model_question_and_sample() {
    let answers = async |seed: u64, model: &str| {
        let mut builder = Simulator::builder().seed(seed).other_models(Persona::new().accuracy(0.7));
        for n in 0..120 {
            builder = builder
                .question(Question::new(format!("Question number {n}?"), "A").with_wrong(["B", "C", "D"]));
        }
        let simulator = builder.start().await.unwrap();
        let mut client = Client::connect(&simulator).await;
        let mut given = String::new();
        for n in 0..120 {
            let ask =
                body(OPENAI, &format!("Please: question  NUMBER {n}? Thanks."), &json!({"model": model}));
            let reply = client.ask(OPENAI, &ask).await;
            given.push_str(text_of(&reply).rsplit("The answer is ").next().unwrap().trim_end_matches('.'));
        }
        given
    };
    let first = answers(1, "x").await;
    let right = first.matches('A').count();
    assert!((70..=98).contains(&right), "{right} of 120: {first}");
    assert_eq!(answers(1, "x").await, first);
    assert_ne!(answers(2, "x").await, first);
    assert_ne!(answers(1, "y").await, first);
}

#[tokio::test]
async fn a_sample_is_the_count_of_the_prompt_or_the_seed_of_the_request() {
    let simulator = Simulator::builder().start().await.unwrap();
    let mut client = Client::connect(&simulator).await;
    let mut say = async |text: &str, more: Value| {
        text_of(&client.ask(OPENAI, &body(OPENAI, text, &more)).await).to_owned()
    };
    let (first, second) = (say(QUESTION, json!({})).await, say(QUESTION, json!({})).await);
    assert_ne!(first, second);
    // Another prompt in between changes nothing.
    simulator.reset();
    assert_eq!(say(QUESTION, json!({})).await, first);
    say("Something else entirely.", json!({})).await;
    assert_eq!(say(QUESTION, json!({})).await, second);
    assert_eq!(say(QUESTION, json!({"seed": 0})).await, first);
}

#[tokio::test]
async fn proposals_are_valid_and_about_the_question() {
    let schema = published("proposal");
    let builder = Simulator::builder().question(Question::new("What is 6 times 7?", "42"));
    let simulator = builder.schema_rules(SchemaRules::Any).start().await.unwrap();
    let mut client = Client::connect(&simulator).await;
    for path in [OPENAI, ANTHROPIC] {
        let open = client.ask(path, &body(path, QUESTION, &structured(path, &schema))).await;
        let open = instance(&open, &schema);
        assert_eq!((&open["answer_key"], &open["abstain"]), (&Value::Null, &json!(false)));
        assert!(open["answer"].as_str().unwrap().contains("microservice"), "{open:#}");
        assert!(open["claims"].as_array().unwrap().len() >= 2);
        let closed = client.ask(path, &body(path, "What is 6 times 7?", &structured(path, &schema))).await;
        assert_eq!(instance(&closed, &schema)["answer_key"], "42");
    }
}

/// A prompt that shows two candidates.
fn review(first: &str, second: &str) -> String {
    format!(
        "Grade the candidates. What is 6 times 7?\n<candidate label=\"A\">\n{first}\n</candidate>\n<candidate label=\"B\">\n{second}\n</candidate>\n"
    )
}

#[tokio::test]
async fn ballots_cover_the_labels_and_agree_with_their_own_grades() {
    let schema = published("ballot");
    let simulator = Simulator::builder().schema_rules(SchemaRules::Any).start().await.unwrap();
    let mut client = Client::connect(&simulator).await;
    let (first, second) = (
        "Split the event log by customer and rebuild all views from it.",
        "Write every event to one shared table and hope for the best.",
    );
    let mut defects = 0;
    for sample in 0..30 {
        let mut more = structured(OPENAI, &schema);
        more["model"] = json!(format!("critic-{sample}"));
        let reply = client.ask(OPENAI, &body(OPENAI, &review(first, second), &more)).await;
        let ballot = instance(&reply, &schema);
        let labels: Vec<_> = ballot["reviews"]
            .as_array()
            .unwrap()
            .iter()
            .map(|review| review["label"].as_str().unwrap())
            .collect();
        assert_eq!(labels, ["A", "B"]);
        let mean = |index: usize| {
            let scores = ballot["reviews"][index]["scores"].as_object().unwrap();
            scores.values().map(|score| score.as_f64().unwrap()).sum::<f64>()
        };
        let best = if mean(0) >= mean(1) { "A" } else { "B" };
        assert_eq!(ballot["best"], best, "{ballot:#}");
        for (index, text) in [first, second].iter().enumerate() {
            for defect in ballot["reviews"][index]["defects"].as_array().unwrap() {
                defects += 1;
                assert!(text.contains(defect["quote"].as_str().unwrap()), "{defect}");
            }
        }
    }
    assert!(defects > 0, "no ballot named a defect");
}

#[tokio::test]
async fn the_schemas_own_labels_count_and_nothing_shown_is_an_abstention() {
    let mut schema = published("ballot");
    let simulator = Simulator::builder().schema_rules(SchemaRules::Any).start().await.unwrap();
    let mut client = Client::connect(&simulator).await;
    let mut ballot = async |schema: &Value, prompt: &str| {
        instance(
            &client.ask(ANTHROPIC, &body(ANTHROPIC, prompt, &structured(ANTHROPIC, schema))).await,
            schema,
        )
    };
    let none = ballot(&schema, "Nothing is shown.").await;
    assert_eq!(
        (&none["abstain"], &none["reviews"], &none["abstain_reason"]),
        (&json!(true), &json!([]), &json!("insufficient_context"))
    );
    let places: Vec<Value> = ["C", "A"]
        .iter()
        .map(|label| {
            let mut item = schema["properties"]["reviews"]["items"].clone();
            item["properties"]["label"] = json!({"const": label});
            item
        })
        .collect();
    schema["properties"]["reviews"] =
        json!({"type": "array", "prefixItems": places, "items": false, "minItems": 2, "maxItems": 2});
    let given = ballot(&schema, "Candidates in a form that nobody knows.").await;
    assert_eq!([&given["reviews"][0]["label"], &given["reviews"][1]["label"]], ["C", "A"]);
}

#[tokio::test]
async fn critics_of_some_accuracy_find_the_right_candidate_about_as_often() {
    let schema = published("ballot");
    let builder = Simulator::builder().schema_rules(SchemaRules::Any);
    let simulator = builder
        .question(Question::new("What is 6 times 7?", "42"))
        .other_models(Persona::new().accuracy(0.85))
        .start()
        .await
        .unwrap();
    let mut client = Client::connect(&simulator).await;
    let mut right = 0;
    for sample in 0..60 {
        let mut more = structured(OPENAI, &schema);
        more["seed"] = json!(sample);
        let reply =
            client.ask(OPENAI, &body(OPENAI, &review("The answer is 41.", "The answer is 42."), &more)).await;
        right += usize::from(instance(&reply, &schema)["best"] == "B");
    }
    assert!((42..60).contains(&right), "{right} of 60");
}

#[tokio::test]
async fn later_roles_keep_what_was_decided() {
    let builder = Simulator::builder().schema_rules(SchemaRules::Any);
    let simulator = builder.question(Question::new("What is 6 times 7?", "42")).start().await.unwrap();
    let mut client = Client::connect(&simulator).await;
    let block = |name: &str, text: &str| format!("<data-qz name=\"{name}\">\n{text}\n</data-qz>\n\n");
    let prompt = block("question", QUESTION)
        + &block("winner", "Use one log.")
        + &block("approved_points", "\"Name an owner.\"");
    let synthesis = published("synthesis");
    let reply = instance(
        &client.ask(OPENAI, &body(OPENAI, &prompt, &structured(OPENAI, &synthesis))).await,
        &synthesis,
    );
    assert_eq!(
        reply,
        json!({"answer": "Use one log.\n- Name an owner.", "adopted": ["Name an owner."], "rejected": []})
    );
    let delivered = block("question", QUESTION) + &block("draft", "Use one log.");
    assert_eq!(text_of(&client.ask(OPENAI, &body(OPENAI, &delivered, &json!({}))).await), "Use one log.");
    let validation = published("validation");
    for (draft, verdict) in [("It is 42.", "pass"), ("It is 41.", "fail")] {
        let prompt = block("question", "What is 6 times 7?") + &block("draft", draft);
        let reply =
            client.ask(ANTHROPIC, &body(ANTHROPIC, &prompt, &structured(ANTHROPIC, &validation))).await;
        assert_eq!(instance(&reply, &validation)["verdict"], verdict);
    }
}

#[tokio::test]
async fn json_without_a_schema_is_an_object_and_a_prompt_alone_gets_text() {
    let simulator = Simulator::builder().start().await.unwrap();
    let mut client = Client::connect(&simulator).await;
    let asked = client
        .ask(OPENAI, &body(OPENAI, QUESTION, &json!({"response_format": {"type": "json_object"}})))
        .await;
    assert!(serde_json::from_str::<Value>(text_of(&asked)).unwrap().is_object());
    let prompted = client.ask(OPENAI, &body(OPENAI, "Reply with JSON only, please.", &json!({}))).await;
    assert!(serde_json::from_str::<Value>(text_of(&prompted)).is_err());
    let unknown = json!({"type": "object", "properties": {"x": {"type": "string", "pattern": "(?!no)"}}, "required": ["x"], "additionalProperties": false});
    let refused = client.ask(OPENAI, &body(OPENAI, QUESTION, &structured(OPENAI, &unknown))).await;
    assert!(
        refused["error"]["message"].as_str().unwrap().contains("cannot follow this schema at /x"),
        "{refused}"
    );
}

#[tokio::test]
async fn recorded_answers_are_replayed_and_put_into_the_form_asked_for() {
    let rows = concat!(
        r#"{"model":"m","prompt":"What is the capital of France?","text":"It is Paris.","answer":"Paris","usage":{"input_tokens":7,"output_tokens":3}}"#,
        "\n",
        r#"{"model":"m","key":"item-9","text":"Number nine."}"#,
    );
    let builder: SimulatorBuilder = Simulator::builder().schema_rules(SchemaRules::Any).replay(rows).unwrap();
    let simulator = builder.refuse_other_models().start().await.unwrap();
    let mut client = Client::connect(&simulator).await;
    let question = "Answer this: what is the CAPITAL\n of France? In one word.";
    let plain = client.ask(OPENAI, &body(OPENAI, question, &json!({}))).await;
    assert_eq!((text_of(&plain), &plain["usage"]["prompt_tokens"]), ("It is Paris.", &json!(7)));
    assert_eq!(
        text_of(&client.ask(ANTHROPIC, &body(ANTHROPIC, "see item-9", &json!({}))).await),
        "Number nine."
    );
    let schema = published("proposal");
    let proposal =
        instance(&client.ask(OPENAI, &body(OPENAI, question, &structured(OPENAI, &schema))).await, &schema);
    assert_eq!((&proposal["answer"], &proposal["answer_key"]), (&json!("It is Paris."), &json!("Paris")));
}

#[tokio::test]
async fn an_answer_takes_its_time() {
    let wait = std::time::Duration::from_millis(30);
    let simulator = Simulator::builder()
        .other_models(Persona::new().latency(Latency::fixed(wait)))
        .start()
        .await
        .unwrap();
    let mut client = Client::connect(&simulator).await;
    for stream in [false, true] {
        let start = crate::timer::now();
        client.post(OPENAI, &body(OPENAI, QUESTION, &json!({"stream": stream}))).await.unwrap().text().await;
        assert!(crate::timer::now() - start >= wait, "stream {stream}");
    }
}
