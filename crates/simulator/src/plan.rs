//! Turns a reply and a fault into the steps of a body.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::{
    answer::Events,
    body::{Break, Step},
    fault::Fault,
    latency::Pace,
    openai::stream::DONE,
};

/// The steps of a streamed reply. `error` is the vendor's event for an error inside the stream.
pub(crate) fn stream(
    events: Events,
    pace: Pace,
    received: Instant,
    fault: Option<&Fault>,
    error: impl FnOnce(u16) -> Bytes,
) -> VecDeque<Step> {
    let unfinished = events.opening.len() + events.deltas.len();
    let count = events.deltas.len();
    let opening = events.opening.into_iter().map(|event| (Duration::ZERO, event));
    let deltas = events.deltas.into_iter().enumerate().map(|(index, event)| (pace.due(index, count), event));
    let closing = events.closing.into_iter().map(|event| (pace.total, event));
    let mut timeline: Vec<(Duration, Bytes)> = opening.chain(deltas).chain(closing).collect();
    let mut end = None;
    match fault {
        Some(Fault::ResetMidBody { after_events }) => {
            timeline.truncate(*after_events);
            end = Some(Step::Break(Break::Reset));
        }
        Some(Fault::CloseMidBody { after_events }) => {
            timeline.truncate(*after_events);
            end = Some(Step::Break(Break::Close));
        }
        Some(Fault::StallMidBody { after_events }) => {
            timeline.truncate(*after_events);
            end = Some(Step::Stall);
        }
        Some(Fault::EndWithoutTerminal { after_events }) => timeline.truncate(unfinished.min(*after_events)),
        Some(Fault::ErrorIn200 { after_events, code }) => {
            timeline.truncate(unfinished.min(*after_events));
            let when = timeline.last().map_or(Duration::ZERO, |(when, _)| *when);
            timeline.push((when, error(*code)));
        }
        Some(Fault::MalformedJson { after_events }) => {
            let index = (*after_events).min(unfinished.saturating_sub(1));
            if let Some((_, event)) = timeline.get_mut(index) {
                *event = broken_event(event);
            }
        }
        Some(Fault::WithoutDone) => timeline.retain(|(_, event)| event != DONE),
        _ => {}
    }
    let mut steps = VecDeque::with_capacity(timeline.len() * 2);
    let mut at = Duration::ZERO;
    for (due, event) in timeline {
        if due > at {
            steps.push_back(Step::At(received + due));
            at = due;
        }
        steps.push_back(Step::Send(event));
    }
    if let Some(end) = end {
        // What was sent must be on its way before the connection goes.
        steps.extend([Step::Flush, end]);
    }
    split_where_asked(steps, fault)
}

/// The steps of a reply that is not streamed, and the length to declare for it.
pub(crate) fn whole(body: Bytes, fault: Option<&Fault>) -> (VecDeque<Step>, u64) {
    let length = body.len() as u64;
    let part = |after_events: usize| body.slice(..if after_events == 0 { 0 } else { body.len() / 2 });
    let breaking = |sent: Bytes, end: Step| {
        // The headers go out before the break, even where nothing of the body does.
        let send = (!sent.is_empty()).then_some(Step::Send(sent));
        (send.into_iter().chain([Step::Flush, end]).collect(), length)
    };
    match fault {
        Some(Fault::ResetMidBody { after_events }) => {
            breaking(part(*after_events), Step::Break(Break::Reset))
        }
        Some(Fault::CloseMidBody { after_events }) => {
            breaking(part(*after_events), Step::Break(Break::Close))
        }
        Some(Fault::StallMidBody { after_events }) => breaking(part(*after_events), Step::Stall),
        Some(Fault::EndWithoutTerminal { after_events }) => {
            let sent = part(*after_events);
            let length = sent.len() as u64;
            (if sent.is_empty() { VecDeque::new() } else { VecDeque::from([Step::Send(sent)]) }, length)
        }
        Some(Fault::MalformedJson { .. }) => {
            let broken = Bytes::from([&body[..body.len() / 2], b",,]"].concat());
            let length = broken.len() as u64;
            (VecDeque::from([Step::Send(broken)]), length)
        }
        _ => (split_where_asked(VecDeque::from([Step::Send(body)]), fault), length),
    }
}

fn split_where_asked(steps: VecDeque<Step>, fault: Option<&Fault>) -> VecDeque<Step> {
    if fault != Some(&Fault::SplitEveryByte) {
        return steps;
    }
    let split = |step| match step {
        Step::Send(bytes) => {
            (0..bytes.len()).flat_map(|at| [Step::Send(bytes.slice(at..=at)), Step::Flush]).collect()
        }
        other => vec![other],
    };
    let mut steps: VecDeque<Step> = steps.into_iter().flat_map(split).collect();
    // A body ends with its last byte: nobody polls it any more once the declared length was sent.
    steps.pop_back_if(|last| *last == Step::Flush);
    steps
}

/// The event with its data cut in the middle, which leaves JSON that no parser accepts.
fn broken_event(event: &Bytes) -> Bytes {
    let text = String::from_utf8_lossy(event);
    let start = text.find('{').unwrap_or(0);
    let mut half = start + (text.trim_end().len() - start) / 2;
    while !text.is_char_boundary(half) {
        half -= 1;
    }
    format!("{}\n\n", &text[..half]).into()
}
