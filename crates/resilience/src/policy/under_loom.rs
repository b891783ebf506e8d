//! The shared policies in every order in which threads can meet: `cargo xtask loom`.

use std::{sync::Arc, time::Duration};

use async_orchestrator_core::{Clock, test_util::ManualClock};
use loom::thread;

use super::{BreakerConfig, CallResult, Gate, RetryBudget, RetryBudgetConfig, SharedBreaker, Withdrawal};

const FAILURE: CallResult = CallResult::Failure { retry_after: None };
const SUCCESS: CallResult = CallResult::Success { took: Duration::ZERO };

fn strict() -> SharedBreaker {
    SharedBreaker::new(BreakerConfig { consecutive_failures: 1, ..BreakerConfig::default() })
}

#[test]
fn loom_of_two_callers_after_the_pause_one_is_the_probe() {
    loom::model(|| {
        let now = ManualClock::new().now();
        let breaker = Arc::new(strict());
        let Gate::Admit(pass) = breaker.gate(now) else { panic!("it starts open") };
        breaker.record(pass, FAILURE, now);
        let later = now + Duration::from_secs(6);
        let other = Arc::clone(&breaker);
        let rival = thread::spawn(move || usize::from(matches!(other.gate(later), Gate::Admit(_))));
        let own = usize::from(matches!(breaker.gate(later), Gate::Admit(_)));
        assert_eq!(own + rival.join().unwrap(), 1);
    });
}

#[test]
fn loom_old_news_never_opens_a_gate_that_tripped_meanwhile() {
    loom::model(|| {
        let now = ManualClock::new().now();
        let breaker = Arc::new(strict());
        let (Gate::Admit(slow), Gate::Admit(failing)) = (breaker.gate(now), breaker.gate(now)) else {
            panic!("it starts open")
        };
        let other = Arc::clone(&breaker);
        let trips = thread::spawn(move || other.record(failing, FAILURE, now));
        breaker.record(slow, SUCCESS, now);
        trips.join().unwrap();
        assert!(breaker.shut(now).is_some() && !breaker.is_plain());
    });
}

#[test]
fn loom_whoever_reads_the_gate_while_it_trips_is_let_through_once_or_told() {
    loom::model(|| {
        let now = ManualClock::new().now();
        let breaker = Arc::new(strict());
        let Gate::Admit(failing) = breaker.gate(now) else { panic!("it starts open") };
        let other = Arc::clone(&breaker);
        let trips = thread::spawn(move || other.record(failing, FAILURE, now));
        if let Gate::Admit(late) = breaker.gate(now) {
            assert!(!late.is_probe(), "nobody probes a gate that has just tripped");
            breaker.record(late, SUCCESS, now);
        }
        trips.join().unwrap();
        assert!(breaker.shut(now).is_some(), "one success beside the trip does not undo it");
    });
}

#[test]
fn loom_no_more_retries_are_granted_than_were_paid_for() {
    loom::model(|| {
        let now = ManualClock::new().now();
        let config = RetryBudgetConfig { ratio: 1.0, reserve: 1, ..RetryBudgetConfig::default() };
        let budget = Arc::new(RetryBudget::new(config, now));
        budget.deposit(now);
        let granted =
            |budget: &RetryBudget| (0..2).filter(|_| budget.withdraw(now) == Withdrawal::Granted).count();
        let other = Arc::clone(&budget);
        let rival =
            thread::spawn(move || (0..2).filter(|_| other.withdraw(now) == Withdrawal::Granted).count());
        let all = granted(&budget) + rival.join().unwrap();
        assert!(all <= 2, "one was paid in, one is in reserve: {all}");
        assert!(all >= 1);
    });
}
