//! Tells how a decision fell, in plain words: who proposed, who objected, how the vote went, what failed, what it cost, how sure it is.

use std::{collections::BTreeMap, fmt::Write};

use async_orchestrator::{
    Attempt, AttemptOutcome, BallotRecord, DecisionRecord, Dissent, MicroUsd, Mode, ProposalRecord, RunRow,
    SeatId, TriageRequest, Verdict,
};

use crate::{ask::money, kept::moment, sanitize::one_line};

/// So much of a text is quoted.
const QUOTED_CHARS: usize = 160;

/// The story of `record` as Markdown.
pub(crate) fn tell(request: &TriageRequest, record: &DecisionRecord, row: &RunRow) -> String {
    let mut text = format!("# {}\n\n", quoted(&request.query));
    let _ = writeln!(text, "Asked on {}, run {}.", moment(row.began_ms), record.run_id);
    triaged(record, &mut text);
    match record.mode {
        Mode::Express => {
            let seat = record.seats.first().map(|seat| format!("{}:{}", seat.provider, seat.model));
            let _ = writeln!(text, "\n## Answer\n\nOne call to {} answered.", seat.unwrap_or_default());
        }
        Mode::Council => {
            proposed(record, &mut text);
            objected(record, &mut text);
            voted(record, &mut text);
            afterwards(record, &mut text);
        }
    }
    failed(record, &mut text);
    paid(record, &mut text);
    sure(record, row, &mut text);
    text
}

fn triaged(record: &DecisionRecord, text: &mut String) {
    let decision = &record.triage;
    let _ = writeln!(text, "\n## Why {}\n", decision.mode);
    let _ = writeln!(
        text,
        "The complexity was found to be {:.2} of 1, the field {}.",
        decision.complexity, decision.domain
    );
    for reason in &decision.reasons {
        let _ = writeln!(text, "- {}", quoted(reason));
    }
    for escalation in &record.escalations {
        let _ = writeln!(
            text,
            "- It went deeper, from {} to {}: {}.",
            escalation.from,
            escalation.to,
            quoted(&escalation.why)
        );
    }
}

fn model_of(record: &DecisionRecord, seat: SeatId) -> String {
    record.seats.iter().find(|known| known.seat == seat).map_or_else(String::new, |seat| {
        let instead =
            seat.substituted_for.as_ref().map(|first| format!(", in place of {first}")).unwrap_or_default();
        format!(" ({}:{}{instead})", seat.provider, seat.model)
    })
}

fn proposed(record: &DecisionRecord, text: &mut String) {
    let _ = writeln!(text, "\n## Who proposed\n");
    for proposal in &record.proposals {
        let seat = proposal.seat;
        let said = match (proposal.abstained, proposal.unread) {
            (true, _) => String::from("declined to answer"),
            (_, true) => String::from("gave an answer that could not be read, so it had no vote"),
            _ => format!("said: {}", said(proposal)),
        };
        let won = if record.answer.winner.as_deref() == Some(&proposal.id) { " **It won.**" } else { "" };
        let _ = writeln!(text, "- **{}** by {seat}{} {said}{won}", proposal.id, model_of(record, seat));
    }
    let _ = writeln!(text, "\nEach was fixed by its hash before anybody read another one.");
}

fn said(proposal: &ProposalRecord) -> String {
    let answer = quoted(&proposal.proposal.answer);
    match &proposal.proposal.answer_key {
        Some(key) if !answer.contains(key.as_str()) => format!("{} - {answer}", quoted(key)),
        _ => answer,
    }
}

fn objected(record: &DecisionRecord, text: &mut String) {
    let _ = writeln!(text, "\n## Who objected\n");
    if record.ballots.is_empty() {
        let _ = writeln!(text, "Nobody reviewed the proposals.");
    }
    for ballot in &record.ballots {
        reviewed(record, ballot, text);
    }
}

fn reviewed(record: &DecisionRecord, ballot: &BallotRecord, text: &mut String) {
    // The labels of a ballot are its own; the record says which proposal each was.
    let names: BTreeMap<String, &String> =
        ballot.order.iter().zip('A'..).map(|(proposal, label)| (label.to_string(), proposal)).collect();
    let name = |label: &str| names.get(label).map_or(label, |name| name.as_str()).to_owned();
    let grades: Vec<String> = ballot
        .ballot
        .reviews
        .iter()
        .map(|review| {
            let word = if review.approve { "approved" } else { "not approved" };
            format!("{} {:.1} of 10, {word}", name(&review.label), review.scores.mean())
        })
        .collect();
    let _ = writeln!(
        text,
        "- **{}** {}: {}.",
        ballot.seat,
        model_of(record, ballot.seat).trim(),
        grades.join("; ")
    );
    for review in &ballot.ballot.reviews {
        for defect in &review.defects {
            let _ = writeln!(
                text,
                "  - on {}: \"{}\" - {}",
                name(&review.label),
                quoted(&defect.quote),
                quoted(&defect.why)
            );
        }
    }
}

fn voted(record: &DecisionRecord, text: &mut String) {
    let tally = &record.tally;
    let winner = record.answer.winner.as_deref().unwrap_or("nobody");
    let _ = writeln!(text, "\n## How the vote fell\n");
    let _ = writeln!(
        text,
        "{winner} won by the rule {}, with a margin of {:.2}; the votes count as {:.1} independent ones.",
        tally.rule.name(),
        tally.margin,
        tally.n_eff
    );
    if let Some(agreement) = record.agreement() {
        let _ = writeln!(text, "{:.0} % of the votes agree with the winner.", agreement * 100.0);
    }
    let other = if tally.rule_agreement {
        "Plurality, Borda and Schulze name the same winner."
    } else {
        "Other rules name another winner: this was close."
    };
    let _ = writeln!(text, "{other}");
    let quorum = &tally.quorum;
    let met = if quorum.met { "reached" } else { "not reached" };
    let _ = writeln!(
        text,
        "The quorum was {met}: {} proposals, {} ballots, {} families of models.",
        quorum.proposals, quorum.ballots, quorum.families
    );
    for dissent in &record.dissent {
        dissented(dissent, text);
    }
}

fn dissented(dissent: &Dissent, text: &mut String) {
    let veto = if dissent.veto { " This objection blocks the verdict `pass`." } else { "" };
    let _ = writeln!(
        text,
        "- **Dissent** of {} ({:.0} % of the weight), {}: {}{veto}",
        dissent.bloc.join(", "),
        dissent.weight * 100.0,
        quoted(&dissent.position),
        quoted(&dissent.report)
    );
}

fn afterwards(record: &DecisionRecord, text: &mut String) {
    let _ = writeln!(text, "\n## What was made of it\n");
    let synthesis = &record.synthesis;
    let _ = match (synthesis.done, synthesis.seat) {
        (true, Some(seat)) => writeln!(
            text,
            "{seat}{} improved the winner; {} points of others were adopted, {} were not.",
            model_of(record, seat),
            synthesis.adopted.len(),
            synthesis.rejected.len()
        ),
        (false, Some(_)) => {
            writeln!(text, "An improved text was written, and put aside: the winner stands as it was.")
        }
        _ => writeln!(text, "The winner was not reworked by a synthesizer."),
    };
    let validation = &record.validation;
    let _ = writeln!(text, "The validation says: {}.", validation.verdict.name().replace('_', " "));
    for check in validation.checks.iter().filter(|check| !check.ok || validation.verdict == Verdict::Fail) {
        let _ = writeln!(text, "- {}: {}", check.name, quoted(&check.detail));
    }
    if let Some(note) = &record.tally.audit.observer_note {
        let _ = writeln!(text, "The Observer noted: {}", quoted(note));
    }
}

fn failed(record: &DecisionRecord, text: &mut String) {
    let broken: Vec<&Attempt> = record
        .attempts
        .iter()
        .filter(|attempt| matches!(attempt.outcome, AttemptOutcome::Failed(_)))
        .collect();
    if broken.is_empty() && record.absences.is_empty() && record.tally.audit.alarms.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n## What failed\n");
    for absence in &record.absences {
        let _ = writeln!(text, "- {} is missing ({}): {}", absence.seat, absence.cause, quoted(&absence.why));
    }
    for attempt in broken {
        let _ = writeln!(
            text,
            "- attempt {} of {} at {} failed: {}",
            attempt.n,
            attempt.call,
            attempt.target,
            quoted(&attempt.why)
        );
    }
    for alarm in &record.tally.audit.alarms {
        let _ = writeln!(text, "- note: {}", quoted(&alarm.detail));
    }
}

fn paid(record: &DecisionRecord, text: &mut String) {
    let cost = &record.cost;
    let as_of = cost.price_as_of.as_deref().map(|date| format!(" at prices of {date}")).unwrap_or_default();
    let _ = writeln!(
        text,
        "\n## What it cost\n\n{} calls, {} tokens in and {} out, {}{as_of}, in {:.1} s.",
        cost.calls,
        cost.tokens_in,
        cost.tokens_out,
        money(cost.micro_usd.map(MicroUsd)),
        record.timing.total_ms / 1_000.0
    );
    if cost.saved_calls > 0 {
        let _ = writeln!(text, "{} planned calls were not needed.", cost.saved_calls);
    }
}

fn sure(record: &DecisionRecord, row: &RunRow, text: &mut String) {
    let _ = writeln!(text, "\n## How sure it is\n");
    let _ = match record.confidence.p_correct {
        Some(p) => writeln!(
            text,
            "The answer is right with a probability of {:.0} %, by the calibration {}.",
            p * 100.0,
            record.confidence.calibration_id.as_deref().unwrap_or("of the table of trust")
        ),
        None => writeln!(
            text,
            "No calibrated probability can be stated: nothing measured says how often such a vote is right."
        ),
    };
    let _ = writeln!(text, "The council was {}.", record.status.name().replace('_', " "));
    if let Some(outcome) = &row.outcome {
        let _ = writeln!(text, "It is known by now that the decision was {outcome}.");
    }
    let _ = write!(text, "\nDecision hash {}", record.log.decision_hash);
}

/// A text of others on one line, cut where it is long, with nothing that Markdown would obey at its begin.
fn quoted(text: &str) -> String {
    let line = one_line(text);
    let mut short: String = line.chars().take(QUOTED_CHARS).collect();
    if line.chars().count() > QUOTED_CHARS {
        short.push('…');
    }
    short
}
