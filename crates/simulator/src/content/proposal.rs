//! A proposal about the question of a request.

use serde_json::{Value, json};

use super::prose::Topic;
use crate::{dice::Dice, knowledge::Belief};

const CLAIMS: std::ops::RangeInclusive<usize> = 2..=4;

/// Whether the object described by `schema` is a proposal: it has an answer, its key and claims.
pub(crate) fn is_asked(schema: &Value) -> bool {
    ["answer", "answer_key", "claims"]
        .iter()
        .all(|name| schema.pointer(&format!("/properties/{name}")).is_some())
}

/// What the persona proposes: its belief where it has one, `text` as the answer where that was recorded.
pub(crate) fn suggest(question: &str, belief: Option<&Belief>, text: Option<&str>, dice: &mut Dice) -> Value {
    let topic = Topic::of(question);
    let count = CLAIMS.start() + dice.below(CLAIMS.count());
    let points = topic.sentences(count, dice);
    let key = belief.map(|belief| belief.answer.as_str());
    let answer = match (text, key) {
        (Some(text), _) => text.to_owned(),
        (None, Some(key)) => format!("The answer is {key}. {}.", points.join(". ")),
        (None, None) => topic.answer(&points),
    };
    let claims: Vec<Value> = points
        .iter()
        .enumerate()
        .map(|(index, point)| {
            let evidence = dice.chance(0.5).then_some("Follows from the demands named in the question.");
            json!({"id": format!("c{}", index + 1), "text": format!("{point}."), "evidence": evidence})
        })
        .collect();
    let confidence = (dice.between(0.55, 0.95) * 100.0).round() / 100.0;
    json!({"answer_key": key, "answer": answer, "claims": claims, "confidence": confidence, "abstain": false})
}
