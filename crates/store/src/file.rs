//! Makes, opens and describes the files of this crate: their rights, who comes first, and what is wrong with one in words for people.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use async_orchestrator_core::StoreError;
use rusqlite::{Connection, Error, ErrorCode};

use crate::schema::{self, Unusable};

/// How often an opening is tried, how long SQLite waits in each try, and how long is waited between two: a second and a half in all. Those who begin
/// together take turns, and the first to switch the file to a write-ahead log shuts the others out at once, without any waiting of SQLite's.
const OPENINGS: usize = 25;
const OPENING_WAIT: Duration = Duration::from_millis(40);
const OPENING_PAUSE: Duration = Duration::from_millis(20);

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A later version of the program wrote it.
    #[error("{} was written by a newer version of this program (schema {version}); this one leaves it alone", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        version: u32,
    },
    /// It was made by another program, or by a build that was never released.
    #[error("{} was not made by this program (its schema is another one, from step {version} on); this one leaves it alone", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The step that differs; 0 if no step of ours made it.
        version: u32,
    },
    /// Its content is damaged.
    #[error("{} is damaged: move it away to begin a new one; what is readable of it can be saved with `sqlite3 FILE .recover`", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It cannot be opened or written.
    #[error("{} cannot be used as {what}", .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl OpenError {
    pub(crate) fn unusable(
        path: &Path,
        what: &'static str,
        source: Box<dyn std::error::Error + Send + Sync>,
    ) -> Self {
        Self::Unusable { path: path.to_owned(), what, source }
    }

    pub(crate) fn of(path: &Path, what: &'static str, error: Unusable) -> Self {
        let path = path.to_owned();
        match error {
            Unusable::Newer { version } => Self::Newer { path, version },
            Unusable::Foreign { version } => Self::Foreign { path, version },
            Unusable::Broken(error) if is_damage(&error) => Self::Damaged { path, source: plain(&error) },
            Unusable::Broken(error) => Self::Unusable { path, what, source: plain(&error) },
        }
    }
}

/// Makes the file and its directory where they are missing; only their owner may read them. SQLite gives its log the rights of the file, so
/// the file is made first.
pub(crate) fn prepare(path: &Path) -> std::io::Result<()> {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        make_directory(directory)?;
    }
    make_file(path)
}

/// Opens the file with a write-ahead log and brings it to the version of `steps`.
pub(crate) fn connect(
    path: &Path,
    steps: &[&str],
    pragmas: impl Fn(&Connection) -> Result<(), Error>,
) -> Result<Connection, Unusable> {
    for _ in 1..OPENINGS {
        match connect_once(path, steps, &pragmas) {
            Err(Unusable::Broken(error)) if is_busy(&error) => pause(),
            outcome => return outcome,
        }
    }
    connect_once(path, steps, &pragmas)
}

#[expect(
    clippy::disallowed_methods,
    reason = "SQLite's own waiting, for which this stands in, blocks the thread too"
)]
fn pause() {
    std::thread::sleep(OPENING_PAUSE);
}

fn connect_once(
    path: &Path,
    steps: &[&str],
    pragmas: &impl Fn(&Connection) -> Result<(), Error>,
) -> Result<Connection, Unusable> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(OPENING_WAIT)?;
    schema::refuse_foreign(&connection)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    pragmas(&connection)?;
    schema::migrate(&mut connection, steps)?;
    Ok(connection)
}

fn is_busy(error: &Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

pub(crate) fn is_damage(error: &Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
}

/// A failure for people; `what` is the file's part in the product.
pub(crate) fn said(what: &str, error: &Error) -> StoreError {
    let said = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            format!("{what} is locked by another process")
        }
        Some(ErrorCode::DiskFull) => {
            format!(
                "the disk of {what} is full, or the file as large as it may become: make room (to prune needs a little, too), then prune it"
            )
        }
        Some(ErrorCode::ReadOnly) => format!("the file of {what} cannot be written"),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            format!("the file of {what} is damaged")
        }
        _ => format!("{what} cannot be used"),
    };
    StoreError::new(said, Some(plain(error)))
}

/// What SQLite says, once: its errors name the same thing again as their own cause.
fn plain(error: &Error) -> Box<dyn std::error::Error + Send + Sync> {
    error.to_string().into()
}

#[cfg(unix)]
pub(crate) fn make_directory(directory: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

#[cfg(not(unix))]
pub(crate) fn make_directory(directory: &Path) -> std::io::Result<()> {
    fs::create_dir_all(directory)
}

fn make_file(path: &Path) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path).map(drop)
}
