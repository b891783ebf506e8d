//! The port to time. Decisions take `now` as an argument; only the shells around them ask here.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    time::{Duration, Instant, SystemTime},
};

/// A future that is done when its time has come.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where now comes from, and how to wait.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The monotonic now, for durations and deadlines.
    fn now(&self) -> Instant;

    /// The time of day, for records.
    fn wall(&self) -> SystemTime;

    /// Waits for `duration`.
    fn sleep(&self, duration: Duration) -> Sleep;
}
