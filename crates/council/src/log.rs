//! The run's journal: a chain of entries, each naming the hash of the one before, handed to the journal port as they happen.

use std::sync::Arc;

use async_orchestrator_core::{
    Journal, JournalBody, JournalEntry, LogRecord, RunId, canonical_hash, content_hash,
};

use crate::CouncilError;

/// The chain so far.
pub(crate) struct RunLog {
    run: RunId,
    journal: Option<Arc<dyn Journal>>,
    entries: u64,
    head: String,
}

impl RunLog {
    pub(crate) fn open(run: RunId, journal: Option<Arc<dyn Journal>>) -> Self {
        let head = content_hash(run.as_str().as_bytes());
        Self { run, journal, entries: 0, head }
    }

    /// Adds an entry; it is durable (where there is a journal) before this returns. Gives the entry's number.
    pub(crate) async fn append(&mut self, body: JournalBody) -> Result<u64, CouncilError> {
        let entry = JournalEntry { index: self.entries, previous: self.head.clone(), body };
        self.head = canonical_hash(&entry).map_err(CouncilError::Record)?;
        self.entries += 1;
        if let Some(journal) = &self.journal {
            journal.append(&self.run, &entry).await.map_err(CouncilError::Journal)?;
        }
        Ok(entry.index)
    }

    pub(crate) fn close(self, decision_hash: String) -> LogRecord {
        LogRecord { events: self.entries, head: self.head, decision_hash }
    }
}
