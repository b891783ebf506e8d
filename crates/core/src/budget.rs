//! What a run may spend and what it has spent: reserve before a call, settle after it.

use std::sync::{Arc, Mutex, PoisonError};

use crate::MicroUsd;

/// The purse of one run, shared by all of its calls.
///
/// A call reserves its estimate before it goes out and settles what it really cost; the sum of the settled and the reserved never
/// passes the ceiling by more than the estimates were wrong.
#[derive(Debug, Default)]
pub struct BudgetLedger {
    ceiling: Option<MicroUsd>,
    state: Mutex<Purse>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Purse {
    settled: MicroUsd,
    reserved: MicroUsd,
}

/// An amount set aside for a call. Dropped without [`Reservation::settle`], it returns to the purse.
#[derive(Debug)]
pub struct Reservation {
    ledger: Arc<BudgetLedger>,
    amount: MicroUsd,
}

/// The purse holds less than the call may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the budget of {ceiling} has {left} left and the call may cost {needed}")]
pub struct BudgetExceeded {
    /// The ceiling of the run.
    pub ceiling: MicroUsd,
    /// What is left under it.
    pub left: MicroUsd,
    /// What the call may cost.
    pub needed: MicroUsd,
}

impl BudgetLedger {
    /// A purse that only counts.
    pub fn unlimited() -> Self {
        Self::default()
    }

    /// A purse of `ceiling`.
    pub fn with_ceiling(ceiling: MicroUsd) -> Self {
        Self { ceiling: Some(ceiling), state: Mutex::default() }
    }

    /// The ceiling, where there is one.
    pub const fn ceiling(&self) -> Option<MicroUsd> {
        self.ceiling
    }

    /// What the finished calls cost.
    pub fn settled(&self) -> MicroUsd {
        self.purse().settled
    }

    /// Sets `amount` aside.
    ///
    /// # Errors
    /// If less than that is left under the ceiling.
    pub fn reserve(self: &Arc<Self>, amount: MicroUsd) -> Result<Reservation, BudgetExceeded> {
        let mut purse = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ceiling) = self.ceiling {
            let left = MicroUsd(ceiling.0.saturating_sub((purse.settled + purse.reserved).0));
            if amount > left {
                return Err(BudgetExceeded { ceiling, left, needed: amount });
            }
        }
        purse.reserved = purse.reserved + amount;
        drop(purse);
        Ok(Reservation { ledger: Arc::clone(self), amount })
    }

    fn purse(&self) -> Purse {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reservation {
    /// Replaces the reservation by what the call really cost.
    pub fn settle(self, cost: MicroUsd) {
        let mut purse = self.ledger.state.lock().unwrap_or_else(PoisonError::into_inner);
        purse.settled = purse.settled + cost;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut purse = self.ledger.state.lock().unwrap_or_else(PoisonError::into_inner);
        purse.reserved = MicroUsd(purse.reserved.0.saturating_sub(self.amount.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reservation_counts_until_it_is_settled_or_dropped() {
        let ledger = Arc::new(BudgetLedger::with_ceiling(MicroUsd(100)));
        let first = ledger.reserve(MicroUsd(60)).unwrap();
        assert_eq!(ledger.reserve(MicroUsd(60)).unwrap_err().left, MicroUsd(40));
        first.settle(MicroUsd(10));
        drop(ledger.reserve(MicroUsd(90)).unwrap());
        assert_eq!(ledger.settled(), MicroUsd(10));
        assert!(ledger.reserve(MicroUsd(91)).is_err());
    }
}
