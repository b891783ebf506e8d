//! Shows the settings in force with the source of each: as TOML that may be read back, and as JSON. Secrets are only named.

use std::fmt::Write as _;

use async_orchestrator_core::Role;
use serde_json::{Map, Value, json};

use super::{
    Settings, Source,
    address::Address,
    field::Shown,
    registry::{self, SINGLE_TABLES},
};

impl Settings {
    /// Every setting as TOML, each with its source in a comment. What is not set and what is secret stands in comments only, so
    /// that the text is a configuration without keys.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        let file = self.file.as_ref().map_or_else(|| "none".to_owned(), |path| path.display().to_string());
        let directories = &self.directories;
        for (name, value) in [
            ("file", file),
            ("cache", directories.cache.display().to_string()),
            ("data", directories.data.display().to_string()),
            ("state", directories.state.display().to_string()),
        ] {
            // A path may hold a line break; a comment may not.
            push_line(&mut text, &format!("# {name}: {}", value.replace(char::is_control, "?")));
        }
        let mut scratch = self.clone();
        for (table, addresses) in self.tables() {
            push_line(&mut text, &format!("\n[{table}]"));
            for address in addresses {
                let key = address.key();
                let name = key.strip_prefix(&format!("{table}.")).unwrap_or(&key);
                let source = without_column(self.sources().of(&key));
                push_line(
                    &mut text,
                    &match address.shown(&mut scratch) {
                        None => format!("# {name}: not set"),
                        Some(Shown::Secret(what)) if what.contains("env ") => format!("# {name}: {what}"),
                        Some(Shown::Secret(what)) => format!("# {name}: {what} ({source})"),
                        Some(shown) => format!("{name} = {} # {source}", toml_of(&shown)),
                    },
                );
            }
        }
        text
    }

    /// The same as one JSON document: `file`, `directories`, `settings` by key, each with `value` (null where nothing is set) and
    /// `source`, and `warnings`.
    pub fn to_json(&self) -> Value {
        let mut scratch = self.clone();
        let mut settings = Map::new();
        for address in self.tables().into_iter().flat_map(|(_, addresses)| addresses) {
            let key = address.key();
            let value = address.shown(&mut scratch).map_or(Value::Null, |shown| json_of(&shown));
            let source = without_column(self.sources().of(&key));
            settings.insert(key, json!({ "value": value, "source": source }));
        }
        let directories = &self.directories;
        json!({
            "file": self.file,
            "directories": {
                "config": directories.config,
                "cache": directories.cache,
                "data": directories.data,
                "state": directories.state,
            },
            "settings": settings,
            "warnings": self.warnings().iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    }

    /// Every table with the addresses of its settings, in the order of the documentation.
    fn tables(&self) -> Vec<(String, Vec<Address>)> {
        let providers = self.providers.keys().map(|name| {
            let at = |row| Address::Provider(name.clone(), row);
            (format!("providers.{name}"), registry::PROVIDER.iter().map(at).collect())
        });
        let roles = Role::ALL.into_iter().map(|role| {
            (format!("roles.{role}"), registry::ROLE.iter().map(|row| Address::Role(role, row)).collect())
        });
        let single = SINGLE_TABLES.into_iter().map(|table| {
            let in_table = |key: &str| key.split_once('.').is_some_and(|(first, _)| first == table);
            let rows = registry::SINGLE.iter().filter(|row| in_table(row.key));
            (table.to_owned(), rows.map(Address::Single).collect())
        });
        let models = self.models.keys().map(|model| {
            let at = |row| Address::Model(model.clone(), row);
            (format!("models.{}", quoted(&model.to_string())), registry::MODEL.iter().map(at).collect())
        });
        providers.chain(roles).chain(single).chain(models).collect()
    }
}

/// A line is enough to find a setting again.
fn without_column(source: &Source) -> String {
    match source {
        Source::File { path, line, .. } => Source::at(path, *line, 0).to_string(),
        Source::Default | Source::Environment { .. } | Source::Explicit { .. } => source.to_string(),
    }
}

fn push_line(text: &mut String, line: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{line}");
}

fn toml_of(shown: &Shown) -> String {
    match shown {
        Shown::Text(text) | Shown::Secret(text) => quoted(text),
        Shown::Number(digits) => digits.clone(),
        Shown::Boolean(value) => value.to_string(),
        Shown::List(items) => format!("[{}]", items.iter().map(toml_of).collect::<Vec<_>>().join(", ")),
    }
}

/// A text as TOML writes it.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn json_of(shown: &Shown) -> Value {
    match shown {
        Shown::Text(text) | Shown::Secret(text) => Value::from(text.as_str()),
        Shown::Number(digits) => {
            serde_json::from_str(digits).unwrap_or_else(|_| Value::from(digits.as_str()))
        }
        Shown::Boolean(value) => Value::from(*value),
        Shown::List(items) => items.iter().map(json_of).collect(),
    }
}
