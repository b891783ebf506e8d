//! `prompts`: lists, shows and checks the templates that the models are told, built in and of the user's own.

use std::path::Path;

use async_orchestrator::{CollaborativePromptLibrary, TemplateInfo, TemplateSource, prompt_files};
use serde_json::{Value, json};

use super::{
    columns::columns,
    words::{count, near},
};
use crate::{
    args::{Global, Prompts, PromptsAction},
    exit::{Exit, Failure},
    output,
    settings::load,
};

/// How much of a hash tells templates apart at a glance.
const HASH_SHOWN: usize = "blake3:".len() + 12;

pub(crate) fn run(global: &Global, prompts: Prompts) -> Result<(), Failure> {
    match prompts.action {
        PromptsAction::List { json } => {
            let templates = configured(global)?.templates();
            if json {
                return output::json(&templates.iter().map(template_json).collect::<Vec<_>>());
            }
            list(&templates).iter().try_for_each(|line| output::line(line))
        }
        PromptsAction::Show { name } => show(&configured(global)?, &name),
        PromptsAction::Check { directory: Some(directory) } if !directory.is_dir() => {
            Err(Failure::new(Exit::Usage, format!("{}: there is no such directory", directory.display())))
        }
        PromptsAction::Check { directory: Some(directory) } => check(Some(&directory)),
        PromptsAction::Check { directory: None } => {
            check(load(global)?.settings.prompts.directory.as_deref())
        }
    }
}

fn configured(global: &Global) -> Result<CollaborativePromptLibrary, Failure> {
    library(load(global)?.settings.prompts.directory.as_deref())
}

/// The built-in templates with those of `directory` laid over them.
pub(super) fn library(directory: Option<&Path>) -> Result<CollaborativePromptLibrary, Failure> {
    let files = match directory {
        Some(directory) => prompt_files(directory).map_err(|problem| Failure::new(Exit::Config, problem))?,
        None => Vec::new(),
    };
    let library = CollaborativePromptLibrary::with_overrides(files);
    library.map_err(|error| {
        let place = directory.map(|directory| format!("{}: ", directory.display())).unwrap_or_default();
        Failure::new(Exit::Config, format!("{place}{error}"))
    })
}

fn show(library: &CollaborativePromptLibrary, name: &str) -> Result<(), Failure> {
    if let Some(text) = library.source(name) {
        return output::line(text.trim_end());
    }
    let templates = library.templates();
    let advice = match near(name, templates.iter().map(|template| template.name.as_str())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => String::from("`orchestrator prompts list` shows every name"),
    };
    Err(Failure::new(Exit::Usage, format!("there is no prompt `{name}`: {advice}")))
}

fn check(directory: Option<&Path>) -> Result<(), Failure> {
    let templates = library(directory)?.templates();
    let own: Vec<&str> = own_names(&templates);
    let verdict = match (directory, own.as_slice()) {
        (None, _) => {
            format!("ok: {} built-in prompts; no directory of your own is configured", templates.len())
        }
        (Some(directory), []) => {
            format!("ok: {} holds no prompt; the built-in ones are used", directory.display())
        }
        (Some(directory), own) => {
            format!("ok: {} in {}: {}", count(own.len(), "prompt"), directory.display(), own.join(", "))
        }
    };
    output::line(&verdict)
}

/// The names of those that are the user's.
pub(super) fn own_names(templates: &[TemplateInfo]) -> Vec<&str> {
    let own = templates.iter().filter(|template| template.source == TemplateSource::Override);
    own.map(|template| template.name.as_str()).collect()
}

fn list(templates: &[TemplateInfo]) -> Vec<String> {
    let head = ["name", "version", "source", "hash", "placeholders"].map(str::to_owned);
    let row = |template: &TemplateInfo| {
        [
            template.name.clone(),
            template.version.to_owned(),
            source_word(template.source).to_owned(),
            template.hash.chars().take(HASH_SHOWN).collect(),
            template.placeholders.join(" "),
        ]
    };
    columns(&[head].into_iter().chain(templates.iter().map(row)).collect::<Vec<_>>())
}

const fn source_word(source: TemplateSource) -> &'static str {
    match source {
        TemplateSource::BuiltIn => "built_in",
        TemplateSource::Override => "override",
    }
}

fn template_json(template: &TemplateInfo) -> Value {
    json!({
        "name": template.name,
        "version": template.version,
        "source": source_word(template.source),
        "hash": template.hash,
        "placeholders": template.placeholders,
        "required": template.required,
    })
}
