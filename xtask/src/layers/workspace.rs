//! What the workspace really holds: its packages as `cargo metadata` tells of them, and the names in the lock file.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::problem::Problem;

/// A package of the workspace.
#[derive(Clone, Debug)]
pub(super) struct Package {
    /// Its folder from the root, such as `crates/core`.
    pub(super) folder: String,
    pub(super) name: String,
    pub(super) dependencies: Vec<Dependency>,
}

/// Something that a package imports directly.
#[derive(Clone, Debug)]
pub(super) struct Dependency {
    pub(super) name: String,
    /// The features that it is imported with, also those that a feature of the package switches on.
    pub(super) features: Vec<String>,
    pub(super) scope: Scope,
}

/// What a dependency is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// The package itself, or its build script.
    Product,
    /// Its tests, examples and benches.
    Tests,
}

impl Package {
    /// Reads what `cargo metadata --no-deps` printed.
    pub(super) fn read_all(metadata: &str) -> Result<Vec<Self>, Problem> {
        let metadata: Value = serde_json::from_str(metadata)
            .map_err(|error| Problem::failed(format!("cargo metadata printed no JSON: {error}")))?;
        let root = text(&metadata, "workspace_root")?;
        list(&metadata, "packages")?.iter().map(|package| Self::read(package, &root)).collect()
    }

    fn read(package: &Value, root: &str) -> Result<Self, Problem> {
        let manifest = text(package, "manifest_path")?.replace('\\', "/");
        let folder = manifest
            .strip_prefix(&root.replace('\\', "/"))
            .and_then(|path| path.strip_suffix("/Cargo.toml"))
            .ok_or_else(|| Problem::failed(format!("{manifest} does not stand below {root}")))?
            .trim_start_matches('/')
            .to_owned();
        let mut dependencies: Vec<Dependency> =
            list(package, "dependencies")?.iter().map(Dependency::read).collect::<Result<_, _>>()?;
        add_switched_features(&mut dependencies, package);
        Ok(Self { folder, name: text(package, "name")?, dependencies })
    }
}

impl Dependency {
    fn read(dependency: &Value) -> Result<Self, Problem> {
        let scope = if dependency["kind"] == "dev" { Scope::Tests } else { Scope::Product };
        let features =
            list(dependency, "features")?.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        Ok(Self { name: text(dependency, "name")?, features, scope })
    }
}

/// Adds what stands in the package's own features, as in `tls = ["hyper-util/client-legacy"]`.
fn add_switched_features(dependencies: &mut [Dependency], package: &Value) {
    let switches = package["features"].as_object().into_iter().flat_map(|features| features.values());
    for switch in switches.filter_map(Value::as_array).flatten().filter_map(Value::as_str) {
        let Some((name, feature)) = switch.split_once('/') else { continue };
        let name = name.trim_end_matches('?');
        for dependency in dependencies.iter_mut().filter(|dependency| dependency.name == name) {
            dependency.features.push(feature.to_owned());
        }
    }
}

/// The names of all packages in the lock file `lock`.
pub(super) fn locked_packages(lock: &str) -> BTreeSet<String> {
    lock.lines()
        .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
        .map(str::to_owned)
        .collect()
}

fn text(value: &Value, key: &str) -> Result<String, Problem> {
    value[key].as_str().map(str::to_owned).ok_or_else(|| missing(key))
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>, Problem> {
    value[key].as_array().ok_or_else(|| missing(key))
}

fn missing(key: &str) -> Problem {
    Problem::failed(format!("cargo metadata says nothing of `{key}`"))
}
