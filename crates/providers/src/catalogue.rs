//! What is known of each vendor's models, as dated data: prices, windows and abilities. The user's own entries win over the table.

use std::collections::{BTreeMap, HashMap};

use async_orchestrator_core::{Capabilities, ModelRef, Price, StructuredOutput};
use serde::Deserialize;

use crate::family;

#[cfg(test)]
mod tests;

/// The table that this crate carries; `catalogue/build.py` makes it.
const BUILTIN: &str = include_str!("../catalogue/models.json");

/// Whose protocol a provider speaks, which is also whose models its names mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// OpenAI Chat Completions.
    OpenAi,
    /// Anthropic Messages.
    Anthropic,
}

/// What is known of one model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelFacts {
    /// The price; `None` is unknown, never free.
    pub price: Option<Price>,
    /// The window in tokens.
    pub context_window: Option<u32>,
    /// The most output tokens of one reply.
    pub output_tokens_max: Option<u32>,
    /// Whether it takes a temperature.
    pub takes_temperature: bool,
    /// Whether it goes on from the beginning of a reply; unset, what its name says.
    pub continues: Option<bool>,
    /// Whether it spends output tokens on reasoning that is not part of the reply.
    pub reasons: bool,
    /// How it is brought to answer in JSON.
    pub structured_output: StructuredOutput,
    /// The family of models whose errors are alike; `None` if the name says nothing.
    pub family: Option<String>,
    /// The day on which the vendor ends it, such as `2027-01-14`.
    pub retires: Option<String>,
}

impl ModelFacts {
    pub(crate) fn apply_to(self, capabilities: &mut Capabilities) {
        capabilities.price = self.price;
        capabilities.context_window = self.context_window;
        capabilities.output_tokens_max = self.output_tokens_max;
        capabilities.takes_temperature = self.takes_temperature;
        capabilities.reasons = self.reasons;
        capabilities.continues = self.continues.unwrap_or(capabilities.continues);
        capabilities.structured_output = self.structured_output;
        if let Some(family) = self.family {
            capabilities.family = family;
        }
    }
}

/// The models that stand in for a user who names none.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct DefaultModels {
    /// For the roles that write and judge.
    pub strong: String,
    /// For the roles that watch and check.
    pub fast: String,
    /// When they were chosen, such as `2026-11`.
    pub as_of: String,
}

/// What a user knows better about one model; what it leaves out stays as the table says, or unknown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelEntry {
    /// The price.
    pub price: Option<Price>,
    /// The window in tokens.
    pub context_window: Option<u32>,
    /// The most output tokens of one reply.
    pub output_tokens_max: Option<u32>,
    /// Whether it goes on from the beginning of a reply; unset, what its name says.
    pub continues: Option<bool>,
}

/// [`StructuredOutput`] as the table writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StructuredOutputWord {
    JsonSchema,
    JsonObject,
    PromptOnly,
}

impl From<StructuredOutputWord> for StructuredOutput {
    fn from(word: StructuredOutputWord) -> Self {
        match word {
            StructuredOutputWord::JsonSchema => Self::JsonSchema,
            StructuredOutputWord::JsonObject => Self::JsonObject,
            StructuredOutputWord::PromptOnly => Self::PromptOnly,
        }
    }
}

/// The table of models with the user's entries on top.
///
/// ```
/// use async_orchestrator_core::ModelRef;
/// use async_orchestrator_providers::{Catalogue, ProviderKind};
///
/// let catalogue = Catalogue::builtin();
/// let known = catalogue.facts(&ModelRef::try_new("openai", "gpt-4o-2024-08-06")?, ProviderKind::OpenAi);
/// assert_eq!(known.and_then(|facts| facts.context_window), Some(128_000));
/// assert!(catalogue.facts(&ModelRef::try_new("openai", "gpt-99")?, ProviderKind::OpenAi).is_none());
/// # Ok::<(), async_orchestrator_core::InvalidModelRef>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    as_of: String,
    rows: HashMap<(ProviderKind, String), ModelFacts>,
    defaults: HashMap<ProviderKind, DefaultModels>,
    entries: BTreeMap<ModelRef, ModelEntry>,
}

impl Catalogue {
    /// The table that this crate carries.
    pub fn builtin() -> Self {
        // The table is a constant of this crate and a test reads it; an unreadable one would mean that nothing is known.
        serde_json::from_str::<Table>(BUILTIN).map(Self::from).unwrap_or_default()
    }

    /// The month of the table, such as `2026-10`.
    pub fn as_of(&self) -> &str {
        &self.as_of
    }

    /// The same with the user's entries on top. They win over the table and over earlier entries.
    #[must_use]
    pub fn with_entries(mut self, entries: impl IntoIterator<Item = (ModelRef, ModelEntry)>) -> Self {
        self.entries.extend(entries);
        self
    }

    /// What is known of `target`, a model behind the protocol `kind`: the table's row of that name, or of the name without its date
    /// (`-20251001`, `-2025-10-01`), with the user's entry on top. `None` if neither knows it.
    ///
    /// A compatible server that serves a model under a vendor's name is taken at its word.
    pub fn facts(&self, target: &ModelRef, kind: ProviderKind) -> Option<ModelFacts> {
        let row = self.row(kind, target.model()).cloned();
        let Some(entry) = self.entries.get(target) else { return row };
        Some(entry.over(row, target.model(), kind))
    }

    /// The models of `kind` that stand in for a user who names none; `None` only for a catalogue without a table.
    pub fn default_models(&self, kind: ProviderKind) -> Option<&DefaultModels> {
        self.defaults.get(&kind)
    }

    /// Every row of the table: protocol, name and facts, sorted.
    pub fn rows(&self) -> Vec<(ProviderKind, &str, &ModelFacts)> {
        let mut rows: Vec<_> =
            self.rows.iter().map(|((kind, name), facts)| (*kind, name.as_str(), facts)).collect();
        rows.sort_by_key(|(kind, name, _)| (*kind, *name));
        rows
    }

    fn row(&self, kind: ProviderKind, model: &str) -> Option<&ModelFacts> {
        let exact = |name: &str| self.rows.get(&(kind, name.to_owned()));
        exact(model).or_else(|| exact(without_date(model)?))
    }
}

impl ModelEntry {
    fn over(&self, row: Option<ModelFacts>, model: &str, kind: ProviderKind) -> ModelFacts {
        let mut facts = row.unwrap_or_else(|| ModelFacts {
            price: None,
            context_window: None,
            output_tokens_max: None,
            takes_temperature: match kind {
                ProviderKind::OpenAi => family::openai_takes_temperature(model),
                ProviderKind::Anthropic => family::anthropic_takes_temperature(model),
            },
            continues: None,
            reasons: false,
            structured_output: StructuredOutput::JsonSchema,
            family: family::of(model),
            retires: None,
        });
        facts.price = self.price.clone().or(facts.price);
        facts.context_window = self.context_window.or(facts.context_window);
        facts.output_tokens_max = self.output_tokens_max.or(facts.output_tokens_max);
        facts.continues = self.continues.or(facts.continues);
        facts
    }
}

/// `name` without a date at its end.
fn without_date(name: &str) -> Option<&str> {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let compact = name.rsplit_once('-').filter(|(_, date)| date.len() == 8 && digits(date));
    if let Some((stem, _)) = compact {
        return Some(stem);
    }
    let (stem, date) = name.split_at_checked(name.len().checked_sub(11)?)?;
    let mut parts = date.strip_prefix('-')?.split('-');
    let is_date =
        [4, 2, 2].into_iter().all(|length| parts.next().is_some_and(|p| p.len() == length && digits(p)));
    (is_date && parts.next().is_none()).then_some(stem)
}

#[derive(Deserialize)]
struct Table {
    as_of: String,
    defaults: HashMap<ProviderKind, DefaultModels>,
    models: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    kind: ProviderKind,
    name: String,
    input: u64,
    output: u64,
    cached_input: Option<u64>,
    cache_write: Option<u64>,
    context_window: Option<u32>,
    output_tokens_max: Option<u32>,
    takes_temperature: bool,
    reasons: bool,
    structured_output: StructuredOutputWord,
    as_of: String,
    retires: Option<String>,
}

impl From<Table> for Catalogue {
    fn from(table: Table) -> Self {
        let rows = table.models.into_iter().map(|row| {
            let facts = ModelFacts {
                price: Some(Price {
                    input: row.input,
                    cached_input: row.cached_input,
                    cache_write: row.cache_write,
                    output: row.output,
                    as_of: row.as_of,
                }),
                context_window: row.context_window,
                output_tokens_max: row.output_tokens_max,
                takes_temperature: row.takes_temperature,
                continues: None,
                reasons: row.reasons,
                structured_output: row.structured_output.into(),
                family: family::of(&row.name),
                retires: row.retires,
            };
            ((row.kind, row.name), facts)
        });
        Self { as_of: table.as_of, rows: rows.collect(), defaults: table.defaults, entries: BTreeMap::new() }
    }
}
