//! Faults in time: no connection, silence, a trickle, a caller who leaves.

use std::time::Duration;

use async_orchestrator_core::{Clock, Deadline, ErrorKind, TimeoutPhase};
use async_orchestrator_providers::TransportConfig;
use async_orchestrator_resilience::TokioClock;
use async_orchestrator_simulator::{Fault, FaultRule, Latency, Persona};
use futures_util::{
    StreamExt,
    future::{Either, select},
};

use crate::chaos::{
    Combo,
    identities::Identity,
    judge::{Finding, Judge},
    raw::{Raw, Then},
    world::{BACKUP, PRIMARY, Setup, World, limits, own_sample, quick, request},
};

pub(super) async fn no_connection(combo: Combo) -> Finding {
    let mut judge = Judge::default();
    // Nobody listens on the port of a listener that is gone.
    let gone = match Raw::start(Then::Silence).await {
        Ok(raw) => raw.base_url(),
        Err(why) => return Finding::failed(why),
    };
    let stalled = match Raw::start(Then::Silence).await {
        Ok(raw) => raw,
        Err(why) => return Finding::failed(why),
    };
    let tls = stalled.base_url().replace("http://", "https://");
    let nowhere = "http://no-such-host.invalid".to_owned();
    for (told, address) in [("refused", gone), ("no such name", nowhere), ("a stalled handshake", tls)] {
        let world = match World::at(combo, Persona::new(), quick(), Some(address)).await {
            Ok(world) => world,
            Err(why) => return Finding::failed(why),
        };
        let got = world.ask_with(&request(), limits(20_000, 20_000, 1_000), Deadline::NEVER).await;
        judge.saw(&got);
        judge.must(got.took < Duration::from_secs(8), format!("{told}: at most 3 s a connection"));
        if combo.has_backup() {
            judge.must(got.answered_by(BACKUP), format!("{told}: the next target answers"));
        } else {
            let kind = got.outcome.as_ref().err().map(async_orchestrator_core::ProviderError::kind);
            let named = matches!(
                kind,
                Some(ErrorKind::Unavailable | ErrorKind::Timeout { phase: TimeoutPhase::Connect })
            );
            judge.must(named, format!("{told}: the class is {kind:?}"));
        }
        judge.upstream(&world);
    }
    for identity in Identity::ALL {
        if let Err(why) = wrong_identity(combo, identity, &mut judge).await {
            return Finding::failed(why);
        }
    }
    judge.finding()
}

/// A server that cannot prove to be the one that was asked for.
async fn wrong_identity(combo: Combo, identity: Identity, judge: &mut Judge) -> Result<(), String> {
    let told = identity.told();
    let server = identity.serve().await?;
    let mut transport = TransportConfig::default();
    transport.roots = identity.roots();
    let setup = Setup { address: Some(server.base_url()), transport, ..Setup::default() };
    let world = World::set_up(combo, Persona::new(), quick(), setup).await?;
    let got = world.ask().await;
    judge.saw(&got);
    if identity == Identity::Good {
        let fine = got.outcome.as_ref().is_ok_and(|completion| completion.answered_by.model() == PRIMARY);
        judge.must(fine, format!("{told}: it answers"));
        return Ok(());
    }
    let attempts = got.attempts(PRIMARY);
    judge.must(
        attempts == 1,
        format!("{told}: asked {attempts} times; an identity does not change by asking"),
    );
    judge.must(server.stats().calls_started == 0, format!("{told}: nothing was sent"));
    if combo.has_backup() {
        judge.must(got.answered_by(BACKUP), format!("{told}: the next target answers"));
    } else {
        let text = got.outcome.as_ref().err().map(ToString::to_string).unwrap_or_default();
        judge.must(text.contains("certificate"), format!("{told}: the error does not say so: {text}"));
    }
    Ok(())
}

pub(super) async fn silence(combo: Combo) -> Finding {
    let mut judge = Judge::default();
    let mut faults = vec![(Fault::StallBeforeHeaders, TimeoutPhase::FirstToken)];
    if combo.is_streamed() {
        faults.push((Fault::StallMidBody { after_events: 1 }, TimeoutPhase::FirstToken));
        faults.push((Fault::StallMidBody { after_events: 4 }, TimeoutPhase::Idle));
    } else {
        faults = vec![
            (Fault::StallBeforeHeaders, TimeoutPhase::Total),
            (Fault::StallMidBody { after_events: 1 }, TimeoutPhase::Total),
        ];
    }
    for (fault, phase) in faults {
        let told = format!("{fault:?}");
        let persona = Persona::new().fault(FaultRule::always(fault));
        let world = match World::new(combo, persona, quick()).await {
            Ok(world) => world,
            Err(why) => return Finding::failed(why),
        };
        let short = match phase {
            TimeoutPhase::Idle => limits(5_000, 3_000, 300),
            TimeoutPhase::FirstToken => limits(5_000, 300, 300),
            _ => limits(300, 300, 300),
        };
        let got = world.ask_with(&request(), short, Deadline::NEVER).await;
        judge.saw(&got);
        judge.must(got.took < Duration::from_secs(3), format!("{told}: the limit holds"));
        if combo.has_backup() {
            judge.must(got.answered_by(BACKUP), format!("{told}: the next target answers"));
        } else {
            let kind = got.outcome.as_ref().err().map(async_orchestrator_core::ProviderError::kind);
            judge.must(kind == Some(ErrorKind::Timeout { phase }), format!("{told}: the class is {kind:?}"));
        }
        judge.must(world.calls(PRIMARY) == 1, format!("{told}: it is not asked to be silent once more"));
        let closed =
            world.simulator.wait_for(Duration::from_secs(2), |stats| stats.calls_in_flight == 0).await;
        judge.must(closed.is_ok(), format!("{told}: its call is closed"));
        judge.upstream(&world);
    }
    judge.finding()
}

pub(super) async fn a_trickle(combo: Combo) -> Finding {
    let mut judge = Judge::default();
    let slow = Persona::new().latency(Latency::fixed(Duration::from_secs(20)));
    let world = match World::new(combo, slow, quick()).await {
        Ok(world) => world,
        Err(why) => return Finding::failed(why),
    };
    let got = world.ask_with(&request(), limits(800, 5_000, 5_000), Deadline::NEVER).await;
    judge.saw(&got);
    judge.must(got.took < Duration::from_secs(3), "the total limit holds");
    if combo.has_backup() {
        judge.must(got.answered_by(BACKUP), "the next target answers");
    } else {
        judge.must(got.outcome.is_err(), "one error");
    }
    judge.upstream(&world);
    judge.finding()
}

/// Leaves after a time drawn from a fixed list, in whatever phase the call is then.
pub(super) async fn the_caller_leaves(combo: Combo) -> Finding {
    let mut judge = Judge::default();
    let slow = Persona::new().latency(Latency::fixed(Duration::from_millis(400)));
    let world = match World::new(combo, slow, quick()).await {
        Ok(world) => world,
        Err(why) => return Finding::failed(why),
    };
    for round in 0_u64..20 {
        let context = own_sample(Deadline::NEVER);
        let request = request();
        let call = Box::pin(async {
            if combo.is_streamed() {
                if let Ok(mut stream) = world.provider.stream(&request, &context).await {
                    while stream.next().await.is_some() {}
                }
            } else {
                let _ = world.provider.complete(&request, &context).await;
            }
        });
        if let Either::Left(_) = select(call, TokioClock.sleep(Duration::from_millis(round * 17 % 300))).await
        {
            judge.must(false, format!("round {round}: it ended before its caller left"));
        }
        let closed =
            world.simulator.wait_for(Duration::from_millis(500), |stats| stats.calls_in_flight == 0).await;
        judge.must(closed.is_ok(), format!("round {round}: the upstream's call is closed"));
    }
    let busy = world.stack.status().iter().map(|target| u64::from(target.in_flight)).sum::<u64>();
    judge.must(busy == 0, format!("{busy} places are still taken"));
    let well = world.stack.status().iter().all(|target| {
        matches!(target.breaker, async_orchestrator_resilience::policy::BreakerState::Admitting)
    });
    judge.must(well, "leaving counts as no failure");
    let got = world.ask().await;
    judge.saw(&got);
    judge.must(got.answered_by(PRIMARY), "the next caller is served");
    judge.upstream(&world);
    judge.finding()
}
