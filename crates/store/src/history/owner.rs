//! Who runs what: each process that writes holds a lock on a small file of its own, and the system gives the lock back when the process ends in
//! whatever way. A run whose owner holds no lock any more is nobody's.
//!
//! No lease and no clock: a process that sleeps keeps its runs, one that is killed loses them at once. On a network file system that knows
//! no locks nobody's death can be seen; then every owner counts as alive.

use std::{
    fs::{self, File, TryLockError},
    hash::{BuildHasher, Hasher, RandomState},
    io,
    path::{Path, PathBuf},
};

use crate::file::make_directory;

/// How the names of files begin that are not locked yet.
const UNLOCKED: &str = "new-";

/// This process's right to runs.
#[derive(Debug)]
pub(super) struct Owner {
    directory: PathBuf,
    name: String,
    /// The lock belongs to the open file.
    _file: File,
}

impl Owner {
    /// A new owner beside the history at `path`.
    pub(super) fn new(path: &Path) -> io::Result<Self> {
        let directory = path.with_added_extension("owners");
        make_directory(&directory)?;
        let random = RandomState::new().build_hasher().finish();
        let name = format!("{}-{random:016x}", std::process::id());
        let mut options = File::options();
        options.create_new(true).write(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        // Under a name that nobody looks at until it is locked: else another process could take it for that of a dead one.
        let unlocked = directory.join(format!("{UNLOCKED}{name}"));
        let file = options.open(&unlocked)?;
        let locked = match file.try_lock() {
            Ok(()) => Ok(()),
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
            Err(TryLockError::Error(error)) => Err(error),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
        };
        if let Err(error) = locked.and_then(|()| fs::rename(&unlocked, directory.join(&name))) {
            // What cannot be removed is an empty file that nobody looks at.
            let _ = fs::remove_file(&unlocked);
            return Err(error);
        }
        Ok(Self { directory, name, _file: file })
    }

    /// The part of the name that was drawn by lot.
    pub(super) fn mark(&self) -> &str {
        self.name.split_once('-').map_or(&self.name, |(_, mark)| mark)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // What cannot be removed is an empty file that nobody locks.
        let _ = fs::remove_file(self.directory.join(&self.name));
    }
}

/// Whether the owner called `name` is alive.
pub(super) fn is_alive(path: &Path, name: &str) -> bool {
    let lock = path.with_added_extension("owners").join(name);
    let file = match File::options().write(true).open(&lock) {
        Ok(file) => file,
        Err(error) => return error.kind() != io::ErrorKind::NotFound,
    };
    // An owner writes runs only after it has locked its file, so whose file can be locked is dead.
    file.try_lock().is_err()
}

/// Removes the files of the dead, but for `kept`, whose runs are still theirs.
pub(super) fn sweep(path: &Path, kept: &[String]) {
    let Ok(found) = fs::read_dir(path.with_added_extension("owners")) else { return };
    for entry in found.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !kept.contains(&name) && !name.starts_with(UNLOCKED) && !is_alive(path, &name) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
