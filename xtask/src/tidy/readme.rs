//! Rules for the documents at the root: the README's code compiles, the change log has a place for the next change.

use super::{Finding, markdown};
use crate::tree::{SourceFile, Tree};

const README: &str = "README.md";
const CHANGELOG: &str = "CHANGELOG.md";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(file) = tree.file(README) {
        findings.extend(code(file, tree));
    }
    if let Some(file) = tree.file(CHANGELOG)
        && !file.text.lines().any(|line| line.trim_end() == "## [Unreleased]")
    {
        findings.push(Finding::new(CHANGELOG, 1, "has no section `## [Unreleased]`"));
    }
    findings
}

/// Rust code in the README must be compiled, which happens where a crate takes the file in as documentation.
fn code(readme: &SourceFile, tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, words) in markdown::code_blocks(&readme.text) {
        let mut words = words.split(',').map(str::trim);
        if words.next() != Some("rust") {
            continue;
        }
        if words.any(|word| word == "ignore") {
            findings.push(Finding::new(
                README,
                line,
                "code that is ignored may be wrong: let it compile (`no_run` is enough)",
            ));
        } else if !tree.files.iter().any(takes_in_readme) {
            let message = "this code is compiled by no test: take the README in as documentation with \
                #[doc = include_str!(\"...\")] in a library crate";
            findings.push(Finding::new(README, line, message));
        }
    }
    findings
}

/// Whether `file` is a library's source with the README in its documentation. Only libraries have doctests.
fn takes_in_readme(file: &SourceFile) -> bool {
    let mut parts = file.path.split('/');
    let in_library = parts.next() == Some("crates") && parts.nth(1) == Some("src");
    let up = "../".repeat(file.path.matches('/').count());
    let wanted = format!("doc=include_str!(\"{up}{README}\")");
    in_library
        && file.extension() == "rs"
        && file.text.lines().any(|line| {
            let line = line.trim_start();
            line.starts_with('#') && line.replace(' ', "").contains(&wanted)
        })
}
