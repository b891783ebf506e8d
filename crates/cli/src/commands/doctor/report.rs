//! What the doctor found, and what follows from it. Plain data and decisions; nothing here looks or prints.

use std::{path::PathBuf, time::Duration};

use async_orchestrator::{EMBEDDED_PROVIDER, FoundServer, ModelRef, PlannedSeat, Reach, Role};

use crate::commands::weights::{BUILD, Build, ModelFile, Presence, megabytes};

pub(super) struct Report {
    pub(super) configuration: Configuration,
    pub(super) providers: Vec<Provider>,
    /// `None` where the configuration could not be read.
    pub(super) embedded: Option<Embedded>,
    pub(super) prompts: Prompts,
    pub(super) seating: Seating,
    pub(super) table_as_of: String,
    /// Model servers of this machine that are not configured.
    pub(super) servers: Vec<FoundServer>,
}

#[derive(Default)]
pub(super) struct Configuration {
    /// The file that was read.
    pub(super) file: Option<PathBuf>,
    /// The file that would be read if it were there.
    pub(super) usual: PathBuf,
    pub(super) problems: Vec<String>,
    pub(super) warnings: Vec<String>,
}

pub(super) struct Provider {
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) base_url: String,
    pub(super) key: String,
    pub(super) reach: Reach,
    pub(super) models: Result<Vec<String>, String>,
    pub(super) took: Duration,
}

pub(super) struct Embedded {
    pub(super) enabled: bool,
    pub(super) offline: bool,
    pub(super) files: Vec<ModelFile>,
}

#[derive(Default)]
pub(super) struct Prompts {
    pub(super) directory: Option<PathBuf>,
    pub(super) count: usize,
    pub(super) own: Vec<String>,
    pub(super) problems: Vec<String>,
}

#[derive(Default)]
pub(super) struct Seating {
    pub(super) seats: Vec<PlannedSeat>,
    pub(super) problems: Vec<String>,
}

/// Whether a model can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usable {
    Now,
    /// Its file is fetched first.
    AfterFetch,
    No,
}

impl Embedded {
    /// The file that would be run: the user's own stands first.
    fn file(&self) -> Option<&ModelFile> {
        self.files.first()
    }

    fn usable(&self) -> Usable {
        let Some(file) = self.file().filter(|_| self.enabled) else { return Usable::No };
        match file.presence {
            Presence::Ready | Presence::Unchecked => Usable::Now,
            // A file of the user's own comes from nowhere else.
            Presence::Partial(_) | Presence::Missing if self.offline || file.name.is_none() => Usable::No,
            Presence::Partial(_) | Presence::Missing => Usable::AfterFetch,
        }
    }
}

impl Report {
    /// Whether a question could be answered: some proposer has a model that can be asked. Everybody else may be absent.
    pub(super) fn can_answer(&self) -> bool {
        let proposers = self.seating.seats.iter().filter(|seat| seat.role == Role::Proposer);
        proposers.flat_map(|seat| &seat.models).any(|model| self.usable(model) != Usable::No)
    }

    pub(super) fn usable(&self, model: &ModelRef) -> Usable {
        if model.provider() == EMBEDDED_PROVIDER {
            return self.embedded.as_ref().map_or(Usable::No, Embedded::usable);
        }
        let provider = self.providers.iter().find(|provider| provider.name == model.provider());
        match provider.map(|provider| provider.reach) {
            Some(Reach::Listed | Reach::Unlisted) => Usable::Now,
            _ => Usable::No,
        }
    }

    /// What to do, the most urgent first; never empty.
    pub(super) fn next(&self) -> Vec<String> {
        if !self.configuration.problems.is_empty() {
            return vec![String::from(
                "correct what stands under `configuration`, then run `orchestrator doctor` again",
            )];
        }
        let mut next = Vec::new();
        if !self.seating.problems.is_empty() {
            next.push(String::from("put right what stands under `seats`: no question can be asked before"));
        }
        if !self.prompts.problems.is_empty() {
            next.push(String::from("put right the templates named under `prompts`"));
        }
        next.extend(self.providers.iter().filter_map(provider_advice));
        next.extend(self.missing_models());
        next.extend(self.servers.iter().map(|server| self.server_advice(server)));
        next.extend(self.embedded_advice());
        next.extend(self.variety_advice());
        if self.can_answer() {
            next.push(String::from("ask: orchestrator ask \"your question\""));
        } else if next.is_empty() {
            next.push(String::from(
                "set OPENAI_API_KEY or ANTHROPIC_API_KEY, or run `orchestrator config init`",
            ));
        }
        next
    }

    /// Models of seats that their server does not list. It may answer all the same, so this is a hint.
    fn missing_models(&self) -> Vec<String> {
        let mut seen = Vec::new();
        for model in self.seating.seats.iter().flat_map(|seat| &seat.models) {
            let provider = self.providers.iter().find(|provider| provider.name == model.provider());
            let Some(Ok(listed)) = provider.map(|provider| &provider.models) else { continue };
            if !listed.is_empty()
                && !listed.iter().any(|name| names(name, model.model()))
                && !seen.contains(&model)
            {
                seen.push(model);
            }
        }
        let hint = |model: &ModelRef| {
            format!(
                "{model} is not in its server's list: check the name with `orchestrator models list --remote`"
            )
        };
        seen.into_iter().map(hint).collect()
    }

    fn server_advice(&self, server: &FoundServer) -> String {
        let FoundServer { base_url, product, models, .. } = server;
        let what = match (models.is_empty(), &self.configuration.file) {
            (true, _) => "give it a model to use it",
            (false, None) => "`orchestrator config init` uses it",
            (false, Some(_)) => "`orchestrator config init --stdout` shows what to add to the file",
        };
        format!("a model server answers at {base_url}, where {product} usually listens: {what}")
    }

    fn embedded_advice(&self) -> Option<String> {
        let embedded = self.embedded.as_ref()?;
        let mut models = self.seating.seats.iter().flat_map(|seat| &seat.models);
        if BUILD == Build::Without || !models.any(|model| model.provider() == EMBEDDED_PROVIDER) {
            return None;
        }
        let file = embedded.file()?;
        match embedded.usable() {
            Usable::AfterFetch => {
                let size = file.bytes.map_or_else(String::new, |bytes| format!(" ({})", megabytes(bytes)));
                Some(format!(
                    "fetch the embedded model{size} now: `orchestrator models pull`; else the first question does"
                ))
            }
            Usable::No if embedded.offline => Some(format!(
                "fetching is switched off: copy the model's file to {}, or switch it on",
                file.path.display()
            )),
            Usable::Now | Usable::No => None,
        }
    }

    /// Judges that are all one model are no independent judges.
    fn variety_advice(&self) -> Option<String> {
        let first = self.seating.seats.iter().filter_map(|seat| seat.models.first());
        let mut vendors: Vec<&str> = first.map(ModelRef::provider).collect();
        vendors.sort_unstable();
        vendors.dedup();
        match vendors.as_slice() {
            [EMBEDDED_PROVIDER] => Some(String::from(
                "the embedded model shows how it works; for good answers set OPENAI_API_KEY or ANTHROPIC_API_KEY",
            )),
            ["openai"] => Some(String::from(
                "one vendor judges itself: set ANTHROPIC_API_KEY too for independent judges",
            )),
            ["anthropic"] => {
                Some(String::from("one vendor judges itself: set OPENAI_API_KEY too for independent judges"))
            }
            _ => None,
        }
    }
}

fn provider_advice(provider: &Provider) -> Option<String> {
    let problem = provider.models.as_ref().err()?;
    match provider.reach {
        Reach::Listed | Reach::Unlisted => None,
        _ => Some(format!("{}: {problem}", provider.name)),
    }
}

/// Whether a server's `listed` name means `model`: as it stands, with a date behind it, or with Ollama's default tag.
fn names(listed: &str, model: &str) -> bool {
    let rest = listed.strip_prefix(model);
    rest.is_some_and(|rest| rest.is_empty() || rest == ":latest" || rest.starts_with("-20"))
}

#[cfg(test)]
mod tests;
