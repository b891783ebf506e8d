//! The places of the calls under way at one target, and the line in front of them.

use std::{
    num::NonZeroU32,
    pin::pin,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use async_orchestrator_core::{Clock, Deadline};
use futures_util::future::{Either, select};
use tokio::sync::Notify;

use super::TurnedAway;
use crate::{
    policy::{Concurrency, ConcurrencyConfig, QueueConfig, ReleaseOutcome},
    registry::lock,
};

/// The places and the line.
#[derive(Debug)]
pub(crate) struct Lane {
    places: Mutex<Concurrency>,
    waiting: AtomicUsize,
    waiting_max: AtomicUsize,
    freed: Notify,
}

/// A place in the line; left when it is dropped.
struct InLine<'a>(&'a AtomicUsize);

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Lane {
    pub(crate) fn new(config: ConcurrencyConfig, fixed: Option<NonZeroU32>, queue: QueueConfig) -> Self {
        let config = fixed.map_or(config, |limit| ConcurrencyConfig::fixed(limit.get()));
        Self {
            places: Mutex::new(Concurrency::new(config)),
            waiting: AtomicUsize::new(0),
            waiting_max: AtomicUsize::new(queue.waiting_max),
            freed: Notify::new(),
        }
    }

    /// Other rules from now on; calls under way keep their places, and those in line theirs.
    pub(crate) fn reconfigure(
        &self,
        config: ConcurrencyConfig,
        fixed: Option<NonZeroU32>,
        queue: QueueConfig,
    ) {
        let config = fixed.map_or(config, |limit| ConcurrencyConfig::fixed(limit.get()));
        lock(&self.places).reconfigure(config);
        self.waiting_max.store(queue.waiting_max, Ordering::Relaxed);
        // There may be more places now. Each who gets one wakes the next.
        self.freed.notify_one();
    }

    /// Waits for a place and takes it; [`Lane::leave`] gives it back.
    pub(crate) async fn enter(&self, deadline: Deadline, clock: &dyn Clock) -> Result<(), TurnedAway> {
        // Nobody overtakes those who wait.
        if self.waiting.load(Ordering::SeqCst) == 0 && lock(&self.places).try_acquire() {
            return Ok(());
        }
        let in_line = self.join()?;
        let left = deadline.remaining(clock.now());
        let mut end = pin!(async {
            match left {
                Some(left) => clock.sleep(left).await,
                None => std::future::pending().await,
            }
        });
        loop {
            let mut freed = pin!(self.freed.notified());
            // Listening begins before the look, so that a place which is freed in between is not missed.
            freed.as_mut().enable();
            if lock(&self.places).try_acquire() {
                drop(in_line);
                // The limit may have grown by more than one: the next in line looks for itself.
                self.freed.notify_one();
                return Ok(());
            }
            match select(freed, end.as_mut()).await {
                Either::Left(_) => {}
                Either::Right(_) => {
                    return Err(TurnedAway::queue("the deadline came while the call waited in line"));
                }
            }
        }
    }

    fn join(&self) -> Result<InLine<'_>, TurnedAway> {
        let before = self.waiting.fetch_add(1, Ordering::SeqCst);
        let in_line = InLine(&self.waiting);
        if before >= self.waiting_max.load(Ordering::Relaxed) {
            return Err(TurnedAway::queue("the line in front of this model is full"));
        }
        Ok(in_line)
    }

    pub(crate) fn leave(&self, outcome: ReleaseOutcome, now: Instant) {
        lock(&self.places).release(outcome, now);
        self.freed.notify_one();
    }

    /// Calls under way, the limit, and calls in line.
    pub(crate) fn load(&self) -> (u32, u32, usize) {
        let places = lock(&self.places);
        (places.in_flight(), places.limit(), self.waiting.load(Ordering::SeqCst))
    }
}
