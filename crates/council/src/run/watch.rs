//! Stage 9: the Observer, beside the path. It is told facts that the engine found, and notes what a reader should know.

use async_orchestrator_core::{BallotRecord, Cause, Deadline, ProposalRecord, Role, SeatId, Stage};
use async_orchestrator_prompts::{ObservationReply, PromptInput, ReplyKind};
use futures_util::StreamExt;

use super::{Elected, Setting};
use crate::{
    CouncilError, Panel, Seat, SeatFailure,
    books::{Books, Prepared, tell, text_of},
    fan_out::{Arrival, Asked, Line},
    proposal::shortened,
    reply,
};

/// The Observer's call, ready to go out; none without an Observer's seat.
pub(super) struct Watching {
    prepared: Option<(Prepared, ReplyKind)>,
}

/// What came of it.
pub(super) struct Noted {
    arrival: Option<Arrival>,
    kind: ReplyKind,
}

/// The longest note that goes into a record, in characters.
const NOTE_CHARS_MAX: usize = 2_000;

/// The Observer's seat, if the stage is run.
fn observer<'a>(setting: &Setting<'a>) -> Option<&'a Seat> {
    setting.panel.of(Role::Observer).next().filter(|_| setting.request.stages.run(Stage::Observe))
}

impl Watching {
    pub(super) fn prepare(
        setting: &Setting<'_>,
        proposals: &[ProposalRecord],
        ballots: &[BallotRecord],
        elected: &Elected,
    ) -> Result<Self, CouncilError> {
        let Some(seat) = observer(setting) else { return Ok(Self { prepared: None }) };
        let input = PromptInput { facts: facts(proposals, ballots, elected), ..setting.input() };
        let prompt = setting.render(seat, Stage::Observe, &input)?;
        let kind = prompt.reply;
        Ok(Self { prepared: Some((Prepared::write(setting.panel, seat.id, Stage::Observe, prompt), kind)) })
    }

    pub(super) async fn run(self, line: &Line, panel: &Panel, deadline: Deadline) -> Noted {
        let Some((prepared, kind)) = self.prepared else {
            return Noted { arrival: None, kind: ReplyKind::Text };
        };
        let call = prepared.call("");
        let batch = panel.seat(prepared.seat).map(|seat| Asked { seat, call });
        let arrival = line.fan_out(batch.into_iter().collect(), deadline).next().await;
        Noted { arrival, kind }
    }
}

/// Enters the Observer's outcome into the books and gives its note.
pub(super) fn enter(
    setting: &Setting<'_>,
    books: &mut Books,
    noted: Option<Noted>,
) -> Result<Option<String>, CouncilError> {
    let effect = "none on the decision";
    let Some(Noted { arrival, kind }) = noted else {
        if let Some(seat) = observer(setting) {
            let why = String::from("the decision was ready first, and nobody waits for the Observer");
            let failure = SeatFailure { seat: seat.id, cause: Cause::Cancelled, why };
            tell(setting.line, Stage::Observe, &failure);
            books.absent(&failure, effect);
        }
        return Ok(None);
    };
    let Some(arrival) = arrival else { return Ok(None) };
    let seat = arrival.call.seat;
    let note = match &*arrival.outcome {
        async_orchestrator_core::RoleOutcome::Failed(failure) => {
            Err(SeatFailure { seat, cause: failure.cause, why: failure.why.clone() })
        }
        outcome => read(seat, kind, text_of(outcome).unwrap_or_default())
            .inspect_err(|failure| tell(setting.line, Stage::Observe, failure)),
    };
    books.arrived(arrival)?;
    match note {
        Ok(note) => Ok(Some(shortened(&note, NOTE_CHARS_MAX))),
        Err(failure) => {
            books.absent(&failure, effect);
            Ok(None)
        }
    }
}

fn read(seat: SeatId, kind: ReplyKind, text: &str) -> Result<String, SeatFailure> {
    let note = match kind {
        ReplyKind::Observation => reply::read::<ObservationReply>(text).map(|reply| reply.note),
        _ => Ok(text.to_owned()),
    };
    let note = note.map_err(|unreadable| unreadable.0).map(|note| note.trim().to_owned());
    match note {
        Ok(note) if !note.is_empty() => Ok(note),
        Ok(_) => Err(SeatFailure { seat, cause: Cause::Malformed, why: String::from("the note is empty") }),
        Err(why) => Err(SeatFailure { seat, cause: Cause::Malformed, why }),
    }
}

/// What the engine itself knows of the run so far, in sentences.
fn facts(proposals: &[ProposalRecord], ballots: &[BallotRecord], elected: &Elected) -> Vec<String> {
    let tally = &elected.tally;
    let mut facts = vec![
        format!(
            "{} proposals, {} ballots, {} families of models",
            proposals.len(),
            ballots.len(),
            tally.quorum.families
        ),
        format!("rule {}, winner {}, margin {:.2}", tally.rule.name(), elected.winner.id, tally.margin),
        format!("the ballots count as {:.1} independent votes", tally.n_eff),
    ];
    if !tally.rule_agreement {
        facts.push(String::from("plurality, Borda, Schulze and the rule in force disagree"));
    }
    facts.extend(
        elected.dissent.iter().map(|dissent| format!("{} dissents: {}", dissent.author, dissent.position)),
    );
    facts
}
