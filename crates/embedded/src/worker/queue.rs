//! A bounded queue between callers that never wait and threads that do.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use crate::{EngineError, cancel::Cancel};

/// A job whose caller may leave.
pub(super) trait Cancellable {
    fn cancel(&self) -> &Cancel;
}

/// Waiting jobs, first come, first served.
pub(super) struct Queue<J> {
    limit: usize,
    state: Mutex<State<J>>,
    arrived: Condvar,
}

struct State<J> {
    waiting: VecDeque<J>,
    /// The flags of the jobs under way.
    running: Vec<(u64, Cancel)>,
    started: u64,
    closed: bool,
}

/// Notes that a job is under way until it is dropped.
pub(super) struct Running<'a, J> {
    queue: &'a Queue<J>,
    number: u64,
}

impl<J: Cancellable> Queue<J> {
    /// At most `limit` jobs wait, those under way not counted.
    pub(super) fn new(limit: usize) -> Self {
        let state = State { waiting: VecDeque::new(), running: Vec::new(), started: 0, closed: false };
        Self { limit, state: Mutex::new(state), arrived: Condvar::new() }
    }

    pub(super) fn push(&self, job: J) -> Result<(), EngineError> {
        let mut state = self.state();
        if state.closed {
            return Err(EngineError::Closed);
        }
        if state.waiting.len() >= self.limit {
            // Those whose caller has left keep nobody out.
            state.waiting.retain(|job| !job.cancel().is_set());
        }
        if state.waiting.len() >= self.limit {
            return Err(EngineError::Busy { limit: self.limit });
        }
        state.waiting.push_back(job);
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    /// Waits for a job; `None` once the queue is closed.
    pub(super) fn next(&self) -> Option<(J, Running<'_, J>)> {
        let mut state = self.state();
        loop {
            if state.closed {
                return None;
            }
            match state.waiting.pop_front() {
                Some(job) if job.cancel().is_set() => {}
                Some(job) => {
                    state.started += 1;
                    let number = state.started;
                    state.running.push((number, job.cancel().clone()));
                    return Some((job, Running { queue: self, number }));
                }
                None => state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Drops what waits and stops what runs.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        let waiting = std::mem::take(&mut state.waiting);
        for (_, cancel) in &state.running {
            cancel.set();
        }
        drop(state);
        drop(waiting);
        self.arrived.notify_all();
    }
}

impl<J> Queue<J> {
    fn state(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<J> Drop for Running<'_, J> {
    fn drop(&mut self) {
        self.queue.state().running.retain(|(number, _)| *number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Named(&'static str, Cancel);

    impl Cancellable for Named {
        fn cancel(&self) -> &Cancel {
            &self.1
        }
    }

    fn named(name: &'static str) -> Named {
        Named(name, Cancel::default())
    }

    #[test]
    fn jobs_come_out_in_order_without_those_whose_caller_left() {
        let queue = Queue::new(3);
        let left = Cancel::default();
        queue.push(named("one")).unwrap();
        queue.push(Named("left", left.clone())).unwrap();
        queue.push(named("two")).unwrap();
        assert_eq!(queue.push(named("three")), Err(EngineError::Busy { limit: 3 }));
        left.set();
        queue.push(named("three")).unwrap();
        let order: Vec<_> = (0..3).filter_map(|_| queue.next()).map(|(job, _)| job.0).collect();
        assert_eq!(order, ["one", "two", "three"]);
    }

    #[test]
    fn closing_stops_what_runs_and_refuses_what_comes() {
        let queue = Queue::new(1);
        queue.push(named("running")).unwrap();
        let (job, running) = queue.next().unwrap();
        queue.close();
        assert!(job.1.is_set());
        assert_eq!(queue.push(named("late")), Err(EngineError::Closed));
        drop(running);
        assert!(queue.next().is_none());
    }
}
