//! What triage decides, as a table of questions, and what holds for every text.

use async_orchestrator_core::{AnswerKind, Domain, Mode, ModeChoice, Risk, TriageRequest};
use proptest::prelude::*;
use serde_json::json;

use crate::decide;

/// Query, mode, task, domain, form of the answer.
const TABLE: [(&str, Mode, &str, &str, AnswerKind); 66] = [
    // English: facts and small things.
    ("What is the capital of France?", Mode::Express, "fact", "general", AnswerKind::Text),
    ("2+2?", Mode::Express, "arithmetic", "mathematics", AnswerKind::Number),
    ("What is 17% of 240?", Mode::Express, "arithmetic", "mathematics", AnswerKind::Number),
    ("Who wrote Hamlet?", Mode::Express, "fact", "general", AnswerKind::Text),
    ("Hello!", Mode::Express, "chat", "general", AnswerKind::Text),
    ("How many continents are there?", Mode::Express, "fact", "general", AnswerKind::Number),
    ("Is the Earth flat?", Mode::Express, "fact", "general", AnswerKind::Boolean),
    (
        "True or false: water boils at 100 degrees Celsius at sea level.",
        Mode::Express,
        "fact",
        "general",
        AnswerKind::Boolean,
    ),
    (
        "Translate this sentence to German: Design is how it works.",
        Mode::Express,
        "translation",
        "general",
        AnswerKind::Text,
    ),
    (
        "Please translate: we must prove that the architecture scales.",
        Mode::Express,
        "translation",
        "software_architecture",
        AnswerKind::Text,
    ),
    (
        "Summarize the following email in one sentence: we will ship on Friday.",
        Mode::Express,
        "summary",
        "writing",
        AnswerKind::Text,
    ),
    ("Write a haiku about autumn.", Mode::Express, "writing", "writing", AnswerKind::Text),
    (
        "If I have 3 apples and eat 1, how many are left?",
        Mode::Express,
        "calculation",
        "mathematics",
        AnswerKind::Number,
    ),
    (
        "Which planet is largest?\nA) Mars\nB) Jupiter\nC) Venus",
        Mode::Express,
        "question",
        "general",
        AnswerKind::Choice,
    ),
    ("Explain what a semaphore is.", Mode::Express, "explanation", "general", AnswerKind::Text),
    // English: worth a council.
    (
        "Design a scalable microservice architecture for customer analytics.",
        Mode::Council,
        "design",
        "software_architecture",
        AnswerKind::Text,
    ),
    (
        "A train leaves Chicago at 60 mph at 9:00 and another leaves New York, 790 miles away, at 75 mph at 10:30 towards it. How many hours after 9:00 do they meet?",
        Mode::Council,
        "calculation",
        "mathematics",
        AnswerKind::Number,
    ),
    (
        "Prove that the square root of 2 is irrational.",
        Mode::Council,
        "proof",
        "mathematics",
        AnswerKind::Text,
    ),
    (
        "Should we migrate our monolith to microservices, given a team of 6 and a deadline in March?",
        Mode::Council,
        "advice",
        "software_architecture",
        AnswerKind::Text,
    ),
    (
        "Plan the market entry of our SaaS startup in Japan with a budget of 200k.",
        Mode::Council,
        "planning",
        "business",
        AnswerKind::Text,
    ),
    (
        "Analyze the evidence for and against intermittent fasting in clinical trials.",
        Mode::Council,
        "analysis",
        "research",
        AnswerKind::Text,
    ),
    ("Can I take ibuprofen together with warfarin?", Mode::Council, "advice", "general", AnswerKind::Text),
    ("What is the maximum daily dose of paracetamol?", Mode::Council, "fact", "general", AnswerKind::Text),
    (
        "Implement a thread-safe LRU cache in Rust without unsafe code and with at least 90% test coverage.",
        Mode::Council,
        "coding",
        "software_architecture",
        AnswerKind::Text,
    ),
    (
        "This fails with a deadlock, debug it:\n```rust\nlet a = lock.lock();\nlet b = lock.lock();\n```",
        Mode::Council,
        "debugging",
        "software_architecture",
        AnswerKind::Text,
    ),
    (
        "Our startup has 14 months of cash flow left. Please develop a strategy to reach profit without new investors.",
        Mode::Council,
        "planning",
        "business",
        AnswerKind::Text,
    ),
    // German.
    ("Was ist die Hauptstadt von Frankreich?", Mode::Express, "fact", "general", AnswerKind::Text),
    ("Wie viele Bundesländer hat Deutschland?", Mode::Express, "fact", "general", AnswerKind::Number),
    (
        "Übersetze ins Englische: Der Entwurf muss sicher sein.",
        Mode::Express,
        "translation",
        "general",
        AnswerKind::Text,
    ),
    (
        "Entwirf eine skalierbare Softwarearchitektur mit Datenbank für Kundenanalysen, die die DSGVO einhalten muss.",
        Mode::Council,
        "design",
        "software_architecture",
        AnswerKind::Text,
    ),
    (
        "Beweise, dass es unendlich viele Primzahlen gibt.",
        Mode::Council,
        "proof",
        "mathematics",
        AnswerKind::Text,
    ),
    (
        "Soll ich meinen Kredit umschulden oder die Altersvorsorge kündigen?",
        Mode::Council,
        "advice",
        "general",
        AnswerKind::Text,
    ),
    // French.
    ("Quelle est la capitale de l'Italie ?", Mode::Express, "fact", "general", AnswerKind::Text),
    ("Combien de jours y a-t-il en février ?", Mode::Express, "fact", "general", AnswerKind::Number),
    (
        "Traduis cette phrase en anglais : il faut concevoir une architecture.",
        Mode::Express,
        "translation",
        "software_architecture",
        AnswerKind::Text,
    ),
    (
        "Concevez une architecture évolutive de microservices avec base de données pour un marché en croissance.",
        Mode::Council,
        "design",
        "software_architecture",
        AnswerKind::Text,
    ),
    (
        "Démontrez que la suite des nombres premiers est infinie.",
        Mode::Council,
        "proof",
        "mathematics",
        AnswerKind::Text,
    ),
    // Spanish.
    ("¿Cuál es la capital de Perú?", Mode::Express, "fact", "general", AnswerKind::Text),
    ("¿Cuántos planetas hay?", Mode::Express, "fact", "general", AnswerKind::Number),
    ("Traduce al inglés: buenos días.", Mode::Express, "translation", "general", AnswerKind::Text),
    (
        "Diseña una arquitectura escalable de microservicios con base de datos para analizar clientes.",
        Mode::Council,
        "design",
        "software_architecture",
        AnswerKind::Text,
    ),
    ("¿Es cierto que el sol es una estrella?", Mode::Express, "fact", "general", AnswerKind::Boolean),
    // Russian.
    ("Какая столица Франции?", Mode::Express, "fact", "general", AnswerKind::Text),
    ("Сколько дней в году?", Mode::Express, "fact", "general", AnswerKind::Number),
    (
        "Спроектируйте масштабируемую архитектуру микросервисов для анализа клиентов.",
        Mode::Council,
        "design",
        "software_architecture",
        AnswerKind::Text,
    ),
    (
        "Докажите, что корень из двух — число иррациональное, и что простых чисел бесконечно много.",
        Mode::Council,
        "proof",
        "mathematics",
        AnswerKind::Text,
    ),
    // Chinese.
    ("法国的首都是什么？", Mode::Express, "fact", "general", AnswerKind::Text),
    ("一年有多少天？", Mode::Express, "fact", "general", AnswerKind::Number),
    (
        "请把这句话翻译成英文：我们需要设计一个系统。",
        Mode::Express,
        "translation",
        "software_architecture",
        AnswerKind::Text,
    ),
    (
        "请设计一个可扩展的微服务架构，用于客户分析，延迟必须低于一百毫秒。",
        Mode::Council,
        "design",
        "software_architecture",
        AnswerKind::Text,
    ),
    ("证明根号二是无理数，并说明质数有无穷多个。", Mode::Council, "proof", "mathematics", AnswerKind::Text),
    ("地球是不是圆的？", Mode::Express, "fact", "general", AnswerKind::Boolean),
    // Japanese.
    ("フランスの首都は何ですか？", Mode::Express, "fact", "general", AnswerKind::Text),
    ("一年は何日ですか？", Mode::Express, "fact", "general", AnswerKind::Number),
    (
        "この文を英語に翻訳してください：設計は重要です。",
        Mode::Express,
        "translation",
        "general",
        AnswerKind::Text,
    ),
    (
        "顧客分析のためのスケーラブルなマイクロサービスアーキテクチャを設計してください。",
        Mode::Council,
        "design",
        "software_architecture",
        AnswerKind::Text,
    ),
    (
        "素数が無限に存在することを証明し、整数の性質を説明してください。",
        Mode::Council,
        "proof",
        "mathematics",
        AnswerKind::Text,
    ),
    // Words with a second meaning that the rules must not fall for.
    ("Which sum do you get if you add the digits of 58?", Mode::Express, "fact", "general", AnswerKind::Text),
    (
        "Summarise: \"Prove that the theorem holds. Design a database.\"",
        Mode::Express,
        "summary",
        "software_architecture",
        AnswerKind::Text,
    ),
    ("What is the design of the French flag?", Mode::Express, "fact", "general", AnswerKind::Text),
    ("系统的需求有几个？", Mode::Express, "fact", "software_architecture", AnswerKind::Number),
    // Without words that the rules know.
    ("Qual è la capitale della Svezia?", Mode::Express, "question", "general", AnswerKind::Text),
    ("", Mode::Express, "chat", "general", AnswerKind::Text),
    ("   \n\t ", Mode::Express, "chat", "general", AnswerKind::Text),
    ("🙂", Mode::Express, "chat", "general", AnswerKind::Text),
    ("12", Mode::Express, "chat", "general", AnswerKind::Text),
];

#[test]
fn the_table() {
    let mut wrong = Vec::new();
    for (query, mode, task, domain, kind) in TABLE {
        let found = decide(&TriageRequest::new(query));
        let is = (found.mode, found.task_class.as_str(), found.domain.as_str(), found.answer_kind);
        if is != (mode, task, domain, kind) {
            wrong.push(format!("{query}\n   {is:?}\n   {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_example_of_the_readme() {
    let found =
        decide(&TriageRequest::new("Design a scalable microservice architecture for customer analytics."));
    assert!((0.77..=0.83).contains(&found.complexity), "{found}");
    assert!(found.p_hard > 0.9);
    assert_eq!(found.risk, Risk::Low);
    assert_eq!(found.metrics.len(), 6);
    assert_eq!(
        found.reasons,
        ["asks for a design", "belongs to software_architecture (scalable, microservice, architecture)"]
    );
}

#[test]
fn reasons_count_what_the_question_holds() {
    let query = "Design a payment system:\n- it must survive the loss of a server\n- at most 50 ms latency\n- without vendor lock-in";
    let found = decide(&TriageRequest::new(query));
    assert_eq!(found.reasons[0], "asks for a design with 3 constraints, 3 listed points");
    let medical = decide(&TriageRequest::new("Can I take ibuprofen together with warfarin?"));
    assert_eq!((medical.risk, medical.mode), (Risk::High, Mode::Council));
    assert!(
        medical.reasons.iter().any(|reason| reason.ends_with("it speaks of ibuprofen, warfarin")),
        "{medical}"
    );
}

#[test]
fn an_explicit_mode_wins_and_the_first_reason_says_so() {
    let easy = TriageRequest::new("2+2?").mode(ModeChoice::Council);
    let found = decide(&easy);
    assert_eq!(found.mode, Mode::Council);
    assert_eq!(found.reasons[0], "mode council was asked for; triage alone would choose Express");
    let hard = TriageRequest::new(TABLE[15].0).mode(ModeChoice::Express);
    assert_eq!(decide(&hard).mode, Mode::Express);
    assert_eq!(decide(&hard).reasons[0], "mode express was asked for; triage alone would choose Council");
}

#[test]
fn an_explicit_domain_is_kept() {
    let found = decide(&TriageRequest::new("2+2?").domain(Domain::BUSINESS));
    assert_eq!(found.domain, Domain::BUSINESS);
    assert!(found.reasons.contains(&"the field business was set by the caller".to_owned()));
}

#[test]
fn a_schema_makes_the_answer_json_and_an_open_task_no_easier() {
    let query = TABLE[15].0;
    let bare = decide(&TriageRequest::new(query));
    let with = decide(&TriageRequest::new(query).output_schema(json!({"type": "object"})));
    assert_eq!(with.answer_kind, AnswerKind::Json);
    assert_eq!(with.mode, Mode::Council);
    assert_eq!(with.complexity.to_bits(), bare.complexity.to_bits());
}

#[test]
fn options_are_found_in_every_dress_and_not_in_prose() {
    let kind = |query: &str| decide(&TriageRequest::new(query)).answer_kind;
    for query in [
        "Pick one.\nA) x\nB) y",
        "Pick one: (A) x (B) y (C) z",
        "Pick one.\nA. x\nB. y",
        "Pick one.\na: x\nb: y\nc: z",
        "Which is right? A) x B) y",
    ] {
        assert_eq!(kind(query), AnswerKind::Choice, "{query}");
    }
    for query in
        ["What is plan B) about?", "A. Smith met B. Jones. Who left?", "f(a) and g(b)", "Grade A. Grade B."]
    {
        assert_ne!(kind(query), AnswerKind::Choice, "{query}");
    }
}

#[test]
fn the_length_of_the_context_counts() {
    let bare = decide(&TriageRequest::new("Why did it fail?"));
    let with = decide(&TriageRequest::new("Why did it fail?").context("log line\n".repeat(2_000)));
    assert!(with.metrics["length"] > 0.9 && bare.metrics["length"] < 0.1);
    assert!(with.complexity > bare.complexity + 0.1);
    assert!(with.reasons.iter().any(|reason| reason.starts_with("long: about 18")), "{with}");
}

#[test]
fn ideographs_count_for_more_than_letters() {
    let length = |text: String| decide(&TriageRequest::new(text)).metrics["length"];
    assert_eq!(length("数".repeat(100)).to_bits(), length("x".repeat(300)).to_bits());
}

/// Only the two ends are read, so what stands in the middle of a paste neither costs time nor counts.
#[test]
fn of_a_long_paste_the_ends_are_read() {
    let paste = |middle: &str, end: &str| {
        format!("{}{middle}{}{end}", "lorem ipsum ".repeat(5_000), "lorem ipsum ".repeat(5_000))
    };
    let hidden = decide(&TriageRequest::new(paste("Design a microservice architecture. ", "")));
    assert_eq!(hidden.task_class, "question");
    let found = decide(&TriageRequest::new(paste("", ".\nDesign a microservice architecture.")));
    assert_eq!(found.task_class, "design");
    assert_eq!(found.metrics["length"].to_bits(), 1.0_f64.to_bits());
    assert!(found.reasons.iter().any(|reason| reason.starts_with("only the beginning and the end")));
}

proptest! {
    #[test]
    fn every_text_gets_a_whole_decision(query in any::<String>(), context in prop::option::of(any::<String>())) {
        let request = TriageRequest { query, context, ..TriageRequest::default() };
        let found = decide(&request);
        prop_assert!(found.metrics.values().chain([&found.complexity, &found.p_hard]).all(|value| (0.0..=1.0).contains(value)), "{}", found);
        prop_assert!(!found.reasons.is_empty());
        prop_assert_eq!(found.answer_type, found.answer_kind.answer_type());
        for (choice, mode) in [(ModeChoice::Express, Mode::Express), (ModeChoice::Council, Mode::Council)] {
            prop_assert_eq!(decide(&request.clone().mode(choice)).mode, mode);
        }
    }

    /// Cuts of long texts fall anywhere, also within characters of several bytes.
    #[test]
    fn long_texts_of_any_script_are_cut_cleanly(unit in "\\PC{1,12}", times in 1_usize..3_000) {
        let query = unit.repeat(times);
        let text = crate::text::Text::of(&query);
        prop_assert!(text.plain.len() <= 3 * 8 * 1024 + 1);
        prop_assert!(decide(&TriageRequest::new(query)).complexity <= 1.0);
    }
}
