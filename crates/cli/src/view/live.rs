//! The live view: a line a seat with its state, time, tokens and the end of what it writes. It fits any width, 20 columns included.

use std::{collections::BTreeMap, time::Duration};

use async_orchestrator::{Event, EventKind, ModelRef, SeatId};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::sanitize::one_line;

/// How often the view moves by itself: a second without movement looks like a stall.
const TICK: Duration = Duration::from_millis(120);
/// How much of a text's end is kept for the view, in bytes.
const TAIL_BYTES_MAX: usize = 160;

/// The lines of one run.
pub(super) struct Live {
    bars: MultiProgress,
    headline: Option<ProgressBar>,
    seats: BTreeMap<SeatId, Line>,
}

struct Line {
    bar: ProgressBar,
    model: String,
    bytes: usize,
    tail: String,
}

impl Live {
    pub(super) fn new(bars: MultiProgress) -> Self {
        Self { bars, headline: None, seats: BTreeMap::new() }
    }

    #[cfg(feature = "embedded")]
    pub(super) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    pub(super) fn headline(&mut self, text: &str) {
        let bar = self.bars.add(ProgressBar::new_spinner().with_style(style("{wide_msg}")));
        bar.set_message(one_line(text));
        bar.enable_steady_tick(TICK);
        self.headline = Some(bar);
    }

    pub(super) fn show(&mut self, event: &Event) {
        let Some(seat) = event.seat else {
            return self.show_run(&event.kind);
        };
        match &event.kind {
            EventKind::RoleStarted { stage, target } => self.begin(seat, stage.name(), target),
            EventKind::Delta { text } => self.with(seat, |line| line.add(text)),
            EventKind::AttemptFailed { cause, .. } => {
                self.with(seat, |line| line.say(&format!("{cause}, next")));
            }
            EventKind::AttemptRefused { cause, .. } => {
                self.with(seat, |line| line.say(&format!("{cause}, next")));
            }
            EventKind::AttemptWaits { wait_ms, .. } => {
                let wait = *wait_ms as f64 / 1_000.0;
                self.with(seat, |line| line.say(&format!("again in {wait:.1} s")));
            }
            EventKind::AttemptHedged { target, .. } => {
                self.with(seat, |line| line.say(&format!("slow, {target} too")));
            }
            EventKind::RoleRestarted { target } => self.with(seat, |line| line.restart(target)),
            EventKind::RoleFinished { usage, took_ms, .. } => {
                let done =
                    format!("done, {} tokens in {:.1} s", usage.output_tokens, *took_ms as f64 / 1_000.0);
                self.end(seat, &done);
            }
            EventKind::RoleRecalled { stage, target: Some(target) } => {
                self.begin(seat, stage.name(), target);
                self.end(seat, "done before, by the journal");
            }
            EventKind::RoleFailed { cause, .. } => self.end(seat, &format!("failed: {cause}")),
            EventKind::BallotCast { best, .. } => {
                self.end(seat, &format!("votes for {}", best.as_deref().unwrap_or("nobody")));
            }
            _ => {}
        }
    }

    fn show_run(&mut self, kind: &EventKind) {
        let text = match kind {
            EventKind::Decided { winner, rule, dissents, .. } => {
                let winner = winner.as_deref().unwrap_or("nobody");
                format!("decided: {winner} by {rule}, {dissents} dissenting")
            }
            EventKind::Validated { verdict } => format!("validation: {}", verdict.name()),
            EventKind::NotKept { why } => format!("this run is not recorded: {}", one_line(why)),
            _ => return,
        };
        if let Some(headline) = &self.headline {
            headline.set_message(text);
        }
    }

    fn begin(&mut self, seat: SeatId, stage: &str, target: &ModelRef) {
        let line = self.seats.entry(seat).or_insert_with(|| {
            let bar = self.bars.add(ProgressBar::new_spinner());
            bar.enable_steady_tick(TICK);
            Line { bar, model: String::new(), bytes: 0, tail: String::new() }
        });
        line.bar.reset_elapsed();
        line.bar.set_style(style("{spinner} {prefix} {elapsed} {wide_msg}"));
        line.bar.set_prefix(format!("{seat:<13}"));
        line.model = target.to_string();
        (line.bytes, line.tail) = (0, String::new());
        line.say(stage);
    }

    fn end(&mut self, seat: SeatId, text: &str) {
        self.with(seat, |line| {
            line.bar.set_style(style("  {prefix} {wide_msg}"));
            line.bar.set_message(format!("{} {text}", one_line(&line.model)));
            line.bar.disable_steady_tick();
            line.bar.tick();
        });
    }

    fn with(&mut self, seat: SeatId, change: impl FnOnce(&mut Line)) {
        if let Some(line) = self.seats.get_mut(&seat) {
            change(line);
        }
    }

    pub(super) fn close(&mut self) {
        for line in std::mem::take(&mut self.seats).into_values() {
            line.bar.finish_and_clear();
        }
        if let Some(headline) = self.headline.take() {
            headline.finish_and_clear();
        }
        // Nothing can be done about a screen that does not take it.
        let _ = self.bars.clear();
    }
}

impl Line {
    fn say(&self, text: &str) {
        self.bar.set_message(format!("{} {text}", one_line(&self.model)));
    }

    fn restart(&mut self, target: &ModelRef) {
        self.model = target.to_string();
        (self.bytes, self.tail) = (0, String::new());
        self.say("begins anew");
    }

    fn add(&mut self, text: &str) {
        self.bytes += text.len();
        self.tail.push_str(&one_line(text));
        let mut cut = self.tail.len().saturating_sub(TAIL_BYTES_MAX);
        while !self.tail.is_char_boundary(cut) {
            cut += 1;
        }
        self.tail.drain(..cut);
        // The end of the text is what moves: it is shown, as much of it as fits behind the rest.
        let shown: String = self.tail.chars().rev().take(48).collect::<Vec<_>>().into_iter().rev().collect();
        // Four bytes a token, as everywhere before the vendor has counted.
        let tokens = self.bytes.div_ceil(4);
        self.bar.set_message(format!("{} ~{tokens} tokens …{shown}", one_line(&self.model)));
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
