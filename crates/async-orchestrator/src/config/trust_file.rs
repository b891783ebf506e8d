//! The file of a table of trust: read whole or not at all, written beside its place and renamed, by one process at a time.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use async_orchestrator_tally::{InvalidTrust, Trust};

use super::Settings;
use crate::trust::KeptTrust;

/// The most bytes of a table's file.
pub const FILE_BYTES_MAX: u64 = 16 << 20;

/// How much of a reader's complaint is repeated: it may quote the file.
const WHY_CHARS_MAX: usize = 160;

/// Where a table of trust is kept.
///
/// ```
/// use async_orchestrator::trust::{Labelled, TrustFile, TrustFileError};
///
/// # fn main() -> Result<(), TrustFileError> {
/// # let directory = std::env::temp_dir().join(format!("trust-doc-{}", std::process::id()));
/// let file = TrustFile::at(directory.join("trust.json"));
/// assert!(file.read()?.is_none());
/// file.change(|kept| {
///     kept.table.count(&Labelled { class: "fact", votes: vec![("openai:gpt-5.5", "A")], truth: "A" });
///     Ok::<_, TrustFileError>(())
/// })?;
/// assert_eq!(file.read()?.unwrap().table.members["openai:gpt-5.5"].all.right, 1.0);
/// # std::fs::remove_dir_all(directory).unwrap();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustFile {
    path: PathBuf,
}

/// Why a table's file cannot be used. Each names the file and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustFileError {
    /// It cannot be read.
    #[error("{}: the table of trust cannot be read: {source}; give the file to this user, or name another one", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is too large for a table.
    #[error("{}: a table of trust has at most {FILE_BYTES_MAX} bytes: name another file, or move this one away", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// It is no table at all, or a part of one.
    #[error("{}: this is no table of trust, or a damaged one ({why}): move it away or remove it, then import or learn a new one", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        why: String,
    },
    /// It is a table that cannot be used, or the changed one could not be.
    #[error("{}: {source}: move it away or remove it, then import or learn a new one", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: InvalidTrust,
    },
    /// It cannot be written.
    #[error("{}: the table of trust cannot be written: {source}; the old one is still there", .path.display())]
    NotWritten {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl TrustFile {
    /// The table at `path`. Nothing is read.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The table; `None` where there is no file.
    ///
    /// # Errors
    /// If there is a file and it cannot be read, is larger than 16 MiB, or holds no usable table.
    pub fn read(&self) -> Result<Option<KeptTrust>, TrustFileError> {
        let unreadable = |source| TrustFileError::Unreadable { path: self.path.clone(), source };
        let file = match File::open(&self.path) {
            Ok(file) => file,
            // Below something that is no directory there is no table either.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(unreadable(error)),
        };
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(TrustFileError::TooLarge { path: self.path.clone() });
        }
        let kept: KeptTrust = serde_json::from_slice(&bytes).map_err(|error| {
            let why = error.to_string().chars().take(WHY_CHARS_MAX).collect();
            TrustFileError::Damaged { path: self.path.clone(), why }
        })?;
        self.check(&kept)?;
        Ok(Some(kept))
    }

    /// Reads the table (an empty one where there is no file), lets `change` change it, and puts the changed one in its place. If `change` fails
    /// nothing is written. Where the file system knows locks, changes of several processes happen one after the other.
    ///
    /// # Errors
    /// As for [`read`](Self::read), those of `change`, and if the changed table cannot be used or written.
    pub fn change<T, E: From<TrustFileError>>(
        &self,
        change: impl FnOnce(&mut KeptTrust) -> Result<T, E>,
    ) -> Result<T, E> {
        let _lock = self.lock()?;
        let mut kept = self.read()?.unwrap_or_default();
        let outcome = change(&mut kept)?;
        self.put(&kept)?;
        Ok(outcome)
    }

    /// Writes `kept` in place of whatever is there, also of what is damaged.
    ///
    /// # Errors
    /// If `kept` cannot be used, is larger than 16 MiB as a file, or cannot be written.
    pub fn replace(&self, kept: &KeptTrust) -> Result<(), TrustFileError> {
        let _lock = self.lock()?;
        self.put(kept)
    }

    /// Writes `exported` ([`KeptTrust::exported`]) into this file, in place of whatever is there, for somebody who only reads it: no lock is
    /// taken or left.
    ///
    /// # Errors
    /// As for [`replace`](Self::replace); the directory must be there.
    pub fn export(&self, exported: &KeptTrust) -> Result<(), TrustFileError> {
        self.put(exported)
    }

    /// Removes the file, whatever is in it. Says whether there was one.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove(&self) -> Result<bool, TrustFileError> {
        match fs::remove_file(&self.path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.not_written(error)),
        }
    }

    fn check(&self, kept: &KeptTrust) -> Result<(), TrustFileError> {
        kept.table.check().map_err(|source| TrustFileError::Invalid { path: self.path.clone(), source })
    }

    fn not_written(&self, source: io::Error) -> TrustFileError {
        TrustFileError::NotWritten { path: self.path.clone(), source }
    }

    /// The right to change the file; it ends with the returned value. The empty lock file stays: removing it would let two processes lock two
    /// files of one name.
    fn lock(&self) -> Result<File, TrustFileError> {
        let refused = |error| self.not_written(error);
        if let Some(directory) = self.path.parent() {
            fs::create_dir_all(directory).map_err(refused)?;
        }
        let file = private().truncate(false).open(self.path.with_added_extension("lock")).map_err(refused)?;
        match file.lock() {
            Ok(()) => Ok(file),
            // Some network file systems know no locks. Two changes at once may then lose one of them, but never a whole table.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(file),
            Err(error) => Err(refused(error)),
        }
    }

    fn put(&self, kept: &KeptTrust) -> Result<(), TrustFileError> {
        self.check(kept)?;
        let mut text = serde_json::to_vec_pretty(kept)
            .map_err(|error| TrustFileError::Damaged { path: self.path.clone(), why: error.to_string() })?;
        text.push(b'\n');
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(TrustFileError::TooLarge { path: self.path.clone() });
        }
        let beside = self.path.with_added_extension(format!("{}.tmp", std::process::id()));
        // What an earlier process of this number left behind is not followed and not reused.
        let _ = fs::remove_file(&beside);
        let written = write(&beside, &text).and_then(|()| fs::rename(&beside, &self.path));
        if written.is_err() {
            let _ = fs::remove_file(&beside);
        }
        written.map_err(|error| self.not_written(error))?;
        // The rename itself is in the directory; not every system can flush one.
        if let Some(Ok(directory)) = self.path.parent().map(File::open) {
            let _ = directory.sync_all();
        }
        Ok(())
    }
}

fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = private().create_new(true).open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

/// For files that are their owner's affair: who is asked what, and how often it was right.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

impl Settings {
    /// The file of the table of trust, whether it is used or not, and whether it is there or not.
    pub fn trust_file(&self) -> TrustFile {
        let usual = || self.directories.state.join("trust.json");
        TrustFile::at(self.trust.file.clone().unwrap_or_else(usual))
    }
}

/// Reads the table that `settings` name, for [`trust`](crate::AsyncOrchestratorBuilder::trust); `None` where none is wanted or there is none yet.
/// The command does so on its own; a library's user decides. It blocks for a moment.
///
/// # Errors
/// If there is a file and it cannot be used.
pub fn open_trust(settings: &Settings) -> Result<Option<Trust>, TrustFileError> {
    if !settings.trust.enabled {
        return Ok(None);
    }
    Ok(settings.trust_file().read()?.map(|kept| kept.table))
}

#[cfg(test)]
mod tests {
    use async_orchestrator_tally::Labelled;

    use super::*;

    fn table(count: usize) -> Trust {
        let question = |n: usize| Labelled {
            class: "fact",
            votes: vec![("a:x", "A"), ("b:y", if n.is_multiple_of(3) { "B" } else { "A" })],
            truth: "A",
        };
        Trust::learn(&(0..count).map(question).collect::<Vec<_>>())
    }

    fn place() -> (tempfile::TempDir, TrustFile) {
        let directory = tempfile::tempdir().unwrap();
        let file = TrustFile::at(directory.path().join("state/trust.json"));
        (directory, file)
    }

    #[test]
    fn what_is_read_back_is_what_was_written_to_the_bit() {
        let (_directory, file) = place();
        let mut kept = KeptTrust { table: table(40), ..KeptTrust::default() };
        for n in 0..500 {
            kept.table.decay(crate::trust::FEEDBACK_DECAY);
            kept.table.count_review("b:y", n % 3 == 0, n % 2 == 0);
        }
        file.replace(&kept).unwrap();
        assert_eq!(file.read().unwrap().unwrap(), kept);
        let names: Vec<String> = fs::read_dir(file.path().parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(names.len(), 2, "the table and its lock, nothing half-written: {names:?}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(file.path()).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn what_is_no_table_is_named_with_its_path_and_stays_as_it_is() {
        let (_directory, file) = place();
        assert!(file.read().unwrap().is_none() && !file.remove().unwrap());
        fs::create_dir_all(file.path().parent().unwrap()).unwrap();
        let wrong_number = r#"{"schema": "ao/trust/1", "members": {"a:x": {"answered": 1.0, "right": 2.0}}}"#;
        for (text, said) in [
            ("", "damaged"),
            ("{\"schema\": \"ao/tr", "damaged"),
            ("[1, 2]", "damaged"),
            ("{\"schema\": \"ao/trust/9\"}", "ao/trust/9"),
            (wrong_number, "a:x"),
        ] {
            fs::write(file.path(), text).unwrap();
            let changed = file.change(|_| Ok::<_, TrustFileError>(())).unwrap_err().to_string();
            assert_eq!(file.read().unwrap_err().to_string(), changed);
            assert!(changed.contains(said) && changed.contains("trust.json"), "{changed}");
            assert_eq!(fs::read_to_string(file.path()).unwrap(), text);
        }
        let large = File::create(file.path()).unwrap();
        large.set_len(FILE_BYTES_MAX + 1).unwrap();
        assert!(matches!(file.read(), Err(TrustFileError::TooLarge { .. })));
        file.replace(&KeptTrust { table: table(3), ..KeptTrust::default() }).unwrap();
        assert_eq!(file.read().unwrap().unwrap().table, table(3));
        assert!(file.remove().unwrap());
    }

    #[test]
    fn a_change_that_fails_or_spoils_the_table_writes_nothing() {
        let (_directory, file) = place();
        file.replace(&KeptTrust { table: table(3), ..KeptTrust::default() }).unwrap();
        let refused = file.change(|kept| {
            kept.table = Trust::default();
            Err::<(), _>(TrustFileError::TooLarge { path: PathBuf::new() })
        });
        assert!(refused.is_err());
        let spoiled = file.change(|kept| {
            kept.table.members.get_mut("a:x").unwrap().all.right = f64::NAN;
            Ok::<_, TrustFileError>(())
        });
        assert!(matches!(spoiled, Err(TrustFileError::Invalid { .. })));
        assert_eq!(file.read().unwrap().unwrap().table, table(3));
    }

    #[test]
    fn changes_at_the_same_time_happen_one_after_the_other() {
        let (_directory, file) = place();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..5 {
                        let review = |kept: &mut KeptTrust| {
                            kept.table.count_review("a:x", true, true);
                            Ok::<_, TrustFileError>(())
                        };
                        file.change(review).unwrap();
                    }
                });
            }
        });
        let reviews = file.read().unwrap().unwrap().table.members["a:x"].reviews.unwrap();
        assert_eq!((reviews.of_right, reviews.hits), (40.0, 40.0));
    }
}
