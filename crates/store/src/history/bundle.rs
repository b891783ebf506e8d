//! A part of the chain as a file for others: one line of JSON each for the beginning, every link with its body and journal, and the end. Who
//! receives it can check all of it without this installation.
//!
//! The chain proves that nothing was changed after its head was made known. It does not prove who made it: compare the head with one that you
//! have from elsewhere.

use std::io::{BufRead, Write};

use async_orchestrator_core::RunId;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::{
    Kept, chain,
    chain::{HistoryHead, Link},
    journal, signed,
    verify::{FlawKind, Missing, Verification, Walk, journal_flaw},
};

/// The version of the file's form.
pub const BUNDLE_SCHEMA: &str = "ao/history/1";

/// The longest line that is read.
const LINE_BYTES_MAX: u64 = 64 << 20;

#[derive(Serialize, Deserialize)]
struct Begin {
    schema: String,
    installation: String,
    /// The position of the first link.
    first: u64,
    /// The hash before it.
    previous: String,
}

#[derive(Serialize, Deserialize)]
struct Line {
    link: Link,
    hash: String,
    /// Canonical JSON as text, so that not a byte of it changes on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    journal: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct End {
    links: u64,
    head: String,
}

/// Why a file is no bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// It does not begin like one.
    #[error("this is no exported history: its first line is not that of one")]
    NoBundle,
    /// A later version wrote it.
    #[error("this history was exported by a version that writes `{0}`; this one reads `{BUNDLE_SCHEMA}`")]
    Newer(String),
    /// It cannot be read or written.
    #[error("the file cannot be read or written")]
    Io(#[from] std::io::Error),
    /// The history cannot be read.
    #[error("the history cannot be read")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<rusqlite::Error> for BundleError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(Box::new(error))
    }
}

impl From<serde_json::Error> for BundleError {
    fn from(error: serde_json::Error) -> Self {
        Self::Io(error.into())
    }
}

/// Writes the chain from `since_ms` on. Gives the number of links and the head.
pub(super) fn export(
    connection: &Connection,
    since_ms: Option<u64>,
    out: &mut dyn Write,
) -> Result<(u64, String), BundleError> {
    let HistoryHead { installation, links, hash } = chain::head(connection)?;
    let first: Option<(i64, String)> = connection
        .prepare("SELECT position, previous FROM chain WHERE at_ms >= ?1 ORDER BY position LIMIT 1")?
        .query_map([signed(since_ms.unwrap_or_default())], |row| Ok((row.get(0)?, row.get(1)?)))?
        .next()
        .transpose()?;
    // Where nothing is so young, the part is empty, and begins behind the last link.
    let (first, previous) = first.unwrap_or_else(|| (signed(links.saturating_add(1)), hash));
    let begin = Begin {
        schema: BUNDLE_SCHEMA.to_owned(),
        installation,
        first: first.unsigned_abs(),
        previous: previous.clone(),
    };
    writeln!(out, "{}", serde_json::to_string(&begin)?)?;
    let mut end = End { links: 0, head: previous };
    let mut select = connection.prepare(
        "SELECT position, kind, run, at_ms, previous, body_hash, hash, body FROM chain WHERE position >= ?1 ORDER BY position",
    )?;
    let mut rows = select.query([first])?;
    while let Some(row) = rows.next()? {
        let link = Link {
            position: row.get::<_, i64>(0)?.unsigned_abs(),
            kind: row.get(1)?,
            run: row.get(2)?,
            at_ms: row.get::<_, i64>(3)?.unsigned_abs(),
            previous: row.get(4)?,
            body_hash: row.get(5)?,
        };
        let journal = match (&link.run, link.kind.as_str()) {
            (Some(run), "record") => match journal::seq(connection, &RunId::new(run.as_str()))? {
                Some(seq) => journal::texts(connection, seq)?,
                None => Vec::new(),
            },
            _ => Vec::new(),
        };
        let line = Line { link, hash: row.get(6)?, body: row.get(7)?, journal };
        end.links += 1;
        end.head.clone_from(&line.hash);
        writeln!(out, "{}", serde_json::to_string(&line)?)?;
    }
    writeln!(out, "{}", serde_json::to_string(&end)?)?;
    out.flush()?;
    Ok((end.links, end.head))
}

/// Checks an exported history; `expected` is a head that was made known elsewhere.
///
/// # Errors
/// If it is none, or cannot be read.
pub fn verify_bundle(input: &mut dyn BufRead, expected: Option<&str>) -> Result<Verification, BundleError> {
    let first = line(input)?.ok_or(BundleError::NoBundle)?;
    let begin: Begin = serde_json::from_str(&first).map_err(|_| BundleError::NoBundle)?;
    if begin.schema != BUNDLE_SCHEMA {
        return Err(BundleError::Newer(begin.schema.chars().take(40).collect()));
    }
    let mut walk = Walk::new(begin.first, Some(begin.previous.clone()));
    let mut found = Verification::of(begin.installation, begin.previous);
    let mut seen_expected = expected.is_none();
    let mut missing = Missing::default();
    let mut end = None;
    let mut number = 1;
    while let Some(text) = line(input)? {
        number += 1;
        if let Ok(last) = serde_json::from_str::<End>(&text) {
            end = Some(last);
            continue;
        }
        let Ok(line) = serde_json::from_str::<Line>(&text) else {
            let place = begin.first.saturating_add(found.links);
            walk.flaw(Some(place), None, FlawKind::Unreadable { why: format!("line {number} is no link") });
            continue;
        };
        found.links += 1;
        seen_expected |= expected == Some(line.hash.as_str());
        let whole = walk.step(&line.link, &line.hash, line.body.as_deref());
        found.head.clone_from(&line.hash);
        found.pruned += missing.see(&line.link, line.body.as_deref(), whole);
        let record = line.body.as_deref().filter(|_| whole && line.link.kind == "record");
        if let Some(body) = record {
            found.records += 1;
            found.unjournaled += u64::from(line.journal.is_empty());
            let kept = serde_json::from_str::<Kept>(body).ok();
            let run = line.link.run.as_deref().unwrap_or_default();
            if let Some(entry) = kept.and_then(|kept| journal_flaw(run, &line.journal, &kept.record)) {
                walk.flaw(Some(line.link.position), Some(run), FlawKind::JournalAltered { entry });
            }
        }
    }
    match end {
        // Links that are missing in the middle were named where they are missing.
        Some(end) if end.head == found.head && begin.first.saturating_add(end.links) == walk.next() => {}
        Some(end) => {
            let count = end.links.saturating_sub(found.links);
            let kind = if count > 0 { FlawKind::Truncated { count } } else { FlawKind::OtherHead };
            walk.flaw(Some(begin.first.saturating_add(found.links)), None, kind);
        }
        None => {
            let place = begin.first.saturating_add(found.links);
            walk.flaw(Some(place), None, FlawKind::Truncated { count: 0 });
        }
    }
    missing.tell(&mut walk);
    if !seen_expected {
        walk.flaw(None, None, FlawKind::OtherHead);
    }
    found.flaws = walk.flaws;
    Ok(found)
}

fn line(input: &mut dyn BufRead) -> Result<Option<String>, BundleError> {
    let mut text = String::new();
    let read = std::io::Read::take(input, LINE_BYTES_MAX).read_line(&mut text)?;
    Ok((read > 0).then_some(text))
}
