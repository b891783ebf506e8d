//! Lists and finds runs.

use async_orchestrator_core::{MicroUsd, RunId};
use rusqlite::{Connection, Error, OptionalExtension, Row, params, params_from_iter, types::Value};
use serde::Serialize;

use super::{journal::CALLS_SO_FAR, signed};

/// How a run in the history stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It has not ended: somebody is running it, or was.
    Open,
    /// Its caller went away before it ended.
    Left,
    /// It ended without an answer.
    Failed,
    /// It ended with an answer.
    Done,
}

impl RunState {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Left => "left",
            Self::Failed => "failed",
            Self::Done => "done",
        }
    }

    fn of(word: &str) -> Self {
        match word {
            "done" => Self::Done,
            "failed" => Self::Failed,
            "left" => Self::Left,
            _ => Self::Open,
        }
    }
}

/// One run as a line of a list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunRow {
    /// The run.
    pub run: RunId,
    /// How it stands.
    pub state: RunState,
    /// When it began, in milliseconds since 1970.
    pub began_ms: u64,
    /// When it ended.
    pub ended_ms: Option<u64>,
    /// The beginning of the question, as far as content is kept.
    pub question: String,
    /// The beginning of the answer.
    pub answer: Option<String>,
    /// Why it ended without one.
    pub why: Option<String>,
    /// The field of the question.
    pub domain: Option<String>,
    /// `express` or `council`.
    pub mode: Option<String>,
    /// How complete the council was.
    pub status: Option<String>,
    /// What the validation said.
    pub verdict: Option<String>,
    /// The rule of the election.
    pub rule: Option<String>,
    /// The share of the votes that agree with the winner, 0 to 1.
    pub agreement: Option<f64>,
    /// The calibrated probability of being right.
    pub p_correct: Option<f64>,
    /// Minority reports.
    pub dissents: u64,
    /// Calls that went out; of an open run those that are finished.
    pub calls: u64,
    /// Input tokens.
    pub tokens_in: u64,
    /// Output tokens.
    pub tokens_out: u64,
    /// The cost; `None` is unknown, never free.
    pub cost: Option<MicroUsd>,
    /// From start to end, milliseconds.
    pub total_ms: Option<f64>,
    /// The hash of the decision.
    pub decision_hash: Option<String>,
    /// The place of its record in the chain.
    pub position: Option<u64>,
    /// `right` or `wrong`, where that became known.
    pub outcome: Option<String>,
}

/// Which runs a list shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those that began at this time or later, in milliseconds since 1970.
    pub since_ms: Option<u64>,
    /// Those that began before it.
    pub until_ms: Option<u64>,
    /// Those of this field.
    pub domain: Option<String>,
    /// Those with this status, or in this state.
    pub status: Option<String>,
    /// Those of this mode.
    pub mode: Option<String>,
    /// At most so many, newest first; 0 means all.
    pub limit: u32,
}

/// The query that [`row`] reads, over `rest`.
fn select(rest: &str) -> String {
    format!(
        "SELECT id, state, began_ms, ended_ms, question, answer, why, domain, mode, status, verdict, rule, agreement, p_correct, dissents,
         coalesce(calls, {CALLS_SO_FAR}), tokens_in, tokens_out, micro_usd, total_ms, decision_hash, position, outcome FROM {rest}"
    )
}

fn row(row: &Row<'_>) -> Result<RunRow, Error> {
    let number = |at: usize| Ok::<_, Error>(row.get::<_, Option<i64>>(at)?.map(i64::unsigned_abs));
    Ok(RunRow {
        run: RunId::new(row.get::<_, String>(0)?),
        state: RunState::of(&row.get::<_, String>(1)?),
        began_ms: number(2)?.unwrap_or_default(),
        ended_ms: number(3)?,
        question: row.get(4)?,
        answer: row.get(5)?,
        why: row.get(6)?,
        domain: row.get(7)?,
        mode: row.get(8)?,
        status: row.get(9)?,
        verdict: row.get(10)?,
        rule: row.get(11)?,
        agreement: row.get(12)?,
        p_correct: row.get(13)?,
        dissents: number(14)?.unwrap_or_default(),
        calls: number(15)?.unwrap_or_default(),
        tokens_in: number(16)?.unwrap_or_default(),
        tokens_out: number(17)?.unwrap_or_default(),
        cost: number(18)?.map(MicroUsd),
        total_ms: row.get(19)?,
        decision_hash: row.get(20)?,
        position: number(21)?,
        outcome: row.get(22)?,
    })
}

/// The runs that `filter` lets through, newest first.
pub(super) fn list(connection: &Connection, filter: &Filter) -> Result<Vec<RunRow>, Error> {
    let mut conditions = Vec::new();
    let mut values: Vec<Value> = Vec::new();
    let mut given = |condition: &str, value: Option<Value>| {
        if let Some(value) = value {
            values.push(value);
            conditions.push(condition.replace("??", &format!("?{}", values.len())));
        }
    };
    let time = |ms: Option<u64>| ms.map(|ms| Value::Integer(signed(ms)));
    let word = |word: &Option<String>| word.clone().map(Value::Text);
    given("began_ms >= ??", time(filter.since_ms));
    given("began_ms < ??", time(filter.until_ms));
    given("domain = ??", word(&filter.domain));
    given("(status = ?? OR state = ??)", word(&filter.status));
    given("mode = ??", word(&filter.mode));
    let wanted =
        if conditions.is_empty() { String::new() } else { format!("WHERE {}", conditions.join(" AND ")) };
    let limit = if filter.limit == 0 { -1 } else { i64::from(filter.limit) };
    let mut select =
        connection.prepare(&select(&format!("runs {wanted} ORDER BY seq DESC LIMIT {limit}")))?;
    select.query_map(params_from_iter(values), row)?.collect()
}

/// In which order a search gives what it finds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SearchOrder {
    /// What fits the words best comes first (BM25).
    #[default]
    Relevance,
    /// The newest comes first.
    Newest,
}

/// So many newest hits of a search are ranked; a word that stands nearly everywhere says little about the older ones.
const RANKED_MAX: u32 = 10_000;

/// The runs whose question or answer has all of `words`; a word may end in `*`, and words in quotation marks stand together.
pub(super) fn search(
    connection: &Connection,
    words: &str,
    order: SearchOrder,
    limit: u32,
) -> Result<Vec<RunRow>, Error> {
    let query = query(words);
    if query.is_empty() {
        return Ok(Vec::new());
    }
    let sql = match order {
        SearchOrder::Newest => select(
            "(SELECT rowid FROM texts WHERE texts MATCH ?1 ORDER BY rowid DESC LIMIT ?2) AS hit
             JOIN runs ON runs.seq = hit.rowid ORDER BY runs.seq DESC",
        ),
        SearchOrder::Relevance => format!(
            "WITH newest AS (
                 SELECT coalesce((SELECT rowid FROM texts WHERE texts MATCH ?1 ORDER BY rowid DESC LIMIT 1 OFFSET {RANKED_MAX}), 0) AS least
             ) {}",
            select(
                "(SELECT rowid, bm25(texts, 2.0, 1.0) AS score FROM texts
                  WHERE texts MATCH ?1 AND rowid > (SELECT least FROM newest) ORDER BY score LIMIT ?2) AS hit
                 JOIN runs ON runs.seq = hit.rowid ORDER BY hit.score, runs.seq DESC"
            )
        ),
    };
    connection.prepare_cached(&sql)?.query_map(params![query, limit], row)?.collect()
}

/// What a person wrote, as a query of FTS5: nothing of it can be one of its operators.
fn query(words: &str) -> String {
    let mut terms = Vec::new();
    for (at, part) in words.split('"').enumerate() {
        if at % 2 == 1 {
            terms.push(quoted(part));
        } else {
            terms.extend(part.split_whitespace().map(|word| match word.strip_suffix('*') {
                Some(stem) if !stem.is_empty() => format!("{} *", quoted(stem)),
                _ => quoted(word),
            }));
        }
    }
    // Signs alone are no word.
    terms.retain(|term| term.chars().any(char::is_alphanumeric));
    terms.join(" ")
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', ""))
}

/// What became of looking for a run by the beginning of its id.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// This one.
    One(Box<RunRow>),
    /// Several begin so.
    Several(Vec<RunId>),
    /// None does.
    None,
}

/// So many candidates are named where an id is not unique.
const CANDIDATES_MAX: u32 = 8;

/// The run whose id is or begins with `text`; `last` is the newest one that ended with an answer.
pub(super) fn find(connection: &Connection, text: &str) -> Result<Found, Error> {
    if text == "last" {
        let sql = select("runs WHERE state = 'done' ORDER BY seq DESC LIMIT 1");
        let last = connection.prepare_cached(&sql)?.query_row([], row).optional()?;
        return Ok(last.map_or(Found::None, |row| Found::One(Box::new(row))));
    }
    if let Some(row) = exact(connection, text)? {
        return Ok(Found::One(Box::new(row)));
    }
    let safe = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if text.is_empty() || !safe {
        return Ok(Found::None);
    }
    let mut select =
        connection.prepare_cached("SELECT id FROM runs WHERE id GLOB ?1 || '*' ORDER BY id LIMIT ?2")?;
    let ids: Vec<String> =
        select.query_map(params![text, CANDIDATES_MAX], |row| row.get(0))?.collect::<Result<_, _>>()?;
    match ids.as_slice() {
        [] => Ok(Found::None),
        [one] => Ok(exact(connection, one)?.map_or(Found::None, |row| Found::One(Box::new(row)))),
        several => Ok(Found::Several(several.iter().map(|id| RunId::new(id.as_str())).collect())),
    }
}

fn exact(connection: &Connection, id: &str) -> Result<Option<RunRow>, Error> {
    connection.prepare_cached(&select("runs WHERE id = ?1"))?.query_row([id], row).optional()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_person_writes_is_an_operator() {
        assert_eq!(query("rust AND \"two words\" data*"), "\"rust\" \"AND\" \"two words\" \"data\" *");
        assert_eq!(query("NEAR( ^x - \" : *"), "\"NEAR(\" \"^x\"");
        assert_eq!(query("  "), "");
    }
}
