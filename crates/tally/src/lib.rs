//! Elections as pure functions: ballots in, winner, posterior and dissent out.
//!
//! No time, no I/O, no model. The same election gives the same [`Tally`](async_orchestrator_core::Tally) to the bit, in whatever
//! order candidates, ballots and supporters are handed in.
//!
//! # Who votes
//! A **critic** votes with its [`GradedBallot`]: the ranking follows from the grades, equal grades are ties, and what it did not grade
//! it does not compare. A **proposer** votes with weight 1 for the answer that it proposed and is indifferent between the others.
//! Plurality, approval, Borda, Schulze and the pairwise matrix count both; the clipped z-mean counts ballots alone, because a
//! proposer grades nothing.
//!
//! # Example
//! ```
//! use async_orchestrator_tally::{Candidate, Election, GradedBallot, RuleChoice, blocs, decide};
//!
//! # fn main() -> Result<(), async_orchestrator_tally::InvalidElection> {
//! let candidate = |id: &str, seat: &str| Candidate { id: id.to_owned(), supporters: vec![seat.to_owned()] };
//! let ballot = |voter: &str, grades: [f64; 2]| GradedBallot {
//!     voter: voter.to_owned(),
//!     weight: 1.0,
//!     grades: grades.map(Some).to_vec(),
//!     approvals: grades.map(|grade| grade >= 6.0).to_vec(),
//!     predicted_support: vec![None; 2],
//! };
//! let election = Election::try_new(
//!     vec![candidate("p1", "proposer-1"), candidate("p2", "proposer-2")],
//!     vec![ballot("critic-1", [8.0, 5.0]), ballot("critic-2", [9.0, 7.5])],
//!     RuleChoice::Open,
//!     7,
//! )?;
//! let tally = decide(&election);
//! assert_eq!(tally.winner.as_deref(), Some("p1"));
//! assert!(tally.rule_agreement);
//! // The other proposer still prefers its own answer: one voter of four.
//! assert_eq!(blocs(&election, &tally)[0].share, 0.25);
//! # Ok(())
//! # }
//! ```

mod blocs;
mod canonical;
mod decide;
mod election;
mod learn;
mod mix;
mod orders;
mod posterior;
mod rules;
mod sum;
mod trust;
mod unassailable;

pub use blocs::{Bloc, blocs};
pub use canonical::{canonical_key, clusters};
pub use decide::{VERSION, decide, probability};
pub use election::{
    BALLOTS_MAX, CANDIDATES_MAX, Candidate, Dropped, Election, GRADE_ABS_MAX, GradedBallot, InvalidElection,
    NATS_MAX, ReviewWeight, RuleChoice, WEIGHT_MAX, Weights,
};
pub use orders::orders;
pub use posterior::{RHO_DEFAULT, effective_votes};
pub use rules::Z_CLIP;
pub use trust::{
    CALIBRATED_FROM, Curve, Fit, InvalidTrust, LOG_ODDS_FROM, Labelled, Member, Pair, Pull, REVIEWS_FROM,
    Record, Reviews, TRUST_SCHEMA, Trust, Vote,
};
pub use unassailable::unassailable;

#[cfg(test)]
mod tests;
