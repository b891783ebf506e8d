//! What several tests need: the tiny model, loaded.

use std::{io::Cursor, path::Path, sync::Arc};

use candle_core::quantized::gguf_file;
use rayon::{ThreadPool, ThreadPoolBuilder};
use tempfile::TempDir;

use crate::{engine::Engine, error::Flaw, gguf::Header, test_util::write_tiny_model};

/// The window of the loaded tiny model.
pub(crate) const WINDOW: usize = 1_024;

/// A folder with the tiny model in it.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_tiny_model(&path(&folder), 1).unwrap();
    folder
}

pub(crate) fn path(folder: &TempDir) -> std::path::PathBuf {
    folder.path().join("tiny.gguf")
}

pub(crate) fn team(threads: usize) -> Arc<ThreadPool> {
    Arc::new(ThreadPoolBuilder::new().num_threads(threads).build().unwrap())
}

/// The tiny model on one thread, with prompts of at most 400 tokens.
pub(crate) fn engine() -> (Arc<Engine>, Arc<ThreadPool>) {
    let team = team(1);
    (Arc::new(load(&path(&folder()), &team)), team)
}

fn load(path: &Path, team: &ThreadPool) -> Engine {
    // The folder is gone when this returns; nothing reads the file later.
    Engine::load(path, team, WINDOW, 400).unwrap()
}

/// The head of a file with this metadata and no tensors.
pub(crate) fn header(metadata: &[(&str, gguf_file::Value)]) -> Result<Header, Flaw> {
    let entries: Vec<_> = metadata.iter().map(|(key, value)| (*key, value)).collect();
    let mut bytes = Cursor::new(Vec::new());
    gguf_file::write(&mut bytes, &entries, &[]).unwrap();
    Header::read(&mut bytes)
}
