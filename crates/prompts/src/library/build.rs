//! Builds a library: the built-in files first, then the user's over them, each checked before it is used.

use std::collections::{BTreeMap, BTreeSet};

use async_orchestrator_core::{Domain, content_hash};

use super::{Entry, Shelf};
use crate::{
    TEMPLATE_VERSION, TemplateInfo, TemplateProblem, TemplateSource,
    catalog::{Purpose, SPECS, TemplateSpec},
    check, engine,
    pack::{self, PACKS},
    stand_in,
    suggest::nearest,
};

/// How long a template or pack may be, in bytes.
const FILE_BYTES_MAX: usize = 64 * 1024;
/// How many overrides there may be: every template and a pack for a hundred fields.
const FILES_MAX: usize = 128;

/// A library under construction.
struct Builder {
    shelf: Shelf,
    problems: Vec<TemplateProblem>,
}

/// The built-in files with `files` over them, or every problem of every file.
pub(super) fn shelf(
    files: impl IntoIterator<Item = (String, String)>,
) -> Result<Shelf, Vec<TemplateProblem>> {
    let environment =
        engine::environment().map_err(|error| vec![check::syntax_problem("templates", &error)])?;
    let mut builder = Builder {
        shelf: Shelf { environment, packs: BTreeMap::new(), entries: Vec::new() },
        problems: Vec::new(),
    };
    for spec in &SPECS {
        builder.add_template(spec, spec.text.to_owned(), TemplateSource::BuiltIn);
    }
    for (file, text) in PACKS {
        builder.add_pack(file, text.to_owned(), TemplateSource::BuiltIn);
    }
    let mut seen = BTreeSet::new();
    for (file, text) in files {
        // A folder read on Windows.
        let file = file.replace('\\', "/");
        if seen.len() == FILES_MAX {
            builder.refuse(
                &file,
                format!("there are more than {FILES_MAX} overrides; take away those that are not needed"),
            );
            break;
        }
        if seen.insert(file.clone()) {
            builder.add_override(&file, &text);
        } else {
            builder.refuse(&file, "this file was given twice".to_owned());
        }
    }
    if builder.problems.is_empty() { Ok(builder.shelf) } else { Err(builder.problems) }
}

impl Builder {
    fn add_override(&mut self, file: &str, text: &str) {
        if text.len() > FILE_BYTES_MAX {
            let message = format!("the file has {} bytes; at most {FILE_BYTES_MAX} are read", text.len());
            return self.refuse(file, message);
        }
        // As an editor on Windows leaves it.
        let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
        if let Some(at) = text.find(stand_in::is_foreign) {
            let message = "the file holds a control character; take it out".to_owned();
            let line = Some(pack::line_at(&text, at));
            return self.problems.push(TemplateProblem {
                file: file.to_owned(),
                line,
                placeholder: None,
                message,
            });
        }
        match SPECS.iter().find(|spec| spec.name == file) {
            Some(spec) if spec.purpose == Purpose::DataRule => {
                let message =
                    "this rule cannot be overridden: it keeps other people's text from giving orders";
                self.refuse(file, message.to_owned());
            }
            Some(spec) => self.add_template(spec, text, TemplateSource::Override),
            None if pack::domain_of(file).is_some() => self.add_pack(file, text, TemplateSource::Override),
            None => self.refuse(file, unknown_file(file)),
        }
    }

    fn add_template(&mut self, spec: &'static TemplateSpec, text: String, source: TemplateSource) {
        if let Err(error) = self.shelf.environment.add_template_owned(spec.name, text.clone()) {
            return self.problems.push(check::syntax_problem(spec.name, &error));
        }
        // The built-in ones pass the same checks in the tests of this crate; here they would cost milliseconds at each start.
        if source == TemplateSource::Override {
            let found = check::problems(&self.shelf.environment, spec, &text);
            self.problems.extend(found);
        }
        self.enter(spec.name, text, source, spec.placeholders(), spec.required());
    }

    fn add_pack(&mut self, file: &str, text: String, source: TemplateSource) {
        match pack::read(file, &text) {
            Ok((domain, pack)) => {
                if let Some(missing) = pack.missing().filter(|_| domain == Domain::GENERAL) {
                    return self.refuse(
                        file,
                        format!("`{missing}` is missing: the other packs fall back to this one"),
                    );
                }
                self.shelf.packs.insert(domain, pack);
                self.enter(file, text, source, Vec::new(), Vec::new());
            }
            Err(problems) => self.problems.extend(problems),
        }
    }

    fn enter(
        &mut self,
        name: &str,
        text: String,
        source: TemplateSource,
        placeholders: Vec<&'static str>,
        required: Vec<&'static str>,
    ) {
        let hash = content_hash(text.as_bytes());
        let name = name.to_owned();
        let info = TemplateInfo { name, version: TEMPLATE_VERSION, source, placeholders, required, hash };
        let entry = Entry { info, text };
        match self.shelf.entries.iter_mut().find(|known| known.info.name == entry.info.name) {
            Some(known) => *known = entry,
            None => self.shelf.entries.push(entry),
        }
    }

    fn refuse(&mut self, file: &str, message: String) {
        self.problems.push(TemplateProblem { file: file.to_owned(), line: None, placeholder: None, message });
    }
}

fn unknown_file(file: &str) -> String {
    let known = SPECS.iter().filter(|spec| spec.purpose != Purpose::DataRule).map(|spec| spec.name);
    let near = nearest(file, known).map(|near| format!(", did you mean `{near}`?")).unwrap_or_default();
    format!("no template or pack has this name{near} (`orchestrator prompts list` shows them all)")
}
