//! Files of older versions: what was kept in them is there, and proved, after the first opening.

use super::{super::*, begun, deliberate, fail, failing, filled, flaws, on, place};

/// Turns a file of today back into one whose entries lay in a table with an index beside it, as the first version made them.
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
fn a_file_of_the_first_version_keeps_its_journals_and_counts() {
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
        (calls, entries, unfinished, on(store.verify(VerifyScope::default())).unwrap())
    };
    let before = said(&store);
    let counts: Vec<_> = before.0.iter().map(|(_, calls)| *calls).collect();
    assert_eq!((counts, before.2.clone()), (vec![1, 1, 3, 3, 3], vec![(interrupted, 1)]));
    drop(store);
    place.raw().execute_batch(FIRST_VERSION).unwrap();
    let store = Arc::new(place.open());
    assert_eq!(said(&store), before);
    deliberate(&store, "after");
    assert_eq!(flaws(&store), []);
    assert_eq!(on(store.list(Filter::default())).unwrap().len(), 6);
}
