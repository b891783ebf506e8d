//! How a history is kept, and its connections.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, config::DbConfig};

use super::{Content, schema::HISTORY};
use crate::{file, schema::Unusable};

/// What a write waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// The disk: a power cut takes nothing that was answered.
    #[default]
    Full,
    /// The operating system: a killed process loses nothing, a power cut may take the last moments.
    Normal,
    /// Nothing: a power cut may damage the file. For files that may be lost.
    Off,
}

/// How a history is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistoryOptions {
    /// What a write waits for.
    pub sync: Sync,
    /// How much of what was said is kept.
    pub content: Content,
    /// How large the file may become, in MiB; beyond it nothing is kept until something was pruned. Unset, the disk is the limit.
    pub mib_max: Option<u32>,
}

/// The bytes of a page of the file.
const PAGE_BYTES: i64 = 4_096;

/// How long a writer waits for another process's transaction.
pub(super) const BUSY_MAX: Duration = Duration::from_millis(if cfg!(test) { 100 } else { 5_000 });

pub(super) fn connect(path: &Path, options: HistoryOptions) -> Result<Connection, Unusable> {
    let synchronous = match options.sync {
        Sync::Full => "full",
        Sync::Normal => "normal",
        Sync::Off => "off",
    };
    let pragmas = |connection: &Connection| {
        connection.pragma_update(None, "synchronous", synchronous)?;
        connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
        // What a policy lets go is not to stand in free parts of the file.
        connection.pragma_update(None, "secure_delete", options.content != Content::Full)?;
        connection.pragma_update(None, "cache_size", -16_384)?;
        connection.pragma_update(None, "mmap_size", 256 << 20)
    };
    let connection = file::connect(path, HISTORY, pragmas)?;
    if let Some(mib) = options.mib_max {
        let pages = i64::from(mib.max(1)) * (1 << 20) / PAGE_BYTES;
        connection.pragma_update(None, "max_page_count", pages)?;
    }
    connection.busy_timeout(BUSY_MAX)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Plans do not depend on what is bound: a range of keys would else be planned anew each time.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}
