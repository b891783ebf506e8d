//! Trees that break one rule each, with the place and the words of the finding.

use super::check;
use crate::tree::Tree;

/// A repository that obeys every rule.
const TIDY: &[(&str, &str)] = &[
    ("CHANGELOG.md", "# Changes\n\n## [Unreleased]\n"),
    ("CODE_OF_CONDUCT.md", "Be kind.\n"),
    ("CONTRIBUTING.md", "See [the map](docs/architecture.md#code-map) and [the crates](crates/).\n"),
    ("Cargo.toml", "[workspace]\nmembers = [\"crates/*\"]\n"),
    ("LICENSE", "MIT\n"),
    ("README.md", "# Name\n\n```rust,no_run\nfn main() {}\n```\n"),
    ("crates/facade/Cargo.toml", "[package]\nname = \"facade\"\n\n[lints]\nworkspace = true\n"),
    (
        "crates/facade/src/lib.rs",
        "//! The facade.\n#[cfg(doctest)]\n#[doc = include_str!(\"../../../README.md\")]\nstruct Readme;\n",
    ),
    ("docs/architecture.md", "# Architecture\n\n## Code map\n"),
];

/// The tidy repository with `path` set to `text` (or left out) gives exactly these findings.
#[track_caller]
fn findings(path: &str, text: Option<&str>, expected: &[&str]) {
    let mut files: Vec<_> = TIDY.iter().copied().filter(|(known, _)| *known != path).collect();
    files.extend(text.map(|text| (path, text)));
    let found: Vec<String> = check(&Tree::of(&files)).iter().map(ToString::to_string).collect();
    let as_expected = found.len() == expected.len()
        && expected.iter().all(|expected| found.iter().any(|found| found.contains(expected)));
    assert!(as_expected, "expected {expected:#?}, found {found:#?}");
}

fn rust(code: &str) -> String {
    format!("//! A file.\n{code}\n")
}

#[test]
fn a_tidy_tree_has_no_findings() {
    findings("crates/facade/src/more.rs", Some(&rust("fn f() {}")), &[]);
}

#[test]
fn a_rust_file_says_first_why_it_exists() {
    for text in ["fn f() {}\n", "\n//! Late.\n", "//!\nfn f() {}\n", "// Not a doc.\n", ""] {
        findings("crates/facade/src/a.rs", Some(text), &["src/a.rs:1: the first line must be"]);
    }
}

#[test]
fn files_have_a_size_and_a_place() {
    let long = |lines: usize| rust(&"fn f() {}\n".repeat(lines - 2));
    findings("crates/facade/src/a.rs", Some(&long(450)), &[]);
    findings("crates/facade/src/a.rs", Some(&long(451)), &["a.rs:451: 451 lines, at most 450"]);
    findings("crates/facade/src/a/tests.rs", Some(&long(700)), &[]);
    findings("tests/all/council.rs", Some(&long(701)), &["701 lines, at most 700"]);
    findings("crates/facade/src/a/mod.rs", Some(&rust("")), &["never `mod.rs`"]);
}

#[test]
fn unfinished_work_is_found_in_code_alone() {
    findings("crates/facade/src/a.rs", Some(&rust("fn f() {\n    todo!()\n}")), &["a.rs:3: `todo!`"]);
    findings("crates/facade/src/a.rs", Some(&rust("fn f() { not_dbg!(1); }")), &[]);
    findings("crates/facade/src/a.rs", Some(&rust("fn f() { std::dbg!(1); }")), &["`dbg!`"]);
    findings(
        "crates/facade/src/a.rs",
        Some(&rust("// todo!() is a macro\nconst A: &str = \"dbg!(1)\";")),
        &[],
    );
    findings(
        "crates/facade/src/a.rs",
        Some(&rust("#[test]\n#[ignore]\nfn f() {}")),
        &["a.rs:3: a test that is ignored"],
    );
    let note = rust(&format!("// {}: later", concat!("FIX", "ME")));
    findings("crates/facade/src/a.rs", Some(&note), &["note to oneself"]);
}

#[test]
fn a_silenced_lint_has_a_reason() {
    for code in ["#[allow(dead_code)]", "#![expect(clippy::all)]", "#[cfg_attr(test, allow(dead_code))]"] {
        findings("crates/facade/src/a.rs", Some(&rust(code)), &["a.rs:2: "]);
    }
    let reasoned = "#[expect(\n    clippy::too_many_lines,\n    reason = \"one arm an event\"\n)]\nfn f() { x.expect(\"y\"); allow(1); }";
    findings("crates/facade/src/a.rs", Some(&rust(reasoned)), &[]);
}

#[test]
fn links_lead_somewhere() {
    for (link, expected) in [
        ("[a](docs/missing.md)", "there is no docs/missing.md"),
        ("![a](docs/banner.svg \"title\")", "there is no docs/banner.svg"),
        ("[a](docs/architecture.md#charter)", "has no heading #charter"),
        ("[a](#nothing)", "has no heading #nothing"),
        ("[a](../other/file.md)", "out of the repository"),
        ("[a](/docs/architecture.md)", "out of the repository"),
        ("<img src=\"docs/banner.svg\">", "there is no docs/banner.svg"),
        ("[a]: docs/missing.md", "there is no docs/missing.md"),
    ] {
        findings("CONTRIBUTING.md", Some(link), &[expected]);
    }
    for link in [
        "[a](https://example.org/x) [b](docs/architecture.md) [c](docs/../LICENSE) [d](<docs>)",
        "`[a](missing.md)`",
        "```\n[a](missing.md)\n```",
        "# A b, c!\n[a](#a-b-c)",
        "[a](docs/architecture.md#code-map)",
    ] {
        findings("CONTRIBUTING.md", Some(link), &[]);
    }
    findings("docs/guide/first.md", Some("[a](../architecture.md) [b](../../LICENSE)"), &[]);
}

#[test]
fn paths_that_are_named_exist() {
    findings(
        "docs/a.md",
        Some("`crates/facade/src/gone.rs` it is"),
        &["`crates/facade/src/gone.rs` is named here"],
    );
    let fine = "`crates/facade/src/lib.rs`, `crates/facade/`, `crates/*`, `docs/a b`, `lib.rs`, `crates/odd";
    findings("docs/a.md", Some(fine), &[]);
}

#[test]
fn code_in_the_readme_is_compiled() {
    findings("crates/facade/src/lib.rs", Some(&rust("")), &["README.md:3: this code is compiled by no test"]);
    findings("README.md", Some("```rust,ignore\n```\n"), &["README.md:1: code that is ignored"]);
    let elsewhere = rust("// #[doc = include_str!(\"../../../README.md\")]");
    findings("crates/facade/src/lib.rs", Some(&elsewhere), &["compiled by no test"]);
}

#[test]
fn a_manifest_takes_the_lints_of_the_workspace() {
    let manifest = "crates/facade/Cargo.toml";
    findings(manifest, Some("[package]\nname = \"a\"\n"), &["lints are not in force"]);
    findings(
        manifest,
        Some("[lints]\n# workspace = true\n[dependencies]\nworkspace = true\n"),
        &["not in force"],
    );
    findings("crates/facade/fuzz/Cargo.toml", Some("[package]\nname = \"a\"\n[workspace]\n"), &[]);
}

#[test]
fn documents_and_their_sections_are_there() {
    findings("LICENSE", None, &["LICENSE:1: is missing"]);
    findings("CHANGELOG.md", Some("## 0.1.0\n"), &["`## [Unreleased]`"]);
}

#[test]
fn registries_machines_and_the_hub_are_not_named() {
    let registry = format!("get it from {}", concat!("crates", ".io"));
    findings("docs/a.md", Some(&registry), &["registry's host name"]);
    findings("Cargo.lock", Some(&registry), &[]);
    let path = format!("cd {}", concat!("/wo", "rk/main"));
    findings("docs/a.md", Some(&path), &["path of one machine"]);
    findings("docs/a.md", Some(&format!("the frame{}", &path[4..])), &[]);
    let hub = format!("//! {}\n", concat!("hugging", "face.co"));
    findings("docs/a.txt", Some(&hub), &["model hub's address"]);
    findings("crates/facade/src/a.rs", Some(&hub), &[]);
}
