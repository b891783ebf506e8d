//! Holds the requests that we send against descriptions that others wrote, by the Python checks in `tests/peers`.
//!
//! A check names its packages in a line `pip install ...` of its own documentation. Apart from installing them nothing here uses
//! a network: the requests are printed by an example of the providers crate, not sent.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::{options::Options, problem::Problem, process::CommandLine};

/// Where the checks stand.
const CHECKS_FOLDER: &str = "tests/peers";

/// Where they are run: their packages, and the requests under check.
const WORK_FOLDER: &str = "target/peers";

/// Prints one request body a line, for every format and setting.
const PRINT_REQUESTS: &str =
    "run --quiet --locked --package async-orchestrator-providers --example print_requests";

/// Runs every check against the document that `options` name.
pub(crate) fn run(root: &Path, options: &Options) -> Result<(), Problem> {
    let document = options.value("--openapi").ok_or_else(|| {
        Problem::usage("--openapi FILE is needed: OpenAI's published API description, as JSON")
    })?;
    let document = fs::canonicalize(document).map_err(|error| Problem::file(Path::new(document), &error))?;
    let checks = checks(&root.join(CHECKS_FOLDER))?;

    let work = root.join(WORK_FOLDER);
    fs::create_dir_all(&work).map_err(|error| Problem::file(&work, &error))?;
    let python = install(root, &work, &checks)?;

    let requests = work.join("requests.jsonl");
    let printed = CommandLine::cargo(PRINT_REQUESTS).output(root)?;
    if printed.trim().is_empty() {
        return Err(Problem::failed("the example print_requests printed no request"));
    }
    fs::write(&requests, &printed).map_err(|error| Problem::file(&requests, &error))?;

    for check in &checks {
        let line = CommandLine::new(python.to_string_lossy())
            .path(&check.path)
            .path(&requests)
            .argument("--openapi")
            .path(&document);
        println!("{line}");
        line.run(root)?;
    }
    println!("peers: {} checks, {} requests, ok", checks.len(), printed.lines().count());
    Ok(())
}

/// A check and the packages that it needs.
struct Check {
    path: PathBuf,
    packages: Vec<String>,
}

/// The files `check_*.py` of `folder`, in the order of their names.
fn checks(folder: &Path) -> Result<Vec<Check>, Problem> {
    let failed = |error: std::io::Error| Problem::file(folder, &error);
    let mut checks = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("check_") && Path::new(&name).extension().is_some_and(|end| end == "py") {
            let path = entry.path();
            let text = fs::read_to_string(&path).map_err(|error| Problem::file(&path, &error))?;
            checks.push(Check { packages: packages(&text), path });
        }
    }
    checks.sort_by(|one, two| one.path.cmp(&two.path));
    if checks.is_empty() {
        return Err(Problem::failed(format!("{} holds no check_*.py", folder.display())));
    }
    Ok(checks)
}

/// The packages behind the first `pip install` of a check's text.
fn packages(text: &str) -> Vec<String> {
    let line = text.lines().find_map(|line| line.split_once("pip install ").map(|(_, packages)| packages));
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.[]=<>~!,".contains(c);
    let command = line.and_then(|line| line.split('`').next());
    command
        .unwrap_or_default()
        .split_whitespace()
        .map(|word| word.trim_matches(['"', '\'']))
        .take_while(|word| !word.is_empty() && word.chars().all(plain))
        .filter(|word| !word.starts_with('-'))
        .map(|word| word.trim_end_matches(['.', ',']).to_owned())
        .collect()
}

/// A Python of our own below `work` with the packages that the script at `check` names.
pub(crate) fn python(root: &Path, work: &Path, check: &Path) -> Result<PathBuf, Problem> {
    let text = fs::read_to_string(check).map_err(|error| Problem::file(check, &error))?;
    install(root, work, &[Check { packages: packages(&text), path: check.to_owned() }])
}

/// Makes a Python of our own below `work` with the packages of all checks, and gives its path.
fn install(root: &Path, work: &Path, checks: &[Check]) -> Result<PathBuf, Problem> {
    let environment = work.join("venv");
    let python = environment.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    if !CommandLine::new(python.to_string_lossy()).words("-m pip --version").succeeds(root) {
        CommandLine::new("python3").words("-m venv --clear").path(&environment).run(root)?;
    }
    let packages: BTreeSet<&String> = checks.iter().flat_map(|check| &check.packages).collect();
    if !packages.is_empty() {
        let line = CommandLine::new(python.to_string_lossy())
            .words("-m pip install --quiet --disable-pip-version-check");
        packages.into_iter().fold(line, CommandLine::argument).run(root)?;
    }
    Ok(python)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_names_its_packages() {
        for (text, expected) in [
            (
                "\"\"\"Checks.\n\n    python -m pip install jsonschema anthropic\n\"\"\"",
                "jsonschema anthropic",
            ),
            ("# Needs: `pip install -q openai==2.1 'pydantic>=2'` and a file\n", "openai==2.1 pydantic>=2"),
            ("print('no packages')\n", ""),
        ] {
            assert_eq!(packages(text).join(" "), expected, "{text}");
        }
    }

    #[test]
    fn without_the_document_nothing_is_installed() {
        let options = Options::default();
        assert!(matches!(run(Path::new("."), &options), Err(Problem::Usage(_))));
    }
}
