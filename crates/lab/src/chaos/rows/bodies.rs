//! Faults in what arrives: cut, split, malformed, endless, of the wrong kind, empty.

use std::time::Duration;

use async_orchestrator_core::{Clock, ErrorKind, OnBroken, ProviderError, Served};
use async_orchestrator_resilience::TokioClock;
use async_orchestrator_simulator::{Fault, FaultRule, Persona};

use crate::chaos::{
    Combo, Format,
    judge::{Finding, Judge},
    raw::{Raw, Then, head, reply},
    world::{BACKUP, Got, PRIMARY, Setup, World, quick},
};

async fn faulty(combo: Combo, fault: FaultRule) -> Result<World, Finding> {
    World::new(combo, Persona::new().fault(fault), quick()).await.map_err(Finding::failed)
}

/// A fault on every call is a failed attempt: the fallback answers, or one error, and never a part of a reply.
fn must_fail(judge: &mut Judge, combo: Combo, told: &str, got: &Got) {
    judge.saw(got);
    if combo.has_backup() {
        judge.must(got.answered_by(BACKUP), format!("{told}: the fallback answers whole"));
    } else {
        judge.must(got.outcome.is_err(), format!("{told}: an error, never a part of a reply"));
    }
}

async fn each_must_fail(combo: Combo, faults: Vec<Fault>) -> Finding {
    let mut judge = Judge::default();
    for fault in faults {
        let told = format!("{fault:?}");
        let world = match faulty(combo, FaultRule::always(fault)).await {
            Ok(world) => world,
            Err(finding) => return finding,
        };
        let got = world.ask().await;
        must_fail(&mut judge, combo, &told, &got);
        judge.must(world.calls(PRIMARY) <= 3, format!("{told}: {} calls", world.calls(PRIMARY)));
        judge.upstream(&world);
    }
    judge.finding()
}

pub(super) async fn a_stale_connection(combo: Combo) -> Finding {
    let mut judge = Judge::default();
    for fault in [Fault::ResetBeforeHeaders, Fault::CloseBeforeHeaders] {
        let told = format!("{fault:?}");
        let world = match faulty(combo, FaultRule::always(fault).on_calls([2])).await {
            Ok(world) => world,
            Err(finding) => return finding,
        };
        judge.must(world.ask().await.answered_by(PRIMARY), format!("{told}: the first call"));
        // The connection goes back to the pool a moment after the reply's last byte.
        TokioClock.sleep(Duration::from_millis(100)).await;
        let got = world.ask().await;
        judge.saw(&got);
        judge.must(got.answered_by(PRIMARY), format!("{told}: replayed"));
        judge.must(got.attempts(PRIMARY) == 1, format!("{told}: free of charge, one attempt"));
        judge.must(world.calls(PRIMARY) == 3, format!("{told}: {} calls", world.calls(PRIMARY)));
        judge.upstream(&world);
    }
    judge.finding()
}

pub(super) async fn a_cut_document(combo: Combo) -> Finding {
    if combo.is_streamed() {
        return Finding::not_applicable("a stream is row 10");
    }
    let faults = vec![
        Fault::ResetMidBody { after_events: 1 },
        Fault::CloseMidBody { after_events: 1 },
        Fault::EndWithoutTerminal { after_events: 1 },
        Fault::CloseMidBody { after_events: 0 },
    ];
    each_must_fail(combo, faults).await
}

pub(super) async fn a_cut_stream(combo: Combo) -> Finding {
    if !combo.is_streamed() {
        return Finding::not_applicable("a whole reply is row 8");
    }
    let mut judge = Judge::default();
    for fault in [
        Fault::ResetMidBody { after_events: 4 },
        Fault::CloseMidBody { after_events: 4 },
        Fault::EndWithoutTerminal { after_events: 4 },
        Fault::EndWithoutTerminal { after_events: 0 },
    ] {
        let told = format!("{fault:?}");
        let world = match faulty(combo, FaultRule::always(fault.clone())).await {
            Ok(world) => world,
            Err(finding) => return finding,
        };
        let got = world.ask().await;
        must_fail(&mut judge, combo, &told, &got);
        let once = match faulty(combo, FaultRule::always(fault).first_calls(1)).await {
            Ok(world) => world,
            Err(finding) => return finding,
        };
        let got = once.ask().await;
        judge.saw(&got);
        let by = if got.answered_by(PRIMARY) || got.answered_by(BACKUP) { "somebody" } else { "nobody" };
        judge.must(by == "somebody", format!("{told} once: begun anew, and whole at the end"));
        judge.upstream(&once);
    }
    for backup_continues in [true, false] {
        if let Err(why) = who_cannot_take_text_back(combo, backup_continues, &mut judge).await {
            return Finding::failed(why);
        }
    }
    judge.finding()
}

/// A reader who has text and cannot take it back: it is gone on from where the next model can, else there is one error, and no end of a reply.
async fn who_cannot_take_text_back(
    combo: Combo,
    backup_continues: bool,
    judge: &mut Judge,
) -> Result<(), String> {
    let cut = Persona::new().fault(FaultRule::always(Fault::CloseMidBody { after_events: 6 }));
    let setup = Setup { backup_continues, broken: OnBroken::Continue, ..Setup::default() };
    let world = World::set_up(combo, cut, quick(), setup).await?;
    let got = world.ask().await;
    judge.saw(&got);
    judge.must(got.restarts == 0, "what the reader has is never taken back");
    if combo.has_backup() && backup_continues {
        let spliced = got.outcome.as_ref().is_ok_and(|done| {
            done.served == Served::Spliced && done.text == got.text && done.answered_by.model() == BACKUP
        });
        judge.must(spliced, "the next model goes on, and the whole is what the reader has");
    } else {
        let kind = got.outcome.as_ref().err().map(ProviderError::kind);
        judge.must(kind == Some(ErrorKind::Truncated), format!("a typed error, not {kind:?}"));
        judge.must(world.calls(BACKUP) == 0, "nobody is asked to begin anew");
    }
    Ok(())
}

pub(super) async fn without_done(combo: Combo) -> Finding {
    if !combo.is_streamed() || combo.format == Format::Anthropic {
        return Finding::not_applicable("only OpenAI's streams end with [DONE]");
    }
    let mut judge = Judge::default();
    let world = match faulty(combo, FaultRule::always(Fault::WithoutDone)).await {
        Ok(world) => world,
        Err(finding) => return finding,
    };
    let got = world.ask().await;
    judge.saw(&got);
    judge.must(got.answered_by(PRIMARY) && world.calls(PRIMARY) == 1, "a success");
    judge.must(got.outcome.is_ok_and(|completion| !completion.usage.is_empty()), "with its usage");
    judge.upstream(&world);
    judge.finding()
}

pub(super) async fn split_at_every_byte(combo: Combo) -> Finding {
    let mut judge = Judge::default();
    let (plain, split) = (
        World::new(combo, Persona::new(), quick()).await,
        faulty(combo, FaultRule::always(Fault::SplitEveryByte)).await,
    );
    let (Ok(plain), Ok(split)) = (plain, split) else { return Finding::failed("no simulator") };
    let (whole, pieces) = (plain.ask().await, split.ask().await);
    judge.saw(&pieces);
    judge.must(pieces.answered_by(PRIMARY), "it is read");
    let text = |got: Got| got.outcome.map(|completion| completion.text).unwrap_or_default();
    judge.must(text(whole) == text(pieces), "and says the same");
    judge.upstream(&split);
    judge.finding()
}

/// The stack in front of a server that sends just this.
async fn raw(combo: Combo, then: Then) -> Result<(Raw, World), Finding> {
    let raw = Raw::start(then).await.map_err(Finding::failed)?;
    let address = Some(raw.base_url());
    let world = World::at(combo, Persona::new(), quick(), address).await.map_err(Finding::failed)?;
    Ok((raw, world))
}

pub(super) async fn utf8(combo: Combo) -> Finding {
    let mut judge = Judge::default();
    let split = reply(combo.format, combo.delivery, &["häuser 漢字 🦀".as_bytes()]);
    // Every byte by itself: each character of more than one byte is split.
    let bytes = split.concat().into_iter().map(|byte| vec![byte]).collect();
    match raw(combo, Then::Send(bytes)).await {
        Err(finding) => return finding,
        Ok((server, world)) => {
            let got = world.ask().await;
            judge.saw(&got);
            let text = got.outcome.as_ref().map(|completion| completion.text.clone()).unwrap_or_default();
            judge.must(text == "häuser 漢字 🦀", format!("split characters are intact: `{text}`"));
            judge.upstream_text(server.seen());
        }
    }
    let invalid = reply(combo.format, combo.delivery, &[b"good", b"bad \xff\xfe", b"good"]);
    match raw(combo, Then::Send(invalid)).await {
        Err(finding) => return finding,
        Ok((server, world)) => {
            let got = world.ask().await;
            must_fail(&mut judge, combo, "invalid UTF-8", &got);
            judge.upstream_text(server.seen());
        }
    }
    judge.finding()
}

pub(super) async fn a_malformed_event(combo: Combo) -> Finding {
    each_must_fail(
        combo,
        vec![Fault::MalformedJson { after_events: 3 }, Fault::MalformedJson { after_events: 0 }],
    )
    .await
}

pub(super) async fn a_wrong_kind(combo: Combo) -> Finding {
    let html = Some("<html>Sign in</html>".to_owned());
    each_must_fail(
        combo,
        vec![
            Fault::ContentType { value: "text/html".to_owned(), body: html },
            Fault::ContentType { value: "text/plain".to_owned(), body: Some(String::new()) },
            Fault::status(204).into(),
            Fault::ErrorIn200 { after_events: 0, code: 500 },
        ],
    )
    .await
}

pub(super) async fn an_empty_answer(combo: Combo) -> Finding {
    each_must_fail(combo, vec![Fault::EmptyContent]).await
}

pub(super) async fn endless(combo: Combo) -> Finding {
    let mut judge = Judge::default();
    let floods = [
        ("an endless body", head(combo.delivery), vec![b' '; 64 << 10]),
        (
            "an endless event",
            [head(combo.delivery), b"data: {\"x\":\"".to_vec()].concat(),
            vec![b'x'; 64 << 10],
        ),
        ("endless headers", b"HTTP/1.1 200 OK\r\n".to_vec(), b"x-more: yes\r\n".repeat(500)),
        (
            "a compressed reply",
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n\r\n".to_vec(),
            vec![0x1f; 64 << 10],
        ),
    ];
    for (told, start, piece) in floods {
        let (server, world) = match raw(combo, Then::Flood { head: start, piece }).await {
            Ok(both) => both,
            Err(finding) => return finding,
        };
        let got = world.ask().await;
        must_fail(&mut judge, combo, told, &got);
        if let Err(error) = &got.outcome {
            judge.must(!matches!(error.kind(), ErrorKind::Refused { .. }), format!("{told}: it was asked"));
        }
        // Sixteen megabytes a reply are the limit, three attempts at most; what the sockets hold comes on top.
        let bytes = server.bytes_sent();
        judge.must(bytes < 64 << 20, format!("{told}: {bytes} bytes were taken"));
        judge.upstream_text(server.seen());
    }
    judge.finding()
}
