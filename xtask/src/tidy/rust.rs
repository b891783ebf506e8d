//! Rules for Rust files.

use super::{Finding, mask::mask};
use crate::tree::SourceFile;

/// The most lines of a file. Past 400 look for the seam; the rest is room for a last paragraph.
const LINES_MAX: usize = 450;

/// The most lines of a file of tests, which is read in pieces.
const TEST_LINES_MAX: usize = 700;

/// Macros that stand for unfinished work or for a look at it.
const UNFINISHED: &[&str] = &["todo!", "unimplemented!", "dbg!"];

pub(super) fn check(file: &SourceFile) -> Vec<Finding> {
    let mut findings = shape(file);
    let code = mask(&file.text);
    for (index, line) in code.lines().enumerate() {
        let at = index + 1;
        for name in UNFINISHED.iter().filter(|name| contains_word(line, name)) {
            findings.push(Finding::new(&file.path, at, format!("`{name}` is unfinished work: finish it")));
        }
        if contains_word(line, "#[ignore") {
            findings.push(Finding::new(
                &file.path,
                at,
                "a test that is ignored guards nothing: make it run or delete it",
            ));
        }
    }
    findings.extend(silenced(file, &code));
    findings
}

fn shape(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    if file.name() == "mod.rs" {
        findings.push(Finding::new(
            &file.path,
            1,
            "put it beside its folder: `name.rs` and `name/`, never `mod.rs`",
        ));
    }
    let reason = file.text.lines().next().and_then(|line| line.strip_prefix("//!"));
    if reason.is_none_or(|reason| reason.trim().is_empty()) {
        findings.push(Finding::new(
            &file.path,
            1,
            "the first line must be a `//!` that says the file's one reason to exist",
        ));
    }
    let lines = file.text.lines().count();
    let lines_max = if is_tests(file) { TEST_LINES_MAX } else { LINES_MAX };
    if lines > lines_max {
        findings.push(Finding::new(
            &file.path,
            lines,
            format!("{lines} lines, at most {lines_max} are allowed: split it along a seam"),
        ));
    }
    findings
}

fn is_tests(file: &SourceFile) -> bool {
    file.name() == "tests.rs" || file.path.starts_with("tests/") || file.path.contains("/tests/")
}

/// Lints that are switched off without saying why.
fn silenced(file: &SourceFile, code: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for keyword in ["allow", "expect"] {
        for (start, _) in code.match_indices(&format!("{keyword}(")) {
            if !in_attribute(&code[..start]) {
                continue;
            }
            let inside = parenthesised(&code[start + keyword.len()..]);
            if !inside.split(',').any(|part| part.trim_start().starts_with("reason")) {
                let line = code[..start].matches('\n').count() + 1;
                let message = format!(
                    "`{keyword}` without a reason: write #[expect(lint, reason = \"...\")], or mend what the lint found"
                );
                findings.push(Finding::new(&file.path, line, message));
            }
        }
    }
    findings
}

/// Whether code that ends like `before` is inside the brackets of an attribute, directly or within `cfg_attr(...)`.
fn in_attribute(before: &str) -> bool {
    let Some(open) = before.rfind("#[").into_iter().chain(before.rfind("#![")).max() else { return false };
    let inside = before[open..].trim_start_matches(['#', '!', '[']).trim();
    inside.is_empty() || (inside.starts_with("cfg_attr(") && inside.ends_with(','))
}

/// What stands between the parenthesis at the start of `code` and the one that closes it.
fn parenthesised(code: &str) -> &str {
    let mut depth = 0_usize;
    for (index, c) in code.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth <= 1 => return &code[1..index],
            ')' => depth -= 1,
            _ => {}
        }
    }
    code.get(1..).unwrap_or_default()
}

/// Whether `word` stands in `line` and no letter comes right before it.
fn contains_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}
