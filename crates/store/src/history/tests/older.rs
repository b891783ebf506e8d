//! Files of older versions: what was kept in them is there, and proved, after the first opening.

use super::{super::*, begun, counted, deliberate, fail, failing, filled, flaws, on, place};

/// Turns a file of today back into one whose calls and attempts lay in tables with an index beside them.
const SECOND_VERSION: &str = "
    CREATE TABLE older_calls (
        run INTEGER NOT NULL, call TEXT NOT NULL, seat TEXT NOT NULL, role TEXT NOT NULL, stage TEXT NOT NULL, model TEXT,
        outcome TEXT NOT NULL, attempts INTEGER NOT NULL, took_ms INTEGER NOT NULL, tokens_in INTEGER NOT NULL,
        tokens_out INTEGER NOT NULL, micro_usd INTEGER
    );
    INSERT INTO older_calls SELECT run, call, seat, role, stage, model, outcome, attempts, took_ms, tokens_in, tokens_out, micro_usd
        FROM calls ORDER BY id & 1048575, run;
    DROP TABLE calls;
    ALTER TABLE older_calls RENAME TO calls;
    CREATE INDEX calls_by_run ON calls (run);
    CREATE TABLE older_attempts (
        run INTEGER NOT NULL, call TEXT NOT NULL, number INTEGER NOT NULL, model TEXT NOT NULL, began_ms INTEGER NOT NULL,
        ended_ms INTEGER, outcome TEXT NOT NULL, why TEXT NOT NULL
    );
    INSERT INTO older_attempts SELECT run, call, number, model, began_ms, ended_ms, outcome, why FROM attempts ORDER BY id & 1048575, run;
    DROP TABLE attempts;
    ALTER TABLE older_attempts RENAME TO attempts;
    CREATE INDEX attempts_by_run ON attempts (run);
    CREATE INDEX chain_by_run ON chain (run);
    DROP TABLE uncounted;
    DELETE FROM migrations WHERE version > 2;
    PRAGMA user_version = 2;
";

/// Turns a file of the second version back into one whose entries lay in a table with an index beside it, as the first version made them.
const FIRST_VERSION: &str = "
    CREATE TABLE older (run INTEGER NOT NULL, number INTEGER NOT NULL, json TEXT NOT NULL);
    INSERT INTO older SELECT run, number, json FROM entries;
    DROP TABLE entries;
    ALTER TABLE older RENAME TO entries;
    CREATE UNIQUE INDEX entries_by_run ON entries (run, number);
    UPDATE runs SET calls_done = (SELECT count(*) FROM entries WHERE run = seq AND json LIKE '%\"entry\":\"arrived\"%');
    UPDATE runs SET calls = NULL WHERE state = 'failed';
    DELETE FROM migrations WHERE version > 1;
    PRAGMA user_version = 1;
";

#[test]
fn a_file_of_an_older_version_keeps_its_journals_and_counts() {
    brought_up(SECOND_VERSION);
    brought_up(&format!("{SECOND_VERSION} {FIRST_VERSION}"));
}

fn brought_up(made_older: &str) {
    let place = place();
    let (failed, interrupted) = (RunId::new("failed"), RunId::new("interrupted"));
    let store = filled(&place, 3);
    fail(&store, &failed, begun());
    for entry in failing(&interrupted, begun()).into_iter().take(3) {
        on(store.append(&interrupted, entry)).unwrap();
    }
    let said = |store: &History| {
        let rows = on(store.list(Filter::default())).unwrap();
        let entries = rows.iter().map(|row| on(store.entries(&row.run)).unwrap()).collect::<Vec<_>>();
        let calls: Vec<_> = rows.iter().map(|row| (row.run.to_string(), row.calls)).collect();
        let unfinished: Vec<_> =
            on(store.unfinished()).unwrap().into_iter().map(|run| (run.run, run.calls)).collect();
        (calls, entries, unfinished, on(store.verify(VerifyScope::default())).unwrap(), counted(store))
    };
    let before = said(&store);
    let counts: Vec<_> = before.0.iter().map(|(_, calls)| *calls).collect();
    assert_eq!((counts, before.2.clone()), (vec![1, 1, 3, 3, 3], vec![(interrupted, 1)]));
    drop(store);
    place.raw().execute_batch(made_older).unwrap();
    let store = Arc::new(place.open());
    assert_eq!(said(&store), before);
    deliberate(&store, "after");
    assert_eq!(flaws(&store), []);
    assert_eq!(on(store.list(Filter::default())).unwrap().len(), 6);
}
