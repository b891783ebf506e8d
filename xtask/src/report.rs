//! Lets others judge what is made of a history: a real browser opens the page of plots, Prometheus' own parser reads the totals.
//!
//! The history is made up by the lab. Node and Python install one package each below `target/report`; nothing else uses a network.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{options::Options, peers, problem::Problem, process::CommandLine};

const WORK_FOLDER: &str = "target/report";
const BROWSER_FOLDER: &str = "tests/browser";
const METRICS_CHECK: &str = "tests/peers/parse_metrics.py";
/// Councils of the history: enough for every plot.
const COUNCILS: &str = "3000";
/// Where Debian's package puts it.
const BROWSER: &str = "/usr/bin/chromium";

/// Makes a history, a page and totals, and has them checked.
pub(crate) fn run(root: &Path, options: &Options) -> Result<(), Problem> {
    let browser = PathBuf::from(options.value("--browser").unwrap_or(BROWSER));
    if !browser.exists() {
        let why = format!(
            "{}: no browser is there; install chromium, or name one with --browser",
            browser.display()
        );
        return Err(Problem::failed(why));
    }
    let work = root.join(WORK_FOLDER);
    // What an earlier run left would be added to.
    if work.join("data").exists() {
        fs::remove_dir_all(work.join("data")).map_err(|error| Problem::file(&work, &error))?;
    }
    fs::create_dir_all(work.join("data")).map_err(|error| Problem::file(&work, &error))?;
    let history = work.join("data/history.db");
    let settings = work.join("data/orchestrator.toml");
    let quoted = history.to_string_lossy().replace('\\', "\\\\");
    fs::write(&settings, format!("[history]\npath = \"{quoted}\"\n"))
        .map_err(|error| Problem::file(&settings, &error))?;
    CommandLine::cargo("run --quiet --locked --package async-orchestrator-lab --bin bench -- history")
        .path(&history)
        .argument(COUNCILS)
        .run(root)?;

    let command = "run --quiet --locked --package async-orchestrator-cli --";
    let page = work.join("report.html");
    CommandLine::cargo(command)
        .words("stats --config")
        .path(&settings)
        .words("--html")
        .path(&page)
        .run(root)?;
    for name in ["package.json", "package-lock.json", "report.mjs"] {
        let from = root.join(BROWSER_FOLDER).join(name);
        fs::copy(&from, work.join(name)).map_err(|error| Problem::file(&from, &error))?;
    }
    CommandLine::new("npm").words("ci --silent --no-audit --no-fund").run(&work)?;
    let picture = options.value("--picture").map_or_else(|| work.join("report.png"), |name| root.join(name));
    CommandLine::new("node").words("report.mjs").path(&page).path(&picture).path(&browser).run(&work)?;

    let totals = work.join("totals.prom");
    let written = CommandLine::cargo(command).words("metrics --config").path(&settings).output(root)?;
    fs::write(&totals, written).map_err(|error| Problem::file(&totals, &error))?;
    let python = peers::python(root, &work, &root.join(METRICS_CHECK))?;
    CommandLine::new(python.to_string_lossy()).path(&root.join(METRICS_CHECK)).path(&totals).run(root)
}
