//! Puts the layers on top of each other: defaults, file, environment, explicit values.

mod stacking;
mod variables;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_orchestrator_core::Role;
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    ConfigError, Directories, Environment, Settings, check, environment, field::Raw, file,
    registry::FILE_VARIABLE,
};
use stacking::Stacking;

/// Which configuration file is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ConfigFile {
    /// The one that `ORCHESTRATOR_CONFIG` names, else the one in the configuration directory, if it is there.
    #[default]
    Usual,
    /// This one; it must be there.
    At(PathBuf),
    /// None.
    None,
}

/// What the settings are made of.
///
/// ```
/// use async_orchestrator::{ConfigFile, Environment, Explicit, Layers};
///
/// let settings = Layers::new(Environment::from_iter([("ORCHESTRATOR_COUNCIL_BUDGET_USD", "0.50")]))
///     .file(ConfigFile::None)
///     .explicit(Explicit::new().set("council.quorum_proposals", "3", "--quorum"))
///     .load()?;
/// assert_eq!(settings.council.quorum_proposals, 3);
/// assert_eq!(settings.sources().of("council.budget_usd").to_string(), "env ORCHESTRATOR_COUNCIL_BUDGET_USD");
/// # Ok::<(), async_orchestrator::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Layers {
    file: ConfigFile,
    environment: Environment,
    explicit: Explicit,
    providers: BTreeSet<String>,
}

/// Values of flags and of the builder: the strongest layer.
#[derive(Clone, Debug, Default)]
pub struct Explicit {
    values: Vec<(String, ExplicitValue, String)>,
}

#[derive(Clone)]
enum ExplicitValue {
    Word(String),
    Secret(SecretString),
    Seats(Vec<Vec<String>>),
}

impl std::fmt::Debug for ExplicitValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Word(_) => "Word",
            Self::Secret(_) => "Secret",
            Self::Seats(_) => "Seats",
        })
    }
}

impl Explicit {
    /// No value at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `key`, such as `council.budget_usd`, to the value that `text` means there; `origin` names the flag or call.
    #[must_use]
    pub fn set(mut self, key: &str, text: impl Into<String>, origin: &str) -> Self {
        self.values.push((key.to_owned(), ExplicitValue::Word(text.into()), origin.to_owned()));
        self
    }

    /// Sets the key of a provider (`openai`), which is there from now on.
    #[must_use]
    pub fn api_key(mut self, provider: &str, key: SecretString, origin: &str) -> Self {
        let setting = format!("providers.{provider}.api_key");
        self.values.push((setting, ExplicitValue::Secret(key), origin.to_owned()));
        self
    }

    /// Seats a role exactly so: one list of `provider:model` a seat, each with its fallbacks in order.
    #[must_use]
    pub fn seats(mut self, role: Role, seats: Vec<Vec<String>>, origin: &str) -> Self {
        self.values.push((format!("roles.{role}.seat"), ExplicitValue::Seats(seats), origin.to_owned()));
        self
    }
}

impl Layers {
    /// The usual file, this environment, and nothing explicit.
    pub fn new(environment: Environment) -> Self {
        Self {
            file: ConfigFile::Usual,
            environment,
            explicit: Explicit::default(),
            providers: BTreeSet::new(),
        }
    }

    /// Reads this file instead of the usual one.
    #[must_use]
    pub fn file(mut self, file: ConfigFile) -> Self {
        self.file = file;
        self
    }

    /// Puts these values on top.
    #[must_use]
    pub fn explicit(mut self, explicit: Explicit) -> Self {
        self.explicit = explicit;
        self
    }

    /// Accepts the name of a provider that is configured elsewhere, such as one that the program brings along.
    #[must_use]
    pub fn known_provider(mut self, name: impl Into<String>) -> Self {
        self.providers.insert(name.into());
        self
    }

    /// Reads and joins the layers, and checks the whole.
    ///
    /// # Errors
    /// With everything that is wrong in all layers.
    pub fn load(self) -> Result<Settings, ConfigError> {
        let mut stack = Stacking::new(Settings::new(Directories::from_environment(&self.environment)));
        if let Some(path) = self.chosen_file(&stack.settings.directories) {
            let text = environment::read_text(&path)?;
            stack.file(file::read(&path, &text));
            stack.settings.file = Some(path.to_path_buf());
        }
        stack.environment(&self.environment);
        stack.explicit(&self.explicit);
        stack.resolve_keys(&self.environment);
        stack.resolve_paths();
        check::check(&mut stack.settings, &stack.providers, &self.providers, &mut stack.problems);
        ConfigError::unless_empty(stack.problems)?;
        stack.settings.warnings.sort_by_key(|warning| warning.source.order());
        Ok(stack.settings)
    }

    fn chosen_file(&self, directories: &Directories) -> Option<Arc<Path>> {
        match &self.file {
            ConfigFile::None => None,
            ConfigFile::At(path) => Some(Arc::from(path.as_path())),
            ConfigFile::Usual => match self.environment.value(FILE_VARIABLE) {
                Some(path) => Some(Arc::from(Path::new(path))),
                None => Some(directories.config_file()).filter(|path| path.exists()).map(Arc::from),
            },
        }
    }
}

impl ExplicitValue {
    fn raw(&self) -> Raw {
        match self {
            Self::Word(text) => Raw::Word(text.clone()),
            Self::Secret(secret) => Raw::Word(secret.expose_secret().to_owned()),
            Self::Seats(seats) => {
                let list = |seat: &Vec<String>| Raw::List(seat.iter().cloned().map(Raw::Text).collect());
                Raw::List(seats.iter().map(list).collect())
            }
        }
    }
}
