//! What the later roles of a council reply: a synthesis that keeps the winner, a verdict, a delivered result.

use serde_json::{Value, json};

use super::blocks;
use crate::{
    dice::Dice,
    knowledge::{Judgement, normalised},
};

/// What a synthesis or a validation that is asked for by `schema` should say; `None` for another schema.
pub(crate) fn suggest(
    schema: &Value,
    prompt: &str,
    judgement: Option<&Judgement<'_>>,
    dice: &mut Dice,
) -> Option<Value> {
    let has = |names: &[&str]| names.iter().all(|name| !schema["properties"][name].is_null());
    if has(&["answer", "adopted", "rejected"]) {
        return synthesis(prompt);
    }
    has(&["verdict", "overruled"]).then(|| validation(prompt, judgement, dice))
}

/// The winner's answer with the approved points added, which are copied as they stand.
fn synthesis(prompt: &str) -> Option<Value> {
    let winner = blocks::called(prompt, &["winner"])?;
    let lines = blocks::called(prompt, &["points"]).unwrap_or_default().lines();
    let point =
        |line: &str| serde_json::from_str(line).unwrap_or_else(|_| line.trim_start_matches("- ").to_owned());
    let adopted: Vec<String> = lines.filter(|line| !line.trim().is_empty()).map(point).collect();
    let mut answer = winner.to_owned();
    for point in &adopted {
        answer.push_str("\n- ");
        answer.push_str(point);
    }
    Some(json!({"answer": answer, "adopted": adopted, "rejected": []}))
}

/// Pass; or, where the right answer is known, what a validator of this accuracy finds.
fn validation(prompt: &str, judgement: Option<&Judgement<'_>>, dice: &mut Dice) -> Value {
    let draft = blocks::called(prompt, &["draft"]).unwrap_or(prompt);
    let passes = judgement.is_none_or(|judgement| {
        let right = normalised(draft).contains(&normalised(judgement.answer));
        right == dice.chance(judgement.accuracy)
    });
    let (verdict, reason) = if passes {
        ("pass", "The result answers the question within its constraints.")
    } else {
        ("fail", "The result does not give the right answer to the question.")
    };
    json!({"reasons": [reason], "overruled": [], "verdict": verdict})
}

/// The decision that an implementer is given, to be delivered as it is.
pub(crate) fn delivered(prompt: &str) -> Option<&str> {
    blocks::called(prompt, &["draft"]).filter(|draft| !draft.trim().is_empty())
}
