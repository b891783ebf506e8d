//! The calls that are under way, by what they ask.
//!
//! An entry lives as long as its call: the call owns a ticket that takes the entry out when the call is dropped, done or given up. So the
//! map is never larger than the number of calls under way.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, Weak},
    time::Instant,
};

use async_orchestrator_core::Deadline;

use super::asked::Asked;
use crate::registry::lock;

/// Calls under way; `W` is a weak handle of a call.
pub(super) struct Map<W>(Arc<Mutex<Entries<W>>>);

struct Entries<W> {
    calls: HashMap<Arc<Asked>, Entry<W>>,
    next: u64,
}

struct Entry<W> {
    call: W,
    number: u64,
    ends: Deadline,
}

/// A call that a caller takes part in.
pub(super) enum Joined<C> {
    /// It began with this caller.
    Begun(C),
    /// It was under way.
    Found(C),
}

/// Takes its entry out of the map when it is dropped.
pub(super) struct Ticket(Option<Box<dyn FnOnce() + Send + Sync>>);

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(take_out) = self.0.take() {
            take_out();
        }
    }
}

impl<W> Default for Map<W> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Entries { calls: HashMap::new(), next: 0 })))
    }
}

impl<W: Send + 'static> Map<W> {
    /// Joins the call that asks the same, or begins one with `begin`; `None` if that gives none. A call that would end long before the caller's
    /// deadline is not joined: the new one takes its place.
    pub(super) fn join<C>(
        &self,
        asked: &Arc<Asked>,
        deadline: Deadline,
        now: Instant,
        upgrade: impl Fn(&W) -> Option<C>,
        begin: impl FnOnce(Ticket) -> Option<(C, W)>,
    ) -> Option<Joined<C>> {
        let mut entries = lock(&self.0);
        if let Some(entry) = entries.calls.get(asked)
            && ends_late_enough(entry.ends, deadline, now)
            && let Some(call) = upgrade(&entry.call)
        {
            return Some(Joined::Found(call));
        }
        let number = entries.next;
        entries.next += 1;
        let (call, weak) = begin(self.ticket(Arc::clone(asked), number))?;
        // An entry that is replaced may hold the last handle of its call, whose ticket wants this lock.
        let replaced = entries.calls.insert(Arc::clone(asked), Entry { call: weak, number, ends: deadline });
        drop(entries);
        drop(replaced);
        Some(Joined::Begun(call))
    }

    fn ticket(&self, asked: Arc<Asked>, number: u64) -> Ticket {
        let map: Weak<Mutex<Entries<W>>> = Arc::downgrade(&self.0);
        Ticket(Some(Box::new(move || {
            let Some(map) = map.upgrade() else { return };
            let mut entries = lock(&map);
            let own = entries.calls.get(&asked).is_some_and(|entry| entry.number == number);
            let gone = if own { entries.calls.remove(&asked) } else { None };
            drop(entries);
            drop(gone);
        })))
    }
}

fn ends_late_enough(ends: Deadline, wanted: Deadline, now: Instant) -> bool {
    match (ends.remaining(now), wanted.remaining(now)) {
        (None, _) => true,
        (Some(_), None) => false,
        // A tenth of the longer one.
        (Some(ends), Some(wanted)) => wanted.saturating_sub(ends) <= wanted / 10,
    }
}
