//! The flag by which a caller who left stops the work for him.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::EngineError;

/// Shared by the caller's handle, which sets it, and the worker, which looks at it before each token and each layer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cancel(Arc<AtomicBool>);

impl Cancel {
    pub(crate) fn set(&self) {
        // Nothing else is published by the flag, so no ordering is needed.
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn check(&self) -> Result<(), EngineError> {
        if self.is_set() { Err(EngineError::Cancelled) } else { Ok(()) }
    }
}
