//! The atomics and locks of the shared policies: the standard library's, or loom's where it searches all orders of threads.

#[cfg(ao_loom)]
pub(super) use loom::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};
#[cfg(not(ao_loom))]
pub(super) use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};
