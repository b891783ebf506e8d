//! When two answers are the same answer: exact rules for closed questions, a normalised key for open ones.
//!
//! The rules only take away spelling, never sense. What they cannot read has no key and stands alone.

mod boolean;
mod choice;
mod json;
mod literal;
mod number;
mod plain;
mod reply;

use std::collections::BTreeMap;

use async_orchestrator_core::{AnswerKind, Proposal};

/// The key under which equal answers are equal; `None` if the proposal abstains or its answer cannot be read.
///
/// For a closed question the proposal's `answer_key` is read; where that fails, its `answer`: what follows the last "answer is",
/// "Answer:", `\boxed{}` or `####`, then the whole text, then its last line. Applying the function to its own result changes nothing.
///
/// - **Choice**: one letter, upper case. `(B)`, `B.`, `**b**`, `Answer: B) Paris` are `B`; two letters are none.
/// - **Number**: a decimal without superfluous zeros, or a fraction in lowest terms where the decimal would not end. Read are signs (the
///   Unicode minus too), thousands separators (`1,234.50`, `1.234,50`, `1 234,5`, `1'234`), exponents (`1e3`, `2 × 10^3`), fractions
///   (`3/4`, `1 1/2`, `\frac{3}{4}`), scales (`1.5 million`), the words zero to twenty, and digits of other scripts. One comma before
///   exactly three digits separates thousands (`1,234`), any other is a decimal comma (`3,5`); one point is always decimal. Currency, `%` and unit
///   are dropped, because the question fixes them: in recorded answers of real models to word problems, `50%` against `50` is
///   the same answer in 18 of 19 cases. Nothing is rounded: 0.333 is not 1/3. A root, a logarithm, π and ∞ keep their signs, in one spelling:
///   `2\sqrt{3}` is `2√3`.
/// - **Boolean**: `yes` or `no`, from yes, true, correct and their like in ten languages, alone or before punctuation (`Yes, because ...`).
/// - **Literal**: what a program prints, spelled exactly; `[1, 2]` is `[1,2]`, `'a'` is `a`, and `a` is not `A`.
/// - **JSON**: canonical JSON (sorted keys, no white space, 1.0 as 1) of the `answer`, bare or in a code fence, else of the key.
/// - **Text**: the `answer_key` in lower case with single spaces, without quotes and punctuation around it.
///
/// ```
/// use async_orchestrator_core::{AnswerKind, Proposal};
/// use async_orchestrator_tally::canonical_key;
///
/// let proposal = |key: &str| Proposal {
///     answer_key: Some(key.to_owned()),
///     answer: String::new(),
///     claims: vec![],
///     confidence: 0.9,
///     abstain: false,
/// };
/// assert_eq!(canonical_key(AnswerKind::Number, &proposal("$1,234.50")).as_deref(), Some("1234.5"));
/// assert_eq!(canonical_key(AnswerKind::Choice, &proposal("(b)")).as_deref(), Some("B"));
/// assert_eq!(canonical_key(AnswerKind::Boolean, &proposal("Ja.")).as_deref(), Some("yes"));
/// ```
pub fn canonical_key(kind: AnswerKind, proposal: &Proposal) -> Option<String> {
    if proposal.abstain {
        return None;
    }
    let key = proposal.answer_key.as_deref();
    match kind {
        AnswerKind::Choice => read(key, &proposal.answer, choice::letter),
        AnswerKind::Number => read(key, &proposal.answer, number::canonical),
        AnswerKind::Boolean => read(key, &proposal.answer, boolean::yes_or_no),
        AnswerKind::Literal => read(key, &proposal.answer, literal::canonical),
        AnswerKind::Json => json::document(&proposal.answer).or_else(|| json::document(key?)),
        AnswerKind::Text => plain::normalised(key?),
    }
}

/// The proposals that answer, grouped by equal answers: indices, in the order of each group's first member.
///
/// A proposal without a key is a group of its own; one that abstains is in no group.
pub fn clusters(kind: AnswerKind, proposals: &[&Proposal]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for (index, proposal) in proposals.iter().enumerate() {
        if proposal.abstain {
            continue;
        }
        let key = canonical_key(kind, proposal);
        if let Some(&group) = key.as_ref().and_then(|key| known.get(key)) {
            groups[group].push(index);
        } else {
            known.extend(key.map(|key| (key, groups.len())));
            groups.push(vec![index]);
        }
    }
    groups
}

/// Reads the key, else the answer's text in the places where a final answer stands.
fn read(key: Option<&str>, answer: &str, rule: fn(&str) -> Option<String>) -> Option<String> {
    key.and_then(rule).or_else(|| reply::places(answer).into_iter().find_map(rule))
}

#[cfg(test)]
mod tests;
