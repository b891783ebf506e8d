//! The tables, and how a file of an older version becomes one of this.

use rusqlite::{Connection, Error, Transaction};

/// One step from a version to the next. A step that was released is never changed: the next one repairs it.
const STEPS: &[&str] = &["
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
    /// SQLite says why.
    Broken(Error),
}

impl From<Error> for Unusable {
    fn from(error: Error) -> Self {
        Self::Broken(error)
    }
}

/// Brings the file to this version. Safe with several processes: whoever comes second finds nothing to do.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), Unusable> {
    let wanted = u32::try_from(STEPS.len()).unwrap_or(u32::MAX);
    if version(connection)? == wanted {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let found = version(&transaction)?;
    if found > wanted {
        return Err(Unusable::Newer { version: found });
    }
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(usize::MAX)) {
        transaction.execute_batch(step)?;
    }
    stamp(&transaction, wanted)?;
    transaction.commit()?;
    Ok(())
}

fn version(connection: &Connection) -> Result<u32, Error> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn stamp(transaction: &Transaction<'_>, version: u32) -> Result<(), Error> {
    transaction.pragma_update(None, "user_version", version)
}
