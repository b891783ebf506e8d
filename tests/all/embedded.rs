//! The embedded model from end to end, on a tiny random file that the test writes itself.

use crate::support::{DESIGN, Shell, assert_valid_record};

#[test]
fn a_council_of_the_embedded_model_answers_without_key_and_network() {
    let shell = Shell::new(Vec::new());
    let path = shell.home.path().join("tiny.gguf");
    async_orchestrator_embedded::test_util::write_tiny_model(&path, 7).expect("a model file");
    let ran = shell.run(&["ask", "--model-file", &path.to_string_lossy(), "--json", DESIGN]);
    let record = ran.json();
    assert_valid_record(&record);
    assert_eq!(record["ballots"].as_array().unwrap().len(), 2);
    assert_eq!(record["ballots"][0]["judged_by"], "likelihood");
    assert!(record["answer"]["notices"][0].as_str().unwrap().contains("embedded"), "{record}");
    let alarms = record["tally"]["audit"]["alarms"].to_string();
    assert!(alarms.contains("weak_independence"), "{alarms}");
    let text = shell.run(&["ask", "--model-file", &path.to_string_lossy(), "--quiet", DESIGN]);
    assert!(text.stdout.contains("demonstration quality"), "{text:?}");
}

#[test]
fn questions_with_short_answers_fit_the_forms_of_the_embedded_model() {
    let shell = Shell::new(Vec::new());
    let path = shell.home.path().join("tiny.gguf");
    async_orchestrator_embedded::test_util::write_tiny_model(&path, 7).expect("a model file");
    for question in ["2+2", "Is 17 prime?", "Which is larger: A) 3 B) 5?"] {
        for mode in ["express", "council"] {
            let ran = shell.run(&[
                "ask",
                "--model-file",
                &path.to_string_lossy(),
                "--mode",
                mode,
                "--quiet",
                question,
            ]);
            ran.succeeded();
            assert!(!ran.stdout.contains("answer_key"), "{question}: {ran:?}");
        }
    }
}

#[test]
fn a_question_that_was_read_in_part_is_a_note_in_the_record() {
    let shell = Shell::new(Vec::new());
    let path = shell.home.path().join("tiny.gguf");
    async_orchestrator_embedded::test_util::write_tiny_model(&path, 7).expect("a model file");
    let alarms = |question: &str, mode: &str| {
        let path = path.to_string_lossy();
        let ran = shell.run(&["ask", "--model-file", &path, "--mode", mode, "--json", question]);
        ran.json()["tally"]["audit"]["alarms"].to_string()
    };
    let long = "Which of the many plans is the best one? ".repeat(2_000);
    for mode in ["express", "council"] {
        let noted = alarms(&long, mode);
        assert!(noted.contains("prompt_shortened") && noted.contains("proposer-1"), "{noted}");
    }
    let short = alarms("2+2", "express");
    assert!(!short.contains("prompt_shortened"), "{short}");
}
