//! The house rules that no compiler knows. Each finding names its file, its line and what to do.

mod manifests;
mod markdown;
mod mask;
mod readme;
mod rust;
#[cfg(test)]
mod tests;
mod words;

use std::{fmt, path::Path};

use crate::{problem::Problem, tree::Tree};

/// Something to put right.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    /// From 1.
    line: usize,
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// The documents that a stranger looks for first.
const DOCUMENTS: &[&str] = &[
    "README.md",
    "LICENSE",
    "CONTRIBUTING.md",
    "CODE_OF_CONDUCT.md",
    "CHANGELOG.md",
    "docs/architecture.md",
];

/// Reads the repository at `root` and prints what breaks a rule.
pub(crate) fn run(root: &Path) -> Result<(), Problem> {
    let tree = Tree::read(root)?;
    let findings = check(&tree);
    if findings.is_empty() {
        println!("tidy: {} files, ok", tree.files.len());
        return Ok(());
    }
    for finding in &findings {
        println!("{finding}");
    }
    Err(Problem::failed(format!("tidy: {} findings in {} files", findings.len(), tree.files.len())))
}

fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings: Vec<Finding> = DOCUMENTS
        .iter()
        .filter(|path| tree.file(path).is_none())
        .map(|path| Finding::new(path, 1, "is missing"))
        .collect();
    for file in &tree.files {
        findings.extend(words::check(file));
        match file.extension() {
            "rs" => findings.extend(rust::check(file)),
            "md" => findings.extend(markdown::check(file, tree)),
            "toml" => findings.extend(manifests::check(file)),
            _ => {}
        }
    }
    findings.extend(readme::check(tree));
    findings.sort();
    findings
}
