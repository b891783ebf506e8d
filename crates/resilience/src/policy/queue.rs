//! How many calls may wait in front of a target.

/// The line in front of the places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueConfig {
    /// So many calls may wait; the next one is turned away at once. 0 lets nobody wait; default 1,024.
    pub waiting_max: usize,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self { waiting_max: 1_024 }
    }
}
