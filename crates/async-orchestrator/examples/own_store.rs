//! A history of your own: one JSON file a run.
//!
//! `cargo run --release -p async-orchestrator --features embedded --example own_store`

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::{fs, io, path::PathBuf, sync::Arc};

use async_orchestrator::{
    AsyncOrchestrator, DecisionRecord, HistoryStore, MemoryStore, RunId, StoreError, TriageRequest,
};
use async_trait::async_trait;

/// Keeps each record as a file of this directory.
struct Directory(PathBuf);

fn failed(error: io::Error) -> StoreError {
    StoreError::new("the record cannot be written or read", Some(Box::new(error)))
}

#[async_trait]
impl HistoryStore for Directory {
    async fn keep(&self, _: &TriageRequest, record: &DecisionRecord) -> Result<(), StoreError> {
        let path = self.0.join(format!("{}.json", record.run_id));
        // What is kept stays as it was.
        if path.exists() {
            return Ok(());
        }
        let text = serde_json::to_string_pretty(record).map_err(|error| failed(error.into()))?;
        fs::create_dir_all(&self.0).map_err(failed)?;
        // It is there as a whole or not at all, also where the disk is full.
        let written = path.with_extension("part");
        fs::write(&written, text).and_then(|()| fs::rename(written, path)).map_err(failed)
    }

    async fn record(&self, run: &RunId) -> Result<Option<DecisionRecord>, StoreError> {
        match fs::read_to_string(self.0.join(format!("{run}.json"))) {
            Ok(text) => serde_json::from_str(&text).map(Some).map_err(|error| failed(error.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = Arc::new(Directory(PathBuf::from("decisions")));
    let orchestrator = AsyncOrchestrator::builder()
        .providers_from_env()?
        // Any journal goes with any history; this one is gone with the process.
        .journal(Arc::new(MemoryStore::default()))
        .history(Arc::<Directory>::clone(&store))
        .build()?;
    let result = orchestrator.process_request(TriageRequest::new("Which day follows Monday?")).await?;
    let kept = store.record(&result.record().run_id).await?;
    println!("{} is kept: {}", result.record().run_id, kept.is_some());
    Ok(())
}
