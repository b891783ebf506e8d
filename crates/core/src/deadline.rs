//! The absolute end of a call, and the limits of one attempt. Time comes in as an argument.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// The moment by which an answer must be there. On its way down it is only ever shortened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// No limit.
    pub const NEVER: Self = Self(None);

    /// The limit is `end`.
    pub const fn at(end: Instant) -> Self {
        Self(Some(end))
    }

    /// The limit is `limit` after `now`; a limit beyond the clock's range is none.
    pub fn after(now: Instant, limit: Duration) -> Self {
        Self(now.checked_add(limit))
    }

    /// The earlier of the two.
    #[must_use]
    pub fn earlier_of(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Some(one), Some(two)) => Self(Some(one.min(two))),
            (one, two) => Self(one.or(two)),
        }
    }

    /// The time left at `now`: zero once it has passed, `None` if there is no limit.
    pub fn remaining(self, now: Instant) -> Option<Duration> {
        self.0.map(|end| end.saturating_duration_since(now))
    }

    /// Whether the limit has been reached at `now`.
    pub fn is_past(self, now: Instant) -> bool {
        self.0.is_some_and(|end| end <= now)
    }

    /// The deadline of a stage that gets `share` (0.0 to 1.0) of what is left at `now`.
    #[must_use]
    pub fn share(self, now: Instant, share: f64) -> Self {
        match self.remaining(now) {
            None => self,
            Some(left) => self.earlier_of(Self::after(now, left.mul_f64(share.clamp(0.0, 1.0)))),
        }
    }
}

/// How long one attempt at one model may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptLimits {
    /// From the start of the attempt to its last byte.
    pub total: Duration,
    /// From the start of the attempt to the first piece of text; streamed calls only.
    pub first_token: Duration,
    /// Between two pieces of text; keep-alive signals do not count. Streamed calls only.
    pub idle: Duration,
}

impl AttemptLimits {
    /// What a remote role has when nobody sets a limit: 120 s in all, 60 s to the first token, 30 s between tokens.
    pub const REMOTE_DEFAULT: Self = Self {
        total: Duration::from_secs(120),
        first_token: Duration::from_secs(60),
        idle: Duration::from_secs(30),
    };

    /// `total` in all, the other two at most that.
    #[must_use]
    pub fn within(total: Duration) -> Self {
        let default = Self::REMOTE_DEFAULT;
        Self { total, first_token: total.min(default.first_token), idle: total.min(default.idle) }
    }
}

impl Default for AttemptLimits {
    fn default() -> Self {
        Self::REMOTE_DEFAULT
    }
}
