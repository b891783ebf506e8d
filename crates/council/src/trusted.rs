//! What a table of trust says of one election: the rule, the weights, and how sure the result is.

use std::{collections::BTreeMap, sync::Arc};

use async_orchestrator_core::{Confidence, ConfidenceBasis, SeatId, TallyRule, canonical_hash};
use async_orchestrator_tally::{self as tally, Election, ReviewWeight, Trust, Vote, Weights};

/// A table and the name of the calibration that it brings along.
#[derive(Clone, Debug)]
pub(crate) struct Trusted {
    table: Arc<Trust>,
    calibration: Option<String>,
}

/// The hexadecimal digits of the table's hash in the calibration's name.
const HASH_DIGITS: usize = 12;

/// The seats' models, as the table names them.
pub(crate) type Members = BTreeMap<SeatId, String>;

impl Trusted {
    pub(crate) fn new(table: Arc<Trust>) -> Self {
        let calibration = calibration_id(&table);
        Self { table, calibration }
    }

    /// Whether probabilities that follow from the table are calibrated.
    pub(crate) fn table(&self) -> &Trust {
        &self.table
    }

    pub(crate) fn is_calibrated(&self) -> bool {
        self.calibration.is_some()
    }

    /// How often `member` is right on questions of `class`; `None` of those of whom nothing is known.
    pub(crate) fn skill(&self, member: &str, class: &str) -> Option<f64> {
        self.table.members.contains_key(member).then(|| self.table.skill(member, class))
    }

    /// The rule and the weights of an election over `votes`; `None` where the table knows too little of these voters.
    pub(crate) fn weights(&self, class: &str, votes: &[Vote<'_>]) -> Option<(TallyRule, Weights)> {
        self.table.weights(class, votes)
    }

    /// What each critic's review says, by its seat; critics that were not measured are left out.
    pub(crate) fn reviews(&self, critics: &Members) -> BTreeMap<String, ReviewWeight> {
        let review =
            |(seat, member): (&SeatId, &String)| Some((seat.to_string(), self.table.review_weight(member)?));
        critics.iter().filter_map(review).collect()
    }

    /// The weight of a review by `member`, if it was measured.
    pub(crate) fn review_weight(&self, member: &str) -> Option<ReviewWeight> {
        self.table.review_weight(member)
    }
}

/// The name by which a record refers to the calibration of `table`: `trust:`, the first twelve hexadecimal digits of the table's canonical
/// BLAKE3 hash, `/`, and how many labelled questions its weights were fitted to. `None` where it [is not calibrated](Trust::is_calibrated).
pub fn calibration_id(table: &Trust) -> Option<String> {
    let labelled = table.fit.as_ref().filter(|_| table.is_calibrated())?.labelled;
    let hash = canonical_hash(table).ok()?;
    let digits = hash.strip_prefix("blake3:").unwrap_or(&hash).get(..HASH_DIGITS)?;
    Some(format!("trust:{digits}/{labelled}"))
}

/// How sure the winner of `election` is: a probability where the table is calibrated and knows one, else nothing but the raw posterior.
pub(crate) fn confidence(trusted: Option<&Trusted>, election: &Election) -> Confidence {
    calibrated(trusted, tally::probability(election))
}

/// The probability of being right, if it is known and calibrated.
pub(crate) fn calibrated(trusted: Option<&Trusted>, p_correct: Option<f64>) -> Confidence {
    let calibration = trusted.and_then(|trusted| trusted.calibration.clone());
    match calibration.zip(p_correct) {
        Some((calibration, p_correct)) => Confidence {
            p_correct: Some(p_correct),
            calibrated: true,
            basis: ConfidenceBasis::CalibratedPosterior,
            calibration_id: Some(calibration),
        },
        None => uncalibrated(ConfidenceBasis::RawPosterior),
    }
}

/// No probability is stated.
pub(crate) const fn uncalibrated(basis: ConfidenceBasis) -> Confidence {
    Confidence { p_correct: None, calibrated: false, basis, calibration_id: None }
}
