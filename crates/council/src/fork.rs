//! A finished run as the beginning of another one: calls that would be the same are not made again.

use std::{collections::HashMap, sync::Arc};

use async_orchestrator_core::{JournalBody, Role, RoleOutcome, RunId, SealedEntry, TriageRequest};

use crate::{InvalidPast, past};

/// A run's recorded calls, for [`Council::fork`](crate::Council::fork).
#[derive(Clone, Debug)]
pub struct Fork {
    parent: RunId,
    request: TriageRequest,
    seed: u64,
    calls: HashMap<String, (String, Arc<RoleOutcome>)>,
}

impl Fork {
    /// The calls of `run` by its journal, but for those of the roles in `changed`: they are made anew.
    ///
    /// # Errors
    /// If `entries` are no journal of that run.
    pub fn of(run: &RunId, entries: &[SealedEntry], changed: &[Role]) -> Result<Self, InvalidPast> {
        let beginning = past::begun(run.as_str(), entries)?;
        let of_changed =
            |call: &str| changed.iter().any(|role| call.starts_with(&format!("{}-", role.name())));
        let calls = entries.iter().filter_map(|entry| match entry.body() {
            JournalBody::Arrived { call, prompt_hash, outcome, .. } if !of_changed(call) => {
                Some((call.clone(), (prompt_hash.clone(), Arc::clone(outcome))))
            }
            _ => None,
        });
        let calls = calls.collect();
        Ok(Self { parent: run.clone(), request: beginning.request, seed: beginning.seed, calls })
    }

    /// The run that it begins with.
    pub fn parent(&self) -> &RunId {
        &self.parent
    }

    /// What was asked.
    pub fn request(&self) -> &TriageRequest {
        &self.request
    }

    /// The seed of the run's orders: with another one critics would read other labels, and no call would be the same.
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// The outcome of `call`, if it asked the same.
    pub(crate) fn outcome(&self, call: &str, prompt_hash: &str) -> Option<Arc<RoleOutcome>> {
        let (hash, outcome) = self.calls.get(call)?;
        (hash == prompt_hash).then(|| Arc::clone(outcome))
    }
}
