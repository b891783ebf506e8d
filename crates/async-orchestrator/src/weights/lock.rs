//! One process at a time fetches a file.

use std::{
    fs::{File, TryLockError},
    path::Path,
    sync::Arc,
    time::Duration,
};

use async_orchestrator_core::Clock;

use super::{FetchError, FetchEvent, OnFetch, storage};

const POLL: Duration = Duration::from_millis(200);

/// The right to fetch. It ends when its last copy is dropped, and when the process ends in whatever way.
#[derive(Clone, Debug)]
pub(super) struct FetchLock {
    /// The lock belongs to the open file. The empty file stays: removing it would let two processes lock two files of one name.
    _file: Arc<File>,
}

impl FetchLock {
    /// Waits until nobody else fetches `path`.
    pub(super) async fn acquire(
        path: &Path,
        clock: &dyn Clock,
        on_event: OnFetch<'_>,
    ) -> Result<Self, FetchError> {
        let path = path.with_added_extension("lock");
        let refused = |source| storage::refused(&path, source, 0);
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(refused)?;
        let mut waits = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: Arc::new(file) }),
                Err(TryLockError::WouldBlock) => {
                    if !std::mem::replace(&mut waits, true) {
                        on_event(&FetchEvent::Waiting);
                    }
                    clock.sleep(POLL).await;
                }
                // Some network file systems know no locks. Two fetches then waste time, but each renames a whole file.
                Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => {
                    return Ok(Self { _file: Arc::new(file) });
                }
                Err(TryLockError::Error(source)) => return Err(refused(source)),
            }
        }
    }
}
