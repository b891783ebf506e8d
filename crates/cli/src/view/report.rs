//! Texts about a run: what is about to happen, what it came to, and the parts of the record that were asked for.

use std::fmt::Write;

use async_orchestrator::{DecisionRecord, MicroUsd, Mode, Orchestrated, Plan};

use crate::{args::Part, ask::money, sanitize::one_line};

/// One line about what is about to happen.
pub(crate) fn headline(plan: &Plan) -> String {
    let decision = &plan.decision;
    let calls = plan.calls.len();
    format!(
        "{}, complexity {:.2}: {calls} call{}, about {}",
        decision.mode,
        decision.complexity,
        if calls == 1 { "" } else { "s" },
        money(plan.cost)
    )
}

/// What `--dry-run` prints.
pub(crate) fn plan(plan: &Plan) -> String {
    let mut text = format!("{}\n\n", plan.decision);
    let _ = writeln!(
        text,
        "{:<14} {:<11} {:>9} {:>9} {:>10}  models",
        "seat", "stage", "tokens in", "out", "cost"
    );
    for call in &plan.calls {
        let models: Vec<String> = call.models.iter().map(ToString::to_string).collect();
        let _ = writeln!(
            text,
            "{:<14} {:<11} {:>9} {:>9} {:>10}  {}",
            call.seat,
            call.stage.name(),
            call.tokens_in,
            call.tokens_out,
            money(call.cost),
            models.join(" > ")
        );
    }
    let as_of = plan.price_as_of.as_deref().map(|date| format!(" at prices of {date}")).unwrap_or_default();
    let most = match plan.cost_max {
        Some(most) => format!(" (a budget below {most} may cut the run short)"),
        None => String::new(),
    };
    let _ = write!(text, "\nestimated cost {}{as_of}{most}; nothing was called", money(plan.cost));
    text
}

/// The lines under the answer: status, confidence, dissent, cost.
pub(crate) fn summary(result: &Orchestrated) -> String {
    let record = result.record();
    let mut text = format!("\n{}", status_words(record));
    let confidence = match (record.confidence.p_correct, winner_share(record)) {
        (Some(p), _) => format!("confidence {:.0} %", p * 100.0),
        // Where nobody voted the share is an assumption, not a finding.
        (None, Some(_)) if record.ballots.is_empty() => {
            String::from("confidence uncalibrated, no ballot was cast")
        }
        (None, Some(share)) => {
            format!("confidence uncalibrated (raw share of the winner {:.0} %)", share * 100.0)
        }
        (None, None) => String::from("confidence uncalibrated"),
    };
    let _ = write!(text, "; {confidence}");
    if record.mode == Mode::Council {
        let _ = write!(text, "; validation {}", record.validation.verdict.name());
        let _ = write!(text, "; {} dissenting", record.dissent.len());
    }
    let cost = &record.cost;
    let as_of = cost.price_as_of.as_deref().map(|date| format!(" (prices of {date})")).unwrap_or_default();
    let _ = write!(
        text,
        "\n{} {}, {} + {} tokens, cost {}{as_of}, {:.1} s; run {}",
        cost.calls,
        if cost.calls == 1 { "call" } else { "calls" },
        cost.tokens_in,
        cost.tokens_out,
        money(cost.micro_usd.map(MicroUsd)),
        record.timing.total_ms / 1_000.0,
        record.run_id
    );
    for alarm in &record.tally.audit.alarms {
        let _ = write!(text, "\nnote: {}", one_line(&alarm.detail));
    }
    text
}

fn status_words(record: &DecisionRecord) -> String {
    format!("{}, {}", record.mode, record.status.name().replace('_', " "))
}

fn winner_share(record: &DecisionRecord) -> Option<f64> {
    record.tally.posterior.get(record.tally.winner.as_deref()?).copied()
}

/// The parts of the record that were asked for, as Markdown.
pub(crate) fn parts(record: &DecisionRecord, parts: &[Part]) -> String {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Proposals => proposals(record, &mut text),
            Part::Ballots => ballots(record, &mut text),
            Part::Dissent => dissent(record, &mut text),
        }
    }
    text
}

fn proposals(record: &DecisionRecord, text: &mut String) {
    text.push_str("\n## Proposals\n");
    if record.proposals.is_empty() {
        text.push_str("\nnone: one call answered\n");
    }
    for proposal in &record.proposals {
        let seat = record.seats.iter().find(|seat| seat.seat == proposal.seat);
        let model = seat.map(|seat| format!("{}:{}", seat.provider, seat.model)).unwrap_or_default();
        let _ = write!(text, "\n### {} by {} ({model})\n", proposal.id, proposal.seat);
        let answer =
            if proposal.abstained { "(declined to answer)" } else { proposal.proposal.answer.as_str() };
        let _ = write!(text, "\n{answer}\n");
        for claim in &proposal.proposal.claims {
            let _ = write!(text, "\n* {}: {}", claim.id, claim.text);
        }
        if !proposal.proposal.claims.is_empty() {
            text.push('\n');
        }
    }
}

fn ballots(record: &DecisionRecord, text: &mut String) {
    text.push_str("\n## Ballots\n");
    if record.ballots.is_empty() {
        text.push_str("\nnone\n");
    }
    for ballot in &record.ballots {
        let _ = write!(text, "\n### {} by {}, weight {:.1}\n\n", ballot.id, ballot.seat, ballot.weight);
        for (review, proposal) in ballot.ballot.reviews.iter().zip(&ballot.order) {
            let approve = if review.approve { "approved" } else { "not approved" };
            let _ = writeln!(
                text,
                "* {proposal} (shown as {}): {:.1} of 10, {approve}",
                review.label,
                review.scores.mean()
            );
            for defect in &review.defects {
                let _ = writeln!(text, "    * {:?}: \"{}\": {}", defect.severity, defect.quote, defect.why);
            }
        }
    }
}

fn dissent(record: &DecisionRecord, text: &mut String) {
    text.push_str("\n## Dissent\n");
    if record.dissent.is_empty() {
        text.push_str("\nnone\n");
    }
    for report in &record.dissent {
        let veto = if report.veto { ", blocks the verdict `pass`" } else { "" };
        let _ = write!(
            text,
            "\n### {} ({:.0} % of the weight{veto}), position: {}\n\n{}\n",
            report.bloc.join(", "),
            report.weight * 100.0,
            report.position,
            report.report
        );
    }
}
