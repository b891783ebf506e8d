//! Faults under load and over time: outages, brown-outs, storms, crowds.

use std::time::Duration;

use async_orchestrator_core::{CallContext, Clock, Deadline, ErrorKind, Reuse, Served};
use async_orchestrator_resilience::{CacheConfig, TokioClock};
use async_orchestrator_simulator::{Fault, FaultRule, Latency, Persona};
use futures_util::{StreamExt, future::join_all};

use crate::chaos::{
    Combo,
    judge::{Finding, Judge},
    world::{BACKUP, PRIMARY, World, limits, quick, request, since},
};

pub(super) async fn down_and_back(combo: Combo) -> Finding {
    let mut judge = Judge::default();
    let mut config = quick();
    config.breaker.cooldown_min = Duration::from_millis(300);
    config.breaker.cooldown_max = Duration::from_millis(600);
    config.breaker.ramp = Duration::from_millis(300);
    let down = Persona::new().fault(FaultRule::always(Fault::status(500)));
    let world = match World::new(combo, down, config).await {
        Ok(world) => world,
        Err(why) => return Finding::failed(why),
    };
    let started = TokioClock.now();
    let mut calls = 0_u64;
    while since(started) < Duration::from_secs(2) {
        let got = world.ask().await;
        calls += 1;
        if combo.has_backup() {
            judge.must(got.answered_by(BACKUP), "answered by the fallback throughout");
        }
        TokioClock.sleep(Duration::from_millis(10)).await;
    }
    // Five to trip, and a probe with each pause: 0.3, 0.6, 0.6 s.
    let seen = world.calls(PRIMARY);
    judge.must(seen <= 14, format!("{seen} of {calls} calls reached the dead model"));
    if let Err(error) = world.simulator.set_persona(PRIMARY, Persona::new()) {
        return Finding::failed(error.to_string());
    }
    let mut recovered = false;
    for _ in 0..200 {
        let got = world.ask().await;
        if got.answered_by(PRIMARY) {
            recovered = true;
            judge.saw(&got);
            break;
        }
        TokioClock.sleep(Duration::from_millis(20)).await;
    }
    judge.must(recovered, "it is used again once it is back");
    judge.upstream(&world);
    judge.finding()
}

pub(super) async fn slow_without_errors(combo: Combo) -> Finding {
    let mut judge = Judge::default();
    let mut config = quick();
    config.breaker.slow_call = Some(Duration::from_millis(150));
    let quick_persona = Persona::new().latency(Latency::fixed(Duration::from_millis(10)));
    let world = match World::new(combo, quick_persona, config).await {
        Ok(world) => world,
        Err(why) => return Finding::failed(why),
    };
    for _ in 0..25 {
        world.ask().await;
    }
    let before = world.calls(PRIMARY);
    let slow = Latency { first_token: Some(fixed(220)), total: Some(fixed(230)), tokens_per_second: None };
    if let Err(error) = world.simulator.set_persona(PRIMARY, Persona::new().latency(slow)) {
        return Finding::failed(error.to_string());
    }
    let asked = 150;
    let mut refused = 0;
    for _ in 0..asked {
        let got = world.ask().await;
        refused += u32::from(got.attempts(PRIMARY) == 0);
        if refused > 5 {
            judge.saw(&got);
            break;
        }
    }
    judge.must(refused > 5, "the slow model is taken out");
    let hedges = world.calls(PRIMARY).saturating_sub(before).saturating_sub(u64::from(asked - refused));
    judge.must(hedges <= 10, format!("{hedges} hedges, at most the burst"));
    judge.upstream(&world);
    judge.finding()
}

fn fixed(ms: u64) -> async_orchestrator_simulator::Distribution {
    async_orchestrator_simulator::Distribution::fixed(Duration::from_millis(ms))
}

pub(super) async fn every_tier_down(combo: Combo) -> Finding {
    let mut judge = Judge::default();
    let mut config = quick();
    config.cache = Some(CacheConfig { fresh_for: Duration::ZERO, ..CacheConfig::default() });
    let world = match World::new(combo, Persona::new(), config).await {
        Ok(world) => world,
        Err(why) => return Finding::failed(why),
    };
    judge.must(world.ask().await.answered_by(PRIMARY), "the first answer");
    let down = || Persona::new().fault(FaultRule::always(Fault::status(500)));
    for model in [PRIMARY, BACKUP] {
        if let Err(error) = world.simulator.set_persona(model, down()) {
            return Finding::failed(error.to_string());
        }
    }
    let got = world.ask().await;
    judge.saw(&got);
    let served = got.outcome.as_ref().map(|completion| completion.served);
    judge.must(matches!(served, Ok(Served::Stale { .. })), "an old answer, and marked as such");
    let context = CallContext { reuse: Reuse::Never, ..CallContext::detached(TokioClock.now()) };
    let mut quickest = Duration::MAX;
    for _ in 0..40 {
        let started = TokioClock.now();
        let Err(error) = world.provider.complete(&request(), &context).await else {
            judge.must(false, "nobody can answer");
            break;
        };
        if matches!(error.kind(), ErrorKind::Refused { .. }) {
            quickest = quickest.min(since(started));
            let text = error.to_string();
            let named = text.contains(PRIMARY) && (!combo.has_backup() || text.contains(BACKUP));
            judge.must(named, "one error that names every target");
        }
    }
    judge.must(quickest < Duration::from_millis(1), format!("refused in {quickest:?}"));
    judge.upstream(&world);
    judge.finding()
}

pub(super) async fn a_storm(combo: Combo) -> Finding {
    let mut judge = Judge::default();
    let dead = Persona::new().fault(FaultRule::always(Fault::status(503)));
    let world = match World::new(combo, dead, quick()).await {
        Ok(world) => world,
        Err(why) => return Finding::failed(why),
    };
    let request = request();
    let calls = (0..1_000).map(|_| async {
        let context = CallContext {
            reuse: Reuse::Never,
            limits: limits(5_000, 3_000, 1_000),
            deadline: Deadline::after(TokioClock.now(), Duration::from_secs(10)),
            ..CallContext::detached(TokioClock.now())
        };
        if combo.is_streamed() {
            match world.provider.stream(&request, &context).await {
                Ok(mut stream) => {
                    let mut fine = false;
                    while let Some(event) = stream.next().await {
                        fine = event.is_ok();
                    }
                    fine
                }
                Err(_) => false,
            }
        } else {
            world.provider.complete(&request, &context).await.is_ok()
        }
    });
    let answered = join_all(calls).await.into_iter().filter(|fine| *fine).count();
    let seen = world.calls(PRIMARY);
    judge.must(seen <= 1_100, format!("{seen} calls reached the dead upstream"));
    judge.must(!combo.has_backup() || answered == 1_000, format!("{answered} were answered by the fallback"));
    judge.upstream(&world);
    judge.finding()
}

pub(super) async fn identical_calls(combo: Combo) -> Finding {
    let mut judge = Judge::default();
    let persona = Persona::new().latency(Latency::fixed(Duration::from_millis(300)));
    let world = match World::new(combo, persona, quick()).await {
        Ok(world) => world,
        Err(why) => return Finding::failed(why),
    };
    {
        // The first caller leaves while all the others wait for its call.
        let mut leader = Box::pin(world.ask());
        let _ = futures_util::poll!(leader.as_mut());
        let mut others = Box::pin(join_all((0..999).map(|_| world.ask())));
        let _ = futures_util::poll!(others.as_mut());
        drop(leader);
        let got = others.await;
        let answered = got.iter().filter(|got| got.answered_by(PRIMARY)).count();
        judge.must(answered == 999, format!("{answered} of 999 were answered"));
        if let Some(first) = got.first() {
            judge.saw(first);
        }
    }
    let seen = world.calls(PRIMARY);
    judge.must(seen == 1, format!("{seen} calls reached the upstream"));
    judge.upstream(&world);
    judge.finding()
}
