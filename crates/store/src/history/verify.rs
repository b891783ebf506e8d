//! Proves that the history is as it was written: every link, every body, every journal, and the lines that lists are made of.

use std::collections::BTreeMap;

use async_orchestrator_core::{DecisionRecord, JournalBody, RunId, RunSummary, SealedEntry, content_hash};
use rusqlite::{Connection, Error, params};
use serde::Serialize;

use super::{
    Kept,
    chain::{self, HistoryHead, Link},
    journal, keep, redact, signed,
};

/// One thing that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Flaw {
    /// The place in the chain, where it has one.
    pub position: Option<u64>,
    /// The run, where it concerns one.
    pub run: Option<RunId>,
    /// What is wrong.
    #[serde(flatten)]
    pub kind: FlawKind,
}

/// What is wrong with a history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "flaw", rename_all = "snake_case")]
#[non_exhaustive]
pub enum FlawKind {
    /// A body is not the one whose hash its link covers.
    Altered,
    /// A link is not the one whose hash the next one names.
    LinkAltered,
    /// Links are missing up to the next one.
    Removed {
        /// How many.
        count: u64,
    },
    /// A link stands where another one stood.
    Reordered,
    /// The chain ends before its head.
    Truncated {
        /// How many links are missing at the end.
        count: u64,
    },
    /// The head of the chain is not the one that was expected.
    OtherHead,
    /// A body is missing, and no link says that it was pruned.
    BodyMissing,
    /// A run is said to have ended with an answer, and its record is missing.
    RecordMissing,
    /// The journal of a run is not the one that its record names.
    JournalAltered {
        /// The entry where it shows; the number of entries where one is missing.
        entry: u64,
    },
    /// What a list says of a run is not what its record says.
    LineAltered,
    /// The setup with this hash, by which runs are gone on with and replayed, is another one.
    SetupAltered {
        /// Its hash.
        setup: String,
    },
    /// Rows of no run.
    Orphaned {
        /// How many.
        rows: u64,
    },
    /// A record cannot be read.
    Unreadable {
        /// Why.
        why: String,
    },
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// The installation whose history it is.
    pub installation: String,
    /// Links that were looked at.
    pub links: u64,
    /// Records among them.
    pub records: u64,
    /// Records whose journal is not there to be looked at: it could not be written, is not kept by the policy, or was taken away.
    pub unjournaled: u64,
    /// Bodies that were pruned, as the chain itself says.
    pub pruned: u64,
    /// The hash of the last link: written down elsewhere, it proves later that nothing before it was changed.
    pub head: String,
    /// What is not as it was written.
    pub flaws: Vec<Flaw>,
}

impl Verification {
    /// One that has seen nothing yet.
    pub(super) fn of(installation: String, head: String) -> Self {
        Self { installation, links: 0, records: 0, unjournaled: 0, pruned: 0, head, flaws: Vec::new() }
    }
}

/// What is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyScope {
    /// Links from this time on, in milliseconds since 1970; the ones before are believed.
    pub since_ms: Option<u64>,
    /// The hash that some link must have: a head that was written down before.
    pub expected: Option<String>,
}

/// So many flaws are named; a file with more is beyond describing.
const FLAWS_MAX: usize = 1_000;

/// A link as it stands in the table.
struct Stored {
    link: Link,
    hash: String,
    body: Option<String>,
}

/// Walks over a chain and notes where it breaks.
pub(super) struct Walk {
    next: u64,
    previous: Option<String>,
    pub(super) flaws: Vec<Flaw>,
}

impl Walk {
    /// A walk that begins with link `next`, whose predecessor has the hash `previous`; unknown, it is believed.
    pub(super) fn new(next: u64, previous: Option<String>) -> Self {
        Self { next, previous, flaws: Vec::new() }
    }

    /// Looks at one link. Gives whether its body can be believed.
    pub(super) fn step(&mut self, link: &Link, hash: &str, body: Option<&str>) -> bool {
        if link.position > self.next {
            self.flaw(Some(self.next), None, FlawKind::Removed { count: link.position - self.next });
            // The link before is gone; what this one names is all there is.
            self.previous = None;
        }
        let run = link.run.as_deref();
        let own = link.hash() == hash;
        let follows = link.position >= self.next
            && self.previous.as_ref().is_none_or(|previous| *previous == link.previous);
        match (own, follows) {
            (true, true) => {}
            // It is whole, and made for another place.
            (true, false) => self.flaw(Some(link.position), run, FlawKind::Reordered),
            (false, _) => self.flaw(Some(link.position), run, FlawKind::LinkAltered),
        }
        let whole = body.is_none_or(|body| content_hash(body.as_bytes()) == link.body_hash);
        if !whole {
            self.flaw(Some(link.position), run, FlawKind::Altered);
        }
        self.next = link.position.saturating_add(1);
        self.previous = Some(hash.to_owned());
        whole
    }

    /// The place behind the last link.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    pub(super) fn flaw(&mut self, position: Option<u64>, run: Option<&str>, kind: FlawKind) {
        if self.flaws.len() < FLAWS_MAX {
            self.flaws.push(Flaw { position, run: run.map(RunId::new), kind });
        }
    }
}

/// Looks at everything in `scope`.
pub(super) fn verify(connection: &Connection, scope: &VerifyScope) -> Result<Verification, Error> {
    let HistoryHead { installation, links: head_position, hash: head } = chain::head(connection)?;
    let first: u64 = match scope.since_ms {
        None => 1,
        Some(since) => connection
            .query_row(
                "SELECT coalesce(min(position), ?2) FROM chain WHERE at_ms >= ?1",
                params![signed(since), signed(head_position.saturating_add(1))],
                |row| row.get::<_, i64>(0),
            )?
            .unsigned_abs(),
    };
    let before = if first == 1 { Some(chain::origin(&installation)) } else { None };
    let mut walk = Walk::new(first, before);
    let mut found = Verification::of(installation, head.clone());
    let mut seen_expected = scope.expected.is_none();
    let mut missing = Missing::default();
    let mut select = connection.prepare(
        "SELECT position, kind, run, at_ms, previous, body_hash, hash, body FROM chain WHERE position >= ?1 ORDER BY position",
    )?;
    let rows = select.query_map([signed(first)], stored)?;
    for row in rows {
        let Stored { link, hash, body } = row?;
        found.links += 1;
        seen_expected |= scope.expected.as_ref() == Some(&hash);
        let whole = walk.step(&link, &hash, body.as_deref());
        found.pruned += missing.see(&link, body.as_deref(), whole);
        if let ("record", Some(body)) = (link.kind.as_str(), &body) {
            found.records += 1;
            if whole {
                found.unjournaled += u64::from(!record(connection, &link, body, &mut walk)?);
            }
        }
    }
    missing.tell(&mut walk);
    end(connection, &mut walk, head_position, &head)?;
    if !seen_expected {
        walk.flaw(None, None, FlawKind::OtherHead);
    }
    found.flaws = walk.flaws;
    Ok(found)
}

fn stored(row: &rusqlite::Row<'_>) -> Result<Stored, Error> {
    let link = Link {
        position: row.get::<_, i64>(0)?.unsigned_abs(),
        kind: row.get(1)?,
        run: row.get(2)?,
        at_ms: row.get::<_, i64>(3)?.unsigned_abs(),
        previous: row.get(4)?,
        body_hash: row.get(5)?,
    };
    Ok(Stored { link, hash: row.get(6)?, body: row.get(7)? })
}

/// Bodies that are not there, until a later link says that they were pruned.
#[derive(Default)]
pub(super) struct Missing(BTreeMap<u64, Option<String>>);

impl Missing {
    /// Looks at one link more. Gives how many missing bodies it explains.
    pub(super) fn see(&mut self, link: &Link, body: Option<&str>, whole: bool) -> u64 {
        let Some(body) = body else {
            self.0.insert(link.position, link.run.clone());
            return 0;
        };
        if link.kind != "pruned" || !whole {
            return 0;
        }
        let positions = serde_json::from_str::<Pruned>(body).map(|pruned| pruned.positions);
        let explained =
            positions.unwrap_or_default().iter().filter(|place| self.0.remove(place).is_some()).count();
        explained as u64
    }

    /// What nothing explained is a flaw.
    pub(super) fn tell(self, walk: &mut Walk) {
        for (position, run) in self.0 {
            walk.flaw(Some(position), run.as_deref(), FlawKind::BodyMissing);
        }
    }
}

/// What a link of the kind `pruned` says.
#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct Pruned {
    pub(super) positions: Vec<u64>,
    pub(super) before_ms: u64,
}

/// Whether the chain ends where its head says, and no run that has a record in its line lacks it.
fn end(connection: &Connection, walk: &mut Walk, head: u64, hash: &str) -> Result<(), Error> {
    let last = walk.next.saturating_sub(1);
    if head > last {
        walk.flaw(Some(last + 1), None, FlawKind::Truncated { count: head - last });
    } else if last > 0 && walk.previous.as_deref().is_some_and(|previous| previous != hash) {
        walk.flaw(Some(last), None, FlawKind::OtherHead);
    }
    let orphans: i64 = connection.query_row(
        "WITH RECURSIVE journaled (seq) AS (
             SELECT min(id) >> 20 FROM entries
             UNION ALL SELECT (SELECT min(id) >> 20 FROM entries WHERE id >= (seq + 1) << 20) FROM journaled WHERE seq NOT NULL)
         SELECT (SELECT count(*) FROM entries JOIN journaled ON id BETWEEN (seq << 20) AND ((seq << 20) | 1048575)
                 WHERE seq NOT IN (SELECT seq FROM runs))
              + (SELECT count(*) FROM calls WHERE run NOT IN (SELECT seq FROM runs))
              + (SELECT count(*) FROM attempts WHERE run NOT IN (SELECT seq FROM runs))
              + (SELECT count(*) FROM uncounted WHERE run NOT IN (SELECT seq FROM runs WHERE state = 'done'))",
        [],
        |row| row.get(0),
    )?;
    if orphans > 0 {
        walk.flaw(None, None, FlawKind::Orphaned { rows: orphans.unsigned_abs() });
    }
    let mut select = connection.prepare("SELECT hash, json FROM setups")?;
    let setups = select.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    for row in setups {
        let (setup, json) = row?;
        if content_hash(json.as_bytes()) != setup {
            walk.flaw(None, None, FlawKind::SetupAltered { setup });
        }
    }
    // Whoever cuts the chain and sets the head back must still answer for the runs.
    let mut select = connection.prepare(
        "SELECT id, position FROM runs WHERE state = 'done'
         AND NOT EXISTS (SELECT 1 FROM chain WHERE chain.position = runs.position AND chain.run = runs.id)",
    )?;
    let rows = select.query_map([], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, Option<i64>>(1)?.map(i64::unsigned_abs)))
    })?;
    for row in rows {
        let (run, position) = row?;
        walk.flaw(position, Some(&run), FlawKind::RecordMissing);
    }
    Ok(())
}

/// Compares a record with its run's journal and with its line. Gives whether there is a journal.
fn record(connection: &Connection, link: &Link, body: &str, walk: &mut Walk) -> Result<bool, Error> {
    let run = link.run.as_deref().unwrap_or_default();
    let Some(seq) = journal::seq(connection, &RunId::new(run))? else {
        walk.flaw(Some(link.position), Some(run), FlawKind::LineAltered);
        return Ok(false);
    };
    let entries = journal::texts(connection, seq)?;
    let record = match serde_json::from_str::<Kept>(body) {
        Ok(kept) => kept.record,
        // Where texts were replaced by hashes, some fields are no longer of their form: the body is whole, and that is all that can be said.
        Err(_) if body.contains("\"blake3:") => return Ok(!entries.is_empty()),
        Err(error) => {
            walk.flaw(Some(link.position), Some(run), FlawKind::Unreadable { why: error.to_string() });
            return Ok(!entries.is_empty());
        }
    };
    if !line_is(connection, seq, &record)? {
        walk.flaw(Some(link.position), Some(run), FlawKind::LineAltered);
    }
    if let Some(entry) = journal_flaw(run, &entries, &record) {
        walk.flaw(Some(link.position), Some(run), FlawKind::JournalAltered { entry });
    }
    Ok(!entries.is_empty())
}

/// The first entry of a journal that does not follow, or the number of entries if some are missing; a run without a journal has no flaw.
pub(super) fn journal_flaw(run: &str, entries: &[String], record: &DecisionRecord) -> Option<u64> {
    if entries.is_empty() || record.log.unrecorded.is_some() {
        return None;
    }
    let mut previous = content_hash(run.as_bytes());
    for (index, json) in (0..).zip(entries) {
        let Ok(sealed) = SealedEntry::read(json.clone()) else { return Some(index) };
        if sealed.entry().previous != previous || sealed.entry().index != index {
            return Some(index);
        }
        if let JournalBody::Closed { decision_hash } = sealed.body()
            && *decision_hash != record.log.decision_hash
        {
            return Some(index);
        }
        sealed.hash().clone_into(&mut previous);
    }
    let whole = entries.len() as u64 == record.log.events && previous == record.log.head;
    (!whole).then_some(entries.len() as u64)
}

fn line_is(connection: &Connection, seq: i64, record: &DecisionRecord) -> Result<bool, Error> {
    let summary = RunSummary::of(record);
    connection
        .prepare_cached(
            "SELECT state, status, verdict, decision_hash, micro_usd, tokens_in, tokens_out, dissents, calls, p_correct, agreement,
                 answer
             FROM runs WHERE seq = ?1",
        )?
        .query_row([seq], |row| {
            Ok(row.get::<_, String>(0)? == "done"
                && row.get::<_, String>(1)? == summary.status.name()
                && row.get::<_, String>(2)? == summary.verdict.name()
                && row.get::<_, String>(3)? == record.log.decision_hash
                && row.get::<_, Option<i64>>(4)? == summary.cost.map(|cost| signed(cost.0))
                && row.get::<_, i64>(5)? == signed(summary.tokens_in)
                && row.get::<_, i64>(6)? == signed(summary.tokens_out)
                && row.get::<_, i64>(7)? == signed(summary.dissents)
                && row.get::<_, i64>(8)? == signed(summary.calls)
                && row.get::<_, Option<f64>>(9)? == summary.p_correct
                && row.get::<_, Option<f64>>(10)? == summary.agreement
                && (redact::is_redacted(&record.answer.text)
                    || row.get::<_, Option<String>>(11)?.as_deref() == Some(keep::preview(&record.answer.text))))
        })
}
