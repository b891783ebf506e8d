//! Writes the configuration file so that it is there as a whole or not at all, and is its owner's alone.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// What happens to a file that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Existing {
    Kept,
    Replaced,
}

/// Why the file was not written.
#[derive(Debug)]
pub(super) enum Refusal {
    Exists,
    Directory,
    Io(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Whether `path` may be written, as far as can be told by looking.
pub(super) fn check(path: &Path, existing: Existing) -> Result<(), Refusal> {
    match fs::symlink_metadata(path) {
        _ if path.is_dir() => Err(Refusal::Directory),
        // A device or a pipe is no file to be replaced.
        Ok(_) if path.exists() && !path.is_file() => Err(Refusal::Exists),
        Ok(_) if existing == Existing::Kept => Err(Refusal::Exists),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Puts `text` into the file at `path`, with mode 0600; missing directories are made, with mode 0700.
pub(super) fn write(path: &Path, text: &str, existing: Existing) -> Result<(), Refusal> {
    check(path, existing)?;
    // People keep such files elsewhere and link them: the link stays and its file is replaced.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let directory = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    directories().create(directory)?;
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let draft = directory.join(format!(".{name}.{}", std::process::id()));
    let mut file = private().open(&draft)?;
    let draft = Draft(draft);
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft.0, &target)?;
    // The name is in the directory; not every system can flush one.
    if let Ok(directory) = File::open(directory) {
        let _ = directory.sync_all();
    }
    Ok(())
}

/// A file under a name of its own. It goes, unless it was renamed.
struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn directories() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// A new file that nobody else may read, and that is not somebody's trap of the same name.
fn private() -> OpenOptions {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_kept_unless_it_may_be_replaced_and_nothing_else_is_left() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("new/config.toml");
        write(&path, "one", Existing::Kept).unwrap();
        assert!(matches!(write(&path, "two", Existing::Kept), Err(Refusal::Exists)));
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        write(&path, "two", Existing::Replaced).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert!(matches!(write(place.path(), "x", Existing::Replaced), Err(Refusal::Directory)));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_its_owners_alone_and_a_link_to_it_stays_one() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let place = tempfile::tempdir().unwrap();
        let (real, link) = (place.path().join("real.toml"), place.path().join("config.toml"));
        fs::write(&real, "old").unwrap();
        symlink(&real, &link).unwrap();
        write(&link, "new", Existing::Replaced).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "new");
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
