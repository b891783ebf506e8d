//! Where files belong on this machine: the XDG base directories.

use std::path::PathBuf;

use super::Environment;

/// The directory of this program below each base directory.
const NAME: &str = "async-orchestrator";

/// The program's own directories. None of them is created here.
///
/// Source: the XDG Base Directory Specification 0.8; a base directory that is no absolute path is ignored, as it demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directories {
    /// `$XDG_CONFIG_HOME/async-orchestrator`, else `~/.config/async-orchestrator`: settings, written by people.
    pub config: PathBuf,
    /// `$XDG_CACHE_HOME/async-orchestrator`, else `~/.cache/async-orchestrator`: model files; may be deleted at any time.
    pub cache: PathBuf,
    /// `$XDG_DATA_HOME/async-orchestrator`, else `~/.local/share/async-orchestrator`: what must be kept.
    pub data: PathBuf,
    /// `$XDG_STATE_HOME/async-orchestrator`, else `~/.local/state/async-orchestrator`: what may be lost without harm.
    pub state: PathBuf,
    /// The user's home.
    pub home: PathBuf,
}

impl Directories {
    /// The directories that `environment` leads to.
    ///
    /// Without a home (`HOME`, on Windows `USERPROFILE`) the root directory stands in for it, never the working directory: what lies
    /// there may be another's.
    pub fn from_environment(environment: &Environment) -> Self {
        let home = ["HOME", "USERPROFILE"]
            .into_iter()
            .find_map(|name| environment.value(name))
            .map_or_else(|| PathBuf::from("/"), PathBuf::from);
        let base = |variable: &str, below_home: &str| {
            environment
                .value(variable)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
                .unwrap_or_else(|| home.join(below_home))
                .join(NAME)
        };
        Self {
            config: base("XDG_CONFIG_HOME", ".config"),
            cache: base("XDG_CACHE_HOME", ".cache"),
            data: base("XDG_DATA_HOME", ".local/share"),
            state: base("XDG_STATE_HOME", ".local/state"),
            home,
        }
    }

    /// The configuration file that is read when no other is named.
    pub fn config_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    /// Where model files are kept.
    pub fn models(&self) -> PathBuf {
        self.cache.join("models")
    }
}
