//! Writes the journal's entries, and answers who may go on with which run.

use std::{path::Path, sync::Arc};

use async_orchestrator_core::{
    Attempt, AttemptOutcome, Cause, JournalBody, JournalEntry, ModelRef, RoleOutcome, RunId, RunSetup,
    SealedEntry, Unended, Unfinished, Usage,
};
use rusqlite::{CachedStatement, Connection, Error, OptionalExtension, params};

use super::{
    Content, count,
    held::{Calls, Held, Leaving, Prices},
    keep, owner, redact,
    schema::{self, OF_RUN},
    signed,
};

/// How many calls of an open run have arrived, in SQL over `runs`. Quotes inside of strings are escaped: the words stand for the kind of the entry alone. The
/// first entry is none, and may hold a caller's schema that says the same.
pub(super) const CALLS_SO_FAR: &str = "calls_done + (SELECT count(*) FROM entries
     WHERE entries.id BETWEEN ((runs.seq << 20) | 1) AND ((runs.seq << 20) | 1048575) AND instr(json, '\"entry\":\"arrived\"') > 0)";

/// Adds an entry; the first one makes the run.
pub(super) fn append(
    connection: &Connection,
    run: &RunId,
    sealed: &SealedEntry,
    owner: &str,
    content: Content,
    held: &Held,
) -> Result<(), Error> {
    let entry = sealed.entry();
    let seq = match &entry.body {
        JournalBody::Opened { request, wall_ms, setup, .. } => {
            connection
                .prepare_cached(
                    "INSERT INTO runs (id, state, owner, began_ms, question, setup)
                     VALUES (?1, 'open', ?2, ?3, ?4, ?5)",
                )?
                .execute(params![
                    run.as_str(),
                    owner,
                    signed(*wall_ms),
                    redact::text(keep::preview(&request.query), content),
                    setup
                ])?;
            held.begin_calls(run);
            connection.last_insert_rowid()
        }
        _ => seq(connection, run)?.ok_or(Error::QueryReturnedNoRows)?,
    };
    match &entry.body {
        JournalBody::Arrived { call, outcome, .. } => {
            held.note_call(run, call, outcome);
            if content == Content::Off {
                connection
                    .prepare_cached("UPDATE runs SET calls_done = calls_done + 1 WHERE seq = ?1")?
                    .execute([seq])?;
            }
        }
        JournalBody::Triaged { decision } => {
            connection
                .prepare_cached("UPDATE runs SET domain = ?2, class = ?3, mode = ?4 WHERE seq = ?1")?
                .execute(params![
                seq,
                decision.domain.to_string(),
                decision.task_class,
                keep::mode(decision.mode)
            ])?;
        }
        JournalBody::Failed { why } => {
            connection
                .prepare_cached(
                    "UPDATE runs SET state = 'failed', owner = NULL, why = ?2, ended_ms = began_ms + ?3 WHERE seq = ?1",
                )?
                .execute(params![seq, why, signed(entry.at_ms)])?;
            let prices = held.of_run(connection, run, seq)?;
            write_calls(connection, seq, &held.calls_of(run), &prices)?;
            connection
                .prepare_cached(&format!(
                    "UPDATE runs SET calls = (SELECT count(*) FROM calls WHERE {OF_RUN}) WHERE seq = ?1"
                ))?
                .execute([seq])?;
            let unpriced = has_cost_unknown(connection, seq, &prices)?;
            count::failed(connection, seq, spent(connection, seq)?, unpriced)?;
        }
        _ => {}
    }
    let ended = matches!(entry.body, JournalBody::Failed { .. });
    if content == Content::Off || (ended && content == Content::Hash) {
        return if ended { keep::forget_entries(connection, seq) } else { Ok(()) };
    }
    insert(connection, schema::key(seq, entry.index)?, sealed)
}

/// A journal has no gaps: where an entry could not be written, none after it is.
fn insert(connection: &Connection, key: i64, sealed: &SealedEntry) -> Result<(), Error> {
    let written = connection
        .prepare_cached(
            "INSERT INTO entries (id, json)
             SELECT ?1, ?2 WHERE ?1 & 1048575 = 0 OR EXISTS (SELECT 1 FROM entries WHERE id = ?1 - 1)",
        )?
        .execute(params![key, sealed.json()])?;
    match written {
        0 => Err(Error::ToSqlConversionFailure("the entry before this one is missing".into())),
        _ => Ok(()),
    }
}

/// The row of a run.
pub(super) fn seq(connection: &Connection, run: &RunId) -> Result<Option<i64>, Error> {
    let mut select = connection.prepare_cached("SELECT seq FROM runs WHERE id = ?1")?;
    select.query_row([run.as_str()], |row| row.get(0)).optional()
}

/// Writes the rows of a run's calls and attempts, when it has ended. Where other processes saw a part of them, the journal tells them all.
pub(super) fn write_calls(
    connection: &Connection,
    seq: i64,
    calls: &Calls,
    prices: &Prices,
) -> Result<(), Error> {
    let recorded: Vec<_> = if calls.are_all {
        Vec::new()
    } else {
        let recorded = match entries(connection, seq) {
            // Not as it was written: `verify` says so.
            Err(Error::FromSqlConversionFailure(..)) => Vec::new(),
            recorded => recorded?,
        };
        recorded
            .into_iter()
            .filter_map(|sealed| match sealed.body() {
                JournalBody::Arrived { call, outcome, .. } => Some((call.clone(), Arc::clone(outcome))),
                _ => None,
            })
            .collect()
    };
    if !recorded.is_empty() {
        forget_calls(connection, seq)?;
    }
    let arrived = if recorded.is_empty() { &calls.arrived } else { &recorded };
    let mut inserts = Inserts::prepare(connection, seq)?;
    arrived.iter().try_for_each(|(call, outcome)| write_call(&mut inserts, call, outcome, prices))
}

/// Lets the rows of a run's calls and attempts go.
pub(super) fn forget_calls(connection: &Connection, seq: i64) -> Result<(), Error> {
    for table in ["calls", "attempts"] {
        connection.prepare_cached(&format!("DELETE FROM {table} WHERE {OF_RUN}"))?.execute([seq])?;
    }
    Ok(())
}

/// The statements that write calls, looked up once for all calls of a run.
struct Inserts<'c> {
    seq: i64,
    call: CachedStatement<'c>,
    attempt: CachedStatement<'c>,
    /// The numbers of the next call and the next attempt.
    next: (u64, u64),
}

impl<'c> Inserts<'c> {
    fn prepare(connection: &'c Connection, seq: i64) -> Result<Self, Error> {
        let call = connection.prepare_cached(
            "INSERT INTO calls (id, call, seat, role, stage, model, outcome, attempts, took_ms, tokens_in, tokens_out, micro_usd)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?;
        let attempt = connection.prepare_cached(
            "INSERT INTO attempts (id, call, number, model, began_ms, ended_ms, outcome, why)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        // Rows that another process wrote stand before these.
        let after = |table: &str| {
            connection
                .prepare_cached(&format!(
                    "SELECT coalesce(max(id) & 1048575, -1) + 1 FROM {table} WHERE {OF_RUN}"
                ))?
                .query_row([seq], |row| row.get::<_, i64>(0))
        };
        let next = (after("calls")?.unsigned_abs(), after("attempts")?.unsigned_abs());
        Ok(Self { seq, call, attempt, next })
    }
}

fn write_call(
    inserts: &mut Inserts<'_>,
    call: &str,
    outcome: &RoleOutcome,
    prices: &Prices,
) -> Result<(), Error> {
    let (seat, stage) = call.split_once('/').unwrap_or((call, ""));
    let role = seat.rsplit_once('-').map_or(seat, |(role, _)| role);
    let stage = stage.split('/').next().unwrap_or_default();
    let trail = outcome.trail();
    let (model, usage, word) = match outcome {
        RoleOutcome::Answered(completion) => (Some(&completion.answered_by), completion.usage, "ok"),
        RoleOutcome::Judged(verdict) => (Some(&verdict.answered_by), verdict.usage, "ok"),
        RoleOutcome::Failed(failure) => {
            (trail.last().map(|attempt| &attempt.target), Usage::default(), failure.cause.name())
        }
    };
    let began = trail.iter().map(|attempt| attempt.started_ms).min().unwrap_or_default();
    let ended = trail.iter().filter_map(|attempt| attempt.ended_ms).max().unwrap_or(began);
    let cost = match outcome {
        RoleOutcome::Failed(_) => {
            (!trail.iter().any(|attempt| may_cost_unknown(attempt, prices))).then_some(0)
        }
        _ => model.and_then(|model| prices.get(model)).map(|price| price.cost(&usage).0),
    };
    inserts.call.execute(params![
        schema::key(inserts.seq, inserts.next.0)?,
        call,
        seat,
        role,
        stage,
        model.map(ToString::to_string),
        word,
        signed(trail.len() as u64),
        signed(ended.saturating_sub(began)),
        signed(usage.input_tokens),
        signed(usage.output_tokens),
        cost.map(signed)
    ])?;
    inserts.next.0 += 1;
    for attempt in trail {
        let word = match attempt.outcome {
            AttemptOutcome::Ok(_) => "ok",
            AttemptOutcome::Failed(cause) => cause.name(),
        };
        inserts.attempt.execute(params![
            schema::key(inserts.seq, inserts.next.1)?,
            call,
            attempt.n,
            attempt.target.to_string(),
            signed(attempt.started_ms),
            attempt.ended_ms.map(signed),
            word,
            attempt.why
        ])?;
        inserts.next.1 += 1;
    }
    Ok(())
}

/// Whether an attempt may be on a bill though it failed, and nobody knows what its model costs.
fn may_cost_unknown(attempt: &Attempt, prices: &Prices) -> bool {
    let may_be_billed = match attempt.outcome {
        AttemptOutcome::Ok(_) => false,
        AttemptOutcome::Failed(cause) => Cause::MAY_BE_BILLED.contains(&cause),
    };
    attempt.n > 0 && may_be_billed && !prices.contains_key(&attempt.target)
}

/// Whether a part of what a run cost is not known: of an answer, or of an attempt that failed, also beside one that was answered.
fn has_cost_unknown(connection: &Connection, seq: i64, prices: &Prices) -> Result<bool, Error> {
    let of_calls: bool = connection
        .prepare_cached(&format!("SELECT EXISTS (SELECT 1 FROM calls WHERE {OF_RUN} AND micro_usd IS NULL)"))?
        .query_row([seq], |row| row.get(0))?;
    let mut select = connection
        .prepare_cached(&format!("SELECT model, outcome FROM attempts WHERE {OF_RUN} AND number > 0"))?;
    let attempts = select.query_map([seq], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let attempts = attempts.collect::<Result<Vec<_>, Error>>()?;
    let is_priced = |model: &str| model.parse::<ModelRef>().is_ok_and(|model| prices.contains_key(&model));
    let may_be_billed = |word: &str| Cause::MAY_BE_BILLED.iter().any(|cause| cause.name() == word);
    Ok(of_calls || attempts.iter().any(|(model, word)| may_be_billed(word) && !is_priced(model)))
}

/// What a run had spent by its last arrival in micro-dollars, attempts that came to nothing included; 0 where no content is kept.
fn spent(connection: &Connection, seq: i64) -> Result<u64, Error> {
    let mut select =
        connection.prepare_cached(&format!("SELECT json FROM entries WHERE {OF_RUN} ORDER BY id DESC"))?;
    let entries = select.query_map([seq], |row| row.get::<_, String>(0))?;
    for json in entries {
        if let Ok(JournalEntry { body: JournalBody::Arrived { spent, .. }, .. }) =
            serde_json::from_str(&json?)
        {
            return Ok(spent.cost.0);
        }
    }
    Ok(0)
}

/// What became of asking for a run.
pub(super) enum Asked {
    Taken(Vec<SealedEntry>),
    Running,
    Ended,
    Unknown,
}

/// Takes a run over, if nobody runs it.
pub(super) fn claim(connection: &Connection, path: &Path, run: &RunId, own: &str) -> Result<Asked, Error> {
    let row = connection
        .prepare_cached("SELECT seq, state, owner FROM runs WHERE id = ?1")?
        .query_row([run.as_str()], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, Option<String>>(2)?))
        })
        .optional()?;
    let Some((seq, state, holder)) = row else { return Ok(Asked::Unknown) };
    match state.as_str() {
        "open" => {
            // What this process itself holds was looked up before.
            let others = holder.filter(|holder| holder != own);
            if others.is_some_and(|holder| owner::is_alive(path, &holder)) {
                return Ok(Asked::Running);
            }
        }
        "left" => {}
        _ => return Ok(Asked::Ended),
    }
    // One transaction: nobody else can have taken it in between.
    connection
        .prepare_cached("UPDATE runs SET state = 'open', owner = ?2 WHERE seq = ?1")?
        .execute(params![seq, own])?;
    Ok(Asked::Taken(entries(connection, seq)?))
}

/// Notes that the callers of `runs` went away, where they are still `own` and were not taken again meanwhile.
pub(super) fn leave(connection: &Connection, runs: &Leaving, own: &str, held: &Held) -> Result<(), Error> {
    let mut update = connection.prepare_cached(
        "UPDATE runs SET state = 'left', owner = NULL WHERE id = ?1 AND owner = ?2 AND state = 'open'",
    )?;
    for (run, _) in runs.iter().filter(|(run, _)| !held.holds(run)) {
        // Entries that were written after it was let go may have brought these back.
        held.forget(run);
        update.execute([run.as_str(), own])?;
    }
    Ok(())
}

/// The entries of a run as they were written, in their order.
pub(super) fn texts(connection: &Connection, seq: i64) -> Result<Vec<String>, Error> {
    let mut select =
        connection.prepare_cached(&format!("SELECT json FROM entries WHERE {OF_RUN} ORDER BY id"))?;
    select.query_map([seq], |row| row.get(0))?.collect()
}

/// The entries of a run.
pub(super) fn entries(connection: &Connection, seq: i64) -> Result<Vec<SealedEntry>, Error> {
    let read = |json: String| {
        SealedEntry::read(json)
            .map_err(|error| Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error)))
    };
    texts(connection, seq)?.into_iter().map(read).collect()
}

/// Keeps a setup.
pub(super) fn keep_setup(connection: &Connection, hash: &str, json: &str) -> Result<(), Error> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO setups (hash, json) VALUES (?1, ?2)")?
        .execute([hash, json])
        .map(drop)
}

/// The setup called `hash`.
pub(super) fn setup(connection: &Connection, hash: &str) -> Result<Option<RunSetup>, Error> {
    let mut select = connection.prepare_cached("SELECT json FROM setups WHERE hash = ?1")?;
    let json = select.query_row([hash], |row| row.get::<_, String>(0)).optional()?;
    Ok(json.and_then(|json| serde_json::from_str(&json).ok()))
}

/// The runs that have not ended, oldest first.
pub(super) fn unfinished(connection: &Connection, path: &Path) -> Result<Vec<Unfinished>, Error> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT id, began_ms, question, {CALLS_SO_FAR}, state, owner FROM runs WHERE state IN ('open', 'left') ORDER BY seq",
    ))?;
    let rows = select.query_map([], |row| {
        let (state, holder): (String, Option<String>) = (row.get(4)?, row.get(5)?);
        let state = match (state.as_str(), holder) {
            ("left", _) => Unended::Left,
            (_, Some(holder)) if owner::is_alive(path, &holder) => Unended::Running,
            _ => Unended::Interrupted,
        };
        Ok(Unfinished {
            run: RunId::new(row.get::<_, String>(0)?),
            began_ms: row.get::<_, i64>(1)?.unsigned_abs(),
            question: row.get(2)?,
            calls: row.get::<_, i64>(3)?.unsigned_abs(),
            state,
        })
    })?;
    rows.collect()
}

/// The owners of open runs.
pub(super) fn owners(connection: &Connection) -> Result<Vec<String>, Error> {
    let mut select = connection
        .prepare_cached("SELECT DISTINCT owner FROM runs WHERE state = 'open' AND owner IS NOT NULL")?;
    select.query_map([], |row| row.get(0))?.collect()
}
