//! Closed questions: equal answers stand together, the vote decides, and nobody after it may change the answer.

use async_orchestrator_core::{
    AnswerSource, AnswerType, Cause, DecisionRecord, DoNoHarm, Status, StopReason, TallyRule, TriageRequest,
    test_util::Script,
};
use serde_json::json;

use super::replies::proposal;
use super::table::{TOOK, Table};

/// A calculation, answered by each proposer with a number.
pub(super) fn sum(answers: &[&str], critics: u8) -> Table {
    let mut table = Table::of(u8::try_from(answers.len()).unwrap(), critics)
        .asked(|request| TriageRequest {
            query: "A shop sells 6 boxes of 7 apples. How many apples are that?".into(),
            ..request
        })
        .says(
            "synthesizer-1",
            json!({"answer": "The answer is 42.", "adopted": [], "rejected": []}).to_string(),
        )
        .says("implementer-1", "6 boxes of 7 apples: the answer is 42.");
    for (at, answer) in answers.iter().enumerate() {
        let text = format!("Reckoned way {at}.\nAnswer: {answer}");
        table = table
            .says(&format!("proposer-{}", at + 1), proposal(&text, Some(answer), "reckoned").to_string());
    }
    table.answering("critic", |request| {
        // Closed proposals hold no plan's name: every label is graded alike.
        let prompt = super::replies::prompt(request);
        let labels: Vec<&str> = super::replies::blocks(&prompt).iter().filter_map(|block| block.name.strip_prefix("proposal ")).collect();
        let scores = json!({"correctness": 7, "completeness": 7, "feasibility": 7, "safety": 7, "clarity": 7});
        let reviews: Vec<serde_json::Value> = labels.iter().map(|label| json!({"label": label, "defects": [], "scores": scores, "approve": true, "p_correct": 0.5, "predicted_support": 0.5})).collect();
        super::replies::said(json!({"reviews": reviews, "best": null, "abstain": false, "abstain_reason": null}).to_string())
    })
}

#[test]
fn equal_answers_stand_together_and_the_majority_wins() {
    let record = sum(&["41", "42", "42.0"], 1).record();
    assert_eq!(record.triage.answer_type, AnswerType::Closed);
    let clusters: Vec<&str> = record.proposals.iter().map(|proposal| proposal.cluster.as_str()).collect();
    assert_eq!(clusters, ["p1", "p2", "p2"]);
    assert_eq!(record.tally.winner.as_deref(), Some("p2"));
    assert_eq!(record.answer.answer_key.as_deref(), Some("42"));
    assert_eq!((record.answer.source, record.status), (AnswerSource::Implementation, Status::Full));
}

#[test]
fn one_answer_from_all_needs_no_rule() {
    let record = sum(&["42", "42"], 1).record();
    assert_eq!(record.tally.rule, TallyRule::Single);
    assert!(record.dissent.is_empty());
}

#[test]
fn a_ballot_that_can_change_nothing_is_not_waited_for() {
    let slow = || sum(&["42", "42", "42", "41"], 2).on("critic-2", Script::Stall);
    let seated = slow().seat();
    let record = seated.run().unwrap();
    assert_eq!(record.stop_reason, StopReason::Unassailable);
    assert_eq!((record.status, record.cost.saved_calls), (Status::Full, 1));
    assert_eq!(record.absences[0].cause, Cause::CancelledUnassailable);
    assert_eq!(seated.models["critic-2"].dropped(), 1);
    // The call that was cancelled had gone out.
    assert_eq!(record.cost.calls, seated.calls() as u64);
}

#[test]
fn open_questions_wait_for_every_ballot() {
    let slow = Script::Answer { after: TOOK * 50, text: "no JSON".into() };
    let record = Table::new().on("critic-2", slow).record();
    assert_eq!(record.cost.saved_calls, 0);
    assert_eq!(record.stop_reason, StopReason::MaxDepth);
}

fn synthesized(text: &str) -> DecisionRecord {
    sum(&["42", "41", "42"], 1)
        .without(async_orchestrator_core::Role::Implementer)
        .says("synthesizer-1", json!({"answer": text, "adopted": ["x"], "rejected": []}).to_string())
        .record()
}

#[test]
fn a_synthesis_may_not_change_the_elected_answer() {
    for text in ["The answer is 42.", "It comes to 42 apples.", "Answer: 42.00"] {
        let record = synthesized(text);
        assert_eq!(
            (record.synthesis.do_no_harm, record.answer.source),
            (DoNoHarm::SynthesisPreferred, AnswerSource::Synthesis),
            "{text}"
        );
    }
    for text in
        ["The answer is 41.", "The answer is 142.", "It comes to 142 or 42.5 apples.", "It is hard to say."]
    {
        let record = synthesized(text);
        assert_eq!(
            (record.synthesis.do_no_harm, record.answer.source),
            (DoNoHarm::WinnerKept, AnswerSource::WinnerVerbatim),
            "{text}"
        );
        assert!(!record.synthesis.done && record.synthesis.adopted.is_empty(), "{text}");
    }
}

#[test]
fn an_implementation_may_not_change_the_elected_answer() {
    let record = sum(&["42", "41", "42"], 1).says("implementer-1", "So the answer is 41.").record();
    assert_eq!(
        (record.answer.source, record.answer.text.as_str()),
        (AnswerSource::Synthesis, "The answer is 42.")
    );
    assert_eq!((record.status, record.absences[0].cause), (Status::Partial, Cause::Malformed));
    assert!(record.absences[0].why.contains("another answer"));
}

#[test]
fn the_critics_decide_between_open_proposals() {
    let record = Table::of(3, 3).prefers("critic", "gamma").record();
    assert_eq!(record.answer.winner.as_deref(), Some("p3"));
    assert_eq!(record.tally.rule, TallyRule::ClippedZMean);
}

#[test]
fn points_that_half_of_the_critics_approved_go_to_the_synthesizer() {
    let shown = |table: Table| {
        let seated = table.seat();
        seated.run().unwrap();
        super::replies::prompt(&seated.requests("synthesizer-1")[0])
    };
    let approved = |prompt: &str| {
        super::replies::blocks(prompt)
            .iter()
            .find(|block| block.name == "approved_points")
            .map(|block| block.text.to_owned())
    };
    // By default both critics give beta an 8 and approve of it.
    assert!(approved(&shown(Table::new())).unwrap().contains("beta scales"));
    assert_eq!(approved(&shown(Table::new().prefers("critic", "alpha"))), None);
    assert!(approved(&shown(Table::new().prefers("critic-1", "alpha"))).unwrap().contains("beta scales"));
}

#[test]
fn the_rule_can_be_chosen_and_the_record_names_it() {
    // Two critics put beta first, one puts alpha first and beta last: grades favour gamma, who is everybody's second.
    let table = || {
        let grades = |table: Table, critic: &str, grades: [u8; 3], best: &'static str| {
            table.ballot(critic, move |form| {
                for (plan, grade) in ["alpha", "beta", "gamma"].into_iter().zip(grades) {
                    form.grade(plan, grade);
                }
                form.value["best"] = json!(form.labels[best]);
            })
        };
        let table = grades(Table::of(3, 3), "critic-1", [4, 9, 8], "beta");
        grades(grades(table, "critic-2", [4, 9, 8], "beta"), "critic-3", [9, 0, 8], "alpha")
    };
    let decided = |table: Table| {
        let record = table.record();
        (record.tally.rule, record.answer.winner.unwrap())
    };
    assert_eq!(decided(table()), (TallyRule::ClippedZMean, String::from("p3")));
    for rule in [TallyRule::Plurality, TallyRule::Schulze, TallyRule::Condorcet] {
        assert_eq!(decided(table().rule(rule)), (rule, String::from("p2")), "the majority's first choice");
    }
    assert_eq!(
        decided(table().rule(TallyRule::JointWeights)).0,
        TallyRule::ClippedZMean,
        "weights are no rule to choose"
    );
    assert_eq!(super::record::violations(&table().rule(TallyRule::Condorcet).record()), Vec::<String>::new());
}
