//! Remembers that a file was found whole, so that it is not read through at every start.
//!
//! The note holds the file's length, its time of change and its SHA-256. A file that changed since, or one whose facts changed with
//! a new version of the program, is read again.

use std::{
    fs,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use async_orchestrator_embedded::ModelFile;

fn note_of(path: &Path) -> PathBuf {
    path.with_added_extension("verified")
}

/// What the note of a whole file says; `None` if the file cannot be the right one.
fn note(path: &Path, model: &ModelFile) -> Option<String> {
    let metadata =
        fs::metadata(path).ok().filter(|metadata| metadata.is_file() && metadata.len() == model.bytes)?;
    let changed = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(format!("{} {} {}\n", metadata.len(), changed.as_nanos(), model.sha256))
}

/// Whether the file was found whole and has not changed since.
pub(super) fn holds(path: &Path, model: &ModelFile) -> bool {
    note(path, model)
        .is_some_and(|expected| fs::read_to_string(note_of(path)).is_ok_and(|found| found == expected))
}

/// Notes that the file is whole. Without the note it is only read again next time, so a failure is no error.
pub(super) fn write(path: &Path, model: &ModelFile) {
    if let Some(note) = note(path, model) {
        let _ = fs::write(note_of(path), note);
    }
}

/// Forgets the file.
pub(super) fn remove(path: &Path) {
    super::storage::discard(&note_of(path));
}
