//! A small real language model run in-process for Async Orchestrator.
//!
//! [`EmbeddedProvider`] loads a GGUF file of the Llama family from a path and answers as an
//! [`LlmProvider`](async_orchestrator_core::LlmProvider): free text, texts filled in section by section, and JSON documents that
//! always keep to their schema, each streamed as it is written and stopped by dropping it. It also judges by likelihood.
//! [`DEFAULT_MODEL`] says which file is the default one; fetching it is not done here, and nothing here touches a network.
//!
//! The arithmetic: candle reads the file's many forms of weights, which become 8-bit blocks while loading; products are our own
//! kernel, the same for prompts and single tokens. Threads without work of their own take parts of others' work, so one reply
//! uses the whole machine and two replies share it.

mod cancel;
mod engine;
mod error;
#[cfg(test)]
mod fixture;
mod gguf;
mod grammar;
mod judge;
mod kernel;
mod matrix;
mod model;
mod options;
mod prompt;
mod provider;
mod sampler;
#[cfg(any(test, feature = "test-util"))]
pub mod test_util;
mod text;
mod tokenizer;
mod weights;
mod worker;
mod writer;

pub use error::{EngineError, LoadError};
pub use options::EmbeddedOptions;
pub use provider::EmbeddedProvider;
pub use weights::{DEFAULT_MODEL, ModelFile, Verifier, WeightsError};
