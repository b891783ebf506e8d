//! The chain of records: each link names the hash of the one before, so that nothing can be altered, removed or reordered unseen.
//!
//! A link's hash covers its place, its kind, its run, its time, the hash before and the hash of its body. A body that was pruned leaves its
//! hash, so the links around it still hold; that it was pruned, and which, is itself a link.

use async_orchestrator_core::{canonical_json, content_hash};
use rusqlite::{Connection, Error, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::signed;

/// What a link of the chain is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LinkKind {
    /// The record of a run, with its request.
    Record,
    /// What became known of a decision.
    Outcome,
    /// The bodies of other links were removed.
    Pruned,
}

impl LinkKind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Outcome => "outcome",
            Self::Pruned => "pruned",
        }
    }
}

/// A link without its body: what its hash covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Link {
    pub(super) position: u64,
    pub(super) kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) run: Option<String>,
    pub(super) at_ms: u64,
    pub(super) previous: String,
    pub(super) body_hash: String,
}

impl Link {
    pub(super) fn hash(&self) -> String {
        // A struct of texts and numbers always has a canonical form.
        content_hash(canonical_json(self).unwrap_or_default().as_bytes())
    }
}

/// Where the chain of `installation` begins.
pub(super) fn origin(installation: &str) -> String {
    content_hash(format!("async-orchestrator history {installation}").as_bytes())
}

/// Where a history stands: noted elsewhere, it proves later that nothing before it was changed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HistoryHead {
    /// The installation whose history it is; its name is made with the file.
    pub installation: String,
    /// How many links its chain has.
    pub links: u64,
    /// The hash of the last one.
    pub hash: String,
}

pub(super) fn head(connection: &Connection) -> Result<HistoryHead, Error> {
    connection.prepare_cached("SELECT installation, position, hash FROM head")?.query_row([], |row| {
        let links = row.get::<_, i64>(1)?.unsigned_abs();
        Ok(HistoryHead { installation: row.get(0)?, links, hash: row.get(2)? })
    })
}

/// Makes the head of a chain without links, where there is none. Where there is one, nothing is written, so that nobody has to wait.
pub(super) fn begin(connection: &Connection, installation: &str) -> Result<(), Error> {
    if connection.query_row("SELECT EXISTS (SELECT 1 FROM head)", [], |row| row.get(0))? {
        return Ok(());
    }
    connection
        .execute(
            "INSERT OR IGNORE INTO head (one, installation, position, hash) VALUES (1, ?1, 0, ?2)",
            params![installation, origin(installation)],
        )
        .map(drop)
}

/// Adds a link and gives its position.
pub(super) fn append(
    connection: &Connection,
    kind: LinkKind,
    run: Option<&str>,
    at_ms: u64,
    body: &str,
) -> Result<u64, Error> {
    let (position, previous): (i64, String) = connection
        .prepare_cached("SELECT position, hash FROM head")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let link = Link {
        position: position.unsigned_abs() + 1,
        kind: kind.name().to_owned(),
        run: run.map(str::to_owned),
        at_ms,
        previous,
        body_hash: content_hash(body.as_bytes()),
    };
    let hash = link.hash();
    connection
        .prepare_cached(
            "INSERT INTO chain (position, kind, run, at_ms, previous, body_hash, hash, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            signed(link.position),
            link.kind,
            link.run,
            signed(at_ms),
            link.previous,
            link.body_hash,
            hash,
            body
        ])?;
    connection
        .prepare_cached("UPDATE head SET position = ?1, hash = ?2")?
        .execute(params![signed(link.position), hash])?;
    Ok(link.position)
}

/// The body of the record of `run`, where it is kept.
pub(super) fn body(connection: &Connection, run: &str) -> Result<Option<String>, Error> {
    let mut select = connection.prepare_cached(
        "SELECT body FROM chain WHERE position = (SELECT position FROM runs WHERE id = ?1) AND run = ?1 AND kind = 'record'",
    )?;
    select.query_row([run], |row| row.get::<_, Option<String>>(0)).optional().map(Option::flatten)
}
