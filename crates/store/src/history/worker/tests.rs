//! Jobs that share a transaction: each is told what became of its own work, and of the transaction.

use std::sync::mpsc::SyncSender;

use super::*;

/// A writer that stands in the middle of a transaction, with one row written, until it is told to go on.
struct Standing {
    writer: Worker,
    go: SyncSender<Result<(), Error>>,
    first: Handed<()>,
}

fn on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

fn told<T>(handed: Handed<T>) -> Result<T, StoreError> {
    on(answered(handed))
}

fn standing() -> Standing {
    let connection = Connection::open_in_memory().unwrap();
    connection
        .execute_batch(
            "PRAGMA foreign_keys = ON;
             CREATE TABLE parents (id INTEGER PRIMARY KEY);
             CREATE TABLE rows (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED);",
        )
        .unwrap();
    let writer = Worker::start(Kind::Writer, connection).unwrap();
    let (go, wait) = sync_channel(1);
    let (stands, stood) = sync_channel(1);
    let first = writer.hand(move |connection| {
        insert(connection, 0)?;
        stands.send(()).unwrap();
        wait.recv().unwrap()
    });
    stood.recv().unwrap();
    Standing { writer, go, first }
}

fn insert(connection: &Connection, id: i64) -> Result<(), Error> {
    connection.execute("INSERT INTO rows (id) VALUES (?1)", [id]).map(drop)
}

/// A row that no transaction can be committed with.
fn orphan(connection: &Connection) -> Result<(), Error> {
    connection.execute("INSERT INTO rows (id, parent) VALUES (99, 99)", []).map(drop)
}

fn rows(writer: &Worker) -> Vec<i64> {
    let rows = writer.ask(|connection| {
        connection.prepare("SELECT id FROM rows ORDER BY id")?.query_map([], |row| row.get(0))?.collect()
    });
    on(rows).unwrap()
}

#[test]
fn work_that_fails_takes_back_itself_alone() {
    let Standing { writer, go, first } = standing();
    let before = writer.hand(|connection| insert(connection, 1));
    let failing = writer.hand(|connection| {
        insert(connection, 2)?;
        insert(connection, 1)
    });
    let after = writer.hand(|connection| insert(connection, 3));
    go.send(Ok(())).unwrap();
    assert!(told(first).is_ok() && told(before).is_ok() && told(failing).is_err() && told(after).is_ok());
    assert_eq!(rows(&writer), [0, 1, 3]);
}

#[test]
fn work_that_fails_first_takes_nothing_of_the_others_with_it() {
    let Standing { writer, go, first } = standing();
    let after = writer.hand(|connection| insert(connection, 1));
    go.send(Err(Error::InvalidQuery)).unwrap();
    assert!(told(first).is_err() && told(after).is_ok());
    assert_eq!(rows(&writer), [1]);
}

#[test]
fn a_transaction_that_is_taken_back_is_told_to_all_in_it_and_nobody_after_it() {
    // SQLite does so where the disk is full, whether or not the work hears of it.
    for outcome in [Err(Error::InvalidQuery), Ok(())] {
        let Standing { writer, go, first } = standing();
        let before = writer.hand(|connection| insert(connection, 1));
        let losing = writer.hand(move |connection| {
            connection.execute_batch("ROLLBACK")?;
            outcome
        });
        let after = writer.hand(|connection| insert(connection, 2));
        go.send(Ok(())).unwrap();
        assert!(
            told(first).is_err() && told(before).is_err() && told(losing).is_err() && told(after).is_ok()
        );
        assert_eq!(rows(&writer), [2]);
    }
}

#[test]
fn a_commit_that_fails_is_told_to_all_in_it() {
    let Standing { writer, go, first } = standing();
    let causing = writer.hand(orphan);
    let beside = writer.hand(|connection| insert(connection, 1));
    go.send(Ok(())).unwrap();
    assert!(told(first).is_err() && told(causing).is_err() && told(beside).is_err());
    assert_eq!(rows(&writer), [0_i64; 0]);
}

#[test]
fn what_has_its_turn_after_the_others_is_in_no_transaction_with_them() {
    let Standing { writer, go, first } = standing();
    let beside = writer.hand(|connection| insert(connection, 1));
    writer.tell(Turn::After, orphan, || unreachable!("it cannot be committed"));
    let after = writer.hand(|connection| insert(connection, 2));
    writer.tell(Turn::After, |connection| insert(connection, 3), || {});
    go.send(Ok(())).unwrap();
    assert!(told(first).is_ok() && told(beside).is_ok() && told(after).is_err());
    assert_eq!(rows(&writer), [0, 1, 3]);
}

#[test]
fn more_than_one_transaction_holds_are_all_done() {
    let Standing { writer, go, first } = standing();
    let count = i64::try_from(BATCH_MAX).unwrap() * 2 + 7;
    let all: Vec<_> = (1..=count).map(|id| writer.hand(move |connection| insert(connection, id))).collect();
    go.send(Ok(())).unwrap();
    assert!(told(first).is_ok() && all.into_iter().all(|one| told(one).is_ok()));
    assert_eq!(rows(&writer).len(), usize::try_from(count).unwrap() + 1);
}
