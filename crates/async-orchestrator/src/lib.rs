//! Several language models deliberate before one answer is given.
//!
//! A question is triaged (one call, or a council of six roles), runs on OpenAI, Anthropic, compatible servers or a small model in this
//! process, is decided by an election with blind ballots, and comes back with a record of who said what, what failed and what it cost.
//!
//! ```no_run
//! use async_orchestrator::{AsyncOrchestrator, Role, RoleDefinition, TriageRequest};
//! use std::time::Duration;
//!
//! # async fn demo() -> Result<(), async_orchestrator::Error> {
//! let orchestrator = AsyncOrchestrator::builder()
//!     .role(RoleDefinition::new(Role::Proposer).timeout(Duration::from_secs(10)))
//!     .providers_from_env()? // OPENAI_API_KEY, ANTHROPIC_API_KEY, *_BASE_URL; else the embedded model
//!     .build()?;
//! let result = orchestrator.process_request(TriageRequest::new("Which database suits an audit log?")).await?;
//! println!("{}", result.decision);
//! println!("{}", result.aggregated);
//! # Ok(())
//! # }
//! ```
//!
//! This crate is thin: it joins the others and re-exports their words by name. Each of them works alone. It needs a tokio runtime with time
//! and I/O enabled.
//!
//! Feature `embedded`: the model that runs in this process. It brings a model runtime along and is off by default.

mod builder;
mod config;
mod defaults;
#[cfg(feature = "embedded")]
mod embedded;
mod error;
mod history;
mod orchestrator;
mod plan;
mod probe;
mod registry;
mod result;
mod seating;
mod state;
mod telemetry;
pub mod trust;
#[cfg(feature = "embedded")]
mod weights;

pub use async_orchestrator_core::{
    Absence, AccountId, Ailment, Alarm, AnswerKind, AnswerType, Attempt, AttemptLimits, AttemptOutcome,
    BallotRecord, CallContext, Capabilities, Cause, Clock, Completion, CompletionRequest, CompletionStream,
    DecisionRecord, Dissent, Domain, ErrorKind, Event, EventKind, FinishReason, HealthNote, HealthSubject,
    HistoryStore, InvalidStages, Journal, JournalBody, JournalEntry, LikelihoodJudge, LlmProvider, Message,
    MicroUsd, Mode, ModeChoice, ModelRef, Observer, PlannedSeat, Price, PromptRead, ProposalRecord,
    ProviderError, PurseId, ReplyFormat, Reuse, Role, RoleDefinition, RoleOutcome, RunId, RunSetup,
    RunSummary, SealedEntry, SeatId, Served, SharedState, Stage, Stages, Status, StoreError, StreamEvent,
    StructuredOutput, Takeover, Tally, TallyRule, TraceContext, TriageDecision, TriageRequest, Unended,
    Unfinished, UnknownAnswerKind, UnknownRole, Usage, UsageSource, Verdict,
};
pub use async_orchestrator_council::{
    Checker, CouncilError, Depth, InvalidRequest, Panel, SeatFailure, Unrecorded,
};
pub use async_orchestrator_instrumentation::{
    AttributeValue, FinishedSpan, Gate, InvalidTelemetry, Logs, OrchestrationInstrumentation,
    OrchestrationInstrumentationBuilder, Otlp, OtlpConfig, Reader, SpanEvent, SpanTree, Stamped, TargetGauge,
};
pub use async_orchestrator_prompts::{
    CollaborativePromptLibrary, PromptLibraryError, PublishedSchema, TemplateInfo, TemplateSource, schemas,
};
pub use async_orchestrator_providers::{Catalogue, ProviderKind as CatalogueKind, Transport};
pub use async_orchestrator_resilience::{
    InProcessState, PeriodBudget, PeriodBudgets, ResilienceConfig, TargetStatus, TokioClock,
    policy::{BreakerState, Period},
};
pub use async_orchestrator_store::{
    BUNDLE_SCHEMA, BundleError, Calibration, CalibrationBin, CallFigures, Content, FileState, Filter, Flaw,
    FlawKind, Found, History, HistoryHead, HistoryOptions, Kept, Latencies, MemoryStore, OpenError, Overview,
    Pack, PruneReport, PurseNote, RunFigures, RunRow, RunState, SearchOrder, Stats, StatsFilter,
    Sync as SyncMode, Verification, VerifyScope, verify_bundle,
};
pub use async_orchestrator_triage::{METRICS as TRIAGE_METRICS, Metric as TriageMetric, decide as triage};
pub use builder::AsyncOrchestratorBuilder;
pub use config::{
    CommandLine, ConfigError, ConfigFile, CouncilSettings, Credential, DefaultModels, Dialect, Directories,
    Discovered, EMBEDDED_PROVIDER, EmbeddedSettings, EmbeddedUse, Environment, Explicit, FoundKey,
    FoundServer, HistorySettings, KeyError, KeySource, Layers, ModelSettings, NetworkSettings, Preset,
    Problem, PromptSettings, ProviderKind, ProviderSettings, ResilienceSettings, ResumeUse, RoleSettings,
    Settings, Source, Sources, StateSettings, TrustSettings, discover, prompt_files, template,
};
pub use error::{BuildError, Error, ErrorClass};
pub use history::{ReplayError, Replayer, ResumeError, open_history};
pub use orchestrator::{AsyncOrchestrator, RunStream};
pub use plan::{Plan, PlannedCall};
pub use probe::{Probe, Reach, probe, transport};
pub use result::{Aggregated, Orchestrated};
pub use state::open_state;
pub use telemetry::{TelemetryError, otlp};
pub use trust::{Trust, TrustFile};
#[cfg(feature = "embedded")]
pub use weights::{FetchError, FetchEvent, FetchSource, OnFetch, WeightsEntry, WeightsState, WeightsStore};

/// The README's Rust code is compiled with the documentation's.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
