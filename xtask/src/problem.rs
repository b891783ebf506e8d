//! How a task fails: called wrongly, or with something to put right.

use std::{fmt, path::Path};

/// Why a task did not end well.
#[derive(Debug)]
pub(crate) enum Problem {
    /// The command line was wrong.
    Usage(String),
    /// A check failed, or the task could not do its work.
    Failed(String),
}

impl Problem {
    /// The command line was wrong in this way.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// This is to be put right.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    /// `path` could not be read or written.
    pub(crate) fn file(path: &Path, error: &std::io::Error) -> Self {
        Self::Failed(format!("{}: {error}", path.display()))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) | Self::Failed(message) => f.write_str(message),
        }
    }
}
