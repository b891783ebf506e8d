//! One way of answering, put to every question.

use std::sync::Arc;

use anyhow::Result;
use async_orchestrator::{
    AnswerKind, AsyncOrchestrator, DecisionRecord, ModeChoice, Plan, Role, RoleDefinition, Stages,
    TriageRequest, trust::canonical_key,
};
use async_orchestrator_core::Proposal;
use futures_util::{StreamExt, stream};

use super::{Known, Options};

/// Samples of one model must be able to differ.
const TEMPERATURE: f32 = 0.7;

/// What one question came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    pub(super) is_right: bool,
    pub(super) calls: u64,
    pub(super) micro_usd: Option<u64>,
    pub(super) seconds: f64,
    pub(super) error: Option<String>,
}

/// One way of answering.
pub(super) struct Contestant {
    orchestrator: AsyncOrchestrator,
    mode: ModeChoice,
    stages: Stages,
}

impl Contestant {
    /// The council as it is configured.
    pub(super) fn council(options: &Options) -> Result<Self> {
        let mut builder = AsyncOrchestrator::builder().settings(options.settings.clone());
        if let Some(trust) = &options.trust {
            builder = builder.trust(Arc::clone(trust));
        }
        let stages = options.settings.council.stages;
        Ok(Self { orchestrator: builder.build()?, mode: ModeChoice::Council, stages })
    }

    /// `model` alone, once.
    pub(super) fn alone(options: &Options, model: &str) -> Result<Self> {
        let seat = RoleDefinition::new(Role::Proposer).seat([model]);
        let builder = AsyncOrchestrator::builder().settings(options.settings.clone()).role(seat);
        Ok(Self { orchestrator: builder.build()?, mode: ModeChoice::Express, stages: Stages::ALL })
    }

    /// So many samples of `model`, and the answer that most of them give.
    pub(super) fn samples(options: &Options, model: &str, samples: usize) -> Result<Self> {
        let count = u8::try_from(samples).unwrap_or(u8::MAX);
        let seats = RoleDefinition::new(Role::Proposer).seat([model]).seats(count).temperature(TEMPERATURE);
        let builder =
            AsyncOrchestrator::builder().settings(options.settings.clone()).role(seats).quorum(1, 1);
        let builder = builder.depth(async_orchestrator::Depth::Full);
        Ok(Self { orchestrator: builder.build()?, mode: ModeChoice::Council, stages: Stages::VOTE })
    }

    /// The first models of the proposers' seats.
    pub(super) fn proposers(&self) -> Vec<String> {
        let panel = self.orchestrator.panel();
        panel.of(Role::Proposer).map(|seat| seat.provider.capabilities().target.to_string()).collect()
    }

    pub(super) fn plan(&self, known: &Known) -> Result<Plan> {
        Ok(self.orchestrator.plan(&self.request(known))?)
    }

    /// The outcome of each question, in their order.
    pub(super) async fn run(&self, known: &[Known], at_once: usize) -> Vec<Outcome> {
        stream::iter(known.iter().map(|one| self.ask(one))).buffered(at_once.max(1)).collect().await
    }

    fn request(&self, known: &Known) -> TriageRequest {
        let request = TriageRequest::new(known.text.clone()).mode(self.mode).stages(self.stages);
        TriageRequest { answer_kind: known.kind, ..request }
    }

    async fn ask(&self, known: &Known) -> Outcome {
        match self.orchestrator.process_request(self.request(known)).await {
            Ok(result) => {
                let record = result.record();
                Outcome {
                    is_right: is_right(record, &known.answer),
                    calls: record.cost.calls,
                    micro_usd: record.cost.micro_usd,
                    seconds: record.timing.total_ms / 1_000.0,
                    error: None,
                }
            }
            Err(error) => Outcome { error: Some(error.to_string()), ..Outcome::default() },
        }
    }
}

/// Whether the decision is the answer: by exact rules for closed questions, by normalised spelling for others.
fn is_right(record: &DecisionRecord, answer: &str) -> bool {
    let kind = record.triage.answer_kind;
    let key = |text: &str| canonical_key(kind, &Proposal::short(text));
    let Some(expected) = key(answer) else { return false };
    let given = record.answer.answer_key.as_deref().and_then(key);
    let in_full = || (kind == AnswerKind::Text).then(|| key(&record.answer.text)).flatten();
    given.or_else(in_full) == Some(expected)
}
