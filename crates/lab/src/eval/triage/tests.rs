//! The whole evaluation on made-up answers: what is known of the data must be found, and what is missing must be named.

use std::{fmt::Write as _, fs, path::Path};

use super::{Options, Report, run, train_and_write};
use crate::eval::sample::SplitMix;

const QUESTIONS: usize = 320;
const MODELS: [&str; 8] = [
    "gpt-4o-2024-05-13",
    "gemini-1.5-pro-002",
    "Meta-Llama-3.1-70B-Instruct",
    "gemini-1.5-flash-002",
    "deepseek-v2-chat",
    "Mixtral-8x7B-Instruct-v0.1",
    "Meta-Llama-3.1-8B-Instruct",
    "Phi-3-mini-4k-instruct",
];
const WORDS: [&str; 10] =
    ["stone", "river", "lamp", "cloud", "horse", "wheel", "paper", "bridge", "salt", "garden"];

const LETTERS: [&str; 4] = ["A", "B", "C", "D"];

/// A question with its options; hard ones have more numbers, and no two are alike.
fn question(random: &mut SplitMix, number: usize, is_hard: bool) -> (String, Vec<String>) {
    let mut text = format!("Case {number}:");
    for _ in 0..12 {
        let word = WORDS[random.below(WORDS.len())];
        if is_hard && random.uniform() < 0.5 {
            let _ = write!(text, " {}", random.below(90) + 10);
        } else {
            let _ = write!(text, " {word}");
        }
    }
    let options = (0..4).map(|at| format!("{} {}", WORDS[random.below(WORDS.len())], at)).collect();
    (format!("{text}?"), options)
}

/// Writes all files: hard questions are those that the weak model, Express and the probes get wrong, mostly.
fn write_all(directory: &Path, seed: u64) {
    let mut random = SplitMix(seed);
    for name in ["mmlu", "gsm8k"] {
        let mut file = "prompt,weak_correct,strong_correct,contaminated\n".to_owned();
        for number in 0..QUESTIONS {
            let is_hard = random.uniform() < 0.4;
            let (text, options) = question(&mut random, number, is_hard);
            let weak = random.uniform() < if is_hard { 0.3 } else { 0.9 };
            let listed = if name == "mmlu" {
                format!("\nA. {}\nB. {}", options[0], options[1])
            } else {
                String::new()
            };
            let _ = writeln!(file, "\"{text}{listed}\",{},1,{}", u8::from(weak), u8::from(number == 7));
        }
        fs::write(directory.join(format!("routellm_{name}.csv")), file).unwrap();
    }
    let mut file = "turn1,contaminated,weak_t1,weak_t2,strong_t1,strong_t2\n".to_owned();
    for number in 0..30 {
        let is_hard = number % 3 == 0;
        let weak = if is_hard { 3 } else { 9 };
        let _ = writeln!(file, "\"{}\",0,{weak},{weak},9,9", question(&mut random, number, is_hard).0);
    }
    fs::write(directory.join("routellm_mtbench.csv"), file).unwrap();
    let mut votes = format!("question_id,category,answer,{}\n", MODELS.join(","));
    let mut questions = String::new();
    for number in 0..QUESTIONS {
        let is_hard = random.uniform() < 0.4;
        // The text tells half of it, so that probes have something to add.
        let seems_hard = if random.uniform() < 0.6 { is_hard } else { random.uniform() < 0.4 };
        let (text, options) = question(&mut random, number, seems_hard);
        let json = serde_json::json!({"question_id": number, "question": text, "options": options});
        let _ = writeln!(questions, "{json}");
        let _ = write!(votes, "{number},{},{}", ["law", "physics"][number % 2], LETTERS[number % 4]);
        for model in 0..MODELS.len() {
            let skill = if model < 3 {
                0.95
            } else if is_hard {
                0.2
            } else {
                0.95
            };
            let wrong = 1 + random.below(3);
            let place = if random.uniform() < skill { number } else { number + wrong };
            let letter = if random.uniform() < 0.02 { "" } else { LETTERS[place % 4] };
            let _ = write!(votes, ",{letter}");
        }
        votes.push('\n');
    }
    fs::write(directory.join("mmlu_pro_votes.csv"), votes).unwrap();
    fs::write(directory.join("mmlu_pro_questions.jsonl"), questions).unwrap();
}

fn apgr(report: &Report, from: &str, scored: &str) -> f64 {
    report.texts.iter().find(|text| text.learned_from == from && text.scored == scored).unwrap().apgr.mean
}

fn check(report: &Report) {
    for (from, scored) in [
        ("mmlu", "mmlu"),
        ("gsm8k", "gsm8k"),
        ("mmlu", "gsm8k"),
        ("gsm8k", "mmlu"),
        ("pooled", "mmlu"),
        ("pooled", "mtbench"),
    ] {
        assert!(apgr(report, from, scored) > 0.65, "{from} on {scored}: {}", apgr(report, from, scored));
    }
    for probes in &report.probes {
        assert_eq!((probes.questions, probes.apgr.len()), (QUESTIONS, 4));
        assert!(probes.council > probes.express + 10.0, "{probes:?}");
        assert!(probes.apgr[0].mean > 0.55 && probes.apgr[3].mean > probes.apgr[0].mean + 0.05, "{probes:?}");
    }
    assert_eq!(report.calibration.tenths.len(), 10);
    assert!(report.calibration.quality.brier < report.calibration.brier_of_mean);
    assert!(report.dropped.iter().any(|words| words == "routellm_mmlu: 1 lines dropped: contaminated"));
    assert!(report.bars.iter().all(|bar| bar.is_met == (bar.is >= bar.at_least)));
}

#[test]
fn what_is_in_the_data_is_found_with_folds_and_on_another_directory() {
    let (known, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_all(known.path(), 1);
    write_all(other.path(), 2);
    let mut options = Options { data: known.path().to_owned(), score: None, folds: 3 };
    check(&run(&options).unwrap());
    options.score = Some(other.path().to_owned());
    check(&run(&options).unwrap());
}

#[test]
fn the_same_data_give_the_same_weights_to_the_byte() {
    let directory = tempfile::tempdir().unwrap();
    write_all(directory.path(), 3);
    let train = |name: &str| {
        let out = directory.path().join(name);
        let report = train_and_write(directory.path(), &out).unwrap();
        assert_eq!(
            report.questions,
            [("mmlu".to_owned(), QUESTIONS - 1), ("gsm8k".to_owned(), QUESTIONS - 1)]
        );
        let bytes = fs::read(out).unwrap();
        assert_eq!(report.bytes, bytes.len());
        bytes
    };
    let bytes = train("one.bin");
    assert_eq!(bytes, train("two.bin"));
    assert!(async_orchestrator_triage::learned::Model::from_bytes(&bytes).is_ok());
}

#[test]
fn what_is_missing_or_cut_short_is_named() {
    let directory = tempfile::tempdir().unwrap();
    write_all(directory.path(), 4);
    let options = Options { data: directory.path().to_owned(), score: None, folds: 3 };
    let says = |options: &Options| format!("{:#}", run(options).unwrap_err());
    assert!(says(&Options { folds: 1, ..options.clone() }).contains("at least 2 folds"));
    let questions = directory.path().join("mmlu_pro_questions.jsonl");
    fs::write(&questions, "{\"question_id\": 1}\n").unwrap();
    assert!(says(&options).contains("mmlu_pro_questions.jsonl"), "{}", says(&options));
    fs::write(directory.path().join("routellm_gsm8k.csv.gz"), [0x1f, 0x8b, 8, 0]).unwrap();
    fs::remove_file(directory.path().join("routellm_gsm8k.csv")).unwrap();
    assert!(says(&options).contains("routellm_gsm8k.csv"), "{}", says(&options));
    fs::remove_file(directory.path().join("routellm_gsm8k.csv.gz")).unwrap();
    assert!(says(&options).contains("holds no routellm_gsm8k.csv"), "{}", says(&options));
}
