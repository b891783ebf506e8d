//! One plain line for each thing that a reader of a log wants to know. No deltas, no colours, no control characters.

use async_orchestrator::{Event, EventKind};

use crate::{output, sanitize::one_line};

pub(super) fn show(event: &Event) {
    if let Some(line) = line(event) {
        output::note(&line);
    }
}

fn line(event: &Event) -> Option<String> {
    let seat = event.seat.map(|seat| seat.to_string()).unwrap_or_default();
    let text = match &event.kind {
        EventKind::RoleStarted { stage, target } => format!("{seat} {} with {target}", stage.name()),
        EventKind::AttemptFailed { target, attempt, cause, .. } => {
            format!("{seat} attempt {attempt} at {target} failed: {cause}")
        }
        EventKind::AttemptRefused { target, cause, .. } => format!("{seat} {target} is left out: {cause}"),
        EventKind::AttemptWaits { target, wait_ms } => {
            format!("{seat} asks {target} again in {:.1} s", *wait_ms as f64 / 1_000.0)
        }
        EventKind::AttemptHedged { target, after_ms } => {
            format!("{seat} asks {target} too: no word for {:.1} s", *after_ms as f64 / 1_000.0)
        }
        EventKind::RoleRestarted { target } => format!("{seat} begins anew at {target}"),
        EventKind::RoleFinished { stage, target, usage, took_ms, .. } => format!(
            "{seat} {} done by {target}: {} tokens in {:.1} s",
            stage.name(),
            usage.output_tokens,
            *took_ms as f64 / 1_000.0
        ),
        EventKind::RoleFailed { stage, cause, why } => {
            format!("{seat} {} failed ({cause}): {}", stage.name(), one_line(why))
        }
        EventKind::BallotCast { best, .. } => {
            format!("{seat} voted for {}", best.as_deref().unwrap_or("nobody"))
        }
        EventKind::Escalated { from, to, why } => format!("from {from} to {to}: {}", one_line(why)),
        EventKind::Decided { winner, rule, dissents, .. } => {
            format!("decided: {} by {rule}, {dissents} dissenting", winner.as_deref().unwrap_or("nobody"))
        }
        EventKind::Validated { verdict } => format!("validation: {}", verdict.name()),
        EventKind::Resumed { calls } => format!("taken up again, {calls} calls are in the journal"),
        EventKind::RoleRecalled { stage, target } => match target {
            Some(target) => format!("{seat} {} from the journal, by {target}", stage.name()),
            None => format!("{seat} {} had failed, by the journal", stage.name()),
        },
        EventKind::NotKept { why } => format!("note: this run is not recorded: {}", one_line(why)),
        EventKind::SharedStateFailed { why } => format!("note: {}", one_line(why)),
        EventKind::Alarm { detail, .. } => format!("note: {}", one_line(detail)),
        _ => return None,
    };
    Some(format!("{:>7.1}s {text}", event.at_ms as f64 / 1_000.0))
}

#[cfg(test)]
mod tests {
    use async_orchestrator::{Cause, Role, RunId, SeatId, Stage};

    use super::*;

    #[test]
    fn a_failure_is_one_harmless_line() {
        let kind = EventKind::RoleFailed {
            stage: Stage::Propose,
            cause: Cause::Auth,
            why: String::from("the key\n\u{1b}[31mwas refused"),
        };
        let seat = Some(SeatId::new(Role::Proposer, 1));
        let event = Event { run: RunId::new("r"), sequence: 0, at_ms: 1_250, seat, call: None, kind };
        assert_eq!(
            line(&event).unwrap(),
            "    1.2s proposer-1 propose failed (auth): the key [31mwas refused"
        );
    }
}
