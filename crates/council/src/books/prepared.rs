//! A call that is about to go out: what is asked of which seat, and how it is asked once more.

use async_orchestrator_core::{
    CompletionRequest, Message, PromptRead, PromptStyle, ReplyFormat, RoleCall, RoleTask, SeatId, Stage,
    prompt_hash,
};
use async_orchestrator_prompts::RenderedPrompt;

use crate::{Panel, Seat};

/// A call that is about to go out, with what is needed to read its reply and to ask once more.
#[derive(Clone)]
pub(crate) struct Prepared {
    pub(crate) seat: SeatId,
    pub(crate) stage: Stage,
    pub(crate) task: RoleTask,
    pub(crate) prompt_hash: String,
    /// Whether the prompt shows the caller's texts whole.
    pub(crate) prompt_read: PromptRead,
    /// Which time the seat is asked in this stage.
    pub(crate) turn: Turn,
}

/// A seat is asked twice in one stage only where a repaired result is looked at again. The names of a run's calls must differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    First,
    Second,
}

/// So much of an unreadable reply is shown to its author again: one that ran on until it was cut would not fit the window twice.
const REPAIRED_BYTES_MAX: usize = 4_000;

/// A very small model is asked for its most likely words, so two seats on it would be one sample: the later ones draw.
fn second_sample(seat: &Seat, stage: Stage) -> Option<f32> {
    let compact = seat.provider.capabilities().prompt_style == PromptStyle::Compact;
    (compact && stage == Stage::Propose && seat.id.number > 1).then_some(SECOND_SAMPLE_TEMPERATURE)
}

/// Far enough from greedy for another text, near enough for whole sentences of a 135M model.
const SECOND_SAMPLE_TEMPERATURE: f32 = 0.6;

impl Prepared {
    /// `prompt` for `seat`, with the settings of the seat.
    pub(crate) fn write(panel: &Panel, seat: SeatId, stage: Stage, prompt: RenderedPrompt) -> Self {
        let known = panel.seat(seat);
        let request =
            CompletionRequest {
                messages: prompt.messages,
                format: prompt.format,
                max_output_tokens: Some(known.map_or(prompt.max_output_tokens, |seat| {
                    seat.output_tokens_max(prompt.max_output_tokens)
                })),
                temperature: known.and_then(|seat| seat.temperature.or_else(|| second_sample(seat, stage))),
                stop: Vec::new(),
                seed: None,
            };
        Self {
            seat,
            stage,
            task: RoleTask::Write(request),
            prompt_hash: prompt.hash,
            prompt_read: prompt.prompt_read,
            turn: Turn::First,
        }
    }

    pub(super) fn name(&self, attempt: &str) -> String {
        let turn = match self.turn {
            Turn::First => "",
            Turn::Second => "/again",
        };
        format!("{}/{}{turn}{attempt}", self.seat, self.stage.name())
    }

    pub(crate) fn call(&self, attempt: &str) -> RoleCall {
        RoleCall {
            call: self.name(attempt),
            seat: self.seat,
            stage: self.stage,
            task: self.task.clone(),
            prompt_hash: self.prompt_hash.clone(),
        }
    }

    /// The same call once more, with the reply that could not be read and what was wrong with it.
    pub(super) fn repair(&self, reply: &str, problem: &str) -> Option<Self> {
        let RoleTask::Write(request) = &self.task else { return None };
        let mut request = request.clone();
        let form = match request.format {
            ReplyFormat::JsonSchema { .. } => {
                "with one JSON document of the form that was asked for, and nothing else"
            }
            ReplyFormat::Text | ReplyFormat::Sections(_) => "with the whole text that was asked for",
        };
        let wish = format!("Your reply could not be used: {problem}. Reply again {form}.");
        let shown = Message::assistant(&reply[..reply.floor_char_boundary(REPAIRED_BYTES_MAX)]);
        request.messages = request.messages.iter().cloned().chain([shown, Message::user(wish)]).collect();
        // As the prompt library hashes what it renders: the second prompt is another one, and its hash says so.
        let prompt_hash = prompt_hash(&request.messages, &request.format);
        let prompt_hash = prompt_hash.unwrap_or_else(|_| self.prompt_hash.clone());
        Some(Self { task: RoleTask::Write(request), prompt_hash, ..self.clone() })
    }
}
