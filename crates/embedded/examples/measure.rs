//! Measures a model file on this machine: `cargo run --release -p async-orchestrator-embedded --example measure -- model.gguf`.
//!
//! Prints the time to load, tokens a second of prompts and of writing (alone and two at once), documents by a ballot-like
//! schema, the judge's verdicts on easy pairs, a run of six roles, and the memory used.

#![expect(clippy::print_stdout, reason = "its output is what it is for")]
#![expect(clippy::disallowed_methods, reason = "it measures real time")]
#![expect(clippy::expect_used, reason = "a measurement that fails may end loudly")]

use std::time::{Duration, Instant};

use async_orchestrator_core::{
    CallContext, Completion, CompletionRequest, LikelihoodTask, LikelihoodVerdict, LlmProvider, Message,
    ReplyFormat, Section, StreamEvent,
};
use async_orchestrator_embedded::{EmbeddedOptions, EmbeddedProvider};
use serde_json::{Value, json};

const QUESTION: &str = "Design a scalable microservice architecture for customer analytics.";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let path = std::env::args().nth(1).expect("the path of a .gguf file is the first argument");
    let started = Instant::now();
    let target = "embedded:measured".parse().expect("a sound name");
    let provider =
        EmbeddedProvider::load(path.as_ref(), target, &EmbeddedOptions::new()).expect("the model must load");
    println!(
        "load: {:.2} s; {}",
        started.elapsed().as_secs_f64(),
        provider.capabilities().notice.as_deref().unwrap_or("-")
    );

    speed(&provider, "short prompt", 1).await;
    speed(&provider, "long prompt", 60).await;
    two_at_once(&provider).await;
    documents(&provider).await;
    pairs(&provider).await;
    six_roles(&provider).await;
    println!("resident: {} MB", resident_mb());
}

async fn speed(provider: &EmbeddedProvider, name: &str, repeats: usize) {
    let question = "Explain how a hash map works and when to use one. ".repeat(repeats);
    let mut request = CompletionRequest::new(vec![Message::user(question)]);
    request.max_output_tokens = Some(128);
    let (completion, first, total) = timed(provider, &request).await;
    let usage = completion.usage;
    println!(
        "{name}: {} tokens at {:.0}/s, then {} written at {:.1}/s",
        usage.input_tokens,
        usage.input_tokens as f64 / first.as_secs_f64(),
        usage.output_tokens,
        usage.output_tokens as f64 / total.saturating_sub(first).as_secs_f64(),
    );
}

async fn two_at_once(provider: &EmbeddedProvider) {
    let mut request = CompletionRequest::new(vec![Message::user("Write a story about a lighthouse.")]);
    request.max_output_tokens = Some(128);
    let started = Instant::now();
    let ((one, ..), (two, ..)) = tokio::join!(timed(provider, &request), timed(provider, &request));
    let written = one.usage.output_tokens + two.usage.output_tokens;
    println!(
        "two at once: {written} written at {:.1}/s together",
        written as f64 / started.elapsed().as_secs_f64()
    );
}

async fn documents(provider: &EmbeddedProvider) {
    let (mut valid, mut tokens, started) = (0, 0, Instant::now());
    for seed in 0..20 {
        let mut request = CompletionRequest::new(vec![
            Message::system("Grade the answers. Reply in JSON."),
            Message::user(format!(
                "Question: {QUESTION}\nAnswer A: Use queues and stream processing.\nAnswer B: Buy a car."
            )),
        ]);
        request.format = ReplyFormat::JsonSchema { name: "ballot".to_owned(), schema: ballot().into() };
        request.temperature = Some(0.8);
        request.seed = Some(seed);
        let (completion, ..) = timed(provider, &request).await;
        valid += usize::from(serde_json::from_str::<Value>(&completion.text).is_ok());
        tokens += completion.usage.output_tokens;
        if seed == 0 {
            println!("{}", completion.text);
        }
    }
    println!(
        "documents: {valid} of 20 parse, {tokens} tokens, {:.2} s each",
        started.elapsed().as_secs_f64() / 20.0
    );
}

async fn pairs(provider: &EmbeddedProvider) {
    let pairs = [
        (
            "What is the capital of France?",
            "The capital of France is Paris.",
            "The capital of France is a kind of cheese.",
        ),
        (
            "How do I boil an egg?",
            "Put the egg in boiling water for eight minutes.",
            "Eggs are round and the sky is blue.",
        ),
        ("What is 2 + 2?", "2 + 2 is 4.", "2 + 2 is banana."),
        (
            "Why is the sky blue?",
            "Air scatters blue light more than red light.",
            "Because the stock market closed early.",
        ),
        (
            "How does a hash map work?",
            "It hashes each key to find the bucket of its value.",
            "I like to walk my dog in the park.",
        ),
        (
            "What do plants need to grow?",
            "Plants need light, water and nutrients.",
            "Plants need a driving licence.",
        ),
        ("Who wrote Hamlet?", "William Shakespeare wrote Hamlet.", "Hamlet is a small breakfast dish."),
        (
            "What is a database index?",
            "A structure that makes look-ups of rows fast.",
            "The finger next to the thumb of a clown.",
        ),
        (
            "How can I save money?",
            "Track your spending and set a budget.",
            "Set your money on fire to keep warm.",
        ),
    ];
    let (mut preferred, mut fitting, started) = (0, 0, Instant::now());
    for (question, good, bad) in pairs {
        let verdict = judge(provider, question, &[good, bad]).await;
        preferred += usize::from(verdict.preference[0][1] > 0.0);
        fitting += usize::from(verdict.fit[0] > verdict.fit[1]);
    }
    println!(
        "judge: preference right {preferred} of 9, fit right {fitting} of 9, {:.2} s each",
        started.elapsed().as_secs_f64() / 9.0
    );
}

/// Two proposals at once, two judgements at once, then three roles one after the other and an observer beside the last one.
async fn six_roles(provider: &EmbeddedProvider) {
    let started = Instant::now();
    let proposal = |seed: u64| {
        let mut request = sections(&format!("Answer the question with a plan.\n\nQuestion: {QUESTION}"));
        request.temperature = Some(0.7);
        request.seed = Some(seed);
        request
    };
    let (one, two) = (proposal(1), proposal(2));
    let ((one, ..), (two, ..)) = tokio::join!(timed(provider, &one), timed(provider, &two));
    println!("--- proposal ({:.1} s)\n{}", started.elapsed().as_secs_f64(), one.text);
    let candidates = [one.text.as_str(), two.text.as_str()];
    let (verdict, _) =
        tokio::join!(judge(provider, QUESTION, &candidates), judge(provider, QUESTION, &candidates));
    println!(
        "--- judged ({:.1} s): {:?} {:?}",
        started.elapsed().as_secs_f64(),
        verdict.preference[0][1],
        verdict.fit
    );
    let mut draft = one.text;
    for role in ["Improve this plan.", "Turn this plan into steps.", "Check this plan for mistakes."] {
        let request = sections(&format!("{role}\n\nQuestion: {QUESTION}\n\nPlan:\n{draft}"));
        draft = if role.starts_with("Check") {
            let note = sections(&format!("Note one risk of this plan.\n\nPlan:\n{draft}"));
            let ((completion, ..), _) = tokio::join!(timed(provider, &request), timed(provider, &note));
            completion.text
        } else {
            timed(provider, &request).await.0.text
        };
        println!("--- {role} ({:.1} s)\n{draft}", started.elapsed().as_secs_f64());
    }
    println!("six roles: {:.1} s", started.elapsed().as_secs_f64());
}

fn sections(task: &str) -> CompletionRequest {
    let section = |heading: &str| Section { heading: heading.to_owned(), tokens_max: 32 };
    let mut request =
        CompletionRequest::new(vec![Message::system("Be brief and concrete."), Message::user(task)]);
    request.format = ReplyFormat::Sections(vec![section("Goal"), section("Approach"), section("Risk")]);
    request
}

async fn judge(provider: &EmbeddedProvider, question: &str, candidates: &[&str]) -> LikelihoodVerdict {
    let judge = provider.capabilities().likelihood.as_ref().expect("the model judges");
    let candidates = candidates.iter().map(|&candidate| candidate.to_owned()).collect();
    let task = LikelihoodTask { question: question.to_owned(), candidates };
    judge.judge(&task, &CallContext::detached(Instant::now())).await.expect("a verdict")
}

/// The reply, the time to its first piece, and the time in all.
async fn timed(provider: &EmbeddedProvider, request: &CompletionRequest) -> (Completion, Duration, Duration) {
    let started = Instant::now();
    let context = CallContext::detached(started);
    let mut stream = provider.stream(request, &context).await.expect("a stream");
    let first = started.elapsed();
    loop {
        let event = std::future::poll_fn(|task| stream.as_mut().poll_next(task)).await;
        if let StreamEvent::Finished(completion) = event.expect("an end").expect("no error") {
            return (*completion, first, started.elapsed());
        }
    }
}

fn ballot() -> Value {
    let review = |label: &str| {
        let grade = json!({"type": "integer", "minimum": 0, "maximum": 10});
        json!({
            "type": "object",
            "properties": {
                "label": {"const": label},
                "scores": {"type": "object", "properties": {"correctness": grade, "clarity": grade}, "required": ["correctness", "clarity"]},
                "approve": {"type": "boolean"},
                "p_correct": {"type": "number", "minimum": 0, "maximum": 1},
                "why": {"type": "string", "maxLength": 80}
            },
            "required": ["label", "scores", "approve", "p_correct", "why"]
        })
    };
    json!({
        "type": "object",
        "properties": {
            "reviews": {"type": "array", "prefixItems": [review("A"), review("B")], "items": false, "minItems": 2, "maxItems": 2},
            "best": {"type": ["string", "null"], "pattern": "^[AB]$"}
        },
        "required": ["reviews", "best"]
    })
}

/// From the system's own file, where there is one.
fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
        .map_or(0, |kilobytes| kilobytes / 1024)
}
