//! The threads that work for async callers: a bounded queue, one job a thread at a time, every job stoppable.
//!
//! The threads belong to [`Workers`] and end with it. A caller holds a handle; dropping it sets the job's flag, which the model
//! looks at before every token and every layer.

mod queue;

use std::{
    panic::{self, AssertUnwindSafe},
    sync::Arc,
    thread::{self, JoinHandle},
};

use rayon::ThreadPool;
use tokio::sync::{mpsc, oneshot};

use crate::{
    EngineError, LoadError,
    cancel::Cancel,
    engine::{Engine, WriteRequest, Written},
    judge::Judged,
};
use queue::Queue;

/// The pieces of text that may wait for a slow reader before the writing waits, too.
const PIECES_MAX: usize = 64;

/// The threads of one engine. Dropping it stops all work and waits for the threads, for about one layer of the model.
pub(crate) struct Workers {
    queue: Arc<Queue<Job>>,
    threads: Vec<JoinHandle<()>>,
}

/// What comes out of writing.
#[derive(Debug)]
pub(crate) enum Piece {
    Text(String),
    /// Nothing follows it.
    Finished(Written),
}

/// A reply under way. Dropping it stops the writing.
pub(crate) struct Writing {
    pieces: mpsc::Receiver<Result<Piece, EngineError>>,
    cancel: Cancel,
}

/// A judgement under way. Dropping it stops the judging.
pub(crate) struct Judging {
    verdict: oneshot::Receiver<Result<Judged, EngineError>>,
    cancel: Cancel,
}

pub(crate) struct Job {
    cancel: Cancel,
    task: Task,
}

enum Task {
    Write { request: Box<WriteRequest>, pieces: mpsc::Sender<Result<Piece, EngineError>> },
    Judge { question: String, candidates: Vec<String>, verdict: oneshot::Sender<Result<Judged, EngineError>> },
}

impl Workers {
    /// Starts `count` threads for `engine`; at most `queue_max` jobs wait for them.
    pub(crate) fn start(
        engine: &Arc<Engine>,
        team: &Arc<ThreadPool>,
        count: usize,
        queue_max: usize,
    ) -> Result<Self, LoadError> {
        let queue = Arc::new(Queue::new(queue_max));
        let mut workers = Self { queue: Arc::clone(&queue), threads: Vec::with_capacity(count) };
        for number in 1..=count {
            let (engine, team, queue) = (Arc::clone(engine), Arc::clone(team), Arc::clone(&queue));
            let thread = thread::Builder::new()
                .name(format!("embedded-{number}"))
                .spawn(move || work(&engine, &team, &queue))
                .map_err(|source| LoadError::Threads { source })?;
            workers.threads.push(thread);
        }
        Ok(workers)
    }

    /// Begins to write. Returns at once.
    pub(crate) fn write(&self, request: WriteRequest) -> Result<Writing, EngineError> {
        let (sender, pieces) = mpsc::channel(PIECES_MAX);
        let cancel = Cancel::default();
        let task = Task::Write { request: Box::new(request), pieces: sender };
        self.queue.push(Job { cancel: cancel.clone(), task })?;
        Ok(Writing { pieces, cancel })
    }

    /// Begins to judge. Returns at once.
    pub(crate) fn judge(&self, question: String, candidates: Vec<String>) -> Result<Judging, EngineError> {
        let (sender, verdict) = oneshot::channel();
        let cancel = Cancel::default();
        let task = Task::Judge { question, candidates, verdict: sender };
        self.queue.push(Job { cancel: cancel.clone(), task })?;
        Ok(Judging { verdict, cancel })
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.queue.close();
        for thread in self.threads.drain(..) {
            // A worker catches the panics of its jobs, so there is nothing to learn from its end.
            let _ = thread.join();
        }
    }
}

impl Writing {
    /// The next piece; `None` after the last one.
    pub(crate) fn poll_next(
        &mut self,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Piece, EngineError>>> {
        self.pieces.poll_recv(context)
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.cancel.set();
    }
}

impl Judging {
    pub(crate) async fn verdict(mut self) -> Result<Judged, EngineError> {
        (&mut self.verdict).await.unwrap_or(Err(EngineError::Closed))
    }
}

impl Drop for Judging {
    fn drop(&mut self) {
        self.cancel.set();
    }
}

impl queue::Cancellable for Job {
    fn cancel(&self) -> &Cancel {
        &self.cancel
    }
}

/// The life of a thread: one session for all of its jobs, one after the other.
fn work(engine: &Engine, team: &Arc<ThreadPool>, queue: &Queue<Job>) {
    let mut session = engine.session(team);
    while let Some((job, _running)) = queue.next() {
        let Job { cancel, task } = job;
        match task {
            Task::Write { request, pieces } => {
                let mut send =
                    |text| pieces.blocking_send(Ok(Piece::Text(text))).map_err(|_| EngineError::Cancelled);
                let written = guarded(|| engine.write(&mut session, &request, &cancel, &mut send));
                // Nobody may be left to hear it.
                let _ = pieces.blocking_send(written.map(Piece::Finished));
            }
            Task::Judge { question, candidates, verdict } => {
                let judged = guarded(|| engine.judge(&mut session, &question, &candidates, &cancel));
                let _ = verdict.send(judged);
            }
        }
    }
}

/// A fault in a library under the engine ends one job, not the thread. The session is rewound at the start of every job.
fn guarded<T>(job: impl FnOnce() -> Result<T, EngineError>) -> Result<T, EngineError> {
    panic::catch_unwind(AssertUnwindSafe(job)).unwrap_or_else(|_| Err(EngineError::fault("it panicked")))
}

#[cfg(test)]
mod tests;
