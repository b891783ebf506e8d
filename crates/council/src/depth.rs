//! How many proposers are asked: all at once, or some first and another only while the answer is not sure enough.

use async_orchestrator_core::Risk;

/// How many proposers are asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// As many as it takes: the first ones together, then another while the answer is not sure enough and what the run may spend allows it.
    ///
    /// This needs a question whose answers can be compared exactly and votes whose worth is known
    /// ([`Council::trust`](crate::Council::trust) with a calibrated table), or a council without reviews, in which a majority is soon
    /// out of reach. Everywhere else all are asked at once. An Express answer that triage chose is held to the same: one that is not sure
    /// enough is escalated to a council, as its first proposal.
    #[default]
    Adaptive,
    /// All of them, at once. Express stays Express.
    Full,
}

/// How sure an answer must be before nobody else is asked: a probability of being right, by the price of being wrong.
///
/// At the first, recorded councils of five lost no more than the measurement can tell (`docs/evaluation.md`); where being wrong costs something, or much,
/// a half and then most of the errors that are left are worth another call.
pub const fn stop_at(risk: Risk) -> f64 {
    match risk {
        Risk::Low => 0.8,
        Risk::Medium => 0.9,
        Risk::High => 0.97,
    }
}

/// How much of what a run may spend its proposals may take, of further proposers' calls as they cost so far: what comes after them must be paid too.
pub(crate) const SPENDING_SHARE: f64 = 0.6;
