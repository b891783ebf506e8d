//! What settings do, told by files and environments as people write them.

mod discovery;
mod keys;
mod layering;
mod mistakes;
mod shown;

use std::path::PathBuf;

use super::{ConfigError, ConfigFile, Environment, Explicit, Layers, Settings};

/// A directory with one configuration file in it.
struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn with(text: &str) -> Self {
        let place = Self { directory: tempfile::tempdir().unwrap() };
        std::fs::write(place.file(), text).unwrap();
        place
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("config.toml")
    }

    fn load(&self, environment: &[(&str, &str)], explicit: Explicit) -> Result<Settings, ConfigError> {
        let environment: Environment = environment.iter().copied().collect();
        Layers::new(environment).file(ConfigFile::At(self.file())).explicit(explicit).load()
    }

    /// The text with this place's path taken out of it.
    fn plain(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.directory.path().display()), "")
    }
}

/// The settings that a file alone gives.
#[track_caller]
fn from_file(text: &str) -> Settings {
    Place::with(text).load(&[], Explicit::new()).unwrap()
}

/// What is said of a file that is wrong, or of one that is only risky.
fn complaints(text: &str, environment: &[(&str, &str)]) -> String {
    let place = Place::with(text);
    let said = match place.load(environment, Explicit::new()) {
        Ok(settings) => settings.warnings().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        Err(error) => error.to_string(),
    };
    place.plain(&said)
}

/// The settings that an environment alone gives.
#[track_caller]
fn from_environment(environment: &[(&str, &str)]) -> Settings {
    let environment: Environment = environment.iter().copied().collect();
    Layers::new(environment).file(ConfigFile::None).load().unwrap()
}
