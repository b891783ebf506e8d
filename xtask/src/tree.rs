//! The text files of the repository, read once.

use std::{collections::BTreeSet, fs, path::Path};

use crate::problem::Problem;

/// Folders that hold no source of ours.
const SKIPPED_FOLDERS: &[&str] = &[".git", "target", "node_modules", "__pycache__", ".venv"];

/// Files that are ignored by git and may hold what must never be shown, even in a finding.
const SKIPPED_FILES: &[&str] = &[".env"];

/// Larger files are data, not text.
const TEXT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A text file of the repository.
#[derive(Clone, Debug)]
pub(crate) struct SourceFile {
    /// Its path from the root, with `/`.
    pub(crate) path: String,
    /// What it holds.
    pub(crate) text: String,
}

impl SourceFile {
    /// The last part of its path.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// What follows the last dot of its name; empty without one.
    pub(crate) fn extension(&self) -> &str {
        self.name().rsplit_once('.').map_or("", |(_, extension)| extension)
    }
}

/// The repository as the checks see it.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// The text files, in the order of their paths.
    pub(crate) files: Vec<SourceFile>,
    /// Every path that exists, files and folders, text or not.
    pub(crate) paths: BTreeSet<String>,
}

impl Tree {
    /// Reads the repository at `root`.
    pub(crate) fn read(root: &Path) -> Result<Self, Problem> {
        let mut tree = Self::default();
        tree.read_folder(root, "")?;
        tree.files.sort_by(|one, two| one.path.cmp(&two.path));
        Ok(tree)
    }

    /// The text file at `path`.
    pub(crate) fn file(&self, path: &str) -> Option<&SourceFile> {
        self.files.iter().find(|file| file.path == path)
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str) -> Result<(), Problem> {
        let failed = |error: std::io::Error| Problem::file(folder, &error);
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            if kind.is_dir() && !SKIPPED_FOLDERS.contains(&name.as_str()) {
                self.paths.insert(path.clone());
                self.read_folder(&entry.path(), &format!("{path}/"))?;
            } else if kind.is_file() && !SKIPPED_FILES.contains(&name.as_str()) {
                self.paths.insert(path.clone());
                self.read_file(&entry.path(), path)?;
            }
        }
        Ok(())
    }

    fn read_file(&mut self, file: &Path, path: String) -> Result<(), Problem> {
        let failed = |error: std::io::Error| Problem::file(file, &error);
        if fs::metadata(file).map_err(failed)?.len() > TEXT_BYTES_MAX {
            return Ok(());
        }
        // A file that is no UTF-8 is no text: a picture, a model.
        if let Ok(text) = String::from_utf8(fs::read(file).map_err(failed)?) {
            self.files.push(SourceFile { path, text });
        }
        Ok(())
    }
}

#[cfg(test)]
impl Tree {
    /// A repository of these paths and texts.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            let mut parent = *path;
            while let Some((folder, _)) = parent.rsplit_once('/') {
                tree.paths.insert(folder.to_owned());
                parent = folder;
            }
            tree.paths.insert((*path).to_owned());
            tree.files.push(SourceFile { path: (*path).to_owned(), text: (*text).to_owned() });
        }
        tree
    }
}
