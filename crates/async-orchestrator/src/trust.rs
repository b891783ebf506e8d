//! How far each model is trusted: a table of how often it was right, learned from labelled answers and from what became known of runs.
//!
//! Give a table to [`AsyncOrchestratorBuilder::trust`](crate::AsyncOrchestratorBuilder::trust), and votes for closed answers count by it. It comes from
//! recorded answers whose truth is known ([`Trust::learn`]), which also fits weights, or grows with each run whose outcome becomes known
//! ([`learn_from`]), which only counts. [`TrustFile`] keeps it in a file, as the command does; [`open_trust`] reads the one that settings name.
//!
//! Models are named `provider:model`, as in the record's seats.

mod outcome;

use async_orchestrator_core::{DecisionRecord, NotCanonical, RunId, canonical_json, content_hash};
use async_orchestrator_store::HistoryHead;
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

/// How many origins a table remembers, the last ones.
pub const ORIGINS_MAX: usize = 16;

/// Where a table was learned that came from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustOrigin {
    /// Where the exporter's history stood: its exported bundle, which `verify --file` checks, ends there or later. Unset where that is not
    /// known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<HistoryHead>,
    /// The hash of the canonical JSON of the table as it was exported. It shows a slip; it is no signature.
    pub table_hash: String,
    /// When it was imported, in milliseconds since 1970; unset until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported_ms: Option<u64>,
}

/// A table is not the one that was exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the table was changed after it was exported")]
pub struct AlteredTrust;

/// A table as it is kept: with where it comes from, and the runs whose outcome it has counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KeptTrust {
    /// The table.
    #[serde(flatten)]
    pub table: Trust,
    /// The last runs that were counted, at most [`COUNTED_RUNS_MAX`], oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counted_runs: Vec<RunId>,
    /// The installations that it came through, at most [`ORIGINS_MAX`], the first one first; none if it was learned here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<TrustOrigin>,
}

impl KeptTrust {
    /// What is handed to others: the table and where it comes from, whose history stands at `history`. Which runs were counted here says
    /// nothing elsewhere.
    ///
    /// # Errors
    /// If the table holds a number that JSON cannot write.
    pub fn exported(&self, history: Option<HistoryHead>) -> Result<Self, NotCanonical> {
        let origin = TrustOrigin { history, table_hash: hash(&self.table)?, imported_ms: None };
        let mut exported =
            Self { table: self.table.clone(), counted_runs: Vec::new(), origins: self.origins.clone() };
        exported.came_from(origin);
        Ok(exported)
    }

    /// What others handed over, at `now_ms` since 1970. What is no export, such as a copy of a table's own file, gets an origin of which only
    /// the table's hash is known, and keeps the runs that it has counted.
    ///
    /// # Errors
    /// If the table is not the one that was exported.
    pub fn imported(mut self, now_ms: u64) -> Result<Self, AlteredTrust> {
        let table_hash = hash(&self.table).map_err(|_| AlteredTrust)?;
        // An export's last origin is the exporter, whose table nobody has imported yet.
        match self.origins.last_mut().filter(|origin| origin.imported_ms.is_none()) {
            Some(exporter) if exporter.table_hash != table_hash => return Err(AlteredTrust),
            Some(exporter) => exporter.imported_ms = Some(now_ms),
            None => self.came_from(TrustOrigin { history: None, table_hash, imported_ms: Some(now_ms) }),
        }
        Ok(self)
    }

    fn came_from(&mut self, origin: TrustOrigin) {
        self.origins.push(origin);
        let older = self.origins.len().saturating_sub(ORIGINS_MAX);
        self.origins.drain(..older);
    }

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

fn hash(table: &Trust) -> Result<String, NotCanonical> {
    Ok(content_hash(canonical_json(table)?.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(installation: &str) -> HistoryHead {
        HistoryHead { installation: installation.to_owned(), links: 7, hash: String::from("h") }
    }

    fn table() -> KeptTrust {
        let mut kept = KeptTrust { counted_runs: vec![RunId::new("run")], ..KeptTrust::default() };
        kept.table.members.insert(String::from("openai:one"), Member::default());
        kept
    }

    #[test]
    fn a_table_remembers_every_installation_that_it_came_through() {
        let first = table().exported(Some(head("a"))).unwrap();
        assert!(first.counted_runs.is_empty());
        let second = first.imported(5).unwrap().exported(Some(head("b"))).unwrap().imported(9).unwrap();
        let through: Vec<_> = second
            .origins
            .iter()
            .map(|origin| (origin.history.as_ref().unwrap().installation.as_str(), origin.imported_ms))
            .collect();
        assert_eq!(through, [("a", Some(5)), ("b", Some(9))]);
        let text = serde_json::to_string(&second).unwrap();
        assert_eq!(serde_json::from_str::<KeptTrust>(&text).unwrap(), second);
    }

    #[test]
    fn a_table_that_was_changed_on_the_way_is_refused() {
        let mut exported = table().exported(None).unwrap();
        exported.table.members.insert(String::from("openai:mine"), Member::default());
        assert_eq!(exported.imported(1), Err(AlteredTrust));
    }

    #[test]
    fn a_table_without_an_origin_gets_one_of_which_nothing_is_known() {
        let imported = table().imported(3).unwrap();
        assert_eq!(imported.origins.len(), 1);
        assert!(imported.origins[0].history.is_none() && imported.origins[0].imported_ms == Some(3));
    }

    #[test]
    fn a_copy_of_a_table_that_was_imported_and_has_grown_is_no_altered_export() {
        let mut kept = table().exported(Some(head("a"))).unwrap().imported(5).unwrap();
        kept.table.members.insert(String::from("openai:two"), Member::default());
        kept.counted_runs.push(RunId::new("here"));
        let copied = kept.imported(9).unwrap();
        let when: Vec<_> = copied.origins.iter().map(|origin| origin.imported_ms).collect();
        assert_eq!(when, [Some(5), Some(9)]);
        assert!(copied.origins[1].history.is_none() && copied.counted_runs.len() == 1);
    }

    #[test]
    fn origins_are_bounded() {
        let mut kept = table();
        for number in 0..40 {
            kept = kept.exported(Some(head(&number.to_string()))).unwrap().imported(number).unwrap();
        }
        assert_eq!(kept.origins.len(), ORIGINS_MAX);
        assert_eq!(kept.origins[ORIGINS_MAX - 1].imported_ms, Some(39));
    }
}
