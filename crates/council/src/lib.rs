//! Runs a deliberation of language models and writes its decision record.
//!
//! A [`Council`] has a [`Panel`] of seats. [`Council::run`] asks them as the algorithm says: independent proposals that are fixed before anyone
//! reads them, blind review in an order per critic, a real election, a synthesis anchored on the winner, executable checks first, and minority
//! reports in the dissenters' own words.
//!
//! It knows no HTTP, no vendor, no retry and no breaker: a seat's provider brings those along. One role failing never ends a run: it becomes an
//! absence in the record. [`CouncilError`] means that nobody could answer, or that the caller wanted no less than a quorum.

mod ballot;
mod books;
mod checks;
mod council;
mod depth;
mod error;
mod fan_out;
mod fork;
mod log;
mod panel;
mod past;
mod proposal;
mod replay;
mod reply;
mod resumption;
mod run;
mod said;
mod setup;
#[cfg(test)]
mod tests;
mod trusted;
mod vote;

pub use ballot::review_of;
pub use checks::{CHECK_LATE, Checker, OWN_CHECKS};
pub use council::{Council, RunInputs};
pub use depth::{Depth, stop_at};
pub use error::{CouncilError, SeatFailure};
pub use fork::Fork;
pub use log::Unrecorded;
pub use panel::{
    InvalidPanel, InvalidQuorum, InvalidRequest, Panel, Quorum, Seat, TEXT_BYTES_MAX, check_request,
};
pub use past::InvalidPast;
pub use resumption::Resumption;
pub use trusted::calibration_id;
