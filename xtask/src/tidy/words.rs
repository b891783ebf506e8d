//! Words that must not stand in the tree: addresses of package registries, paths of one machine, notes to oneself.
//!
//! The patterns are spelled in pieces, so that this file does not name what it looks for.

use super::Finding;
use crate::tree::SourceFile;

/// Who installs uses his own registry and mirror: a host name in the tree sends him elsewhere.
const REGISTRIES: &[&str] = &[
    concat!("crates", ".io"),
    concat!("py", "pi.org"),
    concat!("pythonhosted", ".org"),
    concat!("registry", ".npmjs"),
    concat!("deb", ".debian.org"),
];

/// Paths that exist on one machine only.
const MACHINE_PATHS: &[&str] = &[
    concat!("/wo", "rk/main"),
    concat!("/wo", "rk/shared"),
    concat!("/wo", "rk/steering"),
    concat!("/wo", "rk/."),
    concat!("/tm", "p/bash_jobs"),
    concat!("/tm", "p/brief"),
    concat!("/ro", "ot/"),
];

/// The address of the model's hub is a fact of the code that fetches the model, and nobody else's.
const HUB: &str = concat!("hugging", "face.co");

/// Promises that were not kept.
const NOTES: &[&str] = &[concat!("FIX", "ME"), concat!("XX", "X")];

/// Files that tools write: they name registries by themselves.
const LOCK_FILES: &[&str] = &["Cargo.lock", "package-lock.json"];

/// Kinds of files that hold code.
const CODE: &[&str] = &["rs", "py", "sh", "ts", "tsx", "js", "toml", "j2"];

pub(super) fn check(file: &SourceFile) -> Vec<Finding> {
    if LOCK_FILES.contains(&file.name()) {
        return Vec::new();
    }
    let is_code = CODE.contains(&file.extension());
    let mut findings = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let mut found = |word: &&str, what: &str| {
            findings.push(Finding::new(&file.path, index + 1, format!("`{word}` {what}")));
        };
        let in_line = |word: &&&str| line.contains(**word);
        if let Some(word) = REGISTRIES.iter().find(in_line) {
            found(word, "is a package registry's host name: leave the choice to the client");
        }
        if let Some(word) = MACHINE_PATHS.iter().find(|path| contains_path(line, path)) {
            found(word, "is a path of one machine");
        }
        if let Some(word) = [HUB].iter().find(in_line).filter(|_| file.extension() != "rs") {
            found(word, "is the model hub's address, which stands in the code only");
        }
        if let Some(word) = NOTES.iter().find(|word| is_code && contains_word(line, word)) {
            found(word, "is a note to oneself: do it now or open an issue");
        }
    }
    findings
}

/// Whether `path` stands in `line` from its beginning, not as the end of a longer path.
fn contains_path(line: &str, path: &str) -> bool {
    line.match_indices(path)
        .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-}".contains(c)))
}

fn contains_word(line: &str, word: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        !line[..at].ends_with(part_of_word) && !line[at + word.len()..].starts_with(part_of_word)
    })
}
