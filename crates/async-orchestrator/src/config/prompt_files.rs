//! Reads a directory of the user's own prompts. What is in them is checked by the prompt library.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// How many files a directory of prompts may hold.
const FILES_MAX: usize = 200;
/// How long one of them may be, in bytes. The library has its own, smaller limit; this one keeps a wrong directory from being read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The files of `directory` and of its folders one level down, as (name relative to it, text). Hidden files and READMEs are passed over.
///
/// # Errors
/// If the directory or a file in it cannot be read, with what to do about it.
pub fn prompt_files(directory: &Path) -> Result<Vec<(String, String)>, String> {
    let mut files = Vec::new();
    for path in entries(directory)? {
        if path.is_dir() {
            for inner in entries(&path)?.into_iter().filter(|inner| inner.is_file()) {
                files.push(read(directory, &inner)?);
            }
        } else {
            files.push(read(directory, &path)?);
        }
        if files.len() > FILES_MAX {
            return Err(format!(
                "{}: more than {FILES_MAX} files; name a directory that holds prompts alone",
                directory.display()
            ));
        }
    }
    files.sort();
    Ok(files)
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error: io::Error| {
        format!(
            "the directory of prompts {} cannot be read ({error}): check prompts.directory",
            directory.display()
        )
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)?.take(FILES_MAX + 1) {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        if !name.starts_with('.') && !name.starts_with("readme") {
            paths.push(path);
        }
    }
    Ok(paths)
}

fn read(directory: &Path, path: &Path) -> Result<(String, String), String> {
    let length = fs::metadata(path).map(|metadata| metadata.len()).unwrap_or_default();
    if length > FILE_BYTES_MAX {
        return Err(format!("{}: {length} bytes are no prompt; take the file out", path.display()));
    }
    let text = fs::read_to_string(path)
        .map_err(|error| format!("{}: cannot be read as text ({error})", path.display()))?;
    let name = path.strip_prefix(directory).unwrap_or(path).to_string_lossy().replace('\\', "/");
    Ok((name, text))
}
