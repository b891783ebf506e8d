//! The tables of the shared state, and how a file of an older version becomes one of this.

use async_orchestrator_core::content_hash;
use rusqlite::{Connection, Error, Transaction};

/// The steps of the shared state. Each leads from one version to the next; one that was released is never changed: the next one repairs it.
pub(crate) const STATE: &[&str] = &["
CREATE TABLE health (
    subject TEXT PRIMARY KEY,  -- JSON
    ailment TEXT NOT NULL,     -- JSON
    until_ms INTEGER NOT NULL,
    noted_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE uses (
    writer INTEGER NOT NULL,
    model TEXT NOT NULL,
    account TEXT NOT NULL,
    measure TEXT NOT NULL,
    second INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    PRIMARY KEY (second, model, account, measure, writer)
) WITHOUT ROWID;
CREATE TABLE purses (
    name TEXT NOT NULL,
    since INTEGER NOT NULL,
    spent INTEGER NOT NULL,
    PRIMARY KEY (name, since)
) WITHOUT ROWID;
CREATE TABLE answers (
    key BLOB PRIMARY KEY,
    body TEXT NOT NULL,
    given_ms INTEGER NOT NULL
);
CREATE INDEX answers_by_age ON answers (given_ms);
"];

/// How a file cannot be used.
#[derive(Debug)]
pub(crate) enum Unusable {
    /// A later version of the program wrote it.
    Newer { version: u32 },
    /// A step that made it was not this program's.
    Foreign { version: u32 },
    /// SQLite says why.
    Broken(Error),
}

impl From<Error> for Unusable {
    fn from(error: Error) -> Self {
        Self::Broken(error)
    }
}

/// Refuses a file that holds tables and was never brought to any version: it is another program's.
pub(crate) fn refuse_foreign(connection: &Connection) -> Result<(), Unusable> {
    // Both of one moment: others may make the tables, and the version with them, right now.
    let moment = connection.unchecked_transaction()?;
    let has_tables: bool =
        moment.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))?;
    if has_tables && version(&moment)? == 0 { Err(Unusable::Foreign { version: 0 }) } else { Ok(()) }
}

/// Brings the file to the version of `steps`. Safe with several processes: whoever comes second finds nothing to do.
pub(crate) fn migrate(connection: &mut Connection, steps: &[&str]) -> Result<(), Unusable> {
    let wanted = u32::try_from(steps.len()).unwrap_or(u32::MAX);
    if version(connection)? == wanted {
        return check(connection, steps);
    }
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let found = version(&transaction)?;
    if found > wanted {
        return Err(Unusable::Newer { version: found });
    }
    check(&transaction, steps.get(..usize::try_from(found).unwrap_or_default()).unwrap_or_default())?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, checksum TEXT NOT NULL)",
    )?;
    for (step, version) in steps.iter().zip(1_u32..) {
        if version > found {
            transaction.execute_batch(step)?;
        }
        let row = (version, content_hash(step.as_bytes()));
        transaction.execute("INSERT OR IGNORE INTO migrations (version, checksum) VALUES (?1, ?2)", row)?;
    }
    stamp(&transaction, wanted)?;
    transaction.commit()?;
    Ok(())
}

/// Compares the steps that the file says it was made by with ours. A file from before these notes has none, and is believed.
fn check(connection: &Connection, steps: &[&str]) -> Result<(), Unusable> {
    if !connection.table_exists(None, "migrations")? {
        return Ok(());
    }
    let mut select = connection.prepare("SELECT version, checksum FROM migrations ORDER BY version")?;
    let rows = select.query_map([], |row| Ok((row.get::<_, u32>(0)?, row.get::<_, String>(1)?)))?;
    for row in rows {
        let (version, checksum) = row?;
        let step = version.checked_sub(1).and_then(|at| steps.get(usize::try_from(at).ok()?));
        if step.is_some_and(|step| content_hash(step.as_bytes()) != checksum) {
            return Err(Unusable::Foreign { version });
        }
    }
    Ok(())
}

fn version(connection: &Connection) -> Result<u32, Error> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn stamp(transaction: &Transaction<'_>, version: u32) -> Result<(), Error> {
    transaction.pragma_update(None, "user_version", version)
}
