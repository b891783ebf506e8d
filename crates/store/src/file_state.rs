//! The shared state in a file: what one run of the command found is there for the next one.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use async_orchestrator_core::{
    Charge, HealthNote, HealthSubject, KeptAnswer, PurseId, SharedState, StoreError, UseNote, WriterId,
};
use async_trait::async_trait;
use rusqlite::Connection;

use crate::{
    file::{self, OpenError},
    schema::{STATE, Unusable},
    work::{self, Note},
    writer::Writer,
};

/// How long a writer waits for another process; a call waits no longer than that for its state anyway.
const BUSY_MAX: Duration = Duration::from_millis(200);

/// What the file is, in messages.
const WHAT: &str = "the shared state";

/// A file that several processes may use at once.
///
/// All of it may be lost without harm, so a commit does not wait for the disk (`synchronous=NORMAL` under a write-ahead log): a power cut
/// may take the last moments, a killed process takes nothing that was committed.
///
/// ```
/// use async_orchestrator_core::{Charge, PurseId, SharedState};
/// use async_orchestrator_store::FileState;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let directory = tempfile::tempdir().unwrap();
/// let path = directory.path().join("state.db");
/// let purse = PurseId { name: "usd_per_day".into(), since: 0 };
/// let first = FileState::open(&path).unwrap();
/// assert_eq!(first.charge(&purse, 80, 100).await.unwrap(), Charge::Taken);
/// drop(first);
/// let second = FileState::open(&path).unwrap();
/// assert_eq!(second.charge(&purse, 80, 100).await.unwrap(), Charge::Short { spent: 80 });
/// # });
/// ```
#[derive(Debug)]
pub struct FileState {
    path: PathBuf,
    writer: Writer,
    replaced: Option<PathBuf>,
}

/// What was spent in one period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurseNote {
    /// The purse and its period.
    pub purse: PurseId,
    /// What was taken out of it.
    pub spent: u64,
}

/// Everything in the file, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overview {
    /// What is left out.
    pub health: Vec<HealthNote>,
    /// What was spent, newest period first.
    pub purses: Vec<PurseNote>,
    /// How many answers are kept.
    pub answers: u64,
    /// How many bytes they are.
    pub answer_bytes: u64,
}

impl FileState {
    /// Opens the file at `path`, and makes it and its directory where they are missing; only their owner may read them. A file that is
    /// damaged is set aside under another name (see [`FileState::replaced`]), and an empty one takes its place.
    ///
    /// # Errors
    /// If it can be neither used nor made, or a later version wrote it.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let unusable =
            |source: Box<dyn std::error::Error + Send + Sync>| OpenError::unusable(path, WHAT, source);
        file::prepare(path).map_err(|error| unusable(Box::new(error)))?;
        let (connection, replaced) = match connect(path) {
            Ok(connection) => (connection, None),
            Err(Unusable::Broken(error)) if file::is_damage(&error) => {
                let aside = set_aside(path).map_err(|error| unusable(Box::new(error)))?;
                file::prepare(path).map_err(|error| unusable(Box::new(error)))?;
                (connect(path).map_err(|error| OpenError::of(path, WHAT, error))?, Some(aside))
            }
            Err(error) => return Err(OpenError::of(path, WHAT, error)),
        };
        let writer = Writer::start(connection).map_err(|error| unusable(Box::new(error)))?;
        Ok(Self { path: path.to_owned(), writer, replaced })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the damaged file lies that was found in place of this one.
    pub fn replaced(&self) -> Option<&Path> {
        self.replaced.as_deref()
    }

    /// How many notes could not be written since it was opened.
    pub fn lost(&self) -> u64 {
        self.writer.lost()
    }

    /// Lets everything in again that is left out. Purses and answers stay.
    pub fn forget_health(&self) {
        self.writer.note(Note::Forget);
    }

    /// Everything in the file that holds at `now_ms`, in milliseconds since 1970.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn overview(&self, now_ms: u64) -> Result<Overview, StoreError> {
        self.writer
            .ask(move |connection| {
                let (answers, answer_bytes) = work::answers(connection)?;
                let purses = work::purses(connection)?;
                let purses = purses.into_iter().map(|(purse, spent)| PurseNote { purse, spent }).collect();
                Ok(Overview { health: work::health(connection, now_ms)?, purses, answers, answer_bytes })
            })
            .await
    }
}

fn connect(path: &Path) -> Result<Connection, Unusable> {
    let pragmas = |connection: &Connection| {
        connection.pragma_update(None, "synchronous", "normal")?;
        connection.pragma_update(None, "journal_size_limit", 4 << 20)
    };
    let connection = file::connect(path, STATE, pragmas)?;
    connection.busy_timeout(BUSY_MAX)?;
    Ok(connection)
}

/// Moves the damaged file and its log out of the way, under the first free name.
fn set_aside(path: &Path) -> std::io::Result<PathBuf> {
    let named = |extra: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(extra);
        PathBuf::from(name)
    };
    let aside = (1..1_000_u32)
        .map(|number| named(&format!(".damaged-{number}")))
        .find(|aside| !aside.exists())
        .unwrap_or_else(|| named(".damaged"));
    fs::rename(path, &aside)?;
    for rest in ["-wal", "-shm"] {
        // They are part of the damage, and may not be there.
        let _ = fs::remove_file(named(rest));
    }
    Ok(aside)
}

#[async_trait]
impl SharedState for FileState {
    async fn health(&self, now_ms: u64) -> Result<Vec<HealthNote>, StoreError> {
        self.writer.ask(move |connection| work::health(connection, now_ms)).await
    }

    fn leave_out(&self, note: HealthNote) {
        self.writer.note(Note::LeaveOut(note));
    }

    fn recovered(&self, subject: HealthSubject) {
        self.writer.note(Note::Recovered(subject));
    }

    async fn used_by_others(&self, own: WriterId, since_ms: u64) -> Result<Vec<UseNote>, StoreError> {
        self.writer.ask(move |connection| work::used_by_others(connection, own, since_ms)).await
    }

    fn used(&self, own: WriterId, note: UseNote) {
        self.writer.note(Note::Used(own, note));
    }

    async fn charge(&self, purse: &PurseId, amount: u64, ceiling: u64) -> Result<Charge, StoreError> {
        let purse = purse.clone();
        let (asked, unheard) = (purse.clone(), purse);
        // Who leaves while the charge is made never settles it: it is given back.
        let give_back = move |connection: &Connection, charge| match charge {
            Charge::Taken => {
                let amount = i64::try_from(amount).unwrap_or(i64::MAX);
                Note::Correct(unheard, -amount).write(connection)
            }
            Charge::Short { .. } => Ok(()),
        };
        let charge = move |connection: &Connection| work::charge(connection, &asked, amount, ceiling);
        self.writer.ask_or(charge, give_back).await
    }

    fn correct(&self, purse: &PurseId, change: i64) {
        self.writer.note(Note::Correct(purse.clone(), change));
    }

    async fn answer(&self, key: [u8; 32]) -> Result<Option<KeptAnswer>, StoreError> {
        self.writer.ask(move |connection| work::answer(connection, &key)).await
    }

    fn keep_answer(&self, key: [u8; 32], answer: KeptAnswer, bytes_max: u64) {
        self.writer.note(Note::Keep { key, answer, bytes_max });
    }

    async fn flush(&self) -> Result<(), StoreError> {
        self.writer.ask(|_| Ok(())).await
    }
}

#[cfg(test)]
mod tests;
