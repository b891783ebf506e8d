//! Keeps a finished run: its record as a link of the chain, its line in the list, its words for the search, and what it adds to the day's
//! figures.

use std::collections::BTreeMap;

use async_orchestrator_core::{DecisionRecord, Mode, RunId, RunSummary, TriageRequest, canonical_json};
use rusqlite::{Connection, Error, OptionalExtension, params};
use serde_json::Value;

use super::{
    Content, Latencies, chain, chain::LinkKind, held::Held, journal, redact, schema::ENTRIES_OF_RUN, signed,
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
    run: String,
    began_ms: u64,
    question: String,
    answer: String,
    body: String,
    summary: RunSummary,
    domain: String,
    class: String,
    decision_hash: String,
    /// How many entries its journal has.
    entries: u64,
    /// Per proposer's seat: whether its proposal won, and whether it said what the winner says.
    proposals: Vec<(String, bool, bool)>,
    content: Content,
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
        })
    }
}

/// Keeps `finished`. A run that was kept before stays as it was.
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
    journal::write_calls(connection, &RunId::new(finished.run.as_str()), seq, held)?;
    if finished.content == Content::Full {
        forget_incomplete(connection, seq, finished.entries)?;
        connection
            .prepare_cached("INSERT INTO texts (rowid, question, answer) VALUES (?1, ?2, ?3)")?
            .execute(params![seq, finished.question, finished.answer])?;
    } else {
        forget_entries(connection, seq)?;
    }
    let day = signed(began_ms / DAY_MS);
    count_calls(connection, seq, day, &finished.domain, &finished.proposals)?;
    count_run(connection, day, finished)
}

/// Lets a journal go that lacks entries, because they could not be written: nobody can replay it, and it is not the one that its record names.
fn forget_incomplete(connection: &Connection, seq: i64, entries: u64) -> Result<(), Error> {
    let written: i64 = connection
        .prepare_cached(&format!("SELECT count(*) FROM {ENTRIES_OF_RUN}"))?
        .query_row([seq], |row| row.get(0))?;
    if written == signed(entries) { Ok(()) } else { forget_entries(connection, seq) }
}

/// Lets the texts of an ended run's journal go, as any policy but the full one promises.
pub(super) fn forget_entries(connection: &Connection, seq: i64) -> Result<(), Error> {
    connection.prepare_cached(&format!("DELETE FROM {ENTRIES_OF_RUN}"))?.execute([seq]).map(drop)
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

fn millis(ms: f64) -> u64 {
    u64::try_from(
        std::time::Duration::try_from_secs_f64(ms.max(0.0) / 1_000.0).unwrap_or_default().as_millis(),
    )
    .unwrap_or(u64::MAX)
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
    let mut select = connection.prepare_cached(
        "SELECT seat, role, stage, model, outcome = 'ok', took_ms, tokens_in, tokens_out, micro_usd FROM calls WHERE run = ?1
         ORDER BY rowid DESC",
    )?;
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
        .prepare_cached(
            "INSERT INTO daily_runs (day, domain, mode, status, runs, calls, saved_calls, tokens_in, tokens_out, micro_usd,
                 unpriced, dissenting, agreement, councils, latency)
             SELECT ?1, ?4, ?5, 'failed', 1,
                 max((SELECT count(*) FROM attempts WHERE run = ?2 AND number > 0), coalesce(sum(outcome = 'ok'), 0)), 0,
                 coalesce(sum(tokens_in), 0), coalesce(sum(tokens_out), 0), max(coalesce(sum(micro_usd), 0), ?7), ?6, 0, 0, 0, ?3
             FROM calls WHERE run = ?2
             ON CONFLICT DO UPDATE SET runs = runs + 1, calls = daily_runs.calls + excluded.calls,
                 tokens_in = daily_runs.tokens_in + excluded.tokens_in, tokens_out = daily_runs.tokens_out + excluded.tokens_out,
                 micro_usd = daily_runs.micro_usd + excluded.micro_usd, unpriced = daily_runs.unpriced + excluded.unpriced,
                 latency = ?3",
        )?
        .execute(params![day, seq, latency.to_bytes(), domain, mode, unpriced, signed(spent)])
        .map(drop)
}
