//! The address of one setting, and writing a value there.

use async_orchestrator_core::{ModelRef, Role};

use super::{
    Settings,
    choices::ProviderKind,
    field::{Raw, Shown},
    problem::suggestion,
    registry::{self, NAMED_TABLES, Row, SINGLE_TABLES},
    settings::{ModelSettings, ProviderSettings, RoleSettings},
};

/// Which setting. The row is known to exist; the owner's name has been checked.
#[derive(Clone)]
pub(super) enum Address {
    Single(&'static Row<Settings>),
    Provider(String, &'static Row<ProviderSettings>),
    Role(Role, &'static Row<RoleSettings>),
    Model(ModelRef, &'static Row<ModelSettings>),
}

impl Address {
    /// The address of a key as people write it. A model's table cannot be named so, because its name may hold dots.
    pub(super) fn parse(key: &str) -> Result<Self, String> {
        let (table, rest) = key.split_once('.').unwrap_or((key, ""));
        if SINGLE_TABLES.contains(&table) {
            return find(registry::SINGLE, key)
                .map(Self::Single)
                .map_err(|advice| format!("unknown setting{advice}"));
        }
        let (name, below) = rest.split_once('.').unwrap_or((rest, ""));
        match table {
            "providers" => Self::provider(name, below),
            "roles" => Self::role(name, below),
            _ => {
                let tables = SINGLE_TABLES.iter().chain(&NAMED_TABLES).copied();
                Err(format!("unknown table `{table}`{}", suggestion(table, tables)))
            }
        }
    }

    pub(super) fn provider(name: &str, key: &str) -> Result<Self, String> {
        let row = find(registry::PROVIDER, key)
            .map_err(|advice| format!("unknown setting of a provider{advice}"))?;
        Ok(Self::Provider(name.to_owned(), row))
    }

    fn role(name: &str, key: &str) -> Result<Self, String> {
        let role = role_named(name)?;
        let row = find(registry::ROLE, key).map_err(|advice| format!("unknown setting of a role{advice}"))?;
        Ok(Self::Role(role, row))
    }

    /// The key as people write it.
    pub(super) fn key(&self) -> String {
        match self {
            Self::Single(row) => row.key.to_owned(),
            Self::Provider(name, row) => format!("providers.{name}.{}", row.key),
            Self::Role(role, row) => format!("roles.{role}.{}", row.key),
            Self::Model(model, row) => format!("models.\"{model}\".{}", row.key),
        }
    }

    /// Its environment name; the tables of models have none, because a model's name may hold any character.
    pub(super) fn variable(&self) -> Option<String> {
        match self {
            Self::Single(row) => {
                Some(row.variable.map_or_else(|| registry::variable_of(row.key), str::to_owned))
            }
            // A list for each seat cannot be written in one line.
            Self::Role(_, row) if row.key == "seat" => None,
            Self::Provider(..) | Self::Role(..) => Some(registry::variable_of(&self.key())),
            Self::Model(..) => None,
        }
    }

    pub(super) fn write(&self, settings: &mut Settings, raw: &Raw) -> Result<(), String> {
        match self {
            Self::Single(row) => (row.field)(settings).write(raw, row.range),
            Self::Provider(name, row) => {
                let kind = if name == ProviderKind::Anthropic.name() {
                    ProviderKind::Anthropic
                } else {
                    ProviderKind::OpenAi
                };
                let provider =
                    settings.providers.entry(name.clone()).or_insert_with(|| ProviderSettings::new(kind));
                (row.field)(provider).write(raw, row.range)
            }
            Self::Role(role, row) => {
                (row.field)(settings.roles.entry(*role).or_default()).write(raw, row.range)
            }
            Self::Model(model, row) => {
                (row.field)(settings.models.entry(model.clone()).or_default()).write(raw, row.range)
            }
        }
    }

    /// The value in force; `None` if nothing is set. The settings are only read, but their fields are reached through `&mut`.
    pub(super) fn shown(&self, settings: &mut Settings) -> Option<Shown> {
        match self {
            Self::Single(row) => (row.field)(settings).shown(),
            Self::Provider(name, row) => (row.field)(settings.providers.get_mut(name)?).shown(),
            Self::Role(role, row) => (row.field)(settings.roles.get_mut(role)?).shown(),
            Self::Model(model, row) => (row.field)(settings.models.get_mut(model)?).shown(),
        }
    }
}

/// The row of `key`, or what to write in its place.
fn find<T>(rows: &'static [Row<T>], key: &str) -> Result<&'static Row<T>, String> {
    rows.iter().find(|row| row.key == key).ok_or_else(|| suggestion(key, rows.iter().map(|row| row.key)))
}

pub(super) fn role_named(name: &str) -> Result<Role, String> {
    let known = Role::ALL.into_iter().find(|role| role.name() == name);
    known.ok_or_else(|| format!("unknown role{}", suggestion(name, Role::ALL.map(Role::name))))
}

/// Whether `name` may name a provider: letters, digits, `-` and `_`, and not the name of the embedded model's.
pub(super) fn check_provider_name(name: &str) -> Result<(), String> {
    if name == super::EMBEDDED_PROVIDER {
        return Err("this name belongs to the embedded model: choose another".to_owned());
    }
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
        return Err("a provider's name is made of letters, digits, `-` and `_`".to_owned());
    }
    Ok(())
}
