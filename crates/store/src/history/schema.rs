//! The tables of the history.

use rusqlite::Error;

/// What belongs to the run whose row is `?1`, in SQL, of its entries, calls or attempts. Run and number are one key and no index stands beside the
/// tables: a row then costs the page that it is on, and a range of keys is a run.
pub(super) const OF_RUN: &str = "id BETWEEN (?1 << 20) AND ((?1 << 20) | 1048575)";

/// The key of an entry, a call or an attempt.
///
/// # Errors
/// Beyond the most that a run can have of them, which is a million.
pub(super) fn key(seq: i64, number: u64) -> Result<i64, Error> {
    match i64::try_from(number) {
        Ok(number) if number < 1 << 20 => Ok((seq << 20) | number),
        _ => Err(Error::ToSqlConversionFailure(
            "a run of more than a million entries, calls or attempts".into(),
        )),
    }
}

/// The steps of the history. Each leads from one version to the next; one that was released is never changed: the next one repairs it.
pub(crate) const HISTORY: &[&str] = &[
    "
CREATE TABLE runs (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,              -- open, left, failed, done
    owner TEXT,                       -- whose lock holds it while it is open
    began_ms INTEGER NOT NULL,
    question TEXT NOT NULL,
    setup TEXT,
    calls_done INTEGER NOT NULL DEFAULT 0,
    why TEXT,                         -- of a failed run
    ended_ms INTEGER,
    domain TEXT,
    class TEXT,
    mode TEXT,
    status TEXT,
    verdict TEXT,
    rule TEXT,
    answer TEXT,
    agreement REAL,
    p_correct REAL,
    dissents INTEGER,
    calls INTEGER,
    saved_calls INTEGER,
    tokens_in INTEGER,
    tokens_out INTEGER,
    micro_usd INTEGER,
    total_ms REAL,
    decision_hash TEXT,
    position INTEGER,                 -- of its record in the chain
    outcome TEXT                      -- right or wrong, where that became known
);
CREATE INDEX runs_unfinished ON runs (state) WHERE state IN ('open', 'left');
CREATE INDEX runs_known ON runs (seq) WHERE outcome IS NOT NULL;
CREATE INDEX runs_by_time ON runs (began_ms);
CREATE TABLE entries (
    run INTEGER NOT NULL,
    number INTEGER NOT NULL,
    json TEXT NOT NULL
);
CREATE UNIQUE INDEX entries_by_run ON entries (run, number);
CREATE TABLE setups (hash TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE calls (
    run INTEGER NOT NULL,
    call TEXT NOT NULL,
    seat TEXT NOT NULL,
    role TEXT NOT NULL,
    stage TEXT NOT NULL,
    model TEXT,                       -- that answered, or was asked last
    outcome TEXT NOT NULL,            -- ok, or the cause of the failure
    attempts INTEGER NOT NULL,
    took_ms INTEGER NOT NULL,
    tokens_in INTEGER NOT NULL,
    tokens_out INTEGER NOT NULL,
    micro_usd INTEGER
);
CREATE INDEX calls_by_run ON calls (run);
CREATE TABLE attempts (
    run INTEGER NOT NULL,
    call TEXT NOT NULL,
    number INTEGER NOT NULL,
    model TEXT NOT NULL,
    began_ms INTEGER NOT NULL,        -- since the start of the run
    ended_ms INTEGER,
    outcome TEXT NOT NULL,
    why TEXT NOT NULL
);
CREATE INDEX attempts_by_run ON attempts (run);
CREATE TABLE chain (
    position INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,               -- record, outcome, pruned
    run TEXT,
    at_ms INTEGER NOT NULL,
    previous TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    hash TEXT NOT NULL,
    body TEXT                         -- canonical JSON; NULL once it was pruned
);
CREATE INDEX chain_by_run ON chain (run);
CREATE TABLE head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    installation TEXT NOT NULL,
    position INTEGER NOT NULL,
    hash TEXT NOT NULL
);
CREATE VIRTUAL TABLE texts USING fts5 (
    question, answer, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2'
);
CREATE TABLE daily_calls (
    day INTEGER NOT NULL,             -- since 1970, UTC
    model TEXT NOT NULL,
    role TEXT NOT NULL,
    domain TEXT NOT NULL,
    calls INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    tokens_in INTEGER NOT NULL,
    tokens_out INTEGER NOT NULL,
    micro_usd INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    proposals INTEGER NOT NULL,
    won INTEGER NOT NULL,
    agreed INTEGER NOT NULL,
    latency BLOB NOT NULL,
    PRIMARY KEY (day, model, role, domain)
) WITHOUT ROWID;
CREATE TABLE daily_runs (
    day INTEGER NOT NULL,
    domain TEXT NOT NULL,
    mode TEXT NOT NULL,
    status TEXT NOT NULL,             -- of the record; failed where there is none
    runs INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    saved_calls INTEGER NOT NULL,
    tokens_in INTEGER NOT NULL,
    tokens_out INTEGER NOT NULL,
    micro_usd INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    dissenting INTEGER NOT NULL,      -- runs with a minority report
    agreement REAL NOT NULL,          -- the sum over councils
    councils INTEGER NOT NULL,
    latency BLOB NOT NULL,
    PRIMARY KEY (day, domain, mode, status)
) WITHOUT ROWID;
",
    "
CREATE TABLE steps (
    id INTEGER PRIMARY KEY,           -- the run's seq times 2^20, and the number of the entry
    json TEXT NOT NULL,
    run INTEGER AS (id >> 20),        -- both for reading by hand: a search by them reads the whole table
    number INTEGER AS (id & 1048575)
);
INSERT INTO steps (id, json) SELECT (run << 20) | number, json FROM entries WHERE number < 1048576;
DROP TABLE entries;
ALTER TABLE steps RENAME TO entries;
UPDATE runs SET calls = calls_done WHERE state = 'failed';
-- Counts from here on what no entry tells, because the policy keeps none.
UPDATE runs SET calls_done = 0;
",
    "
CREATE TABLE calls_by_key (
    id INTEGER PRIMARY KEY,           -- the run's seq times 2^20, and the number of the call
    call TEXT NOT NULL,
    seat TEXT NOT NULL,
    role TEXT NOT NULL,
    stage TEXT NOT NULL,
    model TEXT,                       -- that answered, or was asked last
    outcome TEXT NOT NULL,            -- ok, or the cause of the failure
    attempts INTEGER NOT NULL,
    took_ms INTEGER NOT NULL,
    tokens_in INTEGER NOT NULL,
    tokens_out INTEGER NOT NULL,
    micro_usd INTEGER,
    run INTEGER AS (id >> 20)         -- for reading by hand: a search by it reads the whole table
);
INSERT INTO calls_by_key (id, call, seat, role, stage, model, outcome, attempts, took_ms, tokens_in, tokens_out, micro_usd)
    SELECT (run << 20) | (row_number() OVER (PARTITION BY run ORDER BY rowid) - 1),
        call, seat, role, stage, model, outcome, attempts, took_ms, tokens_in, tokens_out, micro_usd FROM calls;
DROP TABLE calls;
ALTER TABLE calls_by_key RENAME TO calls;
CREATE TABLE attempts_by_key (
    id INTEGER PRIMARY KEY,           -- the run's seq times 2^20, and the number of the attempt within the run
    call TEXT NOT NULL,
    number INTEGER NOT NULL,          -- within its call
    model TEXT NOT NULL,
    began_ms INTEGER NOT NULL,        -- since the start of the run
    ended_ms INTEGER,
    outcome TEXT NOT NULL,
    why TEXT NOT NULL,
    run INTEGER AS (id >> 20)
);
INSERT INTO attempts_by_key (id, call, number, model, began_ms, ended_ms, outcome, why)
    SELECT (run << 20) | (row_number() OVER (PARTITION BY run ORDER BY rowid) - 1),
        call, number, model, began_ms, ended_ms, outcome, why FROM attempts;
DROP TABLE attempts;
ALTER TABLE attempts_by_key RENAME TO attempts;
DROP INDEX chain_by_run;
-- Runs that were kept, and whose calls, words and part in the day's figures are still to be written.
CREATE TABLE uncounted (run INTEGER PRIMARY KEY);
",
];
