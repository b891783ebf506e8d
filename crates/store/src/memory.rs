//! Journal and history in memory, for tests and for programs that keep nothing: gone with the process.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_orchestrator_core::{
    DecisionRecord, HistoryStore, Journal, JournalBody, RunId, RunSetup, SealedEntry, StoreError, Takeover,
    TriageRequest, Unended, Unfinished,
};
use async_trait::async_trait;

/// Journal and history in memory.
///
/// ```
/// use async_orchestrator_core::HistoryStore;
/// use async_orchestrator_store::MemoryStore;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let store = MemoryStore::default();
/// assert!(store.record(&async_orchestrator_core::RunId::new("no-such-run")).await.unwrap().is_none());
/// # });
/// ```
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    runs: BTreeMap<RunId, Run>,
    setups: BTreeMap<String, RunSetup>,
    records: BTreeMap<RunId, (TriageRequest, DecisionRecord)>,
}

#[derive(Debug, Default)]
struct Run {
    entries: Vec<Arc<SealedEntry>>,
    held: bool,
    left: bool,
    ended: bool,
}

impl MemoryStore {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every record with its request, in the order of run ids.
    pub fn records(&self) -> Vec<(TriageRequest, DecisionRecord)> {
        self.kept().records.values().cloned().collect()
    }

    /// Forgets who holds which run, as the end of a process does.
    pub fn let_go(&self) {
        self.kept().runs.values_mut().for_each(|run| run.held = false);
    }
}

#[async_trait]
impl Journal for MemoryStore {
    async fn append(&self, run: &RunId, entry: Arc<SealedEntry>) -> Result<(), StoreError> {
        let mut kept = self.kept();
        let run = kept.runs.entry(run.clone()).or_default();
        (run.held, run.left) = (true, false);
        run.ended |= matches!(entry.body(), JournalBody::Failed { .. });
        run.entries.push(entry);
        Ok(())
    }

    async fn keep_setup(&self, hash: &str, setup: &RunSetup) -> Result<(), StoreError> {
        self.kept().setups.entry(hash.to_owned()).or_insert_with(|| setup.clone());
        Ok(())
    }

    async fn setup(&self, hash: &str) -> Result<Option<RunSetup>, StoreError> {
        Ok(self.kept().setups.get(hash).cloned())
    }

    async fn claim(&self, run: &RunId) -> Result<Takeover, StoreError> {
        let mut kept = self.kept();
        Ok(match kept.runs.get_mut(run) {
            None => Takeover::Unknown,
            Some(run) if run.ended => Takeover::Ended,
            Some(run) if run.held => Takeover::Running,
            Some(run) => {
                (run.held, run.left) = (true, false);
                Takeover::Taken(run.entries.iter().map(|sealed| SealedEntry::clone(sealed)).collect())
            }
        })
    }

    async fn entries(&self, run: &RunId) -> Result<Vec<SealedEntry>, StoreError> {
        let kept = self.kept();
        let entries = kept.runs.get(run).map(|run| run.entries.as_slice()).unwrap_or_default();
        Ok(entries.iter().map(|sealed| SealedEntry::clone(sealed)).collect())
    }

    async fn unfinished(&self) -> Result<Vec<Unfinished>, StoreError> {
        let kept = self.kept();
        let open = kept.runs.iter().filter(|(_, run)| !run.ended);
        Ok(open.filter_map(|(id, run)| unfinished(id, run)).collect())
    }

    fn leave(&self, run: &RunId) {
        if let Some(run) = self.kept().runs.get_mut(run) {
            (run.held, run.left) = (false, true);
            // Its record may be kept by another store.
            let last = run.entries.last().map(|sealed| sealed.body());
            run.ended |= matches!(last, Some(JournalBody::Closed { .. }));
        }
    }
}

fn unfinished(id: &RunId, run: &Run) -> Option<Unfinished> {
    let JournalBody::Opened { request, wall_ms, .. } = run.entries.first()?.body() else {
        return None;
    };
    let arrived = |sealed: &&Arc<SealedEntry>| matches!(sealed.body(), JournalBody::Arrived { .. });
    Some(Unfinished {
        run: id.clone(),
        began_ms: *wall_ms,
        question: request.query.clone(),
        calls: run.entries.iter().filter(arrived).count() as u64,
        state: match (run.held, run.left) {
            (true, _) => Unended::Running,
            (false, true) => Unended::Left,
            (false, false) => Unended::Interrupted,
        },
    })
}

#[async_trait]
impl HistoryStore for MemoryStore {
    async fn keep(&self, request: &TriageRequest, record: &DecisionRecord) -> Result<(), StoreError> {
        let mut kept = self.kept();
        if let Some(run) = kept.runs.get_mut(&record.run_id) {
            (run.held, run.ended) = (false, true);
        }
        kept.records.entry(record.run_id.clone()).or_insert_with(|| (request.clone(), record.clone()));
        Ok(())
    }

    async fn record(&self, run: &RunId) -> Result<Option<DecisionRecord>, StoreError> {
        Ok(self.kept().records.get(run).map(|(_, record)| record.clone()))
    }
}
