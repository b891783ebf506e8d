//! Tests of the workers: order, limits, cancellation.

use std::future::poll_fn;

use super::*;
use crate::{engine::Form, fixture, text::Heading};

/// Three hundred tokens: more pieces than a reader that never reads leaves room for.
fn long() -> WriteRequest {
    let heading = Heading { text: "Long".to_owned(), tokens_max: 300 };
    WriteRequest {
        messages: vec![("user", "Write.".to_owned())],
        form: Form::Sections(vec![heading]),
        tokens_max: Some(400),
        temperature: Some(1.0),
        seed: 3,
        stop: Vec::new(),
    }
}

fn short() -> WriteRequest {
    WriteRequest { form: Form::Text, tokens_max: Some(4), ..long() }
}

fn workers(count: usize, queue_max: usize) -> Workers {
    let (engine, team) = fixture::engine();
    Workers::start(&engine, &team, count, queue_max).unwrap()
}

async fn next(writing: &mut Writing) -> Option<Result<Piece, EngineError>> {
    poll_fn(|task| writing.poll_next(task)).await
}

async fn finish(mut writing: Writing) -> Result<Written, EngineError> {
    loop {
        match next(&mut writing).await {
            Some(Ok(Piece::Text(_))) => {}
            Some(Ok(Piece::Finished(written))) => return Ok(written),
            Some(Err(error)) => return Err(error),
            None => return Err(EngineError::Closed),
        }
    }
}

#[tokio::test]
async fn a_dropped_reply_frees_its_thread() {
    let workers = workers(1, 4);
    let mut stalled = workers.write(long()).unwrap();
    assert!(matches!(next(&mut stalled).await, Some(Ok(Piece::Text(_)))));
    // Nobody reads on, so the only thread waits with a full channel. Only the drop can free it.
    let waiting = workers.write(short()).unwrap();
    drop(stalled);
    assert!(finish(waiting).await.unwrap().reply_tokens <= 4);
}

#[tokio::test]
async fn a_full_queue_refuses_and_a_caller_who_left_gives_up_his_place() {
    let workers = workers(1, 1);
    let mut stalled = workers.write(long()).unwrap();
    assert!(matches!(next(&mut stalled).await, Some(Ok(Piece::Text(_)))));
    let waiting = workers.write(short()).unwrap();
    assert!(matches!(workers.write(short()), Err(EngineError::Busy { limit: 1 })));
    drop(waiting);
    let waiting = workers.write(short()).unwrap();
    drop(stalled);
    assert!(finish(waiting).await.is_ok());
}

#[tokio::test]
async fn replies_do_not_depend_on_what_the_thread_did_before() {
    let workers = workers(1, 4);
    let first = finish(workers.write(long()).unwrap()).await.unwrap();
    workers
        .judge("Which?".to_owned(), vec!["a".to_owned(), "b".to_owned()])
        .unwrap()
        .verdict()
        .await
        .unwrap();
    assert_eq!(finish(workers.write(long()).unwrap()).await.unwrap(), first);
}

#[tokio::test]
async fn two_threads_write_side_by_side() {
    let workers = workers(2, 4);
    let mut stalled = workers.write(long()).unwrap();
    assert!(matches!(next(&mut stalled).await, Some(Ok(Piece::Text(_)))));
    assert!(
        finish(workers.write(short()).unwrap()).await.is_ok(),
        "the second thread answers while the first one waits"
    );
}

#[tokio::test]
async fn ending_the_workers_ends_what_waits() {
    let workers = workers(1, 4);
    let mut running = workers.write(long()).unwrap();
    assert!(matches!(next(&mut running).await, Some(Ok(Piece::Text(_)))));
    let waiting = workers.judge("Which?".to_owned(), vec!["a".to_owned()]).unwrap();
    drop(running);
    drop(workers);
    let outcome = waiting.verdict().await;
    assert!(matches!(outcome, Ok(_) | Err(EngineError::Closed | EngineError::Cancelled)), "{outcome:?}");
}

#[test]
fn a_panic_ends_one_job_only() {
    let outcome = guarded(|| -> Result<(), EngineError> { panic!("a fault in a library") });
    assert!(matches!(outcome, Err(EngineError::Fault { .. })));
    assert_eq!(guarded(|| Ok(1)), Ok(1));
}
