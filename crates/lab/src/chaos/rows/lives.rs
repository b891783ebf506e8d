//! Faults in the life of a program: a reader who is slow, a limit that is shared, a role that fails for good, settings that change.

use std::time::Duration;

use async_orchestrator::{
    AsyncOrchestrator, ConfigFile, Environment, Explicit, Layers, ModeChoice, Role, RoleDefinition, Status,
    TriageRequest,
};
use async_orchestrator_core::{CallContext, Clock, Deadline, ErrorKind, Guard, StreamEvent};
use async_orchestrator_resilience::{Coalescing, TargetLimits, TokioClock};
use async_orchestrator_simulator::{Fault, FaultRule, Latency, Persona};
use futures_util::{
    StreamExt,
    future::{join, join_all},
};

use crate::chaos::{
    Combo, Format,
    judge::{Finding, Judge},
    raw::{Raw, Then, head, reply},
    world::{BACKUP, Delivery, PRIMARY, Setup, World, limits, quick, request},
};

/// What both ends of a loopback connection may hold of a stream that nobody reads: the largest buffers that Linux gives a socket by itself,
/// 4 MiB to send and 6 MiB to receive, and a margin.
const IN_SOCKETS_MAX: u64 = 12 << 20;

pub(super) async fn a_slow_reader(combo: Combo) -> Finding {
    if !combo.is_streamed() {
        return Finding::not_applicable("a whole reply is read at once; its size is limited (row 19)");
    }
    let mut judge = Judge::default();
    let mut pieces = reply(combo.format, Delivery::Streamed, &[b"word "]);
    let opening = if combo.format == Format::Anthropic { pieces.remove(1) } else { Vec::new() };
    let begin = [head(Delivery::Streamed), opening].concat();
    let raw = match Raw::start(Then::Flood { head: begin, piece: pieces.remove(1) }).await {
        Ok(raw) => raw,
        Err(why) => return Finding::failed(why),
    };
    let world = match World::at(combo, Persona::new(), quick(), Some(raw.base_url())).await {
        Ok(world) => world,
        Err(why) => return Finding::failed(why),
    };
    // Reading slowly is no silence of the model: the limits are those of a patient caller.
    let context =
        CallContext { limits: limits(20_000, 3_000, 1_000), ..CallContext::detached(TokioClock.now()) };
    let mut stream = match world.provider.stream(&request(), &context).await {
        Ok(stream) => stream,
        Err(error) => return Finding::failed(error.to_string()),
    };
    let mut read = 0;
    for _ in 0..20 {
        let event = stream.next().await;
        read += u32::from(matches!(event, Some(Ok(StreamEvent::Delta(_)))));
        TokioClock.sleep(Duration::from_millis(10)).await;
    }
    judge.must(read == 20, format!("{read} of 20 pieces were read"));
    // The sockets fill up, and then nothing moves any more.
    TokioClock.sleep(Duration::from_millis(300)).await;
    let full = raw.bytes_sent();
    TokioClock.sleep(Duration::from_millis(700)).await;
    let later = raw.bytes_sent();
    judge.must(full == later, format!("the upstream was not paused: {} bytes more", later - full));
    judge.must(later <= IN_SOCKETS_MAX, format!("{later} bytes were taken in for a reader of 20 pieces"));
    drop(stream);
    judge.upstream_text(raw.seen());
    judge.finding()
}

pub(super) async fn a_token_limit(combo: Combo) -> Finding {
    const LIMIT: u64 = 10_000;
    let mut judge = Judge::default();
    let mut config = quick();
    config.coalesce = Coalescing::Off;
    config.hedge = None;
    let traffic =
        TargetLimits { tokens_per_minute: std::num::NonZeroU64::new(LIMIT), ..TargetLimits::default() };
    let setup = Setup { traffic, ..Setup::default() };
    let persona = Persona::new().latency(Latency::fixed(Duration::from_millis(5)));
    let world = match World::set_up(combo, persona, config, setup).await {
        Ok(world) => world,
        Err(why) => return Finding::failed(why),
    };
    // Each of five callers goes on until the limit turns it away.
    let caller = || async {
        let mut used = 0;
        loop {
            let deadline = Deadline::after(TokioClock.now(), Duration::from_millis(500));
            let got = world.ask_with(&request(), limits(5_000, 3_000, 1_000), deadline).await;
            match &got.outcome {
                Ok(completion) if completion.answered_by.model() == PRIMARY => {
                    used += completion.usage.input_tokens + completion.usage.output_tokens;
                }
                _ => return (used, got),
            }
        }
    };
    let callers = join_all((0..5).map(|_| caller())).await;
    let used: u64 = callers.iter().map(|(used, _)| used).sum();
    judge.must(used <= LIMIT, format!("{used} tokens of {LIMIT} in a minute"));
    judge.must(used * 100 >= LIMIT * 97, format!("only {used} tokens of {LIMIT} were used"));
    for (_, got) in &callers {
        judge.saw(got);
        if combo.has_backup() {
            judge.must(got.answered_by(BACKUP), "the next target answers beyond the limit");
        } else {
            let kind = got.outcome.as_ref().err().map(async_orchestrator_core::ProviderError::kind);
            let limited = matches!(kind, Some(ErrorKind::Refused { by: Guard::Limit, until: Some(_) }));
            judge.must(limited, format!("beyond the limit: {kind:?}"));
        }
    }
    judge.upstream_text(format!("{}; {used} tokens", world.seen()));
    judge.finding()
}

/// A council in which the seats of `failing` ask the primary model, with the backup behind it where there is one, and all others the backup.
fn council(world: &World, combo: Combo, failing: Role) -> Result<AsyncOrchestrator, String> {
    let name = match combo.format {
        Format::OpenAi => "openai",
        Format::Anthropic => "anthropic",
    };
    let list = |model: &str| vec![format!("{name}:{model}")];
    let others = list(BACKUP);
    let own = if combo.has_backup() { [list(PRIMARY), list(BACKUP)].concat() } else { list(PRIMARY) };
    let roles = Role::ALL.map(|role| {
        let models = if role == failing { &own } else { &others };
        let seats = 0..role.seats_default().max(1);
        seats.fold(RoleDefinition::new(role), |role, _| role.seat(models.clone()))
    });
    let base = world.simulator.base_url();
    let environment = Environment::from_iter([
        ("OPENAI_API_KEY".to_owned(), "lab".to_owned()),
        ("OPENAI_BASE_URL".to_owned(), format!("{base}/v1")),
        ("ANTHROPIC_API_KEY".to_owned(), "lab".to_owned()),
        ("ANTHROPIC_BASE_URL".to_owned(), base),
    ]);
    let streaming = if combo.is_streamed() { "true" } else { "false" };
    let explicit = Explicit::new().set(&format!("providers.{name}.streaming"), streaming, "the matrix");
    let layers = Layers::new(environment).file(ConfigFile::None).explicit(explicit);
    let settings = layers.load().map_err(|error| error.to_string())?;
    let builder = AsyncOrchestrator::builder().settings(settings).resilience(quick());
    builder.roles(roles).seed(combo.seed).build().map_err(|error| error.to_string())
}

pub(super) async fn a_role_fails(combo: Combo) -> Finding {
    let mut judge = Judge::default();
    let dead = Persona::new().fault(FaultRule::always(Fault::status(500)));
    let world = match World::new(combo, dead, quick()).await {
        Ok(world) => world,
        Err(why) => return Finding::failed(why),
    };
    let ask = || TriageRequest::new("Which database suits an audit log?").mode(ModeChoice::Council);
    let mut statuses = Vec::new();
    for role in [Role::Critic, Role::Synthesizer, Role::Proposer] {
        let orchestrator = match council(&world, combo, role) {
            Ok(orchestrator) => orchestrator,
            Err(why) => return Finding::failed(why),
        };
        let outcome = Box::pin(orchestrator.process_request(ask())).await;
        let expected = match (role, combo.has_backup()) {
            (_, true) => Some(Status::Full),
            (Role::Proposer, false) => None,
            (Role::Critic, false) => Some(Status::ExpressFallback),
            (_, false) => Some(Status::Degraded),
        };
        match (outcome, expected) {
            (Ok(result), Some(expected)) => {
                let record = result.record();
                statuses.push(format!("{role}: {:?}", record.status));
                judge.must(record.status == expected, format!("{role} fails: {:?}", record.status));
                let absent = record.absences.iter().any(|absence| absence.seat.role == role);
                judge.must(absent != combo.has_backup(), format!("{role}: the absence is on record"));
                let tried = record.attempts.iter().any(|attempt| attempt.target.model() == PRIMARY);
                judge.must(tried, format!("{role}: every attempt is on record"));
            }
            (Err(error), None) => {
                statuses.push(format!("{role}: {error}"));
                let text = error.to_string();
                judge.must(text.contains("proposer-1") && text.contains("proposer-2"), "it names every seat");
            }
            (Ok(result), None) => {
                judge.must(false, format!("{role}: nobody proposed, and yet {:?}", result.record().status));
            }
            (Err(error), Some(_)) => judge.must(false, format!("{role} fails: {error}")),
        }
        if role == Role::Critic && !combo.has_backup() {
            let strict = Box::pin(orchestrator.process_request(ask().strict())).await;
            judge.must(strict.is_err(), "strict: below the quorum is an error");
        }
    }
    judge.upstream_text(format!("{}; {}", world.seen(), statuses.join(", ")));
    judge.finding()
}

pub(super) async fn a_reload(combo: Combo) -> Finding {
    let mut judge = Judge::default();
    let mut config = quick();
    config.coalesce = Coalescing::Off;
    config.hedge = None;
    let slow = Persona::new().latency(Latency::fixed(Duration::from_millis(400))).tokens_per_delta(4);
    let world = match World::new(combo, slow, config.clone()).await {
        Ok(world) => world,
        Err(why) => return Finding::failed(why),
    };
    let asking = join_all((0..8).map(|_| world.ask()));
    let reload = async {
        let mut failures = Vec::new();
        for round in 0..20_u32 {
            TokioClock.sleep(Duration::from_millis(15)).await;
            let mut changed = config.clone();
            changed.retry.attempts_max = 2 + round % 2;
            changed.breaker.consecutive_failures = 3 + round % 3;
            match world.stack.following(changed) {
                Ok(after) => {
                    if let Err(error) = after.provider(world.targets.clone()) {
                        failures.push(error.to_string());
                    }
                    let under_way: u32 = after.status().iter().map(|target| target.in_flight).sum();
                    if round == 5 && under_way != 8 {
                        failures.push(format!("{under_way} of 8 calls count under the new rules"));
                    }
                }
                Err(error) => failures.push(error.to_string()),
            }
        }
        failures
    };
    let (answers, failures) = join(asking, reload).await;
    judge.must(failures.is_empty(), failures.join("; "));
    for got in &answers {
        judge.saw(got);
        judge.must(got.answered_by(PRIMARY) && got.restarts == 0, "every call ended as it began");
    }
    let left: u32 = world.stack.status().iter().map(|target| target.in_flight).sum();
    judge.must(left == 0, format!("{left} places were not given back"));
    let seen = world.calls(PRIMARY);
    judge.must(seen == 8, format!("{seen} calls reached the upstream"));
    judge.upstream(&world);
    judge.finding()
}
