//! Holds the budget against a list of all deposits and withdrawals, alone and from many threads.

use async_orchestrator_core::{Clock, test_util::ManualClock};
use proptest::prelude::*;

use super::*;

fn granted(budget: &RetryBudget, tries: usize, now: Instant) -> usize {
    (0..tries).filter(|_| budget.withdraw(now) == Withdrawal::Granted).count()
}

#[test]
fn a_few_calls_may_retry_and_a_storm_may_not() {
    let now = ManualClock::new().now();
    let budget = RetryBudget::new(RetryBudgetConfig::default(), now);
    (0..1_000).for_each(|_| budget.deposit(now));
    assert_eq!(granted(&budget, 1_000, now), 110, "a tenth of the calls, and the reserve");
    let almost = now + Duration::from_millis(9_999);
    assert_eq!(granted(&budget, 100, almost), 0, "what is spent is gone for ten seconds");
    assert_eq!(granted(&budget, 100, now + Duration::from_secs(10)), 10, "then the reserve is back");
}

#[test]
fn what_is_not_spent_expires() {
    let now = ManualClock::new().now();
    let budget = RetryBudget::new(RetryBudgetConfig { reserve: 0, ..RetryBudgetConfig::default() }, now);
    (0..100).for_each(|_| budget.deposit(now));
    assert_eq!(granted(&budget, 1, now + Duration::from_millis(9_999)), 1);
    assert_eq!(granted(&budget, 1, now + Duration::from_secs(10)), 0);
}

#[test]
fn parts_of_a_retry_that_were_not_enough_are_kept() {
    let now = ManualClock::new().now();
    let budget = RetryBudget::new(RetryBudgetConfig { reserve: 0, ..RetryBudgetConfig::default() }, now);
    let at = |seconds| now + Duration::from_secs(seconds);
    for second in 0..9 {
        budget.deposit(at(second));
        assert_eq!(granted(&budget, 1, at(second)), 0);
    }
    budget.deposit(at(9));
    assert_eq!(granted(&budget, 2, at(9)), 1);
}

#[test]
fn time_that_runs_backwards_does_not_panic() {
    let now = ManualClock::new().now();
    let budget = RetryBudget::new(RetryBudgetConfig::default(), now + Duration::from_secs(60));
    budget.deposit(now);
    assert_eq!(granted(&budget, 100, now), 10);
}

#[test]
fn many_threads_together_get_what_one_would() {
    let now = ManualClock::new().now();
    let budget = RetryBudget::new(RetryBudgetConfig::default(), now);
    let all: usize = std::thread::scope(|scope| {
        let caller = || {
            (0..1_000)
                .map(|_| {
                    budget.deposit(now);
                    granted(&budget, 1, now)
                })
                .sum::<usize>()
        };
        let callers: Vec<_> = (0..8).map(|_| scope.spawn(caller)).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).sum()
    });
    assert!(all <= 810, "{all} is more than the reserve and a tenth");
    assert_eq!(all + granted(&budget, 1_000, now), 810, "and nothing is lost on the way");
}

#[test]
fn settings_that_cannot_work_are_named_and_do_not_panic() {
    let wrong = RetryBudgetConfig { ratio: f64::NAN, reserve: u32::MAX, ttl: Duration::ZERO };
    assert_eq!(wrong.problems().len(), 3, "{:?}", wrong.problems());
    let now = ManualClock::new().now();
    let budget = RetryBudget::new(wrong, now);
    budget.deposit(now);
    assert_eq!(granted(&budget, 2_000, now), 1_000);
    assert_eq!(RetryBudgetConfig::default().problems(), Vec::<String>::new());
}

proptest! {
    /// In any time up to `ttl`, ended by each grant in turn: no more than the reserve and the share of what was paid in by then and could
    /// still be spent in that time.
    #[test]
    fn retries_never_pass_the_share_and_the_reserve(
        moves in prop::collection::vec((0_u64..700, 0_u8..4), 1..400),
        ratio in 0.0..1.0_f64,
        reserve in 0_u32..6,
    ) {
        let config = RetryBudgetConfig { ratio, reserve, ttl: Duration::from_secs(10) };
        let start = ManualClock::new().now();
        let budget = RetryBudget::new(config, start);
        let (mut at, mut deposits, mut grants) = (0_u64, Vec::<u64>::new(), Vec::<u64>::new());
        for (gap, what) in moves {
            at += gap;
            let now = start + Duration::from_millis(at);
            if what == 0 {
                budget.deposit(now);
                deposits.push(at);
                continue;
            }
            if budget.withdraw(now) == Withdrawal::Refused {
                continue;
            }
            grants.push(at);
            for (index, &begin) in grants.iter().enumerate() {
                if begin + 10_000 <= at {
                    continue;
                }
                let made = (grants.len() - index) as f64;
                let paid = deposits.iter().filter(|&&paid| paid + 10_000 > begin).count() as f64;
                // Thousandths are rounded once for each deposit.
                let bound = f64::from(reserve) + (ratio + 0.000_5) * paid;
                prop_assert!(made <= bound + 1e-9, "{} from {} to {}, bound {}", made, begin, at, bound);
            }
            // Over the whole time every deposit pays once, and the reserve once in each `ttl`.
            let rounds = (at / 10_000 + 1) as f64;
            let bound = f64::from(reserve) * rounds + (ratio + 0.000_5) * deposits.len() as f64;
            prop_assert!(grants.len() as f64 <= bound + 1e-9);
        }
    }
}
