//! What must hold between settings, once all layers are joined.

use std::collections::{BTreeMap, BTreeSet};

use async_orchestrator_core::Role;

use super::{
    EMBEDDED_PROVIDER, KeySource, Problem, ProviderKind, ProviderSettings, RoleSettings, Settings, Source,
    field::short, problem::suggestion, resilience,
};

/// Appends what is wrong to `problems`, and what is risky to the settings' warnings. `named` says where each provider was first
/// named; `elsewhere` are providers that are configured elsewhere.
pub(super) fn check(
    settings: &mut Settings,
    named: &BTreeMap<String, Source>,
    elsewhere: &BTreeSet<String>,
    problems: &mut Vec<Problem>,
) {
    let mut warnings = Vec::new();
    for (name, provider) in &settings.providers {
        let mut check = ProviderCheck { name, provider, settings, problems, warnings: &mut warnings };
        check.kind(named);
        check.address();
        check.vendor_settings();
        check.credentials();
    }
    for (role, of_role) in &settings.roles {
        seats(settings, *role, of_role, problems);
    }
    known_providers(settings, elsewhere, problems);
    resilience::check(settings, problems);
    whole_prices(settings, problems);
    settings.warnings.append(&mut warnings);
}

struct ProviderCheck<'s> {
    name: &'s str,
    provider: &'s ProviderSettings,
    settings: &'s Settings,
    problems: &'s mut Vec<Problem>,
    warnings: &'s mut Vec<Problem>,
}

impl ProviderCheck<'_> {
    fn key(&self, setting: &str) -> String {
        format!("providers.{}.{setting}", self.name)
    }

    fn problem(&mut self, setting: &str, what: &str) {
        let key = self.key(setting);
        self.problems.push(Problem::new(self.settings.sources().of(&key).clone(), key, what));
    }

    fn warning(&mut self, setting: &str, what: &str) {
        let key = self.key(setting);
        self.warnings.push(Problem::new(self.settings.sources().of(&key).clone(), key, what));
    }

    fn kind(&mut self, named: &BTreeMap<String, Source>) {
        let is_known =
            [ProviderKind::OpenAi, ProviderKind::Anthropic].iter().any(|kind| kind.name() == self.name);
        let key = self.key("kind");
        if !is_known && *self.settings.sources().of(&key) == Source::Default {
            let source = named.get(self.name).cloned().unwrap_or(Source::Default);
            let what =
                "is missing: write kind = \"openai\" (also for compatible servers) or kind = \"anthropic\"";
            self.problems.push(Problem::new(source, key, what));
        }
    }

    fn address(&mut self) {
        let Some(url) = &self.provider.base_url else { return };
        let uri = url.parse::<http::Uri>().ok();
        let parts = uri.as_ref().and_then(|uri| Some((uri.scheme_str()?, uri.authority()?, uri.host()?)));
        let Some((scheme @ ("http" | "https"), authority, host)) = parts else {
            self.problem("base_url", "is no address: write http://HOST:PORT/v1 or https://HOST/v1");
            return;
        };
        if authority.as_str().contains('@') {
            self.problem("base_url", "holds a user name or password: put the key into `api_key`");
        }
        if scheme == "http" && !is_loopback(host) && self.provider.credential().is_some() {
            self.warning("base_url", "the key and every question travel unencrypted over http: use https");
        }
    }

    /// A setting of the other vendor would change nothing.
    fn vendor_settings(&mut self) {
        let p = self.provider;
        let foreign: &[(&str, bool)] = match p.kind {
            ProviderKind::OpenAi => {
                &[("auth_token", p.auth_token.is_some()), ("version", p.version.is_some())]
            }
            ProviderKind::Anthropic => &[
                ("organization", p.organization.is_some()),
                ("project", p.project.is_some()),
                ("dialect", p.dialect.is_some()),
            ],
        };
        for (setting, _) in foreign.iter().filter(|(_, is_set)| *is_set) {
            let kind = p.kind.name();
            self.problem(setting, &format!("means nothing to a provider of kind `{kind}`: remove it"));
        }
        if let Some(version) = &p.version
            && !["2023-06-01", "2026-10-21"].contains(&version.as_str())
        {
            self.problem("version", "is not known: 2023-06-01 or 2026-10-21 is expected");
        }
    }

    fn credentials(&mut self) {
        for (setting, key) in [("api_key", &self.provider.api_key), ("auth_token", &self.provider.auth_token)]
        {
            let is_in_file = matches!(self.settings.sources().of(&self.key(setting)), Source::File { .. });
            match key {
                Some(KeySource::Literal(_)) if is_in_file => {
                    let advice = "the key itself stands in the file: put it into the environment and write \"env::NAME\"";
                    self.warning(setting, advice);
                }
                Some(KeySource::Environment { name, value: None }) => {
                    self.warning(setting, &format!("the environment variable {name} is not set"));
                }
                Some(_) | None => {}
            }
        }
        if self.provider.api_key.is_some() && self.provider.auth_token.is_some() {
            self.warning("auth_token", "is not used, because there is an `api_key`: unset one of the two");
        }
    }
}

fn seats(settings: &Settings, role: Role, of_role: &RoleSettings, problems: &mut Vec<Problem>) {
    let mut problem = |setting: &str, what: String| {
        let key = format!("roles.{role}.{setting}");
        problems.push(Problem::new(settings.sources().of(&key).clone(), key, what));
    };
    let most = role.seats_max();
    // Without a proposal nothing can be decided, and without a critic nothing is.
    let least = u8::from(matches!(role, Role::Proposer | Role::Critic));
    if let Some(seats) = of_role.seats.filter(|seats| !(least..=most).contains(seats)) {
        problem("seats", format!("{seats} is out of range: {least} to {most} is expected for this role"));
    }
    if of_role.seat.len() > usize::from(most) {
        problem("seat", format!("{} seats are too many: at most {most} for this role", of_role.seat.len()));
    }
    if !of_role.seat.is_empty() && !of_role.models.is_empty() {
        problem("models", "there is a list for each `seat` already: keep one of the two".to_owned());
    }
    if let Some(seats) = of_role.seats
        && !of_role.seat.is_empty()
        && of_role.seat.len() != usize::from(seats)
    {
        problem(
            "seats",
            format!("{seats} does not fit the {} lists of `seat`: remove it", of_role.seat.len()),
        );
    }
}

fn known_providers(settings: &Settings, elsewhere: &BTreeSet<String>, problems: &mut Vec<Problem>) {
    // The two vendors are known without a table; whether there is a key for them is asked when the panel is seated.
    let mut known: BTreeSet<&str> = settings.providers.keys().chain(elsewhere).map(String::as_str).collect();
    known.extend([EMBEDDED_PROVIDER, ProviderKind::OpenAi.name(), ProviderKind::Anthropic.name()]);
    let in_roles = settings.roles.iter().flat_map(|(role, of_role)| {
        let same = of_role.models.iter().map(move |model| (format!("roles.{role}.models"), model));
        let exact = of_role.seat.iter().flatten().map(move |model| (format!("roles.{role}.seat"), model));
        same.chain(exact)
    });
    for (key, model) in in_roles.filter(|(_, model)| !known.contains(model.provider())) {
        let advice = suggestion(model.provider(), known.iter().copied());
        let what = format!("unknown provider `{}`{advice}", short(model.provider()));
        problems.push(Problem::new(settings.sources().of(&key).clone(), key, what));
    }
}

/// A price counts only as a whole: half of one would make calls look cheap.
fn whole_prices(settings: &Settings, problems: &mut Vec<Problem>) {
    for (model, facts) in &settings.models {
        let any =
            [facts.input, facts.output, facts.cached_input, facts.cache_write].iter().any(Option::is_some)
                || facts.as_of.is_some();
        if any && facts.price().is_none() {
            let table = format!("models.\"{model}\"");
            let mut set = settings.sources().iter().filter(|(key, _)| key.starts_with(&format!("{table}.")));
            let source = set.next().map_or(Source::Default, |(_, source)| source.clone());
            let what = "the price is not whole: `input`, `output` and `as_of` belong together";
            problems.push(Problem::new(source, table, what));
        }
    }
}

/// Whether a host of a URL is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
