//! What the thread of the connection does: each piece of work as rows of the tables. No thread and no queue here.

use async_orchestrator_core::{
    AccountId, Ailment, Charge, HealthNote, HealthSubject, KeptAnswer, Measure, ModelRef, PurseId, UseNote,
    WriterId,
};
use rusqlite::{Connection, Error, OptionalExtension, params};

/// Limits look back a minute; what is older is of no use.
const USES_KEPT_SECONDS: i64 = 120;
/// Purses of earlier periods are kept for two months, for people who ask what was spent.
const PURSES_KEPT_SECONDS: i64 = 62 * 86_400;

/// Something to write that nobody waits for.
#[derive(Debug)]
pub(crate) enum Note {
    LeaveOut(HealthNote),
    Recovered(HealthSubject),
    Forget,
    Used(WriterId, UseNote),
    Correct(PurseId, i64),
    Keep { key: [u8; 32], answer: KeptAnswer, bytes_max: u64 },
}

impl Note {
    pub(crate) fn write(&self, connection: &Connection) -> Result<(), Error> {
        match self {
            Self::LeaveOut(note) => leave_out(connection, note),
            Self::Recovered(subject) => {
                let mut delete = connection.prepare_cached("DELETE FROM health WHERE subject = ?1")?;
                delete.execute([json(subject)]).map(drop)
            }
            Self::Forget => connection.execute("DELETE FROM health", []).map(drop),
            Self::Used(writer, note) => used(connection, *writer, note),
            Self::Correct(purse, change) => {
                let mut update = connection.prepare_cached(
                    "UPDATE purses SET spent = max(0, spent + ?3) WHERE name = ?1 AND since = ?2",
                )?;
                update.execute(params![purse.name, signed(purse.since), change]).map(drop)
            }
            Self::Keep { key, answer, bytes_max } => keep(connection, key, answer, *bytes_max),
        }
    }
}

fn leave_out(connection: &Connection, note: &HealthNote) -> Result<(), Error> {
    // Whoever knows of a longer wait is right.
    let mut insert = connection.prepare_cached(
        "INSERT INTO health (subject, ailment, until_ms, noted_ms) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (subject) DO UPDATE SET ailment = ?2, until_ms = ?3, noted_ms = ?4 WHERE until_ms <= ?3",
    )?;
    let row = params![json(&note.subject), json(&note.ailment), signed(note.until_ms), signed(note.noted_ms)];
    insert.execute(row).map(drop)
}

fn used(connection: &Connection, writer: WriterId, note: &UseNote) -> Result<(), Error> {
    let second = signed(note.at_ms / 1_000);
    connection.prepare_cached("DELETE FROM uses WHERE second < ?1")?.execute([second - USES_KEPT_SECONDS])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO uses (writer, model, account, measure, second, amount) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT DO UPDATE SET amount = amount + ?6",
    )?;
    let row = params![
        writer.0.cast_signed(),
        note.model.to_string(),
        note.account.as_str(),
        json(&note.measure),
        second,
        signed(note.amount)
    ];
    insert.execute(row).map(drop)
}

fn keep(connection: &Connection, key: &[u8; 32], answer: &KeptAnswer, bytes_max: u64) -> Result<(), Error> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO answers (key, body, given_ms) VALUES (?1, ?2, ?3)")?
        .execute(params![key, answer.body, signed(answer.given_ms)])?;
    // The oldest go until the rest fits.
    let mut trim = connection.prepare_cached(
        "DELETE FROM answers WHERE key IN (
             SELECT key FROM (
                 SELECT key, sum(length(CAST(body AS BLOB))) OVER (ORDER BY given_ms DESC, key) AS bytes FROM answers
             ) WHERE bytes > ?1)",
    )?;
    trim.execute([signed(bytes_max)]).map(drop)
}

pub(crate) fn health(connection: &Connection, now_ms: u64) -> Result<Vec<HealthNote>, Error> {
    let mut select = connection.prepare_cached(
        "SELECT subject, ailment, until_ms, noted_ms FROM health WHERE until_ms > ?1 ORDER BY subject",
    )?;
    let rows = select.query_map([signed(now_ms)], |row| {
        let (subject, ailment): (String, String) = (row.get(0)?, row.get(1)?);
        Ok((subject, ailment, row.get::<_, i64>(2)?, row.get::<_, i64>(3)?))
    })?;
    let mut notes = Vec::new();
    for row in rows {
        let (subject, ailment, until_ms, noted_ms) = row?;
        // A word that a later version of this program wrote is passed over: a hint that is not understood is none.
        if let (Ok(subject), Ok(ailment)) =
            (serde_json::from_str::<HealthSubject>(&subject), serde_json::from_str::<Ailment>(&ailment))
        {
            let (until_ms, noted_ms) = (until_ms.unsigned_abs(), noted_ms.unsigned_abs());
            notes.push(HealthNote { subject, ailment, until_ms, noted_ms });
        }
    }
    Ok(notes)
}

pub(crate) fn used_by_others(
    connection: &Connection,
    own: WriterId,
    since_ms: u64,
) -> Result<Vec<UseNote>, Error> {
    let mut select = connection.prepare_cached(
        "SELECT model, account, measure, second, sum(amount) FROM uses
         WHERE second >= ?1 AND writer <> ?2 GROUP BY 1, 2, 3, 4 ORDER BY second",
    )?;
    let rows = select.query_map(params![signed(since_ms / 1_000), own.0.cast_signed()], |row| {
        let (model, account, measure): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok((model, account, measure, row.get::<_, i64>(3)?, row.get::<_, i64>(4)?))
    })?;
    let mut notes = Vec::new();
    for row in rows {
        let (model, account, measure, second, amount) = row?;
        if let (Ok(model), Ok(measure)) =
            (model.parse::<ModelRef>(), serde_json::from_str::<Measure>(&measure))
        {
            let at_ms = second.unsigned_abs().saturating_mul(1_000);
            let account = AccountId::new(account);
            notes.push(UseNote { model, account, measure, at_ms, amount: amount.unsigned_abs() });
        }
    }
    Ok(notes)
}

/// One statement, so that no other process comes in between.
pub(crate) fn charge(
    connection: &Connection,
    purse: &PurseId,
    amount: u64,
    ceiling: u64,
) -> Result<Charge, Error> {
    let since = signed(purse.since);
    connection
        .prepare_cached("DELETE FROM purses WHERE name = ?1 AND since < ?2")?
        .execute(params![purse.name, since.saturating_sub(PURSES_KEPT_SECONDS)])?;
    connection
        .prepare_cached("INSERT OR IGNORE INTO purses (name, since, spent) VALUES (?1, ?2, 0)")?
        .execute(params![purse.name, since])?;
    let taken = connection
        .prepare_cached(
            "UPDATE purses SET spent = spent + ?3 WHERE name = ?1 AND since = ?2 AND spent + ?3 <= ?4",
        )?
        .execute(params![purse.name, since, signed(amount), signed(ceiling)])?;
    if taken == 1 {
        return Ok(Charge::Taken);
    }
    let spent: i64 = connection
        .prepare_cached("SELECT spent FROM purses WHERE name = ?1 AND since = ?2")?
        .query_row(params![purse.name, since], |row| row.get(0))?;
    Ok(Charge::Short { spent: spent.unsigned_abs() })
}

pub(crate) fn answer(connection: &Connection, key: &[u8; 32]) -> Result<Option<KeptAnswer>, Error> {
    let mut select = connection.prepare_cached("SELECT body, given_ms FROM answers WHERE key = ?1")?;
    let row = |row: &rusqlite::Row<'_>| {
        Ok(KeptAnswer { body: row.get(0)?, given_ms: row.get::<_, i64>(1)?.unsigned_abs() })
    };
    select.query_row([key], row).optional()
}

/// What was spent in each period, newest first.
pub(crate) fn purses(connection: &Connection) -> Result<Vec<(PurseId, u64)>, Error> {
    let mut select =
        connection.prepare_cached("SELECT name, since, spent FROM purses ORDER BY since DESC, name")?;
    let rows = select.query_map([], |row| {
        let purse = PurseId { name: row.get(0)?, since: row.get::<_, i64>(1)?.unsigned_abs() };
        Ok((purse, row.get::<_, i64>(2)?.unsigned_abs()))
    })?;
    rows.collect()
}

/// How many answers are kept, and their bytes.
pub(crate) fn answers(connection: &Connection) -> Result<(u64, u64), Error> {
    connection.query_row(
        "SELECT count(*), coalesce(sum(length(CAST(body AS BLOB))), 0) FROM answers",
        [],
        |row| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, i64>(1)?.unsigned_abs())),
    )
}

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// SQLite's integers have a sign; no count and no time of ours comes near its end.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
