//! Opens what earlier runs left behind, for the commands that use it.

use std::{error::Error, sync::Arc};

use async_orchestrator::{FileState, Settings, open_state};

use crate::output;

/// The state that `settings` name, `None` where none is wanted. It says so if a damaged file was found in its place; the error is a sentence.
pub(crate) fn open(settings: &Settings) -> Result<Option<Arc<FileState>>, String> {
    let state = open_state(settings).map_err(|error| {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{error}{cause}")
    })?;
    if let Some(aside) = state.as_ref().and_then(|state| state.replaced()) {
        let aside = aside.display();
        output::note(&format!("note: the file of the shared state was damaged; it lies at {aside} now"));
    }
    Ok(state)
}
