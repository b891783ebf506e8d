//! What all runs together may spend in a day or a month: charged before a call in the shared state, corrected after it.
//!
//! A charge is atomic over all processes that share the state. A process that dies in between leaves its charge behind: nobody can say
//! what its call did cost, so it counts as the most that it could.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_orchestrator_core::{
    Charge, Clock, ErrorKind, Guard, MicroUsd, ProviderError, PurseId, SharedState, Spending,
};

use crate::policy::Period;

/// What all runs together may spend; `None` is no limit. Days and months are UTC's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeriodBudgets {
    /// Money a day.
    pub usd_per_day: Option<MicroUsd>,
    /// Money a month.
    pub usd_per_month: Option<MicroUsd>,
    /// Tokens a day, in and out.
    pub tokens_per_day: Option<u64>,
    /// Tokens a month, in and out.
    pub tokens_per_month: Option<u64>,
}

/// One limit of a period, and how much of it is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeriodBudget {
    /// Its name, as in the settings: `usd_per_day`.
    pub name: &'static str,
    /// Day or month.
    pub period: Period,
    /// What may be spent: millionths of a dollar, or tokens.
    pub ceiling: u64,
    holds: Holds,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Money,
    Tokens,
}

impl PeriodBudgets {
    /// The limits that are set.
    pub fn limits(&self) -> Vec<PeriodBudget> {
        let money = |name, period, amount: Option<MicroUsd>| {
            amount.map(|amount| PeriodBudget { name, period, ceiling: amount.0, holds: Holds::Money })
        };
        let tokens = |name, period, amount: Option<u64>| {
            amount.map(|ceiling| PeriodBudget { name, period, ceiling, holds: Holds::Tokens })
        };
        let all = [
            money("usd_per_day", Period::Day, self.usd_per_day),
            money("usd_per_month", Period::Month, self.usd_per_month),
            tokens("tokens_per_day", Period::Day, self.tokens_per_day),
            tokens("tokens_per_month", Period::Month, self.tokens_per_month),
        ];
        all.into_iter().flatten().collect()
    }
}

impl PeriodBudget {
    /// The purse of the period of `wall`.
    pub fn purse(&self, wall: SystemTime) -> PurseId {
        PurseId { name: self.name.to_owned(), since: self.period.around(wall).0 }
    }

    /// Whether it counts money, in millionths of a dollar; tokens otherwise.
    pub fn counts_money(&self) -> bool {
        self.holds == Holds::Money
    }

    fn part_of(&self, spending: Spending) -> u64 {
        match self.holds {
            Holds::Money => spending.cost.0,
            Holds::Tokens => spending.tokens,
        }
    }

    fn short(&self, spent: u64, needed: u64) -> String {
        let word = |amount: u64| match self.holds {
            Holds::Money => MicroUsd(amount).to_string(),
            Holds::Tokens => format!("{amount} tokens"),
        };
        let left = self.ceiling.saturating_sub(spent);
        format!(
            "budget.{} is {}, {} of it are left, and the call may take {}",
            self.name,
            word(self.ceiling),
            word(left),
            word(needed)
        )
    }
}

/// The limits in force, and where they are counted.
#[derive(Debug)]
pub(crate) struct Purses {
    limits: Vec<PeriodBudget>,
    state: Arc<dyn SharedState>,
    clock: Arc<dyn Clock>,
}

/// What a call has taken out of the purses. Dropped without [`Charged::settle`], all of it goes back.
#[derive(Debug)]
pub(crate) struct Charged {
    purses: Arc<Purses>,
    taken: Vec<(PurseId, PeriodBudget, u64)>,
}

impl Purses {
    /// `None` where nothing is limited.
    pub(crate) fn new(
        budgets: &PeriodBudgets,
        state: Arc<dyn SharedState>,
        clock: Arc<dyn Clock>,
    ) -> Option<Arc<Self>> {
        let limits = budgets.limits();
        (!limits.is_empty()).then(|| Arc::new(Self { limits, state, clock }))
    }

    pub(crate) fn limit_money(&self) -> bool {
        self.limits.iter().any(PeriodBudget::counts_money)
    }

    /// Takes `most` out of every purse, or nothing of any. A state that cannot be asked gives nothing: money is not spent unseen.
    pub(crate) async fn charge(self: &Arc<Self>, most: Spending) -> Result<Charged, ProviderError> {
        let refused = |until: Option<Duration>, why: String| {
            let until = until.and_then(|wait| self.clock.now().checked_add(wait));
            ProviderError::new(ErrorKind::Refused { by: Guard::Budget, until }).with_detail(why)
        };
        let wall = self.clock.wall();
        let mut charged = Charged { purses: Arc::clone(self), taken: Vec::with_capacity(self.limits.len()) };
        for limit in &self.limits {
            let (purse, needed) = (limit.purse(wall), limit.part_of(most));
            match self.state.charge(&purse, needed, limit.ceiling).await {
                Ok(Charge::Taken) => charged.taken.push((purse, *limit, needed)),
                Ok(Charge::Short { spent }) => {
                    return Err(refused(Some(limit.period.left(wall)), limit.short(spent, needed)));
                }
                Err(error) => {
                    return Err(refused(None, format!("budget.{} cannot be counted: {error}", limit.name)));
                }
            }
        }
        Ok(charged)
    }
}

impl Charged {
    /// The call took this in the end.
    pub(crate) fn settle(mut self, used: Spending) {
        for (purse, limit, amount) in std::mem::take(&mut self.taken) {
            self.purses.correct(&purse, amount, limit.part_of(used));
        }
    }
}

impl Purses {
    fn correct(&self, purse: &PurseId, taken: u64, used: u64) {
        let signed = |amount: u64| i64::try_from(amount).unwrap_or(i64::MAX);
        let change = signed(used).saturating_sub(signed(taken));
        if change != 0 {
            self.state.correct(purse, change);
        }
    }
}

impl Drop for Charged {
    fn drop(&mut self) {
        for (purse, _, amount) in std::mem::take(&mut self.taken) {
            self.purses.correct(&purse, amount, 0);
        }
    }
}
