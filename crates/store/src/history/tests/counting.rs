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
