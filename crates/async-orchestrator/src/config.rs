//! The settings of an orchestrator: defaults, then the configuration file, then the environment, then explicit values.
//!
//! This module and `weights` are the only places that read the environment or files. [`Environment::from_process`] reads the process's
//! variables once; everything below it works on the value. Every setting knows its [`Source`], and everything that is wrong is
//! reported at once with its place.

mod address;
mod check;
mod choices;
mod directories;
mod discover;
mod env_file;
mod environment;
mod field;
mod file;
mod history;
mod key;
mod layers;
mod problem;
mod prompt_files;
mod registry;
mod resilience;
mod settings;
mod show;
mod source;
mod template;
#[cfg(test)]
mod tests;
mod trust_file;

pub use choices::{Dialect, EmbeddedUse, ProviderKind};
pub use directories::Directories;
pub use discover::{Discovered, FoundKey, FoundServer, discover};
pub use environment::Environment;
pub use history::{HistorySettings, ResumeUse};
pub use key::{CommandLine, KeyError, KeySource};
pub use layers::{ConfigFile, Explicit, Layers};
pub use problem::{ConfigError, Problem};
pub use prompt_files::prompt_files;
pub use resilience::{Preset, ResilienceSettings};
pub use settings::{
    CouncilSettings, Credential, DefaultModels, EmbeddedSettings, ModelSettings, NetworkSettings,
    PromptSettings, ProviderSettings, RoleSettings, Settings, StateSettings, TrustSettings,
};
pub use source::{Source, Sources};
pub use template::template;
pub use trust_file::{FILE_BYTES_MAX as TRUST_BYTES_MAX, TrustFile, TrustFileError, open_trust};

/// The name of the embedded model's provider, as in `embedded:smollm2-135m-instruct`. No table of providers may take it.
pub const EMBEDDED_PROVIDER: &str = "embedded";
