//! Who waits for a shared stream, and whose turn it is to poll it.
//!
//! A wake-up of the source goes to every reader that waits, and the first one that is polled drives the source. So nobody has to hand
//! over when a reader leaves: whoever waits was woken too, or will be. No waker is woken or dropped under a lock, because that may drop
//! the task of another reader.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, Mutex},
    task::{Wake, Waker},
};

use crate::registry::lock;

/// The readers that wait.
pub(super) struct Readers(Mutex<Waiting>);

struct Waiting {
    /// The only one who waits, as is mostly the case: it costs no allocation.
    alone: Option<(u64, Waker)>,
    /// The others, by the order in which they joined.
    others: BTreeMap<u64, Waker>,
    next: Turn,
}

/// What a reader that found nothing does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It polls the source: there was a wake-up, or an event behind which there may be another one.
    Drive,
    /// It only waits: the source was polled since it last gave a sign. A thousand readers are one poll.
    Wait,
}

impl Default for Readers {
    fn default() -> Self {
        // The first reader is the first who polls.
        Self(Mutex::new(Waiting { alone: None, others: BTreeMap::new(), next: Turn::Drive }))
    }
}

impl Readers {
    /// Lists `reader` for the next wake-up. The waker that it had listed before comes back, to be dropped when no lock is held.
    pub(super) fn list(&self, reader: u64, waker: &Waker) -> (Turn, Option<Waker>) {
        let mut waiting = lock(&self.0);
        let replaced = match waiting.listed(reader) {
            Some(listed) if listed.will_wake(waker) => None,
            Some(listed) => Some(mem::replace(listed, waker.clone())),
            None => {
                if waiting.alone.is_none() {
                    waiting.alone = Some((reader, waker.clone()));
                } else {
                    waiting.others.insert(reader, waker.clone());
                }
                None
            }
        };
        (mem::replace(&mut waiting.next, Turn::Wait), replaced)
    }

    /// Wakes everybody who waits, except one who does not wait any more; the first who comes drives.
    pub(super) fn wake_all_but(&self, gone: Option<u64>) {
        let mut waiting = lock(&self.0);
        waiting.next = Turn::Drive;
        let alone = waiting.alone.take();
        let others = mem::take(&mut waiting.others);
        drop(waiting);
        for (reader, waker) in alone.into_iter().chain(others) {
            if Some(reader) != gone {
                waker.wake();
            }
        }
    }

    /// Forgets a reader that left. Nobody takes over: everybody else was woken when its turn came, even if it left by a panic in it.
    pub(super) fn forget(&self, reader: u64) {
        let own = lock(&self.0).remove(reader);
        // Apart from the line above, which holds the lock to its end.
        drop(own);
    }
}

impl Waiting {
    fn listed(&mut self, reader: u64) -> Option<&mut Waker> {
        match &mut self.alone {
            Some((number, waker)) if *number == reader => Some(waker),
            _ => self.others.get_mut(&reader),
        }
    }

    fn remove(&mut self, reader: u64) -> Option<Waker> {
        match self.alone.take_if(|(number, _)| *number == reader) {
            Some((_, waker)) => Some(waker),
            None => self.others.remove(&reader),
        }
    }
}

impl Wake for Readers {
    fn wake(self: Arc<Self>) {
        self.wake_all_but(None);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_all_but(None);
    }
}
