//! Holds the crates to the tables of `docs/architecture.md`: who may import whom, and which library stays behind which wall.
//!
//! The tables are read where people read them, so they cannot drift. Tests' own imports are free.

mod document;
mod rules;
#[cfg(test)]
mod tests;
mod workspace;

use std::{fs, path::Path};

use crate::{
    layers::{document::Document, rules::Report, workspace::Package},
    problem::Problem,
    process::CommandLine,
};

/// Where the tables stand.
const DOCUMENT: &str = "docs/architecture.md";

/// Compares the document with the workspace, and prints what was found.
pub(crate) fn run(root: &Path) -> Result<(), Problem> {
    let read = |path: &Path| fs::read_to_string(path).map_err(|error| Problem::file(path, &error));
    let document = Document::parse(&read(&root.join(DOCUMENT))?)
        .map_err(|what| Problem::failed(format!("{DOCUMENT}: {what}")))?;
    let metadata = CommandLine::cargo("metadata --format-version 1 --no-deps --offline").output(root)?;
    let packages = Package::read_all(&metadata)?;
    let lock = read(&root.join("Cargo.lock"))?;
    print_report(&rules::check(&document, &packages, &workspace::locked_packages(&lock)))
}

fn print_report(report: &Report) -> Result<(), Problem> {
    println!("{:>4}  {:20}  imports", "rank", "crate");
    for line in &report.lines {
        println!("{line}");
    }
    println!("walls: {} checked against {} imports from outside", report.walls, report.outside);
    let (crates, planned, arrows) = (report.crates, report.planned, report.arrows);
    if report.problems.is_empty() {
        println!("layers: {crates} crates, {arrows} arrows, ok ({planned} planned)");
        return Ok(());
    }
    let problems = report.problems.join("\n  ");
    Err(Problem::failed(format!("layers: {} problems\n  {problems}", report.problems.len())))
}
