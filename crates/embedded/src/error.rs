//! Why a model file cannot be used, and why a piece of work of the engine did not end well.
//!
//! One line each, which says what to do. Never a prompt or an answer inside.

use std::{io, path::PathBuf};

/// A model file that cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be opened or read.
    #[error("cannot read the model file {}: check that it exists and that you may read it", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not in the GGUF format.
    #[error("{} is no GGUF file: give the path of a .gguf model", path.display())]
    NotGguf {
        /// The file.
        path: PathBuf,
    },
    /// The file is in the GGUF format but cut or corrupt.
    #[error("the model file {} is damaged ({detail}): delete it and fetch it again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        detail: String,
    },
    /// A sound file with a model that this engine does not run.
    #[error("the model in {} is not supported ({detail}): use a GGUF of the Llama family with a byte-level vocabulary", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What is not supported.
        detail: String,
    },
    /// The threads of the engine could not be started.
    #[error(
        "cannot start the threads of the embedded model: lower the number of workers or raise the limit of threads"
    )]
    Threads {
        /// What the system said.
        source: io::Error,
    },
}

/// Work that the engine did not finish.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The caller went away.
    #[error("the work was cancelled")]
    Cancelled,
    /// Too many jobs wait already.
    #[error(
        "{limit} jobs wait for the embedded model already: try again later or raise the limit of the queue"
    )]
    Busy {
        /// The most jobs that may wait.
        limit: usize,
    },
    /// The engine was shut down.
    #[error("the embedded model was shut down")]
    Closed,
    /// The request has no messages, no candidates or a setting out of its range.
    #[error("the request does not suit the embedded model: {detail}")]
    Invalid {
        /// What is wrong.
        detail: String,
    },
    /// The fixed parts of the prompt and the reply do not fit into the window, whatever is cut.
    #[error(
        "the prompt and the reply need {needed} tokens and the model's window has {window}: shorten the prompt or ask for a shorter reply"
    )]
    WindowTooSmall {
        /// The tokens needed.
        needed: usize,
        /// The tokens there are.
        window: usize,
    },
    /// The schema is none, or says something that cannot be enforced while writing.
    #[error("the reply's schema cannot be enforced ({detail}): simplify it")]
    Schema {
        /// What is wrong with it.
        detail: String,
    },
    /// Even the shortest document of the schema may be longer than the reply may be.
    #[error(
        "a reply by this schema may need {needed} tokens and {budget} are allowed: allow more or simplify the schema"
    )]
    BudgetTooSmall {
        /// The tokens needed.
        needed: usize,
        /// The tokens allowed.
        budget: usize,
    },
    /// A fault of the engine or of a library under it.
    #[error("the embedded model failed ({detail}): please report it")]
    Fault {
        /// What failed.
        detail: String,
    },
}

impl EngineError {
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::Invalid { detail: detail.into() }
    }

    pub(crate) fn schema(detail: impl Into<String>) -> Self {
        Self::Schema { detail: detail.into() }
    }

    pub(crate) fn fault(detail: impl Into<String>) -> Self {
        Self::Fault { detail: detail.into() }
    }
}

/// What is wrong with a file, before its path is added.
#[derive(Debug)]
pub(crate) enum Flaw {
    Read(io::Error),
    NotGguf,
    Damaged(String),
    Unsupported(String),
}

impl Flaw {
    pub(crate) fn damaged(detail: impl Into<String>) -> Self {
        Self::Damaged(detail.into())
    }

    pub(crate) fn unsupported(detail: impl Into<String>) -> Self {
        Self::Unsupported(detail.into())
    }

    pub(crate) fn at(self, path: impl Into<PathBuf>) -> LoadError {
        let path = path.into();
        match self {
            Self::Read(source) => LoadError::Unreadable { path, source },
            Self::NotGguf => LoadError::NotGguf { path },
            Self::Damaged(detail) => LoadError::Damaged { path, detail },
            Self::Unsupported(detail) => LoadError::Unsupported { path, detail },
        }
    }
}

impl From<io::Error> for Flaw {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            Self::Damaged("it ends too early".to_owned())
        } else {
            Self::Read(error)
        }
    }
}
