//! The port to what several runs know together: which models and keys are left out, what was used and spent, which answers were given.
//!
//! Times here are milliseconds since 1970, because they are read by other processes; inside a process they are instants.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{ModelRef, StoreError};

/// One endpoint under one key, without naming the key: notes of an old key or another address must not hold for a new one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(Arc<str>);

impl AccountId {
    /// The account with this fingerprint, which must not lead back to the key.
    pub fn new(fingerprint: impl Into<Arc<str>>) -> Self {
        Self(fingerprint.into())
    }

    /// The fingerprint.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Whoever writes: one process, one stack. Its own uses are no news to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WriterId(pub u64);

/// What a note is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "about", rename_all = "snake_case")]
pub enum HealthSubject {
    /// A key: all models behind it are meant.
    Key {
        /// The provider's name.
        provider: String,
        /// The key and its endpoint.
        account: AccountId,
    },
    /// One model under one key.
    Target {
        /// The model.
        model: ModelRef,
        /// The key and its endpoint.
        account: AccountId,
    },
}

/// Why a model or key is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "ailment", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Ailment {
    /// The key was refused.
    KeyRefused,
    /// The account has no credit left.
    NoQuota,
    /// The vendor asked to wait.
    AskedToWait,
    /// It failed too often.
    Failing {
        /// How often in a row it was left out for that.
        trips: u32,
    },
}

/// A model or key that is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthNote {
    /// What is left out.
    #[serde(flatten)]
    pub subject: HealthSubject,
    /// Why.
    #[serde(flatten)]
    pub ailment: Ailment,
    /// Until when.
    pub until_ms: u64,
    /// When this was found.
    pub noted_ms: u64,
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Calls that went out.
    Requests,
    /// Tokens, in and out.
    Tokens,
}

/// What was used of a target's limit within one second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UseNote {
    /// The model.
    pub model: ModelRef,
    /// The key and its endpoint.
    pub account: AccountId,
    /// What was counted.
    pub measure: Measure,
    /// When; whole seconds are kept apart.
    pub at_ms: u64,
    /// How much.
    pub amount: u64,
}

/// A purse that is filled anew with each period.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PurseId {
    /// What it holds and for how long, such as `usd_per_day`.
    pub name: String,
    /// When its period began, in seconds since 1970.
    pub since: u64,
}

/// Whether a purse gave what was asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// It did, and holds less now.
    Taken,
    /// It holds less than that; nothing was taken.
    Short {
        /// What has been taken so far.
        spent: u64,
    },
}

/// An answer that was kept, as its keeper wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The answer, serialised by whoever keeps it.
    pub body: String,
    /// When it was given.
    pub given_ms: u64,
}

/// What several runs know together. The calls that return nothing only hand over: they neither wait nor fail, and what cannot be written
/// is counted by the state itself.
///
/// All of it may be lost without harm but the purses: a state that forgets them lets more be spent than was allowed.
#[async_trait]
pub trait SharedState: Send + Sync + fmt::Debug {
    /// Everything that is left out at `now_ms`.
    ///
    /// # Errors
    /// If the state cannot be read.
    async fn health(&self, now_ms: u64) -> Result<Vec<HealthNote>, StoreError>;

    /// Leaves something out. A later note on the same subject replaces an earlier one.
    fn leave_out(&self, note: HealthNote);

    /// It is well again.
    fn recovered(&self, subject: HealthSubject);

    /// What others than `own` used since `since_ms`, summed up by the second.
    ///
    /// # Errors
    /// If the state cannot be read.
    async fn used_by_others(&self, own: WriterId, since_ms: u64) -> Result<Vec<UseNote>, StoreError>;

    /// Something was used.
    fn used(&self, own: WriterId, note: UseNote);

    /// Takes `amount` out of a purse that holds `ceiling` at the start of its period, if it is there. At once for all processes: two that
    /// ask at the same time never get more than there is.
    ///
    /// # Errors
    /// If the state cannot be read or written.
    async fn charge(&self, purse: &PurseId, amount: u64, ceiling: u64) -> Result<Charge, StoreError>;

    /// Corrects an earlier charge: gives back (`less` than was taken) or takes what was used beyond it.
    fn correct(&self, purse: &PurseId, change: i64);

    /// The answer under a key.
    ///
    /// # Errors
    /// If the state cannot be read.
    async fn answer(&self, key: [u8; 32]) -> Result<Option<KeptAnswer>, StoreError>;

    /// Keeps an answer, within `bytes_max` for all of them: the oldest go first.
    fn keep_answer(&self, key: [u8; 32], answer: KeptAnswer, bytes_max: u64);

    /// Waits until everything that was handed over is written.
    ///
    /// # Errors
    /// If it cannot be.
    async fn flush(&self) -> Result<(), StoreError>;
}
