//! Runs are counted after their callers were answered: whatever happens in between, each is counted once.

use super::{super::*, counted, deliberate, filled, flaws, on, place};

/// Turns a file into one whose process ended when all of its runs were kept and none was counted.
const UNCOUNTED: &str = "
    INSERT INTO uncounted SELECT seq FROM runs WHERE state = 'done';
    DELETE FROM texts WHERE rowid IN (SELECT run FROM uncounted);
    DELETE FROM calls; DELETE FROM attempts; DELETE FROM daily_calls; DELETE FROM daily_runs;
";

#[test]
fn what_a_process_did_not_come_to_count_is_counted_by_whoever_opens_the_file_next() {
    let place = place();
    let store = filled(&place, 3);
    let before = counted(&store);
    assert!(before.0.len() > 6 && before.1.total.runs == 3 && before.2.len() == 3, "{before:?}");
    drop(store);
    place.raw().execute_batch(UNCOUNTED).unwrap();
    // Two at once: neither counts what the other one has.
    let (store, other) = (place.open(), place.open());
    assert_eq!((counted(&store), counted(&other)), (before.clone(), before));
    assert_eq!(flaws(&store), []);
}

#[test]
fn a_run_that_cannot_be_counted_is_kept_all_the_same_and_counted_with_the_next_one() {
    let place = place();
    let store = Arc::new(place.open());
    let refuse = "CREATE TRIGGER no BEFORE INSERT ON calls BEGIN SELECT RAISE(ABORT, 'no room'); END";
    place.raw().execute_batch(refuse).unwrap();
    let record = deliberate(&store, "first");
    assert_eq!(record.log.unrecorded, None);
    assert_eq!(on(store.record(&record.run_id)).unwrap(), Some(record));
    let (rows, stats, found) = counted(&store);
    assert_eq!((rows, stats.total.runs, found), (Vec::new(), 0, Vec::new()));
    assert_eq!(flaws(&store), []);
    place.raw().execute_batch("DROP TRIGGER no").unwrap();
    deliberate(&store, "second");
    let whole = self::place();
    let undisturbed = Arc::new(whole.open());
    for run in ["first", "second"] {
        deliberate(&undisturbed, run);
    }
    assert_eq!(counted(&store), counted(&undisturbed));
}

#[test]
fn what_is_pruned_was_counted_before_and_leaves_no_word() {
    let place = place();
    let store = filled(&place, 3);
    let stats = counted(&store).1;
    drop(store);
    place.raw().execute_batch(UNCOUNTED).unwrap();
    let store = Arc::new(place.open());
    assert_eq!(on(store.prune(u64::MAX, 5, Pack::Later)).unwrap().records, 3);
    let (rows, after, found) = counted(&store);
    assert!(rows.iter().all(|row| row.starts_with("call ")) && !rows.is_empty(), "{rows:?}");
    assert_eq!((after, found), (stats, Vec::new()));
}

#[test]
fn a_run_that_cannot_be_counted_keeps_no_other_from_being_counted_and_pruned() {
    let place = place();
    drop(filled(&place, 3));
    let refuse =
        "CREATE TRIGGER no BEFORE INSERT ON calls WHEN NEW.run = 2 BEGIN SELECT RAISE(ABORT, 'no'); END";
    place.raw().execute_batch(&format!("{UNCOUNTED} {refuse}")).unwrap();
    let store = Arc::new(place.open());
    assert_eq!(counted(&store).1.total.runs, 2);
    assert_eq!(on(store.prune(u64::MAX, 5, Pack::Later)).unwrap().records, 2);
    assert!(on(store.body(&RunId::new("run-1"))).unwrap().is_some(), "what it is counted by stays");
    deliberate(&store, "later");
    drop(store);
    place.raw().execute_batch("DROP TRIGGER no").unwrap();
    let store = place.open();
    assert_eq!(counted(&store).1.total.runs, 4);
    assert_eq!(on(store.prune(u64::MAX, 6, Pack::Later)).unwrap().records, 2);
    assert_eq!(flaws(&store), []);
}

#[test]
fn a_record_that_cannot_be_read_any_more_is_not_waited_for() {
    let place = place();
    drop(filled(&place, 2));
    place
        .raw()
        .execute_batch(&format!("{UNCOUNTED} UPDATE chain SET body = '{{}}' WHERE position = 1"))
        .unwrap();
    let store = place.open();
    assert_eq!(counted(&store).1.total.runs, 1);
    assert!(!on(store.reader.ask(count::is_behind)).unwrap());
}

#[test]
fn a_full_file_with_runs_to_count_can_be_pruned() {
    let place = place();
    let options =
        HistoryOptions { mib_max: Some(1), sync: super::super::Sync::Normal, content: Content::Full };
    let open = || Arc::new(History::open(&place.path, options).unwrap());
    let store = open();
    let kept =
        (0..400).take_while(|number| deliberate(&store, &format!("run-{number}")).log.unrecorded.is_none());
    let kept = kept.count();
    drop(store);
    // The newest ones were kept with the last room that there was.
    let newest = "
        INSERT INTO uncounted SELECT seq FROM runs WHERE state = 'done' ORDER BY seq DESC LIMIT 5;
        DELETE FROM texts WHERE rowid IN (SELECT run FROM uncounted);
        DELETE FROM calls WHERE run IN (SELECT run FROM uncounted);
        DELETE FROM attempts WHERE run IN (SELECT run FROM uncounted);
        CREATE TABLE filler (bytes BLOB);";
    let full = "PRAGMA max_page_count = 256";
    place.raw().execute_batch(&format!("{newest} {full}")).unwrap();
    while place.raw().execute_batch(&format!("{full}; INSERT INTO filler VALUES (randomblob(900))")).is_ok() {
    }
    let store = open();
    on(store.counted());
    assert!(on(store.reader.ask(count::is_behind)).unwrap(), "there is no room to count it");
    let pruned = on(store.prune(u64::MAX, 5, Pack::Later)).unwrap();
    assert_eq!(pruned.records, kept as u64);
    assert!(!on(store.reader.ask(count::is_behind)).unwrap());
    assert_eq!(deliberate(&store, "after").log.unrecorded, None);
}
