//! The breaker's behaviour as timelines, and its laws.

use async_orchestrator_core::{Clock, test_util::ManualClock};
use proptest::prelude::*;

use super::*;

fn config() -> BreakerConfig {
    BreakerConfig { consecutive_failures: 3, volume_min: 4, ramp: Duration::ZERO, ..BreakerConfig::default() }
}

/// Plays words against a breaker: `ok`, `slow`, `fail`, `fail!9` (with a hint of 9 s), `gone` are calls that must be admitted and end so;
/// `refuse`, `rest` and `ramp` are calls that must be kept in, for that reason; `probe` is admitted as a probe and stays out, `probe-ok`
/// ends it; `out` is admitted and stays out, `late-ok`, `late-fail` end it; `+5s` lets time pass; `cool9` is a wish to wait.
#[track_caller]
fn check(config: BreakerConfig, timeline: &str) {
    let mut now = ManualClock::new().now();
    let mut breaker = Breaker::new(config);
    let mut out: Vec<Pass> = Vec::new();
    for (index, word) in timeline.split_whitespace().filter(|word| *word != "|").enumerate() {
        let place = format!("word {} ({word}) of `{timeline}`", index + 1);
        let hint = |text: &str| text.parse().ok().map(Duration::from_secs);
        if let Some(wait) = word.strip_prefix('+') {
            now += Duration::from_secs_f64(wait.trim_end_matches('s').parse().unwrap());
            continue;
        }
        if let Some(wait) = word.strip_prefix("cool") {
            breaker.cool_until(now + hint(wait).unwrap(), now);
            continue;
        }
        let quick = CallResult::Success { took: Duration::from_millis(10) };
        let (verb, wait) = word.split_once('!').map_or((word, None), |(verb, wait)| (verb, hint(wait)));
        let failure = CallResult::Failure { retry_after: wait };
        match verb {
            "late-ok" | "probe-ok" => breaker.record(out.pop().unwrap(), quick, now),
            "late-fail" | "probe-fail" => breaker.record(out.pop().unwrap(), failure, now),
            "probe-gone" => breaker.record(out.pop().unwrap(), CallResult::Neutral, now),
            _ => {
                let gate = breaker.gate(now);
                match (verb, gate) {
                    ("refuse", Gate::Refuse(shut)) => assert_eq!(shut.why, RefuseReason::Open, "{place}"),
                    ("rest", Gate::Refuse(shut)) => assert_eq!(shut.why, RefuseReason::CoolDown, "{place}"),
                    ("ramp", Gate::Refuse(shut)) => assert_eq!(shut.why, RefuseReason::Ramp, "{place}"),
                    ("probe", Gate::Admit(pass)) if pass.is_probe() => out.push(pass),
                    ("out", Gate::Admit(pass)) if !pass.is_probe() => out.push(pass),
                    ("ok", Gate::Admit(pass)) => breaker.record(pass, quick, now),
                    ("slow", Gate::Admit(pass)) => {
                        breaker.record(pass, CallResult::Success { took: Duration::from_secs(30) }, now);
                    }
                    ("fail", Gate::Admit(pass)) => breaker.record(pass, failure, now),
                    ("gone", Gate::Admit(pass)) => breaker.record(pass, CallResult::Neutral, now),
                    (_, gate) => panic!("{gate:?} at {place}"),
                }
            }
        }
    }
}

#[test]
fn failures_in_a_row_trip_it_and_a_success_between_them_does_not() {
    let in_a_row = BreakerConfig { failure_ratio: 1.0, ..config() };
    check(in_a_row, "fail fail ok fail fail ok | +40s fail fail fail | refuse");
}

#[test]
fn a_share_of_failures_trips_it_from_the_least_volume_on() {
    check(config(), "ok fail ok fail | refuse");
    check(config(), "ok fail ok ok fail fail | refuse | +5s probe");
    check(BreakerConfig { consecutive_failures: 9, ..config() }, "fail fail fail fail | refuse");
    check(
        BreakerConfig { consecutive_failures: 9, ..config() },
        "fail fail fail +31s fail fail fail ok ok ok ok",
    );
}

#[test]
fn one_probe_after_the_pause_and_the_others_wait_for_it() {
    check(config(), "fail fail fail | refuse | +4.9s refuse | +0.1s probe | refuse refuse | probe-ok ok ok");
}

#[test]
fn a_failed_probe_doubles_the_pause_up_to_the_longest() {
    check(
        config(),
        "fail fail fail +5s probe probe-fail | +9.9s refuse +0.1s probe probe-fail | +19.9s refuse +0.1s probe",
    );
    let short = BreakerConfig { cooldown_max: Duration::from_secs(7), ..config() };
    check(short, "fail fail fail +5s probe probe-fail +7s probe probe-fail +7s probe probe-ok ok");
}

#[test]
fn a_good_recovery_forgets_the_earlier_trips() {
    check(
        config(),
        "fail fail fail +5s probe probe-fail +10s probe probe-ok ok | fail fail fail | +4.9s refuse +0.1s probe",
    );
}

#[test]
fn a_probe_that_is_never_heard_of_makes_room() {
    check(config(), "fail fail fail +5s probe | +29.9s refuse | +0.1s probe | refuse");
}

#[test]
fn a_probe_that_was_given_up_is_followed_by_another_after_a_second() {
    check(config(), "fail fail fail +5s probe probe-gone | refuse | +1s probe | refuse | probe-ok ok");
}

#[test]
fn the_news_of_an_old_probe_is_not_taken_for_that_of_the_new_one() {
    // The second probe is out when the first one fails late: only the second decides.
    let mut now = ManualClock::new().now();
    let mut breaker = Breaker::new(config());
    breaker.restore(now, 1);
    let Gate::Admit(first) = breaker.gate(now) else { panic!("a probe") };
    now += Duration::from_secs(31);
    let Gate::Admit(second) = breaker.gate(now) else { panic!("the next probe") };
    breaker.record(first, CallResult::Failure { retry_after: None }, now);
    breaker.record(second, CallResult::Success { took: Duration::ZERO }, now);
    assert_eq!(breaker.state(now), BreakerState::Admitting);
}

#[test]
fn a_hint_is_a_floor_for_the_pause_and_is_not_believed_for_ever() {
    check(config(), "fail fail fail!9 | +8.9s refuse +0.1s probe");
    check(config(), "fail fail fail!1 | +4.9s refuse +0.1s probe");
    check(config(), "fail fail fail!1000000000 | +3599s refuse +1s probe");
}

#[test]
fn a_failure_with_a_hint_rests_the_target_before_it_trips() {
    check(config(), "fail!2 | rest +1.9s rest +0.1s ok");
}

#[test]
fn a_wish_to_wait_is_kept_without_a_probe_and_the_longer_one_wins() {
    check(config(), "cool9 rest cool1 | +8.9s rest | +0.1s ok ok");
    check(config(), "cool1 cool9 +8.9s rest +0.1s ok");
    check(config(), "cool0 ok");
    check(config(), "fail fail fail cool1 | refuse +4.9s refuse +0.1s probe");
}

#[test]
fn slow_answers_trip_it_where_a_limit_is_set() {
    let slow = BreakerConfig { slow_call: Some(Duration::from_secs(20)), ..config() };
    check(slow, "slow slow slow slow | refuse | +5s probe probe-ok ok");
    check(slow, "slow ok slow slow ok slow ok slow");
    check(config(), "slow slow slow slow slow slow ok");
}

#[test]
fn late_news_changes_nothing() {
    check(config(), "out fail fail fail | late-ok refuse");
    check(config(), "out fail fail fail | +5s probe probe-ok ok | late-fail ok ok");
}

#[test]
fn calls_that_were_given_up_count_for_nothing() {
    check(config(), "fail fail gone gone gone gone gone ok");
    check(config(), "gone gone gone gone gone gone fail fail ok");
}

#[test]
fn a_recovery_lets_a_growing_share_through() {
    let ramp = BreakerConfig { ramp: Duration::from_secs(10), ..config() };
    check(
        ramp,
        "fail fail fail +5s probe probe-ok | ok ramp ramp ramp | +5s ramp ok ok ramp | +5s ok ok ok ok",
    );
    check(ramp, "fail fail fail +5s probe probe-ok | fail ramp +9s fail fail | +9.9s refuse +0.1s probe");
}

#[test]
fn a_recovery_that_is_over_is_over_also_for_calls_that_began_in_it() {
    let ramp = BreakerConfig { ramp: Duration::from_secs(10), consecutive_failures: 1, ..config() };
    check(ramp, "fail +5s probe probe-ok | out | +11s late-fail | +4.9s refuse +0.1s probe");
}

#[test]
fn an_exact_share_is_reached_and_an_endless_pause_is_a_long_one() {
    let share = BreakerConfig { failure_ratio: 0.07, consecutive_failures: 100, volume_min: 100, ..config() };
    check(share, &format!("{} fail fail fail fail fail fail fail | refuse", "ok ".repeat(93)));
    let endless = Duration::MAX;
    let endless = BreakerConfig { cooldown_min: endless, cooldown_max: endless, ..config() };
    check(endless, "fail fail fail refuse +3000s refuse");
}

#[test]
fn settings_that_cannot_work_are_named() {
    let wrong = BreakerConfig {
        consecutive_failures: 0,
        failure_ratio: 1.5,
        slow_ratio: f64::NAN,
        volume_min: 0,
        window: Duration::ZERO,
        cooldown_min: Duration::from_secs(90),
        probe_lease: Duration::ZERO,
        slow_call: Some(Duration::ZERO),
        ..BreakerConfig::default()
    };
    assert_eq!(wrong.problems().len(), 8, "{:?}", wrong.problems());
    assert_eq!(BreakerConfig::default().problems(), Vec::<String>::new());
}

#[derive(Clone, Debug)]
enum Move {
    Pass(u64),
    Ask,
    End(usize, u8),
    Cool(u64),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        (0u64..8_000).prop_map(Move::Pass),
        Just(Move::Ask),
        (0usize..8, 0u8..4).prop_map(|(which, how)| Move::End(which, how)),
        (0u64..20_000).prop_map(Move::Cool),
    ];
    prop::collection::vec(one, 1..300)
}

proptest! {
    /// Whatever happens: never two probes within one lease, nobody before the longest announced rest, a refusal always names a later time.
    #[test]
    fn its_laws_hold_whatever_happens(moves in moves()) {
        let mut now = ManualClock::new().now();
        let mut breaker = Breaker::new(config());
        let (mut out, mut probe_lease, mut rest): (Vec<Pass>, Option<Instant>, Option<Instant>) = (Vec::new(), None, None);
        for one in moves {
            match one {
                Move::Pass(ms) => now += Duration::from_millis(ms),
                Move::Cool(ms) => {
                    let until = now + Duration::from_millis(ms);
                    breaker.cool_until(until, now);
                    rest = rest.max(Some(until));
                }
                Move::Ask => match breaker.gate(now) {
                    Gate::Admit(pass) => {
                        prop_assert!(rest.is_none_or(|rest| rest <= now), "a wish to wait was passed over");
                        if pass.is_probe() {
                            prop_assert!(probe_lease.is_none_or(|end| end <= now), "two probes");
                            probe_lease = Some(now + config().probe_lease);
                        }
                        out.push(pass);
                    }
                    Gate::Refuse(shut) => prop_assert!(shut.until > now),
                },
                Move::End(which, how) if which < out.len() => {
                    let pass = out.swap_remove(which);
                    if pass.is_probe() {
                        probe_lease = None;
                    }
                    let result = match how {
                        0 => CallResult::Success { took: Duration::ZERO },
                        1 => CallResult::Failure { retry_after: None },
                        2 => CallResult::Failure { retry_after: Some(Duration::from_secs(3)) },
                        _ => CallResult::Neutral,
                    };
                    breaker.record(pass, result, now);
                }
                Move::End(..) => {}
            }
        }
    }

    #[test]
    fn who_only_succeeds_or_gives_up_is_never_kept_in(gaps in prop::collection::vec((0u64..5_000, any::<bool>()), 1..200)) {
        let mut now = ManualClock::new().now();
        let mut breaker = Breaker::new(config());
        for (gap, succeeds) in gaps {
            now += Duration::from_millis(gap);
            let Gate::Admit(pass) = breaker.gate(now) else { panic!("kept in") };
            let result = if succeeds { CallResult::Success { took: Duration::ZERO } } else { CallResult::Neutral };
            breaker.record(pass, result, now);
        }
    }
}
