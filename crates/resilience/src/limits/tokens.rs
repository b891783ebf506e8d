//! Tokens a minute at one target: reserved before a call, settled after it, given back where nothing was used.

use std::{
    num::NonZeroU64,
    pin::pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_orchestrator_core::{Clock, Deadline};
use futures_util::future::{Either, select};
use tokio::sync::Notify;

use super::TurnedAway;
use crate::{
    policy::{Hold, Reserve, TokenLimit},
    registry::lock,
};

/// The tokens of one target.
#[derive(Debug)]
pub(crate) struct TokenGate {
    limit: Mutex<TokenLimit>,
    clock: Arc<dyn Clock>,
    /// Somebody settled for less than was reserved: there may be room before the time that was promised.
    freed: Notify,
}

impl TokenGate {
    pub(crate) fn new(per_minute: NonZeroU64, clock: Arc<dyn Clock>) -> Self {
        let limit = Mutex::new(TokenLimit::per_minute(per_minute, clock.now()));
        Self { limit, clock, freed: Notify::new() }
    }

    /// Waits until `amount` tokens are there and takes them.
    pub(crate) async fn reserve(&self, amount: u64, deadline: Deadline) -> Result<Hold, TurnedAway> {
        loop {
            let mut freed = pin!(self.freed.notified());
            freed.as_mut().enable();
            let now = self.clock.now();
            let reserved = lock(&self.limit).reserve(amount, now);
            let at = match reserved {
                Reserve::Now(hold) => {
                    // What is left may be enough for the next one in line.
                    self.freed.notify_one();
                    return Ok(hold);
                }
                Reserve::At(at) => at,
            };
            if deadline.is_past(at) {
                return Err(TurnedAway::limit(at, "the limit of tokens a minute is reached"));
            }
            let wait = self.clock.sleep(at.saturating_duration_since(now));
            match select(freed, wait).await {
                Either::Left(_) | Either::Right(_) => {}
            }
        }
    }

    /// What was used or is held in the last minute.
    pub(crate) fn used(&self) -> u64 {
        lock(&self.limit).used(self.clock.now())
    }

    /// Others used `amount`, so long ago.
    pub(crate) fn count(&self, amount: u64, age: Duration) {
        lock(&self.limit).count(amount, age, self.clock.now());
    }

    pub(crate) fn settle(&self, hold: Hold, used: u64) {
        lock(&self.limit).settle(hold, used, self.clock.now());
        self.freed.notify_one();
    }

    pub(crate) fn refund(&self, hold: Hold) {
        lock(&self.limit).refund(hold, self.clock.now());
        self.freed.notify_one();
    }
}
