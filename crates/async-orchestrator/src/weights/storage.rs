//! Writing files so that nothing half-written is ever seen, and saying what to do when that fails.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use super::FetchError;

/// Runs `work` where it may block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|failed| Err(io::Error::other(failed)))
}

/// What a refusal of the file system means. `needed` is the size of the whole file.
pub(super) fn refused(path: &Path, source: io::Error, needed: u64) -> FetchError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            FetchError::DiskFull { path, needed, source }
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            FetchError::NotAllowed { path, source }
        }
        _ => FetchError::Storage { path, source },
    }
}

/// Puts a finished file into its place: flushed first, so that after a power cut the name never stands for less than the whole.
pub(super) fn put_in_place(finished: &Path, place: &Path) -> io::Result<()> {
    File::open(finished)?.sync_all()?;
    fs::rename(finished, place)?;
    // The rename itself is in the directory. Not every system can flush one; then the file may be missing after a power cut, never cut.
    if let Some(directory) = place.parent()
        && let Ok(directory) = File::open(directory)
    {
        let _ = directory.sync_all();
    }
    Ok(())
}

/// Removes a file that is no longer needed; that it is gone already is as good.
pub(super) fn discard(path: &Path) {
    let _ = fs::remove_file(path);
}
