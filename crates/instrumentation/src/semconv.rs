//! The names of OpenTelemetry's conventions for generative AI, in one place: they are still in development and move.

/// The version of the conventions that these names were read from: `semantic-conventions-genai`, read on 2026-11-22, status "development".
pub const CONVENTIONS: &str = "gen_ai development 2026-11-22";

pub(crate) const INVOKE_WORKFLOW: &str = "invoke_workflow";
pub(crate) const INVOKE_AGENT: &str = "invoke_agent";
pub(crate) const CHAT: &str = "chat";

pub(crate) const OPERATION: &str = "gen_ai.operation.name";
pub(crate) const WORKFLOW: &str = "gen_ai.workflow.name";
pub(crate) const AGENT: &str = "gen_ai.agent.name";
pub(crate) const PROVIDER: &str = "gen_ai.provider.name";
pub(crate) const REQUEST_MODEL: &str = "gen_ai.request.model";
pub(crate) const RESPONSE_MODEL: &str = "gen_ai.response.model";
pub(crate) const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
pub(crate) const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
pub(crate) const CACHED_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
pub(crate) const FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";
pub(crate) const ERROR_TYPE: &str = "error.type";

/// Our own names begin so.
pub(crate) const RUN: &str = "async_orchestrator.run";
pub(crate) const MODE: &str = "async_orchestrator.mode";
pub(crate) const STATUS: &str = "async_orchestrator.status";
pub(crate) const STAGE: &str = "async_orchestrator.stage";
pub(crate) const CALL: &str = "async_orchestrator.call";
pub(crate) const ATTEMPT: &str = "async_orchestrator.attempt";
pub(crate) const RULE: &str = "async_orchestrator.rule";
pub(crate) const DISSENTS: &str = "async_orchestrator.dissents";
pub(crate) const AGREEMENT: &str = "async_orchestrator.agreement";
pub(crate) const VERDICT: &str = "async_orchestrator.verdict";
pub(crate) const COST: &str = "async_orchestrator.cost_micro_usd";
pub(crate) const SERVED: &str = "async_orchestrator.served";
