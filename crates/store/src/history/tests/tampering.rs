//! What was changed behind our back is found and named: in the file, in an export, and in the file as a whole.

use std::{fs, io::Write};

use super::{super::*, deliberate, filled, flaws, on, place};

#[test]
fn every_tampering_is_found_and_named() {
    let tampered = |statement: &str| {
        let place = place();
        drop(filled(&place, 6));
        place.raw().execute_batch(statement).unwrap();
        flaws(&place.open())
    };
    assert_eq!(tampered("SELECT 1"), []);
    let flipped = tampered(
        "UPDATE chain SET body = replace(body, '\"answer_key\":\"42\"', '\"answer_key\":\"43\"') WHERE position = 3",
    );
    assert_eq!(flipped, [(Some(3), FlawKind::Altered)]);
    let removed = tampered("DELETE FROM chain WHERE position = 4");
    assert!(removed.contains(&(Some(4), FlawKind::Removed { count: 1 })), "{removed:?}");
    assert!(removed.contains(&(Some(4), FlawKind::RecordMissing)), "{removed:?}");
    let swapped = tampered(
        "UPDATE chain SET position = 99 WHERE position = 2; UPDATE chain SET position = 2 WHERE position = 3;
         UPDATE chain SET position = 3 WHERE position = 99;",
    );
    assert!(swapped.iter().any(|(position, _)| *position == Some(2)), "{swapped:?}");
    assert!(swapped.iter().any(|(position, _)| *position == Some(3)), "{swapped:?}");
    let cut = tampered("DELETE FROM chain WHERE position > 4");
    assert!(cut.contains(&(Some(5), FlawKind::Truncated { count: 2 })), "{cut:?}");
    // Whoever sets the head back as well must still answer for the runs.
    let covered = tampered(
        "DELETE FROM chain WHERE position > 4; UPDATE head SET position = 4, hash = (SELECT hash FROM chain WHERE position = 4)",
    );
    assert_eq!(covered, [(Some(5), FlawKind::RecordMissing), (Some(6), FlawKind::RecordMissing)]);
    let relinked = tampered("UPDATE chain SET at_ms = at_ms + 1 WHERE position = 2");
    assert_eq!(relinked, [(Some(2), FlawKind::LinkAltered)]);
    let journal =
        tampered("UPDATE entries SET json = replace(json, 'dusk', 'dawn') WHERE run = 2 AND number = 3");
    assert!(matches!(journal.as_slice(), [(Some(2), FlawKind::JournalAltered { .. })]), "{journal:?}");
    let entry = tampered("DELETE FROM entries WHERE run = 5 AND number = 6");
    assert_eq!(entry, [(Some(5), FlawKind::JournalAltered { entry: 6 })]);
    let line = tampered("UPDATE runs SET micro_usd = 1 WHERE seq = 6");
    assert_eq!(line, [(Some(6), FlawKind::LineAltered)]);
    let answer = tampered("UPDATE runs SET answer = 'forged' WHERE seq = 6");
    assert_eq!(answer, [(Some(6), FlawKind::LineAltered)]);
    let setup = tampered("UPDATE setups SET json = replace(json, 'proposer', 'critic')");
    assert!(matches!(setup.as_slice(), [(None, FlawKind::SetupAltered { .. })]), "{setup:?}");
    let hidden = tampered("UPDATE chain SET body = NULL WHERE position = 1");
    assert_eq!(hidden, [(Some(1), FlawKind::BodyMissing)]);
}

#[test]
fn a_head_that_was_written_down_is_found_again() {
    let place = place();
    let store = filled(&place, 2);
    let head = on(store.verify(VerifyScope::default())).unwrap().head;
    deliberate(&store, "later");
    let with = |expected: &str| {
        let scope = VerifyScope { expected: Some(expected.to_owned()), since_ms: None };
        on(store.verify(scope)).unwrap().flaws
    };
    assert_eq!(with(&head), []);
    assert_eq!(with("blake3:00")[0].kind, FlawKind::OtherHead);
}

#[test]
fn an_export_is_checked_elsewhere_and_what_was_changed_on_the_way_is_found() {
    let place = place();
    let store = filled(&place, 4);
    let file = place.path.with_file_name("bundle.jsonl");
    let out = fs::File::create(&file).unwrap();
    let (links, head) = on(store.export(None, Box::new(out))).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let check = |text: &str, expected: Option<&str>| verify_bundle(&mut text.as_bytes(), expected).unwrap();
    let whole = check(&text, Some(&head));
    assert_eq!((whole.flaws, whole.links, whole.records, whole.head), (vec![], links, 4, head));
    let kinds = |text: &str| check(text, None).flaws.into_iter().map(|flaw| flaw.kind).collect::<Vec<_>>();
    let lines: Vec<&str> = text.lines().collect();
    let joined = |lines: &[&str]| format!("{}\n", lines.join("\n"));
    assert_eq!(kinds(&text.replacen("at dusk", "at dawn", 1)).len(), 1);
    assert_eq!(kinds(&joined(&[&lines[..2], &lines[3..]].concat())), [FlawKind::Removed { count: 1 }]);
    let swapped = [lines[0], lines[2], lines[1], lines[3], lines[4], lines[5]];
    assert!(!kinds(&joined(&swapped)).is_empty());
    assert_eq!(kinds(&joined(&lines[..4])), [FlawKind::Truncated { count: 0 }]);
    assert!(kinds(&joined(&[&lines[..4], &lines[5..]].concat())).contains(&FlawKind::Truncated { count: 1 }));
    // A body that is taken out leaves a chain that is whole.
    let mut bare: serde_json::Value = serde_json::from_str(lines[2]).unwrap();
    let link = bare.as_object_mut().unwrap();
    assert!(link.remove("body").is_some());
    let bare = bare.to_string();
    let without = joined(&[&lines[..2], &[bare.as_str()], &lines[3..]].concat());
    assert_eq!(kinds(&without), [FlawKind::BodyMissing]);
    let hostile = text.replacen("\"first\":1", &format!("\"first\":{}", u64::MAX), 1);
    assert_ne!(hostile, text);
    assert!(!kinds(&hostile).is_empty());
    assert!(matches!(verify_bundle(&mut "{}\n".as_bytes(), None), Err(BundleError::NoBundle)));
    assert!(matches!(verify_bundle(&mut "".as_bytes(), None), Err(BundleError::NoBundle)));
    let later = text.replacen("ao/history/1", "ao/history/9", 1);
    assert!(matches!(verify_bundle(&mut later.as_bytes(), None), Err(BundleError::Newer(_))));
}

#[test]
fn a_part_of_a_history_begins_where_it_was_asked_to() {
    let place = place();
    let store = filled(&place, 3);
    let exported = |since: u64| {
        let file = place.path.with_file_name(format!("since-{since}.jsonl"));
        let out = fs::File::create(&file).unwrap();
        let (links, head) = on(store.export(Some(since), Box::new(out))).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        let found =
            verify_bundle(&mut text.as_bytes(), Some(&head).filter(|_| links > 0).map(String::as_str));
        assert_eq!(found.unwrap().flaws, []);
        links
    };
    assert_eq!((exported(0), exported(u64::MAX)), (3, 0), "what is older is nobody's business");
}

#[test]
fn reading_waits_for_nobody_who_writes() {
    let place = place();
    drop(filled(&place, 2));
    let other = place.raw();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let store = place.open();
    assert_eq!(on(store.list(Filter::default())).unwrap().len(), 2);
    assert_eq!(flaws(&store), []);
}

#[test]
fn another_programs_file_is_left_alone() {
    let place = place();
    fs::create_dir_all(place.path.parent().unwrap()).unwrap();
    place.raw().execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (1)").unwrap();
    let before = fs::read(&place.path).unwrap();
    let refused = History::open(&place.path, HistoryOptions::default()).map(|_| ()).unwrap_err();
    assert!(matches!(refused, OpenError::Foreign { version: 0, .. }), "{refused:?}");
    assert_eq!(fs::read(&place.path).unwrap(), before);
}

#[test]
fn a_file_that_cannot_be_used_is_left_alone_and_named() {
    let place = place();
    drop(filled(&place, 1));
    place.raw().pragma_update(None, "user_version", 999).unwrap();
    let open = || History::open(&place.path, HistoryOptions::default()).map(|_| ()).unwrap_err();
    assert!(matches!(open(), OpenError::Newer { version: 999, .. }));
    place.raw().pragma_update(None, "user_version", 1).unwrap();
    place.raw().execute("UPDATE migrations SET checksum = 'x'", []).unwrap();
    assert!(matches!(open(), OpenError::Foreign { version: 1, .. }));
    let mut file = fs::OpenOptions::new().write(true).truncate(true).open(&place.path).unwrap();
    file.write_all(b"this is no database, and long enough to be read as a header of one, which it is not: at least a hundred bytes").unwrap();
    drop(file);
    let _ = fs::remove_file(place.path.with_file_name("history.db-wal"));
    assert!(matches!(open(), OpenError::Damaged { .. }), "{:?}", open());
    assert!(fs::read(&place.path).unwrap().starts_with(b"this is no database"), "nothing was changed");
}
