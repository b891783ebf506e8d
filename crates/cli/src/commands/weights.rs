//! The embedded model's files as commands show them. The one place here that tells builds with the model from builds without.

use std::path::PathBuf;

use async_orchestrator::{Environment, Settings};

use crate::exit::{Exit, Failure};

/// A model file on this machine, or the place where it belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ModelFile {
    /// Its name; `None` for a file of the user's own.
    pub(super) name: Option<&'static str>,
    pub(super) path: PathBuf,
    pub(super) presence: Presence,
    /// The bytes of the whole file, where they are known.
    pub(super) bytes: Option<u64>,
    pub(super) licence: Option<&'static str>,
    pub(super) sha256: Option<&'static str>,
}

/// What of a file is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "embedded"), expect(dead_code, reason = "a build without the model has no files"))]
pub(super) enum Presence {
    Ready,
    Unchecked,
    Partial(u64),
    Missing,
}

impl ModelFile {
    pub(super) fn label(&self) -> &'static str {
        self.name.unwrap_or("your own")
    }

    /// Its state, for people.
    pub(super) fn state(&self) -> String {
        match self.presence {
            Presence::Ready => String::from("ready"),
            Presence::Unchecked => String::from("there, checked at its next use"),
            Presence::Partial(bytes) => format!("{} fetched so far", megabytes(bytes)),
            Presence::Missing if self.name.is_none() => String::from("not there"),
            Presence::Missing => String::from("not fetched"),
        }
    }
}

impl Presence {
    /// The word in JSON.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Unchecked => "unchecked",
            Self::Partial(_) => "partial",
            Self::Missing => "missing",
        }
    }
}

/// Whether this build has the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Build {
    With,
    Without,
}

pub(super) const BUILD: Build = if cfg!(feature = "embedded") { Build::With } else { Build::Without };

pub(super) fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// The files: the user's own, where one is set, and the default model's.
#[cfg(feature = "embedded")]
pub(super) fn files(settings: &Settings, environment: &Environment) -> Vec<ModelFile> {
    use async_orchestrator::{WeightsEntry, WeightsState, WeightsStore};
    let file = |entry: WeightsEntry| ModelFile {
        name: entry.name,
        path: entry.path,
        presence: match entry.state {
            WeightsState::Ready => Presence::Ready,
            WeightsState::Partial { bytes } => Presence::Partial(bytes),
            WeightsState::Missing => Presence::Missing,
            // A state of a later version: whether the file is whole is found out when it is used.
            _ => Presence::Unchecked,
        },
        bytes: entry.bytes,
        licence: entry.licence,
        sha256: entry.sha256,
    };
    WeightsStore::new(settings, environment).list().into_iter().map(file).collect()
}

/// Fetches the default model's file. Dropping the future ends the fetch and leaves what has come.
#[cfg(feature = "embedded")]
pub(super) async fn pull(settings: &Settings, environment: &Environment) -> Result<PathBuf, Failure> {
    use std::sync::Arc;

    use async_orchestrator::{TokioClock, WeightsStore, transport};

    let transport = transport(&settings.network, Arc::new(TokioClock))?;
    let progress = crate::view::Fetching::alone();
    let store = WeightsStore::new(settings, environment);
    let pulled = store.pull(&transport, &TokioClock, &|event| progress.show(event)).await;
    progress.close();
    pulled.map_err(|error| Failure::new(Exit::Failed, error.to_string()))
}

/// Reads the default model's file through.
#[cfg(feature = "embedded")]
pub(super) async fn verify(settings: &Settings, environment: &Environment) -> Result<PathBuf, Failure> {
    use async_orchestrator::WeightsStore;
    let store = WeightsStore::new(settings, environment);
    let path = store.cached_path();
    if !path.exists() {
        let missing = format!("{} is not there: `orchestrator models pull` fetches it", path.display());
        return Err(Failure::new(Exit::Failed, missing));
    }
    store.verify().await.map_err(|error| {
        let replaced = "`orchestrator models pull` replaces it";
        Failure::new(Exit::Failed, format!("{}: {error}; {replaced}", path.display()))
    })
}

#[cfg(not(feature = "embedded"))]
pub(super) fn files(_: &Settings, _: &Environment) -> Vec<ModelFile> {
    Vec::new()
}

#[cfg(not(feature = "embedded"))]
#[expect(clippy::unused_async, reason = "the same call as with the feature")]
pub(super) async fn pull(_: &Settings, _: &Environment) -> Result<PathBuf, Failure> {
    Err(none())
}

#[cfg(not(feature = "embedded"))]
#[expect(clippy::unused_async, reason = "the same call as with the feature")]
pub(super) async fn verify(_: &Settings, _: &Environment) -> Result<PathBuf, Failure> {
    Err(none())
}

#[cfg(not(feature = "embedded"))]
fn none() -> Failure {
    Failure::new(Exit::Failed, "this build has no embedded model: build it with the feature `embedded`")
}
