//! What one decision of triage costs: rules and learned model together, for a question of a kilobyte and for a long paste.

use std::hint::black_box;

use async_orchestrator::TriageRequest;
use async_orchestrator_core::Clock;
use async_orchestrator_resilience::TokioClock;
use async_orchestrator_triage::decide;

use super::{Figure, Sheet, rounds::median};

const BATCHES: usize = 25;
const DECISIONS: u32 = 1_000;
const DECISION_NS_MAX: f64 = 20_000.0;

/// Runs the part.
pub(super) fn run(sheet: &mut Sheet<'_>) {
    let closed = question(1_000);
    let figure = timed("triage.closed", &closed).at_most(DECISION_NS_MAX);
    sheet.add(figure.note(format!("{} bytes, by rules and the learned model", closed.query.len())));
    let open =
        TriageRequest::new(format!("Design a payment system. {}", "It must keep its promises. ".repeat(36)));
    let figure = timed("triage.open", &open).at_most(DECISION_NS_MAX);
    sheet.add(figure.note(format!("{} bytes, by rules alone", open.query.len())));
    let paste = question(100_000);
    sheet.add(timed("triage.paste", &paste).note(format!("{} bytes", paste.query.len())));
}

/// A question of several options, about so many bytes long.
fn question(bytes: usize) -> TriageRequest {
    let story = "A shop sells boxes of apples and of pears; each box of 7 apples costs 3 dollars, and whoever buys 12 pays for 10. ";
    let asked = "Which of these is the price of 24 boxes?\nA. 60 dollars\nB. 72 dollars\nC. 54 dollars\nD. 66 dollars\nAnswer:";
    let times = bytes.saturating_sub(asked.len()).div_ceil(story.len());
    TriageRequest::new(format!("{}{asked}", story.repeat(times)))
}

fn timed(name: &str, request: &TriageRequest) -> Figure {
    let mut times = Vec::new();
    for batch in 0..=BATCHES {
        let started = TokioClock.now();
        for _ in 0..DECISIONS {
            black_box(decide(black_box(request)));
        }
        let took = TokioClock.now().saturating_duration_since(started);
        // The first one warms up.
        if batch > 0 {
            times.push(took.as_nanos() as f64 / f64::from(DECISIONS));
        }
    }
    Figure::new(name, median(times), "ns")
}
