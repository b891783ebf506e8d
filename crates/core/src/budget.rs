//! What a run may spend and what it has spent: reserve before a call, settle after it.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::MicroUsd;

/// An amount of money and of tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spending {
    /// Money.
    pub cost: MicroUsd,
    /// Tokens, in and out.
    pub tokens: u64,
}

impl Spending {
    fn plus(self, other: Self) -> Self {
        Self { cost: self.cost + other.cost, tokens: self.tokens.saturating_add(other.tokens) }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            cost: MicroUsd(self.cost.0.saturating_sub(other.cost.0)),
            tokens: self.tokens.saturating_sub(other.tokens),
        }
    }
}

/// What a run may spend at most; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ceilings {
    /// Money.
    pub cost: Option<MicroUsd>,
    /// Tokens, in and out.
    pub tokens: Option<u64>,
}

/// The purse of one run, shared by all of its calls.
///
/// A call reserves its estimate before it goes out and settles what it really cost; the sum of the settled and the reserved never
/// passes the ceiling by more than the estimates were wrong.
#[derive(Debug, Default)]
pub struct BudgetLedger {
    ceilings: Ceilings,
    state: Mutex<Purse>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Purse {
    settled: Spending,
    reserved: Spending,
}

/// An amount set aside for a call. Dropped without [`Reservation::settle`], it returns to the purse.
#[derive(Debug)]
pub struct Reservation {
    ledger: Arc<BudgetLedger>,
    amount: Spending,
}

/// The purse holds less than the call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BudgetExceeded {
    /// Less money.
    #[error("the budget of {ceiling} has {left} left and the call may cost {needed}")]
    Cost {
        /// The ceiling of the run.
        ceiling: MicroUsd,
        /// What is left under it.
        left: MicroUsd,
        /// What the call may cost.
        needed: MicroUsd,
    },
    /// Fewer tokens.
    #[error("the budget of {ceiling} tokens has {left} left and the call may use {needed}")]
    Tokens {
        /// The ceiling of the run.
        ceiling: u64,
        /// What is left under it.
        left: u64,
        /// What the call may use.
        needed: u64,
    },
}

impl BudgetLedger {
    /// A purse that only counts.
    pub fn unlimited() -> Self {
        Self::default()
    }

    /// A purse under these ceilings.
    ///
    /// ```
    /// use async_orchestrator_core::{BudgetLedger, Ceilings, MicroUsd, Spending};
    /// use std::sync::Arc;
    /// let ledger = Arc::new(BudgetLedger::new(Ceilings { cost: Some(MicroUsd(100)), tokens: Some(1_000) }));
    /// let held = ledger.reserve(Spending { cost: MicroUsd(60), tokens: 900 }).unwrap();
    /// assert!(ledger.reserve(Spending { cost: MicroUsd(10), tokens: 200 }).is_err());
    /// held.settle(Spending { cost: MicroUsd(20), tokens: 300 });
    /// assert!(ledger.reserve(Spending { cost: MicroUsd(10), tokens: 200 }).is_ok());
    /// ```
    pub fn new(ceilings: Ceilings) -> Self {
        Self { ceilings, state: Mutex::default() }
    }

    /// The ceilings.
    pub const fn ceilings(&self) -> Ceilings {
        self.ceilings
    }

    /// What the finished calls took.
    pub fn settled(&self) -> Spending {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).settled
    }

    /// Raises what was spent to `spent`, where that is more: a run that is gone on with begins with what it had spent before.
    pub fn spent_before(&self, spent: Spending) {
        let mut purse = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        purse.settled.cost = purse.settled.cost.max(spent.cost);
        purse.settled.tokens = purse.settled.tokens.max(spent.tokens);
    }

    /// Sets `amount` aside.
    ///
    /// # Errors
    /// If less than that is left under a ceiling.
    pub fn reserve(self: &Arc<Self>, amount: Spending) -> Result<Reservation, BudgetExceeded> {
        let mut purse = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = purse.settled.plus(purse.reserved);
        if let Some(ceiling) = self.ceilings.cost {
            let left = MicroUsd(ceiling.0.saturating_sub(taken.cost.0));
            if amount.cost > left {
                return Err(BudgetExceeded::Cost { ceiling, left, needed: amount.cost });
            }
        }
        if let Some(ceiling) = self.ceilings.tokens {
            let left = ceiling.saturating_sub(taken.tokens);
            if amount.tokens > left {
                return Err(BudgetExceeded::Tokens { ceiling, left, needed: amount.tokens });
            }
        }
        purse.reserved = purse.reserved.plus(amount);
        drop(purse);
        Ok(Reservation { ledger: Arc::clone(self), amount })
    }
}

impl Reservation {
    /// Replaces the reservation by what the call really took.
    pub fn settle(self, taken: Spending) {
        let mut purse = self.ledger.state.lock().unwrap_or_else(PoisonError::into_inner);
        purse.settled = purse.settled.plus(taken);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut purse = self.ledger.state.lock().unwrap_or_else(PoisonError::into_inner);
        purse.reserved = purse.reserved.minus(self.amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(micros: u64) -> Spending {
        Spending { cost: MicroUsd(micros), tokens: 0 }
    }

    #[test]
    fn a_reservation_counts_until_it_is_settled_or_dropped() {
        let ledger = Arc::new(BudgetLedger::new(Ceilings { cost: Some(MicroUsd(100)), tokens: None }));
        let first = ledger.reserve(money(60)).unwrap();
        let refused = ledger.reserve(money(60)).unwrap_err();
        assert!(matches!(refused, BudgetExceeded::Cost { left: MicroUsd(40), .. }));
        first.settle(money(10));
        drop(ledger.reserve(money(90)).unwrap());
        assert_eq!(ledger.settled(), money(10));
        assert!(ledger.reserve(money(91)).is_err());
    }
}
