//! Lets old content go: bodies, journals and words for the search. Hashes, lines and the days' figures stay, and the chain says what went.

use std::path::Path;

use rusqlite::{Connection, Error, params};
use serde::Serialize;

use super::{
    chain, chain::LinkKind, count, held::Held, journal, owner, schema::OF_RUN, signed, verify::Pruned,
};

/// What a pruning let go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PruneReport {
    /// Records whose content went.
    pub records: u64,
    /// Unfinished and failed runs that went as a whole.
    pub runs: u64,
    /// Bytes of content that went; the file shrinks when it is packed.
    pub bytes: u64,
}

/// Lets the content of runs go that began before `before_ms`; `at_ms` is now. Runs that somebody holds stay.
pub(super) fn prune(
    connection: &Connection,
    path: &Path,
    before_ms: u64,
    at_ms: u64,
    held: &Held,
) -> Result<PruneReport, Error> {
    let before = signed(before_ms);
    leave_dead(connection, path, before)?;
    let mut pruning = Pruning { report: PruneReport::default(), positions: Vec::new() };
    pruning.let_go(connection, before)?;
    // What is still to be counted needs its content, and may need the room that was made just now.
    if count::is_behind(connection)? {
        count::rest(connection, held)?;
        pruning.let_go(connection, before)?;
    }
    let Pruning { mut report, positions } = pruning;
    report.records = positions.len() as u64;
    if !positions.is_empty() {
        let body = Pruned { positions, before_ms };
        // Numbers alone: this always has a canonical form.
        let body = async_orchestrator_core::canonical_json(&body).unwrap_or_default();
        chain::append(connection, LinkKind::Pruned, None, at_ms, &body)?;
    }
    Ok(report)
}

/// A pruning, and what it let go so far.
struct Pruning {
    report: PruneReport,
    /// The links whose bodies went.
    positions: Vec<u64>,
}

impl Pruning {
    /// Lets the content of old runs go that were counted.
    fn let_go(&mut self, connection: &Connection, before: i64) -> Result<(), Error> {
        let old = "SELECT seq FROM runs WHERE began_ms < ?1 AND seq NOT IN (SELECT run FROM uncounted)";
        let bodies = format!(
            "position IN (SELECT position FROM runs WHERE seq IN ({old})) AND kind = 'record' AND body IS NOT NULL"
        );
        let mut select = connection
            .prepare(&format!("SELECT position, length(CAST(body AS BLOB)) FROM chain WHERE {bodies}"))?;
        let rows = select.query_map([before], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
        for row in rows {
            let (position, bytes) = row?;
            self.positions.push(position.unsigned_abs());
            self.report.bytes += bytes.unsigned_abs();
        }
        connection.execute(&format!("UPDATE chain SET body = NULL WHERE {bodies}"), [before])?;
        let done = runs(connection, &format!("{old} AND state = 'done'"), before)?;
        self.report.bytes += forget_journals(connection, &done)?;
        connection
            .execute(&format!("DELETE FROM texts WHERE rowid IN ({old} AND state = 'done')"), [before])?;
        let mut attempts = connection.prepare(&format!("DELETE FROM attempts WHERE {OF_RUN}"))?;
        done.iter().try_for_each(|seq| attempts.execute([seq]).map(drop))?;
        connection.execute(
            &format!("UPDATE runs SET question = '', answer = NULL WHERE seq IN ({old} AND state = 'done')"),
            [before],
        )?;
        let ended = runs(connection, &format!("{old} AND state IN ('failed', 'left')"), before)?;
        forget_journals(connection, &ended)?;
        ended.iter().try_for_each(|seq| journal::forget_calls(connection, *seq))?;
        let gone = connection
            .execute("DELETE FROM runs WHERE began_ms < ?1 AND state IN ('failed', 'left')", [before])?;
        self.report.runs += gone as u64;
        Ok(())
    }
}

/// The rows of the runs that `select` finds.
fn runs(connection: &Connection, select: &str, before: i64) -> Result<Vec<i64>, Error> {
    connection.prepare(select)?.query_map([before], |row| row.get(0))?.collect()
}

/// Lets the journals of `runs` go, and gives how many bytes of text they had.
fn forget_journals(connection: &Connection, runs: &[i64]) -> Result<u64, Error> {
    let mut measure = connection.prepare(&format!(
        "SELECT coalesce(sum(length(CAST(json AS BLOB))), 0) FROM entries WHERE {OF_RUN}"
    ))?;
    let mut delete = connection.prepare(&format!("DELETE FROM entries WHERE {OF_RUN}"))?;
    let mut bytes = 0;
    for seq in runs {
        bytes += measure.query_row([seq], |row| row.get::<_, i64>(0))?.unsigned_abs();
        delete.execute([seq])?;
    }
    Ok(bytes)
}

/// Old runs whose process ended in the middle are nobody's.
fn leave_dead(connection: &Connection, path: &Path, before: i64) -> Result<(), Error> {
    let mut select = connection.prepare(
        "SELECT DISTINCT owner FROM runs WHERE began_ms < ?1 AND state = 'open' AND owner IS NOT NULL",
    )?;
    let owners: Vec<String> = select.query_map([before], |row| row.get(0))?.collect::<Result<_, Error>>()?;
    for name in owners.iter().filter(|name| !owner::is_alive(path, name)) {
        connection.execute(
            "UPDATE runs SET state = 'left', owner = NULL WHERE began_ms < ?1 AND state = 'open' AND owner = ?2",
            params![before, name],
        )?;
    }
    Ok(())
}

/// Notes what became known of a decision, in its line and in the chain.
pub(super) fn outcome(connection: &Connection, run: &str, right: bool, at_ms: u64) -> Result<bool, Error> {
    let word = if right { "right" } else { "wrong" };
    let known = connection
        .execute("UPDATE runs SET outcome = ?2 WHERE id = ?1 AND state = 'done'", params![run, word])?;
    if known == 1 {
        let body = format!("{{\"outcome\":\"{word}\"}}");
        chain::append(connection, LinkKind::Outcome, Some(run), at_ms, &body)?;
    }
    Ok(known == 1)
}
