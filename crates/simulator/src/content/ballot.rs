//! A ballot over the candidates that a request shows.
//!
//! A candidate's quality is drawn from its text, so that all critics see the same candidates as good or bad; each
//! model adds noise of its own. Where the right answer is known, a critic notices whether a candidate has it with the
//! probability that the persona is accurate.

use serde_json::{Value, json};

use super::candidates::Candidate;
use crate::{
    dice::{Dice, fingerprint},
    knowledge::{Judgement, normalised},
};

const CRITERIA: [&str; 5] = ["correctness", "completeness", "feasibility", "safety", "clarity"];
/// Candidates below this mean grade get a defect named.
const DEFECT_BELOW: f64 = 7.0;
const APPROVED_FROM: f64 = 6.0;

/// Whether the object described by `schema` is a ballot: it has reviews and a best label.
pub(crate) fn is_asked(schema: &Value) -> bool {
    ["reviews", "best"].iter().all(|name| schema.pointer(&format!("/properties/{name}")).is_some())
}

/// The labels that the schema itself prescribes, by `const` or `enum`; empty where it leaves them open.
pub(crate) fn prescribed(schema: &Value) -> Vec<char> {
    let reviews = &schema["properties"]["reviews"];
    let label = |item: &Value| follow(schema, &follow(schema, item)["properties"]["label"]).clone();
    let single = |text: &Value| text.as_str().and_then(|text| text.chars().next());
    if let Some(places) = reviews["prefixItems"].as_array() {
        return places.iter().filter_map(|place| single(&label(place)["const"])).collect();
    }
    let label = label(&reviews["items"]);
    let listed = label["enum"].as_array().map(|list| list.iter().filter_map(single).collect());
    listed.unwrap_or_else(|| single(&label["const"]).into_iter().collect())
}

fn follow<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let target = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    target.and_then(|pointer| root.pointer(pointer)).unwrap_or(schema)
}

/// What the persona votes about `candidates`; an abstention where there is nothing to vote about.
pub(crate) fn suggest(
    candidates: &[Candidate],
    judgement: Option<&Judgement<'_>>,
    seed: &Dice,
    own: &mut Dice,
) -> Value {
    if candidates.is_empty() {
        return json!({"reviews": [], "best": null, "abstain": true, "abstain_reason": "insufficient_context"});
    }
    let mut graded: Vec<(char, Vec<u8>, f64)> = Vec::new();
    for candidate in candidates {
        let grades = grades(candidate, judgement, seed, own);
        let mean = grades.iter().copied().map(f64::from).sum::<f64>() / grades.len() as f64;
        graded.push((candidate.label, grades, mean));
    }
    // The first of the best grades: a tie goes to the candidate shown first, which the grades do not contradict.
    let highest = graded.iter().map(|(_, _, mean)| *mean).fold(f64::NEG_INFINITY, f64::max);
    let best = graded.iter().find(|(_, _, mean)| *mean >= highest).map(|(label, _, _)| label.to_string());
    let weights: f64 = graded.iter().map(|(_, _, mean)| mean.exp()).sum();
    let reviews: Vec<Value> = candidates
        .iter()
        .zip(&graded)
        .map(|(candidate, (label, grades, mean))| {
            let scores: serde_json::Map<String, Value> = CRITERIA
                .iter()
                .zip(grades)
                .map(|(name, grade)| ((*name).to_owned(), (*grade).into()))
                .collect();
            json!({
                "label": label.to_string(),
                "scores": scores,
                "approve": *mean >= APPROVED_FROM,
                "p_correct": hundredths((mean / 10.0).clamp(0.05, 0.95)),
                "predicted_support": hundredths(mean.exp() / weights),
                "defects": defects(candidate, *mean, own),
            })
        })
        .collect();
    json!({"reviews": reviews, "best": best, "abstain": false, "abstain_reason": null})
}

fn grades(candidate: &Candidate, judgement: Option<&Judgement<'_>>, seed: &Dice, own: &mut Dice) -> Vec<u8> {
    let quality = match judgement {
        Some(judgement) => {
            let right = normalised(&candidate.text).contains(&normalised(judgement.answer));
            if right == own.chance(judgement.accuracy) { 8.2 } else { 3.8 }
        }
        None => 6.5 + 1.2 * seed.at(fingerprint(candidate.text.trim())).normal(),
    };
    let noisy = CRITERIA.iter().map(|_| (quality + 0.8 * own.normal()).round().clamp(0.0, 10.0));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0..=10 just before"
    )]
    noisy.map(|grade| grade as u8).collect()
}

fn defects(candidate: &Candidate, mean: f64, own: &mut Dice) -> Vec<Value> {
    if mean >= DEFECT_BELOW {
        return vec![];
    }
    let Some(quote) = candidate.quote() else { return vec![] };
    let severity = if mean < 4.5 { "major" } else { "minor" };
    let why = own.pick(&[
        "The statement is not backed by anything in the proposal.",
        "The step leaves open who does it and how its success is measured.",
        "The case in which this fails is not considered.",
    ]);
    let fix = own.chance(0.5).then_some("Name the measurement that would show it.");
    vec![
        json!({"severity": severity, "claim_id": candidate.claim_id(), "quote": quote, "why": why, "fix": fix}),
    ]
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
