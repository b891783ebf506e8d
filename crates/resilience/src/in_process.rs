//! The shared state of one process: for several orchestrators in it, and for tests. It ends with the process.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Mutex,
};

use async_orchestrator_core::{
    Charge, HealthNote, HealthSubject, KeptAnswer, PurseId, SharedState, StoreError, UseNote, WriterId,
};
use async_trait::async_trait;

use crate::registry::lock;

/// The most notes and uses that are kept; beyond it the oldest go.
const NOTES_MAX: usize = 4_096;
const USES_MAX: usize = 65_536;
/// Limits look back a minute.
const USES_KEPT_MS: u64 = 120_000;

/// What several orchestrators of one process know together.
///
/// ```
/// use async_orchestrator_core::{Charge, PurseId, SharedState};
/// use async_orchestrator_resilience::InProcessState;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let state = InProcessState::new();
/// let purse = PurseId { name: "usd_per_day".into(), since: 0 };
/// assert_eq!(state.charge(&purse, 80, 100).await.unwrap(), Charge::Taken);
/// assert_eq!(state.charge(&purse, 80, 100).await.unwrap(), Charge::Short { spent: 80 });
/// # });
/// ```
#[derive(Debug, Default)]
pub struct InProcessState(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    health: BTreeMap<HealthSubject, HealthNote>,
    uses: VecDeque<(WriterId, UseNote)>,
    purses: HashMap<PurseId, u64>,
    answers: HashMap<[u8; 32], KeptAnswer>,
    /// The keys of `answers` in the order of writing, with what each weighs.
    order: VecDeque<([u8; 32], u64)>,
    bytes: u64,
}

impl InProcessState {
    /// A state in which nothing is known.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl SharedState for InProcessState {
    async fn health(&self, now_ms: u64) -> Result<Vec<HealthNote>, StoreError> {
        let mut known = lock(&self.0);
        known.health.retain(|_, note| note.until_ms > now_ms);
        Ok(known.health.values().cloned().collect())
    }

    fn leave_out(&self, note: HealthNote) {
        let mut known = lock(&self.0);
        let longer = known.health.get(&note.subject).is_none_or(|old| old.until_ms <= note.until_ms);
        if longer && known.health.len() < NOTES_MAX {
            known.health.insert(note.subject.clone(), note);
        }
    }

    fn recovered(&self, subject: HealthSubject) {
        lock(&self.0).health.remove(&subject);
    }

    async fn used_by_others(&self, own: WriterId, since_ms: u64) -> Result<Vec<UseNote>, StoreError> {
        let known = lock(&self.0);
        let others = known.uses.iter().filter(|(writer, note)| *writer != own && note.at_ms >= since_ms);
        Ok(others.map(|(_, note)| note.clone()).collect())
    }

    fn used(&self, own: WriterId, mut note: UseNote) {
        let mut known = lock(&self.0);
        note.at_ms -= note.at_ms % 1_000;
        let oldest = note.at_ms.saturating_sub(USES_KEPT_MS);
        while known.uses.front().is_some_and(|(_, use_note)| use_note.at_ms < oldest)
            || known.uses.len() >= USES_MAX
        {
            known.uses.pop_front();
        }
        let same = |(writer, other): &&mut (WriterId, UseNote)| {
            *writer == own
                && (&other.model, &other.account, other.measure, other.at_ms)
                    == (&note.model, &note.account, note.measure, note.at_ms)
        };
        match known.uses.iter_mut().rev().take(64).find(same) {
            Some((_, other)) => other.amount = other.amount.saturating_add(note.amount),
            None => known.uses.push_back((own, note)),
        }
    }

    async fn charge(&self, purse: &PurseId, amount: u64, ceiling: u64) -> Result<Charge, StoreError> {
        let mut known = lock(&self.0);
        // Earlier periods of the same purse are over.
        known.purses.retain(|other, _| other.name != purse.name || other.since >= purse.since);
        let spent = known.purses.entry(purse.clone()).or_default();
        let after = spent.saturating_add(amount);
        if after > ceiling {
            return Ok(Charge::Short { spent: *spent });
        }
        *spent = after;
        Ok(Charge::Taken)
    }

    fn correct(&self, purse: &PurseId, change: i64) {
        if let Some(spent) = lock(&self.0).purses.get_mut(purse) {
            *spent = spent.saturating_add_signed(change);
        }
    }

    async fn answer(&self, key: [u8; 32]) -> Result<Option<KeptAnswer>, StoreError> {
        Ok(lock(&self.0).answers.get(&key).cloned())
    }

    fn keep_answer(&self, key: [u8; 32], answer: KeptAnswer, bytes_max: u64) {
        let mut known = lock(&self.0);
        let weight = answer.body.len() as u64;
        if let Some(place) = known.order.iter().position(|(other, _)| *other == key)
            && let Some((_, old)) = known.order.remove(place)
        {
            known.bytes -= old;
        }
        known.bytes += weight;
        known.order.push_back((key, weight));
        known.answers.insert(key, answer);
        while known.bytes > bytes_max
            && let Some((oldest, old)) = known.order.pop_front()
        {
            known.bytes -= old;
            known.answers.remove(&oldest);
        }
    }

    async fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
