//! From replies to proposals: read, bounded, committed, grouped by equal answers.

use std::collections::BTreeMap;

use async_orchestrator_core::{
    AnswerKind, Claim, Proposal, ProposalRecord, RoleOutcome, SeatId, canonical_hash,
};
use async_orchestrator_prompts::{BriefAnswer, ReplyKind};
use async_orchestrator_tally::canonical_key;

use crate::{CouncilError, books::text_of, reply, reply::Unreadable};

/// The limits of `docs/schemas/proposal.schema.json`, in characters and items.
const ANSWER_KEY_MAX: usize = 256;
const CLAIMS_MAX: usize = 32;
const CLAIM_MAX: usize = 600;
const EVIDENCE_MAX: usize = 1_200;

/// The proposal in `outcome`, read as `kind` says.
pub(crate) fn read_proposal(kind: ReplyKind, outcome: &RoleOutcome) -> Result<Proposal, Unreadable> {
    let text = text_of(outcome).unwrap_or_default();
    let proposal = match kind {
        ReplyKind::Proposal => reply::read::<Proposal>(text)?,
        ReplyKind::BriefAnswer => reply::read::<BriefAnswer>(text)?.into_proposal(),
        ReplyKind::CallerSchema => {
            let document = reply::json_in(text)?;
            plain(document.to_string())
        }
        _ => plain(text.trim().to_owned()),
    };
    if proposal.answer.trim().is_empty() && !proposal.abstain {
        return Err(Unreadable(String::from("the answer is empty")));
    }
    Ok(bounded(proposal))
}

/// A proposal that is only a text. What it says of its confidence is unknown: 0.5, which is no weight in any case.
pub(crate) fn plain(answer: String) -> Proposal {
    Proposal { answer_key: None, answer, claims: Vec::new(), confidence: 0.5, abstain: false }
}

/// A reply in prose as a proposal. What was meant to be JSON and is not is no prose.
pub(crate) fn prose(text: &str) -> Option<Proposal> {
    let text = text.trim();
    (!text.is_empty() && !text.starts_with(['{', '[', '`'])).then(|| bounded(plain(text.to_owned())))
}

fn bounded(mut proposal: Proposal) -> Proposal {
    proposal.claims.truncate(CLAIMS_MAX);
    for (at, claim) in proposal.claims.iter_mut().enumerate() {
        *claim = Claim {
            id: format!("c{}", at + 1),
            text: shortened(&claim.text, CLAIM_MAX),
            evidence: claim.evidence.as_deref().map(|evidence| shortened(evidence, EVIDENCE_MAX)),
        };
    }
    // A key that long is no key; the answer itself is never cut.
    proposal.answer_key = proposal.answer_key.filter(|key| key.chars().count() <= ANSWER_KEY_MAX);
    proposal.confidence =
        if proposal.confidence.is_finite() { proposal.confidence.clamp(0.0, 1.0) } else { 0.5 };
    proposal
}

/// At most `chars_max` characters of `text`.
pub(crate) fn shortened(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some((end, _)) => text[..end].to_owned(),
    }
}

/// Fixes the proposals: names, commit hashes, groups of equal answers. `revealed_after` is set when they are revealed.
pub(crate) fn commit(
    kind: AnswerKind,
    proposals: Vec<(SeatId, Proposal)>,
) -> Result<Vec<ProposalRecord>, CouncilError> {
    let mut clusters: BTreeMap<String, String> = BTreeMap::new();
    let mut records = Vec::with_capacity(proposals.len());
    for (at, (seat, proposal)) in proposals.into_iter().enumerate() {
        let id = format!("p{}", at + 1);
        let commit = canonical_hash(&proposal).map_err(CouncilError::Record)?;
        let key = if proposal.abstain { None } else { canonical_key(kind, &proposal) };
        let cluster = match key {
            Some(key) => clusters.entry(key).or_insert_with(|| id.clone()).clone(),
            None => id.clone(),
        };
        records.push(ProposalRecord {
            commit,
            revealed_after: 0,
            cluster,
            confidence_raw: proposal.confidence,
            abstained: proposal.abstain,
            unread: false,
            id,
            seat,
            proposal,
        });
    }
    // Whose answer to a closed question cannot be read has no vote, unless that is so of everybody.
    let is_read = |record: &ProposalRecord| short_key(kind, &record.proposal).is_some();
    if kind.is_short() && records.iter().any(is_read) {
        for record in &mut records {
            record.unread = !record.abstained && !is_read(record);
        }
    }
    Ok(records)
}

/// Whether `text` still gives the answer of `winner`: for a choice, a number and a yes or no their canonical forms must be equal, or,
/// where the text does not say its answer in a form that can be read, the answer must at least stand in it as a word.
pub(crate) fn gives_the_answer_of(winner: &Proposal, kind: AnswerKind, text: &str) -> bool {
    let Some(key) = short_key(kind, winner) else { return true };
    match canonical_key(kind, &plain(text.to_owned())) {
        Some(found) => found == key,
        None => {
            stands_in(text, &key)
                || winner.answer_key.as_deref().is_some_and(|raw| stands_in(text, raw.trim()))
        }
    }
}

/// The canonical answer where it is a short one; a document and a text have none.
pub(crate) fn short_key(kind: AnswerKind, proposal: &Proposal) -> Option<String> {
    if kind.is_short() { canonical_key(kind, proposal) } else { None }
}

/// Whether `word` stands in `text` with nothing before or after it that would make it another word or number.
fn stands_in(text: &str, word: &str) -> bool {
    let (text, word) = (text.to_lowercase(), word.to_lowercase());
    !word.is_empty()
        && text.match_indices(&word).any(|(at, _)| {
            let (before, after) = (&text[..at], &text[at + word.len()..]);
            let mut following = after.chars();
            let next = following.next();
            let decimal = matches!(next, Some('.' | ',')) && following.next().is_some_and(char::is_numeric);
            let led = before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | ',' | '-'));
            !led && !next.is_some_and(char::is_alphanumeric) && !decimal
        })
}

/// The proposals that stand for election: those that did not abstain and, for a closed question, can be read.
pub(crate) fn standing(records: &[ProposalRecord]) -> Vec<&ProposalRecord> {
    records.iter().filter(|record| !record.abstained && !record.unread).collect()
}

/// Whether `text` seems to give orders to whoever reads it. Such a text is still only data; the flag tells a reader of the record.
pub(crate) fn orders_its_reader(text: &str) -> bool {
    let text = text.to_lowercase();
    let phrases = [
        "ignore all previous",
        "ignore previous instructions",
        "ignore the above",
        "disregard previous",
        "disregard all previous",
        "disregard the above",
        "you are now",
        "new system prompt",
        "vote for this proposal",
        "give this proposal",
        "rate this proposal",
        "give this answer the highest",
        "as the critic, you must",
    ];
    phrases.iter().any(|phrase| text.contains(phrase))
}
