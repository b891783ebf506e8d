//! How a run ends without an answer.

use std::fmt;

use async_orchestrator_core::{Cause, NotCanonical, SeatId, StoreError};
use async_orchestrator_prompts::PromptError;

use crate::{InvalidPast, InvalidRequest};

/// A seat that came to nothing, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatFailure {
    /// The seat.
    pub seat: SeatId,
    /// Why.
    pub cause: Cause,
    /// The same for people.
    pub why: String,
}

impl fmt::Display for SeatFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.seat, self.cause, self.why)
    }
}

/// Why nobody could answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CouncilError {
    /// The request cannot be asked.
    #[error(transparent)]
    Request(#[from] InvalidRequest),
    /// No seat gave an answer.
    #[error("nobody answered: {}", listed(.failures))]
    NoAnswer {
        /// Every seat that was asked and why it came to nothing.
        failures: Vec<SeatFailure>,
    },
    /// The quorum was not reached and the caller wanted no less.
    #[error(
        "the quorum was not reached ({proposals} valid proposals, {ballots} valid ballots) and the run is strict: {}",
        listed(.failures)
    )]
    Quorum {
        /// Valid proposals.
        proposals: usize,
        /// Valid ballots.
        ballots: usize,
        /// Every seat that came to nothing, and why.
        failures: Vec<SeatFailure>,
    },
    /// A prompt could not be rendered.
    #[error("a prompt could not be rendered")]
    Prompt(#[from] PromptError),
    /// The journal could not be written: the run does not go on unrecorded.
    #[error("the run could not be recorded")]
    Journal(#[source] StoreError),
    /// The journal of a run that was to be gone on with, or replayed, cannot be used.
    #[error("the run cannot be taken up again")]
    Past(#[from] InvalidPast),
    /// The run does not go the way that its journal tells.
    #[error(
        "the run does not go the way it went before: it differs at entry {index} of its journal ({what})"
    )]
    Diverged {
        /// The entry.
        index: u64,
        /// What the entry is about.
        what: String,
    },
    /// The record could not be written as JSON.
    #[error("the record could not be made")]
    Record(#[source] NotCanonical),
}

impl CouncilError {
    /// The seats that came to nothing, where that is the reason.
    pub fn failures(&self) -> &[SeatFailure] {
        match self {
            Self::NoAnswer { failures } | Self::Quorum { failures, .. } => failures,
            Self::Request(_)
            | Self::Prompt(_)
            | Self::Journal(_)
            | Self::Past(_)
            | Self::Diverged { .. }
            | Self::Record(_) => &[],
        }
    }
}

fn listed(failures: &[SeatFailure]) -> String {
    failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
