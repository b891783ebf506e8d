//! `[history]`: what is kept of runs, where, and what becomes of those that were interrupted.

use std::path::PathBuf;

use async_orchestrator_council::Unrecorded;
use async_orchestrator_store::{Content, Sync};

use super::choices::Choice;

/// What becomes of runs whose process ended in the middle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResumeUse {
    /// The next `ask` finishes them, when its own question is answered.
    #[default]
    Auto,
    /// Only `orchestrator resume` does.
    Manual,
}

/// `[history]`: the journal and the history of the command's runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistorySettings {
    /// Whether runs are kept; on.
    pub enabled: bool,
    /// The file; unset, `history.db` in the program's directory for data.
    pub path: Option<PathBuf>,
    /// How much of what was said is kept.
    pub content: Content,
    /// What a write waits for.
    pub sync: Sync,
    /// What becomes of interrupted runs.
    pub resume: ResumeUse,
    /// Whether a run that cannot be recorded ends instead of going on.
    pub required: bool,
    /// How large the file may become, in MiB; unset, as large as the disk allows.
    pub mib_max: Option<u32>,
    /// After how many days contents go, at the next `ask`; unset, never.
    pub keep_days: Option<u32>,
}

impl Default for HistorySettings {
    fn default() -> Self {
        Self {
            enabled: true,
            path: None,
            content: Content::default(),
            sync: Sync::default(),
            resume: ResumeUse::default(),
            required: false,
            mib_max: None,
            keep_days: None,
        }
    }
}

impl HistorySettings {
    /// What a run does that cannot be recorded.
    pub fn unrecorded(&self) -> Unrecorded {
        if self.required { Unrecorded::Ends } else { Unrecorded::GoesOn }
    }
}

impl Choice for Content {
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::Full, "full"), (Self::Hash, "hash"), (Self::Off, "off")];
}

impl Choice for Sync {
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::Full, "full"), (Self::Normal, "normal"), (Self::Off, "off")];
}

impl Choice for ResumeUse {
    const WORDS: &'static [(Self, &'static str)] = &[(Self::Auto, "auto"), (Self::Manual, "manual")];
}
