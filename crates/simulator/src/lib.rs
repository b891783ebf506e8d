//! A real HTTP server that speaks the OpenAI and Anthropic formats, for tests and trials.
//!
//! It has its own wire types on purpose: it shares no code with our providers, so a misunderstanding of a format shows.
//! It is strict where the vendors are: unknown models, parameters, versions and schemas get the vendor's error.
//!
//! | request | answer |
//! |---|---|
//! | `POST /v1/chat/completions` (also without `/v1`) | OpenAI Chat Completions, streamed and not |
//! | `POST /v1/messages` (also without `/v1`) | Anthropic Messages, versions 2023-06-01 and 2026-10-21, streamed and not |
//! | `GET /v1/models` | the configured models, in the caller's format |
//! | `GET /_simulator/stats`, `GET /_simulator/requests`, `POST /_simulator/reset` | what it saw |
//!
//! What a model says, in this order: a scripted reply that matches; a recorded answer to the prompt; an instance of
//! the schema that the request carries (proposals and ballots are recognised and make sense); plain text.
//! A prompt that asks for JSON only in its text gets plain text.
//!
//! ```
//! use std::time::Duration;
//! use async_orchestrator_simulator::{Fault, FaultRule, Latency, Persona, Question, Simulator};
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let simulator = Simulator::builder()
//!     .seed(7)
//!     .question(Question::new("What is 6 times 7?", "42"))
//!     .model("quick", Persona::new().latency(Latency::fixed(Duration::from_millis(100))).accuracy(0.8))
//!     .model("busy", Persona::new().fault(FaultRule::always(Fault::status(529)).first_calls(2)))
//!     .start()
//!     .await?;
//! // Point OPENAI_BASE_URL at this address with `/v1`, ANTHROPIC_BASE_URL at the address as it is.
//! let address = simulator.base_url();
//! assert_eq!(simulator.stats().calls_of("quick"), 0);
//! # drop(address);
//! # Ok::<(), async_orchestrator_simulator::SimulatorError>(())
//! # }).unwrap();
//! ```
//!
//! Everything drawn depends on the seed, the model, the prompt and the sample (how often that prompt was asked of that
//! model, or the request's `seed`), so a run is the same again whatever runs beside it. Only ids count requests.

mod admin;
mod answer;
mod anthropic;
mod ask;
mod body;
mod config;
mod content;
mod dialect;
mod dice;
mod error;
mod fault;
mod knowledge;
mod latency;
mod openai;
mod persona;
mod plan;
mod replay;
mod schema;
mod server;
mod service;
mod simulator;
mod socket;
mod stats;
mod timer;
mod tls;
mod tokens;
mod world;

#[cfg(test)]
mod tests;

pub use error::SimulatorError;
pub use fault::{Fault, FaultRule, StatusFault};
pub use knowledge::Question;
pub use latency::{Distribution, InvalidDistribution, LATENCY_MAX, Latency};
pub use persona::{Finish, Persona, ScriptedReply, Usage, UsagePolicy};
pub use schema::rules::SchemaRules;
pub use simulator::{Simulator, SimulatorBuilder, SimulatorHandle, run};
pub use stats::{CancelledCall, Endpoint, RecordedRequest, Stats};
pub use tls::TlsIdentity;
