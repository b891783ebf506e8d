//! Rules for manifests: every crate takes the workspace's lints.

use super::Finding;
use crate::tree::SourceFile;

pub(super) fn check(file: &SourceFile) -> Vec<Finding> {
    if file.name() != "Cargo.toml" || section(&file.text, "workspace").is_some() {
        // A workspace of its own (the root, the fuzz crate) has no lints to take over.
        return Vec::new();
    }
    let inherited = section(&file.text, "lints")
        .is_some_and(|lines| lines.iter().any(|line| line.replace(' ', "") == "workspace=true"));
    if inherited {
        return Vec::new();
    }
    vec![Finding::new(
        &file.path,
        1,
        "the workspace's lints are not in force: add `[lints]` with `workspace = true`",
    )]
}

/// The lines of the table `name` of a TOML file, where it has one.
fn section<'a>(text: &'a str, name: &str) -> Option<Vec<&'a str>> {
    let header = format!("[{name}]");
    let mut lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    lines.find(|line| *line == header)?;
    Some(lines.take_while(|line| !line.starts_with('[')).collect())
}
