//! `config`: writes a first configuration file, shows what is in force and where it comes from, checks the whole.

mod write;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use async_orchestrator::{
    AsyncOrchestrator, Directories, Discovered, Environment, NetworkSettings, TokioClock, discover, template,
    transport, trust::open_trust,
};

use super::{columns::columns, words::count};
use crate::{
    args::{Config, ConfigAction, Global},
    exit::{Exit, Failure},
    output, sanitize,
    settings::{Loaded, environment, load},
};
use write::{Existing, Refusal};

pub(crate) async fn run(global: &Global, config: Config) -> Result<(), Failure> {
    match config.action {
        ConfigAction::Init { stdout: true, .. } => {
            let found = look(&environment(global)?).await?;
            output::line(text(&found).trim_end())
        }
        ConfigAction::Init { force, .. } => {
            init(global, if force { Existing::Replaced } else { Existing::Kept }).await
        }
        ConfigAction::Show { json } => show(&load(global)?, if json { Form::Json } else { Form::Toml }),
        ConfigAction::Check => check(&load(global)?),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Toml,
    Json,
}

async fn init(global: &Global, existing: Existing) -> Result<(), Failure> {
    if global.no_config {
        return Err(Failure::new(
            Exit::Usage,
            "`config init` writes a file: leave --no-config out, or print it with --stdout",
        ));
    }
    let environment = environment(global)?;
    let path = place(global, &environment);
    // Looked at before the search, which takes a moment, and again by the writing itself.
    write::check(&path, existing).map_err(|refusal| refused(&path, &refusal))?;
    let found = look(&environment).await?;
    write::write(&path, &text(&found), existing).map_err(|refusal| refused(&path, &refusal))?;
    report(global, &path, &found).iter().try_for_each(|line| output::line(line))
}

/// The file's text. A server without a model would be a mistake in it: no seat could be filled.
fn text(found: &Discovered) -> String {
    let mut usable = found.clone();
    usable.servers.retain(|server| !server.models.is_empty());
    template(&usable)
}

/// What could be configured on this machine. Loopback needs neither proxy nor certificates, so no setting is read.
async fn look(environment: &Environment) -> Result<Discovered, Failure> {
    let transport = transport(&NetworkSettings::default(), Arc::new(TokioClock))?;
    Ok(discover(environment, &transport, &TokioClock).await)
}

/// The file that the next command will read.
pub(super) fn place(global: &Global, environment: &Environment) -> PathBuf {
    let named = global.config.clone().or_else(|| environment.value("ORCHESTRATOR_CONFIG").map(PathBuf::from));
    named.unwrap_or_else(|| Directories::from_environment(environment).config_file())
}

fn refused(path: &Path, refusal: &Refusal) -> Failure {
    let path = path.display();
    match refusal {
        Refusal::Exists => Failure::new(
            Exit::Usage,
            format!("{path} is there already: overwrite it with --force, or print with --stdout"),
        ),
        Refusal::Directory => {
            Failure::new(Exit::Usage, format!("{path} is a directory: name a file with --config"))
        }
        Refusal::Io(error) => Failure::new(
            Exit::Failed,
            format!(
                "{path} cannot be written ({error}): name another file with --config, or print with --stdout"
            ),
        ),
    }
}

fn report(global: &Global, path: &Path, found: &Discovered) -> Vec<String> {
    let mut lines = vec![format!("wrote {}", path.display()), String::from("found")];
    let keys = found.keys.iter().map(|key| [key.variable.clone(), format!("a key for {}", key.provider)]);
    let servers = found.servers.iter().map(|server| {
        let what =
            format!("{}, where {} usually listens", count(server.models.len(), "model"), server.product);
        [server.base_url.clone(), what]
    });
    let cells: Vec<_> = keys.chain(servers).collect();
    if cells.is_empty() {
        lines.push(String::from("  no key in the environment and no model server on this machine"));
    }
    lines.extend(columns(&cells));
    if let Some(file) = global.env_file.as_ref().filter(|_| !found.keys.is_empty()) {
        lines.push(format!(
            "  keys of {} count only for commands that name it with --env-file",
            file.display()
        ));
    }
    let flag = global.config.as_ref().map(|path| format!(" --config {}", path.display())).unwrap_or_default();
    lines.push(String::from("next"));
    lines.push(String::from("  edit the file: every setting stands in it, as a comment"));
    for server in found.servers.iter().filter(|server| server.models.is_empty()) {
        lines.push(format!("  {} was left out: give it a model, then add it to the file", server.base_url));
    }
    lines.push(format!("  orchestrator doctor{flag}"));
    lines.push(format!("  orchestrator ask{flag} \"your question\""));
    lines
}

fn show(loaded: &Loaded, form: Form) -> Result<(), Failure> {
    if form == Form::Json {
        return output::json(&loaded.settings.to_json());
    }
    output::line(sanitize::for_terminal(&loaded.settings.to_toml()).trim_end())?;
    warn(loaded);
    Ok(())
}

/// Builds everything that a question would need and calls nothing.
fn check(loaded: &Loaded) -> Result<(), Failure> {
    warn(loaded);
    let orchestrator = AsyncOrchestrator::builder().settings(loaded.settings.clone()).build()?;
    // The pack that is configured must be one of those that were loaded.
    if let Some(domain) = &loaded.settings.prompts.domain
        && !orchestrator.prompts().domains().contains(domain)
    {
        let known: Vec<String> = orchestrator.prompts().domains().iter().map(ToString::to_string).collect();
        let source = loaded.settings.sources().of("prompts.domain");
        let problem = format!(
            "{source}: prompts.domain: unknown domain `{domain}`: one of {} is expected",
            known.join(", ")
        );
        return Err(Failure::new(Exit::Config, problem));
    }
    open_trust(&loaded.settings)?;
    let file = loaded.settings.file.as_ref();
    let file = file
        .map_or_else(|| String::from("no file; defaults and environment"), |file| file.display().to_string());
    let panel = orchestrator.panel();
    let (seats, models) = (count(panel.seats().len(), "seat"), count(panel.models_count(), "model"));
    output::line(&format!("ok: {file} ({seats}, {models})"))?;
    let cells = panel.planned().into_iter().map(|planned| {
        let models: Vec<String> = planned.models.iter().map(ToString::to_string).collect();
        [planned.seat.to_string(), models.join(", then ")]
    });
    columns(&cells.collect::<Vec<_>>()).iter().try_for_each(|line| output::line(line))
}

fn warn(loaded: &Loaded) {
    for warning in loaded.settings.warnings() {
        output::note(&sanitize::for_terminal(&format!("warning: {warning}")));
    }
}
