//! Settings to which values are added, the weakest first; a stronger value replaces a weaker one.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret as _, SecretString};

use super::Explicit;
use crate::config::{
    Environment, KeySource, Problem, ProviderKind, ProviderSettings, Settings, Source,
    address::{Address, check_provider_name},
    file::{Assignment, FileContent},
    registry::{CREDENTIALS, Row},
};

/// Settings to which layer after layer is added, the weakest first.
pub(super) struct Stacking {
    pub(super) settings: Settings,
    pub(super) problems: Vec<Problem>,
    /// Where each provider was first named.
    pub(super) providers: BTreeMap<String, Source>,
}

impl Stacking {
    /// The defaults.
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, problems: Vec::new(), providers: BTreeMap::new() }
    }

    pub(super) fn file(&mut self, content: FileContent) {
        self.problems.extend(content.problems);
        for (name, source) in content.providers {
            self.name_provider(&name, source);
        }
        self.refuse_two_credentials(&content.assignments);
        for assignment in content.assignments {
            self.assign(&assignment);
        }
    }

    pub(super) fn explicit(&mut self, explicit: &Explicit) {
        for (key, value, origin) in &explicit.values {
            let source = Source::Explicit { name: origin.clone() };
            let address = match Address::parse(key) {
                Ok(address) => address,
                Err(what) => {
                    self.problems.push(Problem::new(source, key.as_str(), what));
                    continue;
                }
            };
            if let Address::Provider(name, _) = &address {
                if let Err(what) = check_provider_name(name) {
                    self.problems.push(Problem::new(source, key.as_str(), what));
                    continue;
                }
                self.name_provider(name, source.clone());
            }
            self.assign(&Assignment { address, raw: value.raw(), source });
        }
    }

    /// Makes sure that the provider is there.
    pub(super) fn name_provider(&mut self, name: &str, source: Source) {
        let kind = if name == ProviderKind::Anthropic.name() {
            ProviderKind::Anthropic
        } else {
            ProviderKind::OpenAi
        };
        self.settings.providers.entry(name.to_owned()).or_insert_with(|| ProviderSettings::new(kind));
        self.providers.entry(name.to_owned()).or_insert(source);
    }

    pub(super) fn assign(&mut self, assignment: &Assignment) {
        let Assignment { address, raw, source } = assignment;
        let key = address.key();
        match address.write(&mut self.settings, raw) {
            Ok(()) => {
                self.replace_weaker(address, source);
                self.settings.sources.set(key, source.clone());
            }
            Err(what) => self.problems.push(Problem::new(source.clone(), key, what)),
        }
    }

    /// A credential replaces another kind of credential of a weaker layer, and a list for every seat one for each.
    fn replace_weaker(&mut self, address: &Address, source: &Source) {
        match address {
            Address::Provider(name, row) if CREDENTIALS.contains(&row.key) => {
                for other in CREDENTIALS.into_iter().filter(|other| *other != row.key) {
                    let key = format!("providers.{name}.{other}");
                    if self.settings.sources.of(&key).rank() < source.rank() {
                        self.settings.sources.forget(&key);
                        if let Some(provider) = self.settings.providers.get_mut(name) {
                            match other {
                                "api_key" => provider.api_key = None,
                                "api_key_cmd" => provider.api_key_cmd = None,
                                _ => provider.auth_token = None,
                            }
                        }
                    }
                }
            }
            Address::Role(role, Row { key: key @ ("models" | "seat"), .. }) => {
                let other = if *key == "models" { "seat" } else { "models" };
                let other_key = format!("roles.{role}.{other}");
                if self.settings.sources.of(&other_key).rank() < source.rank() {
                    self.settings.sources.forget(&other_key);
                    let settings = self.settings.roles.entry(*role).or_default();
                    if other == "seat" { settings.seat.clear() } else { settings.models.clear() }
                }
                // A weaker layer's number of seats does not count the seats of this list.
                let count_key = format!("roles.{role}.seats");
                if *key == "seat" && self.settings.sources.of(&count_key).rank() < source.rank() {
                    self.settings.sources.forget(&count_key);
                    self.settings.roles.entry(*role).or_default().seats = None;
                }
            }
            Address::Single(_) | Address::Provider(..) | Address::Role(..) | Address::Model(..) => {}
        }
    }

    /// Two credentials of one provider in one layer: nobody could say which is meant.
    pub(super) fn refuse_two_credentials(&mut self, assignments: &[Assignment]) {
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        for assignment in assignments {
            if let Address::Provider(name, row) = &assignment.address
                && CREDENTIALS.contains(&row.key)
                && let Some(first) = seen.insert(name.as_str(), row.key)
            {
                let what = format!("there is an `{first}` already: keep one of the two");
                self.problems.push(Problem::new(assignment.source.clone(), assignment.address.key(), what));
            }
        }
    }

    /// Looks up the variables that keys name, and remembers the variable of a key that came from one.
    pub(super) fn resolve_keys(&mut self, environment: &Environment) {
        for (name, provider) in &mut self.settings.providers {
            for key in &mut provider.more_api_keys {
                if let KeySource::Environment { name, value } = key {
                    *value = environment.value(name).map(SecretString::from);
                }
            }
            for (field, key) in [("api_key", &mut provider.api_key), ("auth_token", &mut provider.auth_token)]
            {
                let source = self.settings.sources.of(&format!("providers.{name}.{field}"));
                match (key.as_mut(), source) {
                    (Some(KeySource::Environment { name, value }), _) => {
                        *value = environment.value(name).map(SecretString::from);
                    }
                    (Some(KeySource::Literal(secret)), Source::Environment { name, .. }) => {
                        let value = Some(SecretString::from(secret.expose_secret()));
                        *key = Some(KeySource::Environment { name: name.clone(), value });
                    }
                    (Some(KeySource::Literal(_) | KeySource::Command(_)) | None, _) => {}
                }
            }
        }
    }

    /// `~/` is the home everywhere; another relative path of the file starts at the file's directory.
    pub(super) fn resolve_paths(&mut self) {
        let Settings { embedded, trust, history, state, network, prompts, sources, directories, .. } =
            &mut self.settings;
        for (key, path) in [
            ("embedded.path", &mut embedded.path),
            ("trust.file", &mut trust.file),
            ("history.path", &mut history.path),
            ("state.path", &mut state.path),
            ("network.ca_file", &mut network.ca_file),
            ("network.ca_directory", &mut network.ca_directory),
            ("prompts.directory", &mut prompts.directory),
        ] {
            let Some(path) = path else { continue };
            if let Ok(below_home) = path.strip_prefix("~") {
                *path = directories.home.join(below_home);
            } else if let Source::File { path: file, .. } = sources.of(key)
                && let Some(directory) = file.parent()
            {
                *path = directory.join(&*path);
            }
        }
    }
}
