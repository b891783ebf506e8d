//! Remembers what became of schemas: the same few are asked for again and again, and a rewriting costs more than a call should.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use async_orchestrator_core::ReplySchema;
use serde_json::{Value, value::RawValue};

/// So many schemas are remembered; a program has a dozen.
const REMEMBERED_MAX: usize = 64;

/// What became of the schemas of late. Shared by the clones of a style.
pub(crate) struct Rewritten<T>(Arc<Mutex<Vec<(ReplySchema, T)>>>);

impl<T: Clone> Rewritten<T> {
    /// What `schema` became, worked out by `rewrite` at its first time.
    pub(crate) fn get(&self, schema: &ReplySchema, rewrite: impl FnOnce(&Value) -> T) -> T {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, became)) = known.iter().find(|(other, _)| other.is_same(schema)) {
            return became.clone();
        }
        let became = rewrite(schema.value());
        if known.len() == REMEMBERED_MAX {
            known.remove(0);
        }
        known.push((schema.clone(), became.clone()));
        became
    }
}

/// `value` written out, to be sent again and again; `None` cannot happen for a value.
pub(crate) fn written(value: &Value) -> Option<Arc<RawValue>> {
    RawValue::from_string(value.to_string()).ok().map(Arc::from)
}

impl<T> Default for Rewritten<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Clone for Rewritten<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Rewritten<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rewritten").finish_non_exhaustive()
    }
}
