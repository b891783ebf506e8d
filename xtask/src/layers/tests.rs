//! Broken tables and broken workspaces, each with the sentence that must be said about it.

use std::collections::BTreeSet;

use super::{
    document::Document,
    rules::{Report, check},
    workspace::{Package, locked_packages},
};

const DOCUMENT: &str = "
# Layers
| rank | crate | charter | may import | state |
|---|---|---|---|---|
| 0 | `core` | words | none | built |
| 1 | `providers` | wire | `core` | built |
| 1 | `tally` | votes | `core` | built |
| 1 | `store` | disk | `core` | planned |
| 2 | `council` | runs | `core`, `tally` | built |
| - | `tests` | tests | all | built |

| wall | libraries | where | why |
|---|---|---|---|
| HTTP client | `hyper-rustls`, `hyper/client`, `hyper-util/client*` | only `providers` | one transport |
| pure | `tokio`, `tokio-*` | not `core`, `tally` | decisions need no runtime |
| crypto | `aws-lc-*` | nowhere | two in one tree panic |
";

/// A workspace that obeys the document, changed by `edits`: `folder += dependency` in the form of [`dependency`].
fn packages(edits: &[(&str, &str)]) -> Vec<Package> {
    let mut crates = vec![
        ("crates/core", "async-orchestrator-core", vec!["serde"]),
        (
            "crates/providers",
            "async-orchestrator-providers",
            vec!["async-orchestrator-core", "hyper/client", "hyper-rustls", "tokio"],
        ),
        (
            "crates/tally",
            "async-orchestrator-tally",
            vec!["async-orchestrator-core", "dev tokio", "dev async-orchestrator-council"],
        ),
        (
            "crates/council",
            "async-orchestrator-council",
            vec!["async-orchestrator-core", "async-orchestrator-tally"],
        ),
        ("tests", "integration-tests", vec!["async-orchestrator-council", "hyper/client"]),
    ];
    for (folder, added) in edits {
        match crates.iter_mut().find(|(known, ..)| known == folder) {
            Some((.., dependencies)) => dependencies.push(added),
            None => crates.push((folder, added, Vec::new())),
        }
    }
    let packages: Vec<serde_json::Value> = crates
        .into_iter()
        .map(|(folder, name, dependencies)| {
            let dependencies: Vec<_> = dependencies.into_iter().map(dependency).collect();
            serde_json::json!({
                "name": name,
                "manifest_path": format!("/repo/{folder}/Cargo.toml"),
                "dependencies": dependencies,
                "features": {},
            })
        })
        .collect();
    let metadata = serde_json::json!({ "workspace_root": "/repo", "packages": packages });
    Package::read_all(&metadata.to_string()).unwrap()
}

/// `name`, `name/feature`, and `dev name`, as `cargo metadata` writes them.
fn dependency(text: &str) -> serde_json::Value {
    let (kind, text) = text.strip_prefix("dev ").map_or((None, text), |rest| (Some("dev"), rest));
    let (name, feature) = text.split_once('/').map_or((text, None), |(name, feature)| (name, Some(feature)));
    serde_json::json!({ "name": name, "kind": kind, "features": feature.into_iter().collect::<Vec<_>>() })
}

fn report(document: &str, edits: &[(&str, &str)]) -> Report {
    check(&Document::parse(document).unwrap(), &packages(edits), &BTreeSet::new())
}

/// The workspace with `edits` gives exactly one problem, which holds `expected`.
#[track_caller]
fn refused(edits: &[(&str, &str)], expected: &str) {
    let problems = report(DOCUMENT, edits).problems;
    assert!(problems.len() == 1 && problems[0].contains(expected), "{expected}: {problems:#?}");
}

/// The document with `from` replaced by `to` gives a problem, in reading or in comparing, which holds `expected`.
#[track_caller]
fn document_refused(from: &str, to: &str, expected: &str) {
    assert!(DOCUMENT.contains(from), "the document has no {from}");
    let problems = match Document::parse(&DOCUMENT.replacen(from, to, 1)) {
        Ok(document) => check(&document, &packages(&[]), &BTreeSet::new()).problems.join("\n"),
        Err(problem) => problem,
    };
    assert!(problems.contains(expected), "{expected}: {problems}");
}

#[test]
fn a_workspace_that_obeys_is_counted() {
    let report = report(DOCUMENT, &[]);
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!((report.crates, report.planned, report.arrows, report.walls), (5, 1, 5, 3));
    assert!(report.lines.iter().any(|line| line.contains("store") && line.contains("planned")));
    assert!(report.lines.iter().any(|line| line.ends_with("core, tally")));
}

#[test]
fn an_arrow_must_point_down_and_stand_in_its_row() {
    refused(
        &[("crates/core", "async-orchestrator-tally")],
        "`core` imports `tally`, which is not of lower rank",
    );
    refused(&[("crates/tally", "async-orchestrator-providers")], "not of lower rank");
    refused(&[("crates/council", "async-orchestrator-providers")], "not in its row");
    refused(&[("crates/council", "integration-tests")], "beside the product");
}

#[test]
fn a_wall_holds_for_packages_features_and_switched_features() {
    refused(
        &[("crates/council", "hyper-rustls")],
        "`council` imports `hyper-rustls` through the wall `HTTP client`",
    );
    refused(&[("crates/council", "hyper/client")], "`hyper/client`");
    refused(&[("crates/council", "hyper-util/client-legacy")], "`hyper-util/client-legacy`");
    refused(&[("crates/core", "tokio-stream")], "through the wall `pure`");
    for allowed in ["hyper/server", "hyper-util/tokio", "dev hyper-rustls", "tokio"] {
        assert_eq!(
            report(DOCUMENT, &[("crates/council", allowed)]).problems,
            Vec::<String>::new(),
            "{allowed}"
        );
    }
}

#[test]
fn a_feature_of_our_own_does_not_carry_a_library_through_a_wall() {
    let metadata = serde_json::json!({ "workspace_root": "/repo", "packages": [{
        "name": "async-orchestrator-council",
        "manifest_path": "/repo/crates/council/Cargo.toml",
        "dependencies": [dependency("hyper-util")],
        "features": { "direct": ["hyper-util?/client-legacy"] },
    }] });
    let packages = Package::read_all(&metadata.to_string()).unwrap();
    let report = check(&Document::parse(DOCUMENT).unwrap(), &packages, &BTreeSet::new());
    assert!(report.problems.iter().any(|problem| problem.contains("hyper-util/client-legacy")), "{report:?}");
}

#[test]
fn a_banned_library_is_found_behind_others() {
    let locked = locked_packages("[[package]]\nname = \"aws-lc-sys\"\nversion = \"1\"\n");
    let report = check(&Document::parse(DOCUMENT).unwrap(), &packages(&[]), &locked);
    assert_eq!(report.problems, ["`aws-lc-sys` is in Cargo.lock, but the wall `crypto` bans it"]);
}

#[test]
fn table_and_folders_must_agree() {
    refused(&[("crates/extra", "async-orchestrator-extra")], "crates/extra has no row");
    refused(
        &[("crates/store", "async-orchestrator-store")],
        "`store` is `planned` in the table, but crates/store exists",
    );
    document_refused("votes | `core` | built", "votes | `core` | planned", "`tally` is `planned`");
    document_refused("disk | `core` | planned", "disk | `core` | built", "there is no such folder");
}

#[test]
fn a_folder_names_its_package() {
    let mut packages = packages(&[]);
    packages[1].name = "providers".to_owned();
    let report = check(&Document::parse(DOCUMENT).unwrap(), &packages, &BTreeSet::new());
    assert_eq!(
        report.problems,
        ["crates/providers holds the package `providers`, not `async-orchestrator-providers`"]
    );
}

#[test]
fn the_table_itself_is_checked() {
    document_refused("| 0 | `core`", "| 3 | `core`", "sort the table by rank");
    document_refused("votes | `core`", "votes | `providers`", "`tally` may import `providers` by the table");
    document_refused("votes | `core`", "votes | `heart`", "`heart`, which has no row");
    document_refused("votes | `core`", "votes | all", "may not import `all`");
    document_refused("| 1 | `tally`", "| 1 | `core`", "`core` has two rows");
    document_refused("| 1 | `tally`", "| one | `tally`", "`one` is no rank");
    document_refused("votes | `core` | built", "votes | `core` | done", "neither `built` nor `planned`");
    document_refused("votes | `core` | built", "votes | `core`", "4 cells instead of 5");
    document_refused("votes | `core`", "votes | core and tally", "`core and tally` is no name");
    document_refused("may import", "imports", "may import | state |` is missing");
}

#[test]
fn walls_that_guard_nothing_are_refused() {
    document_refused("only `providers`", "only `transport`", "`transport`, which has no row");
    document_refused("only `providers`", "in `providers`", "is none of");
    document_refused("| one transport", "| ", "a wall needs a reason");
    document_refused("`aws-lc-*`", "`hyper/client`", "cannot be looked up in the lock file");
    document_refused("`tokio-*`", "`*-tokio`", "at the end only");
}
