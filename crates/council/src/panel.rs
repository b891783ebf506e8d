//! Who sits in the council: seats with their models, limits and facts, checked once.

use std::{collections::BTreeMap, sync::Arc};

use async_orchestrator_core::{
    AttemptLimits, Capabilities, LlmProvider, ModelRef, PlannedSeat, Role, SeatId, TriageRequest,
};

/// One seat.
#[derive(Clone, Debug)]
pub struct Seat {
    /// Its name.
    pub id: SeatId,
    /// Its models: a provider that asks them in turn.
    pub provider: Arc<dyn LlmProvider>,
    /// What each model of the list can do and costs, in the order in which they are asked.
    pub models: Vec<Capabilities>,
    /// The limits of one attempt at a remote model.
    pub limits: AttemptLimits,
    /// The sampling temperature, where one was set.
    pub temperature: Option<f32>,
}

/// The output tokens that a reasoning model may think for before it writes; vendors count both against one limit.
const REASONING_TOKENS: u32 = 8_192;

impl Seat {
    /// The limit that is sent for a reply of `reply_tokens`: with room to think where one of the seat's models reasons.
    pub fn output_tokens_max(&self, reply_tokens: u32) -> u32 {
        let reasons = self.models.iter().any(|model| model.reasons);
        reply_tokens.saturating_add(if reasons { REASONING_TOKENS } else { 0 })
    }
}

/// The seats of a council.
#[derive(Clone, Debug)]
pub struct Panel {
    seats: Vec<Seat>,
    models: BTreeMap<ModelRef, Capabilities>,
}

/// Why a list of seats is no panel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPanel {
    /// Nobody proposes.
    #[error("a council needs at least one proposer")]
    NoProposer,
    /// A role has more seats than it may have.
    #[error("{role} has {seats} seats, at most {max} are possible", max = role.seats_max())]
    TooManySeats {
        /// The role.
        role: Role,
        /// Its seats.
        seats: usize,
    },
    /// A seat has no model.
    #[error("seat {0} has no model")]
    NoModel(SeatId),
    /// Two seats have the same name.
    #[error("seat {0} stands twice in the list")]
    Twice(SeatId),
}

impl Panel {
    /// A panel of `seats`.
    ///
    /// # Errors
    /// If no seat proposes, a role has too many seats, a seat has no model or two seats have one name.
    pub fn try_new(mut seats: Vec<Seat>) -> Result<Self, InvalidPanel> {
        seats.sort_by_key(|seat| seat.id);
        if !seats.iter().any(|seat| seat.id.role == Role::Proposer) {
            return Err(InvalidPanel::NoProposer);
        }
        for pair in seats.windows(2) {
            if let [one, two] = pair
                && one.id == two.id
            {
                return Err(InvalidPanel::Twice(one.id));
            }
        }
        if let Some(seat) = seats.iter().find(|seat| seat.models.is_empty()) {
            return Err(InvalidPanel::NoModel(seat.id));
        }
        for role in Role::ALL {
            let count = seats.iter().filter(|seat| seat.id.role == role).count();
            if count > usize::from(role.seats_max()) {
                return Err(InvalidPanel::TooManySeats { role, seats: count });
            }
        }
        let models =
            seats.iter().flat_map(|seat| &seat.models).map(|model| (model.target.clone(), model.clone()));
        Ok(Self { models: models.collect(), seats })
    }

    /// All seats, in the order of roles.
    pub fn seats(&self) -> &[Seat] {
        &self.seats
    }

    /// The seats of `role`.
    pub fn of(&self, role: Role) -> impl Iterator<Item = &Seat> {
        self.seats.iter().filter(move |seat| seat.id.role == role)
    }

    /// The seat called `id`.
    pub fn seat(&self, id: SeatId) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.id == id)
    }

    /// What is known of `model`.
    pub fn facts(&self, model: &ModelRef) -> Option<&Capabilities> {
        self.models.get(model)
    }

    /// How many different models may be asked.
    pub fn models_count(&self) -> usize {
        self.models.len()
    }

    /// The seats as an event and a plan show them.
    pub fn planned(&self) -> Vec<PlannedSeat> {
        let planned = |seat: &Seat| PlannedSeat {
            seat: seat.id,
            role: seat.id.role,
            models: seat.models.iter().map(|model| model.target.clone()).collect(),
        };
        self.seats.iter().map(planned).collect()
    }
}

/// How many valid proposals and ballots a decision needs to be called one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quorum {
    proposals: u8,
    ballots: u8,
}

/// A quorum that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a quorum needs 1 to 5 proposals and 0 to 8 ballots")]
pub struct InvalidQuorum;

impl Quorum {
    /// `proposals` (1 to 5) and `ballots` (0 to 8).
    ///
    /// # Errors
    /// If one is out of its range.
    pub fn try_new(proposals: u8, ballots: u8) -> Result<Self, InvalidQuorum> {
        let possible =
            (1..=Role::Proposer.seats_max()).contains(&proposals) && ballots <= Role::Critic.seats_max();
        possible.then_some(Self { proposals, ballots }).ok_or(InvalidQuorum)
    }

    /// Valid proposals needed.
    pub const fn proposals(self) -> u8 {
        self.proposals
    }

    /// Valid ballots needed.
    pub const fn ballots(self) -> u8 {
        self.ballots
    }

    pub(crate) const fn without_ballots(self) -> Self {
        Self { ballots: 0, ..self }
    }
}

impl Default for Quorum {
    /// Two proposals and one ballot.
    fn default() -> Self {
        Self { proposals: 2, ballots: 1 }
    }
}

/// The longest question, and the longest context beside it, in bytes.
pub const TEXT_BYTES_MAX: usize = 2 * 1024 * 1024;

/// What is wrong with a request before anything was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// There is no question.
    #[error("the question is empty: say what you want to know")]
    Empty,
    /// The question or its context is too long.
    #[error(
        "the {what} has {bytes} bytes, at most {TEXT_BYTES_MAX} are read: shorten it or ask about a part"
    )]
    TooLong {
        /// `question` or `context`.
        what: &'static str,
        /// Its length.
        bytes: usize,
    },
    /// The output schema is no JSON Schema.
    #[error("the output schema is no JSON Schema: {0}")]
    Schema(String),
    /// The domain has no prompt pack.
    #[error("{0}")]
    Domain(String),
}

/// Checks what can be checked of `request` before anything is asked.
///
/// # Errors
/// If the question is empty or too long.
pub fn check_request(request: &TriageRequest) -> Result<(), InvalidRequest> {
    if request.query.trim().is_empty() {
        return Err(InvalidRequest::Empty);
    }
    let context = request.context.as_deref().unwrap_or_default();
    for (what, text) in [("question", request.query.as_str()), ("context", context)] {
        if text.len() > TEXT_BYTES_MAX {
            return Err(InvalidRequest::TooLong { what, bytes: text.len() });
        }
    }
    Ok(())
}
