//! The environment as a layer: the names of other programs, the vendors' names, then our own.

use std::collections::BTreeSet;

use async_orchestrator_core::Role;

use super::stacking::Stacking;
use crate::config::{
    Environment, Problem,
    address::Address,
    field::{Raw, short},
    file::Assignment,
    problem::suggestion,
    registry::{self, CREDENTIALS, FILE_VARIABLE, SHARED_VARIABLES, VARIABLE_PREFIX, VENDOR_VARIABLES},
};

impl Stacking {
    pub(super) fn environment(&mut self, environment: &Environment) {
        for (variable, key) in SHARED_VARIABLES {
            self.variable(environment, variable, Address::parse(key));
        }
        self.vendor_variables(environment);
        self.own_variables(environment);
    }

    /// The vendors' own names bring their provider with them where they say how to reach it.
    fn vendor_variables(&mut self, environment: &Environment) {
        // A key that the file names for a provider stays with it: otherwise the vendor's key would go to whatever server the file
        // calls `openai`. `ORCHESTRATOR_PROVIDERS_OPENAI_API_KEY` replaces it.
        let settled: Vec<String> = self
            .settings
            .providers
            .iter()
            .filter(|(_, p)| p.credential().is_some())
            .map(|(name, _)| name.clone())
            .collect();
        for (variable, name, key) in VENDOR_VARIABLES {
            let Some(_) = environment.value(variable) else { continue };
            let is_credential = CREDENTIALS.contains(key);
            if is_credential && settled.iter().any(|settled| settled == name) {
                continue;
            }
            if is_credential || *key == "base_url" || self.settings.providers.contains_key(*name) {
                self.name_provider(name, environment.source(variable));
                self.variable(environment, variable, Address::provider(name, key));
            }
        }
        // Details such as the organization may stand before what brings the provider; they are few, so a second look is cheap.
        for (variable, name, key) in VENDOR_VARIABLES {
            if !CREDENTIALS.contains(key) && self.settings.providers.contains_key(*name) {
                self.variable(environment, variable, Address::provider(name, key));
            }
        }
    }

    fn own_variables(&mut self, environment: &Environment) {
        let mut known: BTreeSet<String> = BTreeSet::from([FILE_VARIABLE.to_owned()]);
        let mut addresses: Vec<Address> = registry::SINGLE.iter().map(Address::Single).collect();
        for role in Role::ALL {
            addresses.extend(registry::ROLE.iter().map(|row| Address::Role(role, row)));
        }
        for name in environment.names().filter_map(provider_of_variable) {
            if !self.settings.providers.keys().any(|known| variable_form(known) == variable_form(&name)) {
                self.name_provider(&name, environment.source(&first_variable_of(environment, &name)));
            }
        }
        for name in self.settings.providers.keys() {
            addresses.extend(registry::PROVIDER.iter().map(|row| Address::Provider(name.clone(), row)));
        }
        let mut given = Vec::new();
        for address in addresses {
            let Some(variable) = address.variable() else { continue };
            if let Some(value) = environment.value(&variable) {
                let source = environment.source(&variable);
                given.push(Assignment { address, raw: Raw::Word(value.to_owned()), source });
            }
            known.insert(variable);
        }
        self.refuse_two_credentials(&given);
        for assignment in given {
            self.assign(&assignment);
        }
        for name in environment.names().filter(|name| name.starts_with(VARIABLE_PREFIX)) {
            if !known.contains(name) {
                let what = format!("unknown variable, it changes nothing{}", near(name, &known));
                self.settings.warnings.push(Problem::new(environment.source(name), "", what));
            }
        }
    }

    fn variable(&mut self, environment: &Environment, variable: &str, address: Result<Address, String>) {
        if let (Some(value), Ok(address)) = (environment.value(variable), address) {
            let source = environment.source(variable);
            self.assign(&Assignment { address, raw: Raw::Word(value.to_owned()), source });
        }
    }
}

/// The provider that a variable such as `ORCHESTRATOR_PROVIDERS_GROQ_API_KEY` configures: `groq`.
fn provider_of_variable(variable: &str) -> Option<String> {
    let rest = variable.strip_prefix("ORCHESTRATOR_PROVIDERS_")?;
    registry::PROVIDER
        .iter()
        .filter_map(|row| rest.strip_suffix(&format!("_{}", variable_form(row.key))))
        .filter(|name| !name.is_empty())
        // The longest key leaves the shortest name: `X_MODELS_FAST` is `models.fast` of `x`.
        .min_by_key(|name| name.len())
        .map(str::to_ascii_lowercase)
}

fn first_variable_of(environment: &Environment, provider: &str) -> String {
    let of_provider = |name: &&str| provider_of_variable(name).as_deref() == Some(provider);
    environment.names().find(of_provider).unwrap_or_default().to_owned()
}

/// A name or key as it stands in a variable: `my-server` is `MY_SERVER`.
fn variable_form(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// A suggestion only if one is near: the list of all names is too long for a line.
fn near(name: &str, known: &BTreeSet<String>) -> String {
    let advice = suggestion(name, known.iter().map(String::as_str));
    if advice.contains("did you mean") { advice } else { format!(" (`{}`): remove it", short(name)) }
}
