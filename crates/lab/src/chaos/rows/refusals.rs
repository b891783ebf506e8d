//! Faults that the vendor announces: limits, dead keys, overload, failed servers, filters, windows.

use std::time::Duration;

use async_orchestrator_core::{Clock, CompletionRequest, Deadline, ErrorKind, FinishReason, Message};
use async_orchestrator_resilience::TokioClock;
use async_orchestrator_simulator::{Fault, FaultRule, Finish, Persona, ScriptedReply, StatusFault};

use crate::chaos::{
    Combo, Format,
    judge::{Finding, Judge},
    world::{BACKUP, PRIMARY, World, limits, quick, request},
};

async fn world(combo: Combo, fault: FaultRule) -> Result<World, Finding> {
    World::new(combo, Persona::new().fault(fault), quick()).await.map_err(Finding::failed)
}

pub(super) async fn limited_with_a_hint(combo: Combo) -> Finding {
    let mut judge = Judge::default();
    let limited = || Fault::status(429);
    let short: [(StatusFault, u64); 5] = [
        (limited().with_header("retry-after", "0.2"), 200),
        (limited().with_header("retry-after", "0"), 0),
        (limited().with_header("retry-after", "-5"), 0),
        (limited().with_header("retry-after-ms", "150"), 150),
        (limited().with_header("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"), 0),
    ];
    for (fault, wait_ms) in short {
        let told = format!("{fault:?}");
        let world = match world(combo, FaultRule::always(fault).first_calls(1)).await {
            Ok(world) => world,
            Err(finding) => return finding,
        };
        let got = world.ask().await;
        judge.saw(&got);
        judge.must(got.answered_by(PRIMARY), format!("{told}: the same model answers after the wait"));
        judge.must(got.took >= Duration::from_millis(wait_ms), format!("{told}: the wait was kept"));
        judge.must(world.calls(PRIMARY) == 2, format!("{told}: asked twice"));
    }
    let long = [
        limited().with_header("retry-after", "1000000000"),
        limited().with_header("x-ratelimit-reset-requests", "6m0s"),
        limited().with_header("anthropic-ratelimit-requests-reset", "2999-01-01T00:00:00Z"),
    ];
    for fault in long {
        let told = format!("{fault:?}");
        let world = match world(combo, FaultRule::always(fault)).await {
            Ok(world) => world,
            Err(finding) => return finding,
        };
        for _ in 0..2 {
            let deadline = Deadline::after(TokioClock.now(), Duration::from_secs(4));
            let got = world.ask_with(&request(), limits(5_000, 3_000, 1_000), deadline).await;
            judge.saw(&got);
            judge.must(got.took < Duration::from_secs(2), format!("{told}: not waited for"));
            if combo.has_backup() {
                judge.must(got.answered_by(BACKUP), format!("{told}: the next tier answers"));
            } else {
                judge.must(got.outcome.is_err(), format!("{told}: one error"));
            }
        }
        judge.must(world.calls(PRIMARY) == 1, format!("{told}: the model is left alone meanwhile"));
        judge.upstream(&world);
    }
    judge.finding()
}

pub(super) async fn limited_without_a_hint(combo: Combo) -> Finding {
    persistent(combo, &[Fault::status(429).into()], 3, |kind| matches!(kind, ErrorKind::RateLimited { .. }))
        .await
}

pub(super) async fn overloaded(combo: Combo) -> Finding {
    let mut faults: Vec<Fault> = vec![
        Fault::status(529).into(),
        Fault::status(503).with_type("overloaded_error").with_message("Overloaded").into(),
        Fault::ErrorIn200 { after_events: 0, code: 529 },
    ];
    if combo.is_streamed() {
        faults.push(Fault::ErrorIn200 { after_events: 3, code: 529 });
    }
    persistent(combo, &faults, 3, |kind| matches!(kind, ErrorKind::Overloaded { .. })).await
}

/// A fault on every call: so many attempts, then the next tier or one error of this kind.
async fn persistent(
    combo: Combo,
    faults: &[Fault],
    attempts: usize,
    is_kind: impl Fn(ErrorKind) -> bool,
) -> Finding {
    let mut judge = Judge::default();
    for fault in faults {
        let told = format!("{fault:?}");
        let world = match world(combo, FaultRule::always(fault.clone())).await {
            Ok(world) => world,
            Err(finding) => return finding,
        };
        let got = world.ask().await;
        judge.saw(&got);
        judge.must(got.attempts(PRIMARY) <= attempts, format!("{told}: {} attempts", got.attempts(PRIMARY)));
        judge.must(world.calls(PRIMARY) >= 1, format!("{told}: it was asked"));
        if combo.has_backup() {
            judge.must(got.answered_by(BACKUP), format!("{told}: the fallback answers"));
        } else {
            let kind = got.outcome.as_ref().err().map(async_orchestrator_core::ProviderError::kind);
            judge.must(kind.is_some_and(&is_kind), format!("{told}: the class is {kind:?}"));
        }
        judge.upstream(&world);
    }
    judge.finding()
}

/// An account without credit, in the vendor's words.
fn used_up(combo: Combo) -> StatusFault {
    match combo.format {
        Format::OpenAi => Fault::status(429).with_type("insufficient_quota").with_code("insufficient_quota"),
        Format::Anthropic => Fault::status(429).with_code("enforced_spend_limit_reached"),
    }
}

pub(super) async fn a_dead_key(combo: Combo) -> Finding {
    let mut judge = Judge::default();
    let faults = [
        (Fault::status(401), true),
        (Fault::status(403), true),
        (Fault::status(402), false),
        (used_up(combo), false),
    ];
    for (fault, key) in faults {
        let told = format!("{fault:?}");
        let world = match world(combo, FaultRule::always(fault)).await {
            Ok(world) => world,
            Err(finding) => return finding,
        };
        for _ in 0..2 {
            let got = world.ask().await;
            judge.saw(&got);
            if combo.has_backup() {
                // Both models are behind the one key, so the fallback is out with it: a named error, no second call.
                judge.must(got.outcome.is_err(), format!("{told}: the key is dead for every model"));
            }
            let kind = got.outcome.as_ref().err().map(async_orchestrator_core::ProviderError::kind);
            let expected = if key { ErrorKind::Unauthorized } else { ErrorKind::QuotaExhausted };
            judge.must(kind == Some(expected), format!("{told}: the error names what to fix, not {kind:?}"));
        }
        judge.must(world.calls(PRIMARY) == 1, format!("{told}: asked {} times", world.calls(PRIMARY)));
        judge.upstream(&world);
    }
    judge.finding()
}

pub(super) async fn a_failed_server(combo: Combo) -> Finding {
    let mut judge = Judge::default();
    let once = match world(combo, FaultRule::always(Fault::status(500)).first_calls(1)).await {
        Ok(world) => world,
        Err(finding) => return finding,
    };
    let got = once.ask().await;
    judge.saw(&got);
    judge
        .must(got.answered_by(PRIMARY) && once.calls(PRIMARY) == 2, "500 once: one retry, by the same model");
    let html = "<html><body>Bad gateway</body></html>";
    for fault in [
        Fault::status(502),
        Fault::status(503).with_message("Service unavailable"),
        Fault::status(504),
        Fault::status(502).with_body(html).with_header("content-type", "text/html"),
    ] {
        let told = format!("{fault:?}");
        let world = match world(combo, FaultRule::always(fault)).await {
            Ok(world) => world,
            Err(finding) => return finding,
        };
        for index in 0..12 {
            let got = world.ask().await;
            if index == 0 {
                judge.saw(&got);
                judge.must(got.attempts(PRIMARY) == 2, format!("{told}: {} attempts", got.attempts(PRIMARY)));
            }
            let fine = if combo.has_backup() { got.answered_by(BACKUP) } else { got.outcome.is_err() };
            judge.must(fine, format!("{told}: call {index}"));
        }
        judge.must(
            world.calls(PRIMARY) <= 6,
            format!("{told}: the breaker opens, {} calls", world.calls(PRIMARY)),
        );
        judge.upstream(&world);
    }
    judge.finding()
}

pub(super) async fn withheld_and_cut(combo: Combo) -> Finding {
    let mut judge = Judge::default();
    let filtered = Persona::new().reply(ScriptedReply::new("No.").finish(Finish::Filtered));
    let world = match World::new(combo, filtered, quick()).await {
        Ok(world) => world,
        Err(why) => return Finding::failed(why),
    };
    let got = world.ask().await;
    judge.saw(&got);
    judge.must(world.calls(PRIMARY) == 1, "filtered: not retried on the same model");
    if combo.has_backup() {
        judge.must(got.answered_by(BACKUP), "filtered: another model answers");
    } else {
        let kind = got.outcome.as_ref().err().map(async_orchestrator_core::ProviderError::kind);
        judge.must(
            kind == Some(ErrorKind::ContentFiltered),
            format!("filtered: the reason is kept, not {kind:?}"),
        );
    }
    let cut = Persona::new().reply(ScriptedReply::new("Rivers meander because").finish(Finish::Length));
    let world = match World::new(combo, cut, quick()).await {
        Ok(world) => world,
        Err(why) => return Finding::failed(why),
    };
    let got = world.ask().await;
    judge.saw(&got);
    let finish = got.outcome.as_ref().ok().map(|completion| completion.finish);
    judge.must(finish == Some(FinishReason::Length), format!("cut: the reason is kept, not {finish:?}"));
    judge.must(world.calls(PRIMARY) == 1, "cut: not retried on the same model");
    judge.upstream(&world);
    judge.finding()
}

pub(super) async fn too_long(combo: Combo) -> Finding {
    let mut judge = Judge::default();
    let world = match World::new(combo, Persona::new().context_tokens_max(20), quick()).await {
        Ok(world) => world,
        Err(why) => return Finding::failed(why),
    };
    let long = CompletionRequest { messages: vec![Message::user("word ".repeat(400))].into(), ..request() };
    for _ in 0..6 {
        let got = world.ask_with(&long, limits(5_000, 3_000, 1_000), Deadline::NEVER).await;
        judge.saw(&got);
        if combo.has_backup() {
            judge.must(got.answered_by(BACKUP), "the larger window answers");
        } else {
            let kind = got.outcome.as_ref().err().map(async_orchestrator_core::ProviderError::kind);
            judge.must(kind == Some(ErrorKind::ContextTooLong), format!("the class is {kind:?}"));
        }
        judge.must(got.attempts(PRIMARY) == 1, "no retry");
    }
    let short = world.ask().await;
    judge.saw(&short);
    judge.must(short.answered_by(PRIMARY), "no penalty: a short prompt is answered by the small window");
    judge.upstream(&world);
    judge.finding()
}
