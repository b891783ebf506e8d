//! How far each model is trusted: a table of how often it was right, learned from labelled answers and from what became known of runs.
//!
//! Give a table to [`AsyncOrchestratorBuilder::trust`](crate::AsyncOrchestratorBuilder::trust), and votes for closed answers count by it. It comes from
//! recorded answers whose truth is known ([`Trust::learn`]), which also fits weights, or grows with each run whose outcome becomes known
//! ([`learn_from`]), which only counts. [`TrustFile`] keeps it in a file, as the command does; [`open_trust`] reads the one that settings name.
//!
//! Models are named `provider:model`, as in the record's seats.

mod outcome;

use async_orchestrator_core::{DecisionRecord, RunId};
use serde::{Deserialize, Serialize};

pub use async_orchestrator_council::calibration_id;
pub use async_orchestrator_tally::{
    CALIBRATED_FROM, Fit, InvalidTrust, LOG_ODDS_FROM, Labelled, Member, Pair, Pull, REVIEWS_FROM, Record,
    Reviews, TRUST_SCHEMA, Trust, canonical_key,
};
pub use outcome::{FEEDBACK_DECAY, Judged, Learned, Outcome, OutcomeError, Reviewed, learn_from};

pub use crate::config::{TRUST_BYTES_MAX, TrustFile, TrustFileError, open_trust};

/// How many runs are remembered as counted.
pub const COUNTED_RUNS_MAX: usize = 10_000;

/// A table as it is kept: with the runs whose outcome it has counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KeptTrust {
    /// The table.
    #[serde(flatten)]
    pub table: Trust,
    /// The last runs that were counted, at most [`COUNTED_RUNS_MAX`], oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counted_runs: Vec<RunId>,
}

impl KeptTrust {
    /// Counts what became known of a run, as [`learn_from`] does, and remembers the run. A run that is remembered is refused unless `again`.
    ///
    /// # Errors
    /// As for [`learn_from`], and if the run was counted already. Then nothing has changed.
    pub fn learn_from(
        &mut self,
        record: &DecisionRecord,
        outcome: &Outcome,
        again: bool,
    ) -> Result<Learned, OutcomeError> {
        let known = self.counted_runs.iter().position(|run| *run == record.run_id);
        if known.is_some() && !again {
            return Err(OutcomeError::Counted(record.run_id.clone()));
        }
        let learned = learn_from(&mut self.table, record, outcome)?;
        if let Some(at) = known {
            self.counted_runs.remove(at);
        }
        self.counted_runs.push(record.run_id.clone());
        let surplus = self.counted_runs.len().saturating_sub(COUNTED_RUNS_MAX);
        self.counted_runs.drain(..surplus);
        Ok(learned)
    }
}
