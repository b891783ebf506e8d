//! The rules themselves: a pure comparison of the document with the workspace.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    document::{Document, Imports, Layer, Place, Rank, State, Wall},
    workspace::{Dependency, Package, Scope},
};

/// What the comparison found.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// One line for each row of the layer table.
    pub(super) lines: Vec<String>,
    pub(super) problems: Vec<String>,
    /// Rows that exist, planned rows, and imports between our own crates.
    pub(super) crates: usize,
    pub(super) planned: usize,
    pub(super) arrows: usize,
    pub(super) walls: usize,
    /// Imports of libraries from outside that the walls were held against.
    pub(super) outside: usize,
}

/// Compares `document` with `packages`, and the forbidden libraries with the names in the lock file.
pub(super) fn check(document: &Document, packages: &[Package], locked: &BTreeSet<String>) -> Report {
    let mut report = Report { walls: document.walls.len(), ..Report::default() };
    report.problems.extend(table_problems(&document.layers));
    report.problems.extend(wall_problems(document));

    let folders: BTreeMap<&str, &str> =
        packages.iter().map(|package| (package.name.as_str(), row_name(package))).collect();
    for layer in &document.layers {
        let package = packages.iter().find(|package| row_name(package) == layer.name);
        match (layer.state, package) {
            (State::Built, Some(package)) => check_crate(layer, package, document, &folders, &mut report),
            (State::Planned, None) => {
                report.planned += 1;
                report.lines.push(line(layer, "(planned)"));
            }
            (State::Built, None) => report
                .problems
                .push(format!("`{}` is `built` in the table, but there is no such folder", layer.name)),
            (State::Planned, Some(package)) => report
                .problems
                .push(format!("`{}` is `planned` in the table, but {} exists", layer.name, package.folder)),
        }
    }
    for package in packages {
        if !document.layers.iter().any(|layer| layer.name == row_name(package)) {
            report.problems.push(format!("{} has no row in the table", package.folder));
        }
    }
    for wall in document.walls.iter().filter(|wall| wall.place == Place::Nowhere) {
        for name in locked.iter().filter(|name| wall.libraries.iter().any(|library| matches(library, name))) {
            report.problems.push(format!("`{name}` is in Cargo.lock, but the wall `{}` bans it", wall.name));
        }
    }
    report
}

/// The table itself: every crate once, in the order of ranks, importing downwards only.
fn table_problems(layers: &[Layer]) -> Vec<String> {
    let mut problems = Vec::new();
    for (index, layer) in layers.iter().enumerate() {
        let name = &layer.name;
        if layers[..index].iter().any(|earlier| earlier.name == *name) {
            problems.push(format!("`{name}` has two rows in the table"));
        }
        if index > 0 && layers[index - 1].rank > layer.rank {
            problems.push(format!("`{name}` stands below a crate of higher rank: sort the table by rank"));
        }
        let Imports::These(imports) = &layer.imports else {
            if layer.rank != Rank::Beside {
                problems.push(format!("`{name}` may not import `all`: name the crates"));
            }
            continue;
        };
        for import in imports {
            match layers.iter().find(|other| other.name == *import) {
                None => {
                    problems.push(format!("`{name}` may import `{import}`, which has no row in the table"));
                }
                Some(other) if other.rank >= layer.rank => problems.push(format!(
                    "`{name}` may import `{import}` by the table, but that is not of lower rank"
                )),
                Some(_) => {}
            }
        }
    }
    problems
}

/// A wall must name crates that exist in the table, or it guards nothing.
fn wall_problems(document: &Document) -> Vec<String> {
    let known = |name: &String| document.layers.iter().any(|layer| layer.name == *name);
    let mut problems = Vec::new();
    for wall in &document.walls {
        if let Place::Only(crates) | Place::NotIn(crates) = &wall.place {
            problems.extend(crates.iter().filter(|name| !known(name)).map(|name| {
                format!("the wall `{}` names `{name}`, which has no row in the layer table", wall.name)
            }));
        }
    }
    problems
}

fn check_crate(
    layer: &Layer,
    package: &Package,
    document: &Document,
    folders: &BTreeMap<&str, &str>,
    report: &mut Report,
) {
    report.crates += 1;
    report.problems.extend(name_problem(package));
    let mut imports = BTreeSet::new();
    for dependency in package.dependencies.iter().filter(|dependency| dependency.scope == Scope::Product) {
        if let Some(import) = folders.get(dependency.name.as_str()) {
            if imports.insert(*import) {
                report.problems.extend(import_problem(layer, import, &document.layers));
            }
        } else {
            report.outside += 1;
            let broken = document.walls.iter().filter_map(|wall| broken_wall(wall, layer, dependency));
            report.problems.extend(broken);
        }
    }
    report.arrows += imports.len();
    let imports: Vec<_> = imports.into_iter().collect();
    report.lines.push(line(layer, if imports.is_empty() { "-".to_owned() } else { imports.join(", ") }));
}

/// The folder's name is the package's name behind `async-orchestrator-`, so that `ls crates` is the map.
fn name_problem(package: &Package) -> Option<String> {
    let folder = package.folder.strip_prefix("crates/")?;
    let expected = match folder {
        "async-orchestrator" => folder.to_owned(),
        _ => format!("async-orchestrator-{folder}"),
    };
    (package.name != expected)
        .then(|| format!("{} holds the package `{}`, not `{expected}`", package.folder, package.name))
}

fn import_problem(layer: &Layer, import: &str, layers: &[Layer]) -> Option<String> {
    let name = &layer.name;
    let allowed = match &layer.imports {
        Imports::All => true,
        Imports::These(imports) => imports.iter().any(|allowed| allowed == import),
    };
    // An import without a row of its own is reported as such elsewhere.
    let other = layers.iter().find(|other| other.name == import)?;
    if other.rank == Rank::Beside {
        Some(format!("`{name}` imports `{import}`, which stands beside the product"))
    } else if other.rank >= layer.rank {
        Some(format!("`{name}` imports `{import}`, which is not of lower rank"))
    } else if allowed {
        None
    } else {
        Some(format!(
            "`{name}` imports `{import}`, which is not in its row: a new arrow needs a decision record"
        ))
    }
}

fn broken_wall(wall: &Wall, layer: &Layer, dependency: &Dependency) -> Option<String> {
    let allowed = match &wall.place {
        // What stands beside the product ships nothing; a ban holds for it too, through the lock file.
        _ if layer.rank == Rank::Beside => true,
        Place::Only(crates) => crates.contains(&layer.name),
        Place::NotIn(crates) => !crates.contains(&layer.name),
        Place::Nowhere => true,
    };
    if allowed {
        return None;
    }
    let with_features = dependency.features.iter().map(|feature| format!("{}/{feature}", dependency.name));
    std::iter::once(dependency.name.clone())
        .chain(with_features)
        .find(|name| wall.libraries.iter().any(|library| matches(library, name)))
        .map(|name| format!("`{}` imports `{name}` through the wall `{}`", layer.name, wall.name))
}

/// Whether `name` (a package, or package and feature) is meant by `library`.
fn matches(library: &str, name: &str) -> bool {
    match library.strip_suffix('*') {
        Some(start) => name.starts_with(start) && start.contains('/') == name.contains('/'),
        None => library == name,
    }
}

/// The name of a package's row: its folder, without `crates/`.
fn row_name(package: &Package) -> &str {
    package.folder.strip_prefix("crates/").unwrap_or(&package.folder)
}

fn line(layer: &Layer, imports: impl AsRef<str>) -> String {
    let rank = match layer.rank {
        Rank::Ranked(rank) => rank.to_string(),
        Rank::Beside => "-".to_owned(),
    };
    format!("{rank:>4}  {:20}  {}", layer.name, imports.as_ref())
}
