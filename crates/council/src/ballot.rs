//! From replies to ballots: labels exactly as shown, quotes that really occur, grades that agree with the choice.

use std::{cell::LazyCell, collections::BTreeSet};

use async_orchestrator_core::{
    Ballot, BallotFlag, BallotRecord, Defect, JudgedBy, LikelihoodVerdict, ProposalRecord, Review,
    RoleOutcome, Scores, SeatId,
};

use crate::{
    books::text_of,
    proposal::{orders_its_reader, shortened},
    reply,
    reply::Unreadable,
};

/// The limits of `docs/schemas/ballot.schema.json`, in characters and items.
const DEFECTS_MAX: usize = 12;
/// How many defects of a review are looked at: each is searched for in the whole proposal.
const DEFECTS_READ_MAX: usize = 4 * DEFECTS_MAX;
const QUOTE_MAX: usize = 400;
const WHY_MAX: usize = 600;

/// The label of the proposal that stands at `place` of a ballot.
pub(crate) fn label(place: usize) -> String {
    char::from(b'A' + u8::try_from(place.min(25)).unwrap_or(25)).to_string()
}

/// A ballot that was accepted, or that says why it was not cast.
#[derive(Debug)]
pub(crate) struct ReadBallot {
    pub(crate) ballot: Ballot,
    pub(crate) judged_by: JudgedBy,
    pub(crate) defects_dropped: u32,
}

/// The ballot in `outcome`; `shown` are the proposals in the critic's order.
pub(crate) fn read_ballot(
    shown: &[&ProposalRecord],
    outcome: &RoleOutcome,
) -> Result<ReadBallot, Unreadable> {
    if let RoleOutcome::Judged(verdict) = outcome {
        return from_likelihood(shown.len(), verdict);
    }
    let mut ballot: Ballot = reply::read(text_of(outcome).unwrap_or_default())?;
    if ballot.abstain {
        return Ok(ReadBallot { ballot, judged_by: JudgedBy::Grades, defects_dropped: 0 });
    }
    let expected: BTreeSet<String> = (0..shown.len()).map(label).collect();
    let given: BTreeSet<String> = ballot.reviews.iter().map(|review| review.label.clone()).collect();
    if given != expected || ballot.reviews.len() != shown.len() {
        let labels = expected.into_iter().collect::<Vec<_>>().join(", ");
        return Err(Unreadable(format!("exactly one review is expected for each of {labels}")));
    }
    ballot.reviews.sort_by(|one, two| one.label.cmp(&two.label));
    let mut defects_dropped = 0;
    for (review, proposal) in ballot.reviews.iter_mut().zip(shown) {
        defects_dropped += judge_strictly(review, proposal)?;
    }
    ballot.best = ballot.best.filter(|best| given.contains(best));
    ballot.abstain_reason = None;
    Ok(ReadBallot { ballot, judged_by: JudgedBy::Grades, defects_dropped })
}

/// Checks one review against its proposal and gives the number of defects that were dropped.
fn judge_strictly(review: &mut Review, proposal: &ProposalRecord) -> Result<u32, Unreadable> {
    let Scores { correctness, completeness, feasibility, safety, clarity } = review.scores;
    if [correctness, completeness, feasibility, safety, clarity].into_iter().any(|grade| grade > 10) {
        return Err(Unreadable(String::from("grades run from 0 to 10")));
    }
    for share in [&mut review.p_correct, &mut review.predicted_support] {
        *share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.5 };
    }
    review.defects.truncate(DEFECTS_READ_MAX);
    let before = review.defects.len();
    let spaced = LazyCell::new(|| quotable(proposal).map(single_spaced).collect::<Vec<_>>());
    review.defects.retain(|defect| occurs(&defect.quote, proposal, || &*spaced));
    let dropped = before - review.defects.len();
    review.defects.truncate(DEFECTS_MAX);
    for defect in &mut review.defects {
        defect.quote = shortened(&defect.quote, QUOTE_MAX);
        defect.why = shortened(&defect.why, WHY_MAX);
        defect.fix = defect.fix.as_deref().map(|fix| shortened(fix, WHY_MAX));
    }
    Ok(u32::try_from(dropped).unwrap_or(u32::MAX))
}

/// The texts of a proposal that can be quoted.
fn quotable(proposal: &ProposalRecord) -> impl Iterator<Item = &str> {
    let claims = proposal.proposal.claims.iter();
    std::iter::once(proposal.proposal.answer.as_str())
        .chain(claims.flat_map(|claim| [Some(claim.text.as_str()), claim.evidence.as_deref()]).flatten())
}

/// Whether `quote` occurs in one of the texts, letter by letter but for white space; `spaced` are the texts with single spaces, asked for only where
/// the quote does not stand in one as it is.
fn occurs<'s>(quote: &str, proposal: &ProposalRecord, spaced: impl FnOnce() -> &'s [String]) -> bool {
    let quote = quote.trim();
    if quote.is_empty() {
        return false;
    }
    quotable(proposal).any(|text| text.contains(quote)) || {
        let quote = single_spaced(quote);
        spaced().iter().any(|text| text.contains(&quote))
    }
}

fn single_spaced(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !spaced.is_empty() {
            spaced.push(' ');
        }
        spaced.push_str(word);
    }
    spaced
}

/// A ballot filled in from likelihoods: the fit to the task speaks for completeness and clarity, the preference between pairs for
/// feasibility, both for correctness; safety has no signal and gets the middle for all.
///
/// Fit counts three times as much: on 18 easy pairs the embedded model's fit named the better answer 16 times, its preference 13 times.
fn from_likelihood(shown: usize, verdict: &LikelihoodVerdict) -> Result<ReadBallot, Unreadable> {
    let complete = verdict.preference.len() == shown
        && verdict.fit.len() == shown
        && verdict.preference.iter().all(|row| row.len() == shown)
        && verdict.preference.iter().flatten().chain(&verdict.fit).all(|value| value.abs() <= LOGIT_ABS_MAX);
    if !complete || shown == 0 {
        return Err(Unreadable(String::from("the likelihoods do not cover every proposal")));
    }
    let others = (shown - 1).max(1) as f64;
    let preference: Vec<f64> =
        verdict.preference.iter().map(|row| row.iter().sum::<f64>() / others).collect();
    let fit_mean = verdict.fit.iter().sum::<f64>() / shown as f64;
    let reviews: Vec<Review> = preference
        .iter()
        .zip(&verdict.fit)
        .enumerate()
        .map(|(place, (preference, fit))| {
            let preferred = sigmoid(*preference);
            let fitting = sigmoid(FIT_STEEPNESS * (fit - fit_mean));
            let merit = 0.75 * fitting + 0.25 * preferred;
            Review {
                label: label(place),
                scores: Scores {
                    correctness: tenths(merit),
                    completeness: tenths(fitting),
                    feasibility: tenths(preferred),
                    safety: 5,
                    clarity: tenths(fitting),
                },
                approve: merit >= 0.5,
                p_correct: merit,
                predicted_support: 1.0 / shown as f64,
                defects: Vec::new(),
            }
        })
        .collect();
    let best = best_label(&reviews);
    let ballot = Ballot { reviews, best, abstain: false, abstain_reason: None };
    Ok(ReadBallot { ballot, judged_by: JudgedBy::Likelihood, defects_dropped: 0 })
}

/// The largest logit that is believed: beyond it sums lose their meaning, and a broken model speaks.
const LOGIT_ABS_MAX: f64 = 1e6;

/// How steeply a difference in fit (nats a token) counts: at 0.25 nats above the mean a text is graded about 7 of 10.
const FIT_STEEPNESS: f64 = 4.0;

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of 0 to 1 gives 0 to 10"
)]
fn tenths(share: f64) -> u8 {
    (share.clamp(0.0, 1.0) * 10.0).round() as u8
}

/// The label with the best mean grade; the first of several.
fn best_label(reviews: &[Review]) -> Option<String> {
    let mut best: Option<&Review> = None;
    for review in reviews {
        if best.is_none_or(|best| review.scores.mean() > best.scores.mean()) {
            best = Some(review);
        }
    }
    best.map(|review| review.label.clone())
}

/// The record of an accepted ballot, with its weight and what is odd about it.
pub(crate) fn enter(
    id: String,
    seat: SeatId,
    shown: &[&ProposalRecord],
    read: ReadBallot,
    repaired: bool,
    same_family: bool,
) -> BallotRecord {
    let mut flags = Vec::new();
    let consistent = agrees_with_its_grades(&read.ballot);
    if !consistent {
        flags.push(BallotFlag::Inconsistent);
    }
    if repaired {
        flags.push(BallotFlag::Repaired);
    }
    if shown.iter().any(|proposal| orders_its_reader(&proposal.proposal.answer)) {
        flags.push(BallotFlag::InjectionSuspected);
    }
    if same_family {
        flags.push(BallotFlag::SameFamily);
    }
    BallotRecord {
        id,
        seat,
        order: shown.iter().map(|proposal| proposal.id.clone()).collect(),
        ballot: read.ballot,
        weight: if consistent { 1.0 } else { 0.5 },
        flags,
        judged_by: read.judged_by,
        defects_dropped: read.defects_dropped,
    }
}

fn agrees_with_its_grades(ballot: &Ballot) -> bool {
    let Some(best) = &ballot.best else { return true };
    let top = ballot.reviews.iter().map(|review| review.scores.mean()).fold(f64::MIN, f64::max);
    ballot.reviews.iter().any(|review| review.label == *best && review.scores.mean() >= top)
}

/// The review of the proposal called `id` in `ballot`, whatever label it had there; `None` if the critic was not shown it.
pub fn review_of<'a>(ballot: &'a BallotRecord, id: &str) -> Option<&'a Review> {
    let place = ballot.order.iter().position(|shown| shown == id)?;
    let label = label(place);
    ballot.ballot.reviews.iter().find(|review| review.label == label)
}

/// The proposal that a ballot calls its best.
pub(crate) fn best_of(ballot: &BallotRecord) -> Option<&str> {
    let best = ballot.ballot.best.as_deref()?;
    ballot.order.iter().enumerate().find(|(place, _)| label(*place) == best).map(|(_, id)| id.as_str())
}

/// The critical defects of proposal `id`, with the ballot that names each.
pub(crate) fn critical_defects<'a>(
    ballots: &'a [BallotRecord],
    id: &'a str,
) -> impl Iterator<Item = (&'a BallotRecord, &'a Defect)> {
    ballots.iter().flat_map(move |ballot| {
        let defects = review_of(ballot, id).map(|review| review.defects.as_slice()).unwrap_or_default();
        defects
            .iter()
            .filter(|defect| defect.severity == async_orchestrator_core::Severity::Critical)
            .map(move |defect| (ballot, defect))
    })
}
