//! The file as several processes use it: at once, one after the other, damaged, locked, newer.

use std::{fs, path::PathBuf, sync::Arc};

use async_orchestrator_core::{AccountId, Ailment, Measure};

use super::*;

struct Place {
    _directory: tempfile::TempDir,
    path: PathBuf,
}

fn place() -> Place {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("some/where/state.db");
    Place { _directory: directory, path }
}

fn on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

fn note(until_ms: u64, trips: u32) -> HealthNote {
    HealthNote {
        subject: HealthSubject::Target { model: "a:one".parse().unwrap(), account: AccountId::new("f00d") },
        ailment: Ailment::Failing { trips },
        until_ms,
        noted_ms: 5,
    }
}

#[test]
fn what_is_left_out_is_read_by_the_next_until_its_time_is_over() {
    let place = place();
    FileState::open(&place.path).unwrap().leave_out(note(100, 2));
    let next = FileState::open(&place.path).unwrap();
    assert_eq!(on(next.health(99)).unwrap(), [note(100, 2)]);
    assert_eq!(on(next.health(100)).unwrap(), []);
    next.leave_out(note(90, 1));
    assert_eq!(on(next.health(50)).unwrap(), [note(100, 2)], "the longer wait wins");
    next.leave_out(note(300, 3));
    assert_eq!(on(next.health(50)).unwrap(), [note(300, 3)]);
    next.recovered(note(0, 0).subject);
    assert_eq!(on(next.health(50)).unwrap(), []);
}

#[test]
fn uses_are_summed_by_the_second_and_ones_own_are_no_news() {
    let place = place();
    let use_note = |at_ms, amount| UseNote {
        model: "a:one".parse().unwrap(),
        account: AccountId::new("f00d"),
        measure: Measure::Tokens,
        at_ms,
        amount,
    };
    let state = FileState::open(&place.path).unwrap();
    for (writer, at_ms, amount) in [(1, 10_100, 5), (2, 10_900, 7), (1, 11_000, 1), (3, 10_500, 100)] {
        state.used(WriterId(writer), use_note(at_ms, amount));
    }
    let seen = on(state.used_by_others(WriterId(3), 10_000)).unwrap();
    assert_eq!(seen, [use_note(10_000, 12), use_note(11_000, 1)]);
    state.used(WriterId(1), use_note(200_000, 1));
    assert_eq!(on(state.used_by_others(WriterId(3), 0)).unwrap(), [use_note(200_000, 1)], "what is old goes");
}

#[test]
fn of_two_processes_that_charge_at_once_none_gets_more_than_there_is() {
    let place = place();
    let purse = PurseId { name: "tokens_per_day".into(), since: 86_400 };
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (path, purse) = (place.path.clone(), purse.clone());
            std::thread::spawn(move || {
                // A connection of its own, like a process.
                let state = FileState::open(&path).unwrap();
                let charge = || on(state.charge(&purse, 3, 1_000)).unwrap();
                (0..150).filter(|_| charge() == Charge::Taken).count()
            })
        })
        .collect();
    let taken: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!(taken, 333);
    let state = FileState::open(&place.path).unwrap();
    assert_eq!(on(state.charge(&purse, 2, 1_000)).unwrap(), Charge::Short { spent: 999 });
    state.correct(&purse, -10);
    assert_eq!(on(state.charge(&purse, 2, 1_000)).unwrap(), Charge::Taken);
}

#[test]
fn the_oldest_answers_go_when_the_space_is_used_up() {
    let place = place();
    let state = FileState::open(&place.path).unwrap();
    for number in 0..10_u8 {
        let answer = KeptAnswer { body: "ä".repeat(50), given_ms: u64::from(number) };
        state.keep_answer([number; 32], answer, 350);
    }
    let kept: Vec<u8> = (0..10).filter(|number| on(state.answer([*number; 32])).unwrap().is_some()).collect();
    assert_eq!(kept, [7, 8, 9]);
    let overview = on(state.overview(0)).unwrap();
    assert_eq!((overview.answers, overview.answer_bytes), (3, 300));
}

#[test]
fn a_damaged_file_is_set_aside_and_said() {
    let place = place();
    fs::create_dir_all(place.path.parent().unwrap()).unwrap();
    fs::write(
        &place.path,
        "this is no database, and it is longer than a header of one hundred bytes. ".repeat(20),
    )
    .unwrap();
    let state = FileState::open(&place.path).unwrap();
    let aside = state.replaced().unwrap().to_owned();
    assert!(fs::read_to_string(aside).unwrap().starts_with("this is no database"));
    state.leave_out(note(100, 1));
    assert_eq!(on(state.health(0)).unwrap().len(), 1);
}

#[test]
fn a_file_of_a_later_version_is_left_alone() {
    let place = place();
    drop(FileState::open(&place.path).unwrap());
    Connection::open(&place.path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = FileState::open(&place.path).unwrap_err();
    assert!(matches!(error, OpenError::Newer { version: 99, .. }), "{error}");
}

#[test]
fn a_file_that_another_process_holds_costs_a_moment_and_an_error() {
    let place = place();
    let state = FileState::open(&place.path).unwrap();
    let holder = Connection::open(&place.path).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE; INSERT INTO purses VALUES ('x', 1, 1);").unwrap();
    let error = on(state.charge(&PurseId { name: "p".into(), since: 1 }, 1, 1)).unwrap_err();
    assert_eq!(error.to_string(), "the shared state is locked by another process");
    state.leave_out(note(100, 1));
    assert_eq!(on(state.health(0)).unwrap(), [], "reading goes on");
    assert_eq!(state.lost(), 1, "what could not be written is counted");
    holder.execute_batch("ROLLBACK").unwrap();
    state.leave_out(note(100, 1));
    assert_eq!(on(state.health(0)).unwrap().len(), 1);
}

#[test]
fn many_that_begin_together_find_one_schema() {
    let place = place();
    let path = Arc::new(place.path.clone());
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let path = Arc::clone(&path);
            std::thread::spawn(move || FileState::open(&path).map(drop))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap().unwrap();
    }
}

#[cfg(unix)]
#[test]
fn only_its_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let place = place();
    let state = FileState::open(&place.path).unwrap();
    state.leave_out(note(100, 1));
    on(state.flush()).unwrap();
    let mut wal = place.path.clone().into_os_string();
    wal.push("-wal");
    for path in [place.path.clone(), PathBuf::from(wal)] {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0, "{}", path.display());
    }
}

#[test]
fn who_leaves_before_a_charge_is_made_is_not_charged() {
    let place = place();
    let state = FileState::open(&place.path).unwrap();
    let holder = Connection::open(&place.path).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    // The thread waits for the file with this note, and the charge stands behind it.
    state.leave_out(note(100, 1));
    let purse = PurseId { name: "tokens_per_day".into(), since: 1 };
    let mut charge = state.charge(&purse, 5, 10);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(charge.as_mut().poll(&mut context).is_pending());
    drop(charge);
    holder.execute_batch("ROLLBACK").unwrap();
    assert!(on(state.overview(0)).unwrap().purses.iter().all(|note| note.spent == 0));
}
