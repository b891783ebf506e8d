//! Reads the configuration file into assignments, each with its line and column, and finds everything in it that is no setting.
//!
//! serde would stop at the first mistake and forget the places; a walk over the parsed tables keeps both.

use std::{path::Path, sync::Arc};

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use super::{
    Problem, Source,
    address::{Address, check_provider_name, role_named},
    field::{Raw, model, short},
    problem::suggestion,
    registry::{self, NAMED_TABLES, Row, SINGLE_TABLES},
};

/// A value and where it belongs.
pub(super) struct Assignment {
    pub(super) address: Address,
    pub(super) raw: Raw,
    pub(super) source: Source,
}

/// What a file says.
#[derive(Default)]
pub(super) struct FileContent {
    pub(super) assignments: Vec<Assignment>,
    /// The tables of providers, also the empty ones, with the place of each.
    pub(super) providers: Vec<(String, Source)>,
    pub(super) problems: Vec<Problem>,
}

/// Reads `text`, the content of the file at `path`.
pub(super) fn read(path: &Arc<Path>, text: &str) -> FileContent {
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut walk = Walk { path, text, content: FileContent::default() };
    for error in errors {
        let source = walk.source(error.span().map_or(0, |span| span.start));
        // Only the message: the error's own display quotes the line, and a key may stand in it.
        walk.content.problems.push(Problem::new(
            source,
            "",
            format!("this is not TOML: {}", error.message()),
        ));
    }
    if walk.content.problems.is_empty() {
        walk.root(root.get_ref());
    }
    walk.content
}

type Key<'i> = Spanned<DeString<'i>>;

struct Walk<'t> {
    path: &'t Arc<Path>,
    text: &'t str,
    content: FileContent,
}

impl Walk<'_> {
    fn root(&mut self, root: &DeTable<'_>) {
        for (key, value) in in_order(root) {
            let table = key.get_ref().as_ref();
            if SINGLE_TABLES.contains(&table) {
                self.rows(registry::SINGLE, table, &format!("{table}."), value, key, Address::Single);
            } else if NAMED_TABLES.contains(&table) {
                self.named(table, key, value);
            } else {
                let tables = SINGLE_TABLES.iter().chain(&NAMED_TABLES).copied();
                let kind = if value.get_ref().is_table() { "table" } else { "key" };
                self.problem(
                    key,
                    "",
                    format!("unknown {kind} `{}`{}", short(table), suggestion(table, tables)),
                );
            }
        }
    }

    fn named(&mut self, table: &str, key: &Key<'_>, value: &Spanned<DeValue<'_>>) {
        let Some(owners) = value.get_ref().as_table() else {
            self.problem(key, table, format!("a table for each name is expected, as in [{table}.NAME]"));
            return;
        };
        for (owner, value) in in_order(owners) {
            let name = owner.get_ref().as_ref();
            let path =
                if table == "models" { format!("models.\"{name}\"") } else { format!("{table}.{name}") };
            match table {
                "providers" => match check_provider_name(name) {
                    Ok(()) => {
                        let source = self.source(owner.span().start);
                        self.content.providers.push((name.to_owned(), source));
                        let at = |row| Address::Provider(name.to_owned(), row);
                        self.rows(registry::PROVIDER, &path, "", value, owner, at);
                    }
                    Err(what) => self.problem(owner, &path, what),
                },
                "roles" => match role_named(name) {
                    Ok(role) => {
                        self.rows(registry::ROLE, &path, "", value, owner, |row| Address::Role(role, row));
                    }
                    Err(what) => self.problem(owner, &path, what),
                },
                _ => match model(name) {
                    Ok(model) => {
                        self.rows(registry::MODEL, &path, "", value, owner, |row| {
                            Address::Model(model.clone(), row)
                        });
                    }
                    Err(what) => self.problem(owner, table, what),
                },
            }
        }
    }

    /// The settings of one table. `below` is what stands before the keys of `rows` at this depth.
    fn rows<T: 'static>(
        &mut self,
        rows: &'static [Row<T>],
        path: &str,
        below: &str,
        value: &Spanned<DeValue<'_>>,
        key: &Key<'_>,
        address: impl Fn(&'static Row<T>) -> Address + Copy,
    ) {
        let Some(table) = value.get_ref().as_table() else {
            self.problem(key, path, "a table is expected".to_owned());
            return;
        };
        for (key, value) in in_order(table) {
            let name = key.get_ref().as_ref();
            let full = format!("{below}{name}");
            let path = format!("{path}.{name}");
            if let Some(row) = rows.iter().find(|row| row.key == full) {
                let source = self.source(key.span().start);
                self.content.assignments.push(Assignment {
                    address: address(row),
                    raw: raw(value.get_ref()),
                    source,
                });
            } else if rows.iter().any(|row| row.key.starts_with(&format!("{full}."))) {
                self.rows(rows, &path, &format!("{full}."), value, key, address);
            } else {
                // What is offered is what may stand at this depth: `models`, not `models.strong`.
                let mut known: Vec<&str> = rows
                    .iter()
                    .filter_map(|row| row.key.strip_prefix(below))
                    .map(|rest| rest.split('.').next().unwrap_or(rest))
                    .collect();
                known.dedup();
                self.problem(key, &path, format!("unknown key{}", suggestion(name, known.iter().copied())));
            }
        }
    }

    fn problem(&mut self, key: &Key<'_>, path: &str, what: String) {
        let source = self.source(key.span().start);
        self.content.problems.push(Problem::new(source, path, what));
    }

    /// The line and column of a byte of the text.
    fn source(&self, offset: usize) -> Source {
        let before = self.text.get(..offset.min(self.text.len())).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        Source::at(self.path, line, before[line_start..].chars().count() + 1)
    }
}

/// The entries of a table in the order of the file.
fn in_order<'t, 'i>(table: &'t DeTable<'i>) -> Vec<(&'t Key<'i>, &'t Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Integer(integer) => {
            let decimal = i128::from_str_radix(integer.as_str(), integer.radix());
            Raw::Number(decimal.map_or_else(|_| integer.as_str().to_owned(), |value| value.to_string()))
        }
        DeValue::Float(float) => Raw::Number(float.as_str().to_owned()),
        DeValue::Boolean(value) => Raw::Boolean(*value),
        DeValue::Datetime(_) => Raw::Other,
        DeValue::Array(items) => Raw::List(items.iter().map(|item| raw(item.get_ref())).collect()),
        DeValue::Table(entries) => {
            let entry = |(key, value): (&Key<'_>, &Spanned<DeValue<'_>>)| {
                (key.get_ref().to_string(), raw(value.get_ref()))
            };
            Raw::Table(entries.iter().map(entry).collect())
        }
    }
}
