//! Finds and opens the file of what outlives a run.

use std::{path::PathBuf, sync::Arc};

use async_orchestrator_store::{FileState, OpenError};

use crate::Settings;

impl Settings {
    /// The file of what outlives a run, where one is kept.
    pub fn state_file(&self) -> Option<PathBuf> {
        let usual = || self.directories.state.join("state.db");
        self.state.enabled.then(|| self.state.path.clone().unwrap_or_else(usual))
    }
}

/// Opens the state that `settings` name, for [`shared_state`](crate::AsyncOrchestratorBuilder::shared_state); `None` where none is wanted.
/// The command does so on its own; a library's user decides. It blocks for a moment.
///
/// # Errors
/// If the file cannot be used.
pub fn open_state(settings: &Settings) -> Result<Option<Arc<FileState>>, OpenError> {
    settings.state_file().map(|path| FileState::open(&path).map(Arc::new)).transpose()
}
