//! Keeps a finished run: its record as a link of the chain, and its line in the list.

use std::sync::{Arc, OnceLock};

use async_orchestrator_core::{DecisionRecord, Mode, RunId, RunSummary, TriageRequest, canonical_json};
use rusqlite::{Connection, Error, OptionalExtension, params};
use serde_json::Value;

use super::{
    Content, chain,
    chain::LinkKind,
    count,
    held::{Calls, Held, Prices},
    redact,
    schema::OF_RUN,
    signed,
};

/// So much of a question or an answer stands in lists.
const PREVIEW_BYTES_MAX: usize = 400;
/// So much of each is found by the search.
const SEARCHED_BYTES_MAX: usize = 32_768;

/// The beginning of a text, for lists.
pub(super) fn preview(text: &str) -> &str {
    let text = text.trim();
    &text[..text.floor_char_boundary(PREVIEW_BYTES_MAX)]
}

/// What a link of the chain holds of a run.
#[derive(serde::Serialize)]
struct Body<'a> {
    record: &'a DecisionRecord,
    request: &'a TriageRequest,
}

/// A finished run as it is handed to the writer.
pub(super) struct Finished {
    pub(super) run: String,
    began_ms: u64,
    pub(super) question: String,
    pub(super) answer: String,
    body: String,
    pub(super) summary: RunSummary,
    pub(super) domain: String,
    class: String,
    decision_hash: String,
    /// How many entries its journal has.
    entries: u64,
    /// Per proposer's seat: whether its proposal won, and whether it said what the winner says.
    pub(super) proposals: Vec<(String, bool, bool)>,
    pub(super) content: Content,
    /// What this process remembered of its calls when it was kept.
    pub(super) calls: OnceLock<(Calls, Arc<Prices>)>,
}

impl Finished {
    pub(super) fn new(
        request: &TriageRequest,
        record: &DecisionRecord,
        content: Content,
    ) -> Result<Self, serde_json::Error> {
        let body = match content {
            // The usual case writes the text once and builds no tree.
            Content::Full => canonical_json(&Body { record, request }).map_err(serde::ser::Error::custom)?,
            Content::Hash | Content::Off => {
                let whole: Value = serde_json::to_value(Body { record, request })?;
                async_orchestrator_core::canonical_text(&redact::redact(whole, content))
            }
        };
        let cluster = record.winning_cluster();
        let proposals = record.proposals.iter().map(|proposal| {
            let won = record.answer.winner.as_deref() == Some(&proposal.id);
            (proposal.seat.to_string(), won, cluster == Some(&proposal.cluster) && !proposal.abstained)
        });
        let searched = |text: &str| match content {
            Content::Full => text[..text.floor_char_boundary(SEARCHED_BYTES_MAX)].to_owned(),
            Content::Hash | Content::Off => String::new(),
        };
        Ok(Self {
            run: record.run_id.to_string(),
            began_ms: record.timing.began_ms,
            question: searched(&request.query),
            answer: searched(&record.answer.text),
            body,
            summary: RunSummary::of(record),
            domain: record.triage.domain.to_string(),
            class: record.triage.task_class.clone(),
            decision_hash: record.log.decision_hash.clone(),
            entries: record.log.events,
            proposals: proposals.collect(),
            content,
            calls: OnceLock::new(),
        })
    }
}

/// Keeps `finished`, and counts it where that cannot wait: what it is counted by goes with this very transaction. A run that was kept before
/// stays as it was.
pub(super) fn keep(connection: &Connection, finished: &Finished, held: &Held) -> Result<(), Error> {
    let known = connection
        .prepare_cached("SELECT seq, state, began_ms FROM runs WHERE id = ?1")?
        .query_row([&finished.run], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?))
        })
        .optional()?;
    let (seq, began_ms) = match known {
        Some((_, state, _)) if state == "done" => return Ok(()),
        Some((seq, _, began_ms)) => (seq, began_ms.unsigned_abs()),
        None => {
            connection
                .prepare_cached(
                    "INSERT INTO runs (id, state, began_ms, question) VALUES (?1, 'open', ?2, ?3)",
                )?
                .execute(params![
                    finished.run,
                    signed(finished.began_ms),
                    redact::text(preview(&finished.question), finished.content)
                ])?;
            (connection.last_insert_rowid(), finished.began_ms)
        }
    };
    let ended_ms = began_ms.saturating_add(millis(finished.summary.total_ms));
    let position =
        chain::append(connection, LinkKind::Record, Some(&finished.run), ended_ms, &finished.body)?;
    close(connection, seq, finished, ended_ms, position)?;
    let run = RunId::new(finished.run.as_str());
    let (calls, prices) = (held.calls_of(&run), held.of_run(connection, &run, seq)?);
    if finished.content == Content::Full && is_whole(connection, seq, finished.entries)? {
        connection.prepare_cached("INSERT INTO uncounted (run) VALUES (?1)")?.execute([seq])?;
        let _ = finished.calls.set((calls, prices));
        return Ok(());
    }
    count::count(connection, (seq, began_ms), finished, &calls, &prices)?;
    forget_entries(connection, seq)
}

/// Whether a journal has all of its `entries`. One that lacks some, because they could not be written, is let go: nobody can replay it, and it is not
/// the one that its record names.
fn is_whole(connection: &Connection, seq: i64, entries: u64) -> Result<bool, Error> {
    let written: i64 = connection
        .prepare_cached(&format!("SELECT count(*) FROM entries WHERE {OF_RUN}"))?
        .query_row([seq], |row| row.get(0))?;
    Ok(written == signed(entries))
}

/// Lets the texts of an ended run's journal go, as any policy but the full one promises.
pub(super) fn forget_entries(connection: &Connection, seq: i64) -> Result<(), Error> {
    connection.prepare_cached(&format!("DELETE FROM entries WHERE {OF_RUN}"))?.execute([seq]).map(drop)
}

/// Milliseconds in a day.
pub(super) const DAY_MS: u64 = 86_400_000;

fn close(
    connection: &Connection,
    seq: i64,
    finished: &Finished,
    ended_ms: u64,
    position: u64,
) -> Result<(), Error> {
    let summary = &finished.summary;
    let answer = redact::text(preview(&finished.answer), finished.content);
    connection
        .prepare_cached(
            "UPDATE runs SET state = 'done', owner = NULL, ended_ms = ?2, domain = ?3, class = ?4, mode = ?5, status = ?6,
             verdict = ?7, rule = ?8, answer = ?9, agreement = ?10, p_correct = ?11, dissents = ?12, calls = ?13,
             saved_calls = ?14, tokens_in = ?15, tokens_out = ?16, micro_usd = ?17, total_ms = ?18, decision_hash = ?19,
             position = ?20 WHERE seq = ?1",
        )?
        .execute(params![
            seq,
            signed(ended_ms),
            finished.domain,
            finished.class,
            mode(summary.mode),
            summary.status.name(),
            summary.verdict.name(),
            summary.rule.map(async_orchestrator_core::TallyRule::name),
            answer,
            summary.agreement,
            summary.p_correct,
            signed(summary.dissents),
            signed(summary.calls),
            signed(summary.saved_calls),
            signed(summary.tokens_in),
            signed(summary.tokens_out),
            summary.cost.map(|cost| signed(cost.0)),
            summary.total_ms,
            finished.decision_hash,
            signed(position)
        ])
        .map(drop)
}

pub(super) const fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Express => "express",
        Mode::Council => "council",
    }
}

pub(super) fn millis(ms: f64) -> u64 {
    u64::try_from(
        std::time::Duration::try_from_secs_f64(ms.max(0.0) / 1_000.0).unwrap_or_default().as_millis(),
    )
    .unwrap_or(u64::MAX)
}
