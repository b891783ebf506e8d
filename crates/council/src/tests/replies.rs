//! What scripted models say: good replies for every stage, ballots to be filled in, and the way back from a prompt to what it shows.

use std::collections::BTreeMap;

use async_orchestrator_core::{CallContext, CompletionRequest, test_util::Script};
use async_orchestrator_prompts::{FencedBlock, fenced_blocks};
use serde_json::{Value, json};

use super::table::TOOK;

/// What each proposer proposes, in the order of seats.
pub(super) const PLANS: [&str; 5] = ["alpha", "beta", "gamma", "delta", "omega"];

/// Answers with `text` after the usual time.
pub(super) fn said(text: impl Into<String>) -> Script {
    Script::Answer { after: TOOK, text: text.into() }
}

pub(super) fn proposal(answer: &str, key: Option<&str>, claim: &str) -> Value {
    json!({
        "answer": answer,
        "answer_key": key,
        "claims": [{"id": "c1", "text": claim, "evidence": null}],
        "confidence": 0.7,
        "abstain": false,
    })
}

pub(super) fn plan(name: &str) -> Value {
    proposal(&format!("Plan {name}: split by {name}, then measure."), None, &format!("{name} scales"))
}

pub(super) fn default_reply(context: &CallContext, request: &CompletionRequest) -> Script {
    let stage = context.call.split('/').nth(1).unwrap_or_default();
    let name = PLANS[usize::from(context.seat.number - 1) % PLANS.len()];
    said(match stage {
        "answer" => String::from("Paris."),
        "propose" => plan(name).to_string(),
        "review" => BallotForm::of(request).value.to_string(),
        "synthesize" => {
            json!({"answer": "Synthesis of the plans.", "adopted": ["beta scales"], "rejected": []})
                .to_string()
        }
        "implement" => String::from("Worked out in steps."),
        "validate" => json!({"reasons": ["it is sound"], "overruled": [], "verdict": "pass"}).to_string(),
        "repair" => String::from("Repaired."),
        "observe" => json!({"note": "Nothing stands out."}).to_string(),
        other => panic!("no reply for {other}"),
    })
}

/// A ballot to be filled in, with the labels by which its critic knows the plans.
pub(super) struct BallotForm {
    pub(super) value: Value,
    pub(super) labels: BTreeMap<String, String>,
}

impl BallotForm {
    /// Grades fall with the alphabet: alpha 9, beta 8, ...
    pub(super) fn of(request: &CompletionRequest) -> Self {
        let prompt = prompt(request);
        let labels: BTreeMap<String, String> = blocks(&prompt)
            .into_iter()
            .filter_map(|block| Some((plan_of(block.text), block.name.strip_prefix("proposal ")?.to_owned())))
            .collect();
        let reviews: Vec<Value> = labels.iter().map(|(plan, label)| review(label, grade(plan))).collect();
        let best = labels.get("alpha").or_else(|| labels.values().next());
        let value = json!({"reviews": reviews, "best": best, "abstain": false, "abstain_reason": null});
        Self { value, labels }
    }

    fn review_of(&mut self, plan: &str) -> &mut Value {
        let label = self.labels[plan].clone();
        let reviews = self.value["reviews"].as_array_mut().unwrap();
        reviews.iter_mut().find(|review| review["label"] == json!(label)).unwrap()
    }

    pub(super) fn grade(&mut self, plan: &str, grade: u8) {
        let label = self.labels[plan].clone();
        *self.review_of(plan) = review(&label, grade);
    }

    pub(super) fn prefer(&mut self, plan: &str) {
        for other in self.labels.keys().cloned().collect::<Vec<_>>() {
            self.grade(&other, if other == plan { 9 } else { 4 });
        }
        self.value["best"] = json!(self.labels[plan]);
    }

    pub(super) fn defect(&mut self, plan: &str, severity: &str, quote: &str, why: &str) {
        let defect = json!({"severity": severity, "claim_id": null, "quote": quote, "why": why, "fix": null});
        self.review_of(plan)["defects"].as_array_mut().unwrap().push(defect);
    }
}

fn grade(plan: &str) -> u8 {
    9 - u8::try_from(PLANS.iter().position(|known| *known == plan).unwrap_or(0)).unwrap()
}

fn review(label: &str, grade: u8) -> Value {
    let scores: serde_json::Map<String, Value> =
        ["correctness", "completeness", "feasibility", "safety", "clarity"]
            .into_iter()
            .map(|criterion| (criterion.to_owned(), json!(grade)))
            .collect();
    json!({"label": label, "defects": [], "scores": scores, "approve": grade >= 6, "p_correct": 0.5, "predicted_support": 0.5})
}

/// The plan that a text is about.
pub(super) fn plan_of(text: &str) -> String {
    PLANS.into_iter().find(|plan| text.contains(plan)).unwrap_or("alpha").to_owned()
}

/// Everything that a model was shown.
pub(super) fn prompt(request: &CompletionRequest) -> String {
    request.messages.iter().map(|message| message.content.as_str()).collect::<Vec<_>>().join("\n")
}

/// The fenced blocks of a prompt, with the mark that its own data rule names.
pub(super) fn blocks(prompt: &str) -> Vec<FencedBlock<'_>> {
    let mark = prompt.split("<data-").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    fenced_blocks(prompt, mark)
}
