//! What a request would do, before anything is called: mode, calls, models, and an estimate of tokens and cost.

use async_orchestrator_core::{
    Capabilities, MicroUsd, Mode, ModelRef, PromptStyle, Role, SeatId, Stage, TriageDecision, TriageRequest,
    Usage, estimated_tokens,
};
use async_orchestrator_council::{Council, CouncilError, Seat};
use async_orchestrator_prompts::{LabelledProposal, PromptInput};
use serde::Serialize;

/// The words of a usual answer, in output tokens: what an estimate assumes, where the limit of a stage is only its ceiling.
const ANSWER_TOKENS_USUAL: u64 = 700;

/// What a request would do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// What triage decided.
    pub decision: TriageDecision,
    /// The calls, in the order of stages.
    pub calls: Vec<PlannedCall>,
    /// The sum of the estimates of all calls; `None` if one price is unknown.
    pub cost: Option<MicroUsd>,
    /// The sum of what the calls may cost at most, which is what a budget reserves; `None` if one price is unknown. Repairs and fallbacks
    /// come on top.
    pub cost_max: Option<MicroUsd>,
    /// The oldest date among the prices.
    pub price_as_of: Option<String>,
}

/// One call that would be made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlannedCall {
    /// The seat.
    pub seat: SeatId,
    /// What it is about.
    pub stage: Stage,
    /// The models in the order in which they are tried.
    pub models: Vec<ModelRef>,
    /// Estimated input tokens of the first model.
    pub tokens_in: u64,
    /// Estimated output tokens of the first model.
    pub tokens_out: u64,
    /// Estimated cost with the first model; `None` if its price is unknown.
    pub cost: Option<MicroUsd>,
    /// Its cost if the reply is as long as it may be.
    pub cost_max: Option<MicroUsd>,
}

/// Plans `request`. The texts of others that a stage will read are assumed to be of a usual length.
pub(crate) fn plan(council: &Council, request: &TriageRequest) -> Result<Plan, CouncilError> {
    let decision = council.triage(request)?;
    let stages: &[(Role, Stage)] = match decision.mode {
        Mode::Express => &[(Role::Proposer, Stage::Answer)],
        Mode::Council => &[
            (Role::Proposer, Stage::Propose),
            (Role::Critic, Stage::Review),
            (Role::Synthesizer, Stage::Synthesize),
            (Role::Implementer, Stage::Implement),
            (Role::Validator, Stage::Validate),
            (Role::Observer, Stage::Observe),
        ],
    };
    let mut calls = Vec::new();
    for (role, stage) in stages.iter().filter(|(_, stage)| request.stages.run(*stage)) {
        let seats = council.panel().of(*role).take(if *stage == Stage::Answer { 1 } else { usize::MAX });
        for seat in seats {
            calls.push(planned(council, &decision, request, seat, *stage)?);
        }
    }
    let prices = calls.iter().filter_map(|call| price_of(council, call)).map(|price| price.as_of.clone());
    Ok(Plan {
        cost: calls.iter().map(|call| call.cost).sum::<Option<MicroUsd>>(),
        cost_max: calls.iter().map(|call| call.cost_max).sum::<Option<MicroUsd>>(),
        price_as_of: prices.min(),
        decision,
        calls,
    })
}

fn price_of<'a>(council: &'a Council, call: &PlannedCall) -> Option<&'a async_orchestrator_core::Price> {
    council.panel().facts(call.models.first()?)?.price.as_ref()
}

fn planned(
    council: &Council,
    decision: &TriageDecision,
    request: &TriageRequest,
    seat: &Seat,
    stage: Stage,
) -> Result<PlannedCall, CouncilError> {
    let first: &Capabilities = seat.provider.capabilities();
    let tokens_out = match (stage, decision.answer_kind, first.prompt_style) {
        (_, _, PromptStyle::Compact) => 120,
        (Stage::Validate | Stage::Observe, _, _) => 200,
        (_, kind, _) if kind.is_short() => 300,
        _ => ANSWER_TOKENS_USUAL,
    };
    let usual = "word ".repeat(usize::try_from(tokens_out).unwrap_or(0));
    let proposers = council.panel().of(Role::Proposer).count();
    let labels = ["A", "B", "C", "D", "E", "F", "G", "H"];
    let proposals =
        labels.iter().take(proposers).map(|label| LabelledProposal { label, answer: &usual, claims: &[] });
    let input = PromptInput {
        question: &request.query,
        context: request.context.as_deref(),
        answer_kind: decision.answer_kind,
        output_schema: request.output_schema.as_ref(),
        proposals: proposals.collect(),
        winner: Some(&usual),
        draft: Some(&usual),
        facts: vec![usual.clone()],
        ..PromptInput::default()
    };
    let prompt = council.prompts().render(stage, first.prompt_style, &decision.domain, &input)?;
    let bytes: usize = prompt.messages.iter().map(|message| message.content.len()).sum();
    let tokens_in = estimated_tokens(bytes);
    let longest = u64::from(seat.output_tokens_max(prompt.max_output_tokens));
    let cost = |output_tokens| {
        let usage = Usage { input_tokens: tokens_in, output_tokens, ..Usage::default() };
        first.price.as_ref().map(|price| price.cost(&usage))
    };
    Ok(PlannedCall {
        seat: seat.id,
        stage,
        models: seat.models.iter().map(|model| model.target.clone()).collect(),
        tokens_in,
        tokens_out,
        cost: cost(tokens_out),
        cost_max: cost(longest),
    })
}
