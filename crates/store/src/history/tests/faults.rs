//! What the machine does to the file: power that goes in the middle of a write, another process that holds it, a clock that is set back.

use super::*;

/// The file and its log as they stand on the disk at this moment, put where another installation would open them.
fn as_on_disk(place: &Place, log_bytes: usize, garbage: usize) -> Place {
    let copy = super::place();
    fs::create_dir_all(copy.path.parent().unwrap()).unwrap();
    fs::copy(&place.path, &copy.path).unwrap();
    let mut log = log_of(place);
    log.truncate(log_bytes);
    // A sector that was never written holds whatever was there before.
    log.extend(std::iter::repeat_n(0xa5, garbage));
    fs::write(copy.path.with_file_name("history.db-wal"), log).unwrap();
    copy
}

fn log_of(place: &Place) -> Vec<u8> {
    fs::read(place.path.with_file_name("history.db-wal")).unwrap()
}

#[test]
fn a_write_that_was_torn_by_a_power_cut_takes_back_itself_and_nothing_before_it() {
    let place = place();
    let store = filled(&place, 3);
    let committed = log_of(&place).len();
    deliberate(&store, "torn");
    let written = log_of(&place).len();
    assert!(written > committed + 20_000, "the last run is in the log alone");

    let step = (written - committed) / 40;
    let mut whole = 0;
    for cut in (committed..=written).step_by(step) {
        for garbage in [0, 512, 5_000] {
            let copy = as_on_disk(&place, cut, garbage);
            let store = copy.open();
            assert_eq!(flaws(&store), [], "cut at {cut} of {written}");
            for number in 0..3 {
                let run = RunId::new(format!("run-{number}"));
                assert!(on(store.record(&run)).unwrap().is_some(), "{run} was committed and is gone");
            }
            let entries = on(store.entries(&RunId::new("torn"))).unwrap();
            let closed = on(store.record(&RunId::new("torn"))).unwrap().is_some();
            whole += usize::from(closed);
            assert!(!closed || entries.len() > 5, "a record without its journal");
            // What is left of a journal is an unbroken beginning, which a resumption can stand on.
            for (at, entry) in entries.iter().enumerate() {
                assert_eq!(entry.entry().index, at as u64);
            }
            let free = on(store.unfinished()).unwrap();
            assert_eq!(free.len(), usize::from(!closed && !entries.is_empty()), "cut at {cut}");
        }
    }
    assert!(whole >= 1, "the whole log holds the whole run");
    drop(store);
}

#[test]
fn while_another_process_holds_the_file_runs_go_on_and_say_that_they_were_not_kept() {
    let place = place();
    let store = filled(&place, 1);
    let other = place.raw();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let record = deliberate(&store, "blocked");
    assert!(record.answer.text.contains("42"), "the answer is there");
    let why = record.log.unrecorded.unwrap();
    assert!(why.contains("locked by another process"), "{why}");
    assert_eq!(on(store.list(Filter::default())).unwrap().len(), 1, "reading goes on");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(deliberate(&store, "after").log.unrecorded, None);
    assert_eq!(flaws(&store), []);
}

#[test]
fn a_clock_that_is_set_back_breaks_neither_chain_nor_figures() {
    let place = place();
    let store = Arc::new(place.open());
    let record = deliberate(&store, "pattern");
    let day = keep::DAY_MS;
    for (number, began_ms) in [30 * day, 10 * day, 0, 20 * day].into_iter().enumerate() {
        let mut record = record.clone();
        record.run_id = RunId::new(format!("at-{number}"));
        record.timing.began_ms = began_ms;
        on(store.keep(&request(), &record)).unwrap();
    }
    // These records were kept without the journals that they name, and that is all that is wrong with them.
    let others = |(_, kind): &(Option<u64>, FlawKind)| !matches!(kind, FlawKind::JournalAltered { .. });
    assert_eq!(flaws(&store).into_iter().filter(others).collect::<Vec<_>>(), []);
    let listed: Vec<String> =
        on(store.list(Filter::default())).unwrap().iter().map(|row| row.run.to_string()).collect();
    assert_eq!(listed, ["at-3", "at-2", "at-1", "at-0", "pattern"], "the order in which they came");
    let stats = on(store.stats(StatsFilter { since_ms: Some(15 * day), ..StatsFilter::default() })).unwrap();
    assert!(stats.by_day.contains_key("1970-01-31") && stats.by_day.contains_key("1970-01-21"));
}

#[test]
fn a_setup_that_could_not_be_written_is_written_with_the_next_run() {
    let place = place();
    let store = Arc::new(place.open());
    let other = place.raw();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(deliberate(&store, "blocked").log.unrecorded.is_some());
    other.execute_batch("ROLLBACK").unwrap();
    deliberate(&store, "after");
    let entries = on(store.entries(&RunId::new("after"))).unwrap();
    let JournalBody::Opened { setup, .. } = entries[0].body() else { panic!("{entries:?}") };
    assert!(on(store.setup(setup)).unwrap().is_some(), "nobody could go on with this run or replay it");
}

#[test]
fn what_is_asked_is_answered_of_one_moment_whatever_is_written_meanwhile() {
    let place = place();
    let store = filled(&place, 1);
    let other = place.raw();
    let (before, after) = on(store.reader.ask(move |connection| {
        let before = chain::head(connection)?;
        other.execute_batch("UPDATE head SET position = position + 1")?;
        Ok((before, chain::head(connection)?))
    }))
    .unwrap();
    assert_eq!(before, after);
    assert_eq!(on(store.head()).unwrap().links, before.links + 1, "the next question sees it");
}

#[test]
fn a_run_whose_process_died_long_ago_is_pruned_and_one_that_is_running_is_not() {
    let place = place();
    let store = Arc::new(place.open());
    let open = |run: &str, owner: &str| {
        let insert =
            "INSERT INTO runs (id, state, owner, began_ms, question) VALUES (?1, 'open', ?2, 1, 'old')";
        place.raw().execute(insert, [run, owner]).unwrap();
    };
    open("dead", "1-0123456789abcdef");
    open("running", store.owner.name());
    assert_eq!(on(store.prune(9, 10, Pack::Later)).unwrap().runs, 1);
    let left = on(store.unfinished()).unwrap();
    assert_eq!((left.len(), left[0].run.as_str(), left[0].state), (1, "running", Unended::Running));
}

#[test]
fn a_proposal_is_credited_to_the_model_that_made_it_and_not_to_the_one_asked_before() {
    let place = place();
    let store = Arc::new(place.open());
    let mut record = deliberate(&store, "pattern");
    record.run_id = RunId::new("again");
    let other = place.raw();
    other
        .execute_batch(
            "INSERT INTO runs (id, state, began_ms, question) VALUES ('again', 'open', 1, '');
             INSERT INTO calls (id, call, seat, role, stage, model, outcome, attempts, took_ms, tokens_in, tokens_out)
             SELECT seq << 20, 'proposer-1/propose', 'proposer-1', 'proposer', 'propose', 'first:model', 'ok', 1, 5, 1, 1
             FROM runs WHERE id = 'again';
             INSERT INTO calls (id, call, seat, role, stage, model, outcome, attempts, took_ms, tokens_in, tokens_out)
             SELECT (seq << 20) | 1, 'proposer-1/propose/again', 'proposer-1', 'proposer', 'propose', 'second:model', 'ok', 1, 5, 1, 1
             FROM runs WHERE id = 'again';",
        )
        .unwrap();
    on(store.keep(&request(), &record)).unwrap();
    let by_model = on(store.stats(StatsFilter::default())).unwrap().by_model;
    let of = |model: &str| (by_model[model].calls, by_model[model].proposals, by_model[model].won);
    assert_eq!((of("first:model"), of("second:model")), ((1, 0, 0), (1, 1, 1)));
}

#[test]
fn a_run_that_was_answered_and_not_kept_is_gone_on_with_by_nobody_unasked() {
    let refuse =
        |what: &str| format!("CREATE TRIGGER no BEFORE {what} BEGIN SELECT RAISE(ABORT, 'no room'); END");
    let entries = "INSERT ON entries WHEN NEW.number >= 4";
    // In the middle of its journal; only its record; and where not even that can be written until later.
    for (what, later) in [(entries, false), ("INSERT ON chain", false), ("UPDATE ON runs", true)] {
        let place = place();
        let store = Arc::new(place.open());
        place.raw().execute_batch(&refuse(what)).unwrap();
        assert!(deliberate(&store, "answered").log.unrecorded.is_some(), "{what}");
        if later {
            assert_eq!(on(store.unfinished()).unwrap()[0].state, Unended::Running, "{what}");
            place.raw().execute_batch("DROP TRIGGER no").unwrap();
        }
        drop(store);
        let store = place.open();
        let left = on(store.unfinished()).unwrap();
        assert!(left.iter().all(|run| run.state == Unended::Left), "{what}: {left:?}");
        assert_eq!(left.len(), usize::from(what != entries), "{what}: its record was kept all the same");
        assert_eq!(flaws(&store), [], "{what}: nobody tampered with anything");
        let unjournaled = on(store.verify(VerifyScope::default())).unwrap().unjournaled;
        assert_eq!(unjournaled, u64::from(what == entries), "{what}");
    }
}

const REFUSE_UPDATES: &str =
    "CREATE TRIGGER no BEFORE UPDATE ON runs BEGIN SELECT RAISE(ABORT, 'no room'); END";

fn states(store: &History) -> Vec<Unended> {
    on(store.unfinished()).unwrap().into_iter().map(|run| run.state).collect()
}

/// Waits until all that was handed over before is done.
fn settle(store: &History) {
    on(store.outcome(&RunId::new("nobody"), true, 0)).unwrap();
}

#[test]
fn that_a_run_was_left_is_written_as_soon_as_something_can_be() {
    let place = place();
    let store = Arc::new(place.open());
    place.raw().execute_batch(REFUSE_UPDATES).unwrap();
    begin_and_leave(&store, "first");
    assert_eq!(states(&store), [Unended::Running], "nothing can be written");
    place.raw().execute_batch("DROP TRIGGER no").unwrap();
    deliberate(&store, "second");
    settle(&store);
    assert_eq!(states(&store), [Unended::Left]);
}

#[test]
fn a_run_that_is_taken_again_is_not_left_because_it_was_left_before() {
    let place = place();
    let store = Arc::new(place.open());
    let (first, second) = (RunId::new("first"), RunId::new("second"));
    place.raw().execute_batch(REFUSE_UPDATES).unwrap();
    begin_and_leave(&store, "first");
    assert!(on(store.claim(&first)).is_err(), "the file takes nothing");
    settle(&store);
    assert_eq!(store.held.leaving().len(), 1, "whoever was told of an error does not have it");
    place.raw().execute_batch("DROP TRIGGER no").unwrap();
    assert!(matches!(on(store.claim(&first)).unwrap(), Takeover::Taken(_)));
    begin_and_leave(&store, "second");
    assert_eq!(states(&store), [Unended::Running, Unended::Left]);
    store.leave(&first);
    // A claim whose caller goes away before the answer is given back too.
    let (go, wait) = std::sync::mpsc::sync_channel::<()>(0);
    store.writer.tell(Turn::Beside, move |_| wait.recv().map_err(|_| rusqlite::Error::InvalidQuery), || {});
    assert!(store.claim(&second).now_or_never().is_none());
    go.send(()).unwrap();
    settle(&store);
    assert_eq!(states(&store), [Unended::Left, Unended::Left]);
}

#[test]
fn a_journal_has_no_gap_where_an_entry_could_not_be_written() {
    let place = place();
    let (store, run) = (place.open(), RunId::new("gap"));
    let entries = failing(&run, begun());
    for entry in &entries[..2] {
        on(store.append(&run, Arc::clone(entry))).unwrap();
    }
    assert!(on(store.append(&run, Arc::clone(&entries[3]))).is_err());
    assert_eq!(on(store.entries(&run)).unwrap().len(), 2);
    on(store.append(&run, Arc::clone(&entries[2]))).unwrap();
    on(store.append(&run, Arc::clone(&entries[3]))).unwrap();
}

#[test]
fn a_run_that_two_processes_worked_on_counts_the_calls_of_both_once() {
    let place = place();
    let run = RunId::new("handed-on");
    let mut entries = failing(&run, begun()).into_iter();
    let first = place.open();
    for entry in entries.by_ref().take(3) {
        on(first.append(&run, entry)).unwrap();
    }
    drop(first);
    let second = place.open();
    assert!(matches!(on(second.claim(&run)).unwrap(), Takeover::Taken(entries) if entries.len() == 3));
    on(second.append(&run, entries.next().unwrap())).unwrap();
    let stats = on(second.stats(StatsFilter::default())).unwrap();
    assert_eq!((stats.by_role["proposer"].calls, stats.total.calls, stats.total.failed), (1, 1, 1));
    assert_eq!(flaws(&second), []);
}
