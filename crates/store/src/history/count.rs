//! Counts a run that has ended: the rows of its calls and attempts, its words for the search, and what it adds to the day's figures. A run that is
//! kept in full is counted after its caller was answered, from what this process remembers; where that did not come about, from its record and its
//! journal, by whoever opens the file next.

use std::collections::BTreeMap;

use async_orchestrator_core::RunId;
use rusqlite::{Connection, Error, ErrorCode, OptionalExtension, params};

use super::{
    Content, Kept, Latencies, chain,
    held::{Calls, Held, Prices},
    journal,
    keep::{DAY_MS, Finished, millis, mode},
    schema::OF_RUN,
    signed,
    worker::apart,
};

/// Whether runs that were kept are still to be counted.
pub(super) fn is_behind(connection: &Connection) -> Result<bool, Error> {
    connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM uncounted)")?.query_row([], |row| row.get(0))
}

/// Counts `finished`, which was kept, if nobody has by now.
pub(super) fn one(connection: &Connection, finished: &Finished, held: &Held) -> Result<(), Error> {
    let row = connection
        .prepare_cached("SELECT seq, began_ms FROM runs WHERE id = ?1")?
        .query_row([&finished.run], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))
        .optional()?;
    // Else it was not kept, or by somebody else.
    if let (Some(row), Some((calls, prices))) = (row, finished.calls.get()) {
        once(connection, row, finished, calls, prices)?;
    }
    if held.take_behind() { rest(connection, held) } else { Ok(()) }
}

/// Counts what was kept and is not counted: its process ended in between, or could not write. A run that cannot be counted keeps none of the others
/// from it, and is tried again when the file is opened the next time; one whose record cannot be read any more is counted by nobody.
///
/// # Errors
/// If the transaction was lost. What fails for want of room is noted, and made up for with the next run.
pub(super) fn rest(connection: &Connection, held: &Held) -> Result<(), Error> {
    let mut select = connection.prepare_cached(
        "SELECT seq, began_ms, id FROM runs WHERE seq IN (SELECT run FROM uncounted) ORDER BY seq",
    )?;
    let rows = select.query_map([], |row| {
        Ok(((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()), row.get::<_, String>(2)?))
    })?;
    for row in rows.collect::<Result<Vec<_>, Error>>()? {
        let (row, id) = row;
        let counted = apart(connection, |connection| recorded(connection, row, &id, held));
        let Err(error) = counted else { continue };
        if connection.is_autocommit() {
            return Err(error);
        }
        if error.sqlite_error_code() == Some(ErrorCode::DiskFull) {
            held.fall_behind();
            break;
        }
    }
    Ok(())
}

/// Counts a run by its record and its journal.
fn recorded(connection: &Connection, row: (i64, u64), id: &str, held: &Held) -> Result<(), Error> {
    let body = chain::body(connection, id)?.unwrap_or_default();
    let kept = serde_json::from_str::<Kept>(&body);
    let finished = kept.and_then(|Kept { record, request }| Finished::new(&request, &record, Content::Full));
    let Ok(finished) = finished else { return unmark(connection, row.0).map(drop) };
    let run = RunId::new(id);
    let prices = held.of_run(connection, &run, row.0)?;
    held.forget(&run);
    once(connection, row, &finished, &Calls::default(), &prices)
}

fn unmark(connection: &Connection, seq: i64) -> Result<usize, Error> {
    connection.prepare_cached("DELETE FROM uncounted WHERE run = ?1")?.execute([seq])
}

/// Counts a run that is marked, and takes the mark away.
fn once(
    connection: &Connection,
    row: (i64, u64),
    finished: &Finished,
    calls: &Calls,
    prices: &Prices,
) -> Result<(), Error> {
    match unmark(connection, row.0)? {
        0 => Ok(()),
        _ => count(connection, row, finished, calls, prices),
    }
}

/// Counts a run by its number and when it began, in milliseconds since 1970.
pub(super) fn count(
    connection: &Connection,
    (seq, began_ms): (i64, u64),
    finished: &Finished,
    calls: &Calls,
    prices: &Prices,
) -> Result<(), Error> {
    journal::write_calls(connection, seq, calls, prices)?;
    if finished.content == Content::Full {
        connection
            .prepare_cached("INSERT INTO texts (rowid, question, answer) VALUES (?1, ?2, ?3)")?
            .execute(params![seq, finished.question, finished.answer])?;
    }
    let day = signed(began_ms / DAY_MS);
    count_calls(connection, seq, day, &finished.domain, &finished.proposals)?;
    count_run(connection, day, finished)
}

/// Calls of a run that the day counts together: those of one model in one role.
#[derive(Default)]
struct Counted {
    calls: i64,
    failed: i64,
    tokens_in: i64,
    tokens_out: i64,
    micro_usd: i64,
    unpriced: i64,
    proposals: i64,
    won: i64,
    agreed: i64,
    latency: Latencies,
}

fn count_calls(
    connection: &Connection,
    seq: i64,
    day: i64,
    domain: &str,
    proposals: &[(String, bool, bool)],
) -> Result<(), Error> {
    // The last call first: a seat that was asked once more made one proposal, and the last answer is it; so is an answer that became a proposal
    // when the council was called.
    let mut select = connection.prepare_cached(&format!(
        "SELECT seat, role, stage, model, outcome = 'ok', took_ms, tokens_in, tokens_out, micro_usd FROM calls WHERE {OF_RUN}
         ORDER BY id DESC"
    ))?;
    let mut credited: Vec<&str> = Vec::new();
    let mut groups: BTreeMap<(String, String), Counted> = BTreeMap::new();
    let mut rows = select.query([seq])?;
    while let Some(row) = rows.next()? {
        let model = row.get::<_, Option<String>>(3)?.unwrap_or_else(|| String::from("none"));
        let group = groups.entry((model, row.get(1)?)).or_default();
        let (is_ok, micro_usd) = (row.get::<_, bool>(4)?, row.get::<_, Option<i64>>(8)?);
        group.calls += 1;
        group.tokens_in += row.get::<_, i64>(6)?;
        group.tokens_out += row.get::<_, i64>(7)?;
        group.micro_usd += micro_usd.unwrap_or_default();
        if !is_ok {
            group.failed += 1;
            continue;
        }
        group.unpriced += i64::from(micro_usd.is_none());
        group.latency.record(row.get::<_, i64>(5)?.unsigned_abs());
        let (seat, stage) = (row.get_ref(0)?.as_str()?, row.get_ref(2)?.as_str()?);
        let proposal = proposals.iter().find(|(of, ..)| of == seat && !credited.contains(&of.as_str()));
        if let Some((seat, won, agreed)) = proposal.filter(|_| matches!(stage, "propose" | "answer")) {
            credited.push(seat);
            group.proposals += 1;
            group.won += i64::from(*won);
            group.agreed += i64::from(*agreed);
        }
    }
    let mut before = connection.prepare_cached(
        "SELECT latency FROM daily_calls WHERE day = ?1 AND model = ?2 AND role = ?3 AND domain = ?4",
    )?;
    let mut add = connection.prepare_cached(
        "INSERT INTO daily_calls (day, model, role, domain, calls, failed, tokens_in, tokens_out, micro_usd, unpriced,
             proposals, won, agreed, latency)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
         ON CONFLICT DO UPDATE SET calls = calls + ?5, failed = failed + ?6, tokens_in = tokens_in + ?7,
             tokens_out = tokens_out + ?8, micro_usd = micro_usd + ?9, unpriced = unpriced + ?10,
             proposals = proposals + ?11, won = won + ?12, agreed = agreed + ?13, latency = ?14",
    )?;
    for ((model, role), mut group) in groups {
        let key = params![day, model, role, domain];
        let before = before.query_row(key, |row| row.get::<_, Vec<u8>>(0)).optional()?;
        group.latency.add_bytes(&before.unwrap_or_default());
        add.execute(params![
            day,
            model,
            role,
            domain,
            group.calls,
            group.failed,
            group.tokens_in,
            group.tokens_out,
            group.micro_usd,
            group.unpriced,
            group.proposals,
            group.won,
            group.agreed,
            group.latency.to_bytes()
        ])?;
    }
    Ok(())
}

fn count_run(connection: &Connection, day: i64, finished: &Finished) -> Result<(), Error> {
    let summary = &finished.summary;
    let key = params![day, finished.domain, mode(summary.mode), summary.status.name()];
    let before = connection
        .prepare_cached(
            "SELECT latency FROM daily_runs WHERE day = ?1 AND domain = ?2 AND mode = ?3 AND status = ?4",
        )?
        .query_row(key, |row| row.get::<_, Vec<u8>>(0))
        .optional()?;
    let mut latency = Latencies::from_bytes(&before.unwrap_or_default());
    latency.record(millis(summary.total_ms));
    connection
        .prepare_cached(
            "INSERT INTO daily_runs (day, domain, mode, status, runs, calls, saved_calls, tokens_in, tokens_out, micro_usd,
                 unpriced, dissenting, agreement, councils, latency)
             VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
             ON CONFLICT DO UPDATE SET runs = runs + 1, calls = calls + ?5, saved_calls = saved_calls + ?6,
                 tokens_in = tokens_in + ?7, tokens_out = tokens_out + ?8, micro_usd = micro_usd + ?9,
                 unpriced = unpriced + ?10, dissenting = dissenting + ?11, agreement = agreement + ?12,
                 councils = councils + ?13, latency = ?14",
        )?
        .execute(params![
            day,
            finished.domain,
            mode(summary.mode),
            summary.status.name(),
            signed(summary.calls),
            signed(summary.saved_calls),
            signed(summary.tokens_in),
            signed(summary.tokens_out),
            summary.cost.map_or(0, |cost| signed(cost.0)),
            summary.cost.is_none(),
            summary.dissents > 0,
            summary.agreement.unwrap_or_default(),
            summary.agreement.is_some(),
            latency.to_bytes()
        ])
        .map(drop)
}

/// Counts a run that ended without an answer, under what triage said of it if it came so far; `spent` is what it had spent in
/// micro-dollars, attempts that came to nothing included, and `unpriced` says that a part of its cost is unknown.
pub(super) fn failed(connection: &Connection, seq: i64, spent: u64, unpriced: bool) -> Result<(), Error> {
    const UNKNOWN: &str = "unknown";
    let (began_ms, ended_ms, domain, mode): (i64, i64, Option<String>, Option<String>) = connection
        .prepare_cached("SELECT began_ms, ended_ms, domain, mode FROM runs WHERE seq = ?1")?
        .query_row([seq], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    let (domain, mode) = (domain.as_deref().unwrap_or(UNKNOWN), mode.as_deref().unwrap_or(UNKNOWN));
    let day = began_ms / signed(DAY_MS);
    count_calls(connection, seq, day, domain, &[])?;
    let mut latency = Latencies::default();
    latency.record(ended_ms.saturating_sub(began_ms).unsigned_abs());
    let before = connection
        .prepare_cached(
            "SELECT latency FROM daily_runs WHERE day = ?1 AND domain = ?2 AND mode = ?3 AND status = 'failed'",
        )?
        .query_row(params![day, domain, mode], |row| row.get::<_, Vec<u8>>(0))
        .optional()?;
    latency.add(&Latencies::from_bytes(&before.unwrap_or_default()));
    connection
        .prepare_cached(&format!(
            "INSERT INTO daily_runs (day, domain, mode, status, runs, calls, saved_calls, tokens_in, tokens_out, micro_usd,
                 unpriced, dissenting, agreement, councils, latency)
             SELECT ?2, ?4, ?5, 'failed', 1,
                 max((SELECT count(*) FROM attempts WHERE {OF_RUN} AND number > 0), coalesce(sum(outcome = 'ok'), 0)), 0,
                 coalesce(sum(tokens_in), 0), coalesce(sum(tokens_out), 0), max(coalesce(sum(micro_usd), 0), ?7), ?6, 0, 0, 0, ?3
             FROM calls WHERE {OF_RUN}
             ON CONFLICT DO UPDATE SET runs = runs + 1, calls = daily_runs.calls + excluded.calls,
                 tokens_in = daily_runs.tokens_in + excluded.tokens_in, tokens_out = daily_runs.tokens_out + excluded.tokens_out,
                 micro_usd = daily_runs.micro_usd + excluded.micro_usd, unpriced = daily_runs.unpriced + excluded.unpriced,
                 latency = ?3"
        ))?
        .execute(params![seq, day, latency.to_bytes(), domain, mode, unpriced, signed(spent)])
        .map(drop)
}
