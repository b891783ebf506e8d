//! Where a call stands, told from its events.

use std::sync::atomic::{AtomicU8, Ordering};

use async_orchestrator_core::{Event, EventKind, Observer};

/// Where a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    Queue,
    Headers,
    Backoff,
    Stream,
    Hedge,
}

impl Phase {
    pub(super) const COUNT: usize = 5;
    pub(super) const ALL: [Self; Self::COUNT] =
        [Self::Queue, Self::Headers, Self::Backoff, Self::Stream, Self::Hedge];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Queue => "in the queue",
            Self::Headers => "before the headers",
            Self::Backoff => "in a backoff",
            Self::Stream => "in a stream",
            Self::Hedge => "with a hedge out",
        }
    }
}

/// The phase of one call.
#[derive(Debug, Default)]
pub(super) struct PhaseOf(AtomicU8);

impl PhaseOf {
    pub(super) fn now(&self) -> Phase {
        let number = usize::from(self.0.load(Ordering::SeqCst));
        Phase::ALL.get(number).copied().unwrap_or(Phase::Queue)
    }

    pub(super) fn text(&self) {
        self.set(Phase::Stream);
    }

    fn set(&self, phase: Phase) {
        self.0.store(phase as u8, Ordering::SeqCst);
    }
}

impl Observer for PhaseOf {
    fn observe(&self, event: &Event) {
        match event.kind {
            // The second call of the two is an attempt too.
            EventKind::AttemptStarted { .. } if self.now() != Phase::Hedge => self.set(Phase::Headers),
            EventKind::AttemptWaits { .. } => self.set(Phase::Backoff),
            EventKind::AttemptHedged { .. } => self.set(Phase::Hedge),
            _ => {}
        }
    }
}
