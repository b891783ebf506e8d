//! Domain packs: what a role should pay attention to in one field, and the headings of that field for very small models.

use std::collections::BTreeMap;

use async_orchestrator_core::{Domain, Role, Section};
use serde::Deserialize;

use crate::{TemplateProblem, stand_in};

/// The folder of the packs.
const FOLDER: &str = "domains/";
/// The ending of a pack's file name.
const ENDING: &str = ".toml";
/// How long one text of a pack may be, in bytes: it is part of every prompt of its role.
const TEXT_BYTES_MAX: usize = 4096;
/// How long a title, a persona or a heading may be, in bytes.
const PHRASE_BYTES_MAX: usize = 80;
/// How many sections a compact text has.
const HEADINGS: std::ops::RangeInclusive<usize> = 2..=4;
/// How many tokens a section may have: below, no sentence ends; above, a very small model repeats itself.
const SECTION_TOKENS: std::ops::RangeInclusive<u32> = 16..=60;

/// The built-in packs, the general one first: the others fall back to it.
pub(crate) static PACKS: [(&str, &str); 6] = [
    ("domains/general.toml", include_str!("../templates/v1/domains/general.toml")),
    (
        "domains/software_architecture.toml",
        include_str!("../templates/v1/domains/software_architecture.toml"),
    ),
    ("domains/research.toml", include_str!("../templates/v1/domains/research.toml")),
    ("domains/mathematics.toml", include_str!("../templates/v1/domains/mathematics.toml")),
    ("domains/writing.toml", include_str!("../templates/v1/domains/writing.toml")),
    ("domains/business.toml", include_str!("../templates/v1/domains/business.toml")),
];

/// A pack as it stands in its file. What is left out comes from the general pack.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DomainPack {
    pub(crate) title: String,
    #[serde(default)]
    guidance: BTreeMap<Role, String>,
    #[serde(default)]
    compact: CompactPart,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct CompactPart {
    persona: Option<String>,
    headings: Option<Vec<String>>,
    plan_headings: Option<Vec<String>>,
    section_tokens: Option<u32>,
}

/// Which of a pack's two lists of headings a text is written under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Skeleton {
    /// An answer.
    Answer,
    /// Steps to take.
    Plan,
}

impl DomainPack {
    /// What the role should pay attention to; nothing, if the pack does not say.
    pub(crate) fn guidance(&self, role: Role) -> Option<&str> {
        self.guidance.get(&role).map(|text| text.trim())
    }

    pub(crate) fn persona(&self) -> Option<&str> {
        self.compact.persona.as_deref()
    }

    pub(crate) fn section_tokens(&self) -> Option<u32> {
        self.compact.section_tokens
    }

    pub(crate) fn headings(&self, skeleton: Skeleton) -> Option<&[String]> {
        match skeleton {
            Skeleton::Answer => self.compact.headings.as_deref(),
            Skeleton::Plan => self.compact.plan_headings.as_deref(),
        }
    }

    /// The sections of a text, what this pack leaves out taken from `general`.
    pub(crate) fn sections(&self, general: &Self, skeleton: Skeleton) -> Vec<Section> {
        let tokens_max =
            self.section_tokens().or(general.section_tokens()).unwrap_or(*SECTION_TOKENS.start());
        let headings = self.headings(skeleton).or(general.headings(skeleton)).unwrap_or_default();
        headings.iter().map(|heading| Section { heading: heading.clone(), tokens_max }).collect()
    }

    /// The first part that the general pack would have to lend, if there is one.
    pub(crate) fn missing(&self) -> Option<String> {
        let role = Role::ALL.into_iter().find(|role| self.guidance(*role).is_none());
        let part = [
            ("persona", self.compact.persona.is_none()),
            ("headings", self.compact.headings.is_none()),
            ("plan_headings", self.compact.plan_headings.is_none()),
            ("section_tokens", self.compact.section_tokens.is_none()),
        ];
        let part = part.into_iter().find(|(_, missing)| *missing).map(|(name, _)| format!("compact.{name}"));
        role.map(|role| format!("guidance.{role}")).or(part)
    }

    /// What is wrong with the pack's values.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        phrase(&mut faults, "title", &self.title);
        for (role, text) in &self.guidance {
            let name = format!("guidance.{role}");
            if text.trim().is_empty() || text.len() > TEXT_BYTES_MAX {
                faults.push(format!("`{name}` needs a text of at most {TEXT_BYTES_MAX} bytes"));
            }
            plain(&mut faults, &name, text);
        }
        if let Some(persona) = self.persona() {
            phrase(&mut faults, "compact.persona", persona);
        }
        for (name, headings) in
            [("headings", &self.compact.headings), ("plan_headings", &self.compact.plan_headings)]
        {
            let Some(headings) = headings else { continue };
            let name = format!("compact.{name}");
            if !HEADINGS.contains(&headings.len()) {
                faults.push(format!("`{name}` needs {} to {} headings", HEADINGS.start(), HEADINGS.end()));
            }
            for heading in headings {
                phrase(&mut faults, &name, heading);
            }
        }
        if self.section_tokens().is_some_and(|tokens| !SECTION_TOKENS.contains(&tokens)) {
            let (low, high) = (SECTION_TOKENS.start(), SECTION_TOKENS.end());
            faults.push(format!("`compact.section_tokens` is a number from {low} to {high}"));
        }
        faults
    }
}

fn phrase(faults: &mut Vec<String>, name: &str, text: &str) {
    if text.trim().is_empty() || text.len() > PHRASE_BYTES_MAX || text.contains('\n') {
        faults.push(format!("`{name}` needs one line of at most {PHRASE_BYTES_MAX} bytes"));
    }
    plain(faults, name, text);
}

fn plain(faults: &mut Vec<String>, name: &str, text: &str) {
    if text.contains(stand_in::is_foreign) {
        faults.push(format!("`{name}` holds a control character; take it out"));
    }
    if text.contains("{{") || text.contains("{%") {
        faults.push(format!(
            "`{name}` holds a placeholder, but a domain pack is plain text: nothing is filled in"
        ));
    }
}

/// The domain that a pack's file is for, or `None` if `file` does not name a pack.
pub(crate) fn domain_of(file: &str) -> Option<&str> {
    file.strip_prefix(FOLDER)?.strip_suffix(ENDING)
}

/// The file of a domain's pack.
pub(crate) fn file_of(domain: &Domain) -> String {
    format!("{FOLDER}{domain}{ENDING}")
}

/// Reads and checks a pack.
pub(crate) fn read(file: &str, text: &str) -> Result<(Domain, DomainPack), Vec<TemplateProblem>> {
    let problem = |line, message| TemplateProblem { file: file.to_owned(), line, placeholder: None, message };
    let name = domain_of(file).unwrap_or_default();
    let domain: Domain = match name.parse() {
        Ok(domain) if file_of(&domain) == file => domain,
        _ => {
            let message =
                "a pack is named domains/NAME.toml; NAME has lower-case letters, digits and `_`, at most 40";
            return Err(vec![problem(None, message.to_owned())]);
        }
    };
    let pack: DomainPack = toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| line_at(text, span.start));
        vec![problem(line, one_line(error.message()))]
    })?;
    let faults = pack.faults();
    if faults.is_empty() {
        return Ok((domain, pack));
    }
    Err(faults.into_iter().map(|fault| problem(None, fault)).collect())
}

/// The line, from 1, in which the byte at `offset` stands.
pub(crate) fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
